#!/usr/bin/env bash
# Proves: who follows the section "A service, in ten minutes" of README.md has a service that answers, and whose /metrics
# shows its pool with the right figures. The commands, the program and the answers are read from README.md. Only
# `cargo add stealpool` takes the checkout, and the port is a free one.
# Cannot: try the crate as published; other versions of axum, tokio and the exporter than the newest.
set -euo pipefail
source "$(dirname "$0")/common.sh"
needs curl
needs python3
cargo info --quiet axum >/dev/null 2>&1 || skip "the registry does not answer"
builds_in first_minutes

checkout=$PWD
work=$(mktemp -d)
server=
finish() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT

fail() {
  echo "$*"
  cat "$work/said" 2>/dev/null || true
  exit 1
}

# The blocks of code of the section: the one with this number among those of this language.
block() {
  awk -v language="$1" -v number="$2" '
    /^## / { inside = $0 == "## A service, in ten minutes" }
    !inside { next }
    /^```/ && open { open = 0; next }
    /^```/ { open = 1; wanted = $0 == "```" language && ++seen == number; next }
    open && wanted' "$checkout/README.md"
}

block sh 1 | sed "s|^cargo add stealpool |&--path '$checkout' |" >"$work/commands"
block rust,ignore 1 >"$work/main.rs"
run=$(block sh 2) asks=$(block sh 3) answers=$(block text 1)
grep -q -- --path "$work/commands" && [ -s "$work/main.rs" ] && [ -n "$run" ] && [ -n "$asks" ] && [ -n "$answers" ] ||
  fail "README.md has no such section, or another form"

# What a user types, from `cargo new` on.
cd "$work"
bash -ex "$work/commands" >"$work/said" 2>&1 || fail "the commands fail"
grep '^+ ' "$work/said"
cd hello
cp "$work/main.rs" src/main.rs
cargo build --quiet

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
here() { sed "s/127\.0\.0\.1:3000/127.0.0.1:$port/g"; }
# `cargo run` passes its arguments on; the server's own process is the one to end.
case $run in "cargo run -- "*) ;; *) fail "not a run: $run" ;; esac
# shellcheck disable=SC2046
timeout 120 "$CARGO_TARGET_DIR/debug/hello" $(here <<<"${run#cargo run -- }") >"$work/said" 2>&1 &
server=$!

curl() { command curl --silent --show-error --fail --max-time 10 "$@"; }
for _ in $(seq 50); do
  curl "http://127.0.0.1:$port/metrics" >/dev/null 2>&1 && break
  kill -0 "$server" 2>/dev/null || fail "the service has ended"
  sleep 0.2
done

# Each line that README.md shows is printed: the first answers at once, the page within some tries, since the buffer may
# come back a moment after its answer arrived.
ask() { here <<<"$1" | sed 's/^curl -s/curl/'; }
hello=$(ask "$(sed -n 1p <<<"$asks")") metrics=$(ask "$(sed -n 2p <<<"$asks")")
[ "$(wc -l <<<"$asks")" = 2 ] || fail "not two questions: $asks"
greeting=$(eval "$hello")
[ "$greeting" = "$(sed -n 1p <<<"$answers")" ] || fail "not the answer: $greeting"
shows() {
  local line page
  page=$(eval "$metrics")
  while read -r line; do
    grep -qxF -- "$line" <<<"$page" || return 1
  done < <(sed 1d <<<"$answers")
}
tries=0
until shows; do
  tries=$((tries + 1))
  [ $tries -lt 20 ] || fail "not the figures that README.md shows: $(eval "$metrics")"
  sleep 0.2
done
eval "$metrics" | grep '{pool="bodies"}'

# And the figures go on. One at a time, a request finds the buffer of the one before, unless it is on another processor,
# or that buffer comes back a moment late.
for _ in $(seq 20); do eval "$hello" >/dev/null; done
figure() { awk -v metric="stealpool_$1{pool=\"bodies\"}" '$1 == metric { print $2 }' <<<"$page"; }
plausible() {
  page=$(eval "$metrics")
  [ "$(figure gets_total)" = 21 ] && [ "$(figure creates_total)" -ge 1 ] &&
    [ "$(figure creates_total)" -le $((2 * $(getconf _NPROCESSORS_CONF))) ] &&
    [ "$(figure live_objects)" = "$(figure idle_objects)" ]
}
tries=0
until plausible; do
  tries=$((tries + 1))
  [ $tries -lt 20 ] || fail "not plausible after 21 requests: $page"
  sleep 0.2
done
echo "after 21 requests: $(figure creates_total) made, $(figure idle_objects) idle of $(figure live_objects)"
kill -0 "$server" || fail "the service has ended"

#!/usr/bin/env bash
# Proves: every crate that a build can bring in, tests and benchmarks included, has a licence of deny.toml and comes
# from the registry; the library itself brings in no crate beyond those in docs/policy.md; and, where a
# copy of RustSec's database is at hand (ADVISORY_DB, a git checkout), no version in Cargo.lock has a known advisory.
# Cannot: read the licence files, or know of advisories newer than the copy.
set -euo pipefail
source "$(dirname "$0")/common.sh"
python3 verify/deny.py
if ! cargo deny --version >/dev/null 2>&1; then
  echo "SKIP cargo-deny's own look at it, and advisories: cargo-deny is not there"
  exit 0
fi
cargo deny --workspace check licenses bans sources
if [ -z "${ADVISORY_DB:-}" ]; then
  echo "SKIP advisories: ADVISORY_DB names no copy of RustSec's database"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '[graph]\nall-features = true\n[advisories]\ndb-path = "%s"\nmaximum-db-staleness = "P3650D"\n' "$work" >"$work/deny.toml"
advisories() {
  cargo deny --offline --workspace --config "$work/deny.toml" check advisories
}
# Where it looks for the copy is its own affair; it says so when there is none.
place=$(advisories 2>&1 | grep -o 'advisory-db-[0-9a-f]*' | head -1 || true)
git clone --quiet "$ADVISORY_DB" "$work/$place"
echo "advisories as of $(git -C "$ADVISORY_DB" log -1 --format=%cs)"
advisories

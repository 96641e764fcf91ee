#!/usr/bin/env bash
# Proves: scripts of bytes (tests/fuzz/ops.rs), the committed ones and those that libFuzzer finds from them in
# SECONDS_OF_FUZZING (60) seconds, agree with the model, under AddressSanitizer, without a leak. What it finds
# goes to target/fuzz/found; a script that fails belongs into tests/fuzz/corpus when it is mended.
# Cannot: see races, for the two threads of a script take turns; nor say how much was not tried.
set -euo pipefail
source "$(dirname "$0")/common.sh"
needs_linux_x86_64
needs c++
if ! said=$(cargo fetch --locked --manifest-path fuzz/Cargo.toml 2>&1); then
  # A lock file that is not up to date is no reason to skip.
  [[ $said != *--locked* ]] || { echo "$said"; exit 1; }
  skip "libfuzzer-sys cannot be had"
fi
builds_in fuzz
coverage=-sanitizer-coverage
unstable --cfg fuzzing -Zsanitizer=address -Ccodegen-units=1 -Clink-dead-code -Cdebug-assertions=on \
  -Cpasses=sancov-module "-Cllvm-args=$coverage-level=4" "-Cllvm-args=$coverage-inline-8bit-counters" \
  "-Cllvm-args=$coverage-pc-table" "-Cllvm-args=$coverage-trace-compares"
cargo build --locked --release --target "$target" --manifest-path fuzz/Cargo.toml

found=$CARGO_TARGET_DIR/found
mkdir -p "$found"
"$CARGO_TARGET_DIR/$target/release/ops" "$found" tests/fuzz/corpus -max_total_time="${SECONDS_OF_FUZZING:-60}" \
  -max_len=1024 -len_control=0 -timeout=30 -verbosity=0 -print_final_stats=1 -artifact_prefix="$CARGO_TARGET_DIR/failed-"

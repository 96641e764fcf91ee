#!/usr/bin/env bash
# Proves: no undefined behaviour by Miri's rules (borrows of boxes, links and slots; alignment; uninitialised
# memory; data races by the memory model) in the unit tests and in the smaller integration tests.
# Cannot: run system calls (membarrier gives way to fences), other processes or long tests; explore orders.
set -euo pipefail
source "$(dirname "$0")/common.sh"
cargo +nightly miri --version >/dev/null 2>&1 || skip "Miri is not there (a component of a nightly toolchain)"
builds_in miri
# Threads that outlive the test belong to other crates; clocks and files are the machine's.
export MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks ${MIRIFLAGS:-}"
cargo +nightly miri test -p stealpool --lib
cargo +nightly miri test -p stealpool --test semantics --test guards --test bounds

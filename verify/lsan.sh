#!/usr/bin/env bash
# Proves: what the unit and integration tests allocate is freed or reachable at their end, with the
# allocator and the code as they ship, where AddressSanitizer's are others.
# Cannot: see what is kept for ever but reachable, or what is freed too early.
set -euo pipefail
source "$(dirname "$0")/common.sh"
needs_linux_x86_64
builds_in lsan
# Frame pointers, for the suppressions go by the functions on the stack.
unstable -Zsanitizer=leak -Cforce-frame-pointers=yes
export LSAN_OPTIONS=suppressions=$PWD/verify/lsan.supp:print_suppressions=0

# Those that make and drop pools, threads and guards in many ways; the others add seconds and no way.
cargo test -p stealpool --target "$target" --lib \
  --test ageing --test bounds --test bursts --test collector --test foreign --test guards --test keyed \
  --test owned --test panics --test reentrancy --test regressions --test semantics --test threads

#!/usr/bin/env bash
# Proves: no use after free, double free, overflow or use after return in the unit and integration tests
# and in SECONDS_OF_SOAK (60) seconds of examples/soak, and no leak but those that are on purpose.
# Cannot: see data races, or what these tests do not reach; the standard library is not instrumented, so
# what it reads or writes on its own goes unseen (its allocations and `memcpy` do not).
set -euo pipefail
source "$(dirname "$0")/common.sh"
needs_linux_x86_64
builds_in asan
unstable -Zsanitizer=address
export ASAN_OPTIONS=detect_stack_use_after_return=1
export LSAN_OPTIONS=suppressions=$PWD/verify/lsan.supp:print_suppressions=0

# Not magazine_protocol: a model, without a line of the library. Not send_sync: it runs the
# compiler. Not tidy: it reads the source. Not json_service, streaming_json: examples over other crates, whose own lanes
# are their tests. Not alloc_failure, exit, panic_abort, refused and signal: an allocator, processes and a
# filter of their own, or the same tests once more. Not history, properties: they leak on
# purpose. Not thread_ends, memory_back: they count resident memory.
# Without restartable sequences: at this pace a thread is moved between two steps of a test now and then, and what is
# exact on one processor is not then. The soak below has the sequences.
# shellcheck disable=SC2046
GLIBC_TUNABLES=glibc.pthread.rseq=0 cargo test -p stealpool --target "$target" --features "$features" --lib \
  $(tests_but magazine_protocol send_sync tidy json_service streaming_json \
    alloc_failure exit panic_abort refused signal history properties faults thread_ends memory_back)

seconds=${SECONDS_OF_SOAK:-60}
minutes=$(awk "BEGIN { print $seconds / 60 }")
# The same profile as the tests: built already, and with the debug assertions. It leaks guards on purpose,
# and so what hangs on them; its own counters says whether any other object is left.
ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 cargo run -p stealpool --target "$target" --features "$features" --example soak -- --minutes "$minutes" --threads 4 --seed 7

#!/usr/bin/env bash
# Proves: the tests, where magazines are entered by a compare-exchange, have no data race: in the library, and in what
# they hand from thread to thread. The standard library is instrumented too, so that its locks and channels count.
# Cannot: see what restartable sequences do, or fences; that this would show is what verify/tsan.sh plants races for.
set -euo pipefail
source "$(dirname "$0")/common.sh"
needs_linux_x86_64
cargo +nightly --version >/dev/null 2>&1 || skip "a nightly toolchain is not there"
# Of the nightly only: the compiler's messages, which some tests compare, are others where the source is there.
[ -d "$(rustc +nightly --print sysroot)/lib/rustlib/src/rust/library" ] ||
  rustup component add --toolchain nightly rust-src >/dev/null 2>&1 || skip "the nightly's rust-src is not there"
builds_in tsan_suite
export RUSTFLAGS="-Zsanitizer=thread --cfg stealpool_no_rseq" TSAN_OPTIONS=halt_on_error=1

# Not these: they run a compiler or read the source, have no line of the library, count memory or allocations, replace
# the allocator, need sequences, or refuse system calls. Not fork and signal: the checker waits for locks in a child and
# in a handler. Not tsan: it has a lane. Not thread_ends: 100,000 threads.
# shellcheck disable=SC2046
cargo +nightly test -Zbuild-std -p stealpool --target "$target" --features "$features" --lib $(tests_but send_sync tidy \
  faults panic_abort dlclose magazine_protocol streaming_json alloc alloc_failure memory_back thread_ends exit \
  affinity membarrier refused rseq_steps unregistered fork signal tsan)

#!/usr/bin/env bash
# Proves: the tests pass whatever the compiler may choose or the user may set: other layouts of structures,
# panics that abort, overflow and standard library assertions in optimised code, fences instead of membarrier, no restartable sequences;
# and the library compiles where pointers have 32 bits.
# Cannot: run on other machines; say that any other layout is right.
set -euo pipefail
source "$(dirname "$0")/common.sh"
needs_linux_x86_64
builds_in variants

# The tests that take seconds. Not export: it needs the features. Not fork, membarrier: they test the system's calls.
quick="--lib --test ageing --test bounds --test bursts --test guards --test idle_budget --test keyed --test owned \
  --test panics --test reentrancy --test regressions --test semantics --test sharing --test stats --test threads"

variant() {
  local name=$1 begin=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  # shellcheck disable=SC2086
  CARGO_TARGET_DIR=$CARGO_TARGET_DIR/$name cargo test -p stealpool --target "$target" $quick "$@"
  printf '== %s: %d s\n' "$name" $((SECONDS - begin))
}

for seed in 7 1234567; do
  unstable -Zrandomize-layout "-Zlayout-seed=$seed" --cfg stealpool_any_layout
  variant "layout-$seed"
done
unstable -Cpanic=abort -Zpanic-abort-tests
variant abort
unset RUSTC_BOOTSTRAP
# The standard library's own unsafe preconditions are asserted with them.
export RUSTFLAGS="-Cdebug-assertions=on -Coverflow-checks=on"
variant checked --release
export RUSTFLAGS="--cfg stealpool_full_fence"
variant fences
# Magazines entered by a compare-exchange; and sequences that go by the number of the processor.
export RUSTFLAGS="--cfg stealpool_no_rseq"
variant exchange
export RUSTFLAGS="--cfg stealpool_cpu_id"
variant cpu-id

unset RUSTFLAGS
if rustc --print target-libdir --target i686-unknown-linux-gnu 2>/dev/null | xargs -r test -d; then
  cargo check -p stealpool --target i686-unknown-linux-gnu --features "$features"
else
  echo "SKIP 32 bits: the target i686-unknown-linux-gnu is not there"
fi

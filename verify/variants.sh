#!/usr/bin/env bash
# Proves: the tests pass whatever the compiler may choose or the user may set: other layouts of structures,
# panics that abort, overflow and standard library assertions in optimised code, no restartable sequences;
# no pointer is made of an integer; the library compiles where pointers have 32 bits, and the sequences of AArch64
# assemble.
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
# Magazines entered by a compare-exchange; and sequences that go by the number of the processor.
export RUSTFLAGS="--cfg stealpool_no_rseq"
variant exchange
export RUSTFLAGS="--cfg stealpool_cpu_id"
variant cpu-id --test rseq_steps --test affinity --test unregistered --test in_turn

unset RUSTFLAGS
# No pointer is made of an integer, or the other way about.
printf '\n== strict provenance\n'
RUSTC_BOOTSTRAP=1 cargo rustc --quiet -p stealpool --lib --features "$features,loans" --profile check -- \
  '-Zcrate-attr=feature(strict_provenance_lints)' -Dlossy_provenance_casts -Dfuzzy_provenance_casts

if rustc --print target-libdir --target i686-unknown-linux-gnu 2>/dev/null | xargs -r test -d; then
  cargo check -p stealpool --target i686-unknown-linux-gnu --features "$features"
else
  echo "SKIP 32 bits: the target i686-unknown-linux-gnu is not there"
fi
# The sequences of AArch64: their assembly is built, which a check would not do.
if rustc --print target-libdir --target aarch64-unknown-linux-gnu 2>/dev/null | xargs -r test -d; then
  scratch=$(mktemp -d)
  mkdir "$scratch/src"
  printf '[package]\nname = "uses"\nedition = "2024"\n[dependencies]\nstealpool = { path = "%s" }\n[workspace]\n' "$PWD" >"$scratch/Cargo.toml"
  printf 'pub fn pair(pool: &stealpool::Pool<Vec<u8>>) { pool.get().push(1); }\n' >"$scratch/src/lib.rs"
  cp Cargo.lock "$scratch"
  RUSTFLAGS="--cfg stealpool_rseq_aarch64" cargo rustc --manifest-path "$scratch/Cargo.toml" --release \
    --target aarch64-unknown-linux-gnu -- --emit=obj
  rm -rf "$scratch"
else
  echo "SKIP AArch64: the target aarch64-unknown-linux-gnu is not there"
fi

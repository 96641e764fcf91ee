#!/usr/bin/env bash
# Proves: an ordering, fence or check that is weakened or left out is seen by a model, or stands in
# loom-tests/SURVIVORS.md with the reason why none can; and, with cargo-mutants, that of so many mutants of
# the rest (SHARD of them, 0/20 by default) the tests catch 95 in 100.
# Cannot: mutate what is not in the list, or orderings by cargo-mutants. Half an hour, and as much a shard.
set -euo pipefail
source "$(dirname "$0")/common.sh"
builds_in mutants
python3 loom-tests/mutants.py
cargo mutants --version >/dev/null 2>&1 || skip "the second half: cargo-mutants is not there"
unset CARGO_TARGET_DIR
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# What is seen only under a checker, or is the platform's, is for the models and the other lanes.
cargo mutants -p stealpool --shard "${SHARD:-0/20}" --output "$out" --timeout 120 \
  --exclude 'src/sys/**' --exclude 'src/collector/pressure/**' --exclude 'src/collector/export.rs' \
  -- -p stealpool --lib --test semantics --test ageing --test bounds --test stats --test panics --test guards \
  --test owned --test keyed --test admission --test threads --test bursts --test reentrancy --test collector \
  --test idle_budget --test properties --test policy --test listing --test regressions || true
caught=$(wc -l <"$out/mutants.out/caught.txt") missed=$(wc -l <"$out/mutants.out/missed.txt")
late=$(wc -l <"$out/mutants.out/timeout.txt")
cat "$out/mutants.out/missed.txt"
echo "$caught caught, $late ran too long, $missed missed"
[ $((100 * (caught + late))) -ge $((95 * (caught + late + missed))) ]

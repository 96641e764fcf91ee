#!/usr/bin/env bash
# Proves: every hand-over of an object in the workload of tests/tsan.rs, by magazines and slots,
# collectors, drains and ending threads, is a happens-before by Acquire and Release; and that this would show:
# two races are planted, one between the workload's threads, one in the library's hand-off.
# Cannot: judge the fences. ThreadSanitizer knows no fence, no membarrier and no compiler_fence, so it neither
# misses them nor reports what rests on them alone. Nothing of ours does without sequences.
set -euo pipefail
source "$(dirname "$0")/common.sh"
needs_linux_x86_64
builds_in tsan
# The standard library is not instrumented; the second flag says that this is known. See tests/tsan.rs.
# It does not see what restartable sequences do.
unstable -Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg stealpool_no_rseq
export TSAN_OPTIONS=halt_on_error=1
export STEALPOOL_TSAN_ROUNDS=${ROUNDS:-20}

# The planted copy's artefacts have the names of the project's, and cargo tells them apart by time alone.
afresh() {
  cargo clean --quiet -p stealpool --target "$target"
}

afresh
cargo test -p stealpool --target "$target" --test tsan

# Runs the workload, which must end in a report of a race.
must_race() {
  local what=$1 log=$CARGO_TARGET_DIR/planted.log status=0
  shift
  "$@" >"$log" 2>&1 || status=$?
  if [ "$status" = 0 ] || ! grep -q "ThreadSanitizer: data race" "$log"; then
    tail -20 "$log"
    echo "the planted race is not reported: $what"
    exit 1
  fi
  echo "reported, as planted: $what"
}

STEALPOOL_TSAN_PLANT=mailbox must_race "a guard handed over without ordering" \
  cargo test -p stealpool --target "$target" --test tsan

# The same in a copy of the library whose owners do not release what they leave in their slots.
copy=$CARGO_TARGET_DIR/planted
rm -rf "$copy"
mkdir -p "$copy"
tar -c --exclude=./target --exclude=./.git . | tar -x -C "$copy"
sed -i 's/magazine\.gate\.store(gate, Release)/magazine.gate.store(gate, Relaxed)/' "$copy/src/engine/held.rs"
! cmp -s src/engine/held.rs "$copy/src/engine/held.rs" || {
  echo "src/engine/held.rs has no such line any more: plant another race"
  exit 1
}
cd "$copy"
afresh
must_race "a gate opened without a release" cargo test -p stealpool --target "$target" --test tsan

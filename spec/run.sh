#!/usr/bin/env bash
# Runs Spin on slot.pml: what is right must hold in every execution, what is broken must be caught.
# Prints states and seconds for each. Exits with 77 where Spin or a C compiler is missing.
set -euo pipefail
cd "$(dirname "$0")"

for tool in spin cc; do
  command -v "$tool" >/dev/null || { echo "SKIP $tool is not there"; exit 77; }
done

here=$PWD work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0

# check NAME EXPECTED PROPERTY DEFINITIONS...
#   EXPECTED: holds, or the words with which Spin must end it
#   PROPERTY: safety, or the name of an ltl formula
check() {
  local name=$1 expected=$2 property=$3 begin end verdict found states
  shift 3
  rm -f pan* ./*.trail
  begin=$(date +%s.%N)
  spin -a "$@" "$here/slot.pml" >spin.out 2>&1 || { cat spin.out; exit 1; }
  if [ "$property" = safety ]; then
    cc -O2 -w -DSAFETY -DNOCLAIM -DCOLLAPSE -o pan pan.c
    ./pan -m1000000 >out 2>&1 || true
  else
    # -f: no process that can go on stands still for ever.
    cc -O2 -w -DNFAIR=3 -DCOLLAPSE -o pan pan.c
    ./pan -a -f -m1000000 -N "$property" >out 2>&1 || true
  fi
  end=$(date +%s.%N)
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out)
  found=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' out)
  if grep -qE 'errors: 0$' out && ! grep -qE 'max search depth too small|out of memory|aborted' out; then
    found=holds
  fi
  verdict=ok
  case $found in
    *"$expected"*) ;;
    *) verdict="FAILED, expected: $expected" failures=$((failures + 1)) ;;
  esac
  printf '%-34s %-18s %9s states %6.1f s  %s: %s\n' "$name" "$property" "${states:-no}" \
    "$(awk "BEGIN { print $end - $begin }")" "${found:-no result}" "$verdict"
}

exclusive='assertion violated (users==0)'
early='slot_look==2'
stays='acceptance cycle'

check 'the slot' holds safety
check 'the slot' holds idle_is_reclaimed
check 'two collectors' holds safety -DCOLLECTORS=2 -DCYCLES=2 -DARRIVALS_IN_ALL=2
check 'full fences' holds safety -DFULL_FENCE
check 'full fences' holds idle_is_reclaimed -DFULL_FENCE

check 'no heavy fence' "$exclusive" safety -DNO_HEAVY
check 'own fence for membarrier' "$exclusive" safety -DLOCAL_HEAVY
check 'claim after the fence' "$exclusive" safety -DLATE_CLAIM
check 'no look at inside after it' "$exclusive" safety -DNO_LOOK
check 'no look at claim' "$exclusive" safety -DNO_OWNER_LOOK
check 'no second look at arrivals' "$early" safety -DNO_STILL
check 'no note of arrivals' "$early" safety -DNO_NOTE
check 'claim not released' "$stays" idle_is_reclaimed -DNO_RELEASE
check 'slots not called in' "$stays" idle_is_reclaimed -DNO_CALL_IN
check 'a thread stopped inside' "$stays" stopped_inside_too

[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }

#!/usr/bin/env bash
# Runs Spin on magazine.pml: what is right must hold in every execution, what is broken must be caught.
# Two at a time; prints states and processor seconds for each. Exits with 77 where Spin or a C compiler is
# missing.
set -euo pipefail
cd "$(dirname "$0")"

for tool in spin cc; do
  command -v "$tool" >/dev/null || { echo "SKIP $tool is not there"; exit 77; }
done

here=$PWD work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
begun=$SECONDS

# check NAME EXPECTED PROPERTY DEFINITIONS...
#   EXPECTED: holds, or the words with which Spin must end it
#   PROPERTY: safety, or ends: in every execution all threads end, fair or not, but for one that stands still
check() {
  local name=$1 expected=$2 property=$3 verdict=ok found='' states optimise=-O1
  shift 3
  [ "$expected" = holds ] || optimise=-O0
  mkdir "$work/$BASHPID"
  cd "$work/$BASHPID"
  spin -a "$@" "$here/magazine.pml" >spin.out 2>&1 || cat spin.out
  if [ "$property" = safety ]; then
    cc $optimise -w -DSAFETY -DNOCLAIM -DCOLLAPSE -o pan pan.c
    ./pan -m1000000 >out 2>&1 || true
  else
    cc $optimise -w -DNP -DCOLLAPSE -o pan pan.c
    # -l: no execution goes round. -E: the model judges its ends itself.
    ./pan -l -E -m1000000 >out 2>&1 || true
  fi
  times >times.out
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out)
  found=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' out)
  if grep -qE 'errors: 0$' out && ! grep -qE 'max search depth too small|out of memory|aborted' out; then
    found=holds
  fi
  case $found in
    *"$expected"*) ;;
    *) verdict="FAILED, expected: $expected" && touch "$work/failed" ;;
  esac
  printf '%-50s %-6s %9s states %5.1f s  %s: %s\n' "$name" "$property" "${states:-no}" \
    "$(awk -F'[ms ]' 'END { print 60 * $1 + $2 }' times.out)" "${found:-no result}" "$verdict"
}

# In the background, beside one other.
also() {
  while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
    wait -n
  done
  check "$@" &
}

broken='assertion violated'
inside='!(inside[m])'
open='memory[1]==0'

also 'two users, one makes two calls' holds safety -DCALLS=2
also 'two collectors, barriers may be refused' holds safety -DCOLLECTORS=2 -DREFUSED
also 'one stands still' holds ends -DSWITCHES=1 -DREFUSED
also 'exchange, two collectors' holds safety -DEXCHANGE -DCALLS=2 -DCOLLECTORS=2
also 'exchange, more calls' holds safety -DEXCHANGE -DCALLS=3 -DOTHERS_CALLS=2
also 'exchange, one stands still' holds ends -DEXCHANGE -DSWITCHES=2

also 'NO_BARRIER' "$broken" safety -DNO_BARRIER
also 'FENCES_ONLY: a plain membarrier' "$broken" safety -DFENCES_ONLY
also 'RESTARTS_ONLY' "$broken" safety -DRESTARTS_ONLY
also 'BARRIER_FIRST: before the stop' "$inside" safety -DBARRIER_FIRST
also 'LOOKS_EARLY: before the barrier' "$inside" safety -DLOOKS_EARLY
also 'NO_LOOK after the barrier' "$inside" safety -DNO_LOOK
also 'NO_CLAIM, two collectors' "$inside" safety -DNO_CLAIM -DCOLLECTORS=2 -DOTHERS_CALLS=0
also 'UNCLAIMS_EARLY: before the barrier' "$inside" safety -DUNCLAIMS_EARLY -DCOLLECTORS=2 -DOTHERS_CALLS=0
also 'STOPS_BY_STORE' "$inside" safety -DSTOPS_BY_STORE
also 'UNDOES_BY_STORE' "$broken" safety -DUNDOES_BY_STORE -DREFUSED
also 'NOT_RESTARTED when preempted' "$broken" safety -DNOT_RESTARTED
also 'NUMBER_BEFORE the sequence' "$broken" safety -DNUMBER_BEFORE
also 'HEADER_FIRST, then the gate' "$broken" safety -DHEADER_FIRST
also 'COMMIT_FIRST, then the pointer' "$broken" safety -DCOMMIT_FIRST -DCALLS=2
also 'COUNTS_APART: push commits twice' "$broken" safety -DCOUNTS_APART -DCALLS=2
also 'NO_GATE looked at by pop and push' "$broken" safety -DNO_GATE
also 'CLOSES_STOPPED' "$inside" safety -DCLOSES_STOPPED
also 'OPENS_EARLY: before the header' "$broken" safety -DOPENS_EARLY
also 'OPENS_HERE: wherever the holder is by now' "$broken" safety -DOPENS_HERE
also 'NO_UNDO when the barrier is refused' "$open" safety -DNO_UNDO -DREFUSED
also 'NO_UNCLAIM, two collectors' '!(alone)' safety -DNO_UNCLAIM -DCOLLECTORS=2 -DOTHERS_CALLS=0
also 'WAITS for an open gate' 'non-progress cycle' ends -DWAITS -DSWITCHES=1
wait

echo "$((SECONDS - begun)) s"
[ ! -e "$work/failed" ] || { echo 'some failed'; exit 1; }

#!/usr/bin/env bash
# Runs the lanes named, or all of them, one after the other, and says which ran, which were skipped and why.
set -uo pipefail
cd "$(dirname "$0")"

lanes=("$@")
[ ${#lanes[@]} -gt 0 ] || lanes=(models schedules chaos spin soak asan lsan tsan tsan_suite fuzz coverage variants miri platforms adoption first_minutes size api semver deny minimal_versions msrv mutants)
summary=() failed=0
for lane in "${lanes[@]}"; do
  begin=$SECONDS
  printf '\n== %s\n' "$lane"
  said=$(mktemp)
  ./"$lane.sh" 2>&1 | tee "$said"
  status=${PIPESTATUS[0]}
  took="$((SECONDS - begin)) s"
  case $status in
    0) summary+=("ran      $lane, $took") ;;
    77) summary+=("skipped  $lane: $(grep -m1 '^SKIP ' "$said" | cut -c6-)") ;;
    *) summary+=("FAILED   $lane, $took") failed=1 ;;
  esac
  rm -f "$said"
done
printf '\n'
printf '%s\n' "${summary[@]}"
exit $failed

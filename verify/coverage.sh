#!/usr/bin/env bash
# Proves: the tests run at least LEAST_COVERED percent (95) of the lines of src/ that are no tests
# themselves; prints the table and every line that no test reaches.
# Cannot: say whether a line that runs is checked by anybody, nor which orders of lines were tried. Lines
# for other systems and for loom are not compiled, so they do not count.
set -euo pipefail
source "$(dirname "$0")/common.sh"
needs_linux_x86_64
# rustc's profiles are those of its LLVM; an older reader refuses them.
profdata=$(command -v llvm-profdata-19 || command -v llvm-profdata-20 || command -v llvm-profdata-21) ||
  skip "llvm-profdata-19 is not there"
cov=${profdata/profdata/cov}
[ -x "$cov" ] || skip "llvm-cov of the same version is not there"
builds_in coverage

profiles=$CARGO_TARGET_DIR/profiles
rm -rf "$profiles"
export LLVM_PROFILE_FILE="$profiles/%m-%p.profraw"
export RUSTFLAGS=-Cinstrument-coverage

# Not send_sync: it runs the compiler, not the library. Not tidy: it reads the source.
# shellcheck disable=SC2046
arguments=(test -p stealpool --target "$target" --features "$features" --lib $(tests_but send_sync tidy))
cargo "${arguments[@]}" --no-run --message-format=json >"$CARGO_TARGET_DIR/artefacts.json"
cargo "${arguments[@]}"

objects=()
while read -r binary; do
  objects+=(--object "$binary")
done < <(sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' "$CARGO_TARGET_DIR/artefacts.json")
"$profdata" merge -sparse "$profiles"/*.profraw -o "$CARGO_TARGET_DIR/all.profdata"
"$cov" export "${objects[@]}" --format=lcov --instr-profile="$CARGO_TARGET_DIR/all.profdata" \
  --sources "$PWD/src" >"$CARGO_TARGET_DIR/lines.lcov" 2>"$CARGO_TARGET_DIR/warnings"

awk -F'[:,]' -v root="$PWD/" -v least="${LEAST_COVERED:-95}" '
  # Where the unit tests of a file begin: they are at its end.
  function first_test_line(file, line, number) {
    number = 0
    while ((getline line <file) > 0) {
      number++
      if (line ~ /^#\[cfg\((all\()?test/) {
        close(file)
        return number
      }
    }
    close(file)
    return 1e9
  }
  $1 == "SF" {
    path = $2
    name = substr(path, length(root) + 1)
    end = first_test_line(path)
  }
  $1 == "DA" && $2 < end {
    lines[name]++
    all++
    if ($3 > 0) {
      hit[name]++
      all_hit++
    } else {
      missed[name] = missed[name] " " $2
    }
  }
  END {
    for (name in lines) {
      printf "%-36s %5d of %5d %7.2f %%%s\n", name, hit[name], lines[name],
        100 * hit[name] / lines[name], missed[name] == "" ? "" : "  not:" missed[name] | "sort"
    }
    close("sort")
    if (all == 0) {
      print "no line of src/ was measured"
      exit 1
    }
    percent = 100 * all_hit / all
    printf "%-36s %5d of %5d %7.2f %%\n", "src/", all_hit, all, percent
    if (percent < least) {
      printf "below %s %%\n", least
      exit 1
    }
  }' "$CARGO_TARGET_DIR/lines.lcov"

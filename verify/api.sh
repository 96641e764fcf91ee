#!/usr/bin/env bash
# Proves: the public API, with every feature on, is what docs/api.txt lists. `--bless` writes the list anew.
# Cannot: say whether a change is a breaking one, or see a change of what an item does.
set -euo pipefail
source "$(dirname "$0")/common.sh"
list=docs/api.txt
builds_in api
# Rustdoc's JSON is unstable; its format is that of the compiler the list was made with.
made_by=$(sed -n 's/^# made by //p' "$list" 2>/dev/null || true)
have=$(rustc --version | cut -d' ' -f1,2)
[ "${1:-}" = --bless ] || [ "$have" = "$made_by" ] || skip "the list was made by $made_by, this is $have"
RUSTC_BOOTSTRAP=1 cargo rustdoc --quiet -p stealpool --lib --features "$features,loans" -- \
  -Z unstable-options --output-format json --cap-lints allow
now=$(mktemp)
trap 'rm -f "$now"' EXIT
{
  echo "# The public API with all features on; verify/api.sh compares it with the source."
  echo "# made by $have"
  cargo run --quiet -p stealpool-api -- "$CARGO_TARGET_DIR/doc/stealpool.json"
} >"$now"
if [ "${1:-}" = --bless ]; then
  cp "$now" "$list"
  echo "$list: $(grep -vc '^#' "$list") items"
elif diff -u "$list" "$now"; then
  echo "the public API is as listed: $(grep -vc '^#' "$list") items"
else
  echo "the public API is not as listed: verify/api.sh --bless if that is meant"
  exit 1
fi

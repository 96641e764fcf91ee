#!/usr/bin/env bash
# Proves: the library builds, with all features and with none, from the oldest versions of its dependencies that
# its manifest allows.
# Cannot: run with them; try every mixture.
set -euo pipefail
source "$(dirname "$0")/common.sh"
builds_in minimal_versions
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo package -p stealpool --allow-dirty --no-verify --quiet
root=$(python3 verify/bare.py "$CARGO_TARGET_DIR"/package/stealpool-*.crate "$work")
cd "$root"
RUSTC_BOOTSTRAP=1 cargo update -Z direct-minimal-versions
cargo check --locked --no-default-features
cargo check --locked --features "$features"

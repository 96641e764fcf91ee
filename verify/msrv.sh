#!/usr/bin/env bash
# Proves: the library as packaged builds with the oldest Rust that its manifest promises, with all features and
# with none.
# Cannot: run the tests, whose dependencies need a newer one.
set -euo pipefail
source "$(dirname "$0")/common.sh"
oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
cargo "+$oldest" --version >/dev/null 2>&1 ||
  rustup toolchain install "$oldest" --profile minimal --no-self-update >/dev/null 2>&1 ||
  skip "Rust $oldest is not there and cannot be installed"
builds_in msrv
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo package -p stealpool --allow-dirty --no-verify --quiet
root=$(python3 verify/bare.py "$CARGO_TARGET_DIR"/package/stealpool-*.crate "$work")
cd "$root"
cargo "+$oldest" check --no-default-features
cargo "+$oldest" check --features "$features"

#!/usr/bin/env bash
# Proves: by the rules of cargo-semver-checks, a program for version 0.1 compiles with this one.
# Cannot: see a change of what an item does.
set -euo pipefail
source "$(dirname "$0")/common.sh"
needs git
cargo semver-checks --version >/dev/null 2>&1 || skip "cargo-semver-checks is not there: cargo install cargo-semver-checks --locked"
# The last commit of 0.1.
baseline=$(git rev-parse --verify --quiet '05a7283~1^{commit}') || skip "the history is not there"
builds_in semver
cargo semver-checks -p stealpool --baseline-rev "$baseline" --release-type patch --all-features

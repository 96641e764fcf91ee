#!/usr/bin/env bash
# Proves: SECONDS_OF_SOAK (60) seconds of torture violate nothing, and memory stays flat: every object is
# checked at every step by who holds it.
# Cannot: promise what an hour would show; the longest run is in docs/verification.md.
set -euo pipefail
source "$(dirname "$0")/common.sh"
seconds=${SECONDS_OF_SOAK:-60}
minutes=$(awk "BEGIN { print $seconds / 60 }")
cargo run --release -p stealpool --example soak -- --minutes "$minutes" --threads 8 --seed 5

#!/usr/bin/env bash
# Proves: SECONDS_OF_SOAK (60) seconds of torture violate nothing: every object is checked by who holds it.
# From five minutes on, also that memory stays flat.
# Cannot: promise what an hour would show; the longest run is in docs/verification.md.
set -euo pipefail
source "$(dirname "$0")/common.sh"
seconds=${SECONDS_OF_SOAK:-60}
minutes=$(awk "BEGIN { print $seconds / 60 }")
cargo run --release -p stealpool --example soak -- --minutes "$minutes" --threads 8 --seed 5

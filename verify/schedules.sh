#!/usr/bin/env bash
# Proves: in 210,000 random schedules (random, and PCT of depth 2 to 5) up to eight threads come, go and end
# with their thread-locals, and no object has two holders, is lost or is dropped twice.
# Cannot: see weak orderings (all is sequentially consistent). Two minutes.
set -euo pipefail
source "$(dirname "$0")/common.sh"
builds_in schedules
cargo test --release -p stealpool-shuttle --features whole -- --nocapture --test-threads=1

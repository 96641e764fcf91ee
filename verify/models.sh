#!/usr/bin/env bash
# Proves: every execution of 70 models and 500 drawn scripts, within their bounds, keeps each object once
# and its books right, under the C11 memory model as loom sees it; and that the models that must fail do.
# Cannot: see the asymmetric fence (spin.sh and tests/asymmetric_fence.rs do), thread-locals, more than three
# threads; docs/verification.md lists what loom leaves out. About ten minutes.
set -euo pipefail
source "$(dirname "$0")/common.sh"
builds_in models
cargo test --profile models -p stealpool-loom --features whole -- --nocapture --test-threads=2

#!/usr/bin/env bash
# Proves: every execution of 78 models and of 500 drawn scripts that end early enough, within their bounds, keeps each object once
# and its books right, under the C11 memory model as loom sees it; and that the models that must fail do.
# Cannot: see the barrier (spin.sh and tests/magazine_protocol.rs do), thread-locals,
# more than three threads; docs/verification.md lists what loom leaves out. Ten to fifteen minutes on two processors.
set -euo pipefail
source "$(dirname "$0")/common.sh"
builds_in models
cargo test --profile models -p stealpool-loom --features whole -- --nocapture --test-threads=2

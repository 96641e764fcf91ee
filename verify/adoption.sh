#!/usr/bin/env bash
# Proves: crates of others, with their pool or thread-local cache replaced by stealpool, pass the tests that they passed
# before: their own, in the state of the registry's package.
# Cannot: say what the change costs or gains: `adoption/run.py measure` and `benches` do, on a quiet machine.
set -euo pipefail
source "$(dirname "$0")/common.sh"
needs python3
needs patch
cargo info --quiet regex >/dev/null 2>&1 || skip "the registry does not answer"
python3 adoption/run.py tests "$@"

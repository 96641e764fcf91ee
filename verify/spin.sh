#!/usr/bin/env bash
# Proves: on machines with store buffers, with a compiler fence on the owner's side and a membarrier on the
# collector's, a slot is never used by two, and an idle owner's object is always taken (spec/slot.pml).
# Cannot: see the source; the model is kept like it by hand. About a minute and a half, 1 GB.
set -euo pipefail
exec "$(dirname "$0")/../spec/run.sh"

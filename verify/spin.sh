#!/usr/bin/env bash
# Proves: on machines with store buffers, whatever is preempted or migrated when, a magazine keeps every object
# once and has one user while it is closed, and nobody waits for one that stands still (spec/magazine.pml).
# Cannot: see the source; the model is kept like it by hand. A minute on two idle processors, 1 GB.
set -euo pipefail
exec "$(dirname "$0")/../spec/run.sh"

#!/usr/bin/env bash
# Proves: a thread parked at any named point of the protocol (src/sys/chaos.rs) holds up nobody, nor a child that
# is forked meanwhile; an owner that stops inside its slot keeps a collector from nothing but its object; and
# SECONDS_OF_SOAK (60) seconds of examples/soak with threads delayed at these points violate nothing.
# Cannot: park a thread between two points.
set -euo pipefail
source "$(dirname "$0")/common.sh"
builds_in chaos
export RUSTFLAGS="--cfg stealpool_chaos"
cargo test -p stealpool --test lock_freedom
# And without sequences.
GLIBC_TUNABLES=glibc.pthread.rseq=0 cargo test -p stealpool --test lock_freedom
seconds=${SECONDS_OF_SOAK:-60}
minutes=$(awk "BEGIN { print $seconds / 60 }")
cargo run --release -p stealpool --example soak -- --minutes "$minutes" --threads 8 --seed 11

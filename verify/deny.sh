#!/usr/bin/env bash
# Proves: every crate that a build can bring in, tests and benchmarks included, has a licence of deny.toml and comes
# from the registry; the library itself brings in no crate beyond those in docs/policy.md; and, where a
# copy of RustSec's database is at hand (ADVISORY_DB, a git checkout), no version in Cargo.lock has a known advisory.
# Cannot: read the licence files, or know of advisories newer than the copy.
set -euo pipefail
source "$(dirname "$0")/common.sh"
python3 verify/deny.py
if cargo deny --version >/dev/null 2>&1; then
  cargo deny --workspace check licenses bans sources
else
  echo "SKIP cargo-deny's own look at it: not there"
fi

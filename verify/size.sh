#!/usr/bin/env bash
# Proves: the code of a pool is there once, whatever the number of types: a program with one type of pool is at most
# `first` bytes larger than one without, and each further type adds at most `further` bytes.
# Cannot: say what a program with other settings of the optimiser takes.
set -euo pipefail
source "$(dirname "$0")/common.sh"
builds_in size

first=131072 further=4096 types=11
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<END
[package]
name = "sizes"
edition = "2024"
[dependencies]
stealpool = { path = "$PWD" }
[profile.release]
strip = true
codegen-units = 1
[workspace]
END

# A program with this many pools, each of a type of its own.
program() {
  local number
  echo 'use std::hint::black_box;'
  for ((number = 0; number < $1; number++)); do
    echo "#[derive(Default)] struct Object$number(Vec<[u8; $number]>);"
    echo "impl stealpool::Recycle for Object$number {"
    echo '    fn recycle(&mut self) { self.0.clear() }'
    echo '    fn footprint(&self) -> usize { self.0.capacity() }'
    echo '}'
    echo "static POOL$number: stealpool::Pool<Object$number> = stealpool::Pool::new(Object$number::default);"
  done
  echo 'fn main() {'
  echo '    black_box(0);'
  for ((number = 0; number < $1; number++)); do
    echo "    for byte in 0..black_box(3) { POOL$number.get().0.push([byte; $number]); }"
  done
  echo '}'
}

# The bytes of that program.
bytes() {
  program "$1" >"$work/src/main.rs"
  (cd "$work" && cargo build --release --quiet)
  wc -c <"$CARGO_TARGET_DIR/release/sizes"
}

none=$(bytes 0) one=$(bytes 1) all=$(bytes "$types")
base=$((one - none)) each=$(((all - one) / (types - 1)))
echo "one type of pool: $base bytes; each further one: $each bytes"
[ "$base" -le "$first" ] || { echo "the first takes more than $first"; exit 1; }
[ "$each" -le "$further" ] || { echo "each further one takes more than $further"; exit 1; }

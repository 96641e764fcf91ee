//! libFuzzer's entry: every input is a script for [`ops::run`].
#![no_main]

#[path = "../../tests/fuzz/ops.rs"]
mod ops;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ops::run(bytes));

//! The fuzzer's scripts, run once each: what it has found is not forgotten, and its module stays true.
#![cfg(panic = "unwind")]

#[path = "fuzz/ops.rs"]
mod ops;

use std::fs;
use std::path::Path;

#[test]
fn every_script_of_the_corpus_is_right() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let scripts = fs::read_dir(corpus).expect("the corpus is there");
    let mut count = 0;
    for script in scripts {
        let path = script.expect("readable").path();
        let bytes = fs::read(&path).expect("readable");
        // Names the one that fails; shown with a failure only.
        println!("{}: {} bytes", path.display(), bytes.len());
        ops::run(&bytes);
        count += 1;
    }
    assert!(count >= 20, "only {count} scripts");
}

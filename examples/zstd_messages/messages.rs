//! The payloads, plain and compressed.

use crate::context::{Compressor, Context};
use std::fs;
use std::path::PathBuf;

/// All payloads of `examples/data`, in the order of their names.
///
/// # Panics
///
/// They are part of the checkout, and must be there.
pub(crate) fn plain() -> Vec<Vec<u8>> {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../data"));
    let entries = fs::read_dir(&directory).expect("examples/data is part of the checkout");
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let read = |path| fs::read(path).expect("a payload is readable");
    let messages: Vec<_> = files.into_iter().map(read).collect();
    assert!(!messages.is_empty(), "{} holds no payload", directory.display());
    messages
}

/// The same, compressed at level 3.
pub(crate) fn compressed() -> Vec<Vec<u8>> {
    let mut compressor = Compressor::new(3);
    let pack = |message: Vec<u8>| {
        let mut packed = Vec::new();
        compressor.run(&message, &mut packed);
        packed
    };
    plain().into_iter().map(pack).collect()
}

//! Prints the public API in a file of rustdoc's JSON, one item a line: `stealpool-api FILE`.
//!
//! Implementations that every type gets by a blanket are left out. What the compiler derives by itself
//! (`Send`, `Sync`, `Unpin`, `UnwindSafe`) is not: users rely on it, and it changes unnoticed.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).map(PathBuf::from).ok_or("which file?")?;
    let api = public_api::Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_derived_impls(false)
        .build()?;
    for item in api.items() {
        println!("{item}");
    }
    Ok(())
}

//! A crate of its own, written down in the target directory and built there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Builds `source` as `src/` + `file` of a crate that uses this one; where its release is. `settings` are the
/// sections of its manifest besides the package and the dependency.
pub(crate) fn build(name: &str, settings: &str, file: &str, source: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(home.join("src")).expect("a directory");
    let manifest = format!(
        "[package]\nname = {name:?}\nedition = \"2024\"\n\n\
         [dependencies]\nstealpool = {{ path = {root:?} }}\n\n{settings}\n\n[workspace]\n"
    );
    fs::write(home.join("Cargo.toml"), manifest).expect("written");
    fs::write(home.join("src").join(file), source).expect("written");
    // The versions that are there already.
    fs::copy(root.join("Cargo.lock"), home.join("Cargo.lock")).expect("a copy");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--offline"])
        .current_dir(&home)
        .env("CARGO_TARGET_DIR", home.join("target"))
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    home.join("target/release")
}

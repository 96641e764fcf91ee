//! What must not compile, and its twins that must: nobody can share what may not be shared, nor keep
//! what was given back.
//!
//! The messages in `ui/fail/*.stderr` are those of one compiler; another one's need not be the same,
//! so there it is only checked that the cases fail. `TRYBUILD=overwrite cargo test --test send_sync`
//! writes them anew.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};
use trybuild::TestCases;

/// Whose messages are in `ui/fail/*.stderr`.
const COMPILER: &str = "rustc 1.95.";

/// Where a run with another compiler finds its cases.
const CASES: &str = "STEALPOOL_UI_CASES";

#[test]
fn ui() {
    if let Some(cases) = env::var_os(CASES) {
        TestCases::new().compile_fail(Path::new(&cases).join("*.rs"));
        return;
    }
    TestCases::new().pass("tests/ui/pass/*.rs");
    if compiler().starts_with(COMPILER) {
        TestCases::new().compile_fail("tests/ui/fail/*.rs");
    } else {
        fail_somehow();
    }
}

fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    String::from_utf8_lossy(&output.expect("rustc is there").stdout).into_owned()
}

/// Runs the failing cases on copies without messages, which trybuild then writes instead of
/// comparing; a case that compiles fails all the same.
fn fail_somehow() {
    let copies = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ui");
    // Left from an earlier run, or not there.
    let _ = fs::remove_dir_all(&copies);
    fs::create_dir_all(&copies).expect("a directory");
    for case in fs::read_dir("tests/ui/fail").expect("the cases") {
        let case = case.expect("a case").path();
        if case.extension().is_some_and(|extension| extension == "rs") {
            let name = case.file_name().expect("a file");
            fs::copy(&case, copies.join(name)).expect("a copy");
        }
    }
    let output = Command::new(env::current_exe().expect("a path"))
        .args(["ui", "--exact", "--nocapture"])
        .env("TRYBUILD", "overwrite")
        .env(CASES, &copies)
        .output()
        .expect("the test binary runs again");
    let report = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}\n{errors}");
}

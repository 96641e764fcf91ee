//! A program built as many are shipped: optimised, without debug assertions, with panics that abort.
//!
//! It is a crate of its own in the target directory, because the profile belongs to the program.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

const PROGRAM: &str = r#"
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use stealpool::{Builder, Pool, Recycle};

static ALIVE: AtomicUsize = AtomicUsize::new(0);

struct Object;

impl Object {
    fn new() -> Self {
        ALIVE.fetch_add(1, Relaxed);
        if std::env::args().len() > 1 {
            panic!("as asked");
        }
        Object
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Relaxed);
    }
}

impl Recycle for Object {
    fn recycle(&mut self) {}
}

static POOL: Pool<Object> = Builder::new().collect_manually().build(Object::new);

fn main() {
    assert!(cfg!(panic = "abort") && !cfg!(debug_assertions));
    let threads: Vec<_> = (1..4)
        .map(|held| {
            std::thread::spawn(move || {
                for round in 0..100_000 {
                    drop((0..held).map(|_| POOL.get()).collect::<Vec<_>>());
                    if round % 1000 == 0 {
                        POOL.collect();
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(POOL.idle(), ALIVE.load(Relaxed));
    assert_eq!(POOL.stats().gets, 600_000);
    POOL.collect();
    POOL.collect();
    assert_eq!((POOL.idle(), ALIVE.load(Relaxed)), (0, 0));
}
"#;

/// Writes the program down and builds it; where it is.
fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panic_abort");
    fs::create_dir_all(home.join("src")).expect("a directory");
    let manifest = format!(
        "[package]\nname = \"panic_abort\"\nedition = \"2024\"\n\n\
         [dependencies]\nstealpool = {{ path = {root:?} }}\n\n\
         [profile.release]\npanic = \"abort\"\n\n[workspace]\n"
    );
    fs::write(home.join("Cargo.toml"), manifest).expect("written");
    fs::write(home.join("src/main.rs"), PROGRAM).expect("written");
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
    assert!(output.status.success(), "{}", said(&output));
    home.join("target/release/panic_abort")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_program_whose_panics_abort() {
    let program = build();
    let well = Command::new(&program).output().expect("it runs");
    assert!(well.status.success(), "{}", said(&well));
    let panics = Command::new(&program)
        .arg("panic")
        .output()
        .expect("it runs");
    assert_eq!(panics.status.code(), None, "by a signal: {}", said(&panics));
    assert!(said(&panics).contains("as asked"), "{}", said(&panics));
}

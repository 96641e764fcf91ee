//! A program built as many are shipped: optimised, without debug assertions, with panics that abort.
//!
//! It is a crate of its own in the target directory, because the profile belongs to the program.
#![cfg(unix)]

mod aside;

use std::path::PathBuf;
use std::process::{Command, Output};

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

/// Where the program is, built.
fn build() -> PathBuf {
    let profile = "[profile.release]\npanic = \"abort\"";
    aside::build("panic_abort", profile, "main.rs", PROGRAM).join("panic_abort")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_program_whose_panics_abort() {
    let program = build();
    let well = Command::new(&program).output().expect("it runs");
    assert!(well.status.success(), "{}", said(&well));
    let panics = Command::new(&program).arg("panic").output().expect("it runs");
    assert_eq!(panics.status.code(), None, "by a signal: {}", said(&panics));
    assert!(said(&panics).contains("as asked"), "{}", said(&panics));
}

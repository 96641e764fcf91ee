//! Sets `cfg(loom)` for this package, and rewrites the shipped source of `crossbeam-deque` to loom's
//! types, so that the models run the very lines that users run.
//!
//! Each substitution asserts how often it matches: a new version of crossbeam-deque breaks this
//! build, not the meaning of the models. What changes:
//!
//! * atomics, fences and `Arc` become loom's;
//! * the buffer's slots become atomics (the original reads them speculatively, which is a formal
//!   data race; word-sized elements do not tear), and the smallest buffer shrinks from 64 to 2;
//! * the epoch becomes a stand-in that frees retired buffers when the execution is over;
//! * the injector is cut out.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const VERSION: &str = "crossbeam-deque-0.8.8";

fn main() {
    println!("cargo:rustc-cfg=loom");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=stand_ins.rs");

    let path = source_dir().join("src/deque.rs");
    let source = fs::read_to_string(&path).expect("the source of crossbeam-deque is readable");
    let mut source = Source(source);

    source.cut(
        "// Bits indicating the state of a slot:",
        "/// Possible outcomes of a steal operation.",
    );
    source.cut(
        "/// A buffer that holds tasks in a worker queue.",
        "/// Internal queue data shared between the worker and stealers.",
    );
    source.swap(
        1,
        "use std::alloc::{alloc_zeroed, handle_alloc_error, Layout};\n",
        "",
    );
    source.swap(
        1,
        "use std::cell::{Cell, UnsafeCell};",
        "use std::cell::Cell;",
    );
    source.swap(
        1,
        "use std::sync::atomic::{self, AtomicPtr, AtomicUsize, Ordering};",
        "use loom::sync::atomic::{self, Ordering};",
    );
    source.swap(1, "use std::sync::Arc;", "use loom::sync::Arc;");
    source.swap(
        1,
        "use crossbeam_epoch::{self as epoch, Atomic, Owned};",
        "use self::epoch_stand_in::{self as epoch, Atomic, Owned};\nuse self::buffer_stand_in::Buffer;",
    );
    source.swap(
        1,
        "use crossbeam_utils::{Backoff, CachePadded};",
        "use crossbeam_utils::CachePadded;",
    );
    source.swap(4, "core::sync::atomic::", "loom::sync::atomic::");
    source.swap(1, "const MIN_CAP: usize = 64;", "const MIN_CAP: usize = 2;");
    source.swap(
        1,
        "buffer.deref().at(i).drop_in_place();",
        "buffer.deref().drop_at(i);",
    );
    source.swap(
        1,
        "ptr::copy_nonoverlapping(buffer.at(i), new.at(i), 1);",
        "new.write(i, buffer.read(i));",
    );
    source.swap(1, "use std::ptr;\n", "");
    source.swap(
        1,
        "*self.back.get_mut()",
        "self.back.load(Ordering::Relaxed)",
    );
    source.swap(
        1,
        "*self.front.get_mut()",
        "self.front.load(Ordering::Relaxed)",
    );

    let stand_ins = fs::read_to_string("stand_ins.rs").expect("stand_ins.rs is readable");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let written = fs::write(out.join("deque.rs"), source.0.clone() + &stand_ins);
    written.expect("OUT_DIR is writable");

    // For the model that must fail: a pop without its fence.
    source.swap(
        1,
        "self.inner.back.store(b, Ordering::Relaxed);\n\n                atomic::fence(Ordering::SeqCst);",
        "self.inner.back.store(b, Ordering::Relaxed);",
    );
    let written = fs::write(out.join("broken.rs"), source.0 + &stand_ins);
    written.expect("OUT_DIR is writable");
}

struct Source(String);

impl Source {
    fn swap(&mut self, count: usize, from: &str, to: &str) {
        assert_eq!(
            self.0.matches(from).count(),
            count,
            "{VERSION} has changed: {from:?}"
        );
        self.0 = self.0.replace(from, to);
    }

    fn cut(&mut self, from: &str, to: &str) {
        assert_eq!(
            self.0.matches(from).count(),
            1,
            "{VERSION} has changed: {from:?}"
        );
        assert_eq!(
            self.0.matches(to).count(),
            1,
            "{VERSION} has changed: {to:?}"
        );
        let start = self.0.find(from).expect("counted above");
        let end = self.0.find(to).expect("counted above");
        self.0.replace_range(start..end, "");
    }
}

/// Where cargo has unpacked crossbeam-deque.
fn source_dir() -> PathBuf {
    in_cargo_home().unwrap_or_else(by_metadata)
}

fn in_cargo_home() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME")?;
    let sources = fs::read_dir(Path::new(&home).join("registry/src")).ok()?;
    sources
        .flatten()
        .map(|entry| entry.path().join(VERSION))
        .find(|path| path.exists())
}

/// For vendored and other unusual set-ups.
fn by_metadata() -> PathBuf {
    let cargo = env::var_os("CARGO").expect("set by cargo");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1"])
        .output();
    let output = output.expect("cargo metadata runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let json = String::from_utf8(output.stdout).expect("cargo metadata prints UTF-8");
    // Vendored directories may leave the version out of the name, so the package is found by its id.
    let manifest = json
        .split("\"manifest_path\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .find(|path| path.contains("crossbeam-deque"))
        .expect("crossbeam-deque is a dependency of this package");
    Path::new(manifest)
        .parent()
        .expect("a manifest has a directory")
        .to_path_buf()
}

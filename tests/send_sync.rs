//! What must not compile, and its twins that must: nobody can share what may not be shared, nor keep
//! what was given back.
//!
//! The messages in `ui/fail/*.stderr` are those of one compiler; another one's need not be the same,
//! so there it is only checked that the cases fail. `TRYBUILD=overwrite cargo test --test send_sync`
//! writes them anew.

use std::cell::Cell;
use std::marker::{PhantomData, PhantomPinned};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::{Arc, MutexGuard};
use std::{env, fs};
use stealpool::{Drain, Guard, KeyedPool, OwnedGuard, Pool};
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

/// Whether a type has a trait, as a constant: the inherent one, where it exists, goes before the trait's.
macro_rules! has {
    ($type:ty: $trait:ident) => {{
        struct Probe<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code, reason = "one of the two is used")]
        trait No {
            const HAS: bool = false;
        }
        impl<T: ?Sized> No for Probe<T> {}
        #[allow(dead_code, reason = "one of the two is used")]
        impl<T: ?Sized + $trait> Probe<T> {
            const HAS: bool = true;
        }
        <Probe<$type>>::HAS
    }};
}

/// `Send` and `Sync` of one type each, as expected.
macro_rules! auto_traits {
    ($($type:ty: $send:literal $sync:literal;)*) => {
        $(
            const _: () = assert!(has!($type: Send) == $send, stringify!($type: Send));
            const _: () = assert!(has!($type: Sync) == $sync, stringify!($type: Sync));
        )*
    };
}

/// A policy that is shared, one that is only sent, one that is neither; by their factories.
type Shared<T> = fn() -> T;
type Sent<T> = Box<dyn Fn() -> T + Send>;
type Kept<T> = Box<dyn Fn() -> T>;

/// What may be sent and not shared, and what may be neither.
type Unsync = Vec<Cell<u8>>;
type Handle = Rc<u8>;

// What may be asked of an object decides the type system alone, so this is no test but a table. A guard
// is made by the pool only for objects that are `Send`.
auto_traits! {
    // Object: Send + Sync. The pool and its guards are as their policy is.
    Pool<Vec<u8>, Shared<Vec<u8>>>: true true;
    Pool<Vec<u8>, Sent<Vec<u8>>>: true false;
    Pool<Vec<u8>, Kept<Vec<u8>>>: false false;
    Guard<'static, Vec<u8>, Shared<Vec<u8>>>: true true;
    Guard<'static, Vec<u8>, Sent<Vec<u8>>>: false false;
    Guard<'static, Vec<u8>, Kept<Vec<u8>>>: false false;
    OwnedGuard<Vec<u8>, Shared<Vec<u8>>>: true true;
    OwnedGuard<Vec<u8>, Sent<Vec<u8>>>: false false;
    OwnedGuard<Vec<u8>, Kept<Vec<u8>>>: false false;
    Drain<Vec<u8>>: true true;
    KeyedPool<u8, Vec<u8>, Shared<Vec<u8>>>: true true;

    // Object: Send. The pool is shared, the guard goes from thread to thread, and is not shared.
    Pool<Unsync, Shared<Unsync>>: true true;
    Pool<Unsync, Sent<Unsync>>: true false;
    Guard<'static, Unsync, Shared<Unsync>>: true false;
    OwnedGuard<Unsync, Shared<Unsync>>: true false;
    KeyedPool<u8, Unsync, Shared<Unsync>>: true true;

    // Object: neither, or Sync alone. There is no such pool; were there one, it would stay where it is.
    Pool<Handle, Shared<Handle>>: false false;
    Pool<MutexGuard<'static, u8>, Shared<MutexGuard<'static, u8>>>: false false;
    Pool<*mut u8, Shared<*mut u8>>: false false;
    Arc<Pool<Handle, Shared<Handle>>>: false false;
    // A shared drain says how many there are, and no more.
    Drain<Handle>: false true;
    Drain<MutexGuard<'static, u8>>: false true;
}

// A pool does not move when its objects would.
const _: () = assert!(has!(Pool<PhantomPinned, Shared<PhantomPinned>>: Unpin));
const _: () = assert!(has!(Drain<PhantomPinned>: Unpin));

/// A guard for ever is a guard for now, and a pool whose policy borrows for long is one that borrows for
/// short: the compiler may shorten both.
#[test]
fn lifetimes_may_be_shortened() {
    type Borrowing<'a> = Pool<Vec<u8>, &'a (dyn Fn() -> Vec<u8> + Sync)>;
    fn guard<'short>(long: Guard<'static, Vec<u8>>, _: &'short u8) -> Guard<'short, Vec<u8>> {
        long
    }
    fn pool<'short>(long: Borrowing<'static>, _: &'short u8) -> Borrowing<'short> {
        long
    }
    static POOL: Pool<Vec<u8>> = Pool::new(Vec::new);
    let here = 1;
    drop(guard(POOL.get(), &here));
    assert_eq!(POOL.idle(), 1);
    let shorter = pool(Pool::new(&|| vec![7]), &here);
    assert_eq!(*shorter.get(), [7]);
}

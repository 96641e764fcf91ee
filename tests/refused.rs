//! The suite once more, in a process in which the kernel refuses `membarrier` from before `main` on:
//! magazines are entered by a compare-exchange then, and everything that a user relies on holds all the same.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![allow(clippy::duplicate_mod, reason = "each test file brings its own `common`")]

#[path = "ageing.rs"]
mod ageing;
#[path = "bounds.rs"]
mod bounds;
#[path = "guards.rs"]
mod guards;
#[path = "owned.rs"]
mod owned;
#[path = "panics.rs"]
mod panics;
#[path = "reentrancy.rs"]
mod reentrancy;
#[path = "regressions.rs"]
mod regressions;
mod seccomp;
#[path = "semantics.rs"]
mod semantics;
#[path = "sharing.rs"]
mod sharing;
#[path = "threads.rs"]
mod threads;

/// Run by the loader, in each process of this binary, children of tests included.
// The section holds pointers to functions of this type, which the loader calls once; this one needs
// nothing that is set up later.
#[used]
#[unsafe(link_section = ".init_array")]
static REFUSE: extern "C" fn() = {
    extern "C" fn refuse() {
        seccomp::refuse_membarrier();
    }
    refuse
};

/// Otherwise the rest would prove nothing.
#[test]
fn this_process_has_no_sequences() {
    assert_eq!(stealpool::fast_path(), stealpool::FastPath::Exchange);
}

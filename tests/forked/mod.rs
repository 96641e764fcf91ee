//! A child that is forked in the middle of everything.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Seconds after which a child that waits for something is killed.
const PATIENCE: u32 = 30;

/// Forks; runs `child` in the child, without ever returning there. Returns how it ended: 0 is well.
pub(crate) fn fork_and(child: impl FnOnce()) -> i32 {
    // SAFETY: the child calls only `child`, which waits for no thread of the parent's, and `_exit`.
    let id = unsafe { libc::fork() };
    assert!(id >= 0, "fork failed");
    if id == 0 {
        // SAFETY: arms a timer of this process.
        unsafe { libc::alarm(PATIENCE) };
        let well = catch_unwind(AssertUnwindSafe(child)).is_ok();
        // SAFETY: ends the process without running what belongs to the parent.
        unsafe { libc::_exit(i32::from(!well)) };
    }
    let mut status = 0;
    // SAFETY: `id` is our child, and `status` a place for its status.
    let waited = unsafe { libc::waitpid(id, &raw mut status, 0) };
    assert_eq!(waited, id);
    status
}

//! Sequences in machine instructions.

mod area;
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[macro_use]
mod machine;
mod membarrier;

use crate::sys::magazine::{self, COUNTED, HEAD, HELD, Magazine, ONE, Table, WEIGHT_SHIFT};
pub(crate) use area::{head, here, processors};
pub(crate) use membarrier::{prepare, restart};
use std::arch::asm;

/// Whether this process has restartable sequences, and a barrier that restarts them. Without the barrier no collector
/// could stop a magazine.
pub(crate) fn available() -> bool {
    area::is_there() && membarrier::is_offered()
}

const _: () = assert!(HEAD == 3 && ONE == 1 && WEIGHT_SHIFT == 48 && HELD == 0);

/// Pops the newest object of this processor's magazine. Null: there is none, or the gate is closed.
///
/// # Safety
///
/// [`available`] has returned `true`. `table` begins with [`head`], and has one more entry for each of the
/// [`processors`]. Each of those is a magazine that outlives the call.
#[inline(always)]
pub(crate) unsafe fn pop(table: &Table) -> *mut () {
    debug_assert!(table.len() >= HEAD + processors());
    let object: *mut ();
    // SAFETY: a restartable sequence, see the module. It uses this thread's area and a magazine of the table, nothing
    // else.
    unsafe { pop!(table, object) }
    object
}

/// Pushes an object onto this processor's magazine. Returns the new header. 0: no room, or the gate is closed.
///
/// # Safety
///
/// As for [`pop`]. The caller owns `object`; after success the magazine owns it.
#[inline(always)]
pub(crate) unsafe fn push(table: &Table, weight: u16, object: *mut ()) -> u64 {
    debug_assert!(table.len() >= HEAD + processors());
    let more = magazine::share(weight) + COUNTED;
    let header: u64;
    // SAFETY: as in `pop`. It writes above the newest object, which nobody reads before the commit.
    unsafe { push!(table, weight, object, more, header) }
    header
}

/// Closes the gate of this processor's magazine. The caller alone may use the magazine until it opens the gate. Returns
/// the magazine and the old gate. `None`: the gate is closed already.
///
/// # Safety
///
/// As for [`pop`].
#[inline(always)]
pub(crate) unsafe fn close(table: &Table) -> Option<(*mut Magazine, u64)> {
    debug_assert!(table.len() >= HEAD + processors());
    let magazine: *mut Magazine;
    let gate: u64;
    // SAFETY: as in `pop`.
    unsafe { close!(table, magazine, gate) }
    (!magazine.is_null()).then_some((magazine, gate))
}

//! No restartable sequences: everything fails, and nobody is told to try.

use super::super::magazine::{HEAD, Magazine, Table};

/// Whether this process has restartable sequences.
pub(crate) fn available() -> bool {
    false
}

/// What a table's head holds.
pub(crate) fn head() -> [usize; HEAD] {
    [0; HEAD]
}

/// How many processors there may be.
pub(crate) fn processors() -> usize {
    0
}

/// The number of the processor that this thread runs on.
pub(crate) fn here() -> Option<usize> {
    None
}

/// # Safety
///
/// None is needed.
#[inline(always)]
pub(crate) unsafe fn pop(_table: &Table) -> *mut () {
    std::ptr::null_mut()
}

/// # Safety
///
/// None is needed.
#[inline(always)]
pub(crate) unsafe fn push(_table: &Table, _weight: u16, _object: *mut ()) -> u64 {
    0
}

/// # Safety
///
/// None is needed.
pub(crate) unsafe fn close(_table: &Table) -> Option<(*mut Magazine, u64)> {
    None
}

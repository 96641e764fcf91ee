//! No restartable sequences: every function fails, and `available` is `false`.

use super::super::magazine::{HEAD, Magazine, Table};

pub(crate) fn available() -> bool {
    false
}

pub(crate) fn head() -> [usize; HEAD] {
    [0; HEAD]
}

pub(crate) fn processors() -> usize {
    0
}

pub(crate) fn here() -> Option<usize> {
    None
}

pub(crate) unsafe fn pop(_table: &Table) -> *mut () {
    std::ptr::null_mut()
}

pub(crate) unsafe fn push(_table: &Table, _weight: u16, _object: *mut ()) -> u64 {
    0
}

pub(crate) unsafe fn close(_table: &Table) -> Option<(*mut Magazine, u64)> {
    None
}

pub(crate) fn prepare() {}

pub(crate) fn restart() -> bool {
    false
}

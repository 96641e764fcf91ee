//! The area that the C library has registered for each thread, and where in it the processor's number is.

use super::machine::field;
use crate::sys::magazine::HEAD;
use std::sync::atomic::AtomicIsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Offsets of fields in the kernel's `struct rseq`; the descriptor is at 8.
const CPU_ID: isize = 4;
const MM_CID: isize = 24;

/// From the thread pointer to the area; 0 before the first look, [`NONE`] where there is none.
static AREA: AtomicIsize = AtomicIsize::new(0);
/// From the thread pointer to the processor's number.
static INDEX: AtomicIsize = AtomicIsize::new(0);
/// Numbers are below this.
static BOUND: AtomicIsize = AtomicIsize::new(0);

const NONE: isize = 1;

/// How large the area must be for the kernel to write `mm_cid`.
const FEATURES_WITH_MM_CID: libc::c_ulong = 28;
/// `AT_RSEQ_FEATURE_SIZE`.
const FEATURE_SIZE: libc::c_ulong = 27;

/// Whether the C library has registered areas. Looks once; cheap after.
pub(super) fn is_there() -> bool {
    // Acquire: pairs with the Release in `find`; the other two are written.
    match AREA.load(Acquire) {
        0 => find(),
        area => area != NONE,
    }
}

#[cold]
fn find() -> bool {
    let area = offset().unwrap_or(NONE);
    if area != NONE {
        // SAFETY: takes a number, and answers 0 where it knows nothing.
        let features = unsafe { libc::getauxval(FEATURE_SIZE) };
        let index = if features >= FEATURES_WITH_MM_CID && !cfg!(stealpool_cpu_id) {
            MM_CID
        } else {
            CPU_ID
        };
        // Relaxed, both: published with the area. Every thread writes the same index; the first bound stays.
        INDEX.store(area + index, Relaxed);
        let bound = crate::sys::processors() as isize;
        _ = BOUND.compare_exchange(0, bound, Relaxed, Relaxed);
    }
    // Release: publishes the other two. Acquire: what another thread has found first stays, whatever this one has.
    let first = AREA.compare_exchange(0, area, Release, Acquire);
    first.map_or_else(|theirs| theirs != NONE, |_| area != NONE)
}

/// From the thread pointer to the area, if the C library has registered one for this thread.
///
/// Asked of the dynamic linker, so that a program still loads where the C library has no such symbols.
fn offset() -> Option<isize> {
    // SAFETY: a name with a zero at its end.
    let size = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_size".as_ptr()) };
    // SAFETY: as above.
    let offset = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()) };
    if size.is_null() || offset.is_null() {
        return None;
    }
    // SAFETY: glibc's `const unsigned int __rseq_size`, written before any code of ours.
    let size = unsafe { size.cast::<u32>().read() };
    // SAFETY: glibc's `const ptrdiff_t __rseq_offset`, likewise.
    let offset = unsafe { offset.cast::<isize>().read() };
    // SAFETY: the area is there, registered or not, as its size is not 0.
    let registered = size != 0 && unsafe { field(offset + CPU_ID) } as i32 >= 0;
    registered.then_some(offset)
}

/// How many processors there may be: indices are below this.
#[inline]
pub(crate) fn processors() -> usize {
    // Relaxed: `is_there` has said yes.
    BOUND.load(Relaxed) as usize
}

/// The number of the processor that this thread runs on, for a moment. `None` for a thread without an area.
#[inline]
pub(crate) fn here() -> Option<usize> {
    // Relaxed, both: `is_there` has said yes.
    let (area, index) = (AREA.load(Relaxed), INDEX.load(Relaxed));
    // SAFETY: the area was found, and this is one of its fields.
    let registered = unsafe { field(area + CPU_ID) } as i32 >= 0;
    // SAFETY: likewise.
    registered.then(|| unsafe { field(index) } as usize)
}

/// What a table's head holds: where the area is, where in it the processor's number, and its bound. So a
/// sequence needs nothing but the table.
pub(crate) fn head() -> [usize; HEAD] {
    // Relaxed, all: `is_there` has said yes.
    [&AREA, &INDEX, &BOUND].map(|number| number.load(Relaxed) as usize)
}

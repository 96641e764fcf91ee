//! The area that the C library registers for each thread, and the place of the processor's number in it.

use super::machine::field;
use crate::sys::magazine::HEAD;
use std::sync::atomic::AtomicIsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Offsets of fields in the kernel's `struct rseq`; the descriptor is at 8.
const CPU_ID: isize = 4;
const MM_CID: isize = 24;

/// The offset of the area from the thread pointer. 0: not looked for yet. [`NONE`]: there is none.
static AREA: AtomicIsize = AtomicIsize::new(0);
/// The offset of the processor's number from the thread pointer.
static INDEX: AtomicIsize = AtomicIsize::new(0);
/// All numbers of processors are below this.
static BOUND: AtomicIsize = AtomicIsize::new(0);

const NONE: isize = 1;

/// The feature size from which on the kernel writes `mm_cid`.
const FEATURES_WITH_MM_CID: libc::c_ulong = 28;
/// `AT_RSEQ_FEATURE_SIZE`.
const FEATURE_SIZE: libc::c_ulong = 27;

/// Whether the C library has registered areas. Looks for them once.
pub(super) fn is_there() -> bool {
    // Acquire: pairs with the Release in `find`; the other two offsets are written.
    match AREA.load(Acquire) {
        0 => find(),
        area => area != NONE,
    }
}

#[cold]
fn find() -> bool {
    let area = offset().unwrap_or(NONE);
    if area != NONE {
        // SAFETY: any number is allowed; unknown ones give 0.
        let features = unsafe { libc::getauxval(FEATURE_SIZE) };
        let index = if features >= FEATURES_WITH_MM_CID && !cfg!(stealpool_cpu_id) {
            MM_CID
        } else {
            CPU_ID
        };
        // Relaxed, both: published with `AREA`. Every thread writes the same index. The first bound stays.
        INDEX.store(area + index, Relaxed);
        let bound = crate::sys::processors() as isize;
        _ = BOUND.compare_exchange(0, bound, Relaxed, Relaxed);
    }
    // Release: publishes the other two. Acquire: the first result stays, whatever this thread has found.
    let first = AREA.compare_exchange(0, area, Release, Acquire);
    first.map_or_else(|theirs| theirs != NONE, |_| area != NONE)
}

/// The offset of the area from the thread pointer, if the C library has registered one for this thread.
///
/// Looked up by `dlsym`, so that a program still loads if its C library has no such symbols.
fn offset() -> Option<isize> {
    // SAFETY: the name ends with a zero.
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
    // SAFETY: its size is not 0, so the area exists, registered or not.
    let registered = size != 0 && unsafe { field(offset + CPU_ID) } as i32 >= 0;
    registered.then_some(offset)
}

/// How many processors there may be.
#[inline]
pub(crate) fn processors() -> usize {
    // Relaxed: `is_there` has returned `true`.
    BOUND.load(Relaxed) as usize
}

/// The number of the processor that this thread runs on now. `None`: the thread has no area.
#[inline]
pub(crate) fn here() -> Option<usize> {
    // Relaxed, both: `is_there` has returned `true`.
    let (area, index) = (AREA.load(Relaxed), INDEX.load(Relaxed));
    // SAFETY: `find` has found the area, and this is one of its fields.
    let registered = unsafe { field(area + CPU_ID) } as i32 >= 0;
    // SAFETY: as above.
    registered.then(|| unsafe { field(index) } as usize)
}

/// The head of a table: the offsets of the area and of the processor's number, and its bound. So a sequence needs nothing
/// but the table.
pub(crate) fn head() -> [usize; HEAD] {
    // Relaxed, all: `is_there` has returned `true`, or nobody reads the head, because there are no sequences.
    [&AREA, &INDEX, &BOUND].map(|number| number.load(Relaxed) as usize)
}

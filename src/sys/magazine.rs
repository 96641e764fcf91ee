//! The words of a magazine: what restartable sequences and everybody else work on.
//!
//! ```text
//!   0        8        16       24             128      130
//!   ┌────────┬────────┬────────┬────────┬─ ─ ─┬────────┬────────┬─ ─
//!   │ header │  gate  │ oldest │ newer  │     │ weight │ weight │
//!   └────────┴────────┴────────┴────────┴─ ─ ─┴────────┴────────┴─ ─
//!
//!   header   63      48 47                        8 7       0
//!            ┌─────────┬───────────────────────────┬─────────┐
//!            │ weight  │ puts so far               │ length  │
//!            └─────────┴───────────────────────────┴─────────┘
//! ```
//!
//! One store of the header moves an object in or out, weighs it and counts it. The weight starts at a bias,
//! so that it overflows the word just where the magazine's bound on bytes is: a put finds that out by the
//! carry of its one addition.
//!
//! | `gate` | header and objects belong to |
//! |---|---|
//! | open, with a capacity | sequences of the magazine's processor; nobody, without sequences |
//! | [`HELD`] | the thread that closed it |
//! | [`STOPPED`] | the collector that stopped it, once its barrier is over |
//!
//! A closed gate has capacity 0, so that a get finds the magazine empty and a put finds it full.

use super::atomic::{AtomicPtr, AtomicU16, AtomicU64};
use super::scale::REAL;
use std::ptr::{self, NonNull};

/// Objects that a magazine has room for: with header and gate, two cache lines; their weights are in a third.
pub(crate) const CAPACITY: usize = if REAL { 14 } else { 2 };

/// A stack of objects that one processor moves by restartable sequences.
#[repr(C)]
pub(crate) struct Magazine {
    pub(crate) header: AtomicU64,
    pub(crate) gate: AtomicU64,
    pub(crate) objects: [AtomicPtr<()>; CAPACITY],
    /// Of each object. Here, and not in its box: a get would wait for the pointer first.
    pub(crate) weights: [AtomicU16; CAPACITY],
}

// The sequences have these offsets in them.
const _: () = assert!(
    !REAL
        || size_of::<usize>() != 8
        || (std::mem::offset_of!(Magazine, gate) == 8
            && std::mem::offset_of!(Magazine, objects) == 16
            && std::mem::offset_of!(Magazine, weights) == 128)
);

/// A thread has closed the gate.
pub(crate) const HELD: u64 = 0;
/// A collector has stopped the magazine.
pub(crate) const STOPPED: u64 = 1 << 33;
/// Set while the gate is open; the capacity is below.
pub(crate) const OPEN: u64 = 1 << 32;

/// What one object adds to the header's length.
pub(crate) const ONE: u64 = 1;
/// What one put adds to the header's count.
pub(crate) const COUNTED: u64 = 1 << 8;
/// How far the header counts.
const MOST_COUNTED: u64 = 1 << 40;
/// From how much on the count is noted elsewhere and begins anew: at one put a nanosecond, nine minutes.
pub(crate) const NOTED: u64 = MOST_COUNTED / 2;
/// Where the header's weight begins.
pub(crate) const WEIGHT_SHIFT: u32 = 48;
/// The most bytes that a magazine holds.
pub(crate) const MOST_BYTES: u64 = u16::MAX as u64;

/// A header's length.
#[inline(always)]
pub(crate) fn length(header: u64) -> usize {
    (header & 0xff) as usize
}

/// A header's count.
#[inline(always)]
pub(crate) fn count(header: u64) -> u64 {
    (header >> 8) & (MOST_COUNTED - 1)
}

/// A header's weight, with its bias.
pub(crate) fn weight(header: u64) -> u64 {
    header >> WEIGHT_SHIFT
}

/// What an object of this weight adds to a header, but for the count.
#[inline(always)]
pub(crate) fn share(weight: u16) -> u64 {
    u64::from(weight) << WEIGHT_SHIFT | ONE
}

impl Magazine {
    /// An empty, closed one, whose weight starts at `bias`.
    pub(crate) fn new(bias: u64) -> Self {
        Magazine {
            header: AtomicU64::new(bias << WEIGHT_SHIFT),
            gate: AtomicU64::new(HELD),
            objects: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            weights: std::array::from_fn(|_| AtomicU16::new(0)),
        }
    }
}

/// One for each processor: its magazine, or [`none`].
pub(crate) type Entry = AtomicPtr<Magazine>;

/// What sequences find their magazine by: [`HEAD`] entries that hold numbers of theirs, then one for each
/// processor.
pub(crate) type Table = [Entry];

/// How many entries of a table stand before those of the processors.
pub(crate) const HEAD: usize = 3;

/// Stands in a table for a magazine that was not made yet. Its gate is closed for ever.
#[cfg(not(any(loom, shuttle)))]
pub(crate) fn none() -> *mut Magazine {
    static NONE: Magazine = Magazine {
        header: AtomicU64::new(0),
        gate: AtomicU64::new(HELD),
        objects: [const { AtomicPtr::new(ptr::null_mut()) }; CAPACITY],
        weights: [const { AtomicU16::new(0) }; CAPACITY],
    };
    ptr::from_ref(&NONE).cast_mut()
}

/// Stands in a table for a magazine that was not made yet. Nobody looks at it.
#[cfg(any(loom, shuttle))]
pub(crate) fn none() -> *mut Magazine {
    ptr::null_mut()
}

/// The table that begins here.
///
/// # Safety
///
/// It does, its last number of the head says how many processors it has entries for, and it outlives `'a`.
#[inline(always)]
pub(crate) unsafe fn table_at<'a>(first: NonNull<Entry>) -> &'a Table {
    // SAFETY: in the table's head.
    let length = unsafe { first.add(HEAD - 1) };
    // SAFETY: written before the table was published and never again, so an ordinary load will do; the
    // optimiser drops it where nobody asks for the length.
    let length = unsafe { length.cast::<usize>().read() };
    // SAFETY: the caller says so.
    unsafe { NonNull::slice_from_raw_parts(first, HEAD + length).as_ref() }
}

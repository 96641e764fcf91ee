//! The memory layout of a magazine. Restartable sequences depend on it.
//!
//! ```text
//!   0        8        16       18             144      152
//!   ┌────────┬────────┬────────┬────────┬─ ─ ─┬────────┬────────┬─ ─
//!   │ header │  gate  │ weight │ weight │     │ oldest │ newer  │
//!   └────────┴────────┴────────┴────────┴─ ─ ─┴────────┴────────┴─ ─
//! ```
//!
//! The header is 8 bits of length, 40 of puts so far, and 16 of weight. One store of it pushes or pops an object, weighs
//! it, and counts a push. The weight starts at a bias, so that the word overflows exactly at the bound on bytes: a push
//! sees that by the carry of its one addition.
//!
//! The gate says who may use the header and the objects: [`OPEN`], [`HELD`], [`STOPPED`]. A closed gate has capacity 0,
//! so that a pop finds the magazine empty and a push finds it full.

use super::atomic::{AtomicPtr, AtomicU16, AtomicU64};
use super::scale::REAL;
use std::ptr::{self, NonNull};

/// How many objects fit into a magazine. Together they weigh less than [`MOST_BYTES`], however many they are.
pub(crate) const CAPACITY: usize = if REAL { 64 } else { 2 };

/// A stack of objects that one processor pushes and pops by restartable sequences.
#[repr(C)]
pub(crate) struct Magazine {
    pub(crate) header: AtomicU64,
    pub(crate) gate: AtomicU64,
    /// The weight of each object. It is not in the object's box, because a pop would have to load the pointer first.
    pub(crate) weights: [AtomicU16; CAPACITY],
    pub(crate) objects: [AtomicPtr<()>; CAPACITY],
}

// The sequences have these offsets in them.
const _: () = assert!(
    !REAL
        || size_of::<usize>() != 8
        || (std::mem::offset_of!(Magazine, gate) == 8
            && std::mem::offset_of!(Magazine, weights) == 16
            && std::mem::offset_of!(Magazine, objects) == 144)
);

/// The gate is closed: the magazine belongs to the thread that closed it.
pub(crate) const HELD: u64 = 0;
/// The gate is stopped: the magazine belongs to the collector that stopped it, after its barrier.
pub(crate) const STOPPED: u64 = 1 << 33;
/// Set while the gate is open for sequences of the processor; the capacity is below. Without sequences, the magazine then
/// belongs to nobody.
pub(crate) const OPEN: u64 = 1 << 32;

/// One object in the header's length.
pub(crate) const ONE: u64 = 1;
/// One push in the header's count.
pub(crate) const COUNTED: u64 = 1 << 8;
/// The header's count is below this.
const MOST_COUNTED: u64 = 1 << 40;
/// The count at which it is moved to a counter of the worker and restarts at 0. At one push a nanosecond, that is after
/// nine minutes.
pub(crate) const NOTED: u64 = MOST_COUNTED / 2;
/// The lowest bit of the header's weight.
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

/// An object of this weight in a header, without the count.
#[inline(always)]
pub(crate) fn share(weight: u16) -> u64 {
    u64::from(weight) << WEIGHT_SHIFT | ONE
}

impl Magazine {
    /// An empty, closed magazine, whose weight starts at `bias`.
    pub(crate) fn new(bias: u64) -> Self {
        Magazine {
            header: AtomicU64::new(bias << WEIGHT_SHIFT),
            gate: AtomicU64::new(HELD),
            weights: std::array::from_fn(|_| AtomicU16::new(0)),
            objects: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }
}

/// A processor's magazine, or [`none`].
pub(crate) type Entry = AtomicPtr<Magazine>;

/// The table by which sequences find their magazine: [`HEAD`] numbers, then one entry for each processor.
pub(crate) type Table = [Entry];

/// How many entries of a table come before those of the processors.
pub(crate) const HEAD: usize = 3;

/// The entry of a magazine that does not exist yet. Its gate is closed for ever.
#[cfg(not(any(loom, shuttle)))]
pub(crate) fn none() -> *mut Magazine {
    static NONE: Magazine = Magazine {
        header: AtomicU64::new(0),
        gate: AtomicU64::new(HELD),
        weights: [const { AtomicU16::new(0) }; CAPACITY],
        objects: [const { AtomicPtr::new(ptr::null_mut()) }; CAPACITY],
    };
    ptr::from_ref(&NONE).cast_mut()
}

/// The entry of a magazine that does not exist yet. Models never dereference it.
#[cfg(any(loom, shuttle))]
pub(crate) fn none() -> *mut Magazine {
    ptr::null_mut()
}

/// The table that starts at `first`.
///
/// # Safety
///
/// A table starts there and outlives `'a`. The last number of its head is the number of its processors.
#[inline(always)]
pub(crate) unsafe fn table_at<'a>(first: NonNull<Entry>) -> &'a Table {
    // SAFETY: still in the table's head.
    let length = unsafe { first.add(HEAD - 1) };
    // SAFETY: written before the table was published and never after, so a plain load will do. The compiler drops it
    // where the length is not used.
    let length = unsafe { length.cast::<usize>().read() };
    // SAFETY: the caller's contract.
    unsafe { NonNull::slice_from_raw_parts(first, HEAD + length).as_ref() }
}

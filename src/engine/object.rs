//! Objects: boxes that have one owner each, alone or linked to a chain.
//!
//! ```text
//!   Object ──► ┌──────┬─────────┬───┐      Chain ──► ┌──────┬───┐   ┌──────┬───┐
//!              │ link │ measure │ T │                │ link ┼───┼─► │ null │   │
//!              └──────┴─────────┴───┘                └──────┴───┘   └──────┴───┘
//! ```
//!
//! A pool boxes each object once, when it creates it. From then on only the pointer moves, whatever the size of `T`. The
//! box also holds the link to the next object of a chain, the measure of the chain from here on, and a prefetch hint (not
//! in the picture). So a chain needs no other allocation.
//!
//! * [`Object`]: one object. Its link is null.
//! * [`Chain`]: one object or more, the unit that a slot holds. Its head knows its length (at most [`Chain::LONGEST`])
//!   and its weight.
//!
//! In a magazine, an object is a pointer with its weight beside it.
//!
//! Both types own their objects. Dropping one drops the objects.

mod chain;

pub(crate) use chain::Chain;

use std::marker::PhantomData;
use std::mem;
use std::ptr::{self, NonNull};

/// The allocation behind an [`Object`].
#[repr(C)]
pub(crate) struct Node<T> {
    link: *mut Node<T>,
    measure: Measure,
    /// A node further down the chain to prefetch, or null. Never dereferenced: the node may be gone.
    ahead: *mut Node<T>,
    value: T,
}

/// How many bits of a measure are the length.
const LENGTH_BITS: u32 = 20;

/// The weight of the heaviest object, in bytes: 2^44 - 1, or the largest `usize`.
pub(crate) const HEAVIEST: usize =
    if usize::BITS < 64 { usize::MAX } else { Measure::MAX_WEIGHT as usize };

/// The weight (44 bits, in bytes) and the length (20 bits) of the chain that starts at a node.
#[derive(Clone, Copy)]
pub(crate) struct Measure(u64);

impl Measure {
    /// More than any machine's memory. The sum of a chain saturates here.
    pub(crate) const MAX_WEIGHT: u64 = u64::MAX >> LENGTH_BITS;
    const MAX_LENGTH: u64 = (1 << LENGTH_BITS) - 1;

    #[inline]
    pub(crate) fn new(weight: u64, length: u64) -> Self {
        debug_assert!(weight <= Self::MAX_WEIGHT && length <= Self::MAX_LENGTH);
        Measure(weight << LENGTH_BITS | length)
    }
    /// The weight in bytes.
    pub(crate) fn weight(self) -> u64 {
        self.0 >> LENGTH_BITS
    }
    /// The number of objects.
    pub(crate) fn length(self) -> u64 {
        self.0 & Self::MAX_LENGTH
    }
    #[inline]
    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }
    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Measure(bits)
    }
}

/// One object. The owner of its node.
pub(crate) struct Object<T> {
    node: NonNull<Node<T>>,
    owns: PhantomData<T>,
}

// SAFETY: an `Object` owns its node as a `Box` would, so sending it sends the `T`.
unsafe impl<T: Send> Send for Object<T> {}
// SAFETY: a shared `Object` gives access to `&T` and nothing else.
unsafe impl<T: Sync> Sync for Object<T> {}

impl<T> Object<T> {
    /// Boxes `value`. An object causes no other allocation.
    pub(crate) fn new(value: T) -> Self {
        let node = Box::new(Node {
            link: ptr::null_mut(),
            measure: Measure::new(0, 1),
            ahead: ptr::null_mut(),
            value,
        });
        Object { node: NonNull::from(Box::leak(node)), owns: PhantomData }
    }

    #[inline]
    pub(crate) fn value(&self) -> &T {
        // SAFETY: the node is alive while its one `Object` is.
        let node = unsafe { self.node.as_ref() };
        &node.value
    }

    #[inline]
    pub(crate) fn value_mut(&mut self) -> &mut T {
        // SAFETY: the node is alive while its one `Object` is, and `&mut self` makes this the only
        // access.
        let node = unsafe { self.node.as_mut() };
        &mut node.value
    }

    /// Takes the value out and frees the box.
    pub(crate) fn into_value(self) -> T {
        let node = mem::ManuallyDrop::new(self).node;
        // SAFETY: the node came from `Box::leak` in `new`; its `Object` was just given up.
        let node = unsafe { Box::from_raw(node.as_ptr()) };
        node.value
    }

    /// The weight that the box holds. For an object from a magazine it is stale until [`weighing`](Self::weighing).
    #[inline]
    pub(crate) fn weight(&self) -> u64 {
        // SAFETY: as in `value`.
        let node = unsafe { self.node.as_ref() };
        node.measure.weight()
    }

    /// Sets the weight, in bytes, at most [`Measure::MAX_WEIGHT`].
    #[inline]
    pub(crate) fn weighing(mut self, bytes: u64) -> Self {
        // SAFETY: as in `value_mut`.
        let node = unsafe { self.node.as_mut() };
        node.measure = Measure::new(bytes, 1);
        self
    }

    /// The address of the box. It is no other object's while this one lives.
    #[cfg(feature = "loans")]
    pub(crate) fn address(&self) -> usize {
        self.node.addr().get()
    }

    /// Gives up ownership to a magazine. [`from_raw`](Self::from_raw) takes it back.
    #[inline(always)]
    pub(crate) fn into_raw(self) -> *mut () {
        mem::ManuallyDrop::new(self).node.as_ptr().cast()
    }

    /// Takes ownership back. The weight must be [set](Self::weighing) before it is read.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw), and this is the only call for it.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(raw: *mut ()) -> Self {
        Object {
            // SAFETY: `into_raw` gave a pointer to a node.
            node: unsafe { NonNull::new_unchecked(raw.cast::<Node<T>>()) },
            owns: PhantomData,
        }
    }
}

/// A value of at most this many bytes is moved out of its box before it is dropped.
const MOVED: usize = 1024;

impl<T> Drop for Object<T> {
    fn drop(&mut self) {
        // SAFETY: the node came from `Box::leak` in `new`, and nothing else points to it.
        let node = unsafe { Box::from_raw(self.node.as_ptr()) };
        if size_of::<T>() <= MOVED {
            drop_after_box(node);
        }
    }
}

/// Frees the box, then drops the value. glibc returns the end of an arena to the system when something large is freed
/// there. A small box at that end, freed later, would keep all free memory below it.
// A separate function, so that only this one needs stack for the value.
fn drop_after_box<T>(node: Box<Node<T>>) {
    let value = {
        let freed = node;
        freed.value
    };
    drop(value);
}

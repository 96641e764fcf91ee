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
//! * [`Object`]: one object, with its type. Dropping it drops the value.
//! * [`AnyObject`]: one object, without its type. The engine moves these, so it is compiled once for all types. Dropping
//!   one leaks it: only its pool knows the type.
//! * [`Chain`]: one object or more, without their type, the unit that a slot holds. Its head knows its length (at most
//!   [`Chain::LONGEST`]) and its weight.
//!
//! In a magazine, an object is a pointer with its weight beside it.
//!
//! **Invariants.** All objects of an engine, and those on their way to it and from it in its pool and its state, have the
//! type of the pool. The link of an object that is in no chain is null.
//!
//! An [`AnyObject`], a chain or a batch that is dropped is lost. So no user code unwinds past one: it runs under `caught`.

mod chain;

pub(crate) use chain::Chain;

use std::marker::PhantomData;
use std::mem;
use std::ptr::{self, NonNull};

/// The allocation behind an object of type `T`.
#[repr(C)]
struct Boxed<T> {
    node: Node,
    value: T,
}

/// The part of the allocation that all types have.
pub(crate) struct Node {
    link: *mut Node,
    measure: Measure,
    /// A node further down the chain to prefetch, or null. Never dereferenced: the node may be gone.
    ahead: *mut Node,
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

/// One object, without its type. The owner of its node.
#[must_use = "dropping it leaks the object"]
pub(crate) struct AnyObject {
    node: NonNull<Node>,
}

impl AnyObject {
    #[inline]
    fn node(&self) -> &Node {
        // SAFETY: the node is alive while its one owner is.
        unsafe { self.node.as_ref() }
    }

    #[inline]
    fn node_mut(&mut self) -> &mut Node {
        // SAFETY: the node is alive while its one owner is, and `&mut self` makes this the only access.
        unsafe { self.node.as_mut() }
    }

    /// The weight that the box holds. For an object from a magazine it is stale until [`weighing`](Self::weighing).
    #[inline]
    pub(crate) fn weight(&self) -> u64 {
        self.node().measure.weight()
    }

    /// Sets the weight, in bytes, at most [`Measure::MAX_WEIGHT`].
    #[inline]
    pub(crate) fn weighing(mut self, bytes: u64) -> Self {
        self.node_mut().measure = Measure::new(bytes, 1);
        self
    }

    /// Gives up ownership to a magazine. [`from_raw`](Self::from_raw) takes it back.
    #[inline(always)]
    pub(crate) fn into_raw(self) -> *mut () {
        self.node.as_ptr().cast()
    }

    /// Takes ownership back. The weight must be [set](Self::weighing) before it is read.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw), and this is the only call for it.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(raw: *mut ()) -> Self {
        // SAFETY: `into_raw` gave a pointer to a node.
        AnyObject { node: unsafe { NonNull::new_unchecked(raw.cast::<Node>()) } }
    }

    /// The object with its type.
    ///
    /// # Safety
    ///
    /// It came from [`Object::into_any`] of an `Object<T>`, or of an object of a subtype of `T`.
    #[inline(always)]
    pub(crate) unsafe fn typed<T>(self) -> Object<T> {
        Object { boxed: self.node.cast(), owns: PhantomData }
    }
}

/// Drops objects of one type.
#[derive(Clone, Copy)]
pub(crate) struct Dropper(unsafe fn(AnyObject));

impl Dropper {
    /// The one for this type. `Send`: a collector may drop objects on its thread.
    pub(crate) fn of<T: Send + 'static>() -> Self {
        // SAFETY: the contract of `drop`.
        Dropper(|object| drop(unsafe { object.typed::<T>() }))
    }

    /// Drops an object. Panics if its destructor does.
    ///
    /// # Safety
    ///
    /// The object has the type of this dropper.
    pub(crate) unsafe fn drop(self, object: AnyObject) {
        // SAFETY: the caller's contract.
        unsafe { (self.0)(object) }
    }
}

/// One object. The owner of its box.
pub(crate) struct Object<T> {
    boxed: NonNull<Boxed<T>>,
    owns: PhantomData<T>,
}

// SAFETY: an `Object` owns its box as a `Box` would, so sending it sends the `T`.
unsafe impl<T: Send> Send for Object<T> {}
// SAFETY: a shared `Object` gives access to `&T` and nothing else.
unsafe impl<T: Sync> Sync for Object<T> {}

impl<T> Object<T> {
    /// Boxes `value`. An object causes no other allocation.
    pub(crate) fn new(value: T) -> Self {
        let node =
            Node { link: ptr::null_mut(), measure: Measure::new(0, 1), ahead: ptr::null_mut() };
        let boxed = Box::new(Boxed { node, value });
        Object { boxed: NonNull::from(Box::leak(boxed)), owns: PhantomData }
    }

    #[inline]
    pub(crate) fn value(&self) -> &T {
        // SAFETY: the box is alive while its one `Object` is.
        let boxed = unsafe { self.boxed.as_ref() };
        &boxed.value
    }

    #[inline]
    pub(crate) fn value_mut(&mut self) -> &mut T {
        // SAFETY: the box is alive while its one `Object` is, and `&mut self` makes this the only
        // access.
        let boxed = unsafe { self.boxed.as_mut() };
        &mut boxed.value
    }

    /// Takes the value out and frees the box.
    pub(crate) fn into_value(self) -> T {
        let boxed = mem::ManuallyDrop::new(self).boxed;
        // SAFETY: it came from `Box::leak` in `new`; its `Object` was just given up.
        let boxed = unsafe { Box::from_raw(boxed.as_ptr()) };
        boxed.value
    }

    /// The address of the box. It is no other object's while this one lives.
    #[cfg(feature = "loans")]
    pub(crate) fn address(&self) -> usize {
        self.boxed.addr().get()
    }

    /// Forgets the type. [`typed`](AnyObject::typed) brings it back.
    #[inline(always)]
    pub(crate) fn into_any(self) -> AnyObject {
        // The node is at the start of the box.
        AnyObject { node: mem::ManuallyDrop::new(self).boxed.cast() }
    }
}

/// A value of at most this many bytes is moved out of its box before it is dropped.
const MOVED: usize = 1024;

impl<T> Drop for Object<T> {
    fn drop(&mut self) {
        // SAFETY: it came from `Box::leak` in `new`, and nothing else points to it.
        let boxed = unsafe { Box::from_raw(self.boxed.as_ptr()) };
        if size_of::<T>() <= MOVED {
            drop_after_box(boxed);
        }
    }
}

/// Frees the box, then drops the value. glibc returns the end of an arena to the system when something large is freed
/// there. A small box at that end, freed later, would keep all free memory below it.
// A separate function, so that only this one needs stack for the value.
fn drop_after_box<T>(boxed: Box<Boxed<T>>) {
    let value = {
        let freed = boxed;
        freed.value
    };
    drop(value);
}

//! A boxed `T` that exists exactly once, and a line of several.
//!
//! ```text
//!   Object ──► ┌──────┬─────────┬───┐      Chain ──► ┌──────┬───┐   ┌──────┬───┐
//!              │ link │ measure │ T │                │ link ┼───┼─► │ null │   │
//!              └──────┴─────────┴───┘                └──────┴───┘   └──────┴───┘
//! ```
//!
//! A pool boxes each object once, when it is created; from then on one pointer moves, whatever the
//! size of `T`. The box carries one link word, so that objects can stand in line without any other
//! allocation, and one word that says how much the line weighs from here on:
//!
//! * [`Object`]: one object, in somebody's hands. Its link is null.
//! * [`Chain`]: one object or more, the unit that a private slot holds and a deque moves. Its length
//!   (at most [`Chain::LONGEST`]) and weight are known at the head.
//!
//! Both own what they point to. Dropping one drops its objects.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::ptr::{self, NonNull};

/// What the allocation behind an [`Object`] looks like.
#[repr(C)]
pub(crate) struct Node<T> {
    link: *mut Node<T>,
    measure: Measure,
    value: T,
}

/// The heaviest object there can be, in bytes: 2^48 - 1, or what an address can reach.
pub(crate) const HEAVIEST: usize = if usize::BITS > 48 {
    (1usize << (usize::BITS - 16)) - 1
} else {
    usize::MAX
};

/// Weight (48 bits, in bytes) and length (16 bits) of the line that starts at a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure(u64);

impl Measure {
    /// More than a process can address. The sum of a chain counts as that much if it is more.
    #[cfg(test)]
    const MAX_WEIGHT: u64 = HEAVIEST as u64;

    #[inline]
    pub(crate) fn new(weight: u64, length: u64) -> Self {
        debug_assert!(length <= Chain::<()>::LONGEST);
        Measure(weight << 16 | length)
    }
    /// In bytes.
    pub(crate) fn weight(self) -> u64 {
        self.0 >> 16
    }
    /// In objects.
    pub(crate) fn length(self) -> u64 {
        self.0 & 0xffff
    }
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }
    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Self {
        Measure(bits)
    }
}

/// One object, owned.
pub(crate) struct Object<T> {
    node: NonNull<Node<T>>,
    owns: PhantomData<T>,
}

// SAFETY: an `Object` is the only way to its node, as a `Box` would be; sending it sends the `T`.
unsafe impl<T: Send> Send for Object<T> {}
// SAFETY: a shared `Object` gives out `&T` and nothing else.
unsafe impl<T: Sync> Sync for Object<T> {}

impl<T> Object<T> {
    /// Boxes `value`. The only allocation an object ever causes.
    pub(crate) fn new(value: T) -> Self {
        let node = Box::new(Node {
            link: ptr::null_mut(),
            measure: Measure::new(0, 1),
            value,
        });
        Object {
            node: NonNull::from(Box::leak(node)),
            owns: PhantomData,
        }
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

    /// What the pool charged for the object when it was last put.
    #[inline]
    pub(crate) fn weight(&self) -> u64 {
        // SAFETY: as in `value`.
        let node = unsafe { self.node.as_ref() };
        node.measure.weight()
    }

    /// The object, with what the pool charges for it, in bytes, at most [`HEAVIEST`].
    #[inline]
    pub(crate) fn weighing(mut self, bytes: u64) -> Self {
        // SAFETY: as in `value_mut`.
        let node = unsafe { self.node.as_mut() };
        node.measure = Measure::new(bytes, 1);
        self
    }

    /// Gives up ownership, with the link set; the other half is [`unlink`](Self::unlink).
    pub(crate) fn link(mut self, to: *mut Node<T>) -> NonNull<Node<T>> {
        // SAFETY: as in `value_mut`.
        let node = unsafe { self.node.as_mut() };
        node.link = to;
        mem::ManuallyDrop::new(self).node
    }

    /// Takes ownership back, and what the link was.
    ///
    /// # Safety
    ///
    /// `raw` came from [`link`](Self::link), and this is the only call for it.
    pub(crate) unsafe fn unlink(raw: NonNull<Node<T>>) -> (Self, *mut Node<T>) {
        let mut object = Object {
            node: raw,
            owns: PhantomData,
        };
        // SAFETY: `object` owns its node by the caller's promise.
        let node = unsafe { object.node.as_mut() };
        let link = mem::replace(&mut node.link, ptr::null_mut());
        (object, link)
    }
}

impl<T> Drop for Object<T> {
    fn drop(&mut self) {
        // SAFETY: the node came from `Box::leak` in `new`, and nothing else points to it.
        drop(unsafe { Box::from_raw(self.node.as_ptr()) });
    }
}

impl<T> fmt::Debug for Object<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("weight", &self.weight())
            .finish_non_exhaustive()
    }
}

/// One object or more, in line; one word wide.
#[repr(transparent)]
pub(crate) struct Chain<T> {
    head: Object<T>,
}

impl<T> Chain<T> {
    /// The longest chain.
    pub(crate) const LONGEST: u64 = 0xffff;

    /// A chain of one.
    #[inline]
    pub(crate) fn of(object: Object<T>) -> Self {
        Chain { head: object }
    }

    #[inline]
    fn node(&self) -> &Node<T> {
        // SAFETY: the head node is alive while the chain is.
        unsafe { self.head.node.as_ref() }
    }

    /// How many objects.
    pub(crate) fn len(&self) -> u64 {
        self.node().measure.length()
    }

    /// The weight of all of them, in bytes.
    #[inline]
    pub(crate) fn weight(&self) -> u64 {
        self.node().measure.weight()
    }

    /// Length and weight at once.
    #[inline]
    pub(crate) fn measure(&self) -> Measure {
        self.node().measure
    }

    /// The chain, with what its head does not know yet.
    #[inline]
    pub(crate) fn measuring(mut self, measure: Measure) -> Self {
        // SAFETY: the chain is ours alone, so its head is too.
        let node = unsafe { self.head.node.as_mut() };
        node.measure = measure;
        self
    }

    /// The first object, and what is left. Leaves the object's weight as it stands in its box,
    /// where nobody needs it while the object is on loan.
    #[inline(always)]
    pub(crate) fn lend(self) -> (Object<T>, Option<Chain<T>>) {
        let mut head = self.into_object();
        // SAFETY: the head is ours alone, so its node is too.
        let node = unsafe { head.node.as_mut() };
        let Some(rest) = NonNull::new(node.link) else {
            return (head, None);
        };
        node.link = ptr::null_mut();
        // SAFETY: a non-null link owns the rest of the line, and was just cleared.
        (head, Some(unsafe { Chain::from_raw(rest) }))
    }

    /// The chain `object, self...`, whose head does not know its measure yet.
    #[inline]
    pub(crate) fn below(self, mut object: Object<T>) -> Self {
        // SAFETY: `object` is ours alone, so its node is too.
        let node = unsafe { object.node.as_mut() };
        node.link = self.into_raw().as_ptr();
        Chain { head: object }
    }

    /// The chain `object, self...`.
    #[cfg(test)]
    pub(crate) fn preceded_by(self, object: Object<T>) -> Self {
        let weight = (object.weight() + self.weight()).min(Measure::MAX_WEIGHT);
        let measure = Measure::new(weight, self.len() + 1);
        self.below(object).measuring(measure)
    }

    /// The first object, and what is left.
    #[inline]
    pub(crate) fn split(self) -> (Object<T>, Option<Chain<T>>) {
        let (head, rest) = self.lend();
        let Some(rest) = rest else {
            return (head, None);
        };
        let weight = head.weight() - rest.weight();
        (head.weighing(weight), Some(rest))
    }

    /// Gives up ownership; the other half is [`from_raw`](Self::from_raw).
    #[inline]
    pub(crate) fn into_raw(self) -> NonNull<Node<T>> {
        mem::ManuallyDrop::new(self).head.node
    }

    /// Takes ownership back.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw), and this is the only call for it.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: NonNull<Node<T>>) -> Self {
        Chain {
            head: Object {
                node: raw,
                owns: PhantomData,
            },
        }
    }

    /// The head as an object, whatever hangs on its link.
    #[inline]
    fn into_object(self) -> Object<T> {
        let node = self.into_raw();
        Object {
            node,
            owns: PhantomData,
        }
    }
}

impl<T> Drop for Chain<T> {
    fn drop(&mut self) {
        // SAFETY: the head is alive until `self.head` is dropped right after this.
        let node = unsafe { self.head.node.as_mut() };
        let mut link = mem::replace(&mut node.link, ptr::null_mut());
        while let Some(raw) = NonNull::new(link) {
            let mut object = Object {
                node: raw,
                owns: PhantomData,
            };
            // SAFETY: a non-null link owns its node; `object` holds it now.
            let node = unsafe { object.node.as_mut() };
            link = mem::replace(&mut node.link, ptr::null_mut());
        }
    }
}

impl<T> fmt::Debug for Chain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("len", &self.len())
            .field("weight", &self.weight())
            .finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::rc::Rc;

    fn weighing<T>(value: T, bytes: usize) -> Object<T> {
        Object::new(value).weighing(bytes as u64)
    }

    #[test]
    fn a_chain_knows_its_length_and_weight_at_every_step() {
        let chain = Chain::of(weighing('c', 1)).preceded_by(weighing('b', 10));
        let chain = chain.preceded_by(weighing('a', 100));
        assert_eq!((chain.len(), chain.weight()), (3, 111));
        let (a, rest) = chain.split();
        let rest = rest.expect("two more");
        assert_eq!((*a.value(), a.weight()), ('a', 100));
        assert_eq!((rest.len(), rest.weight()), (2, 11));
        let (b, rest) = rest.split();
        assert_eq!((*b.value(), b.weight()), ('b', 10));
        let (c, rest) = rest.expect("one more").split();
        assert_eq!((*c.value(), c.weight()), ('c', 1));
        assert!(rest.is_none());
    }

    #[test]
    fn dropping_a_chain_drops_every_object_once() {
        let token = Rc::new(());
        let object = || Object::new(Rc::clone(&token));
        drop(
            Chain::of(object())
                .preceded_by(object())
                .preceded_by(object()),
        );
        assert_eq!(Rc::strong_count(&token), 1);
    }

    #[test]
    fn a_weight_beyond_the_address_space_saturates() {
        let object = weighing((), HEAVIEST);
        assert_eq!(object.weight(), Measure::MAX_WEIGHT);
        let chain = Chain::of(object).preceded_by(weighing((), HEAVIEST));
        assert_eq!((chain.weight(), chain.len()), (Measure::MAX_WEIGHT, 2));
        drop(chain.split());
    }

    #[test]
    fn over_aligned_and_zero_sized_values_keep_their_shape() {
        #[repr(align(4096))]
        struct Page(u8);
        let page = Object::new(Page(7));
        assert_eq!(std::ptr::from_ref(page.value()).addr() % 4096, 0);
        assert_eq!(page.into_value().0, 7);
        Object::new(()).into_value();
    }
}

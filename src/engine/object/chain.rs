//! A chain: linked objects, the unit that a slot holds.
//!
//! One thread often makes a chain and another takes it apart. Each node is then in a cache line that the first thread has
//! written, and following the links would wait for one line after the other. So each node also points to the node three
//! places further on, which is prefetched meanwhile.

use super::{AnyObject, Measure, Node};
use std::ptr::{self, NonNull};

/// Prefetches a node's cache line. Any address is allowed.
#[inline(always)]
fn prefetch(node: *const Node) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has this instruction, and it never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(node.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _no_stable_intrinsic = node;
}

/// One object or more, linked, without their type. One word wide.
#[repr(transparent)]
#[must_use = "dropping it leaks the objects"]
pub(crate) struct Chain {
    head: AnyObject,
}

impl Chain {
    /// The longest chain.
    pub(crate) const LONGEST: u64 = Measure::MAX_LENGTH;

    /// A chain of one.
    #[inline]
    pub(crate) fn of(object: AnyObject) -> Self {
        Chain { head: object }
    }

    /// A chain of these objects, each with its weight. The last one becomes the head. `None`: there was no object.
    #[inline]
    pub(crate) fn of_all(objects: impl Iterator<Item = (AnyObject, u64)>) -> Option<Self> {
        // The last three nodes, the newest first. Not an array: written in words and read as a whole, it would stall on
        // store forwarding.
        let (mut first, mut second, mut third) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let (mut weight, mut length) = (0, 0);
        for (object, bytes) in objects {
            weight = (weight + bytes).min(Measure::MAX_WEIGHT);
            length += 1;
            let mut chain = Chain::of(object).measuring(Measure::new(weight, length));
            let node = chain.head.node_mut();
            node.link = first;
            node.ahead = third;
            (first, second, third) = (chain.into_raw().as_ptr(), first, second);
        }
        // SAFETY: from `into_raw` above, with the rest of the chain linked to it.
        NonNull::new(first).map(|head| unsafe { Chain::from_raw(head) })
    }

    /// The length and the weight.
    #[inline]
    pub(crate) fn measure(&self) -> Measure {
        self.head.node().measure
    }

    /// The number of objects.
    pub(crate) fn len(&self) -> u64 {
        self.measure().length()
    }

    /// The sum of their weights, in bytes.
    #[inline]
    pub(crate) fn weight(&self) -> u64 {
        self.measure().weight()
    }

    /// Sets the measure of the head.
    #[inline]
    fn measuring(mut self, measure: Measure) -> Self {
        self.head.node_mut().measure = measure;
        self
    }

    /// The first object and the rest. The object's weight stays that of the chain: nobody reads it while the object is
    /// lent.
    #[inline(always)]
    pub(crate) fn pop_front(self) -> (AnyObject, Option<Chain>) {
        let mut head = self.head;
        let node = head.node_mut();
        let Some(rest) = NonNull::new(node.link) else {
            return (head, None);
        };
        node.link = ptr::null_mut();
        prefetch(node.ahead.cast_const());
        // SAFETY: the link of the last object is null. Another link owns the rest of the chain, and was just cleared.
        (head, Some(unsafe { Chain::from_raw(rest) }))
    }

    /// The chain `object, below...`. The measure of its head is still to be set.
    #[inline]
    pub(crate) fn unmeasured(mut object: AnyObject, below: Option<Chain>) -> Self {
        object.node_mut().link = below.map_or(ptr::null_mut(), |below| below.into_raw().as_ptr());
        Chain { head: object }
    }

    /// The chain `object, self...`.
    pub(crate) fn preceded_by(self, object: AnyObject) -> Self {
        let weight = (object.weight() + self.weight()).min(Measure::MAX_WEIGHT);
        let measure = Measure::new(weight, self.len() + 1);
        Chain::unmeasured(object, Some(self)).measuring(measure)
    }

    /// The chain `self..., below...`. Returns both if it would be longer than [`LONGEST`](Self::LONGEST).
    pub(crate) fn before(self, below: Chain) -> Result<Self, (Self, Self)> {
        let (weight, length) = (below.weight(), below.len());
        if self.len() + length > Self::LONGEST {
            return Err((self, below));
        }
        let mut node = self.head.node;
        loop {
            // SAFETY: the chain is owned here, so nothing else refers to its nodes.
            let here = unsafe { node.as_mut() };
            let sum = (here.measure.weight() + weight).min(Measure::MAX_WEIGHT);
            here.measure = Measure::new(sum, here.measure.length() + length);
            let Some(next) = NonNull::new(here.link) else {
                here.link = below.into_raw().as_ptr();
                return Ok(self);
            };
            node = next;
        }
    }

    /// The first object, with its own weight, and the rest.
    #[inline]
    pub(crate) fn split(self) -> (AnyObject, Option<Chain>) {
        let (head, rest) = self.pop_front();
        let Some(rest) = rest else {
            return (head, None);
        };
        let weight = head.weight() - rest.weight();
        (head.weighing(weight), Some(rest))
    }

    /// Gives up ownership. [`from_raw`](Self::from_raw) takes it back.
    #[inline]
    pub(crate) fn into_raw(self) -> NonNull<Node> {
        self.head.node
    }

    /// Takes ownership back.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw), and this is the only call for it.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: NonNull<Node>) -> Self {
        Chain { head: AnyObject { node: raw } }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::engine::tests::{number, value};

    fn weighing(value: usize, bytes: u64) -> AnyObject {
        number(value).weighing(bytes)
    }

    /// Frees an object.
    fn taken(object: AnyObject) -> (usize, u64) {
        let weight = object.weight();
        (value(object), weight)
    }

    /// Frees a chain.
    fn all(chain: Chain) -> Vec<(usize, u64)> {
        let mut rest = Some(chain);
        std::iter::from_fn(|| {
            let (object, others) = rest.take()?.split();
            rest = others;
            Some(taken(object))
        })
        .collect()
    }

    #[test]
    fn a_chain_knows_its_length_and_weight_at_every_step() {
        let chain = Chain::of(weighing(3, 1)).preceded_by(weighing(2, 10));
        let chain = chain.preceded_by(weighing(1, 100));
        assert_eq!((chain.len(), chain.weight()), (3, 111));
        let (a, rest) = chain.split();
        let rest = rest.expect("two more");
        assert_eq!(taken(a), (1, 100));
        assert_eq!((rest.len(), rest.weight()), (2, 11));
        let (b, rest) = rest.split();
        assert_eq!(taken(b), (2, 10));
        let (c, rest) = rest.expect("one more").split();
        assert_eq!(taken(c), (3, 1));
        assert!(rest.is_none());
    }

    #[test]
    fn chains_are_joined_unless_that_were_too_long() {
        let two = || Chain::of(weighing(2, 10)).preceded_by(weighing(1, 100));
        let four = two().before(two()).ok().expect("short");
        assert_eq!((four.len(), four.weight()), (4, 220));
        assert_eq!(all(four), [(1, 100), (2, 10), (1, 100), (2, 10)]);
        let long = Chain::of(weighing(26, 1)).measuring(Measure::new(1, Chain::LONGEST));
        let (back, long) = two().before(long).err().expect("too long");
        assert_eq!(all(back).len(), 2);
        assert_eq!(all(long.measuring(Measure::new(1, 1))).len(), 1);
    }

    #[test]
    fn a_weight_beyond_the_address_space_saturates() {
        let object = weighing(0, Measure::MAX_WEIGHT);
        assert_eq!(object.weight(), Measure::MAX_WEIGHT);
        let chain = Chain::of(object).preceded_by(weighing(0, Measure::MAX_WEIGHT));
        assert_eq!((chain.weight(), chain.len()), (Measure::MAX_WEIGHT, 2));
        assert_eq!(all(chain).len(), 2);
    }
}

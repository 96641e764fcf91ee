//! One chain its owner moves with plain loads and stores, and a collector may call in.
//!
//! The owner's path has no read-modify-write and no fence instruction. The collector must still be
//! able to empty the slot while the owner sleeps, or memory would depend on a thread waking up.
//!
//! | `seq` | `claim` | the slot belongs to |
//! |---|---|---|
//! | even | 0 | its owner, who is outside |
//! | odd | 0 | its owner, who is inside |
//! | odd | ticket | its owner, who entered before the claim; the collector turns away |
//! | even | ticket | the collector; the owner turns away when it comes |
//!
//! **Fields.** `seq` is written by the owner only. `claim` goes from 0 to a ticket by compare-exchange,
//! and back to 0 by the collector that holds the ticket. `head`, `measure` and `allowance` are
//! written only by whom the table names; anyone may look at them to count. `depth` is a wish, written
//! by anyone.
//!
//! **Depth.** How long the chain may be: 1 at first, twice as much each time its owner finds in its own
//! deque what it had put there (an overflow, then an underflow), 1 again when a thread finds nothing
//! anywhere, and at each cycle. So a burst moves whole chains through the deque, and a thread that
//! never had one keeps one object out of the others' reach.
//!
//! **Protocol.** Owner: `seq` odd, light fence, look at `claim`; if 0 use the slot; `seq` even. If
//! not 0, `seq` even, and use the deque instead: the owner never waits. Collector: claim, **heavy
//! fence** (one for any number of slots), look at `seq`; if even use the slot; release the claim.
//! Nothing else runs in between: chains are moved, no user code is called.
//!
//! **Proof sketch.** *Enter* is the owner's light fence, *Seize* the collector's heavy one; one comes
//! first in the order of all such fences.
//!
//! * If *Enter* comes first, the odd `seq` is visible to the collector's look: it turns away, unless
//!   it sees a later even `seq`, whose Release hands the slot's contents over.
//! * If *Seize* comes first, the claim is visible to the owner's look: it turns away, unless it sees
//!   the later 0, whose Release hands the slot's contents back.
//!
//! So the two never use the slot at once, and each use happens-before the next.
//!
//! `seq / 2` is the number of operations that passed here, which is all the counting the hot path
//! ever does.

mod collector;

use crate::moved::{Placed, Seized, Turn};
use crate::object::{Chain, Measure, Node, Object};
use crate::sync::Witness;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};
use crate::sync::fence;
use std::ptr::{self, NonNull};

/// A collector's mark on a claimed slot: never 0, and never two at once with the same value.
pub(crate) type Ticket = std::num::NonZeroU32;

/// The most that a chain of several objects may weigh, in bytes: what is dear to make is dear to
/// hide, too.
const HEAVY: u64 = 64 << 10;

/// The slot.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Private<T> {
    seq: AtomicU64,
    head: AtomicPtr<Node<T>>,
    /// The [`Measure`] of the chain at `head`, which the head's box need not know; stale when `head`
    /// is null.
    measure: AtomicU64,
    /// A chain may stay here only if it weighs less than this. `u64::MAX` in a pool without bounds,
    /// 0 where the budget has lent this slot nothing.
    allowance: AtomicU64,
    claim: AtomicU32,
    /// How many objects the chain may have.
    depth: AtomicU32,
    witness: Witness,
}

impl<T> Private<T> {
    pub(crate) fn new() -> Self {
        Private {
            seq: AtomicU64::new(0),
            head: AtomicPtr::new(ptr::null_mut()),
            measure: AtomicU64::new(0),
            allowance: AtomicU64::new(0),
            claim: AtomicU32::new(0),
            depth: AtomicU32::new(1),
            witness: Witness::default(),
        }
    }

    /// Opens the slot for its owner, runs `f`, closes it. `f` gets `false` when the slot is claimed.
    ///
    /// # Safety
    ///
    /// Owner only: no other call overlaps this one, and the previous one happens-before it.
    #[inline(always)]
    unsafe fn enter<R>(&self, f: impl FnOnce(bool) -> R) -> (R, Turn) {
        // Relaxed: only the owner writes `seq`.
        let seq = self.seq.load(Relaxed);
        // Relaxed: the light fence orders it before the look at `claim`.
        self.seq.store(seq + 1, Relaxed);
        fence::light();
        // Acquire: pairs with the Release in `release`; the collector's use is over.
        let open = self.claim.load(Acquire) == 0;
        let result = f(open);
        // Release: pairs with the Acquire in `seize`; hands the slot's contents over.
        self.seq.store(seq + 2, Release);
        (result, Turn(seq))
    }

    /// Takes an object.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    #[inline(always)]
    pub(crate) unsafe fn take(&self) -> (Option<Object<T>>, Turn) {
        let take = |open: bool| {
            if !open {
                return None;
            }
            self.witness.exclusive(|| {
                // Relaxed: the slot is ours until `seq` is even.
                let chain = NonNull::new(self.head.load(Relaxed))?;
                // SAFETY: `head` owns its chain; it is overwritten before the slot closes.
                let chain = unsafe { Chain::from_raw(chain) };
                let (object, rest) = chain.lend();
                let rest = rest.map_or(ptr::null_mut(), |rest| {
                    self.measure_as(rest.measure());
                    rest.into_raw().as_ptr()
                });
                // Relaxed: as above.
                self.head.store(rest, Relaxed);
                Some(object)
            })
        };
        // SAFETY: the caller is the owner.
        unsafe { self.enter(take) }
    }

    /// Puts an object of this weight into a slot that its owner sees empty. The weight is noted in the object itself only when it
    /// leaves for elsewhere: here it stands in the slot.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    #[inline(always)]
    pub(crate) unsafe fn put_first(&self, object: Object<T>, weight: u64) -> (Placed<T>, Turn) {
        let put = |open: bool| {
            // Relaxed: the slot is ours until `seq` is even.
            if !open || weight >= self.allowance.load(Relaxed) {
                return Placed::Refused(object);
            }
            debug_assert!(self.is_empty());
            self.witness
                .exclusive(|| self.hold(Chain::of(object), Measure::new(weight, 1)));
            Placed::Kept
        };
        // SAFETY: the caller is the owner.
        unsafe { self.enter(put) }
    }

    /// Whether the slot is empty: what its owner sees empty stays so, for nobody else fills it.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: as above.
        self.head.load(Relaxed).is_null()
    }

    /// Like [`put_first`](Self::put_first), into a slot that may hold something.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    pub(crate) unsafe fn put(&self, object: Object<T>, weight: u64) -> (Placed<T>, Turn) {
        let put = |open: bool| {
            // Relaxed: the slot is ours until `seq` is even.
            if !open || weight >= self.allowance.load(Relaxed) {
                return Placed::Refused(object);
            }
            self.place(object, weight)
        };
        // SAFETY: the caller is the owner.
        unsafe { self.enter(put) }
    }

    /// Like [`put`](Self::put), with an allowance that the budget has just raised from `old`. Refused
    /// when a collector has changed the allowance in between.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    pub(crate) unsafe fn put_allowed(
        &self,
        object: Object<T>,
        weight: u64,
        old: u64,
        new: u64,
    ) -> Placed<T> {
        let put = |open: bool| {
            // Relaxed, both: the slot is ours until `seq` is even.
            if !open || self.allowance.load(Relaxed) != old {
                return Placed::Refused(object);
            }
            self.allowance.store(new, Relaxed);
            self.place(object, weight)
        };
        // SAFETY: the caller is the owner.
        unsafe { self.enter(put) }.0
    }

    /// The inside of a put.
    #[inline(always)]
    fn place(&self, object: Object<T>, weight: u64) -> Placed<T> {
        self.witness.exclusive(|| {
            // Relaxed: the slot is ours until `seq` is even.
            match NonNull::new(self.head.load(Relaxed)) {
                None => {
                    self.hold(Chain::of(object), Measure::new(weight, 1));
                    Placed::Kept
                }
                Some(head) => self.pile(head, object, weight),
            }
        })
    }

    /// A put on top of a chain: it grows, or the newest stays and the chain goes down.
    #[inline]
    fn pile(&self, head: NonNull<Node<T>>, object: Object<T>, weight: u64) -> Placed<T> {
        let measure = self.measure();
        // SAFETY: `head` owns its chain; `hold` overwrites it before the slot closes.
        let old = unsafe { Chain::from_raw(head) }.measuring(measure);
        let (weights, length) = (measure.weight() + weight, measure.length() + 1);
        // Relaxed: a wish, and at most `Chain::LONGEST`.
        if length <= u64::from(self.depth.load(Relaxed)) && weights <= HEAVY {
            self.hold(old.below(object), Measure::new(weights, length));
            return Placed::Kept;
        }
        self.hold(Chain::of(object), Measure::new(weight, 1));
        Placed::Displaced(old)
    }

    /// Puts a whole chain into the empty slot; gives it back when the slot is claimed.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    pub(crate) unsafe fn refill(&self, chain: Chain<T>) -> Result<(), Chain<T>> {
        let refill = |open: bool| {
            // Relaxed: the slot is ours until `seq` is even.
            if !open || !self.head.load(Relaxed).is_null() {
                return Err(chain);
            }
            self.witness.exclusive(|| {
                let measure = chain.measure();
                self.hold(chain, measure);
            });
            Ok(())
        };
        // SAFETY: the caller is the owner.
        unsafe { self.enter(refill) }.0
    }

    /// Sets what the slot holds; it is the caller's for the moment.
    #[inline(always)]
    fn hold(&self, chain: Chain<T>, measure: Measure) {
        self.measure_as(measure);
        // Relaxed: the slot is the caller's.
        self.head.store(chain.into_raw().as_ptr(), Relaxed);
    }

    fn measure(&self) -> Measure {
        // Relaxed: the slot is the caller's, or this is a figure.
        Measure::from_bits(self.measure.load(Relaxed))
    }

    #[inline(always)]
    fn measure_as(&self, measure: Measure) {
        // Relaxed: the slot is the caller's.
        self.measure.store(measure.to_bits(), Relaxed);
    }

    /// How many objects the chain may have.
    pub(crate) fn depth(&self) -> u32 {
        // Relaxed: a wish.
        self.depth.load(Relaxed)
    }

    /// Sets how many objects the chain may have. What is longer goes down with the owner's next put.
    pub(crate) fn set_depth(&self, depth: u32) {
        // Relaxed: a wish; the last one counts.
        self.depth.store(depth, Relaxed);
    }

    /// Takes everything out, and the allowance back if `reclaim`, before the owner leaves. `None`: a
    /// collector has claimed the slot, and sees to it.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    pub(crate) unsafe fn vacate(&self, reclaim: bool) -> Option<Seized<T>> {
        // SAFETY: the caller is the owner.
        unsafe { self.enter(|open| open.then(|| self.clear_out(reclaim))) }.0
    }

    /// Takes what is in the slot, which is the caller's for the moment.
    fn clear_out(&self, reclaim: bool) -> Seized<T> {
        self.witness.exclusive(|| {
            // Relaxed, all: the slot is the caller's.
            let head = NonNull::new(self.head.load(Relaxed));
            self.head.store(ptr::null_mut(), Relaxed);
            let allowance = self.allowance.load(Relaxed);
            if reclaim {
                self.allowance.store(0, Relaxed);
            }
            // SAFETY: `head` owned its chain and was just cleared.
            let chain = head.map(|head| unsafe { Chain::from_raw(head) });
            Seized {
                chain: chain.map(|chain| chain.measuring(self.measure())),
                allowance: if reclaim { allowance } else { 0 },
            }
        })
    }

    /// The allowance now; the owner's own view is exact unless a collector is inside.
    pub(crate) fn allowance(&self) -> u64 {
        // Relaxed: a figure to decide by; `put` looks again inside.
        self.allowance.load(Relaxed)
    }

    /// Sets the first allowance, before the slot has an owner.
    pub(crate) fn allow(&self, allowance: u64) {
        // Relaxed: the worker is published to its owner after this.
        self.allowance.store(allowance, Relaxed);
    }

    /// The owner's last operation.
    pub(crate) fn last_turn(&self) -> Turn {
        Turn(self.seq().wrapping_sub(2))
    }

    /// Where the owner stands: odd is inside. For counting, and for telling idle from busy.
    pub(crate) fn seq(&self) -> u64 {
        // Relaxed: nothing is concluded from it about the contents.
        self.seq.load(Relaxed)
    }

    /// Objects in the slot and their weight; exact when nobody uses it.
    pub(crate) fn census(&self) -> (u64, u64) {
        // Relaxed: a figure.
        if self.head.load(Relaxed).is_null() {
            return (0, 0);
        }
        let measure = self.measure();
        (measure.length(), measure.weight())
    }
}

impl<T> Drop for Private<T> {
    fn drop(&mut self) {
        // Relaxed: `&mut self` is exclusive.
        if let Some(head) = NonNull::new(self.head.load(Relaxed)) {
            // SAFETY: `head` owns its chain, and the slot ends here.
            drop(unsafe { Chain::from_raw(head) });
        }
    }
}

//! One chain its owner moves with plain loads and stores, and a collector may call in.
//!
//! The owner's path has no read-modify-write and no fence instruction. The collector must still be
//! able to empty the slot while the owner sleeps, or memory would depend on a thread waking up.
//!
//! | `inside` | `claim` | the slot belongs to |
//! |---|---|---|
//! | 0 | 0 | its owner, who is outside |
//! | 1 | 0 | its owner, who is inside |
//! | 1 | 1 | its owner, who entered before the claim; the collector turns away |
//! | 1 | 1 | the collector, if the owner entered after the claim; the owner turns away |
//! | 0 | 1 | the collector; the owner turns away when it comes |
//!
//! **Fields.** `inside` and `arrivals` are written by the owner only. `claim` goes from 0 to 1 by compare-exchange,
//! and back to 0 by the collector that did this. `head`, `measure` and `allowance` are
//! written only by whom the table names; anyone may look at them to count. `depth` is a wish, written
//! by anyone.
//!
//! **Depth.** How long the chain may be: 1 at first, twice as much each time its owner finds in its own
//! deque what it had put there (an overflow, then an underflow) or steals a chain, an eighth more while
//! it gives more than others take; 1 again when a thread finds nothing anywhere, and at a cycle that finds
//! several objects here while the owner is at work. So a burst moves whole chains through the deque, and
//! a thread that never had one keeps one object out of the others' reach.
//!
//! **Protocol.** Owner: `inside` 1, light fence, look at `claim`; if 0 use the slot; `inside` 0. If
//! not 0, `inside` 0, and use the deque instead: the owner never waits. Collector: claim, **heavy
//! fence** (one for up to 64 slots), look at `inside`; if 0 use the slot; release the claim.
//! Nothing else runs in between: chains are moved, no user code is called.
//!
//! **Proof sketch.** *Enter* is the owner's light fence, *Seize* the collector's heavy one; one comes
//! first in the order of all such fences.
//!
//! * If *Enter* comes first, the 1 in `inside` is visible to the collector's look: it turns away,
//!   unless it sees a later 0, whose Release hands the slot's contents over.
//! * If *Seize* comes first, the claim is visible to the owner's look: it turns away, unless it sees
//!   the later 0, whose Release hands the slot's contents back.
//!
//! So the two never use the slot at once, and each use happens-before the next.
//!
//! `arrivals` counts what came to the slot, which is all the counting the hot path ever does. It
//! also tells a collector whether anything has come since a collector last looked: if not, all that is there
//! is at least as old as that look, or was on its way then. A hit counts nothing: what has come and is not here any more was
//! handed out.

mod collector;
mod lent;

use crate::allowance::Allowance;
use crate::moved::{Placed, Seized, Turn};
use crate::object::{Chain, Measure, Node, Object};
use crate::sync::Witness;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicPtr, AtomicU8, AtomicU16, AtomicU64};
use crate::sync::chaos::point;
use crate::sync::fence;
use std::ptr::{self, NonNull};

/// The most that a chain of several objects may weigh, in bytes: what is dear to make is dear to
/// hide, too.
pub(crate) const HEAVY: u64 = 64 << 10;

/// The slot.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Private<T> {
    arrivals: AtomicU64,
    head: AtomicPtr<Node<T>>,
    /// The [`Measure`] of the chain at `head`, which the head's box need not know; stale when `head`
    /// is null.
    measure: AtomicU64,
    /// What the slot may hold, as an [`Allowance`]: everything in a pool without bounds, nothing where
    /// the budget has lent it nothing.
    allowance: AtomicU64,
    claim: AtomicU8,
    /// How many objects the chain may have.
    depth: AtomicU16,
    inside: AtomicU8,
    /// Misses of the owner in a row, as far as it is counted.
    misses: AtomicU8,
    witness: Witness,
}

impl<T> Private<T> {
    pub(crate) fn new() -> Self {
        Private {
            arrivals: AtomicU64::new(0),
            head: AtomicPtr::new(ptr::null_mut()),
            measure: AtomicU64::new(0),
            allowance: AtomicU64::new(0),
            claim: AtomicU8::new(0),
            depth: AtomicU16::new(1),
            inside: AtomicU8::new(0),
            misses: AtomicU8::new(0),
            witness: Witness::default(),
        }
    }

    /// Opens the slot for its owner, runs `f`, closes it. `f` gets `false` when the slot is claimed.
    ///
    /// # Safety
    ///
    /// Owner only: no other call overlaps this one, and the previous one happens-before it.
    #[inline(always)]
    unsafe fn enter<R>(&self, f: impl FnOnce(bool) -> R) -> R {
        // Relaxed: the light fence orders it before the look at `claim`.
        self.inside.store(1, Relaxed);
        fence::light();
        point("slot: inside");
        // Acquire: pairs with the Release in `release`; the collector's use is over.
        let open = self.claim.load(Acquire) == 0;
        point("slot: looked");
        let result = f(open);
        point("slot: leaving");
        // Release: pairs with the Acquire in `is_inside`; hands the slot's contents over.
        self.inside.store(0, Release);
        result
    }

    /// Counts an arrival. Only the owner does.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    #[inline(always)]
    pub(crate) unsafe fn arrive(&self) -> Turn {
        // Relaxed, both: only the owner writes it, and a collector that needs it exact reads it once
        // the owner is known to be outside.
        let arrivals = self.arrivals.load(Relaxed).wrapping_add(1);
        self.arrivals.store(arrivals, Relaxed);
        Turn(arrivals as u32)
    }

    /// Takes an object.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    #[inline(always)]
    pub(crate) unsafe fn take(&self) -> Option<Object<T>> {
        let take = |open: bool| {
            if !open {
                return None;
            }
            self.witness.exclusive(|| {
                // Relaxed: the slot is ours until we leave.
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

    /// Puts an object of this weight into a slot that its owner sees empty. The weight is noted in
    /// the object itself only when it leaves for elsewhere: here it stands in the slot.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    #[inline(always)]
    pub(crate) unsafe fn put_first(&self, object: Object<T>, weight: u64) -> (Placed<T>, Turn) {
        let put = |open: bool| {
            // SAFETY: the caller is the owner.
            let turn = unsafe { self.arrive() };
            // Relaxed: the slot is ours until we leave.
            if !open || !self.allowance().covers_one(weight) {
                return (Placed::Refused(object), turn);
            }
            debug_assert!(self.is_empty());
            self.witness
                .exclusive(|| self.hold(Chain::of(object), Measure::new(weight, 1)));
            (Placed::Kept, turn)
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
            // SAFETY: the caller is the owner.
            let turn = unsafe { self.arrive() };
            // Relaxed: the slot is ours until we leave.
            if !open || !self.allowance().covers_one(weight) {
                return (Placed::Refused(object), turn);
            }
            (self.place(object, weight), turn)
        };
        // SAFETY: the caller is the owner.
        unsafe { self.enter(put) }
    }

    /// The inside of a put.
    #[inline(always)]
    fn place(&self, object: Object<T>, weight: u64) -> Placed<T> {
        self.witness.exclusive(|| {
            // Relaxed: the slot is ours until we leave.
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
            let both = Measure::new(weights, length);
            if self.allowance().covers(both) {
                self.hold(old.below(object), both);
                return Placed::Kept;
            }
        }
        self.hold(Chain::of(object), Measure::new(weight, 1));
        Placed::Displaced(old)
    }

    /// Puts a whole chain into the empty slot; gives it back when the slot is claimed, or may not hold
    /// so much.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    pub(crate) unsafe fn refill(&self, chain: Chain<T>) -> Result<(), Chain<T>> {
        let refill = |open: bool| {
            // Relaxed: the slot is ours until we leave.
            let fits = self.allowance().covers(chain.measure());
            if !open || !fits || !self.head.load(Relaxed).is_null() {
                return Err(chain);
            }
            // SAFETY: the caller is the owner.
            unsafe { self.arrive() };
            self.witness.exclusive(|| {
                let measure = chain.measure();
                self.hold(chain, measure);
            });
            Ok(())
        };
        // SAFETY: the caller is the owner.
        unsafe { self.enter(refill) }
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
    pub(crate) fn depth(&self) -> u16 {
        // Relaxed: a wish.
        self.depth.load(Relaxed)
    }

    /// Sets how many objects the chain may have. What is longer goes down with the owner's next put.
    pub(crate) fn set_depth(&self, depth: u16) {
        // Relaxed: a wish; the last one counts.
        self.depth.store(depth, Relaxed);
    }

    /// Notes whether a get has found something below. `true` for the misses in a row that are a power of
    /// two: often at first, seldom for who starves on.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    pub(crate) unsafe fn starves(&self, found: bool) -> bool {
        // Relaxed, both: only the owner uses it.
        let misses = match (found, self.misses.load(Relaxed)) {
            (true, _) => 0,
            (false, misses) => misses.wrapping_add(1),
        };
        self.misses.store(misses, Relaxed);
        misses.is_power_of_two()
    }

    /// Takes everything out, and the allowance too if `reclaim`, before the owner leaves. `None`: a
    /// collector has claimed the slot, and sees to it.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    pub(crate) unsafe fn vacate(&self, reclaim: bool) -> Option<Seized<T>> {
        // SAFETY: the caller is the owner.
        unsafe { self.enter(|open| open.then(|| self.clear_out(reclaim))) }
    }

    /// Takes what is in the slot, which is the caller's for the moment.
    fn clear_out(&self, reclaim: bool) -> Seized<T> {
        self.witness.exclusive(|| {
            // Relaxed, all: the slot is the caller's.
            let head = NonNull::new(self.head.load(Relaxed));
            self.head.store(ptr::null_mut(), Relaxed);
            let allowance = self.allowance();
            if reclaim {
                self.allow(Allowance::NOTHING);
            }
            // SAFETY: `head` owned its chain and was just cleared.
            let chain = head.map(|head| unsafe { Chain::from_raw(head) });
            Seized {
                chain: chain.map(|chain| chain.measuring(self.measure())),
                lent: reclaim.then(|| allowance.beyond(Allowance::NOTHING)),
            }
        })
    }

    /// The allowance now; the owner's own view is exact unless a collector is inside.
    #[inline(always)]
    pub(crate) fn allowance(&self) -> Allowance {
        // Relaxed: the slot is the caller's, or this is a figure to decide by; `put` looks again inside.
        Allowance::from_bits(self.allowance.load(Relaxed))
    }

    /// Sets the allowance: the first one, before the slot has an owner, or while it is the caller's.
    pub(crate) fn allow(&self, allowance: Allowance) {
        // Relaxed: the worker is published to its owner after this, or the slot is the caller's.
        self.allowance.store(allowance.to_bits(), Relaxed);
    }

    /// What has come to the slot: puts, also those that were turned away, chains from below, and misses.
    /// For counting, and for telling old from new.
    pub(crate) fn arrivals(&self) -> u64 {
        // Relaxed: nothing is concluded from it about the contents.
        self.arrivals.load(Relaxed)
    }

    /// The owner's last arrival.
    pub(crate) fn last_turn(&self) -> Turn {
        Turn(self.arrivals() as u32)
    }

    /// Whether the owner is inside. If not, what it did before happens-before what follows.
    pub(crate) fn is_inside(&self) -> bool {
        // Acquire: pairs with the Release in `enter`; the owner's use is over.
        self.inside.load(Acquire) == 1
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

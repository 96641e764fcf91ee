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
//! and back to 0 by the collector that holds the ticket. `head`, `weight` and `allowance` are
//! written only by whom the table names; anyone may look at them to count.
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

use crate::object::{Chain, Node, Object};
use crate::sync::Witness;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};
use crate::sync::fence;
use crate::sync::scale::TICK;
use std::ptr::{self, NonNull};

/// A collector's mark on a claimed slot: never 0, and never two at once with the same value.
pub(crate) type Ticket = std::num::NonZeroU32;

/// How many objects a private slot holds.
///
/// One keeps the objects alive at most the peak number of holders plus one for each worker.
pub(crate) const CAPACITY: u64 = 1;

/// The slot.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Private<T> {
    seq: AtomicU64,
    head: AtomicPtr<Node<T>>,
    /// Weight of the chain at `head`; stale when `head` is null.
    weight: AtomicU64,
    /// A chain may stay here only if it weighs less than this. `u64::MAX` in a pool without bounds,
    /// 0 where the budget has lent this slot nothing.
    allowance: AtomicU64,
    claim: AtomicU32,
    witness: Witness,
}

/// What became of a put.
#[derive(Debug)]
pub(crate) enum Placed<T> {
    /// The object is in the slot.
    Kept,
    /// The object is in the slot, and what was there before must go further down.
    Displaced(Chain<T>),
    /// The slot is claimed, or not allowed to hold so much: the object must go further down. Its
    /// weight is not noted in it.
    Refused(Object<T>),
}

impl<T> Private<T> {
    pub(crate) fn new() -> Self {
        Private {
            seq: AtomicU64::new(0),
            head: AtomicPtr::new(ptr::null_mut()),
            weight: AtomicU64::new(0),
            allowance: AtomicU64::new(0),
            claim: AtomicU32::new(0),
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
                if CAPACITY == 1 {
                    // Relaxed: as above.
                    self.head.store(ptr::null_mut(), Relaxed);
                    return Some(chain.into_only());
                }
                let (object, rest) = chain.split();
                let rest = rest.map_or(ptr::null_mut(), |rest| {
                    // Relaxed: as above.
                    self.weight.store(rest.weight(), Relaxed);
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

    /// Puts an object of this weight on top. The weight is noted in the object itself only when it
    /// leaves for elsewhere: here it stands in the slot.
    ///
    /// # Safety
    ///
    /// Owner only, as for [`enter`](Self::enter).
    #[inline(always)]
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

    /// The inside of a put: the newest stays, and what does not fit goes down.
    #[inline(always)]
    fn place(&self, object: Object<T>, weight: u64) -> Placed<T> {
        self.witness.exclusive(|| {
            // Relaxed, here and below: the slot is ours until `seq` is even.
            let Some(old) = NonNull::new(self.head.load(Relaxed)) else {
                self.weight.store(weight, Relaxed);
                self.head
                    .store(Chain::of(object).into_raw().as_ptr(), Relaxed);
                return Placed::Kept;
            };
            // SAFETY: `head` owns its chain; it is overwritten before the slot closes.
            let old = unsafe { Chain::from_raw(old) }.weighing(self.weight.load(Relaxed));
            let (chain, placed) = if CAPACITY > 1 && old.len() < CAPACITY {
                (old.preceded_by(object.weighing(weight)), Placed::Kept)
            } else {
                (Chain::of(object), Placed::Displaced(old))
            };
            let weight = if CAPACITY > 1 { chain.weight() } else { weight };
            self.weight.store(weight, Relaxed);
            self.head.store(chain.into_raw().as_ptr(), Relaxed);
            placed
        })
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
                chain: chain.map(|chain| chain.weighing(self.weight.load(Relaxed))),
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
        // Relaxed, both: figures.
        if self.head.load(Relaxed).is_null() {
            (0, 0)
        } else {
            (CAPACITY, self.weight.load(Relaxed))
        }
    }

    /// First half of the collector's side: claims the slot. `false`: another collector has it.
    ///
    /// After a claim come a heavy fence, [`seize`](Self::seize) and [`release`](Self::release).
    pub(crate) fn claim(&self, ticket: Ticket) -> bool {
        // Acquire: pairs with the Release in `release`; the previous collector's use is over.
        self.claim
            .compare_exchange(0, ticket.get(), Acquire, Relaxed)
            .is_ok()
    }

    /// Whether `ticket` holds the slot.
    pub(crate) fn is_claimed_by(&self, ticket: Ticket) -> bool {
        // Relaxed: only the holder of `ticket` writes it, and that is the caller.
        self.claim.load(Relaxed) == ticket.get()
    }

    /// Second half: takes what is in the slot, and the allowance if `reclaim`, unless the owner is
    /// inside, or `still` is given and the owner has moved on from it.
    ///
    /// # Safety
    ///
    /// The caller claimed the slot with [`claim`](Self::claim), then made a heavy fence that
    /// succeeded, and has not released the claim.
    pub(crate) unsafe fn seize(&self, still: Option<u32>, reclaim: bool) -> Option<Seized<T>> {
        // Acquire: pairs with the Release in `enter`; the owner's use is over.
        let seq = self.seq.load(Acquire);
        if seq % 2 == 1 || still.is_some_and(|still| still != seq as u32) {
            return None;
        }
        // The slot is ours until the claim is released.
        Some(self.clear_out(reclaim))
    }

    /// Gives the slot back to its owner.
    pub(crate) fn release(&self) {
        // Release: pairs with the Acquire loads in `enter` and `claim`.
        self.claim.store(0, Release);
    }
}

/// What was found in a slot.
#[derive(Debug)]
pub(crate) struct Seized<T> {
    pub(crate) chain: Option<Chain<T>>,
    /// The allowance taken back; 0 if none was.
    pub(crate) allowance: u64,
}

/// Which of the owner's operations one was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn(u64);

impl Turn {
    /// Whether it is time to look at the clock: true for one in [`TICK`] operations. Every operation
    /// asks, so that no rhythm of gets and puts can step over it.
    #[inline(always)]
    pub(crate) fn is_tick(self) -> bool {
        self.0 & (2 * TICK - 1) == 0
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

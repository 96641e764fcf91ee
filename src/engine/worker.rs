//! One processor's magazine, and who may move what is in it.
//!
//! While the gate of the magazine is open, restartable sequences of its processor move objects in and out.
//! Everything else is done by whoever has closed the gate, and shows a [`Held`] for it: the header and the
//! objects of the magazine and the local counters are that one's alone. Nobody waits for an open gate; who finds it closed
//! goes further down.
//!
//! **Fields.** `magazine`: see [`magazine`](crate::sys::magazine). `claim`: collectors, from 0 to 1 by
//! compare-exchange, and back by the one that did it. `seen`: the collector that has the claim.
//! Local counters: written by the holder, read by all. Counts: anyone. `granted`: written by the holder, read when nobody
//! uses the pool any more.
//!
//! **Closing.** A thread of the magazine's processor closes the gate by a sequence ([`enter`]); where there
//! are no sequences, any thread does by a compare-exchange ([`try_enter`]): who goes down the ladder and finds
//! nothing takes from other magazines too. A collector claims the worker,
//! stops the gate by a compare-exchange ([`stop`]), and after a heavy barrier that restarts all sequences looks
//! at it again ([`Stop::held`]). A sequence that had read the gate before it was stopped may have closed it
//! over the stop; then that thread has the magazine, and the collector turns away. Without the claim, the
//! stop that it finds might be another collector's.
//!
//! **Orderings.** [`Held`] opens with a Release store. Who closes next by a compare-exchange acquires it. A
//! sequence reads the gate first, and what it reads after that is what the holder left.
//!
//! [`enter`]: super::workers::Workers::enter
//! [`try_enter`]: Worker::try_enter
//! [`stop`]: Worker::stop

use super::counters::{Counter, Outcomes, Ticker, LocalCounter};
use super::held::Held;
use crate::sys::Witness;
use crate::sys::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sys::atomic::{AtomicU16, AtomicU64};
use crate::sys::chaos::point;
use crate::sys::magazine::{self, HELD, Magazine, OPEN, STOPPED};
use crate::sys::once_box::OnceBox;
use crate::sys::scale::REAL;
use std::marker::PhantomData;
use std::mem;
use std::sync::Mutex;

/// One processor's storage in one pool.
#[repr(C, align(128))]
pub(crate) struct Worker<T> {
    pub(crate) magazine: Magazine,
    pub(super) claim: AtomicU16,
    /// What the gate lets in when it opens, as its holder has said last.
    pub(super) granted: AtomicU16,
    index: u32,
    /// What the magazine's weight starts at.
    bias: u64,
    /// The cycle (upper half) in which a collector last looked, and the arrivals by then (lower half).
    pub(crate) seen: AtomicU64,
    /// What the header has counted and does not count any more.
    pub(super) old_count: LocalCounter,
    /// Chains that came up into the magazine.
    pub(super) refills: LocalCounter,
    /// Objects that went from the magazine down, less those that came up again.
    pub(super) spilled: LocalCounter,
    /// What gets of this processor found among the victims, and otherwise than at hand: in slots of any processor, or, without
    /// sequences, in magazines.
    pub(super) victim_hits: Counter,
    pub(super) stolen: Counter,
    /// Gets that found nothing: with a creation after it, and without. One whose constructor panics is in neither.
    pub(crate) created: Counter,
    pub(crate) missed: Counter,
    /// At the clock, as both grow.
    ticker: Ticker,
    /// What seldom becomes of an object.
    pub(crate) outcomes: OnceBox<Outcomes>,
    pub(super) witness: Witness,
    /// `Send` and `Sync` as a mutex is: objects come and go through a shared reference.
    owns: PhantomData<Mutex<T>>,
}

const _: () = assert!(size_of::<Worker<u8>>() == 256 || size_of::<usize>() != 8 || !REAL);

impl<T> Worker<T> {
    /// An empty one, which is the caller's to open.
    pub(crate) fn new(index: usize, bytes: u64) -> Self {
        let bias = magazine::MOST_BYTES - bytes.min(magazine::MOST_BYTES);
        Worker {
            magazine: Magazine::new(bias),
            claim: AtomicU16::new(0),
            granted: AtomicU16::new(0),
            index: index as u32,
            bias,
            seen: AtomicU64::new(0),
            old_count: LocalCounter::default(),
            refills: LocalCounter::default(),
            spilled: LocalCounter::default(),
            victim_hits: Counter::default(),
            stolen: Counter::default(),
            created: Counter::default(),
            missed: Counter::default(),
            ticker: Ticker::default(),
            outcomes: OnceBox::new(),
            witness: Witness::default(),
            owns: PhantomData,
        }
    }

    /// Where the worker stands in the table.
    pub(crate) fn index(&self) -> usize {
        self.index as usize
    }

    /// Objects and bytes in the magazine.
    pub(crate) fn census(&self) -> (u64, u64) {
        // Relaxed: a figure.
        let header = self.magazine.header.load(Relaxed);
        let bytes = magazine::weight(header).saturating_sub(self.bias);
        (magazine::length(header) as u64, bytes)
    }

    /// How often something came into the magazine: by puts, and chains that came up. What is in the magazine while
    /// this stands still is no younger than when it came to stand.
    pub(crate) fn arrivals(&self) -> u64 {
        // Relaxed: a figure.
        let header = self.magazine.header.load(Relaxed);
        let counted = magazine::count(header).wrapping_add(self.old_count.get());
        counted.wrapping_add(self.refills.get())
    }

    /// Whether it is for this get, which finds nothing, to look at the clock.
    #[inline]
    pub(crate) fn is_time(&self) -> bool {
        self.ticker.is_due(self.created.get() + self.missed.get())
    }

    /// How many objects the open gate lets in; `None` while it is closed.
    pub(crate) fn capacity(&self) -> Option<u32> {
        // Relaxed: a look.
        let gate = self.magazine.gate.load(Relaxed);
        (gate & OPEN != 0).then_some(gate as u32)
    }

    /// Whether the gate is open, and lets anything in.
    pub(crate) fn is_open(&self) -> bool {
        self.capacity() > Some(0)
    }

    /// Objects that users have put.
    pub(crate) fn puts(&self) -> u64 {
        self.arrivals().saturating_sub(self.refills.get())
    }

    /// What is held by a thread that has closed the gate.
    ///
    /// # Safety
    ///
    /// The calling thread has closed the gate, which was `gate`, or the worker is known to nobody else yet,
    /// and this is the one call for it.
    #[inline]
    pub(crate) unsafe fn held(&self, gate: u64) -> Held<'_, T> {
        point("worker: held");
        Held::new(self, gate as u32, false)
    }

    /// Closes an open gate, where there are no sequences.
    #[inline]
    pub(crate) fn try_enter(&self) -> Option<Held<'_, T>> {
        let gate = self.close_gate(HELD)?;
        // SAFETY: closed by the exchange just now.
        Some(unsafe { self.held(gate) })
    }

    /// Exchanges an open gate for a closed one; what it was.
    #[inline]
    fn close_gate(&self, closed: u64) -> Option<u64> {
        // Relaxed: the exchange decides.
        let gate = self.magazine.gate.load(Relaxed);
        if gate & OPEN == 0 {
            return None;
        }
        // Acquire: pairs with the Release in `Held::drop`.
        let won = self.magazine.gate.compare_exchange(gate, closed, Acquire, Relaxed);
        won.ok()
    }

    /// A collector claims the worker and stops its magazine.
    pub(crate) fn stop(&self) -> Option<Stop<'_, T>> {
        // Acquire: pairs with the Release in `unclaim`; of several collectors, one wins.
        let won = self.claim.compare_exchange(0, 1, Acquire, Relaxed);
        won.ok()?;
        point("worker: claimed");
        let gate = self.close_gate(STOPPED);
        if gate.is_none() {
            self.unclaim();
        }
        point("worker: stopped");
        Some(Stop { worker: self, gate: gate? })
    }

    pub(super) fn unclaim(&self) {
        // Release: pairs with the Acquire in `stop`.
        self.claim.store(0, Release);
    }
}

/// A worker that a collector has claimed and stopped. Lets go of both when dropped, without a barrier.
#[must_use]
pub(crate) struct Stop<'w, T> {
    worker: &'w Worker<T>,
    gate: u64,
}

impl<'w, T> Stop<'w, T> {
    /// What was stopped, unless a thread has closed the gate over the stop.
    ///
    /// # Safety
    ///
    /// Since the stop there was a barrier that restarted all sequences under way; or there are none.
    pub(crate) unsafe fn held(self) -> Option<Held<'w, T>> {
        // Acquire: after the barrier. What the gate is now, it stays until its holder opens it.
        if self.worker.magazine.gate.load(Acquire) != STOPPED {
            return None;
        }
        point("worker: seized");
        let held = Held::new(self.worker, self.gate as u32, true);
        mem::forget(self);
        Some(held)
    }
}

impl<T> Drop for Stop<'_, T> {
    fn drop(&mut self) {
        // Release: nothing was touched, but what the exchange in `close_gate` acquired is passed on. Relaxed: a
        // thread that closed the gate over the stop opens it.
        let gate = &self.worker.magazine.gate;
        _ = gate.compare_exchange(STOPPED, self.gate, Release, Relaxed);
        self.worker.unclaim();
    }
}

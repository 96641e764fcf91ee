//! A worker: one processor's magazine with its counters, and who may use it.
//!
//! **Invariant.** While the gate is open, only restartable sequences of the processor change the magazine. For everything
//! else a thread closes the gate and gets a [`Held`]. It alone uses the magazine and the local counters, until it opens
//! the gate by a Release store. No thread waits for a gate to open.
//!
//! With sequences, a thread of the processor closes the gate by a sequence ([`enter`]). Without them, any thread closes
//! it by a compare-exchange ([`Worker::try_enter`]). A collector claims the worker, stops the gate ([`Worker::stop`]),
//! makes a barrier, and looks at the gate again ([`Stop::held`]): a sequence that read the open gate may have closed it
//! over the stop. The claim makes sure that the stop it sees is its own. Section 5 of `docs/design.md` has the proof.
//!
//! [`enter`]: super::workers::Workers::enter

use super::{Counter, Held, LocalCounter, Outcomes};
use crate::sys::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::sys::atomic::{AtomicU16, AtomicU64, fence};
use crate::sys::magazine::{self, HELD, Magazine, OPEN, STOPPED};
use crate::sys::scale::REAL;
use crate::sys::{OnceBox, Witness, point};
use std::mem;

/// One processor's magazine in one pool, with its counters.
#[repr(C, align(128))]
pub(crate) struct Worker {
    pub(crate) magazine: Magazine,
    /// 1 while a collector has claimed the worker.
    pub(super) claim: AtomicU16,
    /// The capacity that the last holder granted. Read when the pool has no users left.
    pub(super) granted: AtomicU16,
    index: u32,
    /// The weight that an empty magazine starts with, so that one push too heavy overflows the header.
    bias: u64,
    /// The cycle of a collector's last look (upper half) and the arrivals by then (lower half). Written without a claim.
    pub(crate) seen: AtomicU64,
    /// Puts that the header counted before its count was reset.
    pub(super) old_count: LocalCounter,
    /// Refills of the magazine from slots.
    pub(super) refills: LocalCounter,
    /// Objects that left the magazine otherwise than by a hit or a collector, minus those that came back by refills.
    pub(super) spilled: LocalCounter,
    /// Gets of this processor that found a victim.
    pub(super) victim_hits: Counter,
    /// Gets of this processor that found a primary by a search of all slots, or, without sequences, an object in any
    /// magazine.
    pub(super) stolen: Counter,
    /// Gets that found nothing and created an object. A constructor that panics is not counted.
    pub(crate) created: Counter,
    /// Gets that found nothing and created nothing.
    pub(crate) missed: Counter,
    /// Rare outcomes; made when one is first counted.
    pub(crate) outcomes: OnceBox<Outcomes>,
    pub(super) witness: Witness,
}

const _: () = assert!(size_of::<Worker>() == 768 || size_of::<usize>() != 8 || !REAL);

impl Worker {
    /// An empty worker with a closed gate. The caller opens it.
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
            outcomes: OnceBox::new(),
            witness: Witness::default(),
        }
    }

    /// The index of the worker in the table.
    pub(crate) fn index(&self) -> usize {
        self.index as usize
    }

    /// How many objects and bytes are in the magazine.
    pub(crate) fn census(&self) -> (u64, u64) {
        // Relaxed: a figure.
        let header = self.magazine.header.load(Relaxed);
        let bytes = magazine::weight(header).saturating_sub(self.bias);
        (magazine::length(header) as u64, bytes)
    }

    /// How often something came into the magazine, by a put or a refill. While this does not change, no object in the
    /// magazine is younger than the last change.
    pub(crate) fn arrivals(&self) -> u64 {
        // Relaxed: a figure.
        let header = self.magazine.header.load(Relaxed);
        let counted = magazine::count(header).wrapping_add(self.old_count.get());
        counted.wrapping_add(self.refills.get())
    }

    /// The capacity of the magazine; `None` while its gate is closed.
    pub(crate) fn capacity(&self) -> Option<u32> {
        // Relaxed: a look.
        let gate = self.magazine.gate.load(Relaxed);
        (gate & OPEN != 0).then_some(gate as u32)
    }

    /// Whether the gate is open and the magazine may hold anything.
    pub(crate) fn is_open(&self) -> bool {
        self.capacity() > Some(0)
    }

    /// How many objects users have put into the magazine.
    pub(crate) fn puts(&self) -> u64 {
        self.arrivals().saturating_sub(self.refills.get())
    }

    /// Proof that this thread holds the worker.
    ///
    /// # Safety
    ///
    /// This thread has closed the gate, whose value was `gate`, or it has made the worker, whose gate was never open. Each
    /// closing is followed by one call.
    #[inline]
    pub(crate) unsafe fn held(&self, gate: u64) -> Held<'_> {
        point("worker: held");
        Held::new(self, gate as u32, false)
    }

    /// Closes an open gate. Only where there are no sequences.
    #[inline]
    pub(crate) fn try_enter(&self) -> Option<Held<'_>> {
        let gate = self.close_gate(HELD)?;
        // SAFETY: `close_gate` has closed it just now.
        Some(unsafe { self.held(gate) })
    }

    /// Replaces an open gate by `closed`, and returns what it was.
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

    /// Claims the worker for a collector and stops its gate. `None`: a thread holds the worker, or another collector has
    /// claimed it.
    pub(crate) fn stop(&self) -> Option<Stop<'_>> {
        loop {
            // Acquire: pairs with the Release in `unclaim`; of several collectors, one wins.
            let won = self.claim.compare_exchange(0, 1, Acquire, Relaxed);
            won.ok()?;
            point("worker: claimed");
            if let Some(gate) = self.close_gate(STOPPED) {
                point("worker: stopped");
                return Some(Stop { worker: self, gate });
            }
            self.unclaim();
            // The holder may have opened it, looked for what it left, and found the claim.
            self.capacity()?;
        }
    }

    pub(super) fn unclaim(&self) {
        // Release: pairs with the Acquire in `stop`.
        self.claim.store(0, Release);
        // SeqCst: pairs with the fence in `State::clear_if_retired`. Either a thread that has opened the gate finds the
        // claim free, or this one, if it looks again, finds the gate open.
        fence(SeqCst);
    }
}

/// A worker that a collector has claimed and stopped. Dropping it undoes both.
#[must_use]
pub(crate) struct Stop<'w> {
    worker: &'w Worker,
    gate: u64,
}

impl<'w> Stop<'w> {
    /// Proof that the collector holds the worker. `None`: a thread closed the gate over the stop.
    ///
    /// # Safety
    ///
    /// Since the stop, a barrier has restarted all sequences under way; or there are no sequences.
    pub(crate) unsafe fn held(self) -> Option<Held<'w>> {
        // Acquire: with the barrier before it, sequences that have committed are seen. From now on only a holder changes
        // the gate.
        if self.worker.magazine.gate.load(Acquire) != STOPPED {
            return None;
        }
        point("worker: reclaiming");
        let held = Held::new(self.worker, self.gate as u32, true);
        mem::forget(self);
        Some(held)
    }
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        // Release: passes on what the exchange in `close_gate` acquired. Relaxed: if a thread closed the gate over
        // the stop, that thread opens it.
        let gate = &self.worker.magazine.gate;
        _ = gate.compare_exchange(STOPPED, self.gate, Release, Relaxed);
        self.worker.unclaim();
    }
}

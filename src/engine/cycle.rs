//! One ageing step, and the other ways in which a collector takes idle objects. The caller drops them afterwards.
//!
//! A cycle takes all victims, then turns the generation, then looks at the magazines (section 6 of `docs/design.md`).
//!
//! **An unused object is gone after two cycles.** The first makes it a victim, or notes the arrivals of its magazine. The
//! second takes it. It survives the first, because a collector reclaims a magazine only if nothing has come since the
//! note. There is one exception. A collector that is late reads the cycle's number, and by the time it claims a slot,
//! another collector may have ended that cycle. So with several collectors at once, an object in a slot may die one cycle
//! early. A lent object never does.
//!
//! **The floor** (`min_idle`) holds when the last of several steps is done: each puts back what is missing then.
//!
//! **Several collectors** may run at once, and none waits. All of them empty the same victims, one turns the generation,
//! and all look at the magazines. A collector that is preempted keeps only the magazines and the slot that it has claimed.

use super::{Batch, Chain, Engine, Generation, Held, Side, Worker};
use crate::sys::atomic::Ordering::{Acquire, Relaxed};
use crate::sys::scale::REAL;
use crate::sys::{FastPath, point, rseq};

/// How many magazines a collector stops at a time.
const BLOCK: usize = if REAL { 64 } else { 2 };

impl Engine {
    /// Runs one cycle and adds the objects that it takes to `dead`.
    pub(crate) fn cycle(&self, dead: &mut Batch) {
        let cycle = self.generation.cycle();
        let victims = Generation::victim_of(cycle);
        self.drain_slots(victims, Some(cycle), &mut Quota::unlimited(), dead);
        point("cycle: turning");
        self.generation.turn(cycle);
        point("cycle: turned");
        self.age_magazines(cycle + 1, dead);
        self.keep_floor(dead);
    }

    /// Does a part of the cycle that ends `cycle`, on a user's thread: takes about `objects` victims, and turns the
    /// generation when there are no more. Does nothing if that cycle is over. Several threads may do steps of one cycle.
    ///
    /// Another thread may have a victim slot claimed, and may leave objects in it. Then the generation turns only if it
    /// `must`, and those objects become primaries again.
    pub(crate) fn step(&self, cycle: u64, objects: usize, must: bool, dead: &mut Batch) {
        let mut quota = Quota { objects, bytes: u64::MAX };
        let victims = Generation::victim_of(cycle);
        let bare = self.drain_slots(victims, Some(cycle), &mut quota, dead);
        let done = bare || must && quota.is_left();
        if done && self.generation.turn(cycle) {
            self.age_magazines(cycle + 1, dead);
        }
        self.keep_floor(dead);
    }

    /// Puts objects that a cycle has taken back into slots, while fewer than `min_idle` objects are idle.
    fn keep_floor(&self, dead: &mut Batch) {
        if self.min_idle == 0 {
            return;
        }
        let mut kept: Option<Chain> = None;
        for _ in self.idle()..self.min_idle {
            let Some(object) = dead.pop() else { break };
            if !self.budget.charge(1, object.weight()) {
                dead.add(Chain::of(object));
                break;
            }
            kept = Some(match kept {
                Some(chain) => chain.preceded_by(object),
                None => Chain::of(object),
            });
        }
        if let Some(chain) = kept {
            self.slots.add(self.generation.primary(), self.workers.here(), chain);
        }
    }

    /// Takes idle objects of about this many bytes, the longest unused first: victims, then primaries (of a chain, the
    /// newest first), then objects in magazines.
    pub(crate) fn take_bytes(&self, bytes: u64, taken: &mut Batch) {
        let primary = self.generation.primary();
        let objects = usize::MAX;
        let mut quota = Quota { objects, bytes };
        self.drain_slots(primary.other(), None, &mut quota, taken);
        self.drain_slots(primary, None, &mut quota, taken);
        if !quota.is_left() {
            return;
        }
        let mut at_hand = Batch::new();
        self.drain_magazines(&mut at_hand);
        while let Some(object) = at_hand.pop() {
            let chain = Chain::of(object);
            let weight = chain.weight();
            if quota.is_left() || !self.budget.charge(1, weight) {
                quota.take(weight);
                taken.add(chain);
            } else {
                self.slots.add(primary, 0, chain);
            }
        }
    }

    /// Flushes all magazines, because objects have turned out to be expensive. A magazine that is held or being made is
    /// flushed later: by its processor's next get that the magazine cannot serve, or at its next tick.
    pub(crate) fn flush_magazines(&self) {
        let open = |worker: &Worker| worker.is_open().then_some(());
        self.with_stopped(open, |held, ()| self.flush(held, self.generation.primary()));
    }

    /// Takes every idle object, whatever its age. Magazines come first, so that an object that a put pushes down
    /// meanwhile is found in a slot.
    pub(crate) fn take_all(&self, taken: &mut Batch) {
        self.drain_magazines(taken);
        self.drain_slots(Side::Even, None, &mut Quota::unlimited(), taken);
        self.drain_slots(Side::Odd, None, &mut Quota::unlimited(), taken);
    }

    /// Takes what is left in a child of a fork: the objects of a magazine that a collector of the parent had claimed
    /// but not stopped, and the share of a magazine that a thread of the parent held. The objects of a held or stopped
    /// magazine are leaked, because its state is unknown.
    pub(crate) fn take_rest(&mut self, taken: &mut Batch) {
        for worker in self.workers.iter() {
            if let Some(mut held) = worker.try_enter() {
                if let Some(chain) = self.drain_magazine(&mut held) {
                    taken.add(chain);
                }
            // Relaxed: `&mut self`.
            } else if worker.granted.swap(0, Relaxed) > 0 {
                self.budget.release(self.share, 0, 0);
            }
        }
    }

    /// Takes the objects in one side of all slots. Stops early if the quota is used up, or if the cycle `during` is over:
    /// then the side is not the victims' any more. Returns whether the side is empty and no thread has a slot of it
    /// claimed.
    fn drain_slots(
        &self,
        side: Side,
        during: Option<u64>,
        quota: &mut Quota,
        taken: &mut Batch,
    ) -> bool {
        // Each slot once: other threads may put faster than this takes.
        let mut chains = self.slots.chains(side);
        while quota.is_left() && during.is_none_or(|cycle| self.generation.cycle() == cycle) {
            let Some(mut claim) = chains.next() else {
                return self.slots.is_bare(side);
            };
            point("cycle: emptying");
            while let Some(chain) = claim.chain.take_if(|_| quota.is_left()) {
                let (object, others) = chain.split();
                quota.take(object.weight());
                self.budget.refund(1, object.weight());
                taken.add(Chain::of(object));
                claim.chain = others;
            }
        }
        false
    }

    /// Stops the magazines for which `wanted` gives a reason, and calls `act` on each, with the reason. One barrier
    /// serves a block of magazines. Returns whether a thread closed a gate over a stop: its magazine is left out.
    fn with_stopped<W>(
        &self,
        wanted: impl Fn(&Worker) -> Option<W>,
        mut act: impl FnMut(&mut Held<'_>, W),
    ) -> bool {
        let mut late = false;
        let mut wanted = self.workers.iter().filter_map(|worker| {
            let want = wanted(worker)?;
            if self.needs_barrier() {
                rseq::prepare();
            }
            Some((worker.stop()?, want))
        });
        loop {
            let mut stops = [const { None }; BLOCK];
            let stopped = stops.iter_mut().zip(&mut wanted);
            let count = stopped.map(|(place, stop)| *place = Some(stop)).count();
            if count == 0 {
                return late;
            }
            // If the system refuses, the stops undo themselves.
            if self.needs_barrier() && !rseq::restart() {
                continue;
            }
            for (stop, want) in stops.into_iter().flatten() {
                // SAFETY: the gate was stopped above, before the barrier.
                match unsafe { stop.held() } {
                    Some(mut held) => act(&mut held, want),
                    None => late = true,
                }
            }
        }
    }

    /// Whether sequences may be under way.
    fn needs_barrier(&self) -> bool {
        // Acquire: pairs with the Release in `close`. The last user's last sequence is over.
        self.workers.path() == FastPath::Sequence && !self.closed.load(Acquire)
    }

    /// Takes the objects in all magazines. Looks again at those that it was late for: who closed the gate may have looked
    /// for what it left, and found the claim of this collector.
    fn drain_magazines(&self, taken: &mut Batch) {
        let full = |worker: &Worker| self.holds(worker).then_some(());
        while self.with_stopped(full, |held, ()| self.reclaim(held, taken)) {}
    }

    /// Reclaims the magazines that nothing has come to since a collector's last look, at least one cycle before `now`.
    /// Demotes the tail of the others.
    fn age_magazines(&self, now: u64, taken: &mut Batch) {
        let wanted = |worker: &Worker| self.age(now, worker);
        self.with_stopped(wanted, |held, age| match age {
            // Nothing may have come between the look and the stop.
            Age::Idle { since } if since == held.worker().arrivals() as u32 => {
                self.reclaim(held, taken);
            }
            Age::Idle { .. } => {}
            Age::Used => self.demote_tail(now, held),
        });
    }

    /// Takes the objects of a magazine.
    fn reclaim(&self, held: &mut Held<'_>, taken: &mut Batch) {
        if let Some(chain) = self.drain_magazine(held) {
            self.counters.reclaimed.add(chain.len());
            taken.add(chain);
        }
    }

    /// Makes victims of all objects of a magazine but the newest. With bounds, of the newest too: then the magazine's
    /// share is free for other processors.
    fn demote_tail(&self, now: u64, held: &mut Held<'_>) {
        let victims = Generation::victim_of(now);
        if !self.budget.is_unbounded() {
            return self.flush(held, victims);
        }
        let tail = held.take_oldest(held.len().saturating_sub(1));
        if let Some(tail) = tail {
            self.push_down(victims, held, tail);
        }
    }

    /// Whether a magazine has objects, or a share of a bound.
    fn holds(&self, worker: &Worker) -> bool {
        worker.census().0 > 0 || self.has_share(worker)
    }

    fn has_share(&self, worker: &Worker) -> bool {
        !self.budget.is_unbounded() && worker.capacity() != Some(0)
    }

    /// Whether a magazine was used in the cycle before `now`; notes its arrivals for the next cycle. `None`: the magazine
    /// has nothing to give, or a collector of this cycle or of a later one was here first.
    fn age(&self, now: u64, worker: &Worker) -> Option<Age> {
        // Relaxed: a note among collectors. The arrivals are checked again after the barrier.
        let seen = worker.seen.load(Relaxed);
        let (seen_cycle, seen_arrivals) = ((seen >> 32) as u32, seen as u32);
        let (cycle, arrivals) = (now as u32, worker.arrivals() as u32);
        if (cycle.wrapping_sub(seen_cycle) as i32) <= 0 {
            return None;
        }
        // Relaxed: as above. Replacing a later note is harmless: what came after this one is young.
        worker.seen.store(u64::from(cycle) << 32 | u64::from(arrivals), Relaxed);
        point("cycle: noted");
        if self.holds(worker) && seen_arrivals == arrivals {
            return Some(Age::Idle { since: arrivals });
        }
        (worker.census().0 > 1 || self.has_share(worker)).then_some(Age::Used)
    }
}

/// How much a collector may still take.
struct Quota {
    objects: usize,
    /// `u64::MAX`: whatever they weigh.
    bytes: u64,
}

impl Quota {
    fn unlimited() -> Self {
        Quota { objects: usize::MAX, bytes: u64::MAX }
    }

    fn is_left(&self) -> bool {
        self.objects > 0 && self.bytes > 0
    }

    /// Counts one object.
    fn take(&mut self, weight: u64) {
        self.objects = self.objects.saturating_sub(1);
        if self.bytes != u64::MAX {
            self.bytes = self.bytes.saturating_sub(weight);
        }
    }
}

/// Whether a magazine was used during a cycle.
enum Age {
    /// Nothing has come since the magazine had this many arrivals.
    Idle { since: u32 },
    /// Something has.
    Used,
}

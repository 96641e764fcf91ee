//! One ageing step, and the other ways in which a collector takes idle objects.
//!
//! A cycle (1) takes what is left in the victims, (2) turns the generation, so that primaries become
//! victims where they stand, and (3) calls in the magazines that nothing has come to since the last cycle. What
//! it takes must die; the caller drops it, after the cycle. Where something has come, (3) makes victims of what is
//! below the newest object: work on top of a magazine must not keep the rest from ageing.
//!
//! So an object that nobody uses is gone after two cycles: the first makes it a victim (or notes
//! where its magazine stands), the second takes it. It survives the first: a collector takes only where
//! nothing has come since what it read when it stopped the magazine. One that is late may not know this below
//! the magazines: it looks at the cycle, and what it steals then may have come after that cycle's end (another
//! collector's). So with several collectors at once, an object that has gone below may die early; never one
//! that is lent.
//!
//! **Several collectors** may run at once, and none waits. One of them turns the generation; all
//! empty the same victims before, and look at the magazines after, so that each has seen a
//! whole cycle through when it returns. A collector that stands still half-way holds up nobody: the
//! next cycle passes it. What stays with it: the magazines it has claimed, and the chain of a slot it has claimed.

use super::Engine;
use super::batch::Batch;
use super::generation::{Generation, Side};
use super::held::Held;
use super::object::Chain;
use super::worker::Worker;
use crate::sys::atomic::Ordering::{Acquire, Relaxed};
use crate::sys::chaos::point;
use crate::sys::fast_path::FastPath;
use crate::sys::rseq;
use crate::sys::scale::REAL;

/// How many magazines a collector stops at a time.
const BLOCK: usize = if REAL { 64 } else { 2 };

impl<T> Engine<T> {
    /// Runs one cycle and adds what must die to `dead`.
    pub(crate) fn cycle(&self, dead: &mut Batch<T>) {
        let cycle = self.generation.cycle();
        let victims = Generation::victim_of(cycle);
        self.drain_slots(victims, Some(cycle), &mut Quota::unlimited(), dead);
        point("cycle: turning");
        self.generation.turn(cycle);
        point("cycle: turned");
        self.age_magazines(cycle + 1, dead);
    }

    /// A part of the cycle that ends `cycle`, for a user's thread: takes about `objects` victims, and
    /// turns the generation when there are no more. Nothing if that cycle is over. Any number of
    /// threads may take steps; what one leaves undone another does. One that finds victims in the hands of others,
    /// who may leave some, does not turn it unless it `must`: then these go on as if they were new.
    pub(crate) fn step(&self, cycle: u64, objects: usize, must: bool, dead: &mut Batch<T>) {
        let mut quota = Quota { objects, bytes: u64::MAX };
        let victims = Generation::victim_of(cycle);
        let bare = self.drain_slots(victims, Some(cycle), &mut quota, dead);
        let done = bare || must && quota.is_left();
        if done && self.generation.turn(cycle) {
            self.age_magazines(cycle + 1, dead);
        }
    }

    /// Takes idle objects of about so many bytes, those first that were not used for longest: victims,
    /// then what is in slots (of a chain, the newest first), then what is in magazines.
    pub(crate) fn take_bytes(&self, bytes: u64, taken: &mut Batch<T>) {
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

    /// Moves what is in magazines down, and opens none again: objects have turned out to be expensive. A magazine that
    /// is held just now, or being made, is emptied at its processor's next get that it cannot serve, or look at the clock.
    pub(crate) fn flush_magazines(&self) {
        let open = |worker: &Worker<T>| worker.is_open().then_some(());
        self.with_stopped(open, |held, ()| self.flush(held, self.generation.primary()));
    }

    /// Takes every idle object, whatever its age. In the direction in which objects move: what a put
    /// pushes down meanwhile is found further down.
    pub(crate) fn take_all(&self, taken: &mut Batch<T>) {
        self.drain_magazines(taken);
        self.drain_slots(Side::Even, None, &mut Quota::unlimited(), taken);
        self.drain_slots(Side::Odd, None, &mut Quota::unlimited(), taken);
    }

    /// Takes what a process that was forked cannot take otherwise: what is in a magazine that another thread had
    /// claimed, and the share of one that another held. What that one held is leaked, for nobody knows in what
    /// state it was left.
    pub(crate) fn take_rest(&mut self, taken: &mut Batch<T>) {
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

    /// Empties one side of all slots. Stops early when the quota is used up, or when `during` is given and that
    /// cycle is over, because the side is not a victim any more. Whether nothing is left, also not in the hands of
    /// others who may leave something.
    fn drain_slots(
        &self,
        side: Side,
        during: Option<u64>,
        quota: &mut Quota,
        taken: &mut Batch<T>,
    ) -> bool {
        // Each slot once: others may put faster than this takes.
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

    /// Stops magazines, a block of workers at a time: one barrier for each. Those that are `wanted`, with what for; then it
    /// is up to `act`.
    fn with_stopped<W>(
        &self,
        wanted: impl Fn(&Worker<T>) -> Option<W>,
        mut act: impl FnMut(&mut Held<'_, T>, W),
    ) {
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
                return;
            }
            if !self.barrier() {
                continue;
            }
            for (stop, want) in stops.into_iter().flatten() {
                // SAFETY: stopped above, before the barrier.
                if let Some(mut held) = unsafe { stop.held() } {
                    act(&mut held, want);
                }
            }
        }
    }

    /// Sees to it that no sequence is under way that began before this. `false`: refused.
    fn barrier(&self) -> bool {
        !self.needs_barrier() || rseq::restart()
    }

    fn needs_barrier(&self) -> bool {
        // Acquire: pairs with the Release in `close`; the last user's last sequence is over.
        self.workers.path() == FastPath::Sequence && !self.closed.load(Acquire)
    }

    /// Takes what is in all magazines.
    fn drain_magazines(&self, taken: &mut Batch<T>) {
        let full = |worker: &Worker<T>| self.holds(worker).then_some(());
        self.with_stopped(full, |held, ()| self.reclaim(held, taken));
    }

    /// Takes what is in the magazines that nothing has come to since a collector looked, at least one cycle before `now`.
    /// Of the others, makes victims of what lies below the newest object.
    fn age_magazines(&self, now: u64, taken: &mut Batch<T>) {
        let wanted = |worker: &Worker<T>| self.age(now, worker);
        self.with_stopped(wanted, |held, age| match age {
            // Nothing may have come meanwhile, either.
            Age::Idle { since } if since == held.worker().arrivals() as u32 => {
                self.reclaim(held, taken);
            }
            Age::Idle { .. } => {}
            Age::Used => self.demote_tail(now, held),
        });
    }

    /// Takes what a magazine holds.
    fn reclaim(&self, held: &mut Held<'_, T>, taken: &mut Batch<T>) {
        if let Some(chain) = self.drain_magazine(held) {
            self.counters.reclaimed.add(chain.len());
            taken.add(chain);
        }
    }

    /// Makes victims of what lies below the newest object of a magazine. With bounds, of the newest too: what
    /// goes is charged by itself then, and the magazine's share is free for others.
    fn demote_tail(&self, now: u64, held: &mut Held<'_, T>) {
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
    fn holds(&self, worker: &Worker<T>) -> bool {
        worker.census().0 > 0 || self.has_share(worker)
    }

    fn has_share(&self, worker: &Worker<T>) -> bool {
        !self.budget.is_unbounded() && worker.capacity() != Some(0)
    }

    /// How a magazine has come through the cycle before `now`, and notes where it stands. `None`: it has nothing to
    /// give, or another collector of this cycle, or of a later one, was here.
    fn age(&self, now: u64, worker: &Worker<T>) -> Option<Age> {
        let seen = Seen::load(worker);
        let stands = Seen { cycle: now as u32, arrivals: worker.arrivals() as u32 };
        if (stands.cycle.wrapping_sub(seen.cycle) as i32) <= 0 {
            return None;
        }
        stands.store(worker);
        point("cycle: noted");
        if self.holds(worker) && seen.arrivals == stands.arrivals {
            return Some(Age::Idle { since: stands.arrivals });
        }
        (worker.census().0 > 1 || self.has_share(worker)).then_some(Age::Used)
    }
}

/// How much a collector may still take.
#[derive(Clone, Copy)]
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

/// How a magazine has come through a cycle.
#[derive(Clone, Copy)]
enum Age {
    /// Nothing has come since there were so many arrivals.
    Idle {
        since: u32,
    },
    Used,
}

/// When a collector last looked at a worker, and how many arrivals there were by then.
#[derive(Clone, Copy)]
struct Seen {
    cycle: u32,
    arrivals: u32,
}

impl Seen {
    fn load<T>(worker: &Worker<T>) -> Self {
        // Relaxed: a note among collectors; what it leads to is checked again after the barrier.
        let word = worker.seen.load(Relaxed);
        Seen { cycle: (word >> 32) as u32, arrivals: word as u32 }
    }

    fn store<T>(self, worker: &Worker<T>) {
        // Relaxed: as in `load`. A later note that this one replaces was as good: what has come since this
        // one is young.
        worker.seen.store(u64::from(self.cycle) << 32 | u64::from(self.arrivals), Relaxed);
    }
}

//! One ageing step, and the other ways in which a collector takes idle objects.
//!
//! A cycle (1) takes what is left in the victims, (2) turns the generation, so that primaries become
//! victims where they stand, and (3) calls in the private slots whose owners have stood still since
//! the last cycle. What it takes must die; the caller drops it, after the cycle. Where an owner has
//! moved, (3) takes what is below the newest object and makes victims of it: an owner that works on
//! top of a chain must not keep the rest from ageing.
//!
//! So an object that nobody uses is gone after two cycles: the first makes it a victim (or notes
//! where its owner stands), the second takes it. It survives the first: a collector takes only where
//! nothing has come since what it read when it claimed. One that is late may not know this below the slots:
//! it looks at the cycle, and what it steals then may have come after that cycle's end (another collector's).
//! So with several collectors at once, an object that has gone below may die early; never one that is lent.
//!
//! **Several collectors** may run at once, and none waits. One of them turns the generation; all
//! empty the same victims before, and look at the private slots after, so that each has seen a
//! whole cycle through when it returns. A collector that is stopped half-way holds up nobody: the
//! next cycle passes it, and only the slots it has claimed stay with it.

use crate::allowance::Allowance;
use crate::batch::Batch;
use crate::engine::Engine;
use crate::generation::{Generation, Side};
use crate::moved::Seized;
use crate::object::Chain;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::chaos::point;
use crate::sync::scale::REAL;
use crate::sync::{deque, fence};
use crate::worker::Worker;

/// How many slots a collector claims at a time.
const BLOCK: usize = if REAL { 64 } else { 2 };

/// How many slots a [`raid`](Engine::raid) claims: one may turn out to be in use.
const LOOKS: usize = 4;

impl<T> Engine<T> {
    /// Runs one cycle and adds what must die to `dead`.
    pub(crate) fn cycle(&self, dead: &mut Batch<T>) {
        let _before_anything_is_taken = deque::pin();
        let cycle = self.generation.cycle();
        let victims = Generation::victim_of(cycle);
        self.empty(victims, Some(cycle), &mut Quota::unlimited(), dead);
        point("cycle: turning");
        self.generation.turn(cycle);
        point("cycle: turned");
        self.call_in(Reach::Idle { now: cycle + 1 }, dead);
        if self.is_closed() {
            self.take_all(dead);
        }
    }

    /// A part of the cycle that ends `cycle`, for a user's thread: takes about `objects` victims, and
    /// turns the generation when there are no more. Nothing if that cycle is over. Any number of
    /// threads may take steps; what one leaves undone another does.
    pub(crate) fn step(&self, cycle: u64, objects: usize, dead: &mut Batch<T>) {
        let _before_anything_is_taken = deque::pin();
        let mut quota = Quota {
            objects,
            bytes: u64::MAX,
        };
        let victims = Generation::victim_of(cycle);
        let empty = self.empty(victims, Some(cycle), &mut quota, dead);
        if empty && self.generation.turn(cycle) {
            self.call_in(Reach::Idle { now: cycle + 1 }, dead);
        }
    }

    /// Takes idle objects of about so many bytes, those first that were not used for longest: victims,
    /// then the far ends of the deques, then what threads have at hand.
    pub(crate) fn take_bytes(&self, bytes: u64, taken: &mut Batch<T>) {
        let primary = self.generation.primary();
        let objects = usize::MAX;
        let mut quota = Quota { objects, bytes };
        if !self.empty(primary.other(), None, &mut quota, taken)
            || !self.empty(primary, None, &mut quota, taken)
        {
            return;
        }
        let mut at_hand = Batch::new();
        self.call_in(Reach::All, &mut at_hand);
        while let Some(object) = at_hand.pop() {
            let chain = Chain::of(object);
            if quota.is_left() || !self.budget.charge(1, chain.weight()) {
                quota.take(&chain);
                taken.add(chain);
            } else {
                self.put_back(chain);
            }
        }
    }

    /// Puts below what was called in and charged anew.
    fn put_back(&self, chain: Chain<T>) {
        self.ledger.called_in.subtract(chain.len());
        self.ledger.sunk.add(chain.len());
        self.ledger.deep_bytes.add(chain.weight());
        self.shared.push(self.generation.primary(), 0, chain);
    }

    /// Takes every idle object, whatever its age. In the direction in which objects move: what a put
    /// pushes down meanwhile is found further down.
    pub(crate) fn take_all(&self, taken: &mut Batch<T>) {
        // A pin may run what others have deferred, and panic: not while objects are in hand that would be
        // dropped then.
        let _before_anything_is_taken = deque::pin();
        self.call_in(Reach::All, taken);
        self.empty(Side::Even, None, &mut Quota::unlimited(), taken);
        self.empty(Side::Odd, None, &mut Quota::unlimited(), taken);
    }

    /// Empties one side of every worker and of the shared store; stops early when the quota is used up (a
    /// chain may go beyond it), or when `during` is given and that cycle is over, because the side is not a
    /// victim any more. Whether it has come to the end.
    fn empty(
        &self,
        side: Side,
        during: Option<u64>,
        quota: &mut Quota,
        taken: &mut Batch<T>,
    ) -> bool {
        let _one_pin_for_all = deque::pin();
        let deques = self.registry.iter().filter_map(|worker| worker.deque(side));
        let mut stolen = deques.flat_map(|deque| std::iter::from_fn(|| deque.steal()));
        while quota.is_left() && during.is_none_or(|cycle| self.generation.cycle() == cycle) {
            let found = stolen.next().or_else(|| self.shared.steal(side, 0));
            let Some(chain) = found else { return true };
            point("cycle: emptying");
            quota.take(&chain);
            self.take_below_from(chain, taken);
        }
        false
    }

    /// Books a chain out that a collector took from below the private slots.
    fn take_below_from(&self, chain: Chain<T>, taken: &mut Batch<T>) {
        self.budget.refund(chain.len(), chain.weight());
        self.ledger.taken_below.add(chain.len());
        self.ledger.deep_bytes.subtract(chain.weight());
        taken.add(chain);
    }

    /// Empties private slots through the hand-off, a block of them at a time: one heavy fence for each.
    fn call_in(&self, reach: Reach, taken: &mut Batch<T>) {
        let mut wanted = self.registry.iter().filter_map(|worker| {
            let want = self.wants(reach, worker)?;
            worker.private.claim().then_some((worker, want))
        });
        loop {
            let mut claims = [const { None }; BLOCK];
            let claimed = claims.iter_mut().zip(&mut wanted);
            let count = claimed.map(|(place, claim)| *place = Some(claim)).count();
            if count == 0 {
                return;
            }
            point("slot: claimed");
            let fenced = self.fence();
            for (worker, want) in claims.into_iter().flatten() {
                match want {
                    Want::Everything { still } if fenced => self.seize(still, worker, taken),
                    Want::Everything { still } => {
                        worker.private.release();
                        self.evict(still, worker, taken);
                    }
                    Want::Tail { now } if fenced => self.sink_tail(now, worker),
                    Want::Tail { .. } => worker.private.release(),
                }
            }
        }
    }

    /// The heavy fence after a claim. `false`: refused, and counted.
    fn fence(&self) -> bool {
        let fenced = fence::heavy();
        if !fenced {
            self.ledger.fence_failures.add(1);
        }
        fenced
    }

    /// Takes a chain out of the slot of some owner who is not inside, as if it had gone below and been
    /// taken from there: the caller books it out. One heavy fence, for up to [`LOOKS`] slots.
    pub(crate) fn raid(&self, random: u64) -> Option<Chain<T>> {
        let workers = self.registry.len();
        let mut claimed: [Option<&Worker<T>>; LOOKS] = [None; LOOKS];
        let mut claims = 0;
        let start = random as usize % workers.max(1);
        let candidates = (start..workers).chain(0..start);
        for worker in candidates.filter_map(|index| self.registry.get(index)) {
            if worker.census().0 == 0 || worker.private.is_inside() {
                continue;
            }
            if worker.private.claim() {
                claimed[claims] = Some(worker);
                claims += 1;
                if claims == LOOKS {
                    break;
                }
            }
        }
        if claims == 0 {
            return None;
        }
        point("raid: claimed");
        let fenced = self.fence();
        let mut taken = None;
        for worker in claimed.into_iter().flatten() {
            if fenced && taken.is_none() {
                // SAFETY: claimed above, before a heavy fence that succeeded; released right after.
                let seized = unsafe { worker.private.seize(None, self.lends) };
                taken = seized.and_then(|seized| self.as_from_below(seized));
            }
            worker.private.release();
        }
        taken
    }

    /// Books what a collector took from a slot as gone below.
    fn as_from_below(&self, seized: Seized<T>) -> Option<Chain<T>> {
        let chain = seized.chain;
        self.budget.take_back(seized.lent, chain.as_ref());
        let chain = chain?;
        self.ledger.sunk.add(chain.len());
        self.ledger.deep_bytes.add(chain.weight());
        Some(chain)
    }

    /// Makes victims of what lies below the newest object of a slot that this collector has claimed
    /// and fenced, and releases it.
    fn sink_tail(&self, now: u64, worker: &Worker<T>) {
        // SAFETY: `call_in` claimed the slot and made a heavy fence that succeeded; released right after.
        let seized = unsafe { worker.private.seize_tail(self.lends) };
        worker.private.release();
        if let Some(tail) = seized.and_then(|seized| self.as_from_below(seized)) {
            worker.private.set_depth(1);
            self.shared
                .push(Generation::victim_of(now), worker.index(), tail);
        }
    }

    /// Takes what a thread that ended has left in its slot, without a fence: as its next owner.
    fn evict(&self, still: Option<u32>, worker: &Worker<T>, taken: &mut Batch<T>) {
        let chain = worker.visit(|me| {
            let arrivals = worker.private.arrivals() as u32;
            let wanted = still.is_none_or(|still| still == arrivals);
            wanted.then(|| self.vacate(me))?
        });
        if let Some(Some(chain)) = chain {
            self.take_below_from(chain, taken);
        }
    }

    /// Takes what a slot holds that this collector has claimed and fenced, and releases it.
    fn seize(&self, still: Option<u32>, worker: &Worker<T>, taken: &mut Batch<T>) {
        // SAFETY: `call_in` claimed the slot and made a heavy fence that succeeded; released right after.
        let seized = unsafe { worker.private.seize(still, self.lends) };
        worker.private.release();
        let Some(seized) = seized else { return };
        self.budget.take_back(seized.lent, None::<&Chain<T>>);
        if let Some(chain) = seized.chain {
            self.ledger.called_in.add(chain.len());
            taken.add(chain);
        }
    }

    /// What a collector wants of a worker's slot. For an idle one, also notes where its owner stands.
    fn wants(&self, reach: Reach, worker: &Worker<T>) -> Option<Want> {
        let (held, bytes) = worker.census();
        let lent = worker.private.allowance();
        let holds = held > 0 || (self.lends && lent != Allowance::NOTHING);
        let Reach::Idle { now } = reach else {
            return holds.then_some(Want::Everything { still: None });
        };
        let seen = Seen::load(worker);
        let stands = Seen {
            cycle: now as u32,
            arrivals: worker.private.arrivals() as u32,
        };
        if (stands.cycle.wrapping_sub(seen.cycle) as i32) <= 0 {
            // Another collector of this cycle, or of a later one, was here.
            return None;
        }
        stands.store(worker);
        point("cycle: noted");
        let surplus = self.lends && (lent.objects() > 1 || (held == 1 && lent.bytes() > bytes));
        if holds && seen.arrivals == stands.arrivals && !worker.private.is_inside() {
            let still = Some(stands.arrivals);
            Some(Want::Everything { still })
        } else {
            (held > 1 || surplus).then_some(Want::Tail { now })
        }
    }
}

/// How much a collector may still take.
#[derive(Clone, Copy, Debug)]
struct Quota {
    objects: usize,
    bytes: u64,
}

impl Quota {
    fn unlimited() -> Self {
        Quota {
            objects: usize::MAX,
            bytes: u64::MAX,
        }
    }

    fn is_left(&self) -> bool {
        self.objects > 0 && self.bytes > 0
    }

    fn take<T>(&mut self, chain: &Chain<T>) {
        self.objects = self.objects.saturating_sub(chain.len() as usize);
        self.bytes = self.bytes.saturating_sub(chain.weight());
    }
}

/// Which private slots a collector means.
#[derive(Clone, Copy, Debug)]
enum Reach {
    /// Those whose owners have not moved since a collector looked, at least one cycle before `now`.
    Idle { now: u64 },
    /// All that hold something.
    All,
}

/// What a collector claims a slot for.
#[derive(Clone, Copy, Debug)]
enum Want {
    /// If given, unless something has come since there were so many arrivals.
    Everything { still: Option<u32> },
    /// All but the newest object, and room for one: victims of the cycle that began the cycle `now`.
    Tail { now: u64 },
}

/// When a collector last looked at a worker, and what had come into its slot by then.
#[derive(Clone, Copy, Debug)]
struct Seen {
    cycle: u32,
    arrivals: u32,
}

impl Seen {
    fn load<T>(worker: &Worker<T>) -> Self {
        // Relaxed: a note among collectors; what it leads to is checked again after the fence.
        let word = worker.seen.load(Relaxed);
        Seen {
            cycle: (word >> 32) as u32,
            arrivals: word as u32,
        }
    }

    fn store<T>(self, worker: &Worker<T>) {
        // Relaxed: as in `load`. A later note that this one replaces was as good: what has come since this
        // one is young.
        worker.seen.store(
            u64::from(self.cycle) << 32 | u64::from(self.arrivals),
            Relaxed,
        );
    }
}

//! The core: where a get finds an object, and where a put leaves it.
//!
//! ```text
//!   get                                        put
//!    1 this processor's magazine                1 this processor's magazine (when it is full,
//!    2 its primary deque      newest first        its older half goes down as one chain)
//!    3 siblings' primaries    oldest first      2 its primary deque
//!      and the shared store                     3 the shared store, when that is full
//!    4 victims: own, siblings', shared          4 refused: over budget
//!    5 nothing: the pool creates
//! ```
//!
//! Step 1 is a restartable sequence where the system has them ([`rseq`](crate::sys::rseq)); this module has
//! the rest. For that, a thread closes the gate of its processor's worker and is its only user for the moment
//! ([`worker`]). Who finds it closed does not wait: a get steals, a put goes to the shared store.
//!
//! **What is heavy or dear goes past the magazine**, into the deque, where a get on any processor finds it: a
//! magazine hides what it holds from all processors but its own, and of what is heavy, or takes long to make,
//! no processor may keep one to itself.
//!
//! The engine knows no policy. It moves objects; what must be created, cleaned, judged or dropped is the
//! caller's affair, so no user code runs inside the protocol.

pub(crate) mod batch;
pub(crate) mod budget;
pub(crate) mod cost;
pub(crate) mod counters;
mod cycle;
pub(crate) mod generation;
mod held;
mod hints;
pub(crate) mod object;
mod shared;
pub(crate) mod worker;
pub(crate) mod workers;

use crate::sys::atomic::Ordering::{Relaxed, Release, SeqCst};
use crate::sys::atomic::{AtomicBool, fence};
use crate::sys::chaos::point;
use batch::Batch;
use budget::{Budget, Share};
use cost::Cost;
use counters::{Fate, Fates, Ledger};
use generation::{Generation, Side};
use object::{Chain, Object};
use shared::Shared;
use held::{Held, Outcome};
use workers::{Entry, Workers};

/// What an engine must know when it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) entry: Entry,
    /// Processors that this process may use: so many share what the bounds allow.
    pub(crate) processors: usize,
    /// The most workers there can be, where there are no sequences.
    pub(crate) workers: usize,
    /// The most objects a magazine may hold.
    pub(crate) capacity: usize,
}

/// What became of a put.
#[derive(Debug)]
pub(crate) struct Given<T> {
    /// What found no room. The caller counts what it drops.
    pub(crate) refused: Batch<T>,
    /// Objects that went below the magazine.
    pub(crate) down: usize,
    /// How many puts and misses there were on the worker, so that one in so many looks at the clock.
    pub(crate) count: u64,
}

/// The moving part of a pool.
#[derive(Debug)]
pub(crate) struct Engine<T> {
    pub(crate) workers: Workers<T>,
    pub(crate) generation: Generation,
    pub(crate) shared: Shared<T>,
    /// Its own, or one that several engines share.
    pub(crate) budget: Budget,
    pub(crate) ledger: Ledger,
    pub(crate) cost: Cost,
    /// What each magazine may hold.
    share: Share,
    closed: AtomicBool,
}

impl<T> Engine<T> {
    /// An engine that keeps to this budget, alone or together with others.
    pub(crate) fn new(plan: Plan, budget: Budget) -> Self {
        let share = budget.share(plan.processors, plan.capacity);
        // With bounds, a magazine gets its share when something first comes into it.
        let capacity = if budget.is_unbounded() {
            share.objects as u32
        } else {
            0
        };
        Engine {
            workers: Workers::new(plan.entry, plan.workers, capacity, share.bytes),
            generation: Generation::new(),
            shared: Shared::new(plan.processors),
            budget,
            ledger: Ledger::default(),
            cost: Cost::new(),
            share,
            closed: AtomicBool::new(false),
        }
    }

    /// Takes an object for a get that the fast path could not serve, and counts what it finds. The error is the
    /// worker's count of puts and misses.
    pub(crate) fn take(&self) -> Result<Object<T>, u64> {
        match self.workers.enter() {
            Some(mut me) => {
                let found = self.take_as(&mut me);
                found.ok_or_else(|| me.count_miss())
            }
            None => {
                let found = self.take_shared();
                found.ok_or_else(|| self.ledger.shared_misses.add(1))
            }
        }
    }

    /// The same as the holder of a worker.
    pub(crate) fn take_as(&self, me: &mut Held<'_, T>) -> Option<Object<T>> {
        if let Some(object) = me.pop() {
            return Some(object);
        }
        let primary = self.generation.primary();
        let victim = primary.other();
        let here = me.worker().index();
        let random = (me.worker().arrivals() ^ here as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (chain, outcome) = me
            .pop_below(primary)
            .map(|chain| (chain, Outcome::Local))
            .or_else(|| {
                let stolen = self.steal(primary, random, here);
                stolen.map(|chain| (chain, Outcome::Stolen))
            })
            .or_else(|| {
                let own = me.pop_below(victim);
                let found = own.or_else(|| self.steal(victim, random, here));
                found.map(|chain| (chain, Outcome::Victim))
            })?;
        let (object, rest) = chain.split();
        me.count_get(outcome);
        me.uncount_deep_bytes(object.weight());
        self.budget.refund(1, object.weight());
        match (outcome, rest) {
            (Outcome::Local | Outcome::Stolen, Some(rest)) => self.refill(me, rest),
            // Victims stay victims: what nobody wants is to age.
            (Outcome::Victim, Some(rest)) => self.push_below(me, victim, rest),
            (_, None) => {}
        }
        Some(object)
    }

    /// Moves a chain up into the empty magazine, as far as it fits there.
    fn refill(&self, me: &mut Held<'_, T>, chain: Chain<T>) {
        point("engine: refilling");
        let mut rest = Some(chain);
        if self.opens(me, 0) {
            let (mut objects, mut bytes) = (0, 0);
            while let Some(chain) = rest.take() {
                let (object, others) = chain.split();
                let weight = object.weight();
                if let Err(object) = me.push(object, weight) {
                    let chain = Chain::of(object);
                    self.push_below(me, self.generation.primary(), chain);
                    rest = others;
                    break;
                }
                objects += 1;
                bytes += weight;
                rest = others;
            }
            me.count_ascent(objects);
            me.uncount_deep_bytes(bytes);
            self.budget.refund(objects, bytes);
        }
        if let Some(rest) = rest {
            self.push_below(me, self.generation.primary(), rest);
        }
    }

    /// Takes an object for a thread that has no worker just now. Counts what it finds.
    pub(crate) fn take_shared(&self) -> Option<Object<T>> {
        let random = self.ledger.shared_hits.get();
        let random = random.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut side = self.generation.primary();
        let found = self.steal(side, random, random as usize).or_else(|| {
            side = side.other();
            self.steal(side, random, random as usize)
        });
        let (object, rest) = found?.split();
        if let Some(rest) = rest {
            self.shared.push(side, random as usize, rest);
        }
        self.ledger.shared_hits.add(1);
        self.ledger.deep_bytes.subtract(object.weight());
        self.budget.refund(1, object.weight());
        Some(object)
    }

    /// The oldest chain of some worker's deque, or one of the shared store.
    fn steal(&self, side: Side, random: u64, whose: usize) -> Option<Chain<T>> {
        // No pin of ours: each steal pins for itself, and most misses find no deque to ask.
        self.workers
            .steal(side, random)
            .or_else(|| self.shared.steal(side, whose))
    }

    /// Keeps an object that the fast path could not.
    pub(crate) fn give(&self, object: Object<T>, weight: u64) -> Given<T> {
        match self.workers.enter() {
            Some(mut me) => self.give_as(&mut me, object, weight),
            None => self.give_shared(object.weighing(weight)),
        }
    }

    /// The same as the holder of a worker.
    pub(crate) fn give_as(&self, me: &mut Held<'_, T>, object: Object<T>, weight: u64) -> Given<T> {
        let mut given = Given {
            refused: Batch::new(),
            down: 0,
            count: me.count_put(),
        };
        let mut object = object;
        while self.opens(me, weight) {
            match me.push(object, weight) {
                Ok(()) => return given,
                Err(back) => object = back,
            }
            // What it held longest makes room, half of it if that will do.
            let half = me.len().div_ceil(2);
            let Some(chain) = me.take_oldest(half) else {
                break;
            };
            self.descend(me, chain, &mut given);
        }
        self.descend(me, Chain::of(object.weighing(weight)), &mut given);
        given
    }

    /// Whether the magazine may hold an object of this weight: its share is reserved, now if not before. A
    /// magazine that may hold nothing any more is emptied.
    fn opens(&self, me: &mut Held<'_, T>, weight: u64) -> bool {
        if self.cost.is_dear() {
            self.vacate(me);
            return false;
        }
        if weight > self.share.bytes || self.share.objects == 0 {
            return false;
        }
        if me.capacity() == 0 && self.budget.reserve(self.share) {
            me.set_capacity(self.share.objects as u32);
        }
        me.capacity() > 0
    }

    /// Moves what is in the magazine down, and gives its share back to the budget.
    fn vacate(&self, me: &mut Held<'_, T>) {
        if let Some(chain) = self.take_out(me, true) {
            me.count_descent(chain.len());
            me.count_deep_bytes(chain.weight());
            self.push_below(me, self.generation.primary(), chain);
        }
    }

    /// Takes everything out of a magazine. What it was is not booked yet; if `keeps`, it stays charged.
    fn take_out(&self, me: &mut Held<'_, T>, keeps: bool) -> Option<Chain<T>> {
        let chain = me.take_oldest(usize::MAX);
        if me.capacity() > 0 {
            let kept = chain.as_ref().filter(|_| keeps);
            let (objects, bytes) = kept.map_or((0, 0), |chain| (chain.len(), chain.weight()));
            if !self.budget.is_unbounded() {
                self.budget.release(self.share, objects, bytes);
                me.set_capacity(0);
            } else if self.cost.is_dear() {
                me.set_capacity(0);
            }
        }
        chain
    }

    /// What did not stay in the magazine goes one down, if the budget allows.
    fn descend(&self, me: &mut Held<'_, T>, chain: Chain<T>, given: &mut Given<T>) {
        point("engine: going down");
        me.count_descent(chain.len());
        given.down += chain.len() as usize;
        if !self.charge_down(me, &chain) {
            return self.descend_one_by_one(me, chain, given);
        }
        point("engine: charged");
        me.count_deep_bytes(chain.weight());
        let mut chain = chain;
        chain.look_ahead();
        self.push_below(me, self.generation.primary(), chain);
    }

    /// Charges for a chain that goes down. Before it is refused, the magazine gives back its share: what it
    /// holds is charged by itself then.
    fn charge_down(&self, me: &mut Held<'_, T>, chain: &Chain<T>) -> bool {
        let (objects, bytes) = (chain.len(), chain.weight());
        if self.budget.charge(objects, bytes) {
            return true;
        }
        // The magazine's older part has its room, being in hand just now.
        self.vacate(me);
        self.budget.charge(objects, bytes)
    }

    /// Of a chain for which there is no room as a whole, keeps what there is room for.
    fn descend_one_by_one(&self, me: &Held<'_, T>, chain: Chain<T>, given: &mut Given<T>) {
        let mut rest = Some(chain);
        let mut refused = 0;
        while let Some(chain) = rest.take() {
            let (object, others) = chain.split();
            rest = others;
            if self.budget.charge(1, object.weight()) {
                me.count_deep_bytes(object.weight());
                self.push_below(me, self.generation.primary(), Chain::of(object));
            } else {
                refused += 1;
                given.refused.add(Chain::of(object));
            }
        }
        self.ledger.refused_by_workers.add(refused);
    }

    fn push_below(&self, me: &Held<'_, T>, side: Side, chain: Chain<T>) {
        match me.push_below(side, chain) {
            Ok(()) => self.workers.announce(me.worker(), side),
            Err(chain) => self.shared.push(side, me.worker().index(), chain),
        }
    }

    /// Keeps an object of a thread that has no worker just now.
    pub(crate) fn give_shared(&self, object: Object<T>) -> Given<T> {
        let mut given = Given {
            refused: Batch::new(),
            down: 1,
            count: self.ledger.shared_puts.get() + 1,
        };
        let weight = object.weight();
        if self.budget.charge(1, weight) {
            self.ledger.shared_puts.add(1);
            self.ledger.deep_bytes.add(weight);
            let side = self.generation.primary();
            self.shared.push(side, given.count as usize, Chain::of(object));
        } else {
            given.refused = Batch::of(object);
        }
        given
    }

    /// Counts what has become of objects.
    pub(crate) fn count(&self, fate: Fate, objects: u64) {
        match self.workers.get(self.workers.here()) {
            Some(worker) => worker.fates.get_or_make(Fates::default).add(fate, objects),
            None => self.ledger.fates.add(fate, objects),
        }
    }

    /// Whether to time the next creation on this worker.
    pub(crate) fn times_creation(&self) -> bool {
        let worker = self.workers.get(self.workers.here());
        let made = worker.map_or(&self.ledger.shared_created, |worker| &worker.created);
        self.cost.is_sampled(made.get())
    }

    /// Counts an object created for a get that found none.
    pub(crate) fn count_creation(&self) {
        let worker = self.workers.get(self.workers.here());
        let created = worker.map_or(&self.ledger.shared_created, |worker| &worker.created);
        created.add(1);
    }

    /// Says that no user will ever come again. A collector that is at work leaves nothing behind then; see
    /// [`Engine::is_closed`].
    ///
    /// # Safety
    ///
    /// All gets and puts happen-before this.
    pub(crate) unsafe fn close(&self) {
        // Release: pairs with the Acquire in `barrier`.
        self.closed.store(true, Release);
        // Pairs with the fence in `is_closed`: the closer finds a worker's claim gone, or the
        // collector that held it finds the engine closed.
        fence(SeqCst);
    }

    /// To be asked by a collector after it released its claims.
    pub(crate) fn is_closed(&self) -> bool {
        // Pairs with the fence in `close`.
        fence(SeqCst);
        // Relaxed: the fence orders it.
        self.closed.load(Relaxed)
    }
}

//! The ladder: `take` climbs down until something is found, `give` stops at the first room.
//!
//! ```text
//!   take                                      give
//!    1 private slot                            1 private slot (the newest stays,
//!    2 own primary deque     newest first        the one before goes down)
//!    3 siblings' primaries   oldest first      2 own primary deque
//!      the shared store                        3 the shared store, when that is full
//!      private slots of ended threads          4 refused: over budget
//!    4 victims: own, siblings', shared
//! ```
//!
//! The engine knows neither policy nor thread. It moves objects; what must be created, cleaned,
//! judged or dropped is the caller's affair, so no user code can run inside the protocol. Whoever
//! owns a worker shows its token; whoever has none uses the shared store.

mod depth;

use crate::allowance::Allowance;
use crate::batch::Batch;
use crate::budget::Budget;
use crate::generation::{Generation, Side};
use crate::moved::{Placed, Seized};
use crate::object::{Chain, Object};
use crate::registry::Registry;
use crate::shared::Shared;
use crate::stats::Ledger;
use crate::sync::atomic::Ordering::{Relaxed, SeqCst};
use crate::sync::atomic::{AtomicBool, AtomicU32, fence};
use crate::sync::buckets::Buckets;
use crate::sync::chaos::point;
use crate::sync::fence as asymmetric;
use crate::sync::scale::REAL;
use crate::tally::{Fate, Fates};
use crate::worker::{Outcome, Owner, Tenancy, Worker};

/// What an engine must know when it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Processors of the machine.
    pub(crate) cores: usize,
    /// The most objects a private slot may hold.
    pub(crate) deepest: u16,
}

/// So many chains in an owner's deque are more than thieves want now.
const SURPLUS: usize = if REAL { 8 } else { 2 };

/// What became of a put: all is kept, or something came back for which there is no room. The caller
/// counts what it drops.
pub(crate) type Given<T> = Result<(), Batch<T>>;

/// The moving part of a pool.
#[derive(Debug)]
pub(crate) struct Engine<T> {
    pub(crate) registry: Registry<T>,
    pub(crate) generation: Generation,
    pub(crate) shared: Shared<T>,
    /// Its own, or one that several engines share.
    pub(crate) budget: Budget,
    pub(crate) ledger: Ledger,
    /// Each worker's, by its index, if it has needed one.
    pub(crate) fates: Buckets<Fates>,
    /// How many raids there were, of whatever outcome: each starts somewhere else.
    raids: AtomicU32,
    closed: AtomicBool,
    /// Workers from this index on keep no deque.
    deques: usize,
    /// The allowance of a new worker's private slot.
    allowance: Allowance,
    /// Whether the budget may raise that allowance.
    pub(crate) lends: bool,
    /// The most objects a private slot may hold.
    deepest: u16,
}

impl<T> Engine<T> {
    /// An engine that keeps to this budget, alone or together with others.
    pub(crate) fn new(plan: Plan, budget: Budget) -> Self {
        // A slot that no collector could ever empty is never filled.
        let slots = asymmetric::available();
        Engine {
            registry: Registry::new(),
            generation: Generation::new(),
            shared: Shared::new(plan.cores),
            ledger: Ledger::default(),
            fates: Buckets::new(),
            raids: AtomicU32::new(0),
            closed: AtomicBool::new(false),
            deques: plan.cores.saturating_mul(4),
            allowance: if slots && budget.is_unbounded() {
                Allowance::EVERYTHING
            } else {
                Allowance::NOTHING
            },
            lends: slots && !budget.is_unbounded(),
            deepest: plan.deepest.max(1),
            budget,
        }
    }

    /// A worker for the calling thread, by index and tenancy.
    pub(crate) fn join(&self) -> Option<(&Worker<T>, Tenancy)> {
        self.registry.join(self.allowance)
    }

    /// Rungs 2 to 4, for a worker whose private slot had nothing. Counts what it finds.
    pub(crate) fn take_below(&self, me: Owner<'_, T>) -> Option<Object<T>> {
        let primary = self.generation.primary();
        let victim = primary.other();
        let here = me.worker().index();
        let random =
            (me.worker().private.arrivals() ^ here as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let found = me
            .pop(primary)
            .map(|chain| (chain, Outcome::Local))
            .or_else(|| {
                self.steal(primary, random, here)
                    .or_else(|| self.inherit(random))
                    .map(|chain| (chain, Outcome::Stolen))
            })
            .or_else(|| me.pop(victim).map(|chain| (chain, Outcome::Victim)))
            .or_else(|| {
                self.steal(victim, random, here)
                    .map(|chain| (chain, Outcome::Victim))
            });
        if me.starves(found.is_some()) {
            self.registry.recall();
        }
        let (chain, outcome) = found?;
        let (object, rest) = chain.split();
        let double = |depth: u16| depth.saturating_mul(2);
        match (outcome, rest) {
            (Outcome::Local, None) => self.deepen(me, double),
            (Outcome::Local | Outcome::Stolen, Some(rest)) => {
                self.deepen(me, double);
                self.refill(me, rest);
            }
            (_, Some(rest)) => self.push_below(me, victim, rest),
            (_, None) => {}
        }
        me.count_get(outcome);
        me.count_deep_bytes(object.weight(), true);
        self.budget.refund(1, object.weight());
        Some(object)
    }

    /// Takes an object from the private slot of another thread; see [`raid`](Self::raid). For a `get`
    /// that has found nothing below, and would create at a price.
    pub(crate) fn take_from_others(&self, me: Option<Owner<'_, T>>) -> Option<Object<T>> {
        // Relaxed: any number will do.
        let random = u64::from(self.raids.fetch_add(1, Relaxed));
        let (object, rest) = self.raid(random)?.split();
        if let Some(rest) = rest {
            self.shared
                .push(self.generation.primary(), random as usize, rest);
        }
        match me {
            Some(me) => me.count_get(Outcome::Stolen),
            None => self.ledger.ownerless_hits.add(1),
        }
        self.ledger.deep_bytes.subtract(object.weight());
        self.budget.refund(1, object.weight());
        Some(object)
    }

    /// Takes a chain up from the owner's deque, or puts it back.
    fn refill(&self, me: Owner<'_, T>, chain: Chain<T>) {
        point("ladder: coming up");
        let measure = chain.measure();
        let short = measure.length() <= u64::from(me.worker().private.depth());
        if short && self.lend(me, measure.length(), measure.weight()) {
            match me.refill_private(chain) {
                Ok(()) => {
                    me.count_refill(measure.length());
                    me.count_deep_bytes(measure.weight(), true);
                    self.budget.refund(measure.length(), measure.weight());
                }
                Err(chain) => self.push_below(me, self.generation.primary(), chain),
            }
        } else {
            self.push_below(me, self.generation.primary(), chain);
        }
    }

    /// Rungs 3 and 4 for a thread without a worker.
    pub(crate) fn take_ownerless(&self) -> Option<Object<T>> {
        let primary = self.generation.primary();
        let random = self
            .ledger
            .ownerless_hits
            .get()
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut side = primary;
        let found = self
            .steal(primary, random, random as usize)
            .or_else(|| self.inherit(random))
            .or_else(|| {
                side = primary.other();
                self.steal(side, random, random as usize)
            });
        let Some(chain) = found else {
            self.registry.recall();
            return None;
        };
        let (object, rest) = chain.split();
        if let Some(rest) = rest {
            self.shared.push(side, random as usize, rest);
        }
        self.ledger.ownerless_hits.add(1);
        self.ledger.deep_bytes.subtract(object.weight());
        self.budget.refund(1, object.weight());
        Some(object)
    }

    /// The oldest chain of some worker's deque, or of the shared store.
    fn steal(&self, side: Side, random: u64, whose: usize) -> Option<Chain<T>> {
        // No pin of ours: each steal pins for itself, and most misses find no deque to ask. A pin now
        // and then walks the list of all threads.
        self.registry
            .find(side, random, |worker| worker.deque(side)?.steal())
            .or_else(|| self.shared.steal(side, whose))
    }

    /// What a thread that ended has left in its private slot, as if it had gone below.
    fn inherit(&self, random: u64) -> Option<Chain<T>> {
        self.registry
            .find_legacy(random, |worker| worker.visit(|me| self.vacate(me))?)
    }

    /// The rest of a put, after the private slot: an object of this weight was placed. One that finds
    /// no room comes back: it may be another one, for the newest stays.
    pub(crate) fn settle(&self, me: Owner<'_, T>, placed: Placed<T>, weight: u64) -> Given<T> {
        match placed {
            Placed::Kept => Ok(()),
            Placed::Displaced(chain) => self.descend(me, chain),
            Placed::Refused(object) => self.give_refused(me, object, weight),
        }
    }

    /// A put whose private slot is claimed, or may not hold so much.
    fn give_refused(&self, me: Owner<'_, T>, object: Object<T>, weight: u64) -> Given<T> {
        let old = me.worker().private.allowance();
        let new = old.raised_to(1, weight);
        let claimed = old.covers_one(weight);
        if claimed || !self.lends || !self.budget.lend(old, new) {
            return self.descend(me, Chain::of(object.weighing(weight)));
        }
        match me.put_private_allowed(object, weight, old, new) {
            Placed::Kept => Ok(()),
            Placed::Displaced(chain) => self.descend(me, chain),
            Placed::Refused(object) => {
                self.budget.unlend(old, new);
                self.descend(me, Chain::of(object.weighing(weight)))
            }
        }
    }

    /// Takes what is in an owner's private slot, as if it had gone below and been taken from there:
    /// the caller books it out. `None`: nothing there, or a collector sees to it. An allowance goes
    /// back to the budget.
    pub(crate) fn vacate(&self, me: Owner<'_, T>) -> Option<Chain<T>> {
        let seized = me.vacate_private(self.lends);
        let Seized { chain, lent } = seized?;
        self.budget.take_back(lent, chain.as_ref());
        let chain = chain?;
        me.count_descent(chain.len());
        me.count_deep_bytes(chain.weight(), false);
        Some(chain)
    }

    /// Ends a tenancy, as a thread does when it ends. Objects stay where they are, and the owner does not
    /// enter a slot that holds one: a collector would turn away from it. An empty slot keeps no allowance.
    pub(crate) fn leave(&self, me: Owner<'_, T>, tenancy: Tenancy) {
        if self.lends && me.worker().census().0 == 0 {
            let nothing = self.vacate(me);
            debug_assert!(nothing.is_none(), "only the owner fills its slot");
        }
        self.registry.leave(me.worker(), tenancy);
    }

    /// What did not stay in the private slot goes one down, if the budget allows.
    fn descend(&self, me: Owner<'_, T>, mut chain: Chain<T>) -> Given<T> {
        point("ladder: going down");
        me.count_descent(chain.len());
        if !self.budget.charge(chain.len(), chain.weight()) {
            // What the slot is lent and does not use is wanted here.
            self.shrink(me);
            return self.descend_one_by_one(me, chain);
        }
        point("ladder: charged");
        me.count_deep_bytes(chain.weight(), false);
        let primary = self.generation.primary();
        if me
            .worker()
            .deque(primary)
            .is_some_and(|deque| deque.len() >= SURPLUS)
        {
            // More than thieves want now: larger pieces will do, and let them take more at once. In
            // small steps, so that what the slot hides stays a small part of what it has let go of.
            self.deepen(me, |depth| depth.saturating_add(depth / 8 + 1));
        }
        chain.look_ahead();
        self.push_below(me, primary, chain);
        Ok(())
    }

    /// Of a chain for which there is no room as a whole, keeps what there is room for.
    fn descend_one_by_one(&self, me: Owner<'_, T>, chain: Chain<T>) -> Given<T> {
        let mut refused = Batch::new();
        let mut rest = Some(chain);
        while let Some(chain) = rest.take() {
            let (object, others) = chain.split();
            rest = others;
            if self.budget.charge(1, object.weight()) {
                me.count_deep_bytes(object.weight(), false);
                self.push_below(me, self.generation.primary(), Chain::of(object));
            } else {
                refused.add(Chain::of(object));
            }
        }
        self.ledger.refused_by_workers.add(refused.len() as u64);
        if refused.len() == 0 {
            Ok(())
        } else {
            Err(refused)
        }
    }

    fn push_below(&self, me: Owner<'_, T>, side: Side, chain: Chain<T>) {
        let here = me.worker().index();
        let chain = if here < self.deques {
            match me.push(side, chain) {
                Ok(()) => return self.registry.announce(me, side),
                Err(chain) => chain,
            }
        } else {
            chain
        };
        self.shared.push(side, here, chain);
    }

    /// Puts an object into the shared store, for a thread without a worker.
    pub(crate) fn give_ownerless(&self, object: Object<T>) -> Result<(), Object<T>> {
        if !self.budget.charge(1, object.weight()) {
            return Err(object);
        }
        let whose = self.ledger.ownerless_puts.get() as usize;
        self.ledger.ownerless_puts.add(1);
        self.ledger.deep_bytes.add(object.weight());
        self.shared
            .push(self.generation.primary(), whose, Chain::of(object));
        Ok(())
    }

    /// Counts what has become of objects, in the hands of this owner or of a thread without a worker.
    pub(crate) fn count(&self, me: Option<Owner<'_, T>>, fate: Fate, objects: u64) {
        let mine = me.and_then(|me| {
            let index = me.worker().index();
            self.fates.get_or_grow(index, Fates::default)
        });
        match mine {
            Some(fates) => fates.add(fate, objects),
            None => self.ledger.fates.add(fate, objects),
        }
    }

    /// Says that no thread will ever use a worker of this engine again. A collector that is at work
    /// leaves nothing behind then; see [`Engine::is_closed`].
    pub(crate) fn close(&self) {
        // Relaxed: the fence orders it.
        self.closed.store(true, Relaxed);
        // Pairs with the fence in `is_closed`: the closer finds a slot's claim gone, or the
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

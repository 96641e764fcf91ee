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

use crate::budget::Budget;
use crate::generation::{Generation, Side};
use crate::moved::{Placed, Seized};
use crate::object::{Chain, Object};
use crate::registry::Registry;
use crate::shared::Shared;
use crate::stats::Ledger;
use crate::sync::atomic::Ordering::{Relaxed, SeqCst};
use crate::sync::atomic::{AtomicBool, AtomicU32, fence};
use crate::sync::fence as asymmetric;
use crate::worker::{Outcome, Owner, Tenancy, Worker};

/// What an engine must know when it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Bound on idle objects; `u64::MAX` for none.
    pub(crate) max_idle: u64,
    /// Bound on idle bytes; `u64::MAX` for none.
    pub(crate) idle_bytes: u64,
    /// Processors of the machine.
    pub(crate) cores: usize,
    /// The most objects a private slot may hold.
    pub(crate) deepest: u32,
}

/// What became of an object that was given: kept, or back because there is no room.
pub(crate) type Given<T> = Result<(), Object<T>>;

/// The moving part of a pool.
#[derive(Debug)]
pub(crate) struct Engine<T> {
    pub(crate) registry: Registry<T>,
    pub(crate) generation: Generation,
    pub(crate) shared: Shared<T>,
    pub(crate) budget: Budget,
    pub(crate) ledger: Ledger,
    /// The last ticket given to a collector.
    pub(crate) tickets: AtomicU32,
    closed: AtomicBool,
    /// Workers from this index on keep no deque.
    deques: usize,
    /// The allowance of a new worker's private slot.
    allowance: u64,
    /// Whether the budget may raise that allowance.
    lends: bool,
    /// The most objects a private slot may hold.
    deepest: u32,
}

impl<T> Engine<T> {
    pub(crate) fn new(plan: Plan) -> Self {
        let budget = Budget::new(plan.max_idle, plan.idle_bytes);
        // A slot that no collector could ever empty is never filled.
        let slots = asymmetric::available();
        Engine {
            registry: Registry::new(),
            generation: Generation::new(),
            shared: Shared::new(plan.cores),
            ledger: Ledger::default(),
            tickets: AtomicU32::new(0),
            closed: AtomicBool::new(false),
            deques: plan.cores.saturating_mul(4),
            allowance: if slots && budget.is_unbounded() {
                u64::MAX
            } else {
                0
            },
            lends: slots && !budget.is_unbounded(),
            // A lent allowance is for one object.
            deepest: if budget.is_unbounded() {
                plan.deepest.max(1)
            } else {
                1
            },
            budget,
        }
    }

    /// A worker for the calling thread, by index and tenancy.
    pub(crate) fn join(&self) -> Option<(&Worker<T>, Tenancy)> {
        self.registry.join(self.allowance)
    }

    /// Rungs 2 to 4, for a worker whose private slot had nothing. Counts what it finds; a `None` is
    /// for the caller to count, once it knows whether an object was created instead.
    pub(crate) fn take_below(&self, me: Owner<'_, T>) -> Option<Object<T>> {
        let primary = self.generation.primary();
        let victim = primary.other();
        let here = me.worker().index();
        let random = (me.worker().private.seq() ^ here as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
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
        let Some((chain, outcome)) = found else {
            self.registry.recall();
            return None;
        };
        let (object, rest) = chain.split();
        if matches!(outcome, Outcome::Local) {
            self.deepen(me);
        }
        if let Some(rest) = rest {
            match outcome {
                Outcome::Local => self.refill(me, rest),
                Outcome::Victim => self.push_below(me, victim, rest),
                _ => self.push_below(me, primary, rest),
            }
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
        let random = self.tickets.load(Relaxed) as u64;
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

    /// The owner has found in its own deque what it had put there: it may keep more at hand.
    fn deepen(&self, me: Owner<'_, T>) {
        let private = &me.worker().private;
        let depth = private.depth();
        if depth < self.deepest {
            private.set_depth((depth * 2).min(self.deepest));
            self.registry.announce_depth(me);
        }
    }

    /// Takes a chain up from the owner's deque, or puts it back.
    fn refill(&self, me: Owner<'_, T>, chain: Chain<T>) {
        let measure = chain.measure();
        if measure.length() <= u64::from(me.worker().private.depth()) {
            // Looking into the slot is no operation of the user's.
            me.count_get(Outcome::Nothing);
            match me.refill_private(chain) {
                Ok(()) => {
                    me.count_ascent(measure.length());
                    me.count_deep_bytes(measure.weight(), true);
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
        let claimed = weight < old;
        let raised = if claimed || !self.lends {
            None
        } else {
            self.budget.lend(old, weight)
        };
        let Some(new) = raised else {
            return self.descend(me, Chain::of(object.weighing(weight)));
        };
        // The second look at the slot is no second operation of the user's.
        me.count_get(Outcome::Nothing);
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
        let seized = me.vacate_private(!self.budget.is_unbounded());
        // Looking into the slot is no operation of the user's.
        me.count_get(Outcome::Nothing);
        let Seized { chain, allowance } = seized?;
        let Some(chain) = chain else {
            self.budget.reclaim(allowance);
            return None;
        };
        self.budget.convert(allowance, chain.len(), chain.weight());
        me.count_descent(chain.len());
        me.count_deep_bytes(chain.weight(), false);
        Some(chain)
    }

    /// Ends a tenancy, as a thread does when it ends. Objects stay where they are; an empty private
    /// slot keeps no allowance.
    pub(crate) fn leave(&self, me: Owner<'_, T>, tenancy: Tenancy) {
        if !self.budget.is_unbounded() && me.worker().census().0 == 0 {
            let nothing = self.vacate(me);
            debug_assert!(nothing.is_none(), "only the owner fills its slot");
        }
        self.registry.leave(me.worker(), tenancy);
    }

    /// What did not stay in the private slot goes one down, if the budget allows.
    fn descend(&self, me: Owner<'_, T>, chain: Chain<T>) -> Given<T> {
        me.count_descent(chain.len());
        if !self.budget.charge(chain.len(), chain.weight()) {
            debug_assert!(chain.len() == 1, "slots of a pool with bounds are shallow");
            self.ledger.overflowed.add(1);
            self.ledger.refused_by_workers.add(1);
            return Err(chain.split().0);
        }
        me.count_deep_bytes(chain.weight(), false);
        self.push_below(me, self.generation.primary(), chain);
        Ok(())
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
    pub(crate) fn give_ownerless(&self, object: Object<T>) -> Given<T> {
        if !self.budget.charge(1, object.weight()) {
            self.ledger.overflowed.add(1);
            return Err(object);
        }
        let whose = self.ledger.ownerless_puts.get() as usize;
        self.ledger.ownerless_puts.add(1);
        self.ledger.deep_bytes.add(object.weight());
        self.shared
            .push(self.generation.primary(), whose, Chain::of(object));
        Ok(())
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

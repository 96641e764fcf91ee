//! Random scripts with keys of a `KeyedPool` that lie: about what they are equal to, and about their hash.
#![cfg(panic = "unwind")]

mod cases;
mod common;

use cases::cases;
use common::{Census, Counted, Maker, Random};
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use stealpool::{Builder, KeyedPool, OwnedGuard, Pool};

/// Keeps the test's thread on one processor, so that nothing idle is out of its reach.
fn stay() {
    #[cfg(target_os = "linux")]
    common::run_on(0);
}

/// What a key says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    Nothing,
    /// It is equal to none, not even to itself.
    NeverEqual,
    AlwaysEqual,
    RandomlyEqual,
    ChangingHash,
    /// Its hash changes, and it is equal at random.
    Both,
    /// It panics when it is compared, one time in three.
    Panicking,
}

thread_local! {
    static LIES: Cell<u64> = const { Cell::new(0) };
}

/// One in so many times.
fn at_random(times: usize) -> bool {
    LIES.set(LIES.get() + 1);
    Random::new(LIES.get()).below(times) == 0
}

#[derive(Clone, Debug)]
struct Key {
    number: u32,
    lie: Lie,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.lie {
            Lie::ChangingHash | Lie::Both => {
                LIES.set(LIES.get() + 1);
                state.write_u64(LIES.get());
            }
            // All meet each other.
            Lie::AlwaysEqual | Lie::RandomlyEqual | Lie::Panicking => state.write_u64(7),
            Lie::Nothing | Lie::NeverEqual => state.write_u64(self.number.into()),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match self.lie {
            Lie::NeverEqual => false,
            Lie::AlwaysEqual => true,
            Lie::RandomlyEqual | Lie::Both => at_random(2),
            Lie::Panicking if at_random(3) => resume_unwind(Box::new("a panic of the test")),
            _ => self.number == other.number && self.lie == other.lie,
        }
    }
}

impl Eq for Key {}

#[derive(Clone, Debug)]
enum KeyStep {
    Get(Key),
    TryGet(Key),
    /// Keeps a key's pool.
    Handle(Key),
    GetBy(usize),
    LetHandleGo(usize),
    Return(usize),
    Discard(usize),
    TakeOut(usize),
    Collect,
    Clear,
}

fn key() -> impl Strategy<Value = Key> {
    let lie = prop_oneof![
        2 => Just(Lie::Nothing),
        1 => Just(Lie::NeverEqual),
        1 => Just(Lie::AlwaysEqual),
        1 => Just(Lie::RandomlyEqual),
        1 => Just(Lie::ChangingHash),
        1 => Just(Lie::Both),
        1 => Just(Lie::Panicking),
    ];
    (0u32..6, lie).prop_map(|(number, lie)| Key { number, lie })
}

fn key_step() -> impl Strategy<Value = KeyStep> {
    prop_oneof![
        20 => key().prop_map(KeyStep::Get),
        5 => key().prop_map(KeyStep::TryGet),
        4 => key().prop_map(KeyStep::Handle),
        8 => (0usize..4).prop_map(KeyStep::GetBy),
        2 => (0usize..4).prop_map(KeyStep::LetHandleGo),
        20 => (0usize..8).prop_map(KeyStep::Return),
        2 => (0usize..8).prop_map(KeyStep::Discard),
        2 => (0usize..8).prop_map(KeyStep::TakeOut),
        2 => Just(KeyStep::Collect),
        1 => Just(KeyStep::Clear),
    ]
}

/// What each object weighs.
const WEIGHT: usize = 10;

struct Keys {
    census: Census,
    pool: KeyedPool<Key, Counted, Maker>,
    most_keys: usize,
    most_idle: usize,
    handles: Vec<Arc<Pool<Counted, Maker>>>,
    lent: Vec<OwnedGuard<Counted, Maker>>,
}

impl Keys {
    fn new(most_keys: usize, most_idle: usize, by_weight: bool, depth: usize) -> Self {
        let census = Census::new();
        let settings = Builder::new().collect_manually().private_depth(depth);
        let settings = if by_weight {
            settings.idle_bytes(most_idle * WEIGHT)
        } else {
            settings.max_idle(most_idle)
        };
        let makes = census.clone();
        let policy = move |_: &Key| {
            let census = makes.clone();
            Box::new(move || census.weighing(WEIGHT)) as Maker
        };
        Keys {
            pool: KeyedPool::with_settings(settings, policy).max_keys(most_keys),
            census,
            most_keys,
            most_idle,
            handles: Vec::new(),
            lent: Vec::new(),
        }
    }

    fn step(&mut self, step: &KeyStep) {
        let (pool, lent) = (&self.pool, self.lent.len());
        match *step {
            KeyStep::Get(ref key) => {
                // A key's panic.
                let got = catch_unwind(AssertUnwindSafe(|| pool.get(key)));
                self.lent.extend(got);
            }
            KeyStep::TryGet(ref key) => {
                let got = catch_unwind(AssertUnwindSafe(|| pool.try_get(key)));
                self.lent.extend(got.ok().flatten());
            }
            KeyStep::Handle(ref key) => {
                let handle = catch_unwind(AssertUnwindSafe(|| pool.pool(key)));
                self.handles.extend(handle);
            }
            KeyStep::GetBy(at) => {
                let handle = self.handles.get(at);
                self.lent.extend(handle.map(|handle| handle.get_owned()));
            }
            KeyStep::LetHandleGo(at) if at < self.handles.len() => {
                drop(self.handles.swap_remove(at));
            }
            KeyStep::Return(at) if at < lent => drop(self.lent.swap_remove(at)),
            KeyStep::Discard(at) if at < lent => OwnedGuard::discard(self.lent.swap_remove(at)),
            KeyStep::TakeOut(at) if at < lent => {
                drop(OwnedGuard::into_inner(self.lent.swap_remove(at)));
            }
            KeyStep::Collect => _ = pool.collect(),
            KeyStep::Clear => _ = pool.clear(),
            _ => {}
        }
        self.check();
    }

    fn check(&self) {
        assert!(self.pool.keys().len() <= self.most_keys);
        let stats = self.pool.stats();
        assert!(stats.idle <= self.most_idle, "{stats}");
        assert_eq!(stats.idle_bytes, stats.idle * WEIGHT, "{stats}");
        // What is not lent is idle under a key that is known: a forgotten one has nothing.
        let idle = self.census.alive() - self.lent.len();
        assert_eq!(stats.idle, idle, "{stats}");
    }

    fn end(mut self) {
        while !self.lent.is_empty() {
            self.step(&KeyStep::Return(0));
        }
        // Each place of the bound is there for a key that is honest, also while handles are kept.
        self.step(&KeyStep::Clear);
        assert_eq!(self.census.alive(), 0);
        let (number, lie) = (9, Lie::Nothing);
        let honest = self.pool.pool(&Key { number, lie });
        let many = self.most_idle + 5;
        drop((0..many).map(|_| honest.get_owned()).collect::<Vec<_>>());
        assert_eq!(honest.idle(), self.most_idle, "{}", honest.stats());
        let Keys { census, pool, .. } = self;
        drop((pool, honest));
        assert_eq!(census.alive(), 0);
    }
}

proptest! {
    #![proptest_config(cases(300))]

    /// `max_keys` and the bound hold at each step, whatever keys say, and nothing is lost.
    #[test]
    fn keys_may_lie(
        (most_keys, most_idle) in (1usize..5, 1usize..20),
        (by_weight, depth) in (any::<bool>(), prop_oneof![Just(1usize), Just(4), Just(64)]),
        script in vec(key_step(), 0..150),
    ) {
        stay();
        let mut keys = Keys::new(most_keys, most_idle, by_weight, depth);
        script.iter().for_each(|step| keys.step(step));
        keys.end();
    }
}

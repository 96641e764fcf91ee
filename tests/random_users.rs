//! Random scripts of users that the pool cannot trust: keys that lie, and objects whose destructors use the pool
//! that drops them.

mod common;

use common::{Census, Counted, Maker, Random};
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Weak};
use std::time::Duration;
use stealpool::{Builder, KeyedPool, OwnedGuard, Policy, Pool};

/// So many cases, unless `PROPTEST_CASES` says otherwise.
fn cases(cases: u32) -> ProptestConfig {
    let environment = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: if environment { default.cases } else { cases },
        failure_persistence: None,
        ..default
    }
}

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

/// What an object's destructor does with its pool.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Get,
    GetTwo,
    GetOwned,
    TakeOut,
    Put,
    Wrap,
    Discard,
    Collect,
    Clear,
    Drain,
    Reserve,
}

type UserPool = Pool<User, Makes>;

/// Does a deed when it is dropped, and counts what it takes and gives.
struct User {
    deed: Option<Deed>,
    home: Home,
    _counted: Counted,
}

#[derive(Clone)]
struct Home {
    pool: Weak<UserPool>,
    census: Census,
    /// Objects that were handed out, that were given without having been, and that were taken for good.
    figures: Arc<[AtomicU64; 3]>,
}

impl Home {
    fn count(&self, what: usize, objects: u64) {
        self.figures[what].fetch_add(objects, AcqRel);
    }

    fn object(&self) -> User {
        User {
            deed: None,
            home: self.clone(),
            _counted: self.census.object(),
        }
    }

    /// Counted when the pool has handed it out.
    fn got<G>(&self, guard: G) -> G {
        self.count(0, 1);
        guard
    }

    fn adopted(&self) -> User {
        self.count(1, 1);
        self.object()
    }

    fn does(&self, deed: Deed) {
        let Some(pool) = self.pool.upgrade() else {
            return;
        };
        match deed {
            Deed::Get => drop(self.got(pool.get())),
            Deed::GetTwo => drop([self.got(pool.get()), self.got(pool.get())]),
            Deed::GetOwned => drop(self.got(pool.get_owned())),
            Deed::TakeOut => {
                let guard = self.got(pool.get());
                self.count(2, 1);
                drop(stealpool::Guard::into_inner(guard));
            }
            Deed::Put => pool.put(self.adopted()),
            Deed::Wrap => drop(pool.wrap(self.adopted())),
            Deed::Discard => stealpool::Guard::discard(self.got(pool.get())),
            Deed::Collect => _ = pool.collect(),
            Deed::Clear => _ = pool.clear(),
            Deed::Drain => {
                let drained = pool.drain();
                self.count(2, drained.len() as u64);
                drop(drained);
            }
            Deed::Reserve => pool.reserve(2),
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(deed) = self.deed {
            self.home.does(deed);
        }
    }
}

struct Makes(Home);

impl Policy<User> for Makes {
    fn create(&self) -> User {
        self.0.object()
    }
    fn recycle(&self, _: &mut User) -> bool {
        true
    }
    fn footprint(&self, _: &User) -> usize {
        WEIGHT
    }
}

#[derive(Clone, Debug)]
enum UserStep {
    Get,
    /// An object whose destructor does this.
    GetArmed(Deed),
    Return(usize),
    ReturnAll,
    /// A call from outside of any destructor.
    Do(Deed),
    /// A burst, past a look at the clock.
    Many,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        Just(Deed::Get),
        Just(Deed::GetTwo),
        Just(Deed::GetOwned),
        Just(Deed::TakeOut),
        Just(Deed::Put),
        Just(Deed::Wrap),
        Just(Deed::Discard),
        Just(Deed::Collect),
        Just(Deed::Clear),
        Just(Deed::Drain),
        Just(Deed::Reserve),
    ]
}

fn user_step() -> impl Strategy<Value = UserStep> {
    prop_oneof![
        10 => Just(UserStep::Get),
        20 => deed().prop_map(UserStep::GetArmed),
        10 => (0usize..16).prop_map(UserStep::Return),
        2 => Just(UserStep::ReturnAll),
        6 => deed().prop_map(UserStep::Do),
        1 => Just(UserStep::Many),
    ]
}

fn user_settings() -> impl Strategy<Value = Builder> {
    let bound = prop_oneof![Just(None), (0usize..12).prop_map(Some)];
    let depth = prop_oneof![Just(1usize), Just(3), Just(64)];
    (bound.clone(), bound, any::<bool>(), depth).prop_map(|(idle, bytes, on_use, depth)| {
        let mut settings = Builder::new().collect_manually().private_depth(depth);
        if on_use {
            settings = settings.collect_every(Duration::ZERO);
        }
        if let Some(most) = idle {
            settings = settings.max_idle(most);
        }
        match bytes {
            Some(most) => settings.idle_bytes(most * WEIGHT),
            None => settings,
        }
    })
}

fn users(settings: Builder, script: &[UserStep]) {
    let census = Census::new();
    let mut home = None;
    let pool: Arc<UserPool> = Arc::new_cyclic(|pool| {
        let here = Home {
            pool: Weak::clone(pool),
            census: census.clone(),
            figures: Arc::default(),
        };
        home = Some(here.clone());
        settings.build(Makes(here))
    });
    let home = home.expect("made above");
    let mut lent = Vec::new();
    for step in script {
        match *step {
            UserStep::Get => lent.push(home.got(pool.get())),
            UserStep::GetArmed(deed) => {
                let mut guard = home.got(pool.get());
                guard.deed = Some(deed);
                lent.push(guard);
            }
            UserStep::Return(at) if at < lent.len() => drop(lent.swap_remove(at)),
            UserStep::Return(_) => {}
            UserStep::ReturnAll => lent.clear(),
            UserStep::Do(deed) => home.does(deed),
            UserStep::Many => {
                for _ in 0..1_100 {
                    drop([home.got(pool.get()), home.got(pool.get())]);
                }
            }
        }
        let stats = pool.stats();
        assert_eq!(stats.live, stats.idle + lent.len(), "{step:?}: {stats}");
        assert_eq!(stats.live, census.alive(), "{step:?}: {stats}");
        assert_eq!(stats.idle_bytes, stats.idle * WEIGHT, "{step:?}: {stats}");
    }
    drop(lent);
    let stats = pool.stats();
    let [gets, adopted, taken] = [0, 1, 2].map(|what| home.figures[what].load(Acquire));
    assert_eq!(stats.gets, gets, "{stats}");
    let came = stats.creates + adopted;
    assert_eq!(came, census.made() as u64, "{stats}");
    let went = stats.drops.total() + taken;
    assert_eq!(came, stats.idle as u64 + went, "{stats}");
    assert_eq!(went, census.dropped() as u64, "{stats}");
    drop(pool);
    assert_eq!(census.alive(), 0);
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

    /// Each object is counted once, also those that destructors take and give while a call drops others.
    #[test]
    fn destructors_may_use_their_pool(
        settings in user_settings(),
        script in vec(user_step(), 0..100),
    ) {
        stay();
        users(settings, &script);
    }
}

//! Random scripts with objects whose destructors use the pool that drops them, or another one.

mod cases;
mod common;

use cases::cases;
use common::{Census, Counted};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use stealpool::{Builder, Guard, Policy, Pool};

/// Keeps the test's thread on one processor, so that nothing idle is out of its reach.
fn stay() {
    #[cfg(target_os = "linux")]
    common::run_on(0);
}

/// What each object weighs.
const WEIGHT: usize = 10;

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

/// What is done, and where: in the other pool, or in one's own.
#[derive(Clone, Copy, Debug)]
struct Act {
    deed: Deed,
    elsewhere: bool,
}

/// Acts when it is dropped.
struct User {
    act: Option<Act>,
    home: Home,
    _counted: Counted,
}

/// Two pools, and what has happened to each.
#[derive(Default)]
struct World([Place; 2]);

#[derive(Default)]
struct Place {
    pool: OnceLock<Weak<UserPool>>,
    census: Census,
    /// Objects that were handed out, that were given without having been, and that were taken for good.
    figures: [AtomicU64; 3],
}

/// One of the two pools.
#[derive(Clone)]
struct Home {
    world: Arc<World>,
    number: usize,
}

impl Home {
    fn place(&self) -> &Place {
        &self.world.0[self.number]
    }

    fn count(&self, what: usize, objects: u64) {
        self.place().figures[what].fetch_add(objects, AcqRel);
    }

    fn object(&self) -> User {
        User { act: None, home: self.clone(), _counted: self.place().census.object() }
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

    fn acts(&self, act: Act) {
        let number = self.number ^ usize::from(act.elsewhere);
        let world = Arc::clone(&self.world);
        Home { world, number }.does(act.deed);
    }

    fn does(&self, deed: Deed) {
        // Not once it ends.
        let Some(pool) = self.place().pool.get().and_then(Weak::upgrade) else {
            return;
        };
        match deed {
            Deed::Get => drop(self.got(pool.get())),
            Deed::GetTwo => drop([self.got(pool.get()), self.got(pool.get())]),
            Deed::GetOwned => drop(self.got(pool.get_owned())),
            Deed::TakeOut => {
                let guard = self.got(pool.get());
                self.count(2, 1);
                drop(Guard::into_inner(guard));
            }
            Deed::Put => pool.put(self.adopted()),
            Deed::Wrap => drop(pool.wrap(self.adopted())),
            Deed::Discard => Guard::discard(self.got(pool.get())),
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

    /// That nothing is lost, while so many objects are lent.
    fn check(&self, pool: &UserPool, lent: usize) {
        let stats = pool.stats();
        assert_eq!(stats.live, stats.idle + lent, "{stats}");
        assert_eq!(stats.live, self.place().census.alive(), "{stats}");
        assert_eq!(stats.idle_bytes, stats.idle * WEIGHT, "{stats}");
    }

    /// The books when nothing is lent any more.
    fn balance(&self, pool: &UserPool) {
        let (stats, Place { census, figures, .. }) = (pool.stats(), self.place());
        let [gets, adopted, taken] = figures.each_ref().map(|figure| figure.load(Acquire));
        assert_eq!(stats.gets, gets, "{stats}");
        let came = stats.creates + adopted;
        assert_eq!(came, census.made() as u64, "{stats}");
        let went = stats.drops.total() + taken;
        assert_eq!(came, stats.idle as u64 + went, "{stats}");
        assert_eq!(went, census.dropped() as u64, "{stats}");
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(act) = self.act {
            self.home.acts(act);
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
    GetArmed(Act),
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

fn act() -> impl Strategy<Value = Act> {
    let elsewhere = prop_oneof![2 => Just(false), 1 => Just(true)];
    (deed(), elsewhere).prop_map(|(deed, elsewhere)| Act { deed, elsewhere })
}

/// In one of the pools.
fn user_step() -> impl Strategy<Value = (usize, UserStep)> {
    let step = prop_oneof![
        10 => Just(UserStep::Get),
        20 => act().prop_map(UserStep::GetArmed),
        10 => (0usize..16).prop_map(UserStep::Return),
        2 => Just(UserStep::ReturnAll),
        6 => deed().prop_map(UserStep::Do),
        1 => Just(UserStep::Many),
    ];
    (prop_oneof![3 => Just(0usize), 1 => Just(1)], step)
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

fn users(settings: [Builder; 2], script: &[(usize, UserStep)]) {
    let world = Arc::new(World::default());
    let homes = [0, 1].map(|number| {
        let world = Arc::clone(&world);
        Home { world, number }
    });
    let pools = [0, 1].map(|number| {
        let pool = settings[number].build(Makes(homes[number].clone()));
        let pool: Arc<UserPool> = Arc::new(pool);
        let known = world.0[number].pool.set(Arc::downgrade(&pool));
        known.expect("set once");
        pool
    });
    let mut lent = [vec![], vec![]];
    for (number, step) in script {
        let (home, pool, lent_here) = (&homes[*number], &pools[*number], &mut lent[*number]);
        match *step {
            UserStep::Get => lent_here.push(home.got(pool.get())),
            UserStep::GetArmed(act) => {
                let mut guard = home.got(pool.get());
                guard.act = Some(act);
                lent_here.push(guard);
            }
            UserStep::Return(at) if at < lent_here.len() => drop(lent_here.swap_remove(at)),
            UserStep::Return(_) => {}
            UserStep::ReturnAll => lent_here.clear(),
            UserStep::Do(deed) => home.does(deed),
            UserStep::Many => {
                for _ in 0..1_100 {
                    drop([home.got(pool.get()), home.got(pool.get())]);
                }
            }
        }
        for number in [0, 1] {
            homes[number].check(&pools[number], lent[number].len());
        }
    }
    drop(lent);
    for number in [0, 1] {
        homes[number].balance(&pools[number]);
    }
    drop(pools);
    for Place { census, .. } in &world.0 {
        assert_eq!(census.alive(), 0);
    }
}

proptest! {
    #![proptest_config(cases(300))]

    /// Each object is counted once, also those that destructors take and give while a call drops others.
    #[test]
    fn destructors_may_use_their_pool(
        settings in [user_settings(), user_settings()],
        script in vec(user_step(), 0..100),
    ) {
        stay();
        users(settings, &script);
    }
}

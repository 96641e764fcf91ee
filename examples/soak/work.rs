//! What the threads do.

use crate::object::{Ledger, ON_PURPOSE, Thing};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stealpool::{Builder, Guard, OwnedGuard, Policy, Pool};

/// Makes, cleans and weighs things; sometimes it panics.
pub(crate) struct Torture {
    ledger: Arc<Ledger>,
}

impl Torture {
    /// One call in a few thousand goes wrong.
    fn fails(&self, seed: u64) -> bool {
        let fails = seed % 4_096 == 77;
        if fails {
            self.ledger.panics.fetch_add(1, Relaxed);
        }
        fails
    }
}

impl Policy<Thing> for Torture {
    fn create(&self) -> Thing {
        let seed = number();
        if self.fails(seed) {
            panic_any(ON_PURPOSE);
        }
        Thing::new(&self.ledger, seed)
    }

    fn recycle(&self, thing: &mut Thing) -> bool {
        thing.assert_held();
        let seed = number();
        if self.fails(seed) {
            panic_any(ON_PURPOSE);
        }
        thing.explodes = seed % 1_024 == 5;
        thing.given();
        seed % 256 != 9
    }

    fn footprint(&self, thing: &Thing) -> usize {
        thing.weight()
    }
}

type Tortured = Pool<Thing, Torture>;

/// The pools that live through the whole run, and a basket in which guards go from thread to thread.
pub(crate) struct World {
    ledger: Arc<Ledger>,
    pools: Vec<Arc<Tortured>>,
    basket: Mutex<Vec<OwnedGuard<Thing, Torture>>>,
}

impl World {
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        let settings = [
            Builder::new().collect_every(Duration::from_millis(1)),
            Builder::new().collect_manually(),
            Builder::new().max_idle(100).collect_every(Duration::ZERO),
            Builder::new().idle_bytes(20_000).collect_manually(),
            Builder::new().private_depth(1).max_object_bytes(400),
            Builder::new().private_depth(1_000).collect_every(Duration::from_millis(5)),
        ];
        World {
            pools: settings.map(|settings| made(settings, &ledger)).into(),
            basket: Mutex::default(),
            ledger,
        }
    }

    pub(crate) fn cycles(&self) -> u64 {
        self.pools.iter().map(|pool| pool.stats().cycles).sum()
    }
}

fn made(settings: Builder, ledger: &Arc<Ledger>) -> Arc<Tortured> {
    ledger.pools.fetch_add(1, Relaxed);
    Arc::new(settings.build(Torture { ledger: Arc::clone(ledger) }))
}

thread_local! {
    static STATE: std::cell::Cell<u64> = const { std::cell::Cell::new(0x1234_5678_9abc_def1) };
}

/// A number (Marsaglia's xorshift), from a state of each thread's own.
fn number() -> u64 {
    STATE.with(|state| {
        let mut x = state.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        x >> 8
    })
}

/// So that the process stays as large as it is.
const MOST_LEAKED: u64 = 5_000;

/// One thread's life.
pub(crate) fn live(world: &World, seed: u64) {
    STATE.set(seed | 1);
    world.ledger.threads.fetch_add(1, Relaxed);
    let mut gets = 0;
    for _ in 0..200 + number() % 4_000 {
        let pool = &world.pools[number() as usize % world.pools.len()];
        // A panic of a policy or a destructor ends a step, not the thread.
        let step = catch_unwind(AssertUnwindSafe(|| step(world, pool)));
        match step {
            Ok(taken) => gets += taken,
            Err(payload) if payload.downcast_ref() == Some(&ON_PURPOSE) => {}
            Err(_) => world.ledger.violate("a panic that nobody wanted"),
        }
    }
    world.ledger.gets.fetch_add(gets, Relaxed);
}

/// One step; how many objects were taken.
fn step(world: &World, pool: &Arc<Tortured>) -> u64 {
    match number() % 1_000 {
        0..600 => hold(pool, 1),
        600..850 => hold(pool, 1 + number() % 20),
        850..870 => hold(pool, number() % 300),
        870..900 => {
            // From thread to thread.
            let mut guard = pool.get_owned();
            guard.taken(number());
            let mut basket = world.basket.lock().unwrap_or_else(|broken| broken.into_inner());
            basket.push(guard);
            let place = number() as usize % basket.len();
            let other = (basket.len() > 50).then(|| basket.swap_remove(place));
            drop(basket);
            if let Some(mut other) = other {
                other.assert_held();
                other.write(number());
            }
            1
        }
        900..920 => {
            let Some(mut guard) = pool.try_get() else {
                return 0;
            };
            guard.taken(number());
            Guard::discard(guard);
            1
        }
        920..925 => {
            if world.ledger.leaked.load(Relaxed) > MOST_LEAKED {
                return hold(pool, 2);
            }
            let mut guard = pool.get();
            guard.taken(number());
            // Its owner forgets it: alive for ever.
            guard.explodes = false;
            world.ledger.leaked.fetch_add(1, AcqRel);
            std::mem::forget(guard);
            1
        }
        925..940 => {
            let guard = pool.get();
            let mut thing = Guard::into_inner(guard);
            thing.taken(number());
            pool.put(thing);
            1
        }
        940..950 => {
            // Unwinds with objects in hand.
            let mut guards: Vec<_> = (0..3).map(|_| pool.get()).collect();
            guards.iter_mut().for_each(|guard| guard.taken(number()));
            world.ledger.panics.fetch_add(1, Relaxed);
            panic_any(ON_PURPOSE);
        }
        950..960 => {
            let taken = pool.drain().take(number() as usize % 20).count();
            taken as u64
        }
        960..970 => {
            pool.reserve(number() as usize % 30);
            0
        }
        970..973 => {
            pool.clear();
            0
        }
        973..993 => {
            pool.collect();
            0
        }
        993..996 => {
            // A pool of its own, dropped with objects in it.
            let own = made(Builder::new(), &world.ledger);
            hold(&own, number() % 40)
        }
        _ => {
            std::thread::yield_now();
            0
        }
    }
}

/// Holds so many at once.
fn hold(pool: &Tortured, count: u64) -> u64 {
    let mut guards: Vec<Guard<'_, Thing, Torture>> = Vec::new();
    for _ in 0..count {
        let mut guard = pool.get();
        guard.taken(number());
        guards.push(guard);
        if number() % 64 == 0 {
            std::thread::yield_now();
        }
    }
    for guard in &mut guards {
        guard.assert_held();
        guard.write(number());
    }
    if number() % 2 == 0 {
        guards.reverse();
    }
    count
}

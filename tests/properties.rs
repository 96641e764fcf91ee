//! Random scripts against a model that is a bag of numbers.
//!
//! Properties, whatever the script and the settings:
//!
//! * Every object is in one place: lent, outside, or idle. A ledger sees each dropped once.
//! * On one thread, a get finds an object whenever one is idle. Among several, it misses only what
//!   waits in other workers' private slots: at most one a worker.
//! * A bound is never exceeded, and on one thread nothing is refused while there is room.
//! * No object is dropped by a cycle before it was idle through a whole one, and two cycles without
//!   any use empty the pool.
//! * Every count is what the script made it.
//!
//! The threads of a script are real, and take turns: each step is over before the next begins. So
//! steals, victims, exits and adoptions happen in a known order.

mod common;

use common::{Puppet, hits};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stealpool::{Builder, OwnedGuard, Policy, Pool, Stats};

/// Says who was dropped.
#[derive(Default)]
struct Ledger(Mutex<Records>);

#[derive(Default)]
struct Records {
    made: usize,
    dropped: Vec<usize>,
}

impl Ledger {
    fn object(self: &Arc<Self>, weight: usize) -> Object {
        let mut records = self.0.lock().expect("nobody panics in here");
        records.made += 1;
        Object {
            id: records.made - 1,
            weight,
            ledger: Arc::clone(self),
        }
    }

    fn made(&self) -> usize {
        self.0.lock().expect("nobody panics in here").made
    }

    /// Who was dropped since the last time.
    fn dropped(&self) -> Vec<usize> {
        mem::take(&mut self.0.lock().expect("nobody panics in here").dropped)
    }
}

struct Object {
    id: usize,
    weight: usize,
    ledger: Arc<Ledger>,
}

impl Drop for Object {
    fn drop(&mut self) {
        self.ledger
            .0
            .lock()
            .expect("nobody panics in here")
            .dropped
            .push(self.id);
    }
}

/// Refuses objects that weigh `UNLOVED`.
struct Judge(Arc<Ledger>);

const UNLOVED: usize = 13;
const NEW: usize = 10;

impl Policy<Object> for Judge {
    fn create(&self) -> Object {
        self.0.object(NEW)
    }
    fn recycle(&self, object: &mut Object) -> bool {
        object.weight != UNLOVED
    }
    fn footprint(&self, object: &Object) -> usize {
        object.weight
    }
}

type JudgedPool = Pool<Object, Judge>;
type Lent = OwnedGuard<Object, Judge>;

#[derive(Clone, Debug)]
struct Settings {
    max_idle: Option<usize>,
    idle_bytes: Option<usize>,
    max_object_bytes: Option<usize>,
    interval: Option<Duration>,
}

impl Settings {
    fn builder(&self) -> Builder {
        let mut builder = Builder::new().collect_manually();
        if let Some(count) = self.max_idle {
            builder = builder.max_idle(count);
        }
        if let Some(bytes) = self.idle_bytes {
            builder = builder.idle_bytes(bytes);
        }
        if let Some(bytes) = self.max_object_bytes {
            builder = builder.max_object_bytes(bytes);
        }
        if let Some(interval) = self.interval {
            builder = builder.collect_every(interval);
        }
        builder
    }
}

fn bound() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(0)),
        3 => (1usize..12).prop_map(Some),
        1 => Just(Some(usize::MAX - 1)),
        1 => Just(Some(usize::MAX)),
    ]
}

fn bytes() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(0)),
        3 => (1usize..200).prop_map(Some),
        1 => Just(Some(usize::MAX)),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let interval = prop_oneof![
        Just(None),
        Just(Some(Duration::MAX)),
        Just(Some(Duration::from_secs(3600))),
    ];
    (bound(), bytes(), bytes(), interval).prop_map(
        |(max_idle, idle_bytes, max_object_bytes, interval)| Settings {
            max_idle,
            idle_bytes,
            max_object_bytes,
            interval,
        },
    )
}

#[derive(Clone, Debug)]
enum Step {
    Get,
    TryGet,
    GetWith(usize),
    TryGetWith(Result<usize, ()>),
    /// Changes what the object in a slot weighs.
    Grow(usize, usize),
    Return(usize),
    Discard(usize),
    IntoInner(usize),
    /// Puts an object from outside, one that was taken out before if there is one.
    Put(usize),
    Wrap(usize),
    Swap(usize, usize),
    Reserve(usize),
    Collect,
    CollectTwice,
    Clear,
    Drain(usize),
    /// The acting thread ends.
    Exit,
}

fn weight() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), Just(UNLOVED), 0usize..60]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => Just(Step::Get),
        2 => Just(Step::TryGet),
        1 => weight().prop_map(Step::GetWith),
        1 => prop_oneof![weight().prop_map(Ok), Just(Err(()))].prop_map(Step::TryGetWith),
        3 => (0usize..8, weight()).prop_map(|(at, weight)| Step::Grow(at, weight)),
        9 => (0usize..8).prop_map(Step::Return),
        1 => (0usize..8).prop_map(Step::Discard),
        1 => (0usize..8).prop_map(Step::IntoInner),
        3 => weight().prop_map(Step::Put),
        2 => weight().prop_map(Step::Wrap),
        1 => (0usize..8, 0usize..8).prop_map(|(a, b)| Step::Swap(a, b)),
        1 => (0usize..8).prop_map(Step::Reserve),
        2 => Just(Step::Collect),
        1 => Just(Step::CollectTwice),
        1 => Just(Step::Clear),
        1 => (0usize..4).prop_map(Step::Drain),
        1 => Just(Step::Exit),
    ]
}

/// What the counts should be.
#[derive(Debug, Default)]
struct Counts {
    gets: u64,
    reserved: u64,
    puts: u64,
    discarded: u64,
    overflowed: u64,
    aged_out: u64,
    cycles: u64,
}

/// A pool, the threads that use it, and the model of both.
struct World {
    settings: Settings,
    pool: Arc<JudgedPool>,
    ledger: Arc<Ledger>,
    /// The first thread is the test's own.
    threads: Vec<Option<Puppet>>,
    lent: Vec<Lent>,
    outside: Vec<Object>,
    /// Who is idle: the weight, and the number of cycles there had been when it came.
    idle: BTreeMap<usize, (usize, u64)>,
    counts: Counts,
    /// Nobody has used the pool since the last cycle.
    untouched: bool,
}

impl World {
    fn new(settings: Settings, threads: usize) -> Self {
        let ledger = Arc::new(Ledger::default());
        let pool = Arc::new(settings.builder().build(Judge(Arc::clone(&ledger))));
        World {
            settings,
            pool,
            ledger,
            threads: (0..threads).map(|_| None).collect(),
            lent: Vec::new(),
            outside: Vec::new(),
            idle: BTreeMap::new(),
            counts: Counts::default(),
            untouched: false,
        }
    }

    fn alone(&self) -> bool {
        self.threads.len() == 1
    }

    /// Runs a job in one of the threads.
    fn by<R: Send + 'static>(
        &mut self,
        who: usize,
        job: impl FnOnce(&Arc<JudgedPool>) -> R + Send + 'static,
    ) -> R {
        if who == 0 {
            return job(&self.pool);
        }
        let pool = Arc::clone(&self.pool);
        self.threads[who]
            .get_or_insert_with(Puppet::new)
            .run(move || job(&pool))
    }

    /// An object was handed out: it was idle, or it is new and there was a reason.
    fn handed_out(&mut self, id: usize, made_before: usize) {
        self.counts.gets += 1;
        if id >= made_before {
            self.assert_miss();
        } else {
            assert!(self.idle.remove(&id).is_some(), "{id} was not idle");
        }
    }

    /// A get found nothing.
    fn assert_miss(&self) {
        let hidden = if self.alone() {
            0
        } else {
            self.pool.stats().workers
        };
        let idle = self.idle.len();
        assert!(
            idle <= hidden,
            "a miss, though {idle} were idle, {hidden} out of reach"
        );
    }

    /// An object came back. Says what became of it, and of whom it displaced.
    fn came_back(&mut self, id: usize, weight: usize) {
        let off = self.settings.max_idle == Some(0);
        let too_big = self
            .settings
            .max_object_bytes
            .is_some_and(|most| weight > most);
        let dropped = self.ledger.dropped();
        if off || too_big || weight == UNLOVED {
            assert_eq!(dropped, [id], "refused");
            self.counts.discarded += 1;
            return;
        }
        let cycle = self.counts.cycles;
        self.idle.insert(id, (weight, cycle));
        match dropped[..] {
            [] => self.counts.puts += 1,
            [gone] => {
                let room = self
                    .settings
                    .max_idle
                    .is_none_or(|most| self.idle.len() <= most)
                    && self.settings.idle_bytes.is_none();
                assert!(
                    !(room && self.alone()),
                    "{gone} found no room, though there was"
                );
                assert!(self.idle.remove(&gone).is_some(), "{gone} was not idle");
                self.counts.overflowed += 1;
            }
            _ => panic!("{dropped:?} went for one"),
        }
    }

    /// A cycle went by.
    fn aged(&mut self, dropped: usize) {
        let gone = self.ledger.dropped();
        assert_eq!(gone.len(), dropped);
        for id in gone {
            let (_, since) = self.idle.remove(&id).expect("it was idle");
            assert!(
                since < self.counts.cycles,
                "{id} came {since}, went {}",
                self.counts.cycles
            );
        }
        if self.pool.stats() == Stats::default() {
            // Not used yet: nothing to age.
            return;
        }
        self.counts.aged_out += dropped as u64;
        self.counts.cycles += 1;
        if self.untouched {
            assert!(self.idle.is_empty(), "two cycles left {:?}", self.idle);
        }
        self.untouched = true;
    }

    fn step(&mut self, who: usize, step: &Step) {
        let made = self.ledger.made();
        let touches = !matches!(step, Step::Collect | Step::CollectTwice | Step::Exit);
        if touches {
            self.untouched = false;
        }
        match *step {
            Step::Get => {
                let guard = self.by(who, |pool| pool.get_owned());
                self.handed_out(guard.id, made);
                self.lent.push(guard);
            }
            Step::TryGet => {
                let job = |pool: &Arc<JudgedPool>| {
                    pool.try_get().map(|guard| {
                        let object = stealpool::Guard::into_inner(guard);
                        (object.id, object)
                    })
                };
                match self.by(who, job) {
                    Some((id, object)) => {
                        self.handed_out(id, made);
                        self.outside.push(object);
                    }
                    None => self.assert_miss(),
                }
            }
            Step::GetWith(weight) => {
                let ledger = Arc::clone(&self.ledger);
                let id = self.by(who, move |pool| {
                    let guard = pool.get_with(|| ledger.object(weight));
                    (guard.id, guard.weight)
                });
                self.handed_out(id.0, made);
                self.came_back(id.0, id.1);
            }
            Step::TryGetWith(result) => {
                let ledger = Arc::clone(&self.ledger);
                let found = self.by(who, move |pool| {
                    let guard = pool.try_get_with(|| result.map(|weight| ledger.object(weight)));
                    guard.map(|guard| (guard.id, guard.weight))
                });
                match found {
                    Ok((id, weight)) => {
                        self.handed_out(id, made);
                        self.came_back(id, weight);
                    }
                    Err(()) => {
                        assert_eq!(result, Err(()));
                        self.assert_miss();
                    }
                }
            }
            Step::Grow(at, weight) => {
                if let Some(guard) = self.lent.get_mut(at) {
                    guard.weight = weight;
                }
            }
            Step::Return(at) if at < self.lent.len() => {
                let guard = self.lent.swap_remove(at);
                let (id, weight) = (guard.id, guard.weight);
                self.by(who, move |_| drop(guard));
                self.came_back(id, weight);
            }
            Step::Discard(at) if at < self.lent.len() => {
                let guard = self.lent.swap_remove(at);
                let id = guard.id;
                self.by(who, move |_| OwnedGuard::discard(guard));
                assert_eq!(self.ledger.dropped(), [id]);
                self.counts.discarded += 1;
            }
            Step::IntoInner(at) if at < self.lent.len() => {
                let guard = self.lent.swap_remove(at);
                let object = self.by(who, move |_| OwnedGuard::into_inner(guard));
                self.outside.push(object);
            }
            Step::Put(weight) => {
                let object = self
                    .outside
                    .pop()
                    .unwrap_or_else(|| self.ledger.object(weight));
                let (id, weight) = (object.id, object.weight);
                self.by(who, move |pool| pool.put(object));
                self.came_back(id, weight);
            }
            Step::Wrap(weight) => {
                let object = self.ledger.object(weight);
                let guard = self.by(who, move |pool| pool.wrap_owned(object));
                self.lent.push(guard);
            }
            Step::Swap(a, b) if a < self.lent.len() && b < self.lent.len() => self.lent.swap(a, b),
            Step::Reserve(count) => self.reserve(who, count),
            Step::Collect => {
                let collected = self.by(who, |pool| pool.collect());
                self.aged(collected.dropped);
                assert_eq!(collected.aged, self.idle.len());
            }
            Step::CollectTwice => {
                for _ in 0..2 {
                    self.step(who, &Step::Collect);
                }
                assert!(self.idle.is_empty());
            }
            Step::Clear => {
                let count = self.by(who, |pool| pool.clear());
                assert_eq!(count, self.ledger.dropped().len());
                assert_eq!(count, self.idle.len());
                self.idle.clear();
            }
            Step::Drain(kept) => {
                let objects: Vec<Object> =
                    self.by(who, move |pool| pool.drain().take(kept).collect());
                assert_eq!(objects.len(), kept.min(self.idle.len()));
                let gone = self.ledger.dropped();
                assert_eq!(gone.len() + objects.len(), self.idle.len());
                gone.into_iter()
                    .chain(objects.iter().map(|object| object.id))
                    .for_each(|id| {
                        assert!(self.idle.remove(&id).is_some(), "{id} was not idle");
                    });
                self.outside.extend(objects);
            }
            Step::Exit => {
                if let Some(thread) = self.threads[who].take() {
                    thread.end();
                }
            }
            _ => {}
        }
        self.check();
    }

    fn reserve(&mut self, who: usize, count: usize) {
        let before = self.ledger.made();
        self.by(who, move |pool| pool.reserve(count));
        let gone = self.ledger.dropped();
        let made = before..self.ledger.made();
        let too_big = self
            .settings
            .max_object_bytes
            .is_some_and(|most| NEW > most);
        if self.settings.max_idle == Some(0) {
            assert!(made.is_empty(), "pooling is off");
            return;
        }
        let cycle = self.counts.cycles;
        if too_big {
            assert!(made.len() <= 1);
            assert_eq!(gone.len(), made.len());
            self.counts.reserved += made.len() as u64;
            self.counts.discarded += made.len() as u64;
            return;
        }
        self.counts.reserved += made.len() as u64;
        self.counts.puts += (made.len() - gone.len()) as u64;
        self.counts.overflowed += gone.len() as u64;
        assert!(gone.len() <= 1, "stops at the first that finds no room");
        self.idle.extend(made.map(|id| (id, (NEW, cycle))));
        for id in gone {
            assert!(self.idle.remove(&id).is_some(), "{id} was not idle");
        }
        let bounded = self.settings.max_idle.is_some() || self.settings.idle_bytes.is_some();
        assert!(bounded || self.idle.len() >= count);
    }

    fn check(&self) {
        assert_eq!(self.ledger.dropped(), [] as [usize; 0], "dropped by nobody");
        let (stats, counts) = (self.pool.stats(), &self.counts);
        assert_eq!(stats.idle, self.idle.len(), "{stats}");
        let weight: usize = self.idle.values().map(|(weight, _)| weight).sum();
        assert_eq!(stats.idle_bytes, weight, "{stats}");
        assert!(
            self.settings.max_idle.is_none_or(|most| stats.idle <= most),
            "{stats}"
        );
        assert!(
            self.settings.idle_bytes.is_none_or(|most| weight <= most),
            "{stats}"
        );
        assert_eq!(stats.gets, counts.gets, "{stats}");
        assert_eq!(
            stats.creates + hits(&stats),
            counts.gets + counts.reserved,
            "{stats}"
        );
        assert_eq!(stats.puts, counts.puts, "{stats}");
        assert_eq!(stats.discarded, counts.discarded, "{stats}");
        assert_eq!(stats.overflowed, counts.overflowed, "{stats}");
        assert_eq!(stats.aged_out, counts.aged_out, "{stats}");
        assert_eq!(stats.cycles, counts.cycles, "{stats}");
        assert!(stats.workers <= self.threads.len(), "{stats}");
    }

    /// Everybody goes home.
    fn end(mut self) {
        let outside = mem::take(&mut self.outside).len() + self.lent.len();
        mem::take(&mut self.lent)
            .into_iter()
            .for_each(OwnedGuard::discard);
        assert_eq!(self.ledger.dropped().len(), outside);
        let idle = self.idle.len();
        drop(self.pool);
        assert_eq!(self.ledger.dropped().len(), idle, "each idle object, once");
        self.threads.into_iter().flatten().for_each(Puppet::end);
        assert_eq!(
            self.ledger.dropped(),
            [] as [usize; 0],
            "no thread had any left"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn one_thread_and_the_model_agree(
        settings in settings(),
        script in vec(step(), 0..150),
    ) {
        let mut world = World::new(settings, 1);
        script.iter().for_each(|step| world.step(0, step));
        world.end();
    }

    #[test]
    fn several_threads_and_the_model_agree(
        settings in settings(),
        script in vec((0usize..4, step()), 0..120),
    ) {
        let mut world = World::new(settings, 4);
        script.iter().for_each(|(who, step)| world.step(*who, step));
        world.end();
    }

}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// More threads than there are deques for (four a core), with the shared store behind them.
    #[test]
    fn a_crowd_and_the_model_agree(script in vec((0usize..40, step()), 0..200)) {
        let unbounded = Settings {
            max_idle: None,
            idle_bytes: None,
            max_object_bytes: None,
            interval: None,
        };
        let mut world = World::new(unbounded, 40);
        script.iter().for_each(|(who, step)| world.step(*who, step));
        world.end();
    }
}

//! Random scripts in which everything that may panic does, beside a collector: callbacks and destructors, sources of
//! memory pressure and hooks, and with the features `metrics` and `tracing` also recorders and subscribers.
//!
//! After each step, no object is lost and no count is wrong. As long as there is a collector, it works; as soon as
//! there is none, pools age on use, and another may begin.
//!
//! One test only: a collector is one for the process.
#![cfg(panic = "unwind")]

mod cases;
mod common;
#[path = "machine/object.rs"]
mod object;
#[path = "machine/panics.rs"]
mod panics;
#[path = "machine/watchers.rs"]
mod watchers;

use common::Puppet;
use object::{Callback, Judge, Ledger, NEW, Object, WentOff, caught, go_off};
use panics::{Source, SourceFault, Step, fuse, settings, step};
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::thread;
use std::time::{Duration, Instant};
use stealpool::{Builder, Collector, OwnedGuard, Pool, PressureStatus, PressureSwitch};

type JudgedPool = Pool<Object, Judge>;

struct World {
    pool: Arc<JudgedPool>,
    ledger: Arc<Ledger>,
    other: Puppet,
    lent: Vec<OwnedGuard<Object, Judge>>,
    collector: Option<Collector>,
    switch: PressureSwitch,
    /// How often a hook has been called, and panicked.
    hooks: Arc<AtomicUsize>,
    /// Objects that were dropped, and how many of them outside of the pool.
    dropped: usize,
    outside: usize,
}

/// Whether `done` comes true.
fn settles(mut done: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > Duration::from_secs(10) {
            return false;
        }
        thread::sleep(Duration::from_micros(100));
    }
    true
}

impl World {
    fn new(settings: Builder) -> Self {
        #[cfg(target_os = "linux")]
        common::run_on(0);
        watchers::install();
        let ledger = Arc::new(Ledger::default());
        World {
            pool: Arc::new(settings.build(Judge(Arc::clone(&ledger)))),
            ledger,
            other: Puppet::on(1),
            lent: Vec::new(),
            collector: None,
            switch: PressureSwitch::new(),
            hooks: Arc::default(),
            dropped: 0,
            outside: 0,
        }
    }

    /// Runs a job on this thread or the other.
    fn by<R: Send + 'static>(
        &self,
        here: bool,
        job: impl FnOnce(&Arc<JudgedPool>) -> R + Send + 'static,
    ) -> Result<R, WentOff> {
        let pool = Arc::clone(&self.pool);
        let job = move || caught(|| job(&pool));
        if here { job() } else { self.other.run(job) }
    }

    fn step(&mut self, here: bool, step: &Step, fuse: Option<Callback>) {
        self.ledger.set(fuse.map(|callback| (callback, 0)));
        let lent = self.lent.len();
        match *step {
            Step::Get => {
                let got = self.by(here, |pool| pool.get_owned());
                self.lent.extend(got);
            }
            Step::Return(at) if at < lent => {
                let guard = self.lent.swap_remove(at);
                _ = self.by(here, move |_| drop(guard));
            }
            Step::Arm(at) if at < lent => self.lent[at].is_bomb = true,
            Step::Discard(at) if at < lent => {
                let guard = self.lent.swap_remove(at);
                _ = self.by(here, move |_| OwnedGuard::discard(guard));
            }
            Step::TakeOut(at) if at < lent => {
                let guard = self.lent.swap_remove(at);
                _ = self.by(here, move |_| drop(OwnedGuard::into_inner(guard)));
                self.outside += 1;
            }
            Step::Put(weight) => {
                let object = self.ledger.object(weight);
                _ = self.by(here, move |pool| pool.put(object));
            }
            Step::Wrap => {
                let object = self.ledger.object(NEW);
                let guard = self.by(here, move |pool| pool.wrap_owned(object));
                self.lent.extend(guard);
            }
            Step::Reserve(count) => _ = self.by(here, move |pool| pool.reserve(count)),
            Step::Collect => _ = self.by(here, |pool| pool.collect()),
            Step::Clear => _ = self.by(here, |pool| pool.clear()),
            Step::Drain => {
                _ = self.by(here, |pool| drop(pool.drain()));
                // What was drained is the caller's.
                assert!(
                    self.settles(
                        |world| world.gone() + world.pool.stats().live == world.ledger.made()
                    )
                );
                self.outside = self.dropped - self.pool.stats().drops.total() as usize;
            }
            Step::Budget(bytes) => {
                _ = self.by(here, move |_| stealpool::set_idle_budget(bytes));
                _ = self.by(here, |_| stealpool::set_idle_budget(usize::MAX));
            }
            Step::Many => self.use_much(here),
            Step::Spawn(fault, is_bomb, hooks) => self.spawn(fault, is_bomb, hooks),
            Step::Stop => self.stop(),
            Step::Pulse => self.pulse(),
            Step::Raise => self.raise(),
            Step::Watch(armed) => watchers::arm(armed),
            Step::Record => _ = self.by(here, |_| watchers::record()),
            _ => {}
        }
        self.ledger.set(None);
        self.ledger.blew();
        if self.ledger.fired() == Some(Callback::Footprint) && matches!(step, Step::Reserve(_)) {
            // That one was never the pool's.
            self.outside += 1;
        }
        self.check();
    }

    fn use_much(&self, here: bool) {
        let uses = |pool: &Arc<JudgedPool>| {
            for _ in 0..1_100 {
                _ = caught(|| drop([pool.get(), pool.get()]));
            }
        };
        _ = self.by(here, uses);
    }

    fn builder(
        &self,
        fault: SourceFault,
        is_bomb: bool,
        hooks: bool,
    ) -> stealpool::CollectorBuilder {
        let switch = self.switch.clone();
        let builder = Collector::builder().every(Duration::from_secs(3600)).pressure(Source {
            switch,
            fault,
            is_bomb,
        });
        if !hooks {
            return builder;
        }
        let [first, second] = [(), ()].map(|()| Arc::clone(&self.hooks));
        let called = |calls: &AtomicUsize| {
            calls.fetch_add(1, AcqRel);
            go_off()
        };
        let builder = builder.on_cycle(move |_| called(&first));
        builder.on_panic(move |_| called(&second))
    }

    fn spawn(&mut self, fault: SourceFault, is_bomb: bool, hooks: bool) {
        let builder = self.builder(fault, is_bomb, hooks);
        let spawned = caught(|| builder.spawn());
        match spawned {
            Ok(Ok(collector)) => {
                assert!(self.collector.is_none(), "two at once");
                self.collector = Some(collector);
            }
            Ok(Err(error)) => {
                assert!(self.collector.is_some(), "{error}");
                assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            }
            Err(WentOff) => self.ages_on_use(),
        }
    }

    fn stop(&mut self) {
        if let Some(collector) = self.collector.take() {
            caught(|| drop(collector)).expect("it has caught all panics");
        }
        self.ages_on_use();
        // Another may begin.
        let switch = self.switch.clone();
        let source = Source { switch, fault: SourceFault::Nowhere, is_bomb: false };
        let again = Collector::builder().pressure(source).spawn();
        drop(again.expect("none runs any more"));
        self.ages_on_use();
    }

    /// Unless there is a collector.
    fn ages_on_use(&self) {
        let before = self.pool.stats().cycles;
        let ages = || {
            self.use_much(true);
            self.pool.stats().cycles > before
        };
        assert!(self.collector.is_some() || settles(ages), "never");
    }

    /// The collector empties the pool within two cycles.
    fn pulse(&self) {
        let Some(collector) = &self.collector else {
            return;
        };
        let empties = || {
            let end = caught(|| _ = collector.pulse());
            end.expect("panics go to the hook");
            self.pool.idle() == 0
        };
        assert!(settles(empties), "{}", self.pool.stats());
    }

    /// The collector empties the pool, if it still has a source.
    fn raise(&self) {
        let Some(collector) = &self.collector else {
            return;
        };
        let (before, mut watches) = (self.hooks.load(Acquire), true);
        let relieves = || {
            self.switch.raise();
            watches = matches!(collector.pressure_source(), PressureStatus::Watching(_));
            !watches || self.pool.idle() == 0
        };
        assert!(settles(relieves), "{}", self.pool.stats());
        assert!(self.hooks.load(Acquire) <= before + 2, "a broken hook is called once");
    }

    /// Objects that were dropped by now.
    fn gone(&mut self) -> usize {
        self.dropped += self.ledger.dropped().len();
        self.dropped
    }

    /// Whether this is so, at once or when a collector has dropped what it has in hand.
    fn settles(&mut self, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        done(self) || self.collector.is_some() && settles(|| done(self))
    }

    fn check(&mut self) {
        let settled = self.settles(|world| {
            let (stats, gone) = (world.pool.stats(), world.gone());
            let alive = world.ledger.made() - gone;
            stats.live == alive
                && stats.live == stats.idle + world.lent.len()
                && stats.drops.total() as usize == gone - world.outside
        });
        assert!(
            settled,
            "{} lent, {} made, {} dropped, {} of them outside: {}",
            self.lent.len(),
            self.ledger.made(),
            self.dropped,
            self.outside,
            self.pool.stats()
        );
        if self.collector.is_some() {
            let second = self.builder(SourceFault::Nowhere, false, false).spawn();
            let error = second.expect_err("the first one runs");
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        }
    }

    fn end(mut self) {
        self.pulse();
        self.step(true, &Step::Stop, None);
        while !self.lent.is_empty() {
            self.step(true, &Step::Return(0), None);
        }
        let World { pool, ledger, other, .. } = self;
        _ = caught(|| drop(pool));
        other.end();
        assert_eq!(Arc::strong_count(&ledger), 1, "each object is dropped");
    }
}

/// Few tries to make a script shorter, for each takes long.
fn few_cases(cases: u32) -> ProptestConfig {
    ProptestConfig { max_shrink_iters: 20, ..cases::cases(cases) }
}

proptest! {
    #![proptest_config(few_cases(60))]

    #[test]
    fn whatever_panics_nothing_is_lost_and_a_collector_works(
        settings in settings(),
        script in vec((any::<bool>(), step(), fuse()), 0..=100),
    ) {
        let mut world = World::new(settings);
        script.iter().for_each(|(here, step, fuse)| world.step(*here, step, *fuse));
        world.end();
    }
}

//! Events for a subscriber of `tracing`.

use crate::common::{Census, in_child, patiently};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stealpool::{Builder, Collector, Pool};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

/// Keeps events as text, and uses the pool while it is told one.
struct Listener {
    heard: Arc<Mutex<Vec<String>>>,
    pool: Arc<Pool<Vec<u8>>>,
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "stealpool"
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        drop(self.pool.get());
        let mut text = Text(String::new());
        event.record(&mut text);
        self.heard.lock().unwrap().push(text.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn each_cycle_is_an_event() {
    let settings = Builder::new().name("heard").collect_every(Duration::ZERO);
    let pool: Arc<Pool<Vec<u8>>> = Arc::new(settings.build(Vec::new));
    let heard = Arc::default();
    let listener = Listener { heard: Arc::clone(&heard), pool: Arc::clone(&pool) };
    tracing::subscriber::with_default(listener, || {
        drop((pool.get(), pool.get()));
        pool.collect();
        {
            let heard = heard.lock().unwrap();
            let text = heard.last().expect("an event");
            for part in ["heard", "cycle=1", "dropped=0", "idle=2"] {
                assert!(text.contains(part), "{text}");
            }
        }
        // And on use.
        (0..2_000).for_each(|_| drop(pool.get()));
    });
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len() as u64, pool.stats().cycles);
    assert!(heard.len() > 2);
}

/// Panics at each event, or earlier: when it is asked whether it wants any.
#[derive(Clone, Default)]
struct Fragile {
    is_armed: Arc<AtomicBool>,
    is_early: Arc<AtomicBool>,
    panics: Arc<AtomicUsize>,
}

impl Fragile {
    fn called(&self, is_early: bool) {
        if self.is_armed.load(Acquire) && self.is_early.load(Acquire) == is_early {
            self.panics.fetch_add(1, AcqRel);
            panic!("a panic of the test");
        }
    }
}

impl Subscriber for Fragile {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        self.called(true);
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        self.called(false);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Wherever a cycle ends: in a call of the user's it is the user's, and the collector's thread goes on.
#[test]
#[cfg_attr(not(panic = "unwind"), ignore = "needs panics that unwind")]
fn a_subscriber_that_panics_costs_no_object_and_no_count() {
    in_child("a_subscriber_that_panics_costs_no_object_and_no_count", || {
        set_hook(Box::new(|_| {}));
        let subscriber = Fragile::default();
        tracing::subscriber::set_global_default(subscriber.clone()).expect("the first");
        subscriber.is_armed.store(true, Release);
        for is_early in [false, true] {
            subscriber.is_early.store(is_early, Release);
            in_a_cycle_by_hand();
            in_a_cycle_on_use();
            in_the_collector_s_thread(&subscriber);
        }
    });
}

fn in_a_cycle_by_hand() {
    let census = Census::new();
    let pool = census.pool();
    drop((0..50).map(|_| pool.get()).collect::<Vec<_>>());
    for alive in [50, 0] {
        catch_unwind(AssertUnwindSafe(|| pool.collect())).expect_err("the subscriber's");
        assert_eq!((pool.idle(), census.alive()), (alive, alive));
    }
    let stats = pool.stats();
    assert_eq!((stats.cycles, stats.aged_out, stats.live), (2, 50, 0));
}

fn in_a_cycle_on_use() {
    let census = Census::new();
    let pool = census.pool_with(Builder::new().collect_every(Duration::ZERO));
    let (mut gets, mut created, mut panics) = (0, 0, 0);
    for round in 0..20_000 {
        let many = if round % 1_000 == 0 { 50 } else { 2 };
        let mut held = Vec::new();
        for _ in 0..many {
            match catch_unwind(AssertUnwindSafe(|| pool.get())) {
                Ok(guard) => held.push(guard),
                // The get had created an object, which is dropped.
                Err(_) => created += 1,
            }
        }
        gets += held.len() as u64;
        for guard in held {
            panics += u64::from(catch_unwind(AssertUnwindSafe(|| drop(guard))).is_err());
        }
        assert_eq!(pool.idle(), census.alive());
    }
    let stats = pool.stats();
    assert!(stats.aged_out > 0, "{stats}");
    assert_eq!((stats.gets, stats.cycles), (gets + created, created + panics), "{stats}");
    assert_eq!(stats.drops.panicked, created, "{stats}");
    assert_eq!(stats.live, stats.idle, "{stats}");
}

fn in_the_collector_s_thread(subscriber: &Fragile) {
    let census = Census::new();
    let pool = census.pool();
    let before = subscriber.panics.load(Acquire);
    let collector = Collector::builder()
        .every(Duration::from_millis(1))
        .on_memory_pressure(false)
        .spawn()
        .expect("none runs yet");
    for _ in 0..3 {
        drop((0..50).map(|_| pool.get()).collect::<Vec<_>>());
        assert!(patiently(|| census.alive() == 0));
    }
    collector.pulse();
    let stats = pool.stats();
    assert_eq!((stats.live, stats.puts), (0, stats.gets), "{stats}");
    assert!(subscriber.panics.load(Acquire) >= before + 3);
}

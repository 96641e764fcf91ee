//! The features `metrics` and `tracing`: what a recorder and a subscriber are told.
//!
//! Run with `cargo test --all-features --test export`.

#[cfg(any(feature = "metrics", feature = "tracing"))]
mod common;

#[cfg(feature = "metrics")]
mod metrics_feature {
    use crate::common::{Census, in_child, patiently};
    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };
    use std::collections::{BTreeMap, BTreeSet};
    use std::panic::{catch_unwind, panic_any, resume_unwind, set_hook};
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use stealpool::{Builder, Collector, Guard, Pool};

    /// Keeps the last figure of each metric by its name and labels, and the names of the labels.
    #[derive(Default)]
    pub(super) struct Notes {
        figures: Arc<Mutex<BTreeMap<String, f64>>>,
        pub(super) labels: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
        described: Mutex<BTreeSet<String>>,
    }

    struct Note(Arc<Mutex<BTreeMap<String, f64>>>, String);

    impl Note {
        fn write(&self, value: f64) {
            self.0.lock().unwrap().insert(self.1.clone(), value);
        }
    }

    impl metrics::CounterFn for Note {
        fn increment(&self, _: u64) {
            panic!("the totals are the pool's");
        }
        fn absolute(&self, value: u64) {
            self.write(value as f64);
        }
    }

    impl metrics::GaugeFn for Note {
        fn increment(&self, _: f64) {
            panic!("a gauge is set");
        }
        fn decrement(&self, _: f64) {
            panic!("a gauge is set");
        }
        fn set(&self, value: f64) {
            self.write(value);
        }
    }

    impl Notes {
        fn note(&self, key: &Key) -> Arc<Note> {
            let names = key.labels().map(|label| label.key().to_owned());
            self.labels.lock().unwrap().entry(key.name().to_owned()).or_default().extend(names);
            let labels = key.labels().map(|label| label.value().to_owned());
            let labels: Vec<String> = labels.collect();
            let name = format!("{} {}", key.name(), labels.join(" "));
            Arc::new(Note(Arc::clone(&self.figures), name))
        }
    }

    impl Recorder for Notes {
        fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
            self.described.lock().unwrap().insert(format!("counter {}", name.as_str()));
        }
        fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
            self.described.lock().unwrap().insert(format!("gauge {}", name.as_str()));
        }
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.note(key))
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.note(key))
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn a_recorder_is_told_each_named_pool_s_figures() {
        let pool: Pool<Vec<u8>> = Builder::new().name("told").build(|| Vec::with_capacity(100));
        let unnamed: Pool<Vec<u8>> = Pool::new(Vec::new);
        drop((pool.get(), pool.get(), unnamed.get()));
        Guard::discard(pool.get());
        let lent = pool.get();
        let recorder = Notes::default();
        let notes = Arc::clone(&recorder.figures);
        metrics::with_local_recorder(&recorder, stealpool::record_metrics);
        drop(lent);
        let notes = notes.lock().unwrap();
        let expected = [
            ("stealpool_gets_total told", 4.0),
            ("stealpool_creates_total told", 2.0),
            ("stealpool_cycles_total told", 0.0),
            ("stealpool_drops_total told by_hand", 1.0),
            ("stealpool_drops_total told aged", 0.0),
            ("stealpool_idle_objects told", 0.0),
            ("stealpool_live_objects told", 1.0),
            ("stealpool_workers told", 1.0),
        ];
        for (name, value) in expected {
            assert_eq!(notes.get(name), Some(&value), "{name}: {notes:?}");
        }
        let hits = |from| notes[&format!("stealpool_hits_total told {from}")];
        assert_eq!(["private", "local", "steal", "victim"].map(hits).iter().sum::<f64>(), 2.0);
        let named = ["told", "heard", "shown"];
        assert!(notes.keys().all(|key| named.iter().any(|name| key.contains(name))));
    }

    #[test]
    fn a_recorder_is_told_what_each_figure_is() {
        let pool: Pool<Vec<u8>> = Builder::new().name("heard").build(Vec::new);
        drop(pool.get());
        let recorder = Notes::default();
        metrics::with_local_recorder(&recorder, stealpool::record_metrics);
        let kind = |name: &str| if name.ends_with("_total") { "counter" } else { "gauge" };
        let recorded: BTreeSet<_> = recorder
            .labels
            .lock()
            .unwrap()
            .keys()
            .map(|name| format!("{} {name}", kind(name)))
            .collect();
        assert_eq!(*recorder.described.lock().unwrap(), recorded);
    }

    /// Panics wherever it is called, if it is told to.
    #[derive(Clone, Default)]
    struct Fragile {
        /// At which of its calls: to register a metric, to note a count, or to note a gauge.
        at: Arc<AtomicUsize>,
        panics: Arc<AtomicUsize>,
    }

    const NOWHERE: usize = 0;
    const REGISTER: usize = 1;
    const COUNT: usize = 2;
    const GAUGE: usize = 3;

    impl Fragile {
        fn called(&self, at: usize) {
            if self.at.load(Acquire) == at {
                self.panics.fetch_add(1, AcqRel);
                panic_any(Spiteful);
            }
        }
    }

    /// A payload whose destructor panics in its turn.
    struct Spiteful;

    impl Drop for Spiteful {
        fn drop(&mut self) {
            resume_unwind(Box::new("the payload's own"));
        }
    }

    impl metrics::CounterFn for Fragile {
        fn increment(&self, _: u64) {}
        fn absolute(&self, _: u64) {
            self.called(COUNT);
        }
    }

    impl metrics::GaugeFn for Fragile {
        fn increment(&self, _: f64) {}
        fn decrement(&self, _: f64) {}
        fn set(&self, _: f64) {
            self.called(GAUGE);
        }
    }

    impl Recorder for Fragile {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            self.called(REGISTER);
            Counter::from_arc(Arc::new(self.clone()))
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(Arc::new(self.clone()))
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    /// In the collector's own thread.
    #[test]
    #[cfg_attr(not(panic = "unwind"), ignore = "needs panics that unwind")]
    fn a_recorder_that_panics_does_not_stop_the_collector() {
        in_child("a_recorder_that_panics_does_not_stop_the_collector", || {
            set_hook(Box::new(|_| {}));
            let recorder = Fragile::default();
            metrics::set_global_recorder(recorder.clone()).expect("the first");
            let census = Census::new();
            let names = ["one", "two"];
            let pools = names.map(|name| census.pool_with(Builder::new().name(name)));
            let fill = || {
                for pool in &pools {
                    drop((0..50).map(|_| pool.get()).collect::<Vec<_>>());
                }
            };
            let cycles = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&cycles);
            let collector = Collector::builder()
                .every(Duration::from_millis(1))
                .on_memory_pressure(false)
                .on_cycle(move |_| _ = counted.fetch_add(1, AcqRel))
                .spawn()
                .expect("none runs yet");
            for at in [REGISTER, COUNT, GAUGE, NOWHERE] {
                let (panics, before) = (recorder.panics.load(Acquire), cycles.load(Acquire));
                recorder.at.store(at, Release);
                fill();
                let goes_on = || cycles.load(Acquire) > before + 3 && census.alive() == 0;
                assert!(patiently(goes_on), "{at}");
                let since = recorder.panics.load(Acquire) - panics;
                assert_eq!(since > 2, at != NOWHERE, "{since} panics");
                fill();
                // Nor does one come out of a cycle by hand.
                (0..2).for_each(|_| _ = collector.pulse());
                assert!(patiently(|| census.alive() == 0));
            }
            for pool in &pools {
                let stats = pool.stats();
                assert_eq!((stats.live, stats.idle), (0, 0), "{stats}");
                assert_eq!((stats.creates, stats.gets), (stats.aged_out, stats.puts));
            }
            // Who asks for figures has the panic.
            recorder.at.store(COUNT, Release);
            let end = catch_unwind(stealpool::record_metrics);
            std::mem::forget(end.expect_err("the recorder's"));
            drop(collector);
            drop(Collector::builder().spawn().expect("none runs any more"));
        });
    }
}

#[cfg(feature = "metrics")]
#[path = "export/dashboard.rs"]
mod dashboard;

#[cfg(feature = "tracing")]
#[path = "export/tracing_feature.rs"]
mod tracing_feature;

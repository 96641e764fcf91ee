//! The features `metrics` and `tracing`: what a recorder and a subscriber are told.
//!
//! Run with `cargo test --all-features --test export`.

#[cfg(feature = "metrics")]
mod metrics_feature {
    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};
    use stealpool::{Builder, Guard, Pool};

    /// Keeps the last figure of each metric by its name and labels.
    #[derive(Default)]
    struct Notes(Arc<Mutex<BTreeMap<String, f64>>>);

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
            let labels = key.labels().map(|label| label.value().to_owned());
            let labels: Vec<String> = labels.collect();
            let name = format!("{} {}", key.name(), labels.join(" "));
            Arc::new(Note(Arc::clone(&self.0), name))
        }
    }

    impl Recorder for Notes {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
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
        let pool: Pool<Vec<u8>> = Builder::new()
            .name("told")
            .build(|| Vec::with_capacity(100));
        let unnamed: Pool<Vec<u8>> = Pool::new(Vec::new);
        drop((pool.get(), pool.get(), unnamed.get()));
        Guard::discard(pool.get());
        let lent = pool.get();
        let recorder = Notes::default();
        let notes = Arc::clone(&recorder.0);
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
        let named = ["told", "heard"];
        assert!(
            notes
                .keys()
                .all(|key| named.iter().any(|name| key.contains(name)))
        );
    }
}

#[cfg(feature = "tracing")]
mod tracing_feature {
    use std::fmt::Debug;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use stealpool::{Builder, Pool};
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
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
        let listener = Listener {
            heard: Arc::clone(&heard),
            pool: Arc::clone(&pool),
        };
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
}

//! A recorder of `metrics` and a subscriber of `tracing` that panic while they are armed. Without the features,
//! nothing.

#[cfg(any(feature = "metrics", feature = "tracing"))]
use super::object::go_off;
use std::sync::Once;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Release;

static IS_ARMED: AtomicBool = AtomicBool::new(false);

/// Whether they panic from now on.
pub(crate) fn arm(armed: bool) {
    IS_ARMED.store(armed, Release);
}

/// Makes them the process's, once.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        #[cfg(feature = "metrics")]
        assert!(metrics::set_global_recorder(Watcher).is_ok());
        #[cfg(feature = "tracing")]
        assert!(tracing::subscriber::set_global_default(Watcher).is_ok());
    });
    arm(false);
}

/// Asks the recorder for the figures, as a program may.
pub(crate) fn record() {
    #[cfg(feature = "metrics")]
    stealpool::record_metrics();
}

#[cfg(any(feature = "metrics", feature = "tracing"))]
struct Watcher;

#[cfg(any(feature = "metrics", feature = "tracing"))]
fn called() {
    if IS_ARMED.load(std::sync::atomic::Ordering::Acquire) {
        go_off();
    }
}

#[cfg(feature = "metrics")]
mod recorder {
    use super::{Watcher, called};
    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};

    impl metrics::Recorder for Watcher {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }
        /// Past the counters.
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            called();
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }
}

#[cfg(feature = "tracing")]
mod subscriber {
    use super::{Watcher, called};
    use tracing::span::{Attributes, Id, Record};
    use tracing::subscriber::Interest;
    use tracing::{Event, Metadata, Subscriber};

    impl Subscriber for Watcher {
        fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
            Interest::sometimes()
        }
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {
            called();
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
}

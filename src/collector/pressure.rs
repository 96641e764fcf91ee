//! Sources of memory pressure.
//!
//! The collector sleeps in a [`PressureSource`], which returns early if memory is short. Linux has three sources that
//! need no configuration; see [`find`]. On all systems, a program may have its own, or use a [`PressureSwitch`].

use crate::collector::background;
use crate::collector::signals::Signals;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Release};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod place;
#[cfg(target_os = "linux")]
pub(crate) use linux::find;

/// A source of memory pressure.
///
/// Only the collector's thread uses the source. If [`wait`](Self::wait) returns an error, the collector goes on without
/// the source, and [`Collector::pressure_source`](crate::Collector::pressure_source) returns the reason.
///
/// ```
/// use std::{io, time::Duration};
/// use stealpool::{Collector, PressureSource, Sleep};
///
/// /// Looks every second whether a file has appeared.
/// struct Sentinel(std::path::PathBuf);
///
/// impl PressureSource for Sentinel {
///     fn name(&self) -> String {
///         format!("sentinel {}", self.0.display())
///     }
///     fn wait(&mut self, sleep: &Sleep) -> io::Result<bool> {
///         while !sleep.is_over() {
///             if self.0.try_exists()? {
///                 std::fs::remove_file(&self.0)?;
///                 return Ok(true);
///             }
///             sleep.park_for(Duration::from_secs(1));
///         }
///         Ok(false)
///     }
/// }
///
/// let sentinel = Sentinel(std::env::temp_dir().join("short-of-memory"));
/// let collector = Collector::builder().pressure(sentinel).spawn()?;
/// assert!(collector.pressure_source().to_string().starts_with("sentinel"));
/// # io::Result::Ok(())
/// ```
pub trait PressureSource: Send {
    /// The name of the source, for people.
    fn name(&self) -> String;

    /// Waits until memory is short (`true`) or the sleep is over (`false`). A source that waits longer delays the
    /// collector, and its end.
    ///
    /// # Errors
    ///
    /// The source does not work any more.
    fn wait(&mut self, sleep: &Sleep) -> io::Result<bool>;
}

/// The source of memory pressure that a collector watches, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PressureStatus {
    /// The collector watches the source of this name.
    Watching(String),
    /// The collector watches nothing, for this reason.
    Off(String),
}

impl fmt::Display for PressureStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PressureStatus::Watching(name) => f.write_str(name),
            PressureStatus::Off(reason) => write!(f, "off: {reason}"),
        }
    }
}

/// The sleep of a collector: until a time, or until a wake-up.
#[derive(Debug)]
pub struct Sleep {
    /// `None`: no end.
    until: Option<Instant>,
    signals: Arc<Signals>,
}

impl Sleep {
    pub(crate) fn new(until: Option<Instant>, signals: Arc<Signals>) -> Self {
        Sleep { until, signals }
    }

    /// Whether the time has come, or the collector was woken.
    pub fn is_over(&self) -> bool {
        self.signals.is_roused() || self.until.is_some_and(|until| until <= Instant::now())
    }

    /// The time left. `None`: the sleep has no end.
    pub fn remaining(&self) -> Option<Duration> {
        if self.is_over() {
            return Some(Duration::ZERO);
        }
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        self.until.map(left)
    }

    /// Blocks until the sleep is over, or earlier: check again after it.
    pub fn park(&self) {
        match self.remaining() {
            Some(Duration::ZERO) => {}
            Some(left) => thread::park_timeout(left),
            None => thread::park(),
        }
    }

    /// Like [`park`](Self::park), for no longer than `most`.
    pub fn park_for(&self, most: Duration) {
        let left = self.remaining().map_or(most, |left| left.min(most));
        if !left.is_zero() {
            thread::park_timeout(left);
        }
    }
}

/// A source of memory pressure that the program raises itself.
///
/// Clones are the same switch. If it is raised while no collector runs, the next collector with this switch sees it.
///
/// ```
/// use stealpool::{Collector, Pool, PressureSwitch};
///
/// static POOL: Pool<Vec<u8>> = Pool::new(|| vec![0; 1 << 16]);
///
/// let switch = PressureSwitch::new();
/// let collector = Collector::builder().pressure(switch.clone()).spawn()?;
/// drop(POOL.get());
/// switch.raise();
/// while POOL.idle() > 0 {
///     std::thread::yield_now();
/// }
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PressureSwitch {
    raised: Arc<AtomicBool>,
}

impl PressureSwitch {
    /// A switch that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that memory is short: the collector drops all idle objects once.
    pub fn raise(&self) {
        // Release: pairs with the swap in `wait`. The collector sees earlier puts.
        self.raised.store(true, Release);
        background::wake();
    }
}

impl PressureSource for PressureSwitch {
    fn name(&self) -> String {
        String::from("switch")
    }

    fn wait(&mut self, sleep: &Sleep) -> io::Result<bool> {
        loop {
            // AcqRel: pairs with the Release in `raise`.
            if self.raised.swap(false, AcqRel) {
                return Ok(true);
            }
            if sleep.is_over() {
                return Ok(false);
            }
            sleep.park();
        }
    }
}

/// No source is known for this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn find() -> Result<Box<dyn PressureSource>, String> {
    Err(String::from("no source is known for this system"))
}

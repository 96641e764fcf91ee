//! One background thread that ages every pool of the process.
//!
//! The thread sleeps for an interval, runs a cycle on each pool, and sleeps again. When memory is short, it drops all
//! idle objects at once. It holds a reference to a pool only while it works on it, so pools may be made and dropped at
//! any time. It runs destructors; if one panics, the thread goes on.

pub(crate) mod background;
pub(crate) mod export;
pub(crate) mod idle_budget;
#[cfg_attr(target_os = "linux", expect(unsafe_code, reason = "the system call `poll`"))]
pub(crate) mod pressure;
pub(crate) mod registry;
mod report;
pub(crate) mod signals;
mod thread;
#[cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "a call of the C library")
)]
mod trim;

pub use report::{CycleReport, DestructorPanic};

use crate::stats::Collected;
use arc_swap::ArcSwap;
use pressure::{PressureSource, PressureStatus};
use report::{Hook, Hooks};
use signals::Signals;
use std::fmt;
use std::io;
use std::mem;
use std::process;
use std::sync::Arc;
use std::thread::{self as threads, JoinHandle};
use std::time::Duration;

/// Ages all pools of the process from a thread of its own, until it is dropped.
///
/// A program opts in with one line in `main`. A library never needs to. While a collector runs, it ages every pool once
/// an interval, and no user's thread does any ageing work. The settings
/// [`Builder::collect_every`](crate::Builder::collect_every) and [`collect_manually`](crate::Builder::collect_manually)
/// then have no effect. So an object that is unused for two intervals is dropped, even if the program is idle.
///
/// ```
/// use std::time::Duration;
/// use stealpool::{Collector, Pool};
///
/// static BUFFERS: Pool<Vec<u8>> = Pool::new(Vec::new);
///
/// fn main() -> std::io::Result<()> {
///     let _collector = Collector::builder()
///         .every(Duration::from_millis(20)) // in production: seconds; 10 by default
///         .spawn()?;
///     drop(BUFFERS.get());
///     while BUFFERS.idle() > 0 {
///         std::thread::sleep(Duration::from_millis(1)); // the program does something else
///     }
///     Ok(())
/// }
/// ```
#[must_use = "a collector ends when it is dropped"]
pub struct Collector {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The process that has the thread.
    process: u32,
}

/// The state that the thread and its handle share.
struct Shared {
    signals: Arc<Signals>,
    trims: bool,
    dropped: trim::Dropped,
    status: ArcSwap<PressureStatus>,
    hooks: Hooks,
}

impl Collector {
    /// A collector with a cycle every 10 seconds that watches the system's memory pressure.
    pub fn builder() -> CollectorBuilder {
        CollectorBuilder {
            every: Duration::from_secs(10),
            pressure: Choice::System,
            trims: true,
            trim_threshold: None,
            hooks: Hooks::default(),
        }
    }

    /// Runs a cycle on every pool now, in the calling thread. The schedule of the background thread does not change.
    ///
    /// A destructor's panic goes to the hook. After many drops, this thread asks the allocator to return free pages.
    ///
    /// ```
    /// use stealpool::{Collector, Pool};
    ///
    /// let collector = Collector::builder().spawn()?;
    /// let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// drop(pool.get());
    /// collector.pulse();
    /// collector.pulse();
    /// assert_eq!(pool.idle(), 0);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn pulse(&self) -> Collected {
        thread::cycle(&self.shared).collected()
    }

    /// The source of memory pressure that is watched, or why there is none.
    pub fn pressure_source(&self) -> PressureStatus {
        PressureStatus::clone(&self.shared.status.load())
    }
}

/// Stops the thread and waits for its end. The thread finishes its current cycle first. Does nothing in a forked child,
/// which has no such thread.
impl Drop for Collector {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        if self.process != process::id() {
            // Neither joined nor detached: both would access the thread.
            return mem::forget(thread);
        }
        self.shared.signals.stop();
        // A pooled object may own the collector and be dropped by it.
        if thread.thread().id() != threads::current().id() {
            // An error would be a panic of the thread itself. It has caught all panics of user code.
            drop(thread.join());
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("pressure_source", &self.pressure_source())
            .finish_non_exhaustive()
    }
}

/// The source of memory pressure.
enum Choice {
    Off,
    System,
    Custom(Box<dyn PressureSource>),
}

/// Settings of a [`Collector`]; made by [`Collector::builder`].
#[must_use = "nothing runs before `spawn`"]
pub struct CollectorBuilder {
    every: Duration,
    pressure: Choice,
    trims: bool,
    trim_threshold: Option<usize>,
    hooks: Hooks,
}

impl fmt::Debug for CollectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectorBuilder").field("every", &self.every).finish_non_exhaustive()
    }
}

impl CollectorBuilder {
    /// The time between cycles: 10 seconds by default. Each sleep is up to a tenth shorter or longer, so that the
    /// processes of a machine do not run their cycles at the same time.
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval;
        self
    }

    /// Whether to watch the system's memory pressure, and drop all idle objects when memory is short. Yes by default.
    ///
    /// On Linux the source is the first of these that can be watched:
    ///
    /// 1. the file, FIFO or socket that systemd names in `$MEMORY_PRESSURE_WATCH` (`/dev/null` there means off);
    /// 2. `memory.pressure` of the process's own control group (version 2);
    /// 3. `/proc/pressure/memory`.
    ///
    /// The signal is that threads waited for memory during a tenth of two seconds. On other systems there is no source.
    /// [`Collector::pressure_source`] returns the source, or why there is none.
    pub fn on_memory_pressure(mut self, watch: bool) -> Self {
        self.pressure = if watch { Choice::System } else { Choice::Off };
        self
    }

    /// Watches this source of memory pressure instead of the system's.
    pub fn pressure(mut self, source: impl PressureSource + 'static) -> Self {
        self.pressure = Choice::Custom(Box::new(source));
        self
    }

    /// Whether to ask the C library's allocator to return free pages to the system when cycles have dropped a thousand
    /// objects or a megabyte since the last time. Yes by default.
    ///
    /// It works on Linux with glibc. By itself, glibc keeps most memory that one thread allocates and another frees.
    /// The search for free pages takes some milliseconds for each hundred megabytes. Threads that allocate from the
    /// same arena wait meanwhile. It does nothing on other systems, and finds nothing under another global allocator.
    pub fn trim(mut self, trim: bool) -> Self {
        self.trims = trim;
        self
    }

    /// Sets the allocator's trim threshold for the process when the collector starts, and leaves it so. Not set by default.
    ///
    /// [`trim`](Self::trim) does not return the free end of an arena, except of the first. glibc returns such an end when
    /// it is larger than the threshold: 128 KiB, but twice the size of the largest buffer that was freed so far, up to
    /// 64 MiB. There may be eight arenas for each processor. A threshold that is set does not grow.
    ///
    /// The price: the size from which glibc maps each buffer by itself does not grow either. An allocation of 128 KiB or
    /// more is then a system call and page faults, and so is its free. Objects that stay in a pool do not pay it.
    ///
    /// It works on Linux with glibc, and does nothing elsewhere. `mallopt(3)`, which it calls with `M_TRIM_THRESHOLD`, is
    /// made for the start of a program: spawn the collector before other threads allocate, or set
    /// `GLIBC_TUNABLES=glibc.malloc.trim_threshold` in the environment instead.
    ///
    /// ```
    /// use stealpool::Collector;
    ///
    /// let _collector = Collector::builder().trim_threshold(128 << 10).spawn()?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn trim_threshold(mut self, bytes: usize) -> Self {
        self.trim_threshold = Some(bytes);
        self
    }

    /// Calls `hook` when the destructor of a dropped object panics. The collector goes on in any case. The process's
    /// panic hook has already printed a message.
    ///
    /// Of several panics in one pool and cycle, the first is reported.
    pub fn on_panic(mut self, hook: impl Fn(&DestructorPanic<'_>) + Send + Sync + 'static) -> Self {
        self.hooks.panic = Some(Hook::new(Box::new(hook)));
        self
    }

    /// Calls `hook` after each cycle of the background thread, in that thread. For a log or a display.
    ///
    /// ```
    /// use stealpool::Collector;
    ///
    /// let collector = Collector::builder()
    ///     .on_cycle(|report| eprintln!("{report}"))
    ///     .spawn()?;
    /// collector.pulse();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn on_cycle(mut self, hook: impl Fn(&CycleReport) + Send + Sync + 'static) -> Self {
        self.hooks.cycle = Some(Hook::new(Box::new(hook)));
        self
    }

    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// * [`InvalidInput`](io::ErrorKind::InvalidInput): the interval is zero.
    /// * [`AlreadyExists`](io::ErrorKind::AlreadyExists): a collector runs in this process.
    /// * The error of the system if it cannot start a thread.
    ///
    /// ```
    /// use std::{io::ErrorKind, time::Duration};
    /// use stealpool::Collector;
    ///
    /// let zero = Collector::builder().every(Duration::ZERO).spawn();
    /// assert_eq!(zero.unwrap_err().kind(), ErrorKind::InvalidInput);
    ///
    /// let one = Collector::builder().spawn()?;
    /// let two = Collector::builder().spawn();
    /// assert_eq!(two.unwrap_err().kind(), ErrorKind::AlreadyExists);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn spawn(self) -> io::Result<Collector> {
        if self.every.is_zero() {
            // Dropped before the error exists: the destructor of a source may panic.
            drop(self);
            let what = "the collector's interval is zero";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let signals = Arc::new(Signals::new()?);
        let Some(claim) = background::begin(Arc::clone(&signals)) else {
            // As above.
            drop(self);
            let what = "a stealpool collector runs in this process already";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        };
        let source = match self.pressure {
            Choice::Off => Err(String::from("not wanted")),
            Choice::System => pressure::find(),
            Choice::Custom(source) => Ok(source),
        };
        let status = match &source {
            Ok(source) => PressureStatus::Watching(source.name()),
            Err(reason) => PressureStatus::Off(reason.clone()),
        };
        let shared = Arc::new(Shared {
            signals,
            trims: self.trims,
            dropped: trim::Dropped::default(),
            status: ArcSwap::from_pointee(status),
            hooks: self.hooks,
        });
        let runner = thread::Runner {
            shared: Arc::clone(&shared),
            every: self.every,
            source: source.ok(),
            _claim: claim,
        };
        if let Some(bytes) = self.trim_threshold {
            trim::set_threshold(bytes);
        }
        let thread =
            threads::Builder::new().name(String::from("stealpool")).spawn(move || runner.run())?;
        shared.signals.belong_to(thread.thread().clone());
        Ok(Collector { shared, thread: Some(thread), process: process::id() })
    }
}

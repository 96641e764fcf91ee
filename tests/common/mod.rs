//! What the tests share: objects that are counted, threads that do as they are told, tests that run
//! in a process of their own.
#![allow(dead_code, reason = "each test file uses its part")]

mod again;
pub(crate) mod at_end;
pub(crate) mod history;
pub(crate) mod pause;

pub(crate) use again::this_program;
use history::{Event, History, Op};
use std::env;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use stealpool::{Pool, Recycle, Stats};

/// `n` in a release build; a tenth of it in a debug build, which is some ten times slower; a few under Miri.
pub(crate) const fn scaled(n: usize) -> usize {
    if cfg!(miri) {
        1 + n / 2000
    } else if cfg!(debug_assertions) {
        n / 10
    } else {
        n
    }
}

/// How many of a kind of object were made and dropped.
#[derive(Clone, Default)]
pub(crate) struct Census(Arc<Counts>);

#[derive(Default)]
struct Counts {
    made: AtomicUsize,
    dropped: AtomicUsize,
    recycled: AtomicUsize,
    history: Option<Arc<History>>,
}

impl Census {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Also writes down what happens to each object: makers, recyclers and destructors by themselves,
    /// the rest as the test says it. [`checked`](Self::checked) judges it.
    pub(crate) fn watched() -> Self {
        Census(Arc::new(Counts { history: Some(Arc::default()), ..Counts::default() }))
    }

    /// One that is watched, and one that is not and has nothing that orders threads with each other.
    pub(crate) fn both() -> [Self; 2] {
        [Self::watched(), Self::new()]
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.0.history.is_some()
    }

    fn note(&self, op: Op, id: usize) {
        if let Some(history) = &self.0.history {
            history.note(op, id);
        }
    }

    /// Runs a cycle, or several, of a pool that has no other collector.
    pub(crate) fn cycle<R>(&self, cycle: impl FnOnce() -> R) -> R {
        match &self.0.history {
            Some(history) => history.cycle(cycle),
            None => cycle(),
        }
    }

    /// All that has happened, once the other threads have ended.
    pub(crate) fn events(&self) -> Vec<Event> {
        let history = self.0.history.as_ref();
        history.map_or_else(Vec::new, History::events)
    }

    /// Panics if something has happened that may not, when pools hold so many objects at the end. Nothing
    /// unless watched.
    pub(crate) fn checked(&self, idle: usize) {
        if self.is_watched() {
            let sums = history::judge(&self.events(), idle);
            sums.unwrap_or_else(|violation| panic!("{violation}"));
        }
    }

    /// A new object, counted here.
    pub(crate) fn object(&self) -> Counted {
        let id = self.0.made.fetch_add(1, AcqRel);
        self.note(Op::Made, id);
        Counted { id, weight: 0, census: self.clone() }
    }

    /// A new object with a footprint.
    pub(crate) fn weighing(&self, weight: usize) -> Counted {
        let mut object = self.object();
        object.weight = weight;
        object
    }

    pub(crate) fn made(&self) -> usize {
        self.0.made.load(Acquire)
    }

    pub(crate) fn dropped(&self) -> usize {
        self.0.dropped.load(Acquire)
    }

    pub(crate) fn recycled(&self) -> usize {
        self.0.recycled.load(Acquire)
    }

    pub(crate) fn alive(&self) -> usize {
        // Dropped first: whatever is dropped was made before.
        let dropped = self.dropped();
        self.made() - dropped
    }
}

/// An object that its [`Census`] counts, with an identity of its own.
pub(crate) struct Counted {
    pub(crate) id: usize,
    pub(crate) weight: usize,
    census: Census,
}

impl Counted {
    /// A pool has lent it.
    pub(crate) fn took(&self) {
        self.census.note(Op::Took, self.id);
    }

    /// It leaves the pool; its holder may drop it.
    pub(crate) fn let_go(&self) {
        self.census.note(Op::LetGo, self.id);
    }

    /// Its holder forgets it.
    pub(crate) fn leaks(&self) {
        self.census.note(Op::Leaked, self.id);
    }
}

impl Recycle for Counted {
    fn recycle(&mut self) {
        self.census.note(Op::Gave, self.id);
        self.census.0.recycled.fetch_add(1, AcqRel);
    }

    fn footprint(&self) -> usize {
        self.weight
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.census.note(Op::Dropped, self.id);
        self.census.0.dropped.fetch_add(1, AcqRel);
    }
}

/// The maker of a [`CountedPool`]'s objects.
pub(crate) type Maker = Box<dyn Fn() -> Counted + Send + Sync>;

/// A pool of counted objects.
pub(crate) type CountedPool = Pool<Counted, Maker>;

impl Census {
    pub(crate) fn maker(&self) -> Maker {
        let census = self.clone();
        Box::new(move || census.object())
    }

    /// A pool of these objects that ages only when told.
    pub(crate) fn pool(&self) -> Arc<CountedPool> {
        self.pool_with(stealpool::Builder::new().collect_manually())
    }

    pub(crate) fn pool_with(&self, settings: stealpool::Builder) -> Arc<CountedPool> {
        Arc::new(settings.build(self.maker()))
    }
}

/// Objects that one processor's magazine may hide from the others.
pub(crate) const MAGAZINE: usize = 64;

/// A bound on objects or bytes that no test reaches.
pub(crate) const LARGE: usize = if usize::BITS < 64 { 1 << 30 } else { 1 << 40 };

/// The most bytes that an object may weigh.
pub(crate) const HEAVIEST: usize = if usize::BITS < 64 { usize::MAX } else { (1 << 44) - 1 };

/// Processors of the machine, those included that this process may not use.
pub(crate) fn processors() -> usize {
    #[cfg(target_os = "linux")]
    // SAFETY: takes a number.
    return unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) } as usize;
    #[cfg(not(target_os = "linux"))]
    thread::available_parallelism().map_or(8, usize::from)
}

/// Keeps the calling thread, and those it starts from now on, on the processor that it is on, so that they
/// share one worker. Where the system cannot, does nothing.
pub(crate) fn stay_here() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: takes nothing.
        let here = unsafe { libc::sched_getcpu() };
        let Ok(here) = usize::try_from(here) else {
            return;
        };
        run_on(here);
    }
}

/// How many workers a pool may have.
pub(crate) fn most_workers() -> usize {
    if hides() { processors() } else { (8 * processors()).max(64) }
}

/// Whether a magazine is out of reach for threads on other processors.
pub(crate) fn hides() -> bool {
    stealpool::fast_path() == stealpool::FastPath::Sequence
}

/// Two threads on two processors: the calling one, which stays on one of them, and a puppet on the other. `None`
/// where the system cannot.
pub(crate) fn apart() -> Option<Puppet> {
    #[cfg(target_os = "linux")]
    {
        stay_here();
        // SAFETY: takes nothing.
        let here = unsafe { libc::sched_getcpu() };
        let other = Puppet::new();
        // Where threads ask for their processor only now and then, they have asked once they are there.
        let settle = || {
            let pool: Pool<Vec<u8>> = Pool::new(Vec::new);
            (0..100).for_each(|_| drop(pool.get()));
        };
        settle();
        let moves = move || {
            let moved = (0..1024).any(|there| there as i32 != here && run_on(there));
            settle();
            moved
        };
        if other.run(moves) {
            return Some(other);
        }
        other.end();
    }
    None
}

/// Keeps the calling thread, and those it starts from now on, on one processor. Whether that is allowed.
#[cfg(target_os = "linux")]
pub(crate) fn run_on(processor: usize) -> bool {
    // SAFETY: a set of processors is plain data, and all zeros is the empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the number is below the size of the set, or nothing is done.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: reads the set; 0 is this thread.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) == 0 }
}

/// Gets that found an object.
pub(crate) fn hits(stats: &Stats) -> u64 {
    stats.private_hits + stats.local_hits + stats.steals + stats.victim_hits
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that runs one job after the other, and sleeps in between.
pub(crate) struct Puppet {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

impl Puppet {
    pub(crate) fn new() -> Self {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let thread = thread::spawn(move || inbox.into_iter().for_each(|job| job()));
        Puppet { jobs, thread }
    }

    /// A thread that stays on one processor, of two if there are two. So those of one number share a worker.
    pub(crate) fn on(number: usize) -> Self {
        let puppet = Self::new();
        #[cfg(target_os = "linux")]
        puppet.run(move || _ = run_on(number % 2) || run_on(0));
        #[cfg(not(target_os = "linux"))]
        let _anywhere = number;
        puppet
    }

    /// Runs a job in the thread and waits for its result. A panic of the job is a panic here.
    pub(crate) fn run<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> R {
        let (send, receive) = mpsc::channel();
        let job = move || drop(send.send(job()));
        self.jobs.send(Box::new(job)).expect("the thread is there");
        receive.recv().expect("the job ends")
    }

    /// Ends the thread, its thread-local destructors included.
    pub(crate) fn end(self) {
        drop(self.jobs);
        self.thread.join().expect("no job panicked");
    }
}

/// Runs the calling test, `name`, in a process of its own, where an abort is an exit status and
/// nobody else uses the pools.
pub(crate) fn in_child(name: &str, body: impl FnOnce()) {
    const CHILD: &str = "STEALPOOL_TEST_CHILD";
    if env::var_os(CHILD).is_some_and(|child| child == name) {
        // An emulator takes ten times as long.
        #[cfg(unix)]
        let seconds = if env::var_os("STEALPOOL_RUNNER").is_some() { 1_000 } else { 100 };
        // SAFETY: arms a timer of this process, which ends it if it hangs.
        #[cfg(unix)]
        unsafe {
            libc::alarm(seconds)
        };
        return body();
    }
    // With the modules it stands in, where a test file is one of several in a binary.
    let thread = thread::current();
    let path = thread.name().filter(|path| path.ends_with(name));
    let output = this_program()
        .args([path.unwrap_or(name), "--exact", "--nocapture"])
        .arg("--test-threads=1")
        .env(CHILD, name)
        .output()
        .expect("the test binary runs again");
    assert!(
        output.status.success(),
        "{name}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    // `--exact` with a wrong name runs nothing, successfully.
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{name}: ran nothing");
}

/// Waits until `done`, and gives up after a minute: `false` then.
pub(crate) fn patiently(mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > Duration::from_secs(60) {
            return false;
        }
        thread::yield_now();
    }
    true
}

/// A small generator of numbers (Marsaglia's xorshift), so that a test is the same every time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

/// Memory of this process in RAM, in bytes.
#[cfg(target_os = "linux")]
pub(crate) fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages = status.split(' ').nth(1).and_then(|n| n.parse::<usize>().ok());
    pages.expect("a number") * 4096
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn resident() -> usize {
    0
}

//! The process that `rseq_steps` traces: one operation after the other, in a pool of its own, with two threads
//! that do as the tracer says; and what must be true after each.

use super::common::{self, Census, Counted, MAGAZINE, run_on};
use super::tracer::stop;
use std::io::{self, Write};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{mem, panic, ptr, thread};
use stealpool::{Builder, Guard, OwnedGuard, Pool, Recycle, Stats};

/// A kind of sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Pop,
    Push,
    Close,
}

pub(crate) use Kind::{Close, Pop, Push};

/// An operation, in a state of the pool in which it executes these sequences; whether each commits.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Whether there is a chain below the magazine.
    below: bool,
    /// Objects in the magazine, and in hand.
    idle: usize,
    held: usize,
    operation: Operation,
    pub(crate) executes: &'static [(Kind, bool)],
}

#[derive(Clone, Copy)]
pub(crate) enum Operation {
    Get,
    TryGet,
    GetOwned,
    Put,
    PutOwned,
    Reserve,
}

use Operation::{Get, GetOwned, Put, PutOwned, Reserve, TryGet};

const fn scenario(
    name: &'static str,
    (idle, held): (usize, usize),
    operation: Operation,
    executes: &'static [(Kind, bool)],
) -> Scenario {
    Scenario { name, below: false, idle, held, operation, executes }
}

pub(crate) const SCENARIOS: [Scenario; 11] = [
    scenario("first get", (0, 0), Get, &[]),
    scenario("get", (3, 0), Get, &[(Pop, true)]),
    scenario("try_get", (1, 0), TryGet, &[(Pop, true)]),
    scenario("get_owned", (2, 1), GetOwned, &[(Pop, true)]),
    scenario("miss", (0, 1), Get, &[(Pop, false)]),
    Scenario { below: true, ..scenario("refill", (0, HALF), Get, &[(Pop, false), (Close, true)]) },
    scenario("first put", (0, 1), Put, &[(Push, true)]),
    scenario("last put", (MAGAZINE - 1, 1), Put, &[(Push, true)]),
    scenario("put_owned", (2, 0), PutOwned, &[(Push, true)]),
    scenario("full", (MAGAZINE, 1), Put, &[(Push, false), (Close, true)]),
    scenario("reserve", (1, 1), Reserve, &[(Push, true)]),
];

/// What a put into a full magazine leaves in it, the object itself included.
const HALF: usize = MAGAZINE / 2 + 1;

/// Nothing to do.
pub(crate) const NONE: u32 = u32::MAX;

/// What a helper does: uses the pool, and keeps an object; gives it back.
pub(crate) const USE: u32 = 0;
pub(crate) const RETURN: u32 = 1;

/// What tracer and child both see.
pub(crate) struct Page {
    pub(crate) scenario: AtomicU32,
    pub(crate) orders: [AtomicU32; 2],
    pub(crate) signals: AtomicU64,
    /// Gets, hits, creates, puts, idle, live, workers.
    figures: [AtomicU64; 7],
}

impl Page {
    pub(crate) fn new() -> &'static Self {
        let (access, kind) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: new memory, all zeros.
        let page = unsafe { libc::mmap(ptr::null_mut(), size_of::<Self>(), access, kind, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        // SAFETY: zeros are a value of each field, and nobody unmaps it.
        let page = unsafe { &*page.cast::<Self>() };
        page.orders.iter().for_each(|order| order.store(NONE, Release));
        page
    }

    fn publish(&self, stats: &Stats) {
        let [idle, live, workers] = [stats.idle, stats.live, stats.workers].map(|it| it as u64);
        let hits = common::hits(stats);
        let figures = [stats.gets, hits, stats.creates, stats.puts, idle, live, workers];
        for (to, figure) in self.figures.iter().zip(figures) {
            to.store(figure, Release);
        }
    }

    pub(crate) fn figures(&self) -> [u64; 7] {
        self.figures.each_ref().map(|figure| figure.load(Acquire))
    }
}

/// An object that knows whether it is on loan. None weighs what another does.
struct Item {
    held: bool,
    weight: usize,
    _counted: Counted,
}

/// What the item made so late weighs.
fn weight(number: usize) -> usize {
    100 + 7 * number
}

impl Item {
    fn take(&mut self) {
        assert!(!mem::replace(&mut self.held, true), "lent twice");
        GETS.fetch_add(1, AcqRel);
    }
}

impl Recycle for Item {
    fn recycle(&mut self) {
        assert!(mem::replace(&mut self.held, false), "given twice");
        PUTS.fetch_add(1, AcqRel);
    }
    fn footprint(&self) -> usize {
        self.weight
    }
}

type Maker = Box<dyn Fn() -> Item + Send + Sync>;
type Items = Pool<Item, Maker>;

/// The pool of this round.
static POOL: Mutex<Option<Arc<Items>>> = Mutex::new(None);
/// Gets and puts in this round, by all threads.
static GETS: AtomicU64 = AtomicU64::new(0);
static PUTS: AtomicU64 = AtomicU64::new(0);
/// Items made in this round.
static MADE: AtomicUsize = AtomicUsize::new(0);
static PAGE: AtomicPtr<Page> = AtomicPtr::new(ptr::null_mut());

fn get(pool: &Items) -> Guard<'_, Item, Maker> {
    let mut guard = pool.get();
    guard.take();
    guard
}

fn get_owned(pool: &Arc<Items>) -> OwnedGuard<Item, Maker> {
    let mut guard = pool.get_owned();
    guard.take();
    guard
}

fn hold(pool: &Items, objects: usize) -> Vec<Guard<'_, Item, Maker>> {
    (0..objects).map(|_| get(pool)).collect()
}

/// A thread that stays on one processor and does as the tracer says.
fn help(processor: usize, order: &'static AtomicU32) {
    assert!(run_on(processor));
    let mut kept = Vec::new();
    loop {
        match order.load(Acquire) {
            NONE => {
                thread::sleep(Duration::from_micros(100));
                continue;
            }
            USE => {
                let pool = POOL.lock().unwrap().clone().expect("a round is on");
                kept.push(get_owned(&pool));
                drop(get(&pool));
            }
            _ => kept.clear(),
        }
        order.store(NONE, Release);
    }
}

extern "C" fn handler(_signal: i32) {
    // SAFETY: set before the handler was, and never unmapped.
    unsafe { &*PAGE.load(Acquire) }.signals.fetch_add(1, AcqRel);
}

/// The traced process.
pub(crate) fn child(page: &'static Page, home: &[usize]) {
    panic::set_hook(Box::new(|info| {
        // Not captured.
        _ = writeln!(io::stderr(), "child: {info}");
        // SAFETY: ends this process.
        unsafe { libc::_exit(1) };
    }));
    PAGE.store(ptr::from_ref(page).cast_mut(), Release);
    let handler = handler as extern "C" fn(i32);
    // SAFETY: the handler touches an atomic only.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    for (&processor, order) in home.iter().zip(&page.orders) {
        thread::spawn(move || help(processor, order));
    }
    assert!(run_on(home[0]));
    loop {
        // SAFETY: arms a timer of this process: who hangs is killed.
        unsafe { libc::alarm(120) };
        stop();
        round(&SCENARIOS[page.scenario.load(Acquire) as usize], page);
    }
}

fn round(scenario: &Scenario, page: &Page) {
    GETS.store(0, Release);
    PUTS.store(0, Release);
    MADE.store(0, Release);
    let census = Census::new();
    let objects = census.clone();
    let make: Maker = Box::new(move || {
        let _counted = objects.object();
        Item { held: false, weight: weight(MADE.fetch_add(1, AcqRel)), _counted }
    });
    let pool = Arc::new(Builder::new().collect_manually().build(make));
    *POOL.lock().unwrap() = Some(Arc::clone(&pool));
    if scenario.below {
        drop(hold(&pool, MAGAZINE + 1));
    }
    let mut hands = hold(&pool, scenario.idle + scenario.held);
    hands.truncate(scenario.held);
    let mut got = None;
    let mut owned = matches!(scenario.operation, PutOwned).then(|| get_owned(&pool));

    stop();
    match scenario.operation {
        Get => got = Some(pool.get()),
        TryGet => got = pool.try_get(),
        GetOwned => owned = Some(pool.get_owned()),
        Put => drop(hands.pop()),
        PutOwned => owned = None,
        Reserve => pool.reserve(scenario.idle + 1),
    }
    stop();

    got.iter_mut().for_each(|got| got.take());
    owned.iter_mut().for_each(|owned| owned.take());
    let reserved = u64::from(matches!(scenario.operation, Reserve));
    let in_hand = hands.len() + usize::from(got.is_some() || owned.is_some());
    let (stats, alive) = (pool.stats(), census.alive());
    assert_eq!(stats.gets, GETS.load(Acquire), "{stats}");
    assert_eq!(stats.puts, PUTS.load(Acquire) + reserved, "{stats}");
    assert_eq!(stats.creates as usize, census.made(), "{stats}");
    let hits = stats.gets - (stats.creates - reserved);
    assert_eq!(common::hits(&stats), hits, "{stats}");
    assert_eq!((stats.idle + in_hand, stats.live), (alive, alive), "{stats}");
    assert_eq!(alive, census.made());
    let in_hand = hands.iter().map(|item| item.weight);
    let in_hand = in_hand.chain(got.iter().map(|item| item.weight));
    let in_hand = in_hand.chain(owned.iter().map(|item| item.weight));
    let all: usize = (0..alive).map(weight).sum();
    assert_eq!(stats.idle_bytes, all - in_hand.sum::<usize>(), "{stats}");
    page.publish(&stats);

    // All of them are there, once.
    drop((hands, got, owned));
    assert_eq!(pool.idle(), alive);
    *POOL.lock().unwrap() = None;
    assert_eq!(Arc::strong_count(&pool), 1);
    drop(pool);
    assert_eq!(census.dropped(), alive);
}

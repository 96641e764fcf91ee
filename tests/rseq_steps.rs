//! Every instruction of every restartable sequence that this program executes is where a thread can be
//! interrupted: whatever happens there, the sequence starts again, and the operation is done exactly once.
//!
//! A tracer runs each operation once and notes which instructions of sequences it comes by. Then, for each of
//! them, it stops the thread there by a breakpoint and lets something happen:
//!
//! | | |
//! |---|---|
//! | trap | nothing else, three times in a row |
//! | signal | a signal with a handler |
//! | rival | a thread of the same processor gets two objects and puts one |
//! | moved | the thread goes on on another processor, whose magazine is in use |
//!
//! The thread must come to the sequence's abort handler, unless the commit is past; all counts are exact then,
//! no object is lost, and none is lent twice.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod common;
mod tracer;

use common::{Census, Counted, MAGAZINE, patiently, run_on};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{mem, panic, ptr, thread};
use stealpool::{Builder, FastPath, Guard, OwnedGuard, Pool, Recycle, Stats};
use tracer::{Sequence, Stop, Tracee, sequences, stop};

/// A kind of sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Pop,
    Push,
    Close,
}

use Kind::{Close, Pop, Push};

/// An operation, in a state of the pool in which it executes these sequences; whether each commits.
struct Scenario {
    name: &'static str,
    /// Whether there is a chain below the magazine.
    below: bool,
    /// Objects in the magazine, and in hand.
    idle: usize,
    held: usize,
    operation: Operation,
    executes: &'static [(Kind, bool)],
}

#[derive(Clone, Copy)]
enum Operation {
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
    Scenario {
        name,
        below: false,
        idle,
        held,
        operation,
        executes,
    }
}

const SCENARIOS: [Scenario; 11] = [
    scenario("first get", (0, 0), Get, &[(Close, false)]),
    scenario("get", (3, 0), Get, &[(Pop, true)]),
    scenario("try_get", (1, 0), TryGet, &[(Pop, true)]),
    scenario("get_owned", (2, 1), GetOwned, &[(Pop, true)]),
    scenario("miss", (0, 1), Get, &[(Pop, false), (Close, true)]),
    Scenario {
        below: true,
        ..scenario("refill", (0, HALF), Get, &[(Pop, false), (Close, true)])
    },
    scenario("first put", (0, 1), Put, &[(Push, true)]),
    scenario("last put", (MAGAZINE - 1, 1), Put, &[(Push, true)]),
    scenario("put_owned", (2, 0), PutOwned, &[(Push, true)]),
    scenario("full", (MAGAZINE, 1), Put, &[(Push, false), (Close, true)]),
    scenario("reserve", (1, 1), Reserve, &[(Push, true)]),
];

/// What a put into a full magazine leaves in it, the object itself included.
const HALF: usize = MAGAZINE / 2 + 1;

/// What happens to a thread that stands at an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Trap,
    Signal,
    Rival,
    Moved,
}

const TRAPS: usize = 3;

/// Nothing to do.
const NONE: u32 = u32::MAX;

/// What a helper does: uses the pool, and keeps an object; gives it back.
const USE: u32 = 0;
const RETURN: u32 = 1;

/// What tracer and child both see.
struct Page {
    scenario: AtomicU32,
    orders: [AtomicU32; 2],
    signals: AtomicU64,
    /// Gets, hits, creates, puts, idle, live, workers.
    figures: [AtomicU64; 7],
}

impl Page {
    fn new() -> &'static Self {
        let (access, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        // SAFETY: new memory, all zeros.
        let page = unsafe { libc::mmap(ptr::null_mut(), size_of::<Self>(), access, kind, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        // SAFETY: zeros are a value of each field, and nobody unmaps it.
        let page = unsafe { &*page.cast::<Self>() };
        page.orders
            .iter()
            .for_each(|order| order.store(NONE, Release));
        page
    }

    fn publish(&self, stats: &Stats) {
        let [idle, live, workers] = [stats.idle, stats.live, stats.workers].map(|it| it as u64);
        let hits = common::hits(stats);
        let figures = [
            stats.gets,
            hits,
            stats.creates,
            stats.puts,
            idle,
            live,
            workers,
        ];
        for (to, figure) in self.figures.iter().zip(figures) {
            to.store(figure, Release);
        }
    }

    fn figures(&self) -> [u64; 7] {
        self.figures.each_ref().map(|figure| figure.load(Acquire))
    }
}

/// An object that knows whether it is on loan.
struct Item {
    held: bool,
    counted: Counted,
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
}

type Maker = Box<dyn Fn() -> Item + Send + Sync>;
type Items = Pool<Item, Maker>;

/// The pool of this round.
static POOL: Mutex<Option<Arc<Items>>> = Mutex::new(None);
/// Gets and puts in this round, by all threads.
static GETS: AtomicU64 = AtomicU64::new(0);
static PUTS: AtomicU64 = AtomicU64::new(0);
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
    let mut kept = None;
    loop {
        match order.load(Acquire) {
            NONE => {
                thread::sleep(Duration::from_micros(100));
                continue;
            }
            USE => {
                let pool = POOL.lock().unwrap().clone().expect("a round is on");
                kept = Some(get_owned(&pool));
                drop(get(&pool));
            }
            _ => kept = None,
        }
        order.store(NONE, Release);
    }
}

extern "C" fn handler(_signal: i32) {
    // SAFETY: set before the handler was, and never unmapped.
    unsafe { &*PAGE.load(Acquire) }.signals.fetch_add(1, AcqRel);
}

/// The traced process.
fn child(page: &'static Page, home: &[usize]) {
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
    [&GETS, &PUTS].map(|count| count.store(0, Release));
    let census = Census::new();
    let objects = census.clone();
    let make: Maker = Box::new(move || Item {
        held: false,
        counted: objects.object(),
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
    assert_eq!(
        (stats.idle + in_hand, stats.live),
        (alive, alive),
        "{stats}"
    );
    assert_eq!(alive, census.made());
    page.publish(&stats);

    // All of them are there, once.
    drop((hands, got, owned));
    assert_eq!(pool.idle(), alive);
    *POOL.lock().unwrap() = None;
    assert_eq!(Arc::strong_count(&pool), 1);
    drop(pool);
    assert_eq!(census.dropped(), alive);
}

/// What an operation came by in a sequence: instructions, and whether it committed.
struct Visit {
    kind: Kind,
    sequence: Sequence,
    instructions: Vec<u64>,
    commits: bool,
}

struct Tracer {
    page: &'static Page,
    tracee: Tracee,
    sequences: Vec<Sequence>,
    home: Vec<usize>,
    /// How often a thread was sent to an abort handler.
    restarts: BTreeMap<Event, usize>,
    /// Rounds that another worker served than before the event.
    elsewhere: usize,
}

impl Tracer {
    /// Goes to just before the operation.
    fn begin(&mut self, scenario: usize) {
        self.page.scenario.store(scenario as u32, Release);
        assert_eq!(self.tracee.go(0), Stop::Asked);
    }

    /// Goes from after the operation to the end of the round.
    fn end(&mut self) -> [u64; 7] {
        assert_eq!(self.tracee.go(0), Stop::Asked);
        self.page.figures()
    }

    /// Has a helper do something.
    fn order(&self, helper: usize, what: u32) {
        let order = &self.page.orders[helper];
        order.store(what, Release);
        assert!(patiently(|| order.load(Acquire) == NONE), "helper {helper}");
    }

    /// Undisturbed, but step by step: the sequences that an operation executes.
    fn look(&mut self, scenario: usize) -> (Vec<Visit>, [u64; 7]) {
        let mut visits = Vec::new();
        self.begin(scenario);
        for sequence in &self.sequences {
            self.tracee.plant(sequence.start);
        }
        loop {
            let at = match self.tracee.go(0) {
                Stop::Break(at) => at,
                other => break assert_eq!(other, Stop::Asked),
            };
            let known = self.sequences.iter().find(|known| known.start == at);
            let sequence = *known.expect("planted");
            // Else each step would restart it.
            self.tracee.forget_sequence();
            let mut instructions = Vec::new();
            let mut next = at;
            while (sequence.start..sequence.end).contains(&next) {
                instructions.push(next);
                let Stop::Step(at) = self.tracee.step() else {
                    panic!("no step from {next:#x}");
                };
                next = at;
            }
            self.tracee.plant(sequence.start);
            let commits = next == sequence.end;
            let expected = SCENARIOS[scenario].executes.get(visits.len());
            let Some(&(kind, _)) = expected.filter(|expected| expected.1 == commits) else {
                panic!("{}: {commits} in {sequence:x?}", SCENARIOS[scenario].name);
            };
            visits.push(Visit {
                kind,
                sequence,
                instructions,
                commits,
            });
        }
        self.tracee.unplant_all();
        assert_eq!(visits.len(), SCENARIOS[scenario].executes.len());
        (visits, self.end())
    }

    /// Lets something happen at one instruction. `None`: the operation did not come by there.
    fn disturb(
        &mut self,
        scenario: usize,
        sequence: Sequence,
        at: u64,
        event: Event,
    ) -> Option<[u64; 7]> {
        self.begin(scenario);
        self.tracee.plant(at);
        let mut next = self.tracee.go(0);
        if next == Stop::Asked {
            self.tracee.unplant_all();
            self.end();
            return None;
        }
        assert_eq!(next, Stop::Break(at));
        let is_inside = at < sequence.end;
        for trap in 0..if event == Event::Trap { TRAPS } else { 1 } {
            match event {
                Event::Trap | Event::Signal => {}
                Event::Rival => self.order(0, USE),
                Event::Moved => {
                    self.order(1, USE);
                    self.tracee.move_to(self.home[1]);
                }
            }
            if is_inside {
                self.tracee.plant(sequence.abort);
            }
            let signals = self.page.signals.load(Acquire);
            let signal = u64::from(event == Event::Signal);
            next = self.tracee.go(signal as i32 * libc::SIGUSR1);
            assert_eq!(self.page.signals.load(Acquire), signals + signal);
            if !is_inside {
                break;
            }
            assert_eq!(next, Stop::Break(sequence.abort), "{at:#x} {sequence:x?}");
            *self.restarts.entry(event).or_default() += 1;
            if event == Event::Trap && trap + 1 < TRAPS {
                self.tracee.plant(at);
                assert_eq!(self.tracee.go(0), Stop::Break(at));
            } else {
                next = self.tracee.go(0);
            }
        }
        assert_eq!(next, Stop::Asked);
        match event {
            Event::Trap | Event::Signal => {}
            Event::Rival => self.order(0, RETURN),
            Event::Moved => {
                self.order(1, RETURN);
                self.tracee.move_to(self.home[0]);
            }
        }
        Some(self.end())
    }

    /// The same, until the operation comes by, and if nothing is to change the counts, until it was undisturbed
    /// otherwise.
    fn insist(&mut self, scenario: usize, visit: &Visit, at: u64, event: Event, usual: [u64; 7]) {
        let is_changing = matches!(event, Event::Rival | Event::Moved);
        for _ in 0..20 {
            let Some(figures) = self.disturb(scenario, visit.sequence, at, event) else {
                continue;
            };
            let workers = figures[6];
            if is_changing {
                self.elsewhere += usize::from(event == Event::Moved && workers > 1);
                return;
            }
            if workers == usual[6] {
                return assert_eq!(figures, usual, "{event:?} at {at:#x}");
            }
        }
        panic!("{}: does not come by {at:#x}", SCENARIOS[scenario].name);
    }
}

/// Two processors that this process may use, or one.
fn home() -> Vec<usize> {
    // SAFETY: plain data.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: a place for the set; 0 is this thread.
    let got = unsafe { libc::sched_getaffinity(0, size, &raw mut set) };
    assert_eq!(got, 0);
    // SAFETY: below the size of the set.
    let is_allowed = |processor: &usize| unsafe { libc::CPU_ISSET(*processor, &set) };
    let all = 0..libc::CPU_SETSIZE as usize;
    all.filter(is_allowed).take(2).collect()
}

#[test]
fn a_restart_at_any_instruction_changes_nothing() {
    if stealpool::fast_path() != FastPath::Sequence {
        return println!("SKIP: no restartable sequences here");
    }
    let (page, home) = (Page::new(), home());
    let Some(tracee) = Tracee::start(|| child(page, &home)) else {
        return println!("SKIP: a child may not be traced here");
    };
    let mut tracer = Tracer {
        page,
        tracee,
        sequences: sequences(),
        home,
        restarts: BTreeMap::new(),
        elsewhere: 0,
    };
    assert_eq!(tracer.tracee.go(0), Stop::Asked);
    let mut events = vec![Event::Trap, Event::Signal, Event::Rival];
    match tracer.home.len() {
        2 => events.push(Event::Moved),
        _ => println!("SKIP: one processor, so nothing moves"),
    }
    let mut copies: BTreeMap<(Kind, Sequence), (BTreeSet<u64>, BTreeSet<u64>)> = BTreeMap::new();
    for scenario in 0..SCENARIOS.len() {
        let (visits, usual) = tracer.look(scenario);
        for visit in &visits {
            let copy = copies.entry((visit.kind, visit.sequence)).or_default();
            for &at in &visit.instructions {
                for &event in &events {
                    tracer.insist(scenario, visit, at, event, usual);
                }
                copy.1.insert(at);
            }
            if visit.commits {
                copy.0.extend(&visit.instructions);
                // Past the commit: nothing starts again.
                for &event in &events {
                    tracer.insist(scenario, visit, visit.sequence.end, event, usual);
                }
            }
        }
    }
    for kind in [Pop, Push, Close] {
        let of_kind = copies.iter().filter(|((other, _), _)| *other == kind);
        for ((_, sequence), (all, hit)) in of_kind.clone() {
            println!(
                "{kind:?} at {:#x}: {} of {}",
                sequence.start,
                hit.len(),
                all.len()
            );
            assert!(all.is_subset(hit), "{kind:?} {sequence:x?}");
        }
        assert!(
            of_kind.clone().any(|(_, (all, _))| all.len() >= 10),
            "{kind:?}"
        );
    }
    println!(
        "restarts: {:?}; {} on another worker",
        tracer.restarts, tracer.elsewhere
    );
}

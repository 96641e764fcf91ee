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
mod tracee;
mod tracer;

use common::patiently;
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::atomic::Ordering::{Acquire, Release};
use stealpool::FastPath;
use tracee::{Close, Kind, NONE, Page, Pop, Push, RETURN, SCENARIOS, USE, child};
use tracer::{Sequence, Stop, Tracee, sequences};

/// What happens to a thread that stands at an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Trap,
    Signal,
    Rival,
    Moved,
}

const TRAPS: usize = 3;

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
            visits.push(Visit { kind, sequence, instructions, commits });
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
            println!("{kind:?} at {:#x}: {} of {}", sequence.start, hit.len(), all.len());
            assert!(all.is_subset(hit), "{kind:?} {sequence:x?}");
        }
        assert!(of_kind.clone().any(|(_, (all, _))| all.len() >= 10), "{kind:?}");
    }
    println!("restarts: {:?}; {} on another worker", tracer.restarts, tracer.elsewhere);
}

//! The scenarios, each the same for every contender.

use crate::caches::{CREATED, PooledRegex};
use crate::corpus::{CRAWLER, patterns, user_agents};
use crate::scan::{ByHand, Cloned, Fresh, Scan, Shared};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use stealpool_workloads::{Figures, Histogram, Job, Load, alloc, process, settle};

/// Regexes of a scanner of usual size.
const FEW: usize = 64;
/// All regexes of the corpus.
const ALL: usize = 1_500;
/// Holders of a burst.
const HOLDERS: usize = 64;
/// Short threads, and how many live at a time.
const SHORT_THREADS: usize = 10_000;
const AT_A_TIME: usize = 8;
/// Caches on their way from one thread to another.
const UNDERWAY: usize = 4;
/// A clock costs tens of nanoseconds, a search a few hundred. Odd, so that each regex has its turn.
const TIMED: u64 = 17;
/// Short threads time one search in so many, so that every fourth of their first ones is among them.
const TIMED_SHORT: usize = 4;

/// Runs one contender in one scenario.
pub(crate) fn run(job: &Job<'_>) -> Option<Figures> {
    match job.contender {
        "stealpool" => scene::<PooledRegex>(job),
        "regex::Regex" => scene::<Shared>(job),
        "automata Pool" => scene::<ByHand>(job),
        "clone per thread" => scene::<Cloned>(job),
        "cache per search" => scene::<Fresh>(job),
        _ => None,
    }
}

fn scene<S: Scan + 'static>(job: &Job<'_>) -> Option<Figures> {
    match job.scenario {
        "one-thread" => Some(steady::<S>(job, 1, [CRAWLER].into_iter())),
        "two-threads" => Some(steady::<S>(job, 2, [CRAWLER].into_iter())),
        "8-threads" => Some(steady::<S>(job, 8, [CRAWLER].into_iter())),
        "64-threads" => Some(steady::<S>(job, 64, [CRAWLER].into_iter())),
        "rules" => Some(steady::<S>(job, 1, patterns(FEW))),
        "rules-8" => Some(steady::<S>(job, 8, patterns(FEW))),
        "fleet" => Some(steady::<S>(job, 8, patterns(ALL))),
        "churn" => Some(churn::<S>(job, [CRAWLER].into_iter(), 20)),
        "churn-rules" => Some(churn::<S>(job, patterns(FEW), 1)),
        "burst" => Some(burst::<S>()),
        "handoff" => handoff(job),
        _ => None,
    }
}

/// The regexes, and the bytes that were allocated when none had searched yet.
struct Fleet<S> {
    regexes: Vec<S>,
    empty: u64,
}

impl<S: Scan> Fleet<S> {
    fn new(patterns: impl Iterator<Item = &'static str>) -> Self {
        let regexes = patterns.map(S::compile).collect();
        Fleet { regexes, empty: alloc::live() }
    }

    /// What the searches have left allocated, less `other`, through two cycles.
    fn settle(&self, other: u64) -> Option<[u64; 3]> {
        let weigh = || alloc::live().saturating_sub(self.empty + other);
        settle(weigh, || self.regexes.iter().for_each(S::collect))
    }

    /// Adds what is counted for the whole of a run.
    fn complete(&self, mut figures: Figures, searches: u64) -> Figures {
        if S::COUNTED {
            figures.gets = Some(searches);
            // Relaxed: the threads are joined.
            figures.created = Some(CREATED.load(Relaxed));
        }
        let idle: Option<usize> = self.regexes.iter().map(S::idle).sum();
        match idle {
            Some(idle) => figures.with("idle caches after two cycles", idle as f64, false),
            None => figures,
        }
    }
}

/// Threads that search and search.
fn steady<S: Scan>(
    job: &Job<'_>,
    threads: usize,
    patterns: impl Iterator<Item = &'static str>,
) -> Figures {
    let agents = user_agents();
    let fleet = Fleet::<S>::new(patterns);
    let load = Load { threads, duration: job.duration, time_one_in: TIMED };
    let figures = load.drive(
        |number| {
            let regexes: Vec<_> = fleet.regexes.iter().map(S::for_thread).collect();
            let agents = &agents;
            let (mut regex, mut agent) = (0, number * 131 % agents.len());
            move || {
                black_box(regexes[regex].is_match(agents[agent]));
                regex += 1;
                if regex == regexes.len() {
                    regex = 0;
                    agent += 1;
                    if agent == agents.len() {
                        agent = 0;
                    }
                }
            }
        },
        |own| fleet.settle(own + (threads * fleet.regexes.len() * size_of::<Cow<'_, S>>()) as u64),
    );
    let searches = figures.operations;
    fleet.complete(figures, searches)
}

/// Threads that search a little and end.
fn churn<S: Scan>(
    job: &Job<'_>,
    patterns: impl Iterator<Item = &'static str>,
    searches_each: usize,
) -> Figures {
    let agents = user_agents();
    let mut figures = Figures::default();
    let fleet = Fleet::<S>::new(patterns);
    let mut latencies = vec![Histogram::default(); AT_A_TIME];
    let begun = Instant::now();
    let (allocated, faults) = (alloc::allocated(), process::faults());
    let mut started = 0;
    let mut searches = 0;
    // All of them, but not in a run that is only to show that it runs.
    let hurry = job.duration < Duration::from_millis(200);
    while started < SHORT_THREADS && !(hurry && begun.elapsed() > job.duration) {
        thread::scope(|scope| {
            for (number, latency) in (started..).zip(&mut latencies) {
                let (agents, fleet) = (&agents, &fleet);
                scope.spawn(move || {
                    for (place, regex) in fleet.regexes.iter().enumerate() {
                        let regex = regex.for_thread();
                        for turn in 0..searches_each {
                            let agent = agents[(number + turn) % agents.len()];
                            if (number / AT_A_TIME + place + turn).is_multiple_of(TIMED_SHORT) {
                                let begun = Instant::now();
                                black_box(regex.is_match(agent));
                                latency.record(begun.elapsed());
                            } else {
                                black_box(regex.is_match(agent));
                            }
                        }
                    }
                });
            }
        });
        started += AT_A_TIME;
        searches += (AT_A_TIME * fleet.regexes.len() * searches_each) as u64;
    }
    figures.seconds = begun.elapsed().as_secs_f64();
    figures.operations = searches;
    for latency in latencies {
        figures.latency.add(&latency);
    }
    figures.used_since(allocated, faults);
    figures.peak_rss = process::resident().map(|(_, peak)| peak);
    figures.retained = fleet.settle(0);
    figures.rss_after = process::resident_without_free_pages();
    fleet.complete(figures, searches)
}

/// Many threads, each in the middle of a search, for each regex; then nothing.
fn burst<S: Scan>() -> Figures {
    let agents = user_agents();
    let mut figures = Figures::default();
    // A process's first use of whatever pool is another matter.
    S::compile(CRAWLER).is_match(agents[0]);
    let fleet = Fleet::<S>::new(patterns(FEW));
    let (all, over) = (Barrier::new(HOLDERS), Barrier::new(HOLDERS + 1));
    let (idle, ended) = (Barrier::new(HOLDERS + 1), Barrier::new(HOLDERS + 1));
    let own = HOLDERS * (FEW * size_of::<Cow<'_, S>>() + Histogram::BYTES);
    thread::scope(|scope| {
        let hold = |number: usize| {
            let (agents, fleet) = (&agents, &fleet);
            let (all, over, idle, ended) = (&all, &over, &idle, &ended);
            scope.spawn(move || {
                let regexes: Vec<_> = fleet.regexes.iter().map(S::for_thread).collect();
                let mut latency = Histogram::default();
                over.wait();
                for regex in &regexes {
                    let begun = Instant::now();
                    regex.hold(agents[number], || {
                        latency.record(begun.elapsed());
                        all.wait();
                    });
                }
                idle.wait();
                ended.wait();
                latency
            })
        };
        let holders: Vec<_> = (0..HOLDERS).map(hold).collect();
        over.wait();
        let begun = Instant::now();
        let (allocated, faults) = (alloc::allocated(), process::faults());
        idle.wait();
        figures.seconds = begun.elapsed().as_secs_f64();
        figures.used_since(allocated, faults);
        figures.peak_rss = process::resident().map(|(_, peak)| peak);
        figures.retained = fleet.settle(own as u64);
        figures.rss_after = process::resident_without_free_pages();
        ended.wait();
        for holder in holders {
            figures.latency.add(&holder.join().expect("a search panicked"));
        }
    });
    figures.operations = (HOLDERS * FEW) as u64;
    let searches = figures.operations;
    fleet.complete(figures, searches)
}

/// Caches taken here and given back there. Only pools whose guards may travel have a part in it.
fn handoff(job: &Job<'_>) -> Option<Figures> {
    match job.contender {
        "stealpool" => {
            let fleet = Fleet::<PooledRegex>::new([CRAWLER].into_iter());
            let regex = &fleet.regexes[0];
            Some(pass(job, &fleet, |agent| {
                let mut cache = regex.hold();
                regex.search(&mut cache, agent);
                cache
            }))
        }
        "automata Pool" => {
            let fleet = Fleet::<ByHand>::new([CRAWLER].into_iter());
            let regex = &fleet.regexes[0];
            Some(pass(job, &fleet, |agent| {
                let mut cache = regex.pool.get();
                regex.search(&mut cache, agent);
                cache
            }))
        }
        _ => None,
    }
}

fn pass<S: Scan, G: Send>(
    job: &Job<'_>,
    fleet: &Fleet<S>,
    take: impl Fn(&str) -> G + Sync,
) -> Figures {
    let agents = user_agents();
    let mut figures = Figures::default();
    let (searches, back) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel::<G>(UNDERWAY);
        let (rested, resting) = mpsc::channel::<()>();
        let taker = scope.spawn({
            let (agents, searches, take) = (&agents, &searches, &take);
            move || {
                let (begun, mut latency) = (Instant::now(), Histogram::default());
                for agent in agents.iter().cycle() {
                    let start = Instant::now();
                    if start - begun > job.duration {
                        break;
                    }
                    let cache = take(agent);
                    latency.record(start.elapsed());
                    // Relaxed, here and below: read after the threads are done.
                    searches.fetch_add(1, Relaxed);
                    if sender.send(cache).is_err() {
                        break;
                    }
                }
                latency
            }
        });
        let giver = scope.spawn({
            let back = &back;
            move || {
                // Kept for a moment, as by a consumer that works in batches.
                let mut held = VecDeque::with_capacity(UNDERWAY);
                for cache in receiver {
                    held.push_back(cache);
                    if held.len() == UNDERWAY {
                        held.clear();
                    }
                    back.fetch_add(1, Relaxed);
                }
                drop(held);
                // This thread lives on while the rest is looked at.
                let _ = resting.recv();
            }
        });
        let begun = Instant::now();
        let (allocated, faults) = (alloc::allocated(), process::faults());
        figures.latency = taker.join().expect("the taker panicked");
        while back.load(Relaxed) < searches.load(Relaxed) {
            thread::yield_now();
        }
        figures.seconds = begun.elapsed().as_secs_f64();
        figures.used_since(allocated, faults);
        figures.peak_rss = process::resident().map(|(_, peak)| peak);
        // The taker's latencies, and our own.
        figures.retained = fleet.settle(2 * Histogram::BYTES as u64);
        figures.rss_after = process::resident_without_free_pages();
        drop(rested);
        giver.join().expect("the giver panicked");
    });
    figures.operations = searches.into_inner() as u64;
    let searches = figures.operations;
    fleet.complete(figures, searches)
}

//! Threads under load, and what is left when they rest.

use crate::figures::{Figures, Retained};
use crate::histogram::Histogram;
use crate::{alloc, process};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Threads that repeat an operation for a time.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many.
    pub threads: usize,
    /// For how long.
    pub duration: Duration,
    /// One operation in so many is timed; looking at the clock costs tens of nanoseconds.
    pub time_one_in: u64,
}

impl Load {
    /// Each thread makes its operation with `make` (which gets the thread's number), and repeats it. When
    /// time is up the threads wait, alive, while `rest` looks at what they left idle; it is told how many
    /// bytes the threads themselves have allocated for this measurement.
    pub fn drive<W: FnMut()>(
        &self,
        make: impl Fn(usize) -> W + Sync,
        rest: impl FnOnce(u64) -> Option<Retained>,
    ) -> Figures {
        let stop = AtomicBool::new(false);
        let (born, weighed, ready, done, over) = (
            Barrier::new(self.threads + 1),
            Barrier::new(self.threads + 1),
            Barrier::new(self.threads + 1),
            Barrier::new(self.threads + 1),
            Barrier::new(self.threads + 1),
        );
        let empty = alloc::live();
        let mut figures = Figures::default();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads)
                .map(|number| {
                    let (make, stop) = (&make, &stop);
                    let (born, weighed) = (&born, &weighed);
                    let (ready, done, over) = (&ready, &done, &over);
                    let every = self.time_one_in.max(1);
                    scope.spawn(move || {
                        let mut latency = Histogram::default();
                        let mut operations = 0;
                        born.wait();
                        weighed.wait();
                        let mut work = make(number);
                        ready.wait();
                        let begun = Instant::now();
                        // Relaxed: whatever was done is read after the barrier.
                        while !stop.load(Relaxed) {
                            if operations % every == 0 {
                                let begun = Instant::now();
                                work();
                                latency.record(begun.elapsed());
                            } else {
                                work();
                            }
                            operations += 1;
                        }
                        let ended = Instant::now();
                        done.wait();
                        over.wait();
                        (operations, latency, begun, ended)
                    })
                })
                .collect();
            born.wait();
            let own = alloc::live().saturating_sub(empty);
            weighed.wait();
            ready.wait();
            let (allocated, faults) = (alloc::allocated(), process::faults());
            thread::sleep(self.duration);
            // Relaxed: it carries nothing.
            stop.store(true, Relaxed);
            done.wait();
            let (count, bytes) = alloc::allocated();
            figures.allocated = Some((count - allocated.0, bytes - allocated.1));
            figures.faults = process::faults().zip(faults).map(|(now, then)| now - then);
            figures.peak_rss = process::resident().map(|(_, peak)| peak);
            figures.retained = rest(own);
            figures.rss_after = process::resident_without_free_pages();
            over.wait();
            // This thread may come to run late: the workers' clocks count.
            let mut span: Option<(Instant, Instant)> = None;
            for worker in workers {
                let (operations, latency, begun, ended) =
                    worker.join().expect("an operation panicked");
                figures.operations += operations;
                figures.latency.add(&latency);
                let (first, last) = span.unwrap_or((begun, ended));
                span = Some((first.min(begun), last.max(ended)));
            }
            figures.seconds = span.map_or(0.0, |(first, last)| (last - first).as_secs_f64());
        });
        figures
    }
}

/// What `weigh` says now, after one `cycle`, and after two.
pub fn settle(weigh: impl Fn() -> u64, cycle: impl Fn()) -> Option<Retained> {
    let at_once = weigh();
    cycle();
    let after_one = weigh();
    cycle();
    Some([at_once, after_one, weigh()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_operation_is_counted_and_threads_outlive_the_rest() {
        let (calls, alive) = (AtomicU64::new(0), AtomicU64::new(0));
        struct Alive<'a>(&'a AtomicU64);
        impl Drop for Alive<'_> {
            fn drop(&mut self) {
                // Relaxed: the scope's end orders it.
                self.0.fetch_sub(1, Relaxed);
            }
        }
        let load = Load { threads: 3, duration: Duration::from_millis(20), time_one_in: 4 };
        let figures = load.drive(
            |_| {
                // Relaxed, all: the barriers order them.
                alive.fetch_add(1, Relaxed);
                let (calls, held) = (&calls, Alive(&alive));
                move || {
                    let _held = &held;
                    calls.fetch_add(1, Relaxed);
                }
            },
            |_| {
                assert_eq!(alive.load(Relaxed), 3);
                Some([1, 0, 0])
            },
        );
        assert_eq!(figures.operations, calls.load(Relaxed));
        assert!(figures.operations > 0 && figures.latency.count() >= figures.operations / 4);
        assert_eq!(figures.retained, Some([1, 0, 0]));
    }

    #[test]
    fn settling_looks_three_times() {
        let weight = AtomicU64::new(8);
        let seen = settle(
            // Relaxed, both: one thread.
            || weight.load(Relaxed),
            || {
                weight.fetch_sub(4, Relaxed);
            },
        );
        assert_eq!(seen, Some([8, 4, 0]));
    }
}

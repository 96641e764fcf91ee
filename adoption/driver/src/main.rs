//! One job of an adopted crate on a number of threads: `driver JOB THREADS ITEMS`.
//!
//! Prints the nanoseconds of wall-clock time for an item, and the process's peak resident memory in KiB. The items are
//! shared out to the threads. Each thread does one item before the clock starts, so making caches is not timed.

mod jobs;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Barrier;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [job, threads, items] = &arguments[..] else {
        return usage("three arguments are needed");
    };
    let (Ok(threads), Ok(items)) = (threads.parse::<u64>(), items.parse::<u64>()) else {
        return usage("THREADS and ITEMS are numbers");
    };
    let Some((_, make)) = jobs::JOBS.iter().find(|(name, _)| name == job) else {
        return usage(&format!("there is no job {job:?}"));
    };
    let each = items / threads.max(1);
    if threads == 0 || each == 0 {
        return usage("each thread needs an item");
    }
    let took = run(&*make(), threads, each);
    println!("{:.2} {}", took.as_nanos() as f64 / (each * threads) as f64, peak_kib());
    ExitCode::SUCCESS
}

fn usage(message: &str) -> ExitCode {
    let names: Vec<_> = jobs::JOBS.iter().map(|(name, _)| *name).collect();
    eprintln!("driver: {message}\nusage: driver JOB THREADS ITEMS\njobs: {}", names.join(" "));
    ExitCode::from(2)
}

/// The time from when all threads are ready until the last has done its items.
fn run(job: &jobs::Job, threads: u64, each: u64) -> Duration {
    let ready = Barrier::new(threads as usize + 1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let ready = &ready;
                scope.spawn(move || {
                    black_box(job(thread));
                    ready.wait();
                    for item in 0..each {
                        black_box(job(thread + item));
                    }
                })
            })
            .collect();
        ready.wait();
        let begin = Instant::now();
        for handle in handles {
            handle.join().expect("a job panicked");
        }
        begin.elapsed()
    })
}

/// The most memory that the process has had resident; Linux tells it.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

//! One job of an adopted crate on a number of threads: `driver JOB THREADS ITEMS`.
//!
//! Prints the nanoseconds of wall-clock time for an item, the process's peak resident memory, and how far that is above
//! the memory before the threads started (both in KiB). The items are shared out to the threads. Each thread does some
//! items before its clock starts, so that making the first caches is not timed.

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
    let Some(job) = jobs::JOBS.iter().find(|entry| entry.name == job) else {
        return usage(&format!("there is no job {job:?}"));
    };
    let each = items / threads.max(1);
    if threads == 0 || each == 0 {
        return usage("each thread needs an item");
    }
    let work = (job.make)();
    let resident = kib("VmRSS:");
    let took = run(&*work, job.warm_up, threads, each);
    let peak = kib("VmHWM:");
    let each_item = took.as_nanos() as f64 / (each * threads) as f64;
    println!("{each_item:.2} {peak} {}", peak.saturating_sub(resident));
    ExitCode::SUCCESS
}

fn usage(message: &str) -> ExitCode {
    let names: Vec<_> = jobs::JOBS.iter().map(|entry| entry.name).collect();
    eprintln!("driver: {message}\nusage: driver JOB THREADS ITEMS\njobs: {}", names.join(" "));
    ExitCode::from(2)
}

/// The time from when the first thread began its items until the last one ended.
fn run(work: &jobs::Work, warm_up: u64, threads: u64, each: u64) -> Duration {
    let ready = Barrier::new(threads as usize);
    let times: Vec<(Instant, Instant)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let ready = &ready;
                scope.spawn(move || {
                    for item in 0..warm_up {
                        black_box(work(thread + item));
                    }
                    ready.wait();
                    let begin = Instant::now();
                    for item in 0..each {
                        black_box(work(thread + item));
                    }
                    (begin, Instant::now())
                })
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().expect("a job panicked")).collect()
    });
    let begin = times.iter().map(|time| time.0).min().expect("a thread at least");
    let end = times.iter().map(|time| time.1).max().expect("a thread at least");
    end - begin
}

/// A line of the process's status, in KiB; Linux has it.
fn kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

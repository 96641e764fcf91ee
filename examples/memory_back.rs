//! Does the memory come back? A burst of 10,000 buffers of 64 KiB on parked threads, a steady load, and
//! memory pressure, with a collector at one second; prints what is idle, what the process occupies, and
//! how long it took.
//!
//! ```text
//! cargo run --release --example memory_back
//! ```

use std::fs;
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use stealpool::{Builder, Collector, Pool, PressureSwitch};

const SIZE: usize = 64 << 10;
const BURST: usize = 10_000;
const THREADS: usize = 8;
const SECOND: Duration = Duration::from_secs(1);

static BUFFERS: Pool<Vec<u8>> = Builder::new().name("buffers").build(|| Vec::with_capacity(SIZE));

fn main() -> io::Result<()> {
    let switch = PressureSwitch::new();
    let collector = Collector::builder().every(SECOND).pressure(switch.clone()).spawn()?;
    let crew = Crew::new();
    crew.run(1); // every thread has a worker, and the program what it needs
    settle();

    println!("burst: {BURST} buffers of 64 KiB on {THREADS} threads, which then sleep");
    println!("       (the first one also makes the allocator's arenas, which stay)");
    for burst in ["first", "second", "third"] {
        let before = resident();
        crew.run(BURST / THREADS);
        let (peak, idle) = (resident(), BUFFERS.idle());
        let gone = wait_until(|| BUFFERS.idle() == 0);
        let begun = Instant::now();
        wait_until(|| resident() <= before * 1.05 || begun.elapsed() > SECOND);
        let after = resident();
        println!(
            "  {burst:6}: {before:.1} MB before, {peak:.1} MB with {idle} idle; idle 0 after {gone:.2?}, \
             {after:.1} MB after {:.2?} ({:+.1} %)",
            gone + begun.elapsed(),
            (after / before - 1.0) * 100.0
        );
    }

    println!("steady: {THREADS} threads that hold 1 to 10 buffers, for 10 seconds");
    crew.run(10);
    let (begin, start) = (Instant::now(), BUFFERS.stats());
    while begin.elapsed() < 10 * SECOND {
        crew.steady(100);
    }
    let end = BUFFERS.stats();
    let gets = end.gets - start.gets;
    println!(
        "  {gets} gets, {} created, {} aged out in {} cycles: hit rate {:.4} %",
        end.creates - start.creates,
        end.drops.aged - start.drops.aged,
        end.cycles - start.cycles,
        (1.0 - (end.creates - start.creates) as f64 / gets as f64) * 100.0
    );

    println!("pressure: {BURST} idle buffers");
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        crew.run(BURST / THREADS);
        let raised = Instant::now();
        switch.raise();
        wait_until(|| BUFFERS.idle() == 0);
        slowest = slowest.max(raised.elapsed());
        thread::sleep(SECOND / 5);
    }
    println!("  idle 0 after {slowest:.2?} at most of five times");
    drop(collector);

    println!(
        "cycles on use: a get and its drop while 100,000 idle objects of 1 KiB age, nanoseconds"
    );
    println!("  {:24} {:>7} {:>7} {:>7} {:>9} {:>9}", "", "p50", "p99", "p99.9", "p99.99", "worst");
    // Each twice, in turn.
    for round in ["", " again"] {
        for (name, settings) in [
            ("off", Builder::new().collect_manually()),
            ("every 20 ms", Builder::new().collect_every(SECOND / 50)),
        ] {
            let (line, aged) = latencies(&settings.build(|| Vec::with_capacity(1024)));
            let name = format!("{name}{round}");
            println!("  {name:24} {line}  ({aged} aged out)");
        }
    }
    Ok(())
}

/// Percentiles of a million gets, and how many objects have aged out meanwhile.
fn latencies(pool: &Pool<Vec<u8>>) -> (String, u64) {
    drop((0..100_000).map(|_| pool.get()).collect::<Vec<_>>());
    let mut times: Vec<u64> = (0..1_000_000)
        .map(|_| {
            let begun = Instant::now();
            drop(pool.get());
            begun.elapsed().as_nanos() as u64
        })
        .collect();
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    let line =
        format!("{:7} {:7} {:7} {:9} {:9}", at(0.5), at(0.99), at(0.999), at(0.9999), at(1.0));
    (line, pool.stats().drops.aged)
}

/// Until the pool is empty and the process is quiet.
fn settle() {
    wait_until(|| BUFFERS.idle() == 0);
    thread::sleep(SECOND / 2);
}

fn wait_until(done: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !done() && begun.elapsed() < 20 * SECOND {
        thread::sleep(Duration::from_millis(1));
    }
    begun.elapsed()
}

/// Megabytes that the process occupies; 0 where that is not told.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes.and_then(|text| text.parse().ok()).unwrap_or(0.0) / 1024.0
}

/// Threads that sleep between jobs.
struct Crew {
    members: Vec<(mpsc::SyncSender<Job>, mpsc::Receiver<()>)>,
}

#[derive(Clone, Copy)]
enum Job {
    /// Hold so many at once, each written all over.
    Hold(usize),
    /// So many times, hold 1 to 10 for a moment.
    Steady(usize),
}

impl Crew {
    fn new() -> Self {
        let member = |_| {
            let (jobs, inbox) = mpsc::sync_channel(1);
            let (done, outbox) = mpsc::sync_channel(1);
            thread::spawn(move || {
                for job in inbox {
                    match job {
                        Job::Hold(count) => hold(count),
                        Job::Steady(rounds) => (0..rounds).for_each(|i| hold(1 + i % 10)),
                    }
                    if done.send(()).is_err() {
                        return;
                    }
                }
            });
            (jobs, outbox)
        };
        Crew { members: (0..THREADS).map(member).collect() }
    }

    fn run(&self, count: usize) {
        self.all(Job::Hold(count));
    }

    fn steady(&self, rounds: usize) {
        self.all(Job::Steady(rounds));
    }

    fn all(&self, job: Job) {
        for (jobs, _) in &self.members {
            jobs.send(job).expect("the thread is there");
        }
        for (_, done) in &self.members {
            done.recv().expect("the thread is there");
        }
    }
}

fn hold(count: usize) {
    let mut held: Vec<_> = (0..count).map(|_| BUFFERS.get()).collect();
    for buffer in &mut held {
        buffer.resize(SIZE, 1);
    }
}

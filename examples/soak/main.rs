//! Tortures pools and checks every object: who holds it, what is in it, when it is dropped.
//!
//! ```text
//! cargo run --release --example soak -- --minutes 1 --threads 8 --seed 7
//! ```
//!
//! Threads take, hold, write, give back, move, leak, discard; they are born and end all the time; pools are
//! made and dropped; constructors, policies and destructors panic; cycles run from the background, on use and
//! by hand; memory is said to be short. One line a second says how it goes. The exit status is 0 if nothing
//! was violated.

mod object;
mod work;

use object::Ledger;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::thread;
use std::time::{Duration, Instant};
use stealpool::{Collector, PressureSwitch};

/// What the command line says.
struct Settings {
    time: Duration,
    threads: usize,
    seed: u64,
}

fn main() -> ExitCode {
    let settings = match settings(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(message) => {
            eprintln!("soak: {message}; there are --minutes N, --threads N and --seed N");
            return ExitCode::from(2);
        }
    };
    // The panics are ours, by the hundred thousand.
    std::panic::set_hook(Box::new(|panic| {
        let ours = panic.payload().downcast_ref::<&str>() == Some(&object::ON_PURPOSE);
        if !ours {
            eprintln!("{panic}");
        }
    }));
    #[cfg(stealpool_chaos)]
    assert!(stealpool::chaos::set(disturb));
    if run(&settings) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What happens at each named point of the protocol, with `--cfg stealpool_chaos`: mostly nothing, now and
/// then another thread, seldom a long rest.
#[cfg(stealpool_chaos)]
fn disturb(_point: &'static str) {
    use std::cell::Cell;
    use std::hash::{BuildHasher, RandomState};
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0) | 1);
    }
    // A thread that ends has no state any more.
    let drawn = STATE.try_with(|state| {
        let mut next = state.get();
        next ^= next << 13;
        next ^= next >> 7;
        next ^= next << 17;
        state.set(next);
        next >> 40
    });
    match drawn.unwrap_or(1) {
        n if n % 8192 == 0 => thread::sleep(Duration::from_micros(50)),
        n if n % 32 == 0 => thread::yield_now(),
        _ => {}
    }
}

fn settings(mut arguments: impl Iterator<Item = String>) -> Result<Settings, String> {
    let mut settings = Settings { time: Duration::from_secs(60), threads: 8, seed: 1 };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        let wrong = || format!("{name} {value:?} is not a number");
        match name.as_str() {
            "--minutes" => {
                let minutes: f64 = value.parse().map_err(|_| wrong())?;
                let time = Duration::try_from_secs_f64(minutes * 60.0);
                settings.time = time.map_err(|_| wrong())?;
            }
            "--threads" => settings.threads = value.parse().map_err(|_| wrong())?,
            "--seed" => settings.seed = value.parse().map_err(|_| wrong())?,
            _ => return Err(format!("unknown argument {name:?}")),
        }
    }
    if settings.threads == 0 {
        return Err("no threads, no work".into());
    }
    Ok(settings)
}

/// Whether nothing was violated.
fn run(settings: &Settings) -> bool {
    let ledger: Arc<Ledger> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let world = Arc::new(work::World::new(Arc::clone(&ledger)));
    let switch = PressureSwitch::new();
    let workers: Vec<_> = (0..settings.threads as u64)
        .map(|number| {
            let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
            let seed = settings.seed.wrapping_mul(1000).wrapping_add(number);
            thread::spawn(move || {
                // A thread lives for a few thousand steps; another takes its place.
                let mut life = 0u64;
                while !stop.load(Acquire) {
                    let world = Arc::clone(&world);
                    life += 1;
                    let seed = seed ^ life.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    let ended = thread::spawn(move || work::live(&world, seed)).join();
                    assert!(ended.is_ok(), "a worker died");
                }
            })
        })
        .collect();
    println!("fast path: {}", stealpool::fast_path());
    let begun = Instant::now();
    let mut collector: Option<Collector> = None;
    let mut seconds = 0u64;
    let mut sizes = Vec::new();
    while begun.elapsed() < settings.time {
        thread::sleep(Duration::from_secs(1).min(settings.time));
        seconds += 1;
        // With a collector and without, in turn.
        match seconds % 8 {
            0 => collector = None,
            4 => {
                let builder = Collector::builder().every(Duration::from_millis(3));
                collector = builder.pressure(switch.clone()).spawn().ok();
            }
            2 | 6 => switch.raise(),
            _ => {}
        }
        let size = resident();
        sizes.push(size);
        println!(
            "{:6.0} s  {:>13} gets  {:>9} cycles  {:>8} threads  {:>7} pools  {:>7} alive  {:>6.1} MB  {} violations",
            begun.elapsed().as_secs_f64(),
            ledger.gets.load(Relaxed),
            world.cycles(),
            ledger.threads.load(Relaxed),
            ledger.pools.load(Relaxed),
            ledger.alive(),
            size,
            ledger.violations.load(Relaxed)
        );
    }
    stop.store(true, Release);
    for worker in workers {
        if worker.join().is_err() {
            ledger.violate("a thread of ours died");
        }
    }
    drop(collector);
    let leaked = ledger.leaked.load(Acquire);
    // What is left in the pools may explode.
    drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(world))));
    // Everything but what was leaked on purpose is gone with the pools.
    if ledger.alive() != leaked {
        ledger.violate("objects are neither dropped nor leaked");
    }
    println!(
        "{} made, {} dropped, {} leaked on purpose, {} panics on purpose",
        ledger.made.load(Relaxed),
        ledger.dropped.load(Relaxed),
        leaked,
        ledger.panics.load(Relaxed)
    );
    let quarter = |n: usize| {
        let part = &sizes[sizes.len() * (n - 1) / 4..sizes.len() * n / 4];
        part.iter().sum::<f64>() / part.len().max(1) as f64
    };
    if sizes.len() >= 8 {
        println!(
            "resident: {:.1} MB in the second quarter, {:.1} MB in the last",
            quarter(2),
            quarter(4)
        );
    }
    // The first minutes' growth is the allocator's.
    let flat = sizes.len() < 300 || quarter(4) <= 1.1 * quarter(2) + 4.0;
    if !flat {
        println!("memory grows");
    }
    let violations = ledger.violations.load(Acquire);
    println!("seed {}: {violations} violations", settings.seed);
    violations == 0 && flat
}

/// Megabytes that the process occupies; 0 where that is not told.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes.and_then(|text| text.parse().ok()).unwrap_or(0.0) / 1024.0
}

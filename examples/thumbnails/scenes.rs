//! The scenarios, each the same for every contender.

use crate::bench::{Bench, created, live_bytes};
use crate::benches::{BUDGET, Benches, Fresh, Locked, Pooled, ThreadLocal};
use std::hint::black_box;
use stealpool_workloads::{Figures, Job, Load, settle};

/// Pictures of 512 x 512; the second is progressive.
pub(crate) const SMALL: [&[u8]; 2] = [
    include_bytes!("../workloads/data/photos/tower.jpg"),
    include_bytes!("../workloads/data/photos/tower_progressive.jpg"),
];
/// A picture of 2268 x 1512.
pub(crate) const LARGE: &[u8] = include_bytes!("../workloads/data/photos/large_image.jpg");

/// Which picture is the next.
type Pick = fn(usize) -> &'static [u8];

fn small(number: usize) -> &'static [u8] {
    SMALL[number % SMALL.len()]
}

fn mixed(number: usize) -> &'static [u8] {
    if number % 8 == 7 { LARGE } else { small(number) }
}

/// Runs one contender in one scenario.
pub(crate) fn run(job: &Job<'_>) -> Option<Figures> {
    let (threads, pick): (_, Pick) = match job.scenario {
        "mixed" => (2, mixed),
        "small" => (2, small),
        "burst" => (16, mixed),
        _ => return None,
    };
    match job.contender {
        "stealpool" => {
            let figures = drive::<Pooled>(job, threads, pick);
            Some(figures.with("bound on what is idle", BUDGET as f64, true))
        }
        "made each time" => Some(drive::<Fresh>(job, threads, pick)),
        "thread-local" => Some(drive::<ThreadLocal>(job, threads, pick)),
        "Mutex<Vec>" => Some(drive::<Locked>(job, threads, pick)),
        _ => None,
    }
}

fn drive<B: Benches>(job: &Job<'_>, threads: usize, pick: Pick) -> Figures {
    let benches = B::new();
    let load = Load { threads, duration: job.duration, time_one_in: 1 };
    let mut figures = load.drive(
        |thread| {
            let (benches, mut number) = (&benches, thread * 3);
            move || {
                benches.with(|bench: &mut Bench| {
                    let made = bench.thumbnail(pick(number));
                    black_box(made.expect("the photos are pictures").0);
                });
                number += 1;
            }
        },
        |_| settle(live_bytes, || benches.collect()),
    );
    figures.gets = Some(figures.operations);
    figures.created = Some(created());
    figures
}

//! The scenarios, each the same for every contender.

use crate::context::{Compressor, Context, Counted, Decompressor, STREAMED, created, live_bytes};
use crate::keepers::{AMPLE, BUDGET, Fresh, Keeper, Locked, Pooled, ThreadLocal};
use crate::messages;
use std::hint::black_box;
use stealpool_workloads::{Figures, Job, Load, settle};

/// One message in so many is streamed at a high level.
const STREAMED_EVERY: usize = 100;

/// A message of so many bytes is small; more than half of them are.
const SMALL: usize = 8 << 10;

/// Runs one contender in one scenario.
pub(crate) fn run(job: &Job<'_>) -> Option<Figures> {
    if job.scenario == "create" {
        return create(job);
    }
    if job.scenario == "decode" {
        let messages = messages::compressed();
        return keep::<Decompressor>(job, &messages, 2, |_| 0);
    }
    let mut messages = messages::plain();
    if job.scenario.starts_with("small-") {
        messages.retain(|message| message.len() <= SMALL);
    }
    let keep =
        |threads, level: fn(usize) -> i32| keep::<Compressor>(job, &messages, threads, level);
    match job.scenario {
        "level-1" => keep(2, |_| 1),
        "level-3" => keep(2, |_| 3),
        "level-6" | "small-6" => keep(2, |_| 6),
        "small-9" => keep(2, |_| 9),
        "mixed" => keep(8, |number| match number % STREAMED_EVERY {
            0 => STREAMED,
            number => [1, 3, 6][number % 3],
        }),
        _ => None,
    }
}

/// What making a context costs. zstd asks the processor three times what it can do, an instruction that a
/// virtual machine may trap.
fn create(job: &Job<'_>) -> Option<Figures> {
    let load = Load { threads: 1, duration: job.duration, time_one_in: 1 };
    let work: fn() = match job.contender {
        "context per message" => || drop(black_box(Counted::<Compressor>::new(3))),
        "decoder only" => || drop(black_box(Counted::<Decompressor>::new(0))),
        #[cfg(target_arch = "x86_64")]
        "CPUID, thrice" => || {
            for leaf in [0, 1, 7] {
                black_box(std::arch::x86_64::__cpuid_count(leaf, 0));
            }
        },
        _ => return None,
    };
    let mut figures = load.drive(|_| work, |_| None);
    figures.allocated = None;
    Some(figures)
}

fn keep<C: Context>(
    job: &Job<'_>,
    messages: &[Vec<u8>],
    threads: usize,
    level: fn(usize) -> i32,
) -> Option<Figures> {
    match job.contender {
        "stealpool" => {
            let figures = drive::<C, Pooled<C, BUDGET>>(job, messages, threads, level);
            Some(figures.with("bound on what is idle", BUDGET as f64, true))
        }
        "stealpool, ample" if job.scenario == "mixed" => {
            let figures = drive::<C, Pooled<C, AMPLE>>(job, messages, threads, level);
            Some(figures.with("bound on what is idle", AMPLE as f64, true))
        }
        "context per message" => Some(drive::<C, Fresh>(job, messages, threads, level)),
        "thread-local" => Some(drive::<C, ThreadLocal>(job, messages, threads, level)),
        "Mutex<Vec>" => Some(drive::<C, Locked<C>>(job, messages, threads, level)),
        _ => None,
    }
}

fn drive<C: Context, K: Keeper<C>>(
    job: &Job<'_>,
    messages: &[Vec<u8>],
    threads: usize,
    level: fn(usize) -> i32,
) -> Figures {
    let keeper = K::new();
    let load = Load { threads, duration: job.duration, time_one_in: 1 };
    let mut figures = load.drive(
        |thread| {
            let (keeper, mut output) = (&keeper, Vec::new());
            // The threads begin at different messages.
            let mut number = thread * 17;
            move || {
                let message = &messages[number % messages.len()];
                keeper.with(level(number), |context: &mut Counted<C>| {
                    context.run(message, &mut output);
                });
                black_box(&output);
                number += 1;
            }
        },
        |_| settle(live_bytes, || keeper.collect()),
    );
    // zstd allocates by itself: what Rust's allocator has seen says nothing.
    figures.allocated = None;
    figures.gets = Some(figures.operations);
    figures.created = Some(created());
    figures
}

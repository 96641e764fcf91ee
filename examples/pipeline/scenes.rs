//! The scenarios, each the same for every contender.

use crate::buffers::{BATCH, Back, Buffers, Fresh, Pooled, Queue, ThreadLocal, created};
use flate2::Crc;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use stealpool_workloads::{Figures, Histogram, Job, alloc, process, settle};

/// Batches that may wait for a consumer.
const WAITING: usize = 8;
/// Batches that wait when a stall ends.
const STALLED: usize = 200;

/// Runs one contender in one scenario.
pub(crate) fn run(job: &Job<'_>) -> Option<Figures> {
    match job.contender {
        "stealpool" => scene::<Pooled>(job),
        "no pool" => scene::<Fresh>(job),
        "thread-local" => scene::<ThreadLocal>(job),
        "ArrayQueue" => scene::<Queue>(job),
        "channel back" => scene::<Back>(job),
        _ => None,
    }
}

fn scene<B: Buffers>(job: &Job<'_>) -> Option<Figures> {
    let (producers, consumers, stall) = match job.scenario {
        "1-to-1" => (1, 1, false),
        "2-to-1" => (2, 1, false),
        "1-to-2" => (1, 2, false),
        "stall" => (1, 1, true),
        _ => return None,
    };
    Some(flow::<B>(job, producers, consumers, stall))
}

/// A batch on its way.
struct Batch<L> {
    buffer: L,
    asked: Instant,
}

fn flow<B: Buffers>(job: &Job<'_>, producers: usize, consumers: usize, stall: bool) -> Figures {
    let payload = payload();
    let buffers = B::new();
    let (sender, receiver) = sync_channel(if stall { STALLED } else { WAITING });
    let receiver = Mutex::new(receiver);
    let (stop, waiting) = (AtomicBool::new(false), AtomicU64::new(0));
    let (rest, over) =
        (Barrier::new(producers + consumers + 1), Barrier::new(producers + consumers + 1));
    let mut figures = Figures::default();
    let empty = alloc::live();
    thread::scope(|scope| {
        let (allocated, faults) = (alloc::allocated(), process::faults());
        let begun = Instant::now();
        for number in 0..producers {
            let (sender, buffers, payload) = (sender.clone(), &buffers, &payload);
            let (stop, waiting, rest, over) = (&stop, &waiting, &rest, &over);
            scope.spawn(move || {
                produce(buffers, &payload[number..], &sender, stop, waiting);
                drop(sender);
                rest.wait();
                over.wait();
            });
        }
        drop(sender);
        let consumers: Vec<_> = (0..consumers)
            .map(|_| {
                let (receiver, buffers) = (&receiver, &buffers);
                let (stop, waiting) = (&stop, &waiting);
                let (rest, over) = (&rest, &over);
                scope.spawn(move || {
                    let latency = consume(buffers, receiver, (stop, waiting), stall);
                    rest.wait();
                    over.wait();
                    latency
                })
            })
            .collect();
        thread::sleep(job.duration);
        // Relaxed: it carries nothing.
        stop.store(true, Relaxed);
        rest.wait();
        figures.seconds = begun.elapsed().as_secs_f64();
        let (count, bytes) = alloc::allocated();
        figures.allocated = Some((count - allocated.0, bytes - allocated.1));
        figures.faults = process::faults().zip(faults).map(|(now, then)| now - then);
        figures.peak_rss = process::resident().map(|(_, peak)| peak);
        // Each consumer's histogram is there, too: what is smaller than a batch is left out.
        let idle = || alloc::live().saturating_sub(empty) / BATCH as u64 * BATCH as u64;
        figures.retained = settle(idle, || buffers.collect());
        figures.rss_after = process::resident_without_free_pages();
        over.wait();
        for consumer in consumers {
            figures.latency.add(&consumer.join().expect("a consumer panicked"));
        }
    });
    figures.operations = figures.latency.count();
    figures.gets = Some(figures.operations);
    figures.created = Some(created());
    figures
}

fn produce<B: Buffers>(
    buffers: &B,
    payload: &[u8],
    sender: &SyncSender<Batch<B::Lent>>,
    stop: &AtomicBool,
    waiting: &AtomicU64,
) {
    // Relaxed, both: a flag and a figure; the channel orders the batches.
    while !stop.load(Relaxed) {
        let asked = Instant::now();
        let mut buffer = buffers.take();
        while buffer.len() < BATCH {
            let part = payload.len().min(BATCH - buffer.len());
            buffer.extend_from_slice(&payload[..part]);
        }
        waiting.fetch_add(1, Relaxed);
        if sender.send(Batch { buffer, asked }).is_err() {
            return;
        }
    }
}

fn consume<B: Buffers>(
    buffers: &B,
    receiver: &Mutex<Receiver<Batch<B::Lent>>>,
    (stop, waiting): (&AtomicBool, &AtomicU64),
    stall: bool,
) -> Histogram {
    let mut latency = Histogram::default();
    if stall {
        // Relaxed, both: a figure and a flag. A short run may end before so many wait.
        while waiting.load(Relaxed) < STALLED as u64 && !stop.load(Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    loop {
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Batch { buffer, asked }) = next else {
            return latency;
        };
        let mut checksum = Crc::new();
        checksum.update(&buffer);
        black_box(checksum.sum());
        buffers.give(buffer);
        latency.record(asked.elapsed());
        // Relaxed: a figure.
        waiting.fetch_sub(1, Relaxed);
    }
}

/// All payloads of `examples/data`, one after the other.
fn payload() -> Vec<u8> {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../data"));
    let entries = std::fs::read_dir(&directory).expect("examples/data is part of the checkout");
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let read = |path| std::fs::read(path).expect("a payload is readable");
    let all: Vec<u8> = files.into_iter().flat_map(read).collect();
    assert!(!all.is_empty(), "{} holds no payload", directory.display());
    all
}

//! One day of the service: its threads, and what the process occupies meanwhile.

use super::contender::{Contender, THREADS};
use super::load::{Request, Requests};
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use stealpool::Collector;

/// Minutes of a day: so often the memory is read, and so often the collector runs a cycle.
const MINUTES: u32 = 24 * 60;
/// A request that starts so much after its arrival is late: the service has fallen behind.
const LATE: Duration = Duration::from_millis(100);

/// What came out of a day.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Run {
    pub(crate) contender: String,
    /// Resident memory in KiB, at each minute of the day.
    pub(crate) resident: Vec<u64>,
    pub(crate) requests: u64,
    /// Requests for which no thread was free in time.
    pub(crate) late: u64,
    /// Buffers made.
    pub(crate) made: u64,
    /// Bytes of buffers that are idle at the end.
    pub(crate) idle: usize,
}

/// Runs the service for a day.
pub(crate) fn run(contender: Contender, day: Duration) -> io::Result<Run> {
    resident()?;
    let collects = contender == Contender::Stealpool;
    let every = (day / MINUTES).max(Duration::from_millis(1));
    // What other programs do to the memory of the machine must not count.
    let collector = || Collector::builder().every(every).on_memory_pressure(false).spawn();
    let collector = collects.then(collector).transpose()?;
    let (requests, late) = (Mutex::new(Requests::new(day)), AtomicU64::new(0));
    let begun = Instant::now();
    let mut run = Run { contender: contender.name().into(), ..Run::default() };
    thread::scope(|scope| {
        let sampler = scope.spawn(|| samples(begun, day));
        let work = || {
            let mut served = 0;
            while let Some(request) = next(&requests) {
                wait_until(begun + request.arrives);
                if begun.elapsed() > request.arrives + LATE {
                    // Relaxed: a count, read after the threads have ended.
                    late.fetch_add(1, Relaxed);
                }
                serve(contender, &request);
                served += 1;
            }
            // The threads of a server live on.
            wait_until(begun + day);
            served
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        run.requests = threads.into_iter().map(|one| one.join().expect("serves")).sum();
        run.resident = sampler.join().expect("samples");
    });
    run.idle = contender.idle_bytes();
    drop(collector);
    // Relaxed: the threads have ended.
    run.late = late.load(Relaxed);
    run.made = contender.made();
    Ok(run)
}

fn next(requests: &Mutex<Requests>) -> Option<Request> {
    requests.lock().unwrap_or_else(PoisonError::into_inner).next()
}

fn serve(contender: Contender, request: &Request) {
    let mut body = contender.get();
    body.reserve(request.body); // as told by Content-Length
    receive(&mut body, request.body);
    thread::sleep(request.works);
    let mut answer = contender.get();
    answer.reserve(request.answer);
    receive(&mut answer, request.answer);
    drop(body);
    thread::sleep(request.sends);
}

/// Fills a buffer in pieces, as from a socket.
fn receive(buffer: &mut Vec<u8>, size: usize) {
    const PIECE: [u8; 16 << 10] = [b'x'; 16 << 10];
    while buffer.len() < size {
        let piece = PIECE.len().min(size - buffer.len());
        buffer.extend_from_slice(&PIECE[..piece]);
    }
}

fn wait_until(instant: Instant) {
    thread::sleep(instant.saturating_duration_since(Instant::now()));
}

/// What is resident at the end of each minute of the day.
fn samples(begun: Instant, day: Duration) -> Vec<u64> {
    let mut samples = Vec::with_capacity(MINUTES as usize);
    for minute in 1..=MINUTES {
        wait_until(begun + day * minute / MINUTES);
        samples.push(resident().unwrap_or(0));
    }
    samples
}

/// The KiB that this process occupies.
fn resident() -> io::Result<u64> {
    let not_told = |_| {
        let message = "--day reads /proc/self/status, which only Linux has";
        io::Error::new(io::ErrorKind::Unsupported, message)
    };
    let status = std::fs::read_to_string("/proc/self/status").map_err(not_told)?;
    resident_of(&status).ok_or_else(|| io::Error::other("no VmRSS in /proc/self/status"))
}

fn resident_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_os = "linux")]
    use crate::day::contender::tests::alone;

    #[test]
    fn resident_memory_is_read_or_it_is_said_why_not() {
        assert_eq!(resident_of("Name:\tVmRSS:\nVmRSS:\t    4096 kB\nThreads: 1"), Some(4096));
        assert_eq!(resident_of("VmRSS:\tmuch"), None);
        assert_eq!(resident_of(""), None);
        match resident() {
            Ok(kib) => assert!(kib > 0),
            Err(error) => assert!(error.to_string().contains("only Linux"), "{error}"),
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn every_request_of_a_day_is_served() {
        let _alone = alone();
        let day = Duration::from_millis(300);
        let requests = Requests::new(day).count() as u64;
        for contender in Contender::ALL {
            let before = contender.made();
            let run = run(contender, day).expect("figures");
            assert_eq!(run.requests, requests, "{contender:?}");
            assert!(run.resident.iter().all(|kib| *kib > 0) && run.resident.len() > 1000);
            let made = run.made - before;
            assert_eq!(
                made == 2 * requests,
                contender == Contender::NoPool,
                "{contender:?}: {made}"
            );
        }
    }
}

//! Three pools under a load that comes and goes, a collector with a cycle a second, a budget for the process, and every
//! 15 seconds a signal that memory is short.
//!
//! Without a terminal, one frame a second is printed below the other.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use stealpool::{Builder, Collector, CycleReport, Pool, PressureSwitch, Stats};

static BODIES: Pool<Vec<u8>> = Builder::new().name("bodies").build(|| Vec::with_capacity(16 << 10));
static LINES: Pool<String> = Builder::new().name("lines").max_idle(64).build(String::new);
static IMAGES: Pool<Vec<u8>> =
    Builder::new().name("images").max_object_bytes(1 << 20).build(|| Vec::with_capacity(256 << 10));

/// The width of a sparkline.
const HISTORY: usize = 40;
/// The collector's last reports.
const REPORTS: usize = 6;
const FRAME: Duration = Duration::from_millis(250);

/// Until the time is over, or without end.
pub(crate) fn watch(seconds: Option<u64>) -> io::Result<()> {
    let reports = Arc::new(Mutex::new(VecDeque::new()));
    let (begun, notes) = (Instant::now(), Arc::clone(&reports));
    let switch = PressureSwitch::new();
    stealpool::set_idle_budget(64 << 20);
    let collector = Collector::builder()
        .every(Duration::from_secs(1))
        .pressure(switch.clone())
        .on_cycle(move |report| note(&notes, begun, report))
        .spawn()?;
    for seed in 0..4 {
        thread::spawn(move || load(seed, begun));
    }
    let clears = io::stdout().is_terminal();
    let mut pools: BTreeMap<&'static str, History> = BTreeMap::new();
    let mut short = 0;
    loop {
        let elapsed = begun.elapsed();
        if seconds.is_some_and(|seconds| elapsed.as_secs() >= seconds) {
            break;
        }
        if elapsed.as_secs() / 15 > short {
            short += 1;
            switch.raise();
        }
        for pool in stealpool::registry() {
            pools.entry(pool.name()).or_default().add(pool.stats());
        }
        let frame = frame(elapsed, &pools, &reports, &collector);
        let mut out = io::stdout().lock();
        if clears {
            write!(out, "\x1b[H\x1b[2J{frame}")?;
        } else if elapsed.as_millis() % 1000 < FRAME.as_millis() {
            writeln!(out, "{frame}")?;
        }
        out.flush()?;
        drop(out);
        thread::sleep(FRAME);
    }
    Ok(())
}

type Reports = Mutex<VecDeque<String>>;

/// Keeps the collector's last reports that say something.
fn note(reports: &Reports, begun: Instant, report: &CycleReport) {
    if report.aged + report.relieved + report.over_budget == 0 {
        return;
    }
    let mut reports = reports.lock().expect("nobody panics here");
    reports.push_front(format!("{:6.1} s  {report}", begun.elapsed().as_secs_f64()));
    reports.truncate(REPORTS);
}

/// One pool's last frames.
#[derive(Default)]
struct History {
    idle: VecDeque<usize>,
    hits: VecDeque<f64>,
    last: Stats,
}

impl History {
    fn add(&mut self, stats: Stats) {
        let (gets, created) = (
            stats.gets.saturating_sub(self.last.gets),
            stats.creates.saturating_sub(self.last.creates),
        );
        let rate = 1.0 - created as f64 / gets.max(1) as f64;
        push(&mut self.hits, rate.clamp(0.0, 1.0));
        push(&mut self.idle, stats.idle);
        self.last = stats;
    }
}

fn push<T>(line: &mut VecDeque<T>, value: T) {
    line.push_back(value);
    if line.len() > HISTORY {
        line.pop_front();
    }
}

/// A character for each value between the least and the most.
fn sparkline(values: impl Iterator<Item = f64>, least: f64, most: f64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |value: f64| {
        let part = (value - least) / (most - least).max(f64::MIN_POSITIVE);
        BARS[((part * 8.0) as usize).min(7)]
    };
    values.map(bar).collect()
}

fn frame(
    elapsed: Duration,
    pools: &BTreeMap<&'static str, History>,
    reports: &Reports,
    collector: &Collector,
) -> String {
    let mut text = format!(
        "{:.0} s, pressure from: {}, budget 64 MiB\n\n\
         {:8} {:>7} {:>7} {:>9} {:>7} {:>7}  idle\n",
        elapsed.as_secs_f64(),
        collector.pressure_source(),
        "pool",
        "idle",
        "live",
        "KiB idle",
        "hits %",
        "cycles"
    );
    for (name, history) in pools {
        let stats = &history.last;
        let most = history.idle.iter().copied().max().unwrap_or(0).max(1);
        let idle = history.idle.iter().map(|idle| *idle as f64);
        let _infallible = writeln!(
            text,
            "{name:8} {:7} {:7} {:9} {:7.2} {:7}  {}",
            stats.idle,
            stats.live,
            stats.idle_bytes >> 10,
            stats.hit_rate() * 100.0,
            stats.cycles,
            sparkline(idle, 0.0, most as f64)
        );
        let hits = sparkline(history.hits.iter().copied(), 0.5, 1.0);
        let reasons = stats.drops.by_reason().into_iter();
        let reasons = reasons.filter(|(_, count)| *count > 0);
        let reasons: Vec<_> = reasons.map(|(why, count)| format!("{why} {count}")).collect();
        let _infallible =
            writeln!(text, "{:8} hit rate {hits:40}  dropped: {}", "", reasons.join(", "));
    }
    text.push_str("\nthe collector, newest first\n");
    for report in reports.lock().expect("nobody panics here").iter() {
        let _infallible = writeln!(text, "{report}");
    }
    text
}

/// A user's thread: bursts of bodies, lines all the time, an image now and then, some of them huge.
fn load(seed: u64, begun: Instant) {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = move |n: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 11) as usize % n
    };
    loop {
        let is_burst = begun.elapsed().as_secs() % 10 < 3;
        let bodies = if is_burst { 50 + below(200) } else { 1 + below(3) };
        let mut held: Vec<_> = (0..bodies).map(|_| BODIES.get()).collect();
        for body in &mut held {
            body.resize(1 + below(16 << 10), 1);
            let mut line = LINES.get();
            let _infallible = write!(line, "{} bytes", body.len());
        }
        if below(20) == 0 {
            let size = if below(20) == 0 { 4 << 20 } else { 200 << 10 };
            IMAGES.get().resize(size, 1);
        }
        drop(held);
        thread::sleep(Duration::from_micros(500 + below(2_000) as u64));
    }
}

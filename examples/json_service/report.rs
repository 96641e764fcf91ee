//! The table that a comparison ends with.

use crate::args::Compare;
use crate::compare::{ROUNDS, Side};
use crate::load::{LARGE_EVERY, Requests};
use crate::service::{Figures, PoolFigures};
use stealpool_workloads::show::{self, whole};

const FOOTNOTE: &str = "
* The pools hold nothing then. What is freed the allocator may keep for itself; glibc gives large
  blocks back at once if GLIBC_TUNABLES=glibc.malloc.mmap_threshold=262144 is set.
";

/// Everything that was measured, pooling off first.
pub(crate) fn table(settings: &Compare, requests: &Requests, sides: &[Side; 2]) -> String {
    let mut table = Table {
        sides,
        text: head(settings, requests),
    };
    table.row("requests/s", |side| side.outcome.rate(), whole);
    for (name, quantile) in [
        ("latency p50", 0.5),
        ("latency p99", 0.99),
        ("latency p99.9", 0.999),
    ] {
        let seconds = |side: &Side| side.outcome.latency.quantile(quantile).as_secs_f64();
        table.row(name, seconds, millis);
    }
    let seconds = |side: &Side| side.outcome.large.quantile(0.5).as_secs_f64();
    table.row("  p50 of the large ones", seconds, millis);
    let per_request = |side: &Side, count: u64| count as f64 / side.outcome.requests as f64;
    let allocations = |side: &Side| per_request(side, side.allocated.0);
    table.row("allocations/request", allocations, |count| {
        format!("{count:.1}")
    });
    let allocated = |side: &Side| per_request(side, side.allocated.1);
    table.row("bytes allocated/request", allocated, bytes);
    let rss = |figures: &Figures, pick: fn((u64, u64)) -> u64| {
        figures
            .rss
            .map_or(f64::NAN, |now_and_peak| pick(now_and_peak) as f64)
    };
    table.row("peak RSS", |side| rss(&side.after[0], |rss| rss.1), bytes);
    table.row(
        "RSS after two cycles *",
        |side| rss(&side.after[2], |rss| rss.0),
        bytes,
    );
    table.plain_row("objects created", |side| {
        whole(sum(&side.after[0], |pool| pool.creates) as f64)
    });
    table.plain_row("hit rate", |side| {
        let gets = sum(&side.after[0], |pool| pool.gets);
        let created = sum(&side.after[0], |pool| pool.creates);
        percent(1.0 - created as f64 / gets.max(1) as f64)
    });
    for (index, name) in [
        "idle right after the load",
        "  after one cycle",
        "  after two cycles",
    ]
    .iter()
    .enumerate()
    {
        table.plain_row(name, |side| {
            let weight = bytes(sum(&side.after[index], |pool| pool.idle_bytes) as f64);
            format!("{weight} in {}", sum(&side.after[index], |pool| pool.idle))
        });
    }
    table.text += "\nthe pools, pooling on:\n";
    for pool in &sides[1].after[0].pools {
        table.text += &format!("  {}\n", pool_line(pool));
    }
    table.text += FOOTNOTE;
    table.text
}

fn head(settings: &Compare, requests: &Requests) -> String {
    let round = settings.load.as_secs_f64() / f64::from(2 * ROUNDS);
    let [least, most, large] = requests.sizes.map(|size| bytes(size as f64));
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    format!(
        "\n{} payloads of {least} to {most}, one request in {LARGE_EVERY} a batch of {large}; \
         {} connections;\n{ROUNDS} rounds of {round:.1} s a side; {cores} cores for service and \
         client together\n\n{:26}{:>16}{:>16}{:>10}\n",
        requests.kinds(),
        settings.connections,
        "",
        "pooling off",
        "pooling on",
        "change",
    )
}

/// What one pool has done, in a line.
pub(crate) fn pool_line(pool: &PoolFigures) -> String {
    format!(
        "{:8} {:>8} gets, {} hits, {} created, {} overflowed, {} aged out, {} idle ({})",
        pool.name,
        pool.gets,
        percent(pool.hit_rate),
        pool.creates,
        pool.overflowed,
        pool.aged_out,
        pool.idle,
        bytes(pool.idle_bytes as f64),
    )
}

/// The table as far as it is written.
struct Table<'a> {
    sides: &'a [Side; 2],
    text: String,
}

impl Table<'_> {
    /// A row of figures, and by how much pooling changes them.
    fn row(&mut self, name: &str, figure: impl Fn(&Side) -> f64, show: impl Fn(f64) -> String) {
        let [off, on] = [figure(&self.sides[0]), figure(&self.sides[1])];
        let change = match 100.0 * (on / off - 1.0) {
            change if change.is_finite() => format!("{change:+.1} %"),
            _ => String::new(),
        };
        self.line(name, [show(off), show(on)], &change);
    }

    fn plain_row(&mut self, name: &str, cell: impl Fn(&Side) -> String) {
        let cells = [cell(&self.sides[0]), cell(&self.sides[1])];
        self.line(name, cells, "");
    }

    fn line(&mut self, name: &str, [off, on]: [String; 2], change: &str) {
        let line = format!("{name:26}{off:>16}{on:>16}{change:>10}");
        self.text += line.trim_end();
        self.text.push('\n');
    }
}

fn sum(figures: &Figures, part: impl Fn(&PoolFigures) -> u64) -> u64 {
    figures.pools.iter().map(part).sum()
}

fn millis(seconds: f64) -> String {
    format!("{:.3} ms", seconds * 1e3)
}

/// Not a number: unknown.
fn bytes(count: f64) -> String {
    match count.is_nan() {
        true => "unknown".to_owned(),
        false => show::bytes(count),
    }
}

fn percent(share: f64) -> String {
    format!("{:.3} %", 100.0 * share)
}

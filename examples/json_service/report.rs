//! The table that a comparison ends with.

use crate::args::Compare;
use crate::compare::{NAMES, ROUNDS, Side};
use crate::load::{LARGE_EVERY, Requests};
use crate::service::{Figures, PoolFigures};
use stealpool_workloads::show::{self, whole};

const FOOTNOTE: &str = "
The change is stealpool against no pool.
* glibc was asked for its free pages. It returns whole pages only, and large blocks at once if
  GLIBC_TUNABLES=glibc.malloc.mmap_threshold=262144 is set.
";

/// Everything that was measured.
pub(crate) fn table(settings: &Compare, requests: &Requests, sides: &[Side; 3]) -> String {
    let mut table = Table { sides, text: head(settings, requests) };
    table.row("requests/s", |side| side.outcome.rate(), whole);
    for (name, quantile) in [("latency p50", 0.5), ("latency p99", 0.99), ("latency p99.9", 0.999)]
    {
        let seconds = |side: &Side| side.outcome.latency.quantile(quantile).as_secs_f64();
        table.row(name, seconds, millis);
    }
    for (name, quantile) in [("  p50 of the large ones", 0.5), ("  p99.9 of the large ones", 0.999)]
    {
        let seconds = |side: &Side| side.outcome.large.quantile(quantile).as_secs_f64();
        table.row(name, seconds, millis);
    }
    if settings.slow > 0 {
        table.row("beside slow clients: /s", |side| side.beside_slow.rate(), whole);
        for (name, quantile) in [("  p50", 0.5), ("  p99", 0.99), ("  p99.9", 0.999)] {
            let seconds = |side: &Side| side.beside_slow.latency.quantile(quantile).as_secs_f64();
            table.row(name, seconds, millis);
        }
    }
    let per_request = |side: &Side, count: u64| count as f64 / side.outcome.requests as f64;
    let allocations = |side: &Side| per_request(side, side.allocated.0);
    table.row("allocations/request", allocations, |count| format!("{count:.1}"));
    let allocated = |side: &Side| per_request(side, side.allocated.1);
    table.row("bytes allocated/request", allocated, bytes);
    let faults = |side: &Side| {
        let faults = side.faults.map_or(f64::NAN, |faults| faults as f64);
        faults / side.outcome.requests as f64
    };
    table.row("page faults/request", faults, |count| format!("{count:.2}"));
    let rss = |figures: &Figures, pick: fn((u64, u64)) -> u64| {
        figures.rss.map_or(f64::NAN, |now_and_peak| pick(now_and_peak) as f64)
    };
    let before = |side: &Side| side.before.as_ref().map_or(f64::NAN, |it| rss(it, |rss| rss.0));
    table.row("RSS at the start", before, bytes);
    table.row("peak RSS", |side| rss(&side.after[0], |rss| rss.1), bytes);
    table.row("RSS after two cycles *", |side| rss(&side.after[2], |rss| rss.0), bytes);
    table.plain_row("objects created", |side| {
        whole(sum(&side.after[0], |pool| pool.creates) as f64)
    });
    table.plain_row("hit rate", |side| {
        let gets = sum(&side.after[0], |pool| pool.gets);
        let created = sum(&side.after[0], |pool| pool.creates);
        percent(1.0 - created as f64 / gets.max(1) as f64)
    });
    for (index, name) in
        ["idle right after the load", "  after one cycle", "  after two cycles"].iter().enumerate()
    {
        table.plain_row(name, |side| {
            let weight = bytes(sum(&side.after[index], |pool| pool.idle_bytes) as f64);
            format!("{weight} in {}", sum(&side.after[index], |pool| pool.idle))
        });
    }
    table.text += "\nthe pools of stealpool:\n";
    for pool in &sides[2].after[0].pools {
        table.text += &format!("  {}\n", pool_line(pool));
    }
    table.text += FOOTNOTE;
    table.text
}

fn head(settings: &Compare, requests: &Requests) -> String {
    let round = settings.load.as_secs_f64() * 0.75 / f64::from(3 * ROUNDS);
    let [least, most, large] = requests.sizes.map(|size| bytes(size as f64));
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    format!(
        "\n{} payloads of {least} to {most}, one request in {LARGE_EVERY} a batch of {large}; \
         {} connections;\n{ROUNDS} rounds of {round:.1} s a side; {cores} cores for service and \
         client together; {} slow clients in the second part\n\n{:26}{:>14}{:>14}{:>14}{:>10}\n",
        requests.kinds(),
        settings.connections,
        settings.slow,
        "",
        NAMES[0],
        NAMES[1],
        NAMES[2],
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
    sides: &'a [Side; 3],
    text: String,
}

impl Table<'_> {
    /// A row of figures, and by how much stealpool changes them.
    fn row(&mut self, name: &str, figure: impl Fn(&Side) -> f64, show: impl Fn(f64) -> String) {
        let figures = self.sides.each_ref().map(figure);
        let change = match 100.0 * (figures[2] / figures[0] - 1.0) {
            change if change.is_finite() => format!("{change:+.1} %"),
            _ => String::new(),
        };
        self.line(name, figures.map(show), &change);
    }

    fn plain_row(&mut self, name: &str, cell: impl Fn(&Side) -> String) {
        self.line(name, self.sides.each_ref().map(cell), "");
    }

    fn line(&mut self, name: &str, [off, queue, on]: [String; 3], change: &str) {
        let line = format!("{name:26}{off:>14}{queue:>14}{on:>14}{change:>10}");
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

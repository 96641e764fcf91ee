//! Tables and comparisons of what was measured.

use crate::go;
use crate::kept::Kept;
use crate::latency::{Latency, PERCENTILES};
use crate::measure::Row;
use crate::turns::{Turns, table};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::Path;

/// Ours.
pub const OURS: &str = "stealpool";

/// Everything that one run has found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Machine, compiler and versions.
    pub about: String,
    pub rows: Vec<Row>,
    pub latencies: Vec<Latency>,
    pub kept: Vec<Kept>,
    /// Pools, threads, and bytes that a worker costs.
    pub worker: Option<(usize, usize, f64)>,
    /// Earlier runs have none.
    #[serde(default)]
    pub turns: Vec<Turns>,
}

/// An earlier run.
pub fn read(path: &Path) -> Result<Run, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is no run: {error}", path.display()))
}

impl Run {
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        crate::page::put(path, &text)
    }

    /// This run, with the works of a later one in place of its own, `kept` included. Each table stays of one run.
    pub fn with_works_of(mut self, later: Run) -> Self {
        let families: Vec<&str> = works(&later.rows).into_iter().map(family).collect();
        self.rows.retain(|row| !families.contains(&family(&row.work)));
        self.rows.extend(later.rows.iter().cloned());
        if !later.kept.is_empty() {
            self.kept = later.kept;
        }
        self
    }

    /// The row of one contender at one work, if it ran.
    pub fn median(&self, work: &str, contender: &str) -> Option<f64> {
        let same = |row: &&Row| row.work == work && row.contender == contender;
        self.rows.iter().find(same)?.time.as_ref().ok().map(|time| time.median)
    }
}

/// Works that are known by the programs of others.
pub const THEIRS: &str = "theirs";

/// The works of some rows, in order.
pub fn works(rows: &[Row]) -> Vec<&str> {
    let mut works: Vec<&str> = Vec::new();
    for row in rows {
        if !works.contains(&row.work.as_str()) {
            works.push(&row.work);
        }
    }
    works
}

/// The rows of one work, best first, those that did not run last.
pub fn of<'r>(rows: &'r [Row], work: &str) -> Vec<&'r Row> {
    let mut rows: Vec<&Row> = rows.iter().filter(|row| row.work == work).collect();
    rows.sort_by(|a, b| a.median().total_cmp(&b.median()));
    rows
}

/// Whether objects given back on one thread can be got on another: what makes a pool shared.
pub fn shares(contender: &str) -> bool {
    let alone = ["no pool", "thread_local!", "crate thread_local", "BytesMut", "the turns alone"];
    !alone.iter().any(|name| contender.starts_with(name))
}

/// Three digits or so.
pub fn short(figure: f64) -> String {
    match figure {
        f if f < 9.995 => format!("{f:.2}"),
        f if f < 99.95 => format!("{f:.1}"),
        f if f < 1e6 => format!("{f:.0}"),
        f => format!("{:.1} million", f / 1e6),
    }
}

fn or_dash(figure: Option<f64>) -> String {
    figure.map_or("-".to_string(), short)
}

/// Ours stands out.
pub fn bold(text: &str, contender: &str) -> String {
    match contender {
        OURS => format!("**{text}**"),
        _ => text.to_string(),
    }
}

/// Medians of all works of a family side by side: a line a contender.
fn overview(run: &Run, family: &str) -> String {
    let all = works(&run.rows).into_iter();
    let works: Vec<&str> = all.filter(|work| belongs(work, family)).collect();
    let mut contenders: Vec<&str> = Vec::new();
    for row in works.iter().flat_map(|work| of(&run.rows, work)) {
        if !contenders.contains(&row.contender.as_str()) {
            contenders.push(&row.contender);
        }
    }
    let mut text = format!("| ns | {} |\n|---|{}\n", works.join(" | "), "---|".repeat(works.len()));
    for contender in contenders {
        let cells = works.iter().map(|work| {
            let figure = run.median(work, contender).map_or("-".into(), short);
            bold(&figure, contender)
        });
        let cells: Vec<String> = cells.collect();
        let name = bold(contender, contender);
        let _infallible = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    text
}

/// Who is first in each of the peers' own works, and the first of the others that share what they pool: a line a work.
fn winners(run: &Run) -> String {
    let mut text = String::from(
        "| ns | first | | best peer | | stealpool | ours / best peer |\n|---|---|---|---|---|---|---|\n",
    );
    for work in works(&run.rows).into_iter().filter(|work| belongs(work, THEIRS)) {
        let first = of(&run.rows, work).into_iter().find(|row| row.time.is_ok());
        let first = first.map(|row| (row.contender.as_str(), row.median()));
        let (ours, peer) = (run.median(work, OURS), best_peer(run, work));
        let cells = |who: Option<(&str, f64)>| {
            let (name, time) = who.map_or(("-", None), |(name, time)| (name, Some(time)));
            format!("{} | {}", bold(name, name), or_dash(time))
        };
        let ratio = ours.zip(peer).map(|(ours, (_, peer))| ours / peer);
        let name = work.trim_start_matches("theirs, ");
        let (first, peer) = (cells(first), cells(peer));
        let _infallible = writeln!(
            text,
            "| {name} | {first} | {peer} | {} | {} |",
            or_dash(ours),
            or_dash(ratio)
        );
    }
    text
}

fn family(work: &str) -> &str {
    work.split(',').next().unwrap_or(work)
}

fn belongs(work: &str, wanted: &str) -> bool {
    family(work) == wanted
}

/// Everything about one work, best first, ours in bold.
fn details(run: &Run, work: &str) -> String {
    let rows = of(&run.rows, work);
    let ours = run.median(work, OURS);
    let mut text = format!(
        "#### {work}\n\n\
         | contender | ns | least to most | times ours | created, % | instructions | locked |\n\
         |---|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let name = bold(&row.contender, &row.contender);
        let _infallible = match &row.time {
            Err(why) => writeln!(text, "| {name} | {why} | | | | | |"),
            Ok(time) => writeln!(
                text,
                "| {name} | {} | {} to {} | {} | {} | {} | {} |",
                bold(&short(time.median), &row.contender),
                short(time.least),
                short(time.most),
                or_dash(ours.map(|ours| time.median / ours)),
                or_dash(row.created_percent),
                row.instructions.map_or("-".to_string(), |count| format!("{count:.0}")),
                row.locked.map_or("-".to_string(), |count| format!("{count:.1}")),
            ),
        };
    }
    text.push('\n');
    text
}

/// Percentiles of a get, quiet and while another thread frees.
fn latencies(all: &[Latency]) -> String {
    let heads: Vec<&str> = PERCENTILES.iter().map(|(name, _)| *name).collect();
    let mut text = format!(
        "| ns | | {} | longest | a pass, ms | world stopped, µs |\n|---|---|{}---|---|---|\n",
        heads.join(" | "),
        "---|".repeat(heads.len())
    );
    for one in all {
        let line = |figures: &[f64]| {
            let figures: Vec<String> = figures.iter().map(|f| short(*f)).collect();
            figures.join(" | ")
        };
        let name = bold(&one.contender, &one.contender);
        let stopped = one.stopped.map(|nanos| nanos / 1e3);
        let _infallible = writeln!(
            text,
            "| {name} | quiet | {} | | | |\n| | freeing | {} | {} | {} | {} |",
            line(&one.quiet),
            line(&one.freeing),
            short(one.longest),
            short(one.pass),
            or_dash(stopped)
        );
    }
    text
}

/// What is idle after a burst.
fn kept(all: &[Kept]) -> String {
    let mut text = String::from(
        "| contender | objects at once | after one cycle | after two | KiB at once | after one | after two |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for one in all {
        let objects = one.objects.map(|objects| objects.map(|count| count.to_string()));
        let kib = one.kib.map(|kib| kib.map(|kib| format!("{kib:.0}")));
        let none = || ["-"; 3].map(String::from);
        let cells = [objects.unwrap_or_else(none), kib.unwrap_or_else(none)].concat();
        let name = bold(&one.contender, &one.contender);
        let _infallible = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    text
}

/// The families of works, with what is said of them.
const FAMILIES: [(&str, &str); 11] = [
    ("pair", "Get, touch, drop"),
    ("burst", "Bursts"),
    ("starvation", "Starvation"),
    ("expensive", "Expensive constructors"),
    ("transfer", "Transfer"),
    ("threads", "Threads"),
    ("owned", "Guards that hold an `Arc`"),
    ("pools", "Several pools"),
    ("miss", "Misses"),
    ("cycle", "After a cycle"),
    (THEIRS, "The peers' own benchmarks"),
];

/// The overviews of what has run, with `picture` behind each.
pub fn overviews(run: &Run, picture: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for (family, title) in FAMILIES {
        if run.rows.iter().any(|row| belongs(&row.work, family)) {
            let table = if family == THEIRS { winners(run) } else { overview(run, family) };
            let plot = picture(family);
            let _infallible = writeln!(text, "### {title}\n\n{table}\n{plot}");
        }
    }
    if !run.latencies.is_empty() {
        let (table, plot) = (latencies(&run.latencies), picture("latency"));
        let _infallible =
            writeln!(text, "### Latency while idle objects are freed\n\n{table}\n{plot}");
    }
    if !run.kept.is_empty() {
        let (table, plot) = (kept(&run.kept), picture("kept"));
        let _infallible = writeln!(text, "### Retained after a burst\n\n{table}\n{plot}");
    }
    if !run.turns.is_empty() {
        text.push_str(&table::all(&run.turns, picture));
    }
    text
}

/// Every work in full.
pub fn all_details(run: &Run) -> String {
    works(&run.rows).iter().map(|work| details(run, work)).collect()
}

/// For a terminal.
pub fn text(run: &Run) -> String {
    let overviews = overviews(run, |_| String::new());
    format!("{}\n{overviews}{}{}", run.about, all_details(run), crate::bars::table(run))
}

/// What has changed from one run to another; a `*` where the spreads do not overlap.
pub fn compare(old: &[Row], new: &[Row]) -> String {
    let mut text =
        String::from("| work | contender | old | new | new / old | |\n|---|---|---|---|---|---|\n");
    for row in new {
        let same = |other: &&Row| other.work == row.work && other.contender == row.contender;
        let before = old.iter().find(same).and_then(|row| row.time.as_ref().ok());
        let (Some(before), Ok(now)) = (before, &row.time) else {
            continue;
        };
        let apart = before.most < now.least || now.most < before.least;
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} | {:.2} | {} |",
            row.work,
            row.contender,
            short(before.median),
            short(now.median),
            now.median / before.median,
            if apart { "*" } else { "" }
        );
    }
    text
}

/// The best of those at a work who share objects among threads, except ours and Go.
pub fn best_peer<'r>(run: &'r Run, work: &str) -> Option<(&'r str, f64)> {
    let rows = of(&run.rows, work).into_iter();
    let mut peers = rows.filter(|row| {
        let other = !row.contender.starts_with(OURS) && row.contender != go::NAME;
        row.time.is_ok() && other && shares(&row.contender)
    });
    peers.next().map(|row| (row.contender.as_str(), row.median()))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::measure::Spread;

    pub fn row(work: &str, contender: &str, median: f64) -> Row {
        Row {
            work: work.into(),
            contender: contender.into(),
            time: Ok(Spread { median, least: median * 0.9, most: median * 1.1 }),
            created_percent: None,
            instructions: Some(7.2),
            locked: None,
        }
    }

    #[test]
    fn a_later_run_takes_the_place_of_its_works() {
        let rows = vec![row("pair, a", OURS, 1.0), row("theirs, b", OURS, 2.0)];
        let earlier = Run { rows, ..Run::default() };
        let later = Run { rows: vec![row("theirs, c", OURS, 3.0)], ..Run::default() };
        let both = earlier.with_works_of(later);
        assert_eq!(works(&both.rows), ["pair, a", "theirs, c"]);
    }

    #[test]
    fn winners_are_the_first_of_all_and_the_first_peer() {
        let others = [("no pool, mimalloc", 1.0), ("opool", 2.0), ("ArrayQueue", 4.0)];
        let mut rows: Vec<Row> =
            others.map(|(contender, median)| row("theirs, w", contender, median)).into();
        rows.push(row("theirs, w", OURS, 3.0));
        let text = winners(&Run { rows, ..Run::default() });
        assert!(
            text.contains("| w | no pool, mimalloc | 1.00 | opool | 2.00 | 3.00 | 1.50 |"),
            "{text}"
        );
    }

    fn run() -> Run {
        let absent = Row { time: Err("cannot".into()), ..row("pair, b", "Mutex<Vec>", 0.0) };
        let rows = vec![
            row("pair, a", "no pool", 1.0),
            row("pair, a", "Mutex<Vec>", 30.0),
            row("pair, a", OURS, 3.0),
            row("pair, b", OURS, 4.0),
            absent,
        ];
        Run { rows, ..Run::default() }
    }

    #[test]
    fn tables_put_the_best_first_and_count_from_ours() {
        let text = details(&run(), "pair, a");
        let lines: Vec<&str> = text.lines().collect();
        let ours = "| **stealpool** | **3.00** | 2.70 to 3.30 | 1.00 | - | 7 | - |";
        assert_eq!(lines[5], ours, "{text}");
        assert!(lines[6].contains("| 10.0 |"), "{text}");
        let missing = details(&run(), "pair, b");
        assert!(missing.contains("| Mutex<Vec> | cannot |"), "{missing}");
    }

    #[test]
    fn overviews_have_a_line_a_contender() {
        let text = overview(&run(), "pair");
        assert!(text.contains("| **stealpool** | **3.00** | **4.00** |"), "{text}");
        assert!(text.contains("| Mutex<Vec> | 30.0 | - |"), "{text}");
    }

    #[test]
    fn peers_share_objects() {
        assert_eq!(best_peer(&run(), "pair, a"), Some(("Mutex<Vec>", 30.0)));
    }

    #[test]
    fn a_comparison_marks_what_moved() {
        let text = compare(&[row("w", OURS, 3.0)], &[row("w", OURS, 6.0)]);
        assert!(text.contains("| 2.00 | * |"), "{text}");
    }
}

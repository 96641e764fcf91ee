//! What the design asks for, against what a run has found.

use crate::go;
use crate::report::{OURS, Run, best_peer, short, works};
use crate::shelf::AsItSays;
use crate::thing::Word;
use crate::turns::{self, Turns};
use std::fmt::Write;
use stealpool::Pool;

/// The stand-in for a list that is not shared, and for no pool.
const FLOOR: &str = "thread_local! free list";
const LOCAL: &str = "thread_local! Vec";
const ALONE: &str = "the turns alone";
const ALLOCATORS: [&str; 2] = ["no pool, jemalloc", "no pool, mimalloc"];

/// A figure that should be at most (or at least) a bar.
struct Bar {
    name: &'static str,
    what: String,
    figure: Option<f64>,
    at_most: bool,
    bar: f64,
}

/// Bars that a run can tell, each with whether it is met.
pub fn table(run: &Run) -> String {
    let mut text = String::from("| | what | found | bar | |\n|---|---|---|---|---|\n");
    let mut told = false;
    for bar in all(run) {
        let Some(figure) = bar.figure else { continue };
        told = true;
        let met = (figure <= bar.bar) == bar.at_most || figure == bar.bar;
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} {} | {} |",
            bar.name,
            bar.what,
            short(figure),
            if bar.at_most { "at most" } else { "at least" },
            short(bar.bar),
            if met { "met" } else { "**not met**" }
        );
    }
    if told { text } else { String::new() }
}

fn all(run: &Run) -> Vec<Bar> {
    let ratio = |work: &str, other: &str| Some(run.median(work, other)? / run.median(work, OURS)?);
    let peer = |work: &str| Some(best_peer(run, work)?.1 / run.median(work, OURS)?);
    let at_least =
        |name, what: String, figure, bar| Bar { name, what, figure, at_most: false, bar };
    let at_most = |name, what: String, figure, bar| Bar { name, what, figure, at_most: true, bar };
    let pair = "pair, Vec of 1 KiB";
    let mut bars = vec![
        at_most(
            "N1",
            "a pair, in those of a thread-local list".into(),
            ratio(pair, FLOOR).map(f64::recip),
            1.6,
        ),
        at_least("N1", "Go's pair, in ours".into(), ratio(pair, go::NAME), 5.0),
        at_least("N1", "the best peer's pair, in ours".into(), peer(pair), 2.0),
    ];
    for threads in [2, 8, 64] {
        let many = run.median(&format!("threads, {threads}"), OURS);
        let one = run.median("threads, 1", OURS);
        bars.push(at_most(
            "N2",
            format!("a pair on {threads} threads, in those of one"),
            many.zip(one).map(|(many, one)| many / one),
            1.15,
        ));
    }
    for (held, bar) in [(8, 1.0), (64, 1.5), (100, 1.5), (1000, 1.5)] {
        bars.push(at_most(
            "N3",
            format!("hold {held}, in that of a thread-local Vec"),
            ratio(&format!("burst, hold {held}"), LOCAL).map(f64::recip),
            bar,
        ));
    }
    for (held, other) in
        [64, 100, 1000].into_iter().flat_map(|held| ALLOCATORS.map(|other| (held, other)))
    {
        bars.push(at_least(
            "N3",
            format!("hold {held} of {other}, in ours"),
            ratio(&format!("burst, hold {held}"), other),
            1.0,
        ));
    }
    for work in works(&run.rows) {
        let Some((family, _)) = work.split_once(',').or(Some((work, ""))) else {
            continue;
        };
        let up_to_100 = family == "burst" && !work.ends_with("1000");
        let name = match family {
            "transfer" => "N4",
            "burst" if up_to_100 => "N3",
            "starvation" => "N9",
            "pair" | "threads" | "owned" => "first",
            _ => continue,
        };
        if let Some((who, _)) = best_peer(run, work) {
            let what = format!("{work}: the best peer ({who}), in ours");
            bars.push(at_least(name, what, peer(work), 1.0));
        }
    }
    let created = run.rows.iter().filter(|row| row.contender == OURS);
    let created = created.filter(|row| row.work.starts_with("transfer"));
    for row in created {
        let what = format!("{}: created of a hundred", row.work);
        bars.push(at_most("N4", what, row.created_percent, 1.0));
    }
    for threads in [2, 64, 1000] {
        bars.push(at_most(
            "N5",
            format!("a miss with {threads} threads, divided by opool's"),
            ratio(&format!("miss, {threads} threads"), "opool").map(f64::recip),
            2.0,
        ));
    }
    bars.push(at_most(
        "N9",
        "32 threads in turn at 1 ms a constructor, in Go's time".into(),
        ratio("expensive, 32 threads in turn", go::NAME).map(f64::recip),
        1.2,
    ));
    bars.push(at_most(
        "N9",
        "the same, in the time of the turns and one constructor alone".into(),
        ratio("expensive, 32 threads in turn", ALONE).map(f64::recip),
        1.2,
    ));
    let ours = run.latencies.iter().find(|one| one.contender == OURS);
    bars.push(at_most(
        "N6",
        "p99.9 of a get while 100,000 objects are freed, in quiet ones".into(),
        ours.and_then(|one| Some(one.freeing.get(3)? / one.quiet.get(3)?)),
        2.0,
    ));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    for work in turns::IN_TURN.into_iter().chain([turns::DEAR]) {
        let same = |one: &&Turns| one.work == work && one.threads == 64 && one.contender == OURS;
        bars.push(at_most(
            "N8",
            format!("{work}: objects that 64 threads make"),
            run.turns.iter().find(same).and_then(|one| one.made).map(|made| made as f64),
            processors as f64,
        ));
    }
    let untouched = size_of::<Pool<Word, AsItSays>>() as f64;
    let untouched = run.worker.map(|_| untouched);
    bars.push(at_most(
        "N7",
        "bytes of an untouched pool, its policy apart".into(),
        untouched,
        64.0,
    ));
    bars.push(at_most(
        "N7",
        "bytes of an idle pool that all processors have used".into(),
        run.worker.map(|(_, threads, bytes)| threads as f64 * bytes),
        (2048 + 192 * processors) as f64,
    ));
    let total =
        |(pools, threads, bytes): (usize, usize, f64)| (pools * threads) as f64 * bytes / 1e6;
    bars.push(at_most(
        "N7",
        "MB of 1,500 pools that 64 threads have used".into(),
        run.worker.map(total),
        5.0,
    ));
    bars
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Row, Spread};

    #[test]
    fn a_bar_that_is_missed_is_told() {
        let row = |contender: &str, median| Row {
            work: "pair, Vec of 1 KiB".into(),
            contender: contender.into(),
            time: Ok(Spread { median, least: median, most: median }),
            created_percent: None,
            instructions: None,
            locked: None,
        };
        let run = Run {
            rows: vec![row(OURS, 3.0), row(FLOOR, 1.0), row(go::NAME, 12.0)],
            ..Run::default()
        };
        let text = table(&run);
        assert!(text.contains("| 3.00 | at most 1.60 | **not met** |"), "{text}");
        assert!(text.contains("| 4.00 | at least 5.00 | **not met** |"), "{text}");
        assert_eq!(table(&Run::default()), "");
    }
}

//! The picture of what a pool is for: memory kept against time a pair, a dot a contender, a panel a number of threads.

use crate::measure::Row;
use crate::plot::{OUR_COLOUR, escaped, picture};
use crate::report::{OURS, Run, short};
use crate::turns::IN_TURN;
use std::fmt::Write;

/// Numbers of threads: a panel each.
const PANELS: [usize; 3] = [1, 8, 64];

const WIDTH: f64 = 200.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 56.0;
const GAP: f64 = 24.0;
const TOP: f64 = 64.0;
const OTHERS: &str = "#5d6d7e";

/// What is less than one object counts as nothing, and is at the bottom.
const NOTHING: f64 = 0.5;

/// A contender with so many threads.
struct Dot<'r> {
    contender: &'r str,
    /// Nanoseconds a pair.
    time: f64,
    /// MiB that so many threads leave, each of which has used one vector of 1 MiB in turn.
    kept: f64,
}

fn dots(run: &Run, threads: usize) -> Vec<Dot<'_>> {
    let work = format!("threads, {threads}");
    let rows = run.rows.iter().filter(|row| row.work == work);
    rows.filter_map(|row| dot(run, row, threads)).collect()
}

fn dot<'r>(run: &Run, row: &'r Row, threads: usize) -> Option<Dot<'r>> {
    let Row { contender, time, .. } = row;
    let no_pool = contender.starts_with("no pool");
    // Of those without a pool one alone takes turns, for all.
    let same = |name: &str| name == contender || no_pool && name.starts_with("no pool");
    let mut turns = run.turns.iter().filter(|one| one.work == IN_TURN[1] && one.threads == threads);
    let kept = turns.find(|one| same(&one.contender))?.kib / 1024.0;
    let time = time.as_ref().ok()?.median;
    Some(Dot { contender, time, kept: kept.max(NOTHING) })
}

/// The picture; `None` if the run has no such works.
pub fn svg(run: &Run) -> Option<String> {
    let panels = PANELS.map(|threads| dots(run, threads));
    let names: Vec<&str> = panels[2].iter().map(|dot| dot.contender).collect();
    let all = || panels.iter().flatten();
    if panels.iter().any(Vec::is_empty) {
        return None;
    }
    let least = all().map(|dot| dot.time).fold(f64::MAX, f64::min) * 0.8;
    let most = all().map(|dot| dot.time).fold(0.0, f64::max) * 1.25;
    let highest = all().map(|dot| dot.kept).fold(2.0, f64::max) * 1.5;
    let share = |figure: f64, from: f64, to: f64| (figure / from).ln() / (to / from).ln();
    let y = |kept: f64| TOP + HEIGHT * (1.0 - share(kept, NOTHING * 0.8, highest));
    let legend = LEFT + 3.0 * (WIDTH + GAP);
    let mut svg = picture(
        legend + 220.0,
        (TOP + HEIGHT + 48.0).max(TOP + 16.0 * names.len() as f64 + 8.0),
        "kept by threads that used one Vec of 1 MiB in turn, against the time of get + drop of 1 KiB: logarithmic",
    );
    for (i, (threads, panel)) in PANELS.into_iter().zip(&panels).enumerate() {
        let left = LEFT + (WIDTH + GAP) * i as f64;
        let x = |time: f64| left + WIDTH * share(time, least, most);
        let people = if threads == 1 { "thread" } else { "threads" };
        let _infallible = writeln!(
            svg,
            "<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{threads} {people}</text>\
             <rect x=\"{left}\" y=\"{TOP}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#bdc3c7\"/>",
            TOP - 10.0
        );
        for mark in [NOTHING, 1.0, 2.0, 8.0, 64.0].into_iter().filter(|mark| *mark < highest) {
            let name = if mark == NOTHING { "0".to_string() } else { format!("{mark} MiB") };
            let _infallible =
                writeln!(svg, "<path d=\"M{left} {0:.1}h{WIDTH}\" stroke=\"#ecf0f1\"/>", y(mark));
            if i == 0 {
                let _infallible = writeln!(
                    svg,
                    "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
                    LEFT - 6.0,
                    y(mark) + 4.0
                );
            }
        }
        for mark in
            [10.0, 100.0, 1000.0, 10000.0].into_iter().filter(|mark| (least..most).contains(mark))
        {
            let _infallible = writeln!(
                svg,
                "<path d=\"M{0:.1} {TOP}v{HEIGHT}\" stroke=\"#ecf0f1\"/>\
                 <text x=\"{0:.1}\" y=\"{1}\" text-anchor=\"middle\">{2} ns</text>",
                x(mark),
                TOP + HEIGHT + 18.0,
                short(mark)
            );
        }
        // Ours last, on top of the others.
        let (ours, others): (Vec<_>, Vec<_>) =
            panel.iter().partition(|dot| dot.contender.starts_with(OURS));
        for dot in others.into_iter().chain(ours) {
            let number =
                names.iter().position(|name| *name == dot.contender).map_or(0, |at| at + 1);
            let colour = if dot.contender.starts_with(OURS) { OUR_COLOUR } else { OTHERS };
            let _infallible = writeln!(
                svg,
                "<circle cx=\"{0:.1}\" cy=\"{1:.1}\" r=\"8\" fill=\"{colour}\" fill-opacity=\"0.85\" stroke=\"white\"/>\
                 <text x=\"{0:.1}\" y=\"{2:.1}\" text-anchor=\"middle\" font-size=\"9\" fill=\"white\">{number}</text>",
                x(dot.time),
                y(dot.kept),
                y(dot.kept) + 3.0
            );
        }
    }
    for (i, name) in names.iter().enumerate() {
        let row = TOP + 16.0 * i as f64;
        let colour = if name.starts_with(OURS) { OUR_COLOUR } else { OTHERS };
        let _infallible = writeln!(
            svg,
            "<circle cx=\"{legend}\" cy=\"{row}\" r=\"7\" fill=\"{colour}\"/>\
             <text x=\"{legend}\" y=\"{}\" text-anchor=\"middle\" font-size=\"9\" fill=\"white\">{}</text>\
             <text x=\"{}\" y=\"{}\" fill=\"{colour}\">{}</text>",
            row + 3.0,
            i + 1,
            legend + 12.0,
            row + 4.0,
            escaped(name)
        );
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::row;
    use crate::turns::Turns;

    #[test]
    fn a_dot_for_each_contender_in_each_panel() {
        let contenders = [OURS, "Mutex<Vec>", "no pool, jemalloc"];
        let rows = PANELS.iter().flat_map(|threads| {
            let work = format!("threads, {threads}");
            contenders.map(|name| row(&work, name, 10.0 * *threads as f64))
        });
        let turns = PANELS.iter().flat_map(|&threads| {
            [OURS, "Mutex<Vec>", "no pool, system malloc"].map(|name| Turns {
                work: IN_TURN[1].into(),
                contender: name.into(),
                threads,
                made: None,
                users: 1,
                idle: None,
                kib: if name.starts_with("no") { 0.0 } else { 1024.0 },
            })
        });
        let run = Run { rows: rows.collect(), turns: turns.collect(), ..Run::default() };
        let svg = svg(&run).expect("all there is");
        // With those of the legend.
        assert_eq!(svg.matches("<circle").count(), 3 * 3 + 3);
        assert!(svg.contains("Mutex&lt;Vec&gt;") && !svg.contains("NaN"), "{svg}");
        assert_eq!(super::svg(&Run::default()), None);
    }
}

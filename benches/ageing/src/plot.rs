//! Plots as SVG.

use crate::replay::Outcome;
use crate::trace::{STEPS, Trace};
use std::fmt::Write;

const COLOURS: [&str; 8] =
    ["#c0392b", "#2980b9", "#27ae60", "#8e44ad", "#d35400", "#16a085", "#7f8c8d", "#b7950b"];
const LEFT: f64 = 60.0;
const TOP: f64 = 34.0;
const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 260.0;

fn picture(title: &str, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"880\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"18\" font-weight=\"bold\">{title}</text>\n"
    )
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _infallible =
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

/// Idle objects over time, a line for each rule, and the demand as an area.
pub fn over_time(trace: &Trace, outcomes: &[Outcome]) -> String {
    let mut svg = picture(
        &format!("{}: idle objects over time (grey: in use)", trace.name),
        TOP + HEIGHT + 40.0,
    );
    let steps = trace.demand.len() as f64;
    let top = outcomes.iter().map(|outcome| outcome.most_idle);
    let top = top.chain([trace.peak(), 1]).max().unwrap_or(1) as f64;
    let place = |step: usize, count: usize| {
        let x = LEFT + WIDTH * step as f64 / steps;
        (x, TOP + HEIGHT * (1.0 - count as f64 / top))
    };
    // As many points as the plot has pixels: the most of each stretch.
    let stretch = (trace.demand.len() / WIDTH as usize).max(1);
    let path = |counts: &[usize]| {
        let most = |chunk: &[usize]| chunk.iter().copied().max().unwrap_or(0);
        let mut path = String::new();
        for (i, chunk) in counts.chunks(stretch).enumerate() {
            let (x, y) = place(i * stretch, most(chunk));
            let _infallible = write!(path, "{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" });
        }
        path
    };
    let floor = TOP + HEIGHT;
    let _infallible = writeln!(
        svg,
        "<path d=\"{}L{:.1} {floor}L{LEFT} {floor}Z\" fill=\"#ecf0f1\"/>",
        path(&trace.demand),
        LEFT + WIDTH
    );
    for (i, outcome) in outcomes.iter().enumerate() {
        let (colour, width) = (COLOURS[i % COLOURS.len()], if i == 0 { 2.5 } else { 1.2 });
        let _infallible = writeln!(
            svg,
            "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>\
             <rect x=\"{}\" y=\"{}\" width=\"14\" height=\"4\" fill=\"{colour}\"/>",
            path(&outcome.idle),
            LEFT + WIDTH + 14.0,
            TOP + 10.0 + 20.0 * i as f64
        );
        let y = TOP + 16.0 + 20.0 * i as f64;
        text(&mut svg, LEFT + WIDTH + 34.0, y, "start", &outcome.rule);
    }
    for part in 0..=4 {
        let count = top * f64::from(part) / 4.0;
        let (_, y) = place(0, count as usize);
        text(&mut svg, LEFT - 6.0, y + 4.0, "end", &format!("{count:.0}"));
        let seconds = steps / STEPS as f64 * f64::from(part) / 4.0;
        let x = LEFT + WIDTH * f64::from(part) / 4.0;
        text(&mut svg, x, floor + 18.0, "middle", &format!("{seconds:.0} s"));
    }
    svg.push_str("</svg>\n");
    svg
}

/// Misses against memory for each rule, each trace a letter: left and low is good.
pub fn cost(outcomes: &[(&Trace, Vec<Outcome>)]) -> String {
    let mut svg = picture(
        "misses (of those without a pool) against idle memory (of that which never shrinks), each axis a root",
        TOP + HEIGHT + 70.0,
    );
    let share = |part: f64, of: f64| {
        if of > 0.0 { (part / of).min(1.0).sqrt() } else { 0.0 }
    };
    for (t, (trace, outcomes)) in outcomes.iter().enumerate() {
        let letter = (b'A' + t as u8) as char;
        let kept = outcomes.iter().map(|outcome| outcome.object_seconds);
        let (kept, missed) = (kept.fold(0.0, f64::max), outcomes[0].gets as f64);
        for (i, outcome) in outcomes.iter().enumerate() {
            let x = LEFT + WIDTH * share(outcome.object_seconds, kept);
            let y = TOP + HEIGHT * (1.0 - share(outcome.misses as f64, missed));
            let weight = if i == 0 { "bold" } else { "normal" };
            let _infallible = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{}\" font-weight=\"{weight}\">{letter}</text>",
                COLOURS[i % COLOURS.len()]
            );
        }
        let x = LEFT + 120.0 * (t % 5) as f64;
        let y = TOP + HEIGHT + 36.0 + 18.0 * (t / 5) as f64;
        text(&mut svg, x, y, "start", &format!("{letter} {}", trace.name));
    }
    let rules = outcomes.first().map_or(&[][..], |(_, outcomes)| outcomes);
    for (i, outcome) in rules.iter().enumerate() {
        let y = TOP + 16.0 + 20.0 * i as f64;
        let _infallible = writeln!(
            svg,
            "<rect x=\"{}\" y=\"{}\" width=\"14\" height=\"8\" fill=\"{}\"/>",
            LEFT + WIDTH + 34.0,
            y - 8.0,
            COLOURS[i % COLOURS.len()]
        );
        text(&mut svg, LEFT + WIDTH + 54.0, y, "start", &outcome.rule);
    }
    text(&mut svg, LEFT, TOP + HEIGHT + 16.0, "start", "no memory");
    text(&mut svg, LEFT + WIDTH, TOP + HEIGHT + 16.0, "end", "all of it");
    text(&mut svg, LEFT - 6.0, TOP + HEIGHT, "end", "no miss");
    text(&mut svg, LEFT - 6.0, TOP + 8.0, "end", "all");
    svg.push_str("</svg>\n");
    svg
}

//! What is kept, as dots: a line a contender, which is as long as what it keeps grows with the threads.

use super::table::{of, threads};
use super::{AT_ONCE, IN_TURN, SIZES, Turns};
use crate::plot::{OUR_COLOUR, escaped, picture};
use crate::report::OURS;
use std::fmt::Write;

/// Pictures, and their works: a panel each.
pub const PLOTTED: [(&str, [&str; 2]); 2] = [("in-turn", IN_TURN), ("all-at-once", AT_ONCE)];

const LINE: f64 = 20.0;
const TOP: f64 = 64.0;
/// Where the panels begin, and how wide they are.
const LEFT: [f64; 2] = [210.0, 500.0];
const WIDTH: f64 = 250.0;
const OTHERS: &str = "#7f8c8d";

/// Kept by each contender, for each number of threads, on a logarithmic scale.
pub fn dots(found: &[Turns], works: &[&str; 2]) -> String {
    // One order for both panels.
    let order = of(found, works[1]);
    let order: Vec<&str> = order.iter().map(|all| all[0].contender.as_str()).collect();
    let bottom = TOP + LINE * order.len() as f64;
    let rhythm = works[0].split(',').next().unwrap_or(works[0]);
    let title = format!("threads {rhythm}: bytes kept, logarithmic");
    let mut svg = picture(780.0, bottom + 30.0, &title);
    legend(&mut svg, &threads(found, works[1]));
    for (row, contender) in order.iter().enumerate() {
        let (y, name) = (TOP + LINE * row as f64 + 14.0, escaped(contender));
        let colour = if contender.starts_with(OURS) { OUR_COLOUR } else { "black" };
        let _infallible = writeln!(
            svg,
            "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\" fill=\"{colour}\">{name}</text>",
            LEFT[0] - 12.0
        );
    }
    for ((work, left), size) in works.iter().zip(LEFT).zip(SIZES) {
        let panel = Panel::new(found, work, left, size);
        panel.grid(&mut svg, bottom);
        for all in of(found, work) {
            if let Some(row) = order.iter().position(|name| *name == all[0].contender) {
                panel.row(&mut svg, TOP + LINE * row as f64 + 10.0, &all);
            }
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// The most threads are the largest dot, which is drawn first.
fn radius(i: usize) -> f64 {
    [1.5, 3.0, 4.5, 6.5][i.min(3)]
}

fn legend(svg: &mut String, threads: &[usize]) {
    for (i, threads) in threads.iter().enumerate() {
        let x = LEFT[1] + 100.0 * i as f64 - 120.0;
        let _infallible = writeln!(
            svg,
            "<circle cx=\"{x}\" cy=\"14\" r=\"{}\" fill=\"{OTHERS}\"/>\
             <text x=\"{}\" y=\"18\">{threads} threads</text>",
            radius(i),
            x + 12.0
        );
    }
}

struct Panel {
    work: String,
    left: f64,
    threads: Vec<usize>,
    /// Bytes of an object; the scale goes from half of it to the most that is kept.
    size: f64,
    most: f64,
}

impl Panel {
    fn new(found: &[Turns], work: &str, left: f64, size: usize) -> Self {
        let size = size as f64;
        let kept = found.iter().filter(|one| one.work == work).map(bytes);
        Panel {
            work: work.to_string(),
            left,
            threads: threads(found, work),
            size,
            most: kept.fold(size * 8.0, f64::max),
        }
    }

    /// Nothing kept, or little, is at the left edge.
    fn x(&self, bytes: f64) -> f64 {
        let least = self.size / 2.0;
        let share = (bytes.max(least) / least).ln() / (self.most / least).ln();
        self.left + WIDTH * share
    }

    /// A line for one object, and for as many as there are threads.
    fn grid(&self, svg: &mut String, bottom: f64) {
        let _infallible = writeln!(
            svg,
            "<text x=\"{}\" y=\"44\" font-weight=\"bold\">{}</text>",
            self.left,
            escaped(&self.work)
        );
        let counts = [1].iter().chain(&self.threads);
        for bytes in counts.map(|count| *count as f64 * self.size) {
            if bytes > self.most * 1.01 {
                continue;
            }
            let _infallible = writeln!(
                svg,
                "<path d=\"M{0:.1} {TOP}V{bottom}\" stroke=\"#d5dbdb\"/>\
                 <text x=\"{0:.1}\" y=\"{1}\" text-anchor=\"middle\">{2}</text>",
                self.x(bytes),
                bottom + 18.0,
                size_of(bytes)
            );
        }
    }

    fn row(&self, svg: &mut String, y: f64, all: &[&Turns]) {
        let ours = all[0].contender.starts_with(OURS);
        let colour = if ours { OUR_COLOUR } else { OTHERS };
        let places = || all.iter().map(|one| self.x(bytes(one)));
        let (from, to) =
            places().fold((f64::MAX, 0.0f64), |(least, most), x| (least.min(x), most.max(x)));
        let _infallible = writeln!(
            svg,
            "<path d=\"M{from:.1} {y}H{to:.1}\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        for one in all.iter().rev() {
            let i = self.threads.iter().position(|threads| *threads == one.threads);
            let _infallible = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"{}\" fill=\"{colour}\" stroke=\"white\"/>",
                self.x(bytes(one)),
                radius(i.unwrap_or(0))
            );
        }
    }
}

fn bytes(one: &Turns) -> f64 {
    one.kib.max(0.0) * 1024.0
}

fn size_of(bytes: f64) -> String {
    match bytes / 1024.0 {
        kib if kib < 1024.0 => format!("{kib:.0} KiB"),
        kib => format!("{:.0} MiB", kib / 1024.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::turns;
    use super::*;

    #[test]
    fn a_dot_for_each_number_of_threads() {
        let found = [turns("Mutex<Vec>", 8, 1), turns("Mutex<Vec>", 64, 64)];
        let svg = dots(&found, &IN_TURN);
        assert!(svg.contains("Mutex&lt;Vec&gt;") && svg.ends_with("</svg>\n"));
        assert!(svg.contains(">64 MiB<") && !svg.contains("NaN"), "{svg}");
        // Two in the legend.
        assert_eq!(svg.matches("<circle").count(), 4);
    }
}

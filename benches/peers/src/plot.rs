//! Plots as SVG.

use crate::kept::Kept;
use crate::latency::{Latency, PERCENTILES};
use crate::measure::Row;
use crate::report::{OURS, of, short};
use std::fmt::Write;

pub const OUR_COLOUR: &str = "#c0392b";
/// For lines of others, in their order.
const COLOURS: [&str; 8] =
    ["#2c3e50", "#2980b9", "#27ae60", "#8e44ad", "#d35400", "#16a085", "#7f8c8d", "#b7950b"];

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The head of a picture.
pub fn picture(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"18\" font-weight=\"bold\">{}</text>\n",
        escaped(title)
    )
}

/// Bars for one work with their spread, on a logarithmic scale.
pub fn bars(rows: &[Row], work: &str) -> String {
    let rows = of(rows, work).into_iter();
    let rows: Vec<_> = rows.filter_map(|row| Some((row, row.time.as_ref().ok()?))).collect();
    let (left, width, line) = (230.0, 420.0, 22.0);
    let first = rows.first().map_or(1.0, |(_, time)| time.median.min(time.least)) / 2.0;
    let last = rows.iter().map(|(_, time)| time.most).fold(first * 4.0, f64::max);
    let scale = |figure: f64| width * (figure.max(first) / first).ln() / (last / first).ln();
    let height = line * rows.len() as f64 + 40.0;
    let mut svg = picture(760.0, height, &format!("{work}: ns an object, logarithmic"));
    for (i, (row, time)) in rows.iter().enumerate() {
        let y = 30.0 + line * i as f64;
        let ours = row.contender == OURS;
        let fill = if ours { OUR_COLOUR } else { "#95a5a6" };
        let (wide, middle) = (scale(time.median), y + 8.0);
        let (from, to) = (left + scale(time.least), left + scale(time.most));
        let _infallible = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{left}\" y=\"{y}\" width=\"{wide:.1}\" height=\"16\" fill=\"{fill}\"/>\
             <path d=\"M{from:.1} {middle}H{to:.1}\" stroke=\"black\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text>",
            left - 8.0,
            y + 12.0,
            escaped(&row.contender),
            to.max(left + wide) + 6.0,
            y + 12.0,
            short(time.median)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// A line with a name.
struct Line {
    name: String,
    dashed: bool,
    points: Vec<(f64, f64)>,
}

/// Lines over marked places of the x axis; `steps` instead of slopes.
fn lines(
    title: &str,
    marks: &[(f64, String)],
    all: &[Line],
    logarithmic: bool,
    steps: bool,
) -> String {
    let (left, top, width, height) = (60.0, 36.0, 460.0, 300.0);
    let ys = || all.iter().flat_map(|line| line.points.iter().map(|point| point.1));
    let (low, high) = match logarithmic {
        true => (ys().fold(f64::MAX, f64::min).max(1.0) / 2.0, ys().fold(1.0, f64::max) * 2.0),
        false => (0.0, ys().fold(1.0, f64::max) * 1.1),
    };
    let (start, end) = (marks[0].0, marks[marks.len() - 1].0);
    let x = |at: f64| left + width * (at - start) / (end - start);
    let y = |at: f64| {
        let share = match logarithmic {
            true => (at.max(low) / low).ln() / (high / low).ln(),
            false => at / high,
        };
        top + height * (1.0 - share)
    };
    let mut svg = picture(780.0, top + height + 40.0, title);
    for (at, name) in marks {
        let _infallible = writeln!(
            svg,
            "<path d=\"M{0:.1} {top}V{1}\" stroke=\"#ecf0f1\"/>\
             <text x=\"{0:.1}\" y=\"{2}\" text-anchor=\"middle\">{name}</text>",
            x(*at),
            top + height,
            top + height + 18.0
        );
    }
    for i in 0..=4 {
        let share = f64::from(i) / 4.0;
        let at = match logarithmic {
            true => low * (high / low).powf(share),
            false => high * share,
        };
        let _infallible = writeln!(
            svg,
            "<path d=\"M{left} {0:.1}H{1}\" stroke=\"#ecf0f1\"/>\
             <text x=\"{2}\" y=\"{3:.1}\" text-anchor=\"end\">{4}</text>",
            y(at),
            left + width,
            left - 6.0,
            y(at) + 4.0,
            short(at)
        );
    }
    for (i, line) in all.iter().enumerate() {
        let colour = match line.name.starts_with(OURS) {
            true => OUR_COLOUR,
            false => COLOURS[i % COLOURS.len()],
        };
        let mut path = String::new();
        for (j, (at, value)) in line.points.iter().enumerate() {
            let (x, y) = (x(*at), y(*value));
            let _infallible = match (j, steps) {
                (0, _) => write!(path, "M{x:.1} {y:.1}"),
                (_, true) => write!(path, "H{x:.1}V{y:.1}"),
                (_, false) => write!(path, "L{x:.1} {y:.1}"),
            };
        }
        let dash = if line.dashed { " stroke-dasharray=\"4 3\"" } else { "" };
        let row = top + 16.0 * i as f64;
        let _infallible = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>\
             <path d=\"M540 {0}h20\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>\
             <text x=\"566\" y=\"{1}\">{2}</text>",
            row,
            row + 4.0,
            escaped(&line.name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Percentiles of a get, quiet (dashed) and while another thread frees.
pub fn latency(all: &[Latency]) -> String {
    let at = |figures: &[f64]| (0..).map(f64::from).zip(figures.iter().copied()).collect();
    let all = all.iter().flat_map(|one| {
        let line = |what, dashed, figures| Line {
            name: format!("{}, {what}", one.contender),
            dashed,
            points: at(figures),
        };
        [line("freeing", false, &one.freeing), line("quiet", true, &one.quiet)]
    });
    let marks = (0..).map(f64::from).zip(PERCENTILES);
    let marks: Vec<_> = marks.map(|(at, (name, _))| (at, name.to_string())).collect();
    let title = "get and drop while another thread frees 100,000 objects: ns, logarithmic";
    lines(title, &marks, &all.collect::<Vec<_>>(), true, false)
}

/// What is retained over time after a burst. Those who keep the same are one line.
pub fn kept(all: &[Kept]) -> String {
    let mut shown: Vec<Line> = Vec::new();
    for one in all.iter().filter(|one| !one.over_time.is_empty()) {
        let last = one.over_time.last().map(|point| point.1);
        let first = one.over_time.first().map(|point| point.1);
        let steady = first == last;
        let like =
            |line: &&mut Line| steady && line.points.iter().all(|point| Some(point.1) == first);
        match shown.iter_mut().find(like) {
            Some(line) if line.name.matches(',').count() < 2 => {
                line.name = format!("{}, {}", line.name, one.contender);
            }
            Some(line) if line.name.ends_with("…") => {}
            Some(line) => line.name.push_str(", …"),
            None => shown.push(Line {
                name: one.contender.clone(),
                dashed: one.objects.is_none(),
                points: one.over_time.clone(),
            }),
        }
    }
    let marks = (0..=4).map(|i| (f64::from(i) * 100.0, format!("{} ms", i * 100)));
    let mut marks: Vec<_> = marks.collect();
    marks.push((450.0, String::new()));
    let title = "idle after a burst of 1,000 objects, a cycle each 100 ms (dashed: KiB)";
    lines(title, &marks, &shown, false, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Spread;

    #[test]
    fn names_are_escaped_and_pictures_closed() {
        let row = Row {
            work: "pair".into(),
            contender: "Mutex<Vec>".into(),
            time: Ok(Spread { median: 2.0, least: 1.0, most: 3.0 }),
            created_percent: None,
            instructions: None,
            locked: None,
        };
        let svg = bars(&[row], "pair");
        assert!(svg.contains("Mutex&lt;Vec&gt;") && svg.ends_with("</svg>\n"));
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn those_who_keep_everything_share_a_line() {
        let keeps = |name: &str, last| Kept {
            contender: name.into(),
            objects: Some([1000; 3]),
            kib: None,
            over_time: vec![(0.0, 1000.0), (400.0, last)],
        };
        let svg = kept(&[keeps(OURS, 1.0), keeps("a", 1000.0), keeps("b", 1000.0)]);
        assert!(svg.contains(">a, b<"), "{svg}");
        assert_eq!(svg.matches("stroke-width=\"2\"").count(), 4);
    }
}

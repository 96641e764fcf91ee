//! The picture of a day, as SVG: resident memory, and below it the load.

use super::load::{self, FIRST_HOUR};
use super::service::Run;
use std::fmt::Write;

/// In the order of the contenders.
const COLOURS: [&str; 3] = ["#c0392b", "#2980b9", "#5d6d7e"];
const GRID: &str = "#ecf0f1";
const FRAME: &str = "#bdc3c7";
const LOAD: &str = "#d5d8dc";

const LEFT: f64 = 74.0;
const WIDTH: f64 = 780.0;
const TOP: f64 = 58.0;
const HEIGHT: f64 = 250.0;
const LOAD_TOP: f64 = TOP + HEIGHT + 34.0;
const LOAD_HEIGHT: f64 = 70.0;
/// Points of a line: the most of each stretch.
const POINTS: usize = 390;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _infallible = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        escaped(text)
    );
}

/// A path through these heights, from the left end to the right.
fn path(values: impl ExactSizeIterator<Item = f64>, top: f64, height: f64, most: f64) -> String {
    let steps = values.len().saturating_sub(1).max(1) as f64;
    let mut path = String::new();
    for (i, value) in values.enumerate() {
        let x = LEFT + WIDTH * i as f64 / steps;
        let y = top + height * (1.0 - value / most);
        let _infallible = write!(path, "{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" });
    }
    path
}

/// The picture. Runs without figures have no line.
pub(crate) fn svg(runs: &[Run]) -> String {
    let full = LOAD_TOP + LOAD_HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"880\" height=\"{}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"20\" font-weight=\"bold\">resident memory of a service over one day, MiB</text>\n",
        full + 32.0
    );
    let kib = runs.iter().flat_map(|run| run.resident.iter().copied());
    let most = kib.max().unwrap_or(0) as f64 / 1024.0;
    let step = step(most);
    let most = (most / step).ceil().max(1.0) * step;
    let mut mark = 0.0;
    while mark <= most {
        let y = TOP + HEIGHT * (1.0 - mark / most);
        let _infallible = writeln!(svg, "<path d=\"M{LEFT} {y:.1}h{WIDTH}\" stroke=\"{GRID}\"/>");
        text(&mut svg, LEFT - 8.0, y + 4.5, "end", &format!("{mark}"));
        mark += step;
    }
    hours(&mut svg, full);
    load_strip(&mut svg);
    // Ours last, on top of the others.
    for (i, run) in runs.iter().enumerate().rev() {
        let colour = COLOURS[i % COLOURS.len()];
        let stretch = run.resident.len().div_ceil(POINTS).max(1);
        let of_stretch = |part: &[u64]| part.iter().copied().max().unwrap_or(0) as f64 / 1024.0;
        let line = path(run.resident.chunks(stretch).map(of_stretch), TOP, HEIGHT, most);
        let at = LEFT + 150.0 * i as f64;
        let _infallible = writeln!(
            svg,
            "<path d=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-linejoin=\"round\"/>\
             <path d=\"M{at} 42h24\" stroke=\"{colour}\" stroke-width=\"3\"/>"
        );
        text(&mut svg, at + 32.0, 46.5, "start", &run.contender);
    }
    svg.push_str("</svg>\n");
    svg
}

/// The distance of the marks of an axis that ends at `most`: four or five, at round figures.
fn step(most: f64) -> f64 {
    let decade = 10_f64.powf((most / 5.0).max(1.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
    steps.into_iter().find(|step| most / step <= 5.0).unwrap_or(10.0 * decade)
}

/// The axis of time, for both strips.
fn hours(svg: &mut String, bottom: f64) {
    let _infallible = writeln!(
        svg,
        "<path d=\"M{LEFT} {TOP}v{HEIGHT}h{WIDTH}\" fill=\"none\" stroke=\"{FRAME}\"/>\
         <path d=\"M{LEFT} {LOAD_TOP}v{LOAD_HEIGHT}h{WIDTH}\" fill=\"none\" stroke=\"{FRAME}\"/>"
    );
    for step in 0..=8 {
        let x = LEFT + WIDTH * f64::from(step) / 8.0;
        let _infallible = writeln!(
            svg,
            "<path d=\"M{x:.1} {TOP}v{HEIGHT}M{x:.1} {LOAD_TOP}v{LOAD_HEIGHT}\" stroke=\"{GRID}\"/>"
        );
        let hour = (FIRST_HOUR as u32 + 3 * step) % 24;
        text(svg, x, bottom + 19.0, "middle", &format!("{hour:02}:00"));
    }
}

/// The requests a second, those with a large body darker and on top.
fn load_strip(svg: &mut String) {
    let hours = |i: i32| load::hour(f64::from(i) / 480.0);
    let all = |i: i32| load::rate(hours(i)) + load::large_rate(hours(i));
    let most = (0..481).map(all).fold(0.0, f64::max);
    let floor = LOAD_TOP + LOAD_HEIGHT;
    let heights: [(&str, &dyn Fn(i32) -> f64); 2] =
        [("#7f8c8d", &all), (LOAD, &|i| load::rate(hours(i)))];
    for (colour, height) in heights {
        let edge = path((0..481).map(height), LOAD_TOP, LOAD_HEIGHT, most);
        let _infallible = writeln!(
            svg,
            "<path d=\"{edge}L{:.1} {floor:.1}L{LEFT} {floor:.1}Z\" fill=\"{colour}\"/>",
            LEFT + WIDTH
        );
    }
    text(svg, 8.0, LOAD_TOP - 10.0, "start", "requests a second (dark: with a large body)");
    text(svg, LEFT - 8.0, LOAD_TOP + 9.0, "end", &format!("{most:.0}"));
    text(svg, LEFT - 8.0, floor + 4.5, "end", "0");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(contender: &str, resident: &[u64]) -> Run {
        Run { contender: contender.into(), resident: resident.to_vec(), ..Run::default() }
    }

    /// All numbers are finite, and whatever is opened is closed.
    fn assert_sound(svg: &str) {
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf\"") && !svg.contains("inf "), "{svg}");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        assert_eq!(svg.matches("<path").count(), svg.matches("\"/>").count() - 1);
    }

    #[test]
    fn a_line_for_each_run() {
        let svg = svg(&[run("a", &[1024; 1440]), run("b", &[9000; 1440]), run("c", &[1; 1440])]);
        assert_sound(&svg);
        assert_eq!(svg.matches("stroke-width=\"2\"").count(), 3);
        assert!(svg.contains(">9</text>") || svg.contains(">10</text>"), "{svg}");
        assert!(svg.len() < 40_000, "{}", svg.len());
    }

    #[test]
    fn odd_figures_do_no_harm() {
        assert_sound(&svg(&[]));
        assert_sound(&svg(&[run("<none> & \"such\"", &[])]));
        assert_sound(&svg(&[run("one", &[1024])]));
        assert_sound(&svg(&[run("nothing", &[0; 10]), run("much", &[u64::MAX >> 12; 3])]));
        let many: Vec<_> = (0..7).map(|_| run("many", &[1, 2])).collect();
        assert_sound(&svg(&many));
        assert!(svg(&[run("a<b", &[1])]).contains("a&lt;b"));
    }

    #[test]
    fn marks_are_at_round_figures() {
        for (most, expected) in [(0.0, 1.0), (4.9, 1.0), (7.0, 2.0), (33.0, 10.0), (133.0, 50.0)] {
            assert_eq!(step(most), expected, "{most}");
        }
    }
}

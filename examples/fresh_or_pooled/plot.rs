//! The figures as a picture: how many times faster a pool is, by size.

use crate::measure::{Point, Use};
use crate::report::size;
use std::fmt::Write;

const COLOURS: [&str; 3] = ["#c0392b", "#2980b9", "#27ae60"];
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 200.0;
const MARGIN: f64 = 56.0;

/// A panel for each use, one thread.
pub(crate) fn svg(all: &[(&str, Vec<Point>)]) -> String {
    let (across, down) = (WIDTH + MARGIN + 20.0, HEIGHT + MARGIN + 30.0);
    let rows = Use::ALL.len().div_ceil(2);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        across * 2.0 + 20.0,
        down * rows as f64 + 20.0
    );
    for (number, what) in Use::ALL.into_iter().enumerate() {
        let (column, row) = (number % 2, number / 2);
        let (x, y) = (across * column as f64, down * row as f64);
        let _infallible = writeln!(svg, "<g transform=\"translate({x} {y})\">");
        panel(&mut svg, what, all);
        svg.push_str("</g>\n");
    }
    let (x, y) = (across + MARGIN, down * (rows - 1) as f64 + 60.0);
    for (number, (name, _)) in all.iter().enumerate() {
        let y = y + 18.0 * number as f64;
        let _infallible = writeln!(
            svg,
            "<path d=\"M{x} {y}h20\" stroke=\"{}\" stroke-width=\"2\"/><text x=\"{}\" y=\"{}\">{name}</text>",
            COLOURS[number % COLOURS.len()],
            x + 26.0,
            y + 4.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, what: Use, all: &[(&str, Vec<Point>)]) {
    let fits = |point: &&Point| point.what == what && point.threads == 1;
    let gain = |point: &Point| point.fresh / point.pooled;
    let points = || all.iter().flat_map(|(_, points)| points.iter().filter(fits));
    let most = points().map(gain).fold(2.0, f64::max);
    let least = points().map(gain).fold(0.5, f64::min);
    let Some(sizes) =
        all.first().map(|(_, points)| points.iter().filter(fits).map(|point| point.size))
    else {
        return;
    };
    let sizes: Vec<_> = sizes.collect();
    let x = |index: usize| MARGIN + WIDTH * index as f64 / (sizes.len() - 1).max(1) as f64;
    let y = |gain: f64| 30.0 + HEIGHT * (1.0 - (gain / least).ln() / (most / least).ln());
    let _infallible = writeln!(
        svg,
        "<text x=\"{MARGIN}\" y=\"20\" font-weight=\"bold\">{}: times faster with a pool</text>",
        what.about()
    );
    for (index, &at) in sizes.iter().enumerate() {
        let _infallible = writeln!(
            svg,
            "<path d=\"M{0:.1} 30V{1}\" stroke=\"#ecf0f1\"/>\
             <text x=\"{0:.1}\" y=\"{2}\" text-anchor=\"middle\" font-size=\"9\">{3}</text>",
            x(index),
            30.0 + HEIGHT,
            46.0 + HEIGHT,
            size(what, at)
        );
    }
    for mark in [0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0] {
        if (least..=most).contains(&mark) {
            let colour = if mark == 1.0 { "#2c3e50" } else { "#ecf0f1" };
            let _infallible = writeln!(
                svg,
                "<path d=\"M{MARGIN} {0:.1}h{WIDTH}\" stroke=\"{colour}\"/>\
                 <text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{mark}x</text>",
                y(mark),
                MARGIN - 6.0,
                y(mark) + 4.0
            );
        }
    }
    for (number, (_, points)) in all.iter().enumerate() {
        let mut path = String::new();
        for (index, point) in points.iter().filter(fits).enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _infallible = write!(path, "{command}{:.1} {:.1}", x(index), y(gain(point)));
        }
        let _infallible = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
            COLOURS[number % COLOURS.len()]
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_line_for_each_allocator_and_use() {
        let points: Vec<_> = Use::ALL
            .into_iter()
            .flat_map(|what| {
                [(64, 5.0), (1024, 50.0)].map(|(size, fresh)| Point {
                    what,
                    size,
                    threads: 1,
                    fresh,
                    pooled: 10.0,
                })
            })
            .collect();
        let svg = svg(&[("system", points.clone()), ("mimalloc", points)]);
        assert_eq!(svg.matches("fill=\"none\"").count(), 2 * Use::ALL.len());
        assert!(!svg.contains("NaN") && !svg.contains("inf") && svg.ends_with("</svg>\n"));
    }
}

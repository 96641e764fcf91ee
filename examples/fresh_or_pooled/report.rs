//! The figures as tables, and where a pool begins to pay.

use crate::measure::{Point, Use};
use std::fmt::Write;

/// A pool must gain this much to be worth a word.
const WORTH: f64 = 1.1;

/// A table for each use and number of threads.
pub(crate) fn text(all: &[(&str, Vec<Point>)], markdown: bool) -> String {
    let mut text = String::new();
    for threads in [1, 2] {
        for what in Use::ALL {
            let fits = |point: &&Point| point.what == what && point.threads == threads;
            let columns: Vec<(&str, Vec<&Point>)> = all
                .iter()
                .map(|(name, points)| (*name, points.iter().filter(fits).collect()))
                .collect();
            table(&mut text, what, threads, &columns, markdown);
        }
    }
    text
}

fn table(
    text: &mut String,
    what: Use,
    threads: usize,
    columns: &[(&str, Vec<&Point>)],
    markdown: bool,
) {
    let plural = if threads == 1 { "thread" } else { "threads" };
    let bold = if markdown { "**" } else { "" };
    let _infallible = writeln!(text, "{bold}{}, {threads} {plural}{bold}: ns each\n", what.about());
    let mut lines = vec![vec![String::new()]];
    for (name, _) in columns {
        lines[0].extend([format!("{name}, fresh"), "pooled".into(), "gain".into()]);
    }
    let rows = columns.first().map_or(0, |(_, points)| points.len());
    for row in 0..rows {
        let mut line = vec![size(what, columns[0].1[row].size)];
        for (_, points) in columns {
            let point = points[row];
            line.extend([figure(point.fresh), figure(point.pooled)]);
            line.push(format!("{:.2}x", point.fresh / point.pooled));
        }
        lines.push(line);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..lines[0].len()).map(width).collect();
    for (number, line) in lines.iter().enumerate() {
        if markdown {
            let _infallible = writeln!(text, "| {} |", line.join(" | "));
            if number == 0 {
                let _infallible = writeln!(text, "|---|{}", "---:|".repeat(line.len() - 1));
            }
            continue;
        }
        for (cell, width) in line.iter().zip(&widths) {
            let _infallible = write!(text, "{cell:>width$}  ");
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text.push('\n');
    for (name, points) in columns {
        let _infallible =
            writeln!(text, "{}{name}: {}", if markdown { "* " } else { "" }, verdict(what, points));
    }
    text.push('\n');
}

/// Where the pool gains a tenth or more, in as few words as may be.
fn verdict(what: Use, points: &[&Point]) -> String {
    let pays = |point: &&&Point| point.fresh / point.pooled >= WORTH;
    let names = |points: Vec<&&Point>| {
        let names = points.iter().map(|point| size(what, point.size));
        names.collect::<Vec<_>>().join(", ")
    };
    let (gains, losses): (Vec<_>, Vec<_>) = points.iter().partition(pays);
    let each = match what {
        Use::Make => "cost",
        _ => "size",
    };
    match (gains.len(), losses.len()) {
        (_, 0) => format!("pays at every {each}"),
        (0, _) => "does not pay".to_owned(),
        (gain, loss) if gain < loss => format!("pays at {} only", names(gains)),
        _ => format!("pays, but not at {}", names(losses)),
    }
}

/// A size, or a cost.
pub(crate) fn size(what: Use, size: usize) -> String {
    match (what, size) {
        (Use::Make, nanos) => format!("{nanos} ns"),
        (_, ..1024) => format!("{size} B"),
        (_, ..0x10_0000) => format!("{} KiB", size >> 10),
        _ => format!("{} MiB", size >> 20),
    }
}

fn figure(nanos: f64) -> String {
    match nanos {
        ..100.0 => format!("{nanos:.1}"),
        _ => format!("{nanos:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_names_where_the_gain_begins() {
        let point = |size, fresh| Point { what: Use::Touch, size, threads: 1, fresh, pooled: 10.0 };
        let verdict = |fresh: [f64; 3]| {
            let points = [point(64, fresh[0]), point(1024, fresh[1]), point(1 << 20, fresh[2])];
            super::verdict(Use::Touch, &points.iter().collect::<Vec<_>>())
        };
        assert_eq!(verdict([12.0, 20.0, 30.0]), "pays at every size");
        assert_eq!(verdict([9.0, 10.5, 30.0]), "pays at 1 MiB only");
        assert_eq!(verdict([9.0, 11.5, 30.0]), "pays, but not at 64 B");
        assert_eq!(verdict([9.0, 30.0, 10.0]), "pays at 1 KiB only");
        assert_eq!(verdict([9.0, 9.0, 9.0]), "does not pay");
    }
}

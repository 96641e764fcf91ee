//! The table that a scenario ends with.

use crate::figures::Figures;
use crate::program::Scenario;
use crate::show::{bytes, percent, rate, time, whole};
use std::fmt::Write;

/// How a contender's figures show in a row.
type Cell = Box<dyn Fn(&Figures) -> Option<String>>;
/// A row: its name and its cells.
type Row = (String, Cell);

fn rows(unit: &str, first: &Figures) -> Vec<Row> {
    fn row(name: impl Into<String>, cell: impl Fn(&Figures) -> Option<String> + 'static) -> Row {
        (name.into(), Box::new(cell))
    }
    let quantile = |name: &str, quantile: f64| {
        row(name, move |figures: &Figures| {
            let known = figures.latency.count() > 0;
            known.then(|| time(figures.latency.quantile(quantile).as_secs_f64()))
        })
    };
    let retained = |name: &str, index: usize| {
        row(name, move |figures: &Figures| Some(bytes(figures.retained?[index] as f64)))
    };
    let each = |figures: &Figures, count: u64| count as f64 / figures.operations.max(1) as f64;
    let base = first.rate();
    let mut rows = vec![
        row(format!("{unit}/s"), |figures| Some(whole(figures.rate()))),
        row("  of the first", move |figures| Some(format!("{:.2}x", figures.rate() / base))),
        quantile("p50", 0.5),
        quantile("p99", 0.99),
        quantile("p99.9", 0.999),
        row("allocations, each", move |figures| Some(rate(each(figures, figures.allocated?.0)))),
        row("bytes allocated, each", move |figures| {
            Some(bytes(each(figures, figures.allocated?.1)))
        }),
        row("page faults, each", move |figures| Some(rate(each(figures, figures.faults?)))),
        row("objects created", |figures| Some(whole(figures.created? as f64))),
        row("hit rate", |figures| Some(percent(figures.hit_rate()?))),
        row("peak RSS", |figures| Some(bytes(figures.peak_rss? as f64))),
        retained("retained after the load", 0),
        retained("  after one cycle", 1),
        retained("  after two cycles", 2),
        row("RSS after two cycles", |figures| Some(bytes(figures.rss_after? as f64))),
    ];
    for (index, extra) in first.extra.iter().enumerate() {
        rows.push(row(extra.name.clone(), move |figures: &Figures| {
            let extra = figures.extra.get(index)?;
            Some(match extra.bytes {
                true => bytes(extra.value),
                false => whole(extra.value),
            })
        }));
    }
    rows
}

/// All that was measured in a scenario. What no contender knows is left out.
#[must_use]
pub fn render(
    scenario: &Scenario,
    unit: &str,
    columns: &[(&str, Figures)],
    markdown: bool,
) -> String {
    let Some((_, first)) = columns.first() else {
        return format!("{}: nobody takes part\n", scenario.name);
    };
    let mut lines = vec![
        std::iter::once(String::new())
            .chain(columns.iter().map(|(name, _)| (*name).to_owned()))
            .collect::<Vec<_>>(),
    ];
    for (name, cell) in rows(unit, first) {
        let cells: Vec<_> = columns.iter().map(|(_, figures)| cell(figures)).collect();
        if cells.iter().any(Option::is_some) {
            let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".into()));
            lines.push(std::iter::once(name).chain(cells).collect());
        }
    }
    let mut text = match markdown {
        true => format!("**{}**: {}\n\n", scenario.name, scenario.about),
        false => format!("{}: {}\n\n", scenario.name, scenario.about),
    };
    let widths: Vec<_> = (0..=columns.len())
        .map(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or(0))
        .collect();
    for (number, line) in lines.iter().enumerate() {
        if markdown {
            // A page's reader takes `<` for the beginning of a tag.
            let cells = line.join(" | ").replace('<', "&lt;");
            let _infallible = writeln!(text, "| {cells} |");
            if number == 0 {
                let _infallible = writeln!(text, "|---|{}", "---:|".repeat(columns.len()));
            }
            continue;
        }
        let mut shown = format!("{:1$}", line[0], widths[0]);
        for (cell, width) in line.iter().zip(&widths).skip(1) {
            let _infallible = write!(shown, "  {cell:>width$}");
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_nobody_knows_are_left_out() {
        let scenario = Scenario { name: "steady", about: "nothing changes" };
        let figures = |operations, created| Figures {
            operations,
            seconds: 1.0,
            created,
            ..Figures::default()
        };
        let columns = [("ours", figures(2000, Some(3))), ("Mutex<Vec>", figures(1000, None))];
        let text = render(&scenario, "searches", &columns, false);
        assert!(text.contains("searches/s"), "{text}");
        let line = |name: &str| {
            let line = text.lines().find(|line| line.trim().starts_with(name));
            line.map(|line| line.split_whitespace().rev().take(2).collect::<Vec<_>>())
        };
        assert_eq!(line("of the first"), Some(vec!["0.50x", "1.00x"]));
        assert_eq!(line("objects created"), Some(vec!["-", "3"]));
        assert_eq!(line("peak RSS"), None);
        let page = render(&scenario, "searches", &columns, true);
        assert!(page.contains("| searches/s | 2,000 | 1,000 |"), "{page}");
        assert!(page.contains("| ours | Mutex&lt;Vec> |"), "{page}");
    }
}

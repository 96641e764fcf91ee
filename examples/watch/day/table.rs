//! The figures of the days beside each other.

use super::load::{FIRST_HOUR, NIGHT};
use super::service::Run;
use std::fmt::Write;

const MIB: f64 = 1024.0;

/// MiB over a day.
#[derive(Debug, PartialEq)]
struct Memory {
    peak: f64,
    mean: f64,
    /// In the mean of the hours after the day.
    night: f64,
}

fn memory(resident: &[u64]) -> Memory {
    let mean = |part: &[u64]| part.iter().sum::<u64>() as f64 / part.len().max(1) as f64 / MIB;
    let at = |hour: f64| (resident.len() as f64 * (hour - FIRST_HOUR) / 24.0) as usize;
    let night = &resident[at(NIGHT.start)..at(NIGHT.end)];
    let peak = resident.iter().copied().max().unwrap_or(0) as f64 / MIB;
    Memory { peak, mean: mean(resident), night: mean(night) }
}

/// As text for a page and for a terminal.
pub(crate) fn table(runs: &[Run]) -> String {
    let mut text = String::from("|  |");
    for run in runs {
        let _infallible = write!(text, " {} |", run.contender);
    }
    text.push_str("\n|---|");
    text.push_str(&"---:|".repeat(runs.len()));
    text.push('\n');
    let memories: Vec<_> = runs.iter().map(|run| memory(&run.resident)).collect();
    let mebibytes = |figure: fn(&Memory) -> f64| {
        memories.iter().map(|one| format!("{:.1} MiB", figure(one))).collect()
    };
    let counts =
        |figure: fn(&Run) -> u64| runs.iter().map(|run| grouped(figure(run))).collect::<Vec<_>>();
    let rows: [(&str, Vec<String>); 7] = [
        ("most resident", mebibytes(|one| one.peak)),
        ("mean of the day", mebibytes(|one| one.mean)),
        ("in the night after it, 1 to 4 o'clock", mebibytes(|one| one.night)),
        (
            "idle buffers at the end",
            runs.iter().map(|run| format!("{:.1} MiB", run.idle as f64 / MIB / 1024.0)).collect(),
        ),
        ("buffers made", counts(|run| run.made)),
        ("requests served", counts(|run| run.requests)),
        ("of them begun 100 ms late or more", counts(|run| run.late)),
    ];
    for (name, cells) in rows {
        let _infallible = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    text
}

/// With a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        assert!(cases.iter().all(|(number, text)| grouped(*number) == *text));
    }

    #[test]
    fn the_night_is_the_end_of_the_day() {
        // 21 hours at 2 MiB, then three at 1.
        let resident: Vec<u64> = [vec![2048; 21], vec![1024; 3]].concat();
        assert_eq!(memory(&resident), Memory { peak: 2.0, mean: 1.875, night: 1.0 });
        assert_eq!(memory(&[]), Memory { peak: 0.0, mean: 0.0, night: 0.0 });
        assert_eq!(memory(&[1024]).peak, 1.0);
    }

    #[test]
    fn each_day_is_a_column() {
        let run = |name: &str| Run { contender: name.into(), made: 1000, ..Run::default() };
        let text = table(&[run("a"), run("b")]);
        assert!(text.starts_with("|  | a | b |\n|---|---:|---:|\n"), "{text}");
        assert!(text.contains("| buffers made | 1,000 | 1,000 |"), "{text}");
        assert_eq!(table(&[]).lines().count(), 9);
    }
}

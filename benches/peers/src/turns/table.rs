//! What was made and kept, in tables.

use super::{AT_ONCE, DEAR, IN_TURN, Turns};
use crate::report::bold;
use std::fmt::Write;

/// All works, with `picture` behind each rhythm.
pub fn all(found: &[Turns], picture: impl Fn(&str) -> String) -> String {
    let mut text = String::from("### Threads in turn, and all at once\n\n");
    let rhythms =
        [("in-turn", vec![IN_TURN[0], IN_TURN[1], DEAR]), ("all-at-once", AT_ONCE.to_vec())];
    for (name, works) in rhythms {
        for work in works.iter().filter(|work| !of(found, work).is_empty()) {
            let _infallible = writeln!(text, "#### {work}\n\n{}", one(found, work));
        }
        let _infallible = writeln!(text, "{}", picture(name));
    }
    text
}

/// The numbers of threads at a work, in order.
pub fn threads(found: &[Turns], work: &str) -> Vec<usize> {
    let all = found.iter().filter(|one| one.work == work);
    let mut all: Vec<usize> = all.map(|one| one.threads).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What each contender came to at a work, by its numbers of threads. First who keeps least with the most
/// threads.
pub fn of<'t>(found: &'t [Turns], work: &str) -> Vec<Vec<&'t Turns>> {
    let mut contenders: Vec<Vec<&Turns>> = Vec::new();
    for one in found.iter().filter(|one| one.work == work) {
        let same = |all: &&mut Vec<&Turns>| all[0].contender == one.contender;
        match contenders.iter_mut().find(same) {
            Some(all) => all.push(one),
            None => contenders.push(vec![one]),
        }
    }
    for all in &mut contenders {
        all.sort_by_key(|one| one.threads);
    }
    let last = |all: &Vec<&Turns>| {
        let last = all[all.len() - 1];
        // Whole KiB: what is below is a matter of the pool's own.
        (last.kib.max(0.0) as u64, last.made)
    };
    contenders.sort_by_key(last);
    contenders
}

fn count(count: Option<u64>) -> String {
    count.map_or("-".to_string(), |count| count.to_string())
}

type Cell = fn(&Turns) -> String;

fn one(found: &[Turns], work: &str) -> String {
    let mut figures: Vec<(&str, Cell)> = vec![
        ("made", |one| match one.contender.starts_with("no pool") {
            true => "each get".to_string(),
            false => count(one.made),
        }),
        ("idle", |one| count(one.idle)),
        ("KiB kept", |one| format!("{:.0}", one.kib.max(0.0))),
    ];
    if AT_ONCE.contains(&work) {
        figures.insert(0, ("users at once", |one| one.users.to_string()));
    }
    let threads = threads(found, work);
    let mut text = String::from("| contender |");
    for (name, _) in &figures {
        for (i, threads) in threads.iter().enumerate() {
            let _infallible = match i {
                0 => write!(text, " {name}: {threads} threads |"),
                _ => write!(text, " {threads} |"),
            };
        }
    }
    let columns = figures.len() * threads.len();
    let _infallible = writeln!(text, "\n|---|{}", "---|".repeat(columns));
    for all in of(found, work) {
        let name = &all[0].contender;
        let _infallible = write!(text, "| {} |", bold(name, name));
        for (_, cell) in &figures {
            for threads in &threads {
                let one = all.iter().find(|one| one.threads == *threads);
                let cell = one.map_or("-".into(), |one| cell(one));
                let _infallible = write!(text, " {} |", bold(&cell, name));
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::report::OURS;

    pub fn turns(contender: &str, threads: usize, made: u64) -> Turns {
        Turns {
            work: IN_TURN[1].into(),
            contender: contender.into(),
            threads,
            made: Some(made),
            users: 1,
            idle: Some(made),
            kib: 1024.0 * made as f64,
        }
    }

    #[test]
    fn who_keeps_least_with_the_most_threads_is_first() {
        let found = [turns("a", 64, 64), turns("a", 8, 1), turns(OURS, 8, 2), turns(OURS, 64, 2)];
        let text = all(&found, |_| String::new());
        let head = "| contender | made: 8 threads | 64 | idle: 8 threads | 64 |";
        assert!(text.contains(head), "{text}");
        let ours = "| **stealpool** | **2** | **2** | **2** | **2** | **2048** | **2048** |\n";
        assert!(text.contains(&format!("{ours}| a | 1 | 64 |")), "{text}");
        assert!(!text.contains("all at once, Vec"), "{text}");
    }
}

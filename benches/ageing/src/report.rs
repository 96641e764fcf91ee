//! The page.

use crate::replay::{INTERVAL, Outcome};
use crate::trace::Trace;
use std::fmt::Write;

const HEAD: &str = include_str!("head.md");
const TAIL: &str = include_str!("tail.md");

pub fn page(outcomes: &[(&Trace, Vec<Outcome>)]) -> String {
    let mut page = HEAD.replace("{interval}", &INTERVAL.to_string());
    for (trace, outcomes) in outcomes {
        let _infallible = write!(
            page,
            "\n### {}\n\n{}; {} gets, {} at once at most.\n\n\
             | rule | misses | hit rate | idle on average | idle at most | left at the end |\n\
             |---|---|---|---|---|---|\n",
            trace.name,
            trace.what,
            outcomes[0].gets,
            trace.peak()
        );
        let seconds = trace.demand.len() as f64 / crate::trace::STEPS as f64;
        for outcome in outcomes {
            let ours = outcome.rule == "stealpool";
            let name = if ours { "**stealpool**" } else { &outcome.rule };
            let _infallible = writeln!(
                page,
                "| {name} | {} | {:.3} % | {:.1} | {} | {} |",
                outcome.misses,
                outcome.hit_rate() * 100.0,
                outcome.object_seconds / seconds,
                outcome.most_idle,
                outcome.left
            );
        }
        let _infallible = writeln!(
            page,
            "\n![{}: idle objects over time](plots/ageing-{}.svg)",
            trace.name,
            trace.file()
        );
    }
    page.push_str(TAIL);
    page
}

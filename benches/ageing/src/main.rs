//! Which way to give memory back costs how many misses and how much memory?
//!
//! Replays traces of demand (how many objects are in use, over time) against stealpool with its real
//! collector and against models of other rules, in virtual time, and writes `docs/ageing.md` with its
//! plots.
//!
//! ```text
//! cargo run --release -p stealpool-ageing             prints the tables
//! cargo run --release -p stealpool-ageing -- --write  and writes docs/ageing.md and docs/plots/ageing-*.svg
//! ```

mod plot;
mod replay;
mod report;
mod rules;
mod trace;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let writes = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--write" => true,
        other => {
            eprintln!("unknown arguments {other:?}; there is --write alone");
            return ExitCode::FAILURE;
        }
    };
    let traces = trace::all();
    let outcomes: Vec<_> = traces
        .iter()
        .map(|trace| {
            eprintln!("replaying {}", trace.name);
            (trace, replay::every_rule(trace))
        })
        .collect();
    let page = report::page(&outcomes);
    println!("{page}");
    if writes {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let write = |name: &str, text: &str| std::fs::write(docs.join(name), text);
        let plots = outcomes.iter().flat_map(|(trace, outcomes)| {
            let over_time = format!("plots/ageing-{}.svg", trace.file());
            [(over_time, plot::over_time(trace, outcomes))]
        });
        let all = plots.chain([
            ("plots/ageing-cost.svg".to_owned(), plot::cost(&outcomes)),
            ("ageing.md".to_owned(), page),
        ]);
        for (name, text) in all {
            if let Err(error) = write(&name, &text) {
                eprintln!("docs/{name}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

//! What does a regex's scratch space cost, and does it come back?
//!
//! A search with regex-automata needs a *cache* of some kilobytes that only one thread may use at a time.
//! `regex::Regex` keeps them in a pool of its own: the first thread that ever searched finds its cache
//! at once, the others take turns at a few locked stacks, and the pool never shrinks
//! (rust-lang/regex#934, #1214, #1389). Here the same regexes take their caches from stealpool.
//!
//! The patterns are those of 1,500 known crawlers, the haystacks 2,118 user agents that they were seen
//! with. `--help` lists the scenarios.

mod caches;
mod corpus;
mod scan;
mod scenes;

use std::process::ExitCode;
use stealpool_workloads::{Program, Scenario, alloc};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

const PROGRAM: Program = Program {
    name: "regex_scan",
    about: "\
Crawler patterns against user agents: regex caches in stealpool, in the pools of the regex crates, and
made for each search. An operation is one search of one user agent for one pattern.
",
    unit: "searches",
    scenarios: &[
        Scenario {
            name: "one-thread",
            about: "1 thread, one regex that reads its haystack",
        },
        Scenario {
            name: "two-threads",
            about: "2 threads, the same regex",
        },
        Scenario {
            name: "8-threads",
            about: "8 threads, the same regex",
        },
        Scenario {
            name: "64-threads",
            about: "64 threads, the same regex",
        },
        Scenario {
            name: "rules",
            about: "1 thread, 64 regexes in turn, nearly all of them plain words, found in some 20 ns",
        },
        Scenario {
            name: "rules-8",
            about: "8 threads, the same 64 regexes",
        },
        Scenario {
            name: "churn",
            about: "10,000 threads, 8 at a time, each for 20 user agents and one regex",
        },
        Scenario {
            name: "churn-rules",
            about: "the same, each for one user agent and 64 regexes",
        },
        Scenario {
            name: "burst",
            about: "64 threads in the middle of a search at once, for each of 64 regexes; then nothing",
        },
        Scenario {
            name: "fleet",
            about: "8 threads over 1,500 regexes; then nothing",
        },
        Scenario {
            name: "handoff",
            about: "caches taken on one thread and given back on another",
        },
    ],
    contenders: &[
        "stealpool",
        "regex::Regex",
        "automata Pool",
        "clone per thread",
        "cache per search",
    ],
    run: scenes::run,
};

fn main() -> ExitCode {
    PROGRAM.main()
}

//! What does a zstd context for each message cost, and what does keeping contexts cost?
//!
//! A compression context is memory that zstd sizes by its level: some hundred kilobytes at level 1,
//! tens of megabytes at level 15 once a stream of unknown length went through it. To make one for each message is
//! slow (apache/arrow-rs#8405); to keep one for each thread and level keeps the largest for ever
//! (apache/datafusion-comet#5565). Here contexts are pooled by level under one bound in bytes, and weighed
//! by zstd's own `sizeof`.
//!
//! The messages are 58 GitHub webhook payloads of 0.9 to 27 KB. `--help` lists the scenarios.

mod context;
mod keepers;
mod messages;
mod scenes;

use std::process::ExitCode;
use stealpool_workloads::{Program, Scenario, alloc};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

const PROGRAM: Program = Program {
    name: "zstd_messages",
    about: "\
Small messages through zstd: contexts in stealpool, one for each message, one for each thread and level,
and in a list behind a lock. `ample` is stealpool with a bound that has room for two of the large contexts. What is retained is the sum of zstd's own `sizeof` of all contexts.
",
    unit: "messages",
    scenarios: &[
        Scenario {
            name: "level-1",
            about: "2 threads compress at level 1",
        },
        Scenario {
            name: "level-3",
            about: "2 threads compress at level 3",
        },
        Scenario {
            name: "level-6",
            about: "2 threads compress at level 6",
        },
        Scenario {
            name: "small-6",
            about: "the same with messages of at most 8 KB",
        },
        Scenario {
            name: "small-9",
            about: "the same at level 9",
        },
        Scenario {
            name: "mixed",
            about: "8 threads at levels 1, 3 and 6; one message in 100 is streamed at level 15",
        },
        Scenario {
            name: "decode",
            about: "2 threads decompress",
        },
        Scenario {
            name: "create",
            about: "1 thread makes and frees contexts; and what zstd asks the processor meanwhile",
        },
    ],
    contenders: &[
        "stealpool",
        "stealpool, ample",
        "context per message",
        "thread-local",
        "Mutex<Vec>",
        "decoder only",
        "CPUID, thrice",
    ],
    run: scenes::run,
};

fn main() -> ExitCode {
    PROGRAM.main()
}

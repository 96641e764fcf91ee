//! What does a thumbnail cost beyond the pixels?
//!
//! To make one, a JPEG is decoded into a buffer of up to ten megabytes and resized with tables and rows of
//! its own. Made anew for each picture, it is the allocator's work and, as the allocator is set, the kernel's; kept by
//! each thread, it is the largest picture times the threads, for ever. Here all of it is one pooled object, weighed by
//! what it holds.
//!
//! `--help` lists the scenarios.

mod bench;
mod benches;
mod scenes;

use std::process::ExitCode;
use stealpool_workloads::{Program, Scenario, alloc};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

const PROGRAM: Program = Program {
    name: "thumbnails",
    about: "\
JPEG files of 512 x 512 and 2268 x 1512 to thumbnails of 160 pixels: buffers and resizers in stealpool, made
for each picture, kept by each thread, and in a list behind a lock. What is retained is the sum of what the
buffers and resizers hold.
",
    unit: "pictures",
    scenarios: &[
        Scenario {
            name: "mixed",
            about: "2 threads; one picture in 8 is large",
        },
        Scenario {
            name: "small",
            about: "2 threads; no picture is large",
        },
        Scenario {
            name: "burst",
            about: "16 threads at once; one picture in 8 is large; then nothing",
        },
    ],
    contenders: &["stealpool", "made each time", "thread-local", "Mutex<Vec>"],
    run: scenes::run,
};

fn main() -> ExitCode {
    PROGRAM.main()
}

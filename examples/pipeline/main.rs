//! What happens to buffers that are filled on one thread and dropped on another?
//!
//! Producers write webhook payloads into batches of 400 KB, consumers compute a checksum over them and let
//! them go. A thread-local pool never sees a buffer again (its consumers hoard them: bevyengine/bevy#22297);
//! an allocator frees on another thread than it allocated on (fulcrumgenomics/fgumi#335). Here what a
//! consumer gives back, a producer steals.
//!
//! `--help` lists the scenarios.

mod buffers;
mod scenes;

use std::process::ExitCode;
use stealpool_workloads::{Program, Scenario, alloc};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

const PROGRAM: Program = Program {
    name: "pipeline",
    about: "\
Batches of 400 KB from producers to consumers: buffers from stealpool, from the allocator, from thread-local
lists, from a queue and from a channel that carries them back. An operation is one batch, from the moment
its producer asks for a buffer to the moment its consumer lets it go.
",
    unit: "batches",
    scenarios: &[
        Scenario {
            name: "1-to-1",
            about: "one producer, one consumer",
        },
        Scenario {
            name: "2-to-1",
            about: "two producers, one consumer",
        },
        Scenario {
            name: "1-to-2",
            about: "one producer, two consumers",
        },
        Scenario {
            name: "stall",
            about: "one to one; once, the consumer stalls until 200 batches wait",
        },
    ],
    contenders: &[
        "stealpool",
        "no pool",
        "thread-local",
        "ArrayQueue",
        "channel back",
    ],
    run: scenes::run,
};

fn main() -> ExitCode {
    PROGRAM.main()
}

//! From which size, and from which cost of making, does a pool pay?
//!
//! The negative control of the other programs. A plain buffer is made afresh, used and freed, or taken from
//! a pool, used and given back; under the system's allocator, mimalloc and jemalloc; with three uses, from
//! one that touches 64 bytes to one that fills the buffer. Then an object whose making costs so many
//! nanoseconds, whatever its size.
//!
//! `--help` lists the options; `--svg FILE` draws the figures.

mod allocator;
mod args;
mod measure;
mod plot;
mod report;

use crate::args::Command;
use crate::measure::Point;
use std::process::{self, ExitCode, Stdio};

#[global_allocator]
static ALLOCATOR: allocator::Chosen = allocator::Chosen;

fn main() -> ExitCode {
    let command = match args::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(message) => {
            eprintln!("fresh_or_pooled: {message}; --help tells what there is");
            return ExitCode::from(2);
        }
    };
    let done = match command {
        Command::Help => {
            print!("{}", args::HELP);
            Ok(())
        }
        Command::Child(rounds) => answer(rounds),
        Command::Compare(settings) => compare(&settings),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("fresh_or_pooled: {message}");
            ExitCode::FAILURE
        }
    }
}

fn answer(rounds: u32) -> Result<(), String> {
    let points = measure::all(rounds);
    let text = serde_json::to_string(&points).map_err(|error| error.to_string())?;
    println!("{text}");
    Ok(())
}

fn compare(settings: &args::Compare) -> Result<(), String> {
    if cfg!(debug_assertions) {
        eprintln!("fresh_or_pooled: without --release the figures mean little");
    }
    let mut all: Vec<(&str, Vec<Point>)> = Vec::new();
    for name in allocator::NAMES {
        all.push((name, child(name, settings.rounds)?));
    }
    print!("{}", report::text(&all, settings.markdown));
    if let Some(file) = &settings.svg {
        std::fs::write(file, plot::svg(&all))
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    Ok(())
}

/// A process has one allocator, from its first allocation on.
fn child(allocator: &str, rounds: u32) -> Result<Vec<Point>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = process::Command::new(program)
        .args(["--child", &rounds.to_string()])
        .env(allocator::VARIABLE, allocator)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{allocator}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{allocator}: {}", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{allocator}: {error}"))
}

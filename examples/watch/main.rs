//! Pools at work, in the terminal: what each holds, how it fares, what the collector drops and why. With `--day`: the
//! memory of a service over one day, with a pool, with a queue, and without a pool.
//!
//! ```text
//! cargo run --release --example watch                             until Ctrl-C
//! cargo run --release --example watch -- --seconds 30             half a minute
//! cargo run --release --example watch -- --day                    three days of three minutes each
//! cargo run --release --example watch -- --day --svg memory.svg   the same, and a picture of it
//! ```

mod args;
mod day;
mod live;

use args::Command;
use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let command = match args::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(message) => {
            eprintln!("watch: {message}; --help says what there is");
            return ExitCode::from(2);
        }
    };
    let end = match command {
        Command::Help => {
            print!("{}", args::HELP);
            Ok(())
        }
        Command::Live { seconds } => live::watch(seconds),
        Command::Day { seconds, svg } => day::compare(seconds, svg.as_deref()),
        Command::Child { contender, seconds } => day::child(contender, seconds),
    };
    match end {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads us has closed the pipe.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("watch: {error}");
            ExitCode::FAILURE
        }
    }
}

//! How a test starts its own program.

use std::env;
use std::process::Command;

/// This program once more: by the emulator that `STEALPOOL_RUNNER` names, where one runs the tests.
pub(crate) fn this_program() -> Command {
    let program = env::current_exe().expect("a path");
    let runner = env::var("STEALPOOL_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(emulator) = words.next() else {
        return Command::new(program);
    };
    let mut command = Command::new(emulator);
    command.args(words).arg(program);
    command
}

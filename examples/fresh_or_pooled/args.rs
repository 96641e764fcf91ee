//! The command line of `fresh_or_pooled`.

use std::path::PathBuf;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
From which size, and from which cost of making, does a pool pay? Buffers of 64 B to 1 MiB made afresh and
from a pool, under three allocators.

Usage: cargo run --release --example fresh_or_pooled [-- OPTIONS]

  --rounds N    times that each figure is taken, 1 to 1000; the median counts [15]
  --quick       one round: does it run at all?
  --markdown    tables for a page
  --svg FILE    also draw the figures
  --help        print this
";

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// Print [`HELP`].
    Help,
    /// Measure under this process's allocator, in so many rounds.
    Child(u32),
    /// Measure under all of them.
    Compare(Compare),
}

/// How to measure and show.
#[derive(Debug, PartialEq)]
pub(crate) struct Compare {
    pub(crate) rounds: u32,
    pub(crate) markdown: bool,
    pub(crate) svg: Option<PathBuf>,
}

/// Reads the arguments that follow the program's name.
///
/// # Errors
///
/// A sentence that says which argument is wrong, and why.
pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut settings = Compare { rounds: 15, markdown: false, svg: None };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--rounds" => settings.rounds = rounds(&value()?)?,
            "--quick" => settings.rounds = 1,
            "--markdown" => settings.markdown = true,
            "--svg" => settings.svg = Some(PathBuf::from(value()?)),
            "--child" => return Ok(Command::Child(rounds(&value()?)?)),
            _ => return Err(format!("unexpected argument {arg:?}")),
        }
    }
    Ok(Command::Compare(settings))
}

fn rounds(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|n| (1..=1000).contains(n));
    number.ok_or_else(|| format!("{text:?} is not a whole number of rounds from 1 to 1000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_and_mistakes_named() {
        let parse = |text: &str| super::parse(text.split_whitespace().map(str::to_owned));
        assert_eq!(parse("--help"), Ok(Command::Help));
        assert_eq!(parse("--child 3"), Ok(Command::Child(3)));
        let Ok(Command::Compare(settings)) = parse("--quick --svg a.svg") else {
            panic!("no comparison");
        };
        assert_eq!((settings.rounds, settings.svg), (1, Some("a.svg".into())));
        for (line, message) in [
            ("--rounds", "--rounds needs a value"),
            ("--rounds 0", "\"0\" is not a whole number"),
            ("--loud", "unexpected argument \"--loud\""),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(message), "{line}: {error:?}");
        }
    }
}

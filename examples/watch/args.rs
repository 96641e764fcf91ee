//! The command line.

use crate::day::contender::Contender;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Shows pools at work.

Usage: cargo run --release --example watch [-- OPTIONS]

  --seconds N   the live view: end after N seconds [no end]
  --day         instead, compare the memory of a service over one day
  --seconds N   with --day: a day takes N seconds, 1 to 86400 [180]
  --svg FILE    with --day: write the picture to FILE
  --help        print this
";

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// Print [`HELP`].
    Help,
    /// The live view.
    Live { seconds: Option<u64> },
    /// One day with each contender.
    Day { seconds: Duration, svg: Option<PathBuf> },
    /// One day with this contender, its figures as JSON.
    Child { contender: Contender, seconds: Duration },
}

/// Reads the arguments that follow the program's name.
///
/// # Errors
///
/// A sentence that says which argument is wrong, and why.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut seconds, mut svg, mut is_day, mut child) = (None, None, false, None);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--day" => is_day = true,
            "--seconds" => seconds = Some(whole(&value()?)?),
            "--svg" => svg = Some(PathBuf::from(value()?)),
            "--child" => {
                let name = value()?;
                let found = Contender::ALL.into_iter().find(|one| one.name() == name);
                child = Some(found.ok_or_else(|| format!("--child {name:?} is not known"))?);
            }
            other => return Err(format!("unknown argument {other:?}")),
        }
    }
    if svg.is_some() && !is_day {
        return Err("--svg needs --day".into());
    }
    if !is_day && child.is_none() {
        return Ok(Command::Live { seconds });
    }
    let seconds = seconds.unwrap_or(180);
    if !(1..=86_400).contains(&seconds) {
        return Err(format!("a day of {seconds} seconds: 1 to 86400 can be had"));
    }
    let seconds = Duration::from_secs(seconds);
    match child {
        Some(contender) => Ok(Command::Child { contender, seconds }),
        None => Ok(Command::Day { seconds, svg }),
    }
}

fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("--seconds {text:?} is not a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        super::parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn arguments_are_read() {
        let seconds = Duration::from_secs;
        assert_eq!(parse(""), Ok(Command::Live { seconds: None }));
        assert_eq!(parse("--seconds 4"), Ok(Command::Live { seconds: Some(4) }));
        assert_eq!(parse("--day"), Ok(Command::Day { seconds: seconds(180), svg: None }));
        let svg = Some(PathBuf::from("a.svg"));
        let day = Command::Day { seconds: seconds(9), svg };
        assert_eq!(parse("--svg a.svg --seconds 9 --day"), Ok(day));
        assert_eq!(parse("--day -h --wrong"), Ok(Command::Help));
        for contender in Contender::ALL {
            let line = ["--child", contender.name(), "--seconds", "1"].map(String::from);
            let child = Command::Child { contender, seconds: seconds(1) };
            assert_eq!(super::parse(line.into_iter()), Ok(child));
        }
    }

    #[test]
    fn a_mistake_is_named() {
        for (line, message) in [
            ("--nonsense", "unknown argument \"--nonsense\""),
            ("7", "unknown argument \"7\""),
            ("--seconds", "--seconds needs a value"),
            ("--seconds soon", "--seconds \"soon\" is not a whole number"),
            ("--seconds -1", "is not a whole number"),
            ("--day --svg", "--svg needs a value"),
            ("--svg a.svg", "--svg needs --day"),
            ("--day --seconds 0", "a day of 0 seconds"),
            ("--day --seconds 86401", "a day of 86401 seconds"),
            ("--child jemalloc", "--child \"jemalloc\" is not known"),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.contains(message), "{line}: {error}");
        }
    }
}

//! The command line that all programs share.

use crate::program::Program;
use std::fmt::Write;
use std::time::Duration;

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// Print [`help`].
    Help,
    /// One run, its figures as JSON.
    Child { scenario: String, contender: String, duration: Duration },
    /// Compare all that is chosen.
    Compare(Choice),
}

/// What to compare, and for how long.
#[derive(Debug, PartialEq)]
pub(crate) struct Choice {
    /// Of these scenarios; of all if empty.
    pub(crate) scenarios: Vec<String>,
    /// Of these contenders; of all if empty.
    pub(crate) contenders: Vec<String>,
    /// Of a contender in a scenario, all rounds together.
    pub(crate) duration: Duration,
    /// How often they take turns.
    pub(crate) rounds: u32,
    /// Tables for a page.
    pub(crate) markdown: bool,
}

/// What `--help` prints.
pub(crate) fn help(program: &Program) -> String {
    let name = program.name;
    let mut text = format!(
        "{}\n\
         Usage: cargo run --release --example {name} [-- OPTIONS]\n\n\
         \x20 --seconds N        seconds of each contender in each scenario, 1 to 3600 [6]\n\
         \x20 --rounds N         in so many turns, 1 to 100 [3]\n\
         \x20 --quick            a tenth of a second, one turn: does it run at all?\n\
         \x20 --scenario NAME    only this one; may be repeated\n\
         \x20 --contender NAME   only this one; may be repeated\n\
         \x20 --markdown         tables for a page\n\
         \x20 --help             print this\n\nScenarios:\n",
        program.about
    );
    for scenario in program.scenarios {
        let _infallible = writeln!(text, "  {:18} {}", scenario.name, scenario.about);
    }
    text.push_str("\nContenders:\n");
    for contender in program.contenders {
        let _infallible = writeln!(text, "  {contender}");
    }
    text
}

/// Reads the arguments that follow the program's name.
///
/// # Errors
///
/// A sentence that says which argument is wrong, and why.
pub(crate) fn parse(
    program: &Program,
    mut args: impl Iterator<Item = String>,
) -> Result<Command, String> {
    let mut choice = Choice {
        scenarios: Vec::new(),
        contenders: Vec::new(),
        duration: Duration::from_secs(6),
        rounds: 3,
        markdown: false,
    };
    let scenarios = program.scenarios.iter().map(|scenario| scenario.name);
    let scenarios: Vec<_> = scenarios.collect();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--seconds" => {
                choice.duration = Duration::from_secs(whole(&arg, &value()?, 3600)?);
            }
            "--rounds" => choice.rounds = whole(&arg, &value()?, 100)? as u32,
            "--quick" => {
                choice.duration = Duration::from_millis(100);
                choice.rounds = 1;
            }
            "--scenario" => choice.scenarios.push(known(&arg, value()?, &scenarios)?),
            "--contender" => choice.contenders.push(known(&arg, value()?, program.contenders)?),
            "--markdown" => choice.markdown = true,
            "--child" => {
                return Ok(Command::Child {
                    scenario: known(&arg, value()?, &scenarios)?,
                    contender: known(&arg, value()?, program.contenders)?,
                    duration: Duration::from_millis(whole(&arg, &value()?, 3_600_000)?),
                });
            }
            _ if arg.starts_with('-') => return Err(format!("unknown option {arg}")),
            _ => return Err(format!("unexpected argument {arg:?}")),
        }
    }
    Ok(Command::Compare(choice))
}

fn known(option: &str, name: String, names: &[&str]) -> Result<String, String> {
    if names.contains(&name.as_str()) {
        return Ok(name);
    }
    Err(format!("{option} {name:?} is none of: {}", names.join(", ")))
}

fn whole(name: &str, text: &str, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|n| (1..=most).contains(n));
    number.ok_or_else(|| format!("{name} {text:?} is not a whole number from 1 to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Scenario;

    const PROGRAM: Program = Program {
        name: "example",
        about: "Shows something.\n",
        unit: "things",
        scenarios: &[Scenario { name: "steady", about: "nothing changes" }],
        contenders: &["stealpool", "no pool"],
        run: |_| None,
    };

    #[test]
    fn arguments_are_read_and_mistakes_named() {
        let parse = |text: &[&str]| super::parse(&PROGRAM, text.iter().map(|s| s.to_string()));
        let Ok(Command::Compare(choice)) =
            parse(&["--seconds", "4", "--rounds", "2", "--contender", "no pool"])
        else {
            panic!("no comparison");
        };
        assert_eq!((choice.duration.as_secs(), choice.rounds), (4, 2));
        assert_eq!(choice.contenders, ["no pool"]);
        assert!(matches!(parse(&["--child", "steady", "no pool", "5"]), Ok(Command::Child { .. })));
        assert_eq!(parse(&["-h"]), Ok(Command::Help));
        assert!(help(&PROGRAM).contains("steady"));
        for (line, message) in [
            (&["--nonsense"][..], "unknown option --nonsense"),
            (&["loud"], "unexpected argument \"loud\""),
            (&["--seconds"], "--seconds needs a value"),
            (&["--seconds", "0"], "not a whole number from 1 to 3600"),
            (&["--scenario", "calm"], "is none of: steady"),
            (&["--child", "steady"], "--child needs a value"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(message), "{line:?}: {error:?}");
        }
    }
}

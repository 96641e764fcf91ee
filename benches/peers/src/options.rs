//! The command line.

use crate::work::WORKS;
use std::path::PathBuf;

const HELP: &str = "\
usage: cargo run --release -p stealpool-peers -- [OPTIONS]

  --quick          3 rounds of short samples and no instruction counts: two minutes
  --only WORK      one work (see --list); may be given several times
  --rounds N       so many rounds (9)
  --json FILE      where the figures go (target/peers.json)
  --compare FILE   prints what has changed since an earlier run
  --write          writes docs/benchmarks.md and docs/plots/ (a whole run does)
  --into FILE      puts the works of this run into an earlier one, and writes the page of both
  --list           the works
  --help           this

STEALPOOL_GO names the go to use, if it is not on the path.
";

#[derive(Debug, Default, PartialEq)]
pub struct Options {
    pub quick: bool,
    pub only: Vec<String>,
    pub rounds: Option<usize>,
    pub json: Option<PathBuf>,
    pub compare: Option<PathBuf>,
    pub write: bool,
    pub into: Option<PathBuf>,
    /// For callgrind: the work, the contender, and how many objects.
    pub count: Option<(String, String, u64)>,
}

impl Options {
    /// Whether this work was asked for.
    pub fn wants(&self, work: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == work)
    }
}

/// Works that are not timed.
pub const OTHERS: [(&str, &str); 3] = [
    ("latency", "percentiles of a get while another thread frees"),
    ("kept", "what is idle after a burst, by steps of ageing and over time"),
    ("turns", "objects made and kept by threads in turn, and by all at once"),
];

/// What the arguments ask for: options, or a text to print.
pub fn parse(
    arguments: impl IntoIterator<Item = String>,
) -> Result<Result<Options, String>, String> {
    let mut options = Options::default();
    let mut arguments = arguments.into_iter();
    let works = || WORKS.iter().chain(&OTHERS);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(Err(HELP.to_string())),
            "--list" => {
                let line = |(name, what): &(&str, &str)| format!("{name:12} {what}\n");
                return Ok(Err(works().map(line).collect()));
            }
            "--quick" => options.quick = true,
            "--write" => options.write = true,
            "--only" => {
                let name = value()?;
                if !works().any(|(work, _)| *work == name) {
                    return Err(format!("there is no work {name:?}; see --list"));
                }
                options.only.push(name);
            }
            "--rounds" => options.rounds = Some(number(&value()?)? as usize),
            "--json" => options.json = Some(value()?.into()),
            "--into" => options.into = Some(value()?.into()),
            "--compare" => options.compare = Some(value()?.into()),
            "--count" => options.count = Some((value()?, value()?, number(&value()?)?)),
            _ => return Err(format!("unknown argument {argument:?}; see --help")),
        }
    }
    Ok(Ok(options))
}

fn number(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or(format!("{text:?} is not a number of at least 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Result<Options, String>, String> {
        parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn arguments_are_understood_or_refused() {
        let options = parsed("--quick --only pair --rounds 5 --json x");
        let options = options.unwrap().unwrap();
        assert!(options.quick && options.only == ["pair"] && options.rounds == Some(5));
        assert!(options.wants("pair") && !options.wants("burst"));
        assert_eq!(parsed("").unwrap().unwrap(), Options::default());
        assert!(parsed("--help").unwrap().is_err());
        for wrong in ["--only nothing", "--only", "--rounds 0", "--rounds x", "x"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}

//! A program: its command line, its rounds, its tables.

use crate::args::{self, Choice, Command};
use crate::child;
use crate::figures::Figures;
use crate::table;
use std::process::ExitCode;
use std::time::Duration;

/// What a program compares.
#[derive(Debug)]
pub struct Program {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows, for `--help`: whole lines.
    pub about: &'static str,
    /// What an operation is called, in the plural.
    pub unit: &'static str,
    /// In the order in which they run.
    pub scenarios: &'static [Scenario],
    /// The first is what the others are measured against.
    pub contenders: &'static [&'static str],
    /// Runs one contender once; `None` where it has no part in a scenario.
    pub run: fn(&Job<'_>) -> Option<Figures>,
}

/// Something that a contender is put through.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens in it, in a line.
    pub about: &'static str,
}

/// One run of one contender.
#[derive(Debug)]
pub struct Job<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// Name of the contender.
    pub contender: &'a str,
    /// Time under load.
    pub duration: Duration,
}

impl Program {
    /// Does what the command line says.
    #[must_use]
    pub fn main(&self) -> ExitCode {
        let command = match args::parse(self, std::env::args().skip(1)) {
            Ok(command) => command,
            Err(message) => {
                eprintln!("{}: {message}; --help tells what there is", self.name);
                return ExitCode::from(2);
            }
        };
        let done = match command {
            Command::Help => {
                print!("{}", args::help(self));
                Ok(())
            }
            Command::Child { scenario, contender, duration } => {
                let job = Job { scenario: &scenario, contender: &contender, duration };
                child::answer((self.run)(&job).as_ref())
            }
            Command::Compare(choice) => self.compare(&choice),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                eprintln!("{}: {message}", self.name);
                ExitCode::FAILURE
            }
        }
    }

    fn compare(&self, choice: &Choice) -> Result<(), String> {
        if cfg!(debug_assertions) {
            eprintln!("{}: without --release the figures mean little", self.name);
        }
        let picked =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
        let scenarios = self.scenarios.iter();
        for scenario in scenarios.filter(|scenario| picked(&choice.scenarios, scenario.name)) {
            let contenders = self.contenders.iter().copied();
            let contenders: Vec<_> =
                contenders.filter(|contender| picked(&choice.contenders, contender)).collect();
            let mut runs = vec![Vec::new(); contenders.len()];
            for round in 0..choice.rounds as usize {
                // Each begins a round in turn.
                for place in 0..contenders.len() {
                    let at = (place + round) % contenders.len();
                    let job = Job {
                        scenario: scenario.name,
                        contender: contenders[at],
                        duration: choice.duration / choice.rounds,
                    };
                    runs[at].extend(child::run(&job)?);
                }
            }
            let columns = contenders.iter().zip(&runs);
            let columns: Vec<_> = columns
                .filter_map(|(name, rounds)| Some((*name, Figures::merge(rounds)?)))
                .collect();
            let text = table::render(scenario, self.unit, &columns, choice.markdown);
            println!("{text}");
        }
        Ok(())
    }
}

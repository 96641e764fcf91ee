//! Go's `sync.Pool`: a program of `benches/go` that does what it is told, a line at a time, so that it
//! takes its turn among the others.

use crate::kept::Kept;
use crate::latency::Latency;
use crate::measure::{Case, Sample, Suite};
use crate::turns::{Effort, Turns};
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

pub const NAME: &str = "Go sync.Pool";

/// Names the `go` to use.
const VARIABLE: &str = "STEALPOOL_GO";

/// The program, waiting for a line.
pub struct Go {
    child: Child,
    say: Option<ChildStdin>,
    hear: BufReader<ChildStdout>,
    pub version: String,
}

impl Go {
    /// Builds the program in `directory` and starts it. Says why it cannot.
    pub fn start(sources: &Path, directory: &Path) -> Result<Rc<RefCell<Go>>, String> {
        let go = std::env::var(VARIABLE).unwrap_or_else(|_| "go".to_string());
        let program = directory.join("peers-go");
        let built = Command::new(&go)
            .args(["build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(sources)
            .output()
            .map_err(|_| format!("not run: no {go:?} on the path; {VARIABLE} may name one"))?;
        if !built.status.success() {
            let message = String::from_utf8_lossy(&built.stderr);
            return Err(format!("not run: it cannot be built: {}", message.trim()));
        }
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("not run: {error}"))?;
        let (say, hear) = (child.stdin.take(), child.stdout.take());
        let mut go = Go {
            child,
            say,
            hear: BufReader::new(hear.expect("a pipe was asked for")),
            version: String::new(),
        };
        go.version = go.ask("version")?;
        Ok(Rc::new(RefCell::new(go)))
    }

    fn ask(&mut self, request: &str) -> Result<String, String> {
        let mut answer = String::new();
        let say = self.say.as_mut().expect("open until it is dropped");
        writeln!(say, "{request}")
            .and_then(|()| say.flush())
            .and_then(|()| self.hear.read_line(&mut answer))
            .map_err(|error| format!("Go's program has ended: {error}"))?;
        match answer.trim() {
            "" => Err(format!("Go's program does not answer {request:?}")),
            answer => Ok(answer.to_string()),
        }
    }

    fn sample(&mut self, work: &str, objects: u64) -> Result<Sample, String> {
        let answer = self.ask(&format!("time\t{work}\t{objects}"))?;
        let figures = answer
            .split_once(' ')
            .and_then(|(nanos, created)| Some((nanos.parse().ok()?, created.parse().ok()?)));
        let (nanos, created) = figures.ok_or(format!("Go's program answers {answer:?}"))?;
        Ok(Sample { time: Duration::from_nanos(nanos), created: Some(created) })
    }

    pub fn latency(&mut self, rounds: usize) -> Result<Latency, String> {
        let answer = self.ask(&format!("latency\t{rounds}"))?;
        serde_json::from_str(&answer).map_err(|error| format!("{answer:?}: {error}"))
    }

    pub fn kept(&mut self) -> Result<Kept, String> {
        let answer = self.ask("kept")?;
        serde_json::from_str(&answer).map_err(|error| format!("{answer:?}: {error}"))
    }

    pub fn turns(&mut self, work: &str, threads: usize, effort: &Effort) -> Result<Turns, String> {
        let (rounds, millis) = (effort.rounds, effort.long.as_millis());
        let answer = self.ask(&format!("turns\t{work}\t{threads}\t{rounds}\t{millis}"))?;
        serde_json::from_str(&answer).map_err(|error| format!("{answer:?}: {error}"))
    }
}

impl Drop for Go {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.say.take());
        let _status = self.child.wait();
    }
}

/// Adds Go to every work of a suite, or why it does not run.
pub fn add(suite: &mut Suite, go: &Result<Rc<RefCell<Go>>, String>) {
    let mut works: Vec<(String, Option<u64>, u32)> = Vec::new();
    for case in &suite.cases {
        if works.iter().all(|(work, ..)| *work != case.work) {
            works.push((case.work.clone(), case.fixed, case.longer));
        }
    }
    for (work, fixed, longer) in works {
        match go {
            Err(why) => suite.absent(&work, NAME, why),
            Ok(go) => {
                let go = Rc::clone(go);
                let name = work.clone();
                let run = Box::new(move |objects| {
                    let sample = go.borrow_mut().sample(&name, objects);
                    sample.expect("Go's program knows the work")
                });
                suite.add(Case { work, contender: NAME, fixed, longer, run });
            }
        }
    }
}

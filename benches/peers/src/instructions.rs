//! Instructions that an object costs, counted by callgrind, and how many of them lock the bus.
//!
//! This program runs itself under valgrind for one case, with two numbers of objects; the difference is
//! what the objects in between cost. Times are noisy, this is not.

use crate::measure::{Row, progress};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FEW: u64 = 2_000;
const MANY: u64 = 12_000;

/// Whether the case runs on one thread, so that its instructions can be told, and they tell something.
fn counts(row: &Row) -> bool {
    let alone = ["pair", "burst", "pools"];
    let alone = alone.iter().any(|work| row.work.starts_with(work));
    // Of a megabyte the use is all that counts, and it takes long to count.
    let much = row.work.contains("1 MiB") || row.work.contains("zeros");
    alone && !much && row.time.is_ok() && row.contender != crate::go::NAME
}

/// Counts for all rows that can be counted; why not, if valgrind is not there.
pub fn count(rows: &mut [Row], directory: &Path) -> Result<(), String> {
    Command::new("valgrind")
        .arg("--version")
        .output()
        .map_err(|_| "instructions are not counted: no valgrind on the path".to_string())?;
    let locks = locking(&std::env::current_exe().map_err(|error| error.to_string())?)?;
    let mut wanted: Vec<&mut Row> = rows.iter_mut().filter(|row| counts(row)).collect();
    let total = wanted.len();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for (done, part) in wanted.chunks_mut(threads).enumerate() {
        progress("counting", done * threads, total, &part[0].work);
        std::thread::scope(|scope| {
            for row in part {
                let locks = &locks;
                scope.spawn(move || {
                    let few = run(row, FEW, directory, locks);
                    let many = run(row, MANY, directory, locks);
                    let objects = (MANY - FEW) as f64;
                    if let Some((few, many)) = few.zip(many) {
                        row.instructions = Some((many.0 - few.0) as f64 / objects);
                        row.locked = Some((many.1 - few.1) as f64 / objects);
                    }
                });
            }
        });
    }
    progress("counted", total, total, "");
    Ok(())
}

/// All instructions of one case with so many objects, and those that lock.
fn run(row: &Row, objects: u64, directory: &Path, locks: &Locks) -> Option<(u64, u64)> {
    let name = format!("{}.{}.{objects}", row.work, row.contender);
    let name: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let out: PathBuf = directory.join(format!("callgrind.{name}"));
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--dump-instr=yes"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().ok()?)
        .args(["--count", &row.work, &row.contender, &objects.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let text = std::fs::read_to_string(&out).ok()?;
    let _gone = std::fs::remove_file(&out);
    status.ok()?.success().then(|| sum(&text, locks))
}

/// Addresses of locking instructions in a file, and the file's name as callgrind has it.
struct Locks {
    object: String,
    at: HashSet<u64>,
}

/// What locks the bus in a program: what says so, and exchanges with memory, which do so unsaid.
fn locking(program: &Path) -> Result<Locks, String> {
    let output = Command::new("objdump")
        .args(["-d", "--no-show-raw-insn", "-M", "intel"])
        .arg(program)
        .output()
        .map_err(|_| "instructions are not counted: no objdump on the path".to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let at = text.lines().filter_map(|line| {
        let (address, code) = line.split_once(':')?;
        let code = code.trim();
        let locks = code.starts_with("lock") || (code.starts_with("xchg") && code.contains('['));
        locks.then(|| u64::from_str_radix(address.trim(), 16).ok())?
    });
    Ok(Locks { object: program.display().to_string(), at: at.collect() })
}

/// The sums of callgrind's output: all instructions, and those at the addresses of this program that
/// lock. See "callgrind format specification" in valgrind's manual.
fn sum(text: &str, locks: &Locks) -> (u64, u64) {
    let (mut all, mut locked) = (0, 0);
    let (mut here, mut address) = (false, 0u64);
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut of_a_call = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("ob=") {
            // `(2) /path` the first time, `(2)` after that.
            let (id, path) = name.split_once(' ').unwrap_or((name, ""));
            if !path.is_empty() {
                names.insert(id, path);
            }
            here = names.get(id).is_some_and(|path| *path == locks.object);
        } else if let Some(name) = line.strip_prefix("cob=") {
            if let Some((id, path)) = name.split_once(' ') {
                names.insert(id, path);
            }
        } else if line.starts_with("calls=") {
            of_a_call = true;
        } else if line.starts_with(['0', '+', '-', '*']) {
            let mut words = line.split(' ');
            let position = words.next().unwrap_or("");
            // Positions may be relative to the last one.
            address = match position.split_at(1) {
                ("*", _) => address,
                ("+", by) => address.wrapping_add(number(by)),
                ("-", by) => address.wrapping_sub(number(by)),
                _ => number(position),
            };
            let cost = words.nth(1).and_then(|cost| cost.parse().ok()).unwrap_or(0);
            // The line after `calls=` has the cost of what was called, counted there.
            if !std::mem::take(&mut of_a_call) {
                all += cost;
                if here && locks.at.contains(&address) {
                    locked += cost;
                }
            }
        }
    }
    (all, locked)
}

fn number(text: &str) -> u64 {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    }
    .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_summed_without_those_of_calls() {
        let text = "\
positions: instr line
events: Ir
ob=(1) /libc
fn=(1) malloc
0x10 3 5
ob=(2) /me
fn=(2) main
0x20 7 100
+4 8 3
cob=(1)
cfn=(1)
calls=2 0x10
* 8 10
+3 * 1
ob=(1)
0x24 1 9
";
        let locks = Locks { object: "/me".into(), at: HashSet::from([0x24]) };
        assert_eq!(sum(text, &locks), (5 + 100 + 3 + 1 + 9, 3));
    }
}

//! How does a parser that may fail anywhere give back all that it borrowed?
//!
//! The program reads a JSON array of any length, one element at a time, and says what is in it. Its
//! buffers and records come from pools, and the guards bring them back: after the last record, and
//! after an error in the middle of one.
//!
//! `cargo run --release --example streaming_json -- FILE`, or `-` for standard input:
//!
//! ```text
//! cat examples/data/*.json | paste -sd, - | sed 's/.*/[&]/' |
//!     cargo run --release --example streaming_json -- -
//! ```

mod parser;

use parser::{Error, Pools, Records, Value};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: streaming_json FILE   (a JSON array; - is standard input)";

/// Members that the printed table names.
const ROWS: usize = 16;

static POOLS: Pools = Pools::new();

/// What has been seen.
#[derive(Default)]
struct Tally {
    records: u64,
    fields: u64,
    values: u64,
    deepest: usize,
    /// How often each member of a record has each kind of value.
    members: BTreeMap<String, [u64; KINDS.len()]>,
}

const KINDS: [&str; 6] = ["null", "bool", "number", "string", "array", "object"];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (name, rest) = (args.next(), args.next());
    let name = match (name, rest) {
        (Some(flag), None) if flag == "--help" || flag == "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        (Some(name), None) if name == "-" || !name.starts_with('-') => name,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let opened: io::Result<Box<dyn Read>> = match name.as_str() {
        "-" => Ok(Box::new(io::stdin().lock())),
        path => File::open(path).map(|file| Box::new(file) as _),
    };
    let reader = match opened {
        Ok(reader) => reader,
        Err(error) => {
            eprintln!("streaming_json: cannot open {name}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let start = Instant::now();
    let mut tally = Tally::default();
    let mut records = Records::new(reader, &POOLS);
    let done = tally.take(&mut records);
    let text = result(&tally, records.bytes(), start.elapsed());
    // Whoever reads this may have stopped reading.
    let _ = io::stdout().write_all(text.as_bytes());
    if let Err(error) = done {
        eprintln!("streaming_json: {name}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

impl Tally {
    fn take(&mut self, records: &mut Records<'_, impl Read>) -> Result<(), Error> {
        for record in records {
            let record = record?;
            self.records += 1;
            self.fields += record.fields() as u64;
            for (depth, _, _) in record.values() {
                self.values += 1;
                self.deepest = self.deepest.max(depth);
            }
            for (name, value) in record.members() {
                let kind = kind(value);
                match self.members.get_mut(name) {
                    Some(counts) => counts[kind] += 1,
                    None => {
                        let mut counts = [0; KINDS.len()];
                        counts[kind] = 1;
                        self.members.insert(name.to_owned(), counts);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The index of a value's kind in [`KINDS`].
fn kind(value: Value<'_>) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::Text(_) => 3,
        Value::Array => 4,
        Value::Object => 5,
    }
}

/// Writing to a String cannot fail, hence `let _` below.
fn result(tally: &Tally, bytes: u64, elapsed: Duration) -> String {
    let per_second = |count: u64| count as f64 / elapsed.as_secs_f64().max(1e-9);
    let mut text = String::new();
    let mut line = |name: &str, count: u64, remark: &str| {
        let _ = writeln!(text, "{name:10} {count:>12}   {remark}");
    };
    line("records", tally.records, &format!("{:.0} a second", per_second(tally.records)));
    line("fields", tally.fields, "members of objects at any depth");
    line("values", tally.values, &format!("nested at most {} deep", tally.deepest));
    line("bytes", bytes, &format!("{:.1} MB a second", per_second(bytes) / 1e6));

    let mut members: Vec<_> = tally.members.iter().collect();
    members.sort_by_key(|(name, counts)| (Reverse(counts.iter().sum::<u64>()), *name));
    if !members.is_empty() {
        let _ = writeln!(text, "\n{:28}{}", "members of records", cells(&KINDS));
    }
    for (name, counts) in members.iter().take(ROWS) {
        let shown = counts.map(|count| if count == 0 { ".".to_owned() } else { count.to_string() });
        let _ = writeln!(text, "{:28}{}", name.escape_debug().to_string(), cells(&shown));
    }
    if members.len() > ROWS {
        let _ = writeln!(text, "and {} more names", members.len() - ROWS);
    }
    let _ = writeln!(text, "\nchunks   {}", POOLS.chunks.stats());
    let _ = writeln!(text, "tokens   {}", POOLS.tokens.stats());
    let _ = writeln!(text, "records  {}", POOLS.records.stats());
    text
}

fn cells(texts: &[impl Display]) -> String {
    texts.iter().map(|text| format!("{text:>9}")).collect()
}

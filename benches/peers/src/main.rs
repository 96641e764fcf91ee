//! stealpool against Go's pool, the pools of others, shelves of one's own and allocators, on the same
//! work.
//!
//! See `--help`.

mod anew;
mod bars;
mod contenders;
mod crew;
mod floor;
mod go;
mod heap;
mod instructions;
mod kept;
mod latency;
mod measure;
mod options;
mod owned;
mod page;
mod peers;
mod plot;
mod report;
mod reserve;
mod shelf;
mod thing;
mod tradeoff;
mod turns;
mod work;

use go::Go;
use measure::Suite;
use options::Options;
use report::Run;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

fn main() -> ExitCode {
    let done = match options::parse(std::env::args().skip(1)) {
        Ok(Ok(options)) => match &options.count {
            Some((work, contender, objects)) => once(work, contender, *objects),
            None => run(&options),
        },
        Ok(Err(text)) => {
            print!("{text}");
            Ok(())
        }
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one case, to be counted from outside.
fn once(work: &str, contender: &str, objects: u64) -> Result<(), String> {
    let family = work.split(',').next().unwrap_or(work);
    let mut suite = Suite::default();
    work::add(&mut suite, family);
    let mut cases = suite.cases.into_iter();
    let case = cases.find(|case| case.work == work && case.contender == contender);
    let mut case = case.ok_or(format!("no case {work:?} of {contender:?}"))?;
    (case.run)(objects);
    Ok(())
}

fn run(options: &Options) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let beside = program.parent().unwrap_or(Path::new("."));
    // Read before anything is measured: a wrong name should not cost a run.
    let old = options.compare.as_deref().map(report::read).transpose()?;
    let earlier = options.into.as_deref().map(report::read).transpose()?;
    let (rounds, sample) = if options.quick { (3, 4) } else { (9, 10) };
    let rounds = options.rounds.unwrap_or(rounds);
    let go = Go::start(&root.join("benches/go"), beside);
    if let Err(why) = &go {
        eprintln!("{}: {why}", go::NAME);
    }
    let mut run = Run { about: page::machine(&root, rounds, &go), ..Run::default() };
    for (name, _) in work::WORKS.iter().filter(|(name, _)| options.wants(name)) {
        let mut suite = Suite::default();
        work::add(&mut suite, name);
        go::add(&mut suite, &go);
        let sample = Duration::from_millis(sample);
        run.rows.extend(measure::measure(&mut suite, rounds, sample));
    }
    if options.wants("latency") {
        let rounds = if options.quick { 10 } else { 100 };
        measure::progress("latency", 0, 2, "");
        run.latencies = latency::all(rounds);
        measure::progress("latency", 1, 2, go::NAME);
        if let Ok(go) = &go {
            run.latencies.push(go.borrow_mut().latency(rounds)?);
        }
        measure::progress("latency", 2, 2, "");
    }
    if options.wants("kept") {
        run.kept = kept::all();
        if let Ok(go) = &go {
            run.kept.push(go.borrow_mut().kept()?);
        }
        run.worker = Some(kept::bytes_a_worker());
    }
    if options.wants("turns") {
        run.turns = turns::all_works(turns::Effort::new(options.quick), &go)?;
    }
    drop(go);
    if !options.quick
        && let Err(why) = instructions::count(&mut run.rows, beside)
    {
        eprintln!("{why}");
    }
    print!("{}", report::text(&run));
    if let Some(earlier) = earlier {
        run = earlier.with_works_of(run);
    }
    let json = options.json.clone();
    run.save(&json.unwrap_or_else(|| root.join("target/peers.json")))?;
    if let Some(old) = old {
        print!("{}", report::compare(&old.rows, &run.rows));
    }
    if options.write || options.into.is_some() || (options.only.is_empty() && !options.quick) {
        page::write(&root, &run)?;
    }
    Ok(())
}

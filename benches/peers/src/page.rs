//! The page that a whole run writes, with its plots.

use crate::bars;
use crate::go::Go;
use crate::plot;
use crate::report::{Run, THEIRS, all_details, overviews};
use crate::tradeoff;
use crate::turns;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// A file, and the folders above it.
pub fn put(path: &Path, text: &str) -> Result<(), String> {
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Works with a plot.
const PLOTTED: [(&str, &str); 11] = [
    ("pair", "pair, Vec of 1 KiB"),
    ("burst", "burst, hold 100"),
    ("starvation", "starvation"),
    ("expensive", "expensive, 32 threads in turn"),
    ("transfer", "transfer, 1 to 1"),
    ("threads", "threads, 2"),
    ("owned", "owned, 2"),
    ("pools", "pools, 100 in turn"),
    ("miss", "miss, 1000 threads"),
    ("cycle", "cycle, then hold 1"),
    (THEIRS, "theirs, lockfree-object-pool: forward 5 to 5"),
];

/// `docs/benchmarks.md` and `docs/plots/`.
pub fn write(root: &Path, run: &Run) -> Result<(), String> {
    let plots = root.join("docs/plots");
    for (name, work) in PLOTTED {
        if run.rows.iter().any(|row| row.work == work) {
            put(&plots.join(format!("{name}.svg")), &plot::bars(&run.rows, work))?;
        }
    }
    if !run.latencies.is_empty() {
        put(&plots.join("latency.svg"), &plot::latency(&run.latencies))?;
    }
    if !run.kept.is_empty() {
        put(&plots.join("kept.svg"), &plot::kept(&run.kept))?;
    }
    if !run.turns.is_empty() {
        for (name, works) in turns::plot::PLOTTED {
            let svg = turns::plot::dots(&run.turns, &works);
            put(&plots.join(format!("{name}.svg")), &svg)?;
        }
    }
    if let Some(svg) = tradeoff::svg(run) {
        put(&plots.join("tradeoff.svg"), &svg)?;
    }
    let picture = |family: &str| {
        let said = PLOTTED.iter().find(|(name, _)| *name == family);
        let said = said.map_or(family, |(_, work)| *work);
        format!("![{said}](plots/{family}.svg)\n")
    };
    let page = format!(
        "{}\n{}\n## The bars\n\n{}\n{}\n## The works\n\n{}## Everything\n\n{}",
        include_str!("preamble.md"),
        run.about,
        escaped(&bars::table(run)),
        include_str!("bars.md"),
        escaped(&overviews(run, picture)),
        escaped(&all_details(run))
    );
    put(&root.join("docs/benchmarks.md"), &format!("{}\n", page.trim_end()))
}

/// A table whose names are no tags.
fn escaped(table: &str) -> String {
    table.replace('<', "&lt;").replace('>', "&gt;")
}

/// Where and with what the figures are made.
pub fn machine(root: &Path, rounds: usize, go: &Result<Rc<RefCell<Go>>, String>) -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let compiler = std::process::Command::new("rustc").arg("--version").output();
    let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    let version = |name: &str| {
        let wanted = format!("name = {name:?}");
        let mut lines = lock.lines().skip_while(|line| *line != wanted);
        let version = lines.nth(1).and_then(|line| line.split('"').nth(1));
        format!("{name} {}", version.unwrap_or("?"))
    };
    let versions = [
        "bytes",
        "crossbeam-queue",
        "deadpool",
        "lockfree-object-pool",
        "mimalloc",
        "object-pool",
        "opool",
        "poolshark",
        "regex-automata",
        "sharded-slab",
        "snmalloc-rs",
        "thread_local",
        "tikv-jemallocator",
        "zeropool",
    ]
    .map(version);
    let go = match go {
        Ok(go) => go.borrow().version.clone(),
        Err(why) => format!("Go {why}"),
    };
    format!(
        "{cores} cores of {}, {} {}; {}; {go}; {rounds} rounds. {}.\n",
        model.unwrap_or("an unknown processor"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        compiler.as_deref().map_or("an unknown compiler", str::trim),
        versions.join(", ")
    )
}

//! A day of load for a small service, once with each contender, each time in a process of its own.
//!
//! The service has 128 threads. Each request takes a buffer for its body and one for its answer, fills them, and sleeps
//! in between, as for a database and for a slow client. No sockets: what is compared is memory. The load is the same for
//! all (`load`), and so are the buffers, the threads and the allocator. The two pools drop a buffer that has grown
//! beyond 1 MiB. The collector runs a cycle in each minute of the day. (Its default of 10 s, scaled like the day, would be
//! six in each minute.)

pub(crate) mod contender;
mod load;
mod plot;
mod service;
mod table;

use contender::Contender;
use service::Run;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// One day with each contender, the table, and the picture if there is a file for it.
pub(crate) fn compare(seconds: Duration, svg: Option<&Path>) -> io::Result<()> {
    let named = |path: &Path, error: io::Error| {
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    if let Some(path) = svg {
        // Before the days, not after them.
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.map_err(|error| named(path, error))?;
    }
    let mut runs = Vec::new();
    for contender in Contender::ALL {
        eprintln!("{}: a day of {} s", contender.name(), seconds.as_secs());
        runs.push(in_child(contender, seconds)?);
    }
    if runs.iter().any(|run| run.requests != runs[0].requests) {
        return Err(io::Error::other("the days differ in the requests served"));
    }
    if let Some(path) = svg {
        std::fs::write(path, plot::svg(&runs)).map_err(|error| named(path, error))?;
    }
    io::stdout().lock().write_all(table::table(&runs).as_bytes())
}

/// One day in this process. The figures go to who started it.
pub(crate) fn child(contender: Contender, seconds: Duration) -> io::Result<()> {
    let run = service::run(contender, seconds)?;
    writeln!(io::stdout().lock(), "{}", serde_json::to_string(&run)?)
}

/// Runs this very program for one contender.
fn in_child(contender: Contender, seconds: Duration) -> io::Result<Run> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--child", contender.name(), "--seconds", &seconds.as_secs().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        let message = format!("the day of {:?} failed: {}", contender.name(), output.status);
        return Err(io::Error::other(message));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

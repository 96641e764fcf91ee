//! How many body buffers are in use over time: a trace for `benches/ageing`.

use crate::service::Service;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A line stands for so long.
const STEP: Duration = Duration::from_millis(100);

/// Records into a file, on a thread of its own, until the process ends.
pub(crate) fn start(file: &Path, service: Arc<Service>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(file)?);
    thread::spawn(move || {
        let mut next = Instant::now() + STEP;
        loop {
            let mut most = 0;
            while Instant::now() < next {
                most = most.max(service.bodies_in_use());
                thread::sleep(Duration::from_micros(200));
            }
            next += STEP;
            let written = writeln!(file, "{most}").and_then(|()| file.flush());
            if let Err(error) = written {
                eprintln!("json_service: cannot go on recording: {error}");
                return;
            }
        }
    });
    Ok(())
}

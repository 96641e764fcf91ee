//! A service in a process of its own, so that its memory and allocations are its own too.

use crate::service::Pooling;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// How a service announces its address on standard output.
pub(crate) const ANNOUNCEMENT: &str = "listening on http://";

/// A running service; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts this very program as a service on a free loopback port.
    ///
    /// # Errors
    ///
    /// The process cannot be started, or does not come up.
    pub(crate) fn start(pooling: Pooling) -> io::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([
                "--serve",
                "127.0.0.1:0",
                "--pooling",
                match pooling {
                    Pooling::Off => "off",
                    Pooling::Queue => "queue",
                    Pooling::On => "on",
                },
            ])
            // So that a slow client holds up the answer, and not the system.
            .args(["--send-buffer", "16384"])
            // Its standard input ends when this process does, however that comes about.
            .arg("--until-eof")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let address = line.trim().strip_prefix(ANNOUNCEMENT).and_then(|text| text.parse().ok());
        let Some(address) = address else {
            let _ = process.kill();
            let status = process.wait()?;
            return Err(io::Error::other(format!("the service did not come up: {status}")));
        };
        Ok(Server { process, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to save.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Ends the process when standard input ends.
pub(crate) fn exit_at_eof() {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        std::process::exit(0);
    });
}

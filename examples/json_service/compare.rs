//! Measures pooling off against pooling on: the same code, requests and client, in turn.

use crate::args::Compare;
use crate::child::Server;
use crate::load::{self, Client, Outcome, Requests};
use crate::report;
use crate::service::Figures;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;

/// Rounds of each side.
pub(crate) const ROUNDS: u32 = 4;
/// Load before the first measured round of each side.
const WARM_UP: Duration = Duration::from_millis(500);

/// One of the two services, and what has been measured of it.
#[derive(Debug)]
pub(crate) struct Side {
    server: Server,
    /// Sum of the measured rounds.
    pub(crate) outcome: Outcome,
    /// Allocations and their bytes during the measured rounds.
    pub(crate) allocated: (u64, u64),
    /// Right after the last round, after one cycle, after two.
    pub(crate) after: Vec<Figures>,
}

/// Runs the comparison and prints the table.
///
/// # Errors
///
/// A sentence about what went wrong.
pub(crate) fn run(settings: &Compare) -> Result<(), String> {
    let requests = Requests::read(&settings.data).map_err(|error| {
        format!(
            "cannot read payloads in {}: {error}",
            settings.data.display()
        )
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the client: {error}"))?;
    let requests = Rc::new(requests);
    let measured = LocalSet::new().block_on(&runtime, measure(settings, &requests));
    let sides = measured.map_err(|error| format!("the run failed: {error}"))?;
    print!("{}", report::table(settings, &requests, &sides));
    Ok(())
}

async fn measure(settings: &Compare, requests: &Rc<Requests>) -> io::Result<[Side; 2]> {
    let mut sides = [Side::start(false)?, Side::start(true)?];
    for side in &mut sides {
        load::round(side.server.address, requests, settings.connections, WARM_UP).await?;
    }
    let duration = settings.load / (2 * ROUNDS);
    for round in 0..ROUNDS {
        for (side, mode) in sides.iter_mut().zip(["off", "on"]) {
            let before = side.figures("GET /stats").await?;
            let done = load::round(
                side.server.address,
                requests,
                settings.connections,
                duration,
            )
            .await?;
            let after = side.figures("GET /stats").await?;
            side.allocated.0 += after.allocations - before.allocations;
            side.allocated.1 += after.allocated_bytes - before.allocated_bytes;
            side.outcome.add(&done);
            let (round, rate) = (round + 1, done.rate());
            eprintln!("round {round} of {ROUNDS}, pooling {mode:3} {rate:8.0} requests/s");
        }
    }
    for side in &mut sides {
        for request in ["GET /stats", "POST /cycle", "POST /cycle"] {
            let figures = side.figures(request).await?;
            side.after.push(figures);
        }
    }
    Ok(sides)
}

impl Side {
    fn start(pooling: bool) -> io::Result<Self> {
        let server = Server::start(pooling)?;
        Ok(Side {
            server,
            outcome: Outcome::default(),
            allocated: (0, 0),
            after: Vec::new(),
        })
    }

    /// The answer to a request without a body.
    async fn figures(&self, request: &str) -> io::Result<Figures> {
        let request = format!("{request} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        let mut client = Client::connect(self.server.address).await?;
        let answer = client.exchange(request.as_bytes()).await?;
        Ok(serde_json::from_slice(answer)?)
    }
}

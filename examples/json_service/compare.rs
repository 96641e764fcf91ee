//! Measures pooling off against pooling on: the same code, requests and client, in turn.

use crate::args::Compare;
use crate::child::Server;
use crate::load::{self, Client, Outcome, Requests};
use crate::report;
use crate::service::{Figures, Pooling};
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;

/// The sides, as the table calls them.
pub(crate) const NAMES: [&str; 3] = ["no pool", "ArrayQueue", "stealpool"];
/// Rounds of each side.
pub(crate) const ROUNDS: u32 = 4;
/// Load before the first measured round of each side.
const WARM_UP: Duration = Duration::from_millis(500);

/// One of the three services, and what has been measured of it.
#[derive(Debug)]
pub(crate) struct Side {
    server: Server,
    /// Sum of the measured rounds.
    pub(crate) outcome: Outcome,
    /// Allocations and their bytes during the measured rounds.
    pub(crate) allocated: (u64, u64),
    /// Page faults during the measured rounds.
    pub(crate) faults: Option<u64>,
    /// The same load, while slow clients read large answers.
    pub(crate) beside_slow: Outcome,
    /// Before the first request.
    pub(crate) before: Option<Figures>,
    /// Right after the last round, after one cycle, after two.
    pub(crate) after: Vec<Figures>,
}

/// Runs the comparison and prints the table.
///
/// # Errors
///
/// A sentence about what went wrong.
pub(crate) fn run(settings: &Compare) -> Result<(), String> {
    let requests = Requests::read(&settings.data)
        .map_err(|error| format!("cannot read payloads in {}: {error}", settings.data.display()))?;
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

async fn measure(settings: &Compare, requests: &Rc<Requests>) -> io::Result<[Side; 3]> {
    let mut sides =
        [Side::start(Pooling::Off)?, Side::start(Pooling::Queue)?, Side::start(Pooling::On)?];
    for side in &mut sides {
        side.before = Some(side.figures("GET /stats").await?);
        load::round(side.server.address, requests, settings.connections, WARM_UP).await?;
    }
    // A quarter of the time is for the second part.
    let duration = settings.load * 3 / 4 / (3 * ROUNDS);
    for round in 0..ROUNDS {
        for turn in 0..sides.len() {
            // Each side begins a round as often as the others.
            let first = (turn + round as usize) % sides.len();
            let (side, mode) = (&mut sides[first], NAMES[first]);
            let before = side.figures("GET /stats").await?;
            let done =
                load::round(side.server.address, requests, settings.connections, duration).await?;
            let after = side.figures("GET /stats").await?;
            side.allocated.0 += after.allocations - before.allocations;
            side.allocated.1 += after.allocated_bytes - before.allocated_bytes;
            let faults = after.faults.zip(before.faults).map(|(now, then)| now - then);
            side.faults = side.faults.zip(faults).map(|(sum, more)| sum + more);
            side.outcome.add(&done);
            let (round, rate) = (round + 1, done.rate());
            eprintln!("round {round} of {ROUNDS}, {mode:10} {rate:8.0} requests/s");
        }
    }
    if settings.slow > 0 {
        let duration = settings.load / 4 / 9;
        for turn in 0..9 {
            let at = (turn + turn / 3) % sides.len();
            let (side, mode) = (&mut sides[at], NAMES[at]);
            let server = side.server.address;
            let slow = load::slow_readers(server, requests, settings.slow).await?;
            let done = load::round(server, requests, settings.connections, duration).await?;
            side.beside_slow.add(&done);
            let answers = slow.finish().await?;
            eprintln!("beside {} slow clients, {mode:10} ({answers} answers)", settings.slow);
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
    fn start(pooling: Pooling) -> io::Result<Self> {
        let server = Server::start(pooling)?;
        Ok(Side {
            server,
            outcome: Outcome::default(),
            allocated: (0, 0),
            faults: Some(0),
            beside_slow: Outcome::default(),
            before: None,
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

//! The client: keep-alive connections that send prepared requests and time the answers.

use bytes::BufMut;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use stealpool_workloads::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// One request in this many is the large one.
pub(crate) const LARGE_EVERY: u64 = 100;
const LARGE_BYTES: usize = 2_000_000;

/// The requests, ready to be sent.
#[derive(Debug)]
pub(crate) struct Requests {
    small: Vec<Vec<u8>>,
    large: Vec<u8>,
    /// Sizes of the bodies: smallest, largest of the small ones, large one.
    pub(crate) sizes: [usize; 3],
}

impl Requests {
    /// From the payloads `event.action.json` in `directory`.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or there is none.
    pub(crate) fn read(directory: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
        files.sort();
        let (mut small, mut bodies) = (Vec::new(), Vec::new());
        for path in &files {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let event = name.split('.').next().unwrap_or_default();
            let body = std::fs::read(path)?;
            small.push(request(&format!("X-GitHub-Event: {event}\r\n"), &body));
            bodies.push(body);
        }
        let (Some(least), Some(most)) =
            (bodies.iter().map(Vec::len).min(), bodies.iter().map(Vec::len).max())
        else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no file *.json in it"));
        };
        let mut batch = b"[".to_vec();
        for body in bodies.iter().cycle() {
            batch.extend_from_slice(body.trim_ascii());
            if batch.len() >= LARGE_BYTES {
                break;
            }
            batch.push(b',');
        }
        batch.push(b']');
        let sizes = [least, most, batch.len()];
        Ok(Requests { small, large: request("", &batch), sizes })
    }

    /// How many different small requests there are.
    pub(crate) fn kinds(&self) -> usize {
        self.small.len()
    }

    /// The request of this number, and whether it is the large one.
    fn pick(&self, number: u64) -> (&[u8], bool) {
        if number % LARGE_EVERY == LARGE_EVERY - 1 {
            return (&self.large, true);
        }
        (&self.small[(number % self.small.len() as u64) as usize], false)
    }
}

fn request(header: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         {header}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// What came of some rounds.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Requests answered.
    pub(crate) requests: u64,
    /// Time under load.
    pub(crate) elapsed: Duration,
    /// Latencies of all requests.
    pub(crate) latency: Histogram,
    /// Of the large ones.
    pub(crate) large: Histogram,
}

impl Outcome {
    /// Requests per second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// Adds another round.
    pub(crate) fn add(&mut self, round: &Outcome) {
        self.requests += round.requests;
        self.elapsed += round.elapsed;
        self.latency.add(&round.latency);
        self.large.add(&round.large);
    }
}

/// Keeps `connections` connections to `server` busy for `duration`. Every answer must be a 200.
///
/// Call it within a `LocalSet`: all of the client runs on one thread.
///
/// # Errors
///
/// A connection fails, or an answer is not a 200.
pub(crate) async fn round(
    server: SocketAddr,
    requests: &Rc<Requests>,
    connections: usize,
    duration: Duration,
) -> io::Result<Outcome> {
    let outcome = Rc::new(RefCell::new(Outcome::default()));
    let number = Rc::new(Cell::new(0));
    let mut tasks = JoinSet::new();
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::connect(server).await?);
    }
    let start = Instant::now();
    for mut client in clients {
        let (requests, outcome, number) = (requests.clone(), outcome.clone(), number.clone());
        tasks.spawn_local(async move {
            while start.elapsed() < duration {
                let (request, is_large) = requests.pick(number.replace(number.get() + 1));
                let sent = Instant::now();
                client.exchange(request).await?;
                let latency = sent.elapsed();
                let mut outcome = outcome.borrow_mut();
                outcome.latency.record(latency);
                if is_large {
                    outcome.large.record(latency);
                }
            }
            Ok::<_, io::Error>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    let mut outcome = outcome.take();
    outcome.elapsed = start.elapsed();
    outcome.requests = outcome.latency.count();
    Ok(outcome)
}

/// Clients that ask for large answers and read them slowly, until they are told to stop.
#[derive(Debug)]
pub(crate) struct SlowReaders {
    tasks: JoinSet<io::Result<u64>>,
    stop: Rc<Cell<bool>>,
}

/// What a slow client reads at a time, and how long it waits then.
const SIP: usize = 2 << 10;
const PAUSE: Duration = Duration::from_millis(2);

/// Connects so many slow clients and lets them begin.
///
/// Call it within a `LocalSet`.
///
/// # Errors
///
/// A connection fails.
pub(crate) async fn slow_readers(
    server: SocketAddr,
    requests: &Rc<Requests>,
    count: usize,
) -> io::Result<SlowReaders> {
    let (mut tasks, stop) = (JoinSet::new(), Rc::new(Cell::new(false)));
    for _ in 0..count {
        let socket = match server {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // So that what is not read stays with the service.
        socket.set_recv_buffer_size(SIP as u32)?;
        let stream = socket.connect(server).await?;
        let (requests, stop) = (Rc::clone(requests), Rc::clone(&stop));
        tasks.spawn_local(async move {
            let mut client = Client::over(stream);
            let mut answers = 0;
            while !stop.get() {
                client.exchange_slowly(&requests.large).await?;
                answers += 1;
            }
            Ok(answers)
        });
    }
    Ok(SlowReaders { tasks, stop })
}

impl SlowReaders {
    /// Lets each finish what it reads; how many answers they have read in all.
    ///
    /// # Errors
    ///
    /// A connection has failed, or an answer was not a 200.
    pub(crate) async fn finish(mut self) -> io::Result<u64> {
        self.stop.set(true);
        let mut answers = 0;
        while let Some(task) = self.tasks.join_next().await {
            answers += task??;
        }
        Ok(answers)
    }
}

/// A keep-alive connection. Speaks as much HTTP/1.1 as the service does.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Client::over(stream))
    }

    fn over(stream: TcpStream) -> Self {
        Client { stream, received: Vec::with_capacity(256 << 10) }
    }

    /// Sends a whole request and returns the body of its answer.
    ///
    /// # Errors
    ///
    /// The connection fails, or the answer is not a 200.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        self.exchange_at(request, None).await
    }

    /// The same, a sip at a time.
    async fn exchange_slowly(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        self.exchange_at(request, Some(PAUSE)).await
    }

    async fn exchange_at(&mut self, request: &[u8], pause: Option<Duration>) -> io::Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let (mut scanned, mut end) = (0, None);
        loop {
            let read = match pause {
                None => self.stream.read_buf(&mut self.received).await?,
                Some(pause) => {
                    tokio::time::sleep(pause).await;
                    let mut sip = (&mut self.received).limit(SIP);
                    self.stream.read_buf(&mut sip).await?
                }
            };
            if read == 0 {
                return Err(wrong("the service closed the connection"));
            }
            if end.is_none() {
                let head = self.received[scanned..].windows(4).position(|four| four == b"\r\n\r\n");
                if let Some(at) = head {
                    let body = scanned + at + 4;
                    end = Some((body, body + content_length(&self.received[..body])?));
                }
                scanned = self.received.len().saturating_sub(3);
            }
            if let Some((body, end)) = end.filter(|(_, end)| self.received.len() >= *end) {
                return match self.received.get(9..12) {
                    Some(b"200") => Ok(&self.received[body..end]),
                    _ => Err(wrong(&String::from_utf8_lossy(&self.received))),
                };
            }
        }
    }
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    let lines = head.split(|byte| *byte == b'\n');
    let name = b"content-length:";
    let mut values = lines.filter_map(|line| {
        let (start, value) = line.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    });
    let value = values.next().and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    value.ok_or_else(|| wrong(&String::from_utf8_lossy(head)))
}

fn wrong(answer: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected answer: {answer}"))
}

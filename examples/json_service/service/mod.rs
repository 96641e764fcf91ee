//! The web service: `POST /events` in, a summary out, and three pools on the way.

mod parser;
mod store;
mod summary;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, EXPECT, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use parser::Parser;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use stealpool::{Builder, Stats};
use stealpool_workloads::{alloc, process};
use store::{Lent, Store};
use tokio::net::TcpListener;

/// The largest request body, in bytes.
pub(crate) const BODY_LIMIT: usize = 8 << 20;
/// How long a body may take to arrive: a stalled upload must not keep a pooled buffer.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

// What may lie idle. One request in a hundred is a hundred times as large as the others, and in
// time every object would have served one and have its size. `max_object_bytes` would prevent that, but
// these requests keep coming, and each would pay for fresh buffers, with half of the gain gone. A budget keeps a
// few large objects, and says how many.
const IDLE_BODIES: usize = 16 << 20;
const IDLE_PARSERS: usize = 64 << 20;
const IDLE_ANSWERS: usize = 8 << 20;

/// The pools, and what is done with them.
pub(crate) struct Service {
    bodies: Store<Vec<u8>>,
    parsers: Store<Parser>,
    answers: Store<Vec<u8>>,
}

/// Where the objects of requests come from. All else is the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pooling {
    /// Every object is made afresh.
    Off,
    /// A bounded queue of each kind.
    Queue,
    /// stealpool.
    On,
}

/// An answer: its bytes are a pooled buffer, which goes back once hyper has written them.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Why a request gets no summary.
enum Refusal {
    TooLarge,
    TooSlow,
    Broken(hyper::Error),
    NotJson(simd_json::Error),
    NotAnEvent(summary::Invalid),
    NoRoute,
    NoMethod(&'static str),
}

impl Service {
    /// A service with empty pools.
    pub(crate) fn new(pooling: Pooling) -> Self {
        let named = |name, bytes| Builder::new().name(name).idle_bytes(bytes);
        match pooling {
            Pooling::On => Service {
                bodies: Store::pool(named("bodies", IDLE_BODIES), Vec::new),
                parsers: Store::pool(named("parsers", IDLE_PARSERS), Parser::new),
                answers: Store::pool(named("answers", IDLE_ANSWERS), Vec::new),
            },
            Pooling::Queue => Service {
                bodies: Store::queue(Vec::new),
                parsers: Store::queue(Parser::new),
                answers: Store::queue(Vec::new),
            },
            Pooling::Off => Service {
                bodies: Store::none(Vec::new),
                parsers: Store::none(Parser::new),
                answers: Store::none(Vec::new),
            },
        }
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let result = match (request.method(), request.uri().path()) {
            (&Method::POST, "/events") => self.events(request).await,
            (&Method::GET, "/stats") => Ok(self.report()),
            (&Method::POST, "/cycle") => {
                self.cycle();
                Ok(self.report())
            }
            (_, "/events" | "/cycle") => Err(Refusal::NoMethod("POST")),
            (_, "/stats") => Err(Refusal::NoMethod("GET")),
            _ => Err(Refusal::NoRoute),
        };
        result.unwrap_or_else(|refusal| self.refuse(&refusal))
    }

    async fn events(&self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let (head, mut incoming) = request.into_parts();
        let receiving = tokio::time::timeout(BODY_TIMEOUT, self.receive(&mut incoming));
        let mut body = match receiving.await {
            Err(_) => return Err(Refusal::TooSlow),
            Ok(Err(Refusal::TooLarge)) => {
                // Who expects a word before sending gets the answer instead.
                if !head.headers.contains_key(EXPECT) {
                    skip(&mut incoming).await;
                }
                return Err(Refusal::TooLarge);
            }
            Ok(received) => received?,
        };

        let bytes = body.len();
        let event = head.headers.get("x-github-event").and_then(|name| name.to_str().ok());
        let mut answer = self.answers.get();
        // No `.await` from here on, so at any time no more parsers are lent than there are workers.
        let mut parser = self.parsers.get();
        let look = |tape: &simd_json::Tape<'_>| summary::write(tape, bytes, event, &mut answer);
        parser.parse(&mut body, look).map_err(Refusal::NotJson)?.map_err(Refusal::NotAnEvent)?;
        Ok(respond(StatusCode::OK, Bytes::from_owner(answer)))
    }

    /// Collects a body into a pooled buffer, never more than [`BODY_LIMIT`] of it.
    async fn receive(&self, incoming: &mut Incoming) -> Result<Lent<Vec<u8>>, Refusal> {
        let announced = incoming.size_hint().lower();
        if announced > BODY_LIMIT as u64 {
            return Err(Refusal::TooLarge);
        }
        // The buffer is taken when there is something to put into it.
        let mut frame = incoming.frame().await;
        let mut body = self.bodies.get();
        body.reserve(announced as usize + simd_json::INPUT_PADDING);
        while let Some(part) = frame {
            if let Ok(data) = part.map_err(Refusal::Broken)?.into_data() {
                if data.len() > BODY_LIMIT - body.len() {
                    return Err(Refusal::TooLarge);
                }
                body.extend_from_slice(&data);
            }
            frame = incoming.frame().await;
        }
        Ok(body)
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        let mut answer = self.answers.get();
        summary::write_error(&mut answer, refusal);
        let mut response = respond(refusal.status(), Bytes::from_owner(answer));
        let headers = response.headers_mut();
        match refusal {
            Refusal::NoMethod(allowed) => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            // What is left of the body is not worth reading.
            Refusal::TooLarge | Refusal::TooSlow => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }

    fn report(&self) -> Answer {
        // Not from the pool: looking must not change what is seen.
        let mut answer = serde_json::to_vec(&self.figures()).expect("a Vec takes all");
        answer.push(b'\n');
        respond(StatusCode::OK, answer.into())
    }

    /// One ageing cycle of each pool; what is free then goes back to the system, as a Collector has it.
    pub(crate) fn cycle(&self) {
        self.bodies.collect();
        self.parsers.collect();
        self.answers.collect();
        process::give_back_free_pages();
    }

    /// How many body buffers are lent now.
    pub(crate) fn bodies_in_use(&self) -> usize {
        self.bodies.in_use()
    }

    /// What has been counted so far.
    pub(crate) fn figures(&self) -> Figures {
        let (allocations, allocated_bytes) = alloc::allocated();
        let pools = vec![
            self.bodies.figures("bodies"),
            self.parsers.figures("parsers"),
            self.answers.figures("answers"),
        ];
        Figures {
            allocations,
            allocated_bytes,
            faults: process::faults(),
            rss: process::resident(),
            pools,
        }
    }
}

/// Reads on while data keeps coming, keeping none: a client that reads only after it has sent all
/// would otherwise meet a reset connection instead of the answer.
async fn skip(incoming: &mut Incoming) {
    let mut left = 8 * BODY_LIMIT;
    while left > 0 {
        match tokio::time::timeout(Duration::from_millis(200), incoming.frame()).await {
            Ok(Some(Ok(frame))) => {
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len))
            }
            _ => return,
        }
    }
}

fn respond(status: StatusCode, answer: Bytes) -> Answer {
    let mut response = Response::new(Full::new(answer));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Refusal::Broken(_) | Refusal::NotJson(_) => StatusCode::BAD_REQUEST,
            Refusal::NotAnEvent(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::NoRoute => StatusCode::NOT_FOUND,
            Refusal::NoMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::TooLarge => write!(f, "the body is larger than {BODY_LIMIT} bytes"),
            Refusal::TooSlow => f.write_str("the body took too long to arrive"),
            Refusal::Broken(error) => write!(f, "the body is broken: {error}"),
            Refusal::NotJson(error) => write!(f, "the body is not JSON: {error}"),
            Refusal::NotAnEvent(invalid) => write!(f, "the body is not an event: {invalid}"),
            Refusal::NoRoute => f.write_str("try POST /events, GET /stats or POST /cycle"),
            Refusal::NoMethod(allowed) => write!(f, "this path takes {allowed}"),
        }
    }
}

/// What `GET /stats` answers.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Figures {
    /// Of the whole process, so far.
    pub(crate) allocations: u64,
    /// Their bytes.
    pub(crate) allocated_bytes: u64,
    /// Page faults so far.
    pub(crate) faults: Option<u64>,
    /// Memory resident now, and at most so far.
    pub(crate) rss: Option<(u64, u64)>,
    /// In the order in which a request meets them.
    pub(crate) pools: Vec<PoolFigures>,
}

/// What `GET /stats` answers about one pool. The fields are those of [`stealpool::Stats`].
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct PoolFigures {
    pub(crate) name: String,
    pub(crate) gets: u64,
    pub(crate) hit_rate: f64,
    pub(crate) creates: u64,
    pub(crate) discarded: u64,
    pub(crate) overflowed: u64,
    pub(crate) aged_out: u64,
    pub(crate) idle: u64,
    pub(crate) idle_bytes: u64,
    pub(crate) cycles: u64,
}

impl PoolFigures {
    fn of(name: &str, stats: &Stats) -> Self {
        PoolFigures {
            name: name.to_owned(),
            gets: stats.gets,
            hit_rate: stats.hit_rate(),
            creates: stats.creates,
            discarded: stats.discarded,
            overflowed: stats.overflowed,
            aged_out: stats.aged_out,
            idle: stats.idle as u64,
            idle_bytes: stats.idle_bytes as u64,
            cycles: stats.cycles,
        }
    }
}

/// Serves every connection that `listener` accepts, for ever.
pub(crate) async fn serve(listener: TcpListener, service: Arc<Service>) -> Infallible {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely: let connections end.
                eprintln!("json_service: cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let service = service.clone();
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let answer = hyper::service::service_fn(|request| async {
                Ok::<_, Infallible>(service.answer(request).await)
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(60))
                .serve_connection(TokioIo::new(stream), answer);
            // An error means that the client went away: nobody is left to be told.
            let _ = connection.await;
        });
    }
}

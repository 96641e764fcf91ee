//! The service of `examples/json_service` answers right, and its pools lose nothing, also when
//! requests go wrong.

#![cfg(not(miri))]

#[path = "../../json_service/service/mod.rs"]
mod service;

use serde_json::Value;
use service::{BODY_LIMIT, PoolFigures, Pooling, Service};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const PUSH: &str = include_str!("../../data/push.json");

/// A running service.
struct Running {
    service: Arc<Service>,
    address: SocketAddr,
    /// Stops the service when dropped.
    _runtime: Runtime,
}

impl Running {
    fn start(pooling: Pooling) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let service = Arc::new(Service::new(pooling));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(service::serve(listener, service.clone()));
        Running { service, address, _runtime: runtime }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Client(stream)
    }

    /// All that was created is idle, or was dropped for a reason that is counted.
    ///
    /// Waits a little: an answer's buffer comes back after the client has the answer.
    fn assert_nothing_leaks(&self) {
        self.wait_until(|pool| {
            pool.creates == pool.idle + pool.discarded + pool.overflowed + pool.aged_out
        });
    }

    /// Waits until this is so for each pool.
    fn wait_until(&self, is_so: impl Fn(&PoolFigures) -> bool) {
        let start = Instant::now();
        let all_back =
            || self.service.bodies_in_use() == 0 && self.service.figures().pools.iter().all(&is_so);
        while !all_back() {
            let waited = start.elapsed();
            assert!(waited < Duration::from_secs(5), "{:#?}", self.service.figures().pools);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A keep-alive connection.
struct Client(TcpStream);

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Client {
    fn post(&mut self, body: &[u8]) -> Answer {
        self.send("POST", "/events", "", body)
    }

    fn send(&mut self, method: &str, path: &str, header: &str, body: &[u8]) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\n{header}Content-Length: {length}\r\n\r\n"
        );
        self.0.write_all(head.as_bytes()).unwrap();
        self.0.write_all(body).unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let status = head[9..12].parse().unwrap();
        let (_, length) = head.split_once("content-length: ").unwrap();
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        let body = serde_json::from_slice(&body).unwrap();
        Answer { status, head, body }
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, message: &str) {
    let error = answer.body["error"].as_str().unwrap_or_default();
    assert_eq!(answer.status, status, "{error}");
    assert!(error.contains(message), "{error:?} lacks {message:?}");
}

#[track_caller]
fn assert_is_push(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let payload: Value = serde_json::from_str(PUSH).unwrap();
    let event = &answer.body["events"][0];
    assert_eq!(event["event"], "push");
    assert_eq!(event["actor"], payload["sender"]["login"]);
    assert_eq!(event["repository"], payload["repository"]["full_name"]);
    assert_eq!(event["ref"], payload["ref"]);
    let commits = payload["commits"].as_array().unwrap();
    assert_eq!(event["commits"], commits.len());
    assert_eq!(event["fields"], payload.as_object().unwrap().len());
    assert_eq!(answer.body["count"], 1);
    assert_eq!(answer.body["document"]["bytes"], PUSH.len());
}

fn post_push(client: &mut Client) -> Answer {
    let header = "X-GitHub-Event: push\r\n";
    client.send("POST", "/events", header, PUSH.as_bytes())
}

#[test]
fn every_payload_gets_a_right_summary_pooled_or_not() {
    for pooling in [Pooling::Off, Pooling::Queue, Pooling::On] {
        let running = Running::start(pooling);
        let mut client = running.connect();
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../data");
        for entry in std::fs::read_dir(data).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let body = std::fs::read(&path).unwrap();
            let payload: Value = serde_json::from_slice(&body).unwrap();
            let answer = client.post(&body);
            assert_eq!(answer.status, 200, "{path:?}: {}", answer.body);
            let event = &answer.body["events"][0];
            assert_eq!(event["action"], payload["action"], "{path:?}");
            assert_eq!(event["actor"], payload["sender"]["login"], "{path:?}");
            let repository = &payload["repository"]["full_name"];
            assert_eq!(&event["repository"], repository, "{path:?}");
            let organization = &payload["organization"]["login"];
            assert_eq!(&event["organization"], organization, "{path:?}");
            let found = &answer.body["document"];
            let mut counted = [0; 5];
            census(&payload, &mut counted);
            let kinds = ["objects", "arrays", "strings", "numbers", "literals"];
            let found = kinds.map(|kind| found[kind].as_u64().unwrap());
            assert_eq!(found, counted, "{path:?}");
        }
        running.assert_nothing_leaks();
        let pools = running.service.figures().pools;
        assert!(pools.iter().all(|pool| (pool.idle > 0) == (pooling != Pooling::Off)));
    }
}

fn census(value: &Value, counted: &mut [u64; 5]) {
    let kind = match value {
        Value::Object(members) => {
            members.values().for_each(|member| census(member, counted));
            0
        }
        Value::Array(elements) => {
            elements.iter().for_each(|element| census(element, counted));
            1
        }
        Value::String(_) => 2,
        Value::Number(_) => 3,
        Value::Bool(_) | Value::Null => 4,
    };
    counted[kind] += 1;
}

#[test]
fn a_batch_is_summarised_element_by_element() {
    let running = Running::start(Pooling::On);
    let mut client = running.connect();
    let batch = format!("[{PUSH}, {{\"event\": \"push\", \"payload\": {PUSH}}}, {PUSH}]");
    let answer = client.post(batch.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.body);
    let events = answer.body["events"].as_array().unwrap();
    assert_eq!((events.len(), &answer.body["count"]), (3, &Value::from(3)));
    assert_eq!(events[1]["event"], "push");
    assert_eq!(events[0]["actor"], events[2]["actor"]);
    assert_eq!(client.post(b"[]").body["count"], 0);
    let answer = client.post(br#"[{"sender": 1}]"#);
    assert_refused(&answer, 422, "element 0: \"sender\"");
    running.assert_nothing_leaks();
}

#[test]
fn bad_documents_are_refused_and_the_next_one_is_not() {
    let running = Running::start(Pooling::On);
    let mut client = running.connect();
    let cut = &PUSH.as_bytes()[..PUSH.len() / 2];
    let deep = b"[".repeat(100_000);
    let bad: [(&[u8], u16, &str); 11] = [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"{\"a\":}", 400, "not JSON"),
        (b"{} {}", 400, "not JSON"),
        (b"{\"a\":\"\xff\"}", 400, "not JSON"),
        (cut, 400, "not JSON"),
        (&deep, 400, "not JSON"),
        (b"42", 422, "must be a JSON object"),
        (b"{\"a\":1}", 422, "not a webhook payload"),
        (b"{\"action\":5,\"sender\":{\"login\":\"x\"}}", 422, "\"action\" must be a string"),
        (b"{\"repository\":{\"full_name\":null}}", 422, "\"repository\" must have"),
    ];
    for (body, status, message) in bad {
        assert_refused(&client.post(body), status, message);
        assert_is_push(&post_push(&mut client));
        running.assert_nothing_leaks();
    }
    let pools = running.service.figures().pools;
    let few = |pool: &PoolFigures| pool.creates <= 4 && pool.gets >= 22;
    assert!(pools.iter().all(few), "{pools:#?}");
}

#[test]
fn other_paths_and_methods_are_refused() {
    let running = Running::start(Pooling::On);
    let mut client = running.connect();
    assert_refused(&client.send("POST", "/", "", b""), 404, "POST /events");
    assert_refused(&client.send("GET", "/event", "", b""), 404, "POST /events");
    for (method, path, allowed) in
        [("GET", "/events", "post"), ("PUT", "/cycle", "post"), ("POST", "/stats", "get")]
    {
        let answer = client.send(method, path, "", b"");
        assert_refused(&answer, 405, &allowed.to_ascii_uppercase());
        assert!(answer.head.contains(&format!("allow: {allowed}\r\n")), "{}", answer.head);
    }
    assert_is_push(&post_push(&mut client));
    running.assert_nothing_leaks();
}

#[test]
fn a_body_beyond_the_limit_is_refused_announced_or_not() {
    let running = Running::start(Pooling::On);

    // Announced: nothing is read into the pool's buffers.
    let mut client = running.connect();
    let answer = client.post(&vec![b' '; BODY_LIMIT + 1]);
    assert_refused(&answer, 413, "larger than 8388608 bytes");
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    assert_eq!(running.service.figures().pools[0].gets, 0, "no buffer was taken");

    // Announced, by a client that waits for a word before it sends.
    let mut client = running.connect();
    let head = "POST /events HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\
                Content-Length: 99999999\r\n\r\n";
    client.0.write_all(head.as_bytes()).unwrap();
    assert_refused(&client.answer(), 413, "larger");

    // Not announced.
    let mut client = running.connect();
    let head = "POST /events HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.0.write_all(head.as_bytes()).unwrap();
    let chunk = [b"10000\r\n", &b" ".repeat(0x10000)[..], b"\r\n"].concat();
    for _ in 0..2 * BODY_LIMIT / 0x10000 {
        client.0.write_all(&chunk).unwrap();
    }
    client.0.write_all(b"0\r\n\r\n").unwrap();
    assert_refused(&client.answer(), 413, "larger");

    // At the limit.
    let mut client = running.connect();
    let mut body = PUSH.as_bytes().to_vec();
    body.resize(BODY_LIMIT, b' ');
    let answer = client.post(&body);
    assert_eq!((answer.status, &answer.body["document"]["bytes"]), (200, &BODY_LIMIT.into()));
    assert_is_push(&post_push(&mut client));
    running.assert_nothing_leaks();
}

#[test]
fn an_upload_broken_off_gives_its_buffer_back() {
    let running = Running::start(Pooling::On);
    for _ in 0..8 {
        let mut client = running.connect();
        let head = "POST /events HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n{\"a\":";
        client.0.write_all(head.as_bytes()).unwrap();
    }
    running.wait_until(|pool| pool.name != "bodies" || pool.gets == 8);
    running.assert_nothing_leaks();
    assert_is_push(&post_push(&mut running.connect()));
}

#[test]
fn two_cycles_empty_the_pools() {
    let running = Running::start(Pooling::On);
    let mut client = running.connect();
    assert_is_push(&post_push(&mut client));
    running.assert_nothing_leaks();
    let idle = |answer: &Answer| -> u64 {
        let pools = answer.body["pools"].as_array().unwrap();
        pools.iter().map(|pool| pool["idle"].as_u64().unwrap()).sum()
    };
    assert_eq!(idle(&client.send("GET", "/stats", "", b"")), 3);
    assert_eq!(idle(&client.send("POST", "/cycle", "", b"")), 3);
    assert_eq!(idle(&client.send("POST", "/cycle", "", b"")), 0);
    assert_is_push(&post_push(&mut client));
    running.assert_nothing_leaks();
}

#[test]
fn many_connections_at_once_lose_nothing() {
    let running = Running::start(Pooling::On);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let running = &running;
            scope.spawn(move || {
                let mut client = running.connect();
                for round in 0..50 {
                    assert_is_push(&post_push(&mut client));
                    if (round + thread) % 5 == 0 {
                        assert_refused(&client.post(&PUSH.as_bytes()[..1000]), 400, "not JSON");
                    }
                }
            });
        }
    });
    running.assert_nothing_leaks();
}

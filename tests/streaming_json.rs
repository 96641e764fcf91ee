//! The parser of `examples/streaming_json` gives everything back, whatever it is fed.

#[path = "../examples/streaming_json/parser/mod.rs"]
mod parser;

use parser::{Error, MAX_DEPTH, Pools, Problem, Records, Value};
use std::io::{self, Read};
use std::iter::Peekable;
use stealpool::{Policy, Pool};

const GOOD: &str = r#" [
    {"id": 1, "name": "Ren\u00e9e \"R\" \\ \/ \b\f\n\r\t", "tags": ["a", "b"], "nested": {"deep": [{"x": null}]}},
    {"id": -2.50e+10, "name": "日本 \ud83d\ude00 😀", "ok": true, "no": false, "": 0},
    [], {}, 0, "text", null, [[1, [2]], -0.5E-3]
] "#;

/// Yields so many bytes a read, then fails or ends.
struct Drip<'a> {
    bytes: &'a [u8],
    step: usize,
    fails: bool,
}

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() && self.fails {
            return Err(io::Error::other("the cable is cut"));
        }
        let length = self.step.min(buffer.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.bytes = later;
        Ok(length)
    }
}

/// The records, or the error.
fn parse(input: &[u8], step: usize, pools: &Pools) -> Result<Vec<serde_json::Value>, Error> {
    let drip = Drip { bytes: input, step, fails: false };
    Records::new(drip, pools).map(|record| Ok(tree(&mut record?.values().peekable()))).collect()
}

/// The value that the next of `values` begins.
fn tree<'r>(
    values: &mut Peekable<impl Iterator<Item = (usize, Option<&'r str>, Value<'r>)>>,
) -> serde_json::Value {
    let (depth, _, value) = values.next().expect("a value");
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => value.into(),
        Value::Text(text) => text.into(),
        Value::Number(text) => serde_json::from_str(text).expect("a number"),
        Value::Array => {
            let mut elements = Vec::new();
            while values.peek().is_some_and(|next| next.0 == depth + 1) {
                elements.push(tree(values));
            }
            elements.into()
        }
        Value::Object => {
            let mut members = serde_json::Map::new();
            while let Some((_, name, _)) = values.peek().filter(|next| next.0 == depth + 1) {
                let name = name.expect("members have names").to_owned();
                members.insert(name, tree(values));
            }
            members.into()
        }
    }
}

/// Every object that was created lies idle again.
fn assert_nothing_leaks(pools: &Pools) {
    fn check<T: Send + 'static>(pool: &Pool<T, impl Policy<T>>, name: &str) {
        let stats = pool.stats();
        let gone = stats.discarded + stats.overflowed + stats.aged_out;
        assert_eq!(stats.creates, stats.idle as u64 + gone, "{name}: {stats}");
        assert_eq!(pool.idle(), stats.idle, "{name}: {stats}");
        // One parse at a time, one record at a time: one object a processor is enough.
        let processors = std::thread::available_parallelism().map_or(8, usize::from);
        assert!(stats.idle <= processors, "{name}: {stats}");
    }
    check(&pools.chunks, "chunks");
    check(&pools.tokens, "tokens");
    check(&pools.records, "records");
}

fn error_of(input: &[u8], pools: &Pools) -> Error {
    let result = parse(input, 7, pools);
    assert_nothing_leaks(pools);
    result.expect_err(&String::from_utf8_lossy(input))
}

#[test]
fn it_agrees_with_serde_json_wherever_reads_end() {
    let pools = Pools::new();
    let expected: Vec<serde_json::Value> = serde_json::from_str(GOOD).unwrap();
    for step in [1, 2, 3, 5, 64, 1 << 20] {
        assert_eq!(parse(GOOD.as_bytes(), step, &pools).unwrap(), expected, "step {step}");
        assert_nothing_leaks(&pools);
    }
    assert!(parse(b"[]", 1, &pools).unwrap().is_empty());
    assert!(parse(b" [ ] \n", 1, &pools).unwrap().is_empty());
    assert_nothing_leaks(&pools);
}

#[test]
fn members_are_those_of_the_record_and_fields_count_all() {
    let pools = Pools::new();
    let input = br#"[{"a": {"b": 1}, "c": [{"d": null}]}, ["e"]]"#;
    let mut records = Records::new(&input[..], &pools).map(Result::unwrap);
    let record = records.next().unwrap();
    let members: Vec<_> = record.members().collect();
    assert_eq!(members, [("a", Value::Object), ("c", Value::Array)]);
    assert_eq!(record.fields(), 4);
    assert_eq!(records.next().unwrap().fields(), 0);
}

#[test]
fn it_agrees_with_serde_json_on_real_payloads() {
    let pools = Pools::new();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");
    let mut count = 0;
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let payload = std::fs::read_to_string(&path).unwrap();
            let expected: Vec<serde_json::Value> = vec![serde_json::from_str(&payload).unwrap()];
            let array = format!("[{payload}]");
            assert_eq!(parse(array.as_bytes(), 4096, &pools).unwrap(), expected, "{path:?}");
            count += 1;
        }
    }
    assert!(count > 20, "{count} payloads");
    assert_nothing_leaks(&pools);
}

#[test]
fn input_cut_anywhere_leaks_nothing_and_the_next_parse_starts_clean() {
    let pools = Pools::new();
    let input = GOOD.trim_end().as_bytes();
    let whole = parse(input, 8, &pools).unwrap();
    for length in 0..input.len() {
        let error = error_of(&input[..length], &pools);
        assert_eq!(error.offset, length as u64, "{error}");
        assert!(matches!(error.problem, Problem::Unexpected { found: None, .. }), "{error}");
        assert_eq!(parse(input, 8, &pools).unwrap(), whole, "after {error}");
        assert_nothing_leaks(&pools);
    }
    let stats = pools.chunks.stats();
    assert_eq!(stats.creates, 1, "one chunk served all: {stats}");
}

#[test]
fn a_failing_reader_leaks_nothing() {
    let pools = Pools::new();
    for length in 0..GOOD.len() {
        let drip = Drip { bytes: &GOOD.as_bytes()[..length], step: 11, fails: true };
        let error = Records::new(drip, &pools).find_map(|record| record.err()).expect("an error");
        assert!(matches!(error.problem, Problem::Read(_)), "{error}");
        assert_eq!(error.offset, length as u64, "{error}");
        assert_nothing_leaks(&pools);
    }
}

#[test]
fn malformed_input_is_reported_with_its_offset() {
    let pools = Pools::new();
    let cases: [(&[u8], u64, &str); 30] = [
        (b"", 0, "expected '[', the beginning of an array, found the end"),
        (b"{}", 0, "expected '[', the beginning of an array, found '{'"),
        (b"\xef\xbb\xbf[]", 0, "expected '[', the beginning of an array, found the byte 0xef"),
        (b"[1 2]", 3, "expected ',' or ']' after a record, found '2'"),
        (b"[1,]", 3, "expected a value, found ']'"),
        (b"[,1]", 1, "expected a value, found ','"),
        (b"[1] x", 4, "expected nothing after the array, found 'x'"),
        (b"[{\"a\" 1}]", 6, "expected ':' after a name, found '1'"),
        (b"[{\"a\":1 \"b\":2}]", 8, "expected ',' or '}' after a member, found '\"'"),
        (b"[{\"a\":1,}]", 8, "expected '\"', the beginning of a name, found '}'"),
        (b"[{a:1}]", 2, "expected '\"', the beginning of a name, found 'a'"),
        (b"[[1 2]]", 4, "expected ',' or ']' after an element, found '2'"),
        (b"[tru]", 4, "expected true, found ']'"),
        (b"[nul", 4, "expected null, found the end"),
        (b"[False]", 1, "expected a value, found 'F'"),
        (b"[01]", 2, "expected ',' or ']' after a record, found '1'"),
        (b"[-]", 2, "expected a digit, found ']'"),
        (b"[+1]", 1, "expected a value, found '+'"),
        (b"[1.]", 3, "expected a digit, found ']'"),
        (b"[.5]", 1, "expected a value, found '.'"),
        (b"[1e]", 3, "expected a digit, found ']'"),
        (b"[\"a\nb\"]", 3, "expected the rest of a string, found the byte 0x0a"),
        (b"[\"\\x\"]", 3, "expected an escape, found 'x'"),
        (b"[\"\\u12g4\"]", 6, "expected a hexadecimal digit, found 'g'"),
        (b"[\"ab\\ud800\"]", 4, "half of a surrogate pair"),
        (b"[\"ab\\ud800\\n\"]", 4, "half of a surrogate pair"),
        (b"[\"ab\\ud800\\ud800\"]", 4, "half of a surrogate pair"),
        (b"[\"ab\\udc00\"]", 4, "half of a surrogate pair"),
        (b"[1, \"a\xff\"]", 4, "a string that is not UTF-8"),
        (b"[NaN]", 1, "expected a value, found 'N'"),
    ];
    for (input, offset, message) in cases {
        let shown = String::from_utf8_lossy(input);
        let error = error_of(input, &pools);
        assert_eq!(error.to_string(), format!("byte {offset}: {message}"), "{shown}");
        assert!(serde_json::from_slice::<Vec<serde_json::Value>>(input).is_err(), "{shown}");
        assert_eq!(parse(b"[0]", 1, &pools).unwrap(), [0]);
        assert_nothing_leaks(&pools);
    }
}

#[test]
fn nesting_is_limited() {
    let pools = Pools::new();
    let nested = |depth: usize| [b"[".repeat(depth + 1), b"]".repeat(depth + 1)].concat();
    assert_eq!(parse(&nested(MAX_DEPTH), 64, &pools).unwrap().len(), 1);
    let error = error_of(&nested(MAX_DEPTH + 1), &pools);
    assert!(matches!(error.problem, Problem::TooDeep), "{error}");
    assert_eq!(error.offset, MAX_DEPTH as u64 + 1);
    assert!(matches!(error_of(&b"[".repeat(1 << 20), &pools).problem, Problem::TooDeep));
}

#[test]
fn an_error_ends_the_parse_and_gives_the_chunk_back_at_once() {
    let pools = Pools::new();
    let mut records = Records::new(&b"[1, 2, oh]"[..], &pools);
    assert_eq!(pools.chunks.idle(), 0, "lent");
    let held: Vec<_> = records.by_ref().take(2).map(Result::unwrap).collect();
    assert!(records.next().unwrap().is_err());
    assert_eq!((pools.chunks.idle(), records.bytes()), (1, 7));
    assert!(records.next().is_none());
    assert_eq!(pools.records.idle(), 1, "the third");
    drop(held);
    assert_eq!((pools.records.idle(), pools.tokens.idle()), (3, 1));
}

#[test]
fn a_parse_given_up_leaks_nothing() {
    let pools = Pools::new();
    for count in 0..8 {
        let records = Records::new(GOOD.as_bytes(), &pools);
        assert_eq!(records.take(count).filter(Result::is_ok).count(), count);
        assert_nothing_leaks(&pools);
    }
}

#[test]
fn a_huge_record_is_not_kept() {
    let pools = Pools::new();
    let huge = format!("[\"{}\", 1]", "x".repeat(3 << 20));
    assert_eq!(parse(huge.as_bytes(), 1 << 20, &pools).unwrap().len(), 2);
    assert_nothing_leaks(&pools);
    for (name, stats) in [("tokens", pools.tokens.stats()), ("records", pools.records.stats())] {
        assert_eq!(stats.discarded, 1, "{name}: {stats}");
        assert!(stats.idle_bytes < 4096, "{name}: {stats}");
    }
}

#[test]
fn one_set_of_pools_serves_many_threads() {
    let pools = Pools::new();
    let expected = parse(GOOD.as_bytes(), 64, &pools).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..50 {
                    assert_eq!(parse(GOOD.as_bytes(), 64, &pools).unwrap(), expected);
                    assert!(parse(&GOOD.as_bytes()[..round * 3], 64, &pools).is_err());
                }
            });
        }
    });
    let stats = pools.records.stats();
    assert_eq!(stats.creates, stats.idle as u64, "{stats}");
    pools.records.collect();
    pools.records.collect();
    assert_eq!(pools.records.idle(), 0);
}

//! The jobs: what users of each crate do with one shared value on all threads.

use fuzzy_matcher::FuzzyMatcher;
use std::hint::black_box;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Mutex;

/// Does item `n`, and returns something that depends on it.
pub(crate) type Work = dyn Fn(u64) -> u64 + Sync;

pub(crate) struct Job {
    pub(crate) name: &'static str,
    /// The items that each thread does before the clock starts.
    pub(crate) warm_up: u64,
    /// Makes what all threads share.
    pub(crate) make: fn() -> Box<Work>,
}

const fn job(name: &'static str, make: fn() -> Box<Work>) -> Job {
    Job { name, warm_up: 10, make }
}

const REGEXES: u64 = 1_000;

pub(crate) const JOBS: &[Job] = &[
    job("regex-short", regex_short),
    job("regex-captures", regex_captures),
    job("regex-scan", regex_scan),
    job("regex-heavy", regex_heavy),
    Job { name: "regex-many", warm_up: REGEXES, make: regex_many },
    job("regex-lite", regex_lite_captures),
    job("globset", globset_matches),
    job("ignore", ignore_matches),
    job("jieba", jieba_cut),
    Job { name: "jieba-long", warm_up: 1, make: jieba_cut_long },
    job("fuzzy", fuzzy_match),
    job("tracing", tracing_event),
    job("rkyv", rkyv_bytes),
    Job { name: "rkyv-long", warm_up: 1, make: rkyv_bytes_long },
];

// What a regex promises, with its own pool and with ours.
const _: () = {
    const fn promises<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    promises::<regex::Regex>();
    promises::<regex_lite::Regex>();
};

const LINE: &str =
    r#"127.0.0.1 - - [30/Nov/2026:05:11:07 +0000] "GET /pool/index.html HTTP/1.1" 200 5120"#;
const FIELDS: &str = r#"^(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d+) (\d+)$"#;

const PATHS: &[&str] = &[
    "src/engine/mod.rs",
    "target/release/deps/libpool.rlib",
    "docs/plots/tradeoff.svg",
    "assets/img/logo@2x.png",
    "a/very/deep/folder/with/some/names/test_12.py",
    "node_modules/left-pad/index.js",
    "README.md",
    "build.log",
];

fn path(n: u64) -> &'static str {
    PATHS[n as usize % PATHS.len()]
}

/// A search that takes about as long as getting its cache.
fn regex_short() -> Box<Work> {
    let regex = regex::Regex::new(r"^[a-z]+_(\d{1,2})\.[a-z]+$").expect("is valid");
    let names = ["test_12.py", "index.html", "pool_7.rs"];
    Box::new(move |n| u64::from(regex.is_match(black_box(names[n as usize % names.len()]))))
}

fn regex_captures() -> Box<Work> {
    let regex = regex::Regex::new(FIELDS).expect("is valid");
    Box::new(move |_| {
        let fields = regex.captures(black_box(LINE)).expect("the line is of that form");
        fields[5].len() as u64
    })
}

/// 64 KiB of lines, one cache for all of them.
fn regex_scan() -> Box<Work> {
    let regex = regex::Regex::new(r"\b[a-z]+\.(html|css) HTTP/1\.[01]").expect("is valid");
    let text = format!("{LINE}\n").repeat((64 << 10) / LINE.len());
    Box::new(move |_| regex.find_iter(black_box(&text)).count() as u64)
}

/// A cache of 2 MB: the classes are those of Unicode.
fn regex_heavy() -> Box<Work> {
    let regex = regex::Regex::new(r"(?i)^(\w+)\W+(\w+)\W+(\w+)\W*$").expect("is valid");
    let lines = ["the quick brown", "fox jumps over", "the lazy dog"];
    Box::new(move |n| u64::from(regex.is_match(black_box(lines[n as usize % lines.len()]))))
}

/// A thousand regexes in turn: each has a pool.
fn regex_many() -> Box<Work> {
    let regex =
        |number| regex::Regex::new(&format!("^[a-z]+_{number}[.][a-z]+$")).expect("is valid");
    let regexes: Vec<_> = (0..REGEXES).map(regex).collect();
    Box::new(move |n| {
        u64::from(regexes[n as usize % regexes.len()].is_match(black_box("test_12.py")))
    })
}

fn regex_lite_captures() -> Box<Work> {
    let regex = regex_lite::Regex::new(FIELDS).expect("is valid");
    Box::new(move |_| {
        let fields = regex.captures(black_box(LINE)).expect("the line is of that form");
        fields[5].len() as u64
    })
}

fn globset_matches() -> Box<Work> {
    let globs = [
        "**/*.r[sl]*",
        "target/**/lib*.rlib",
        "docs/**/{plots,img}/*.svg",
        "*@[23]x.png",
        "**/test_*.py",
        "*.log",
    ];
    let mut set = globset::GlobSetBuilder::new();
    for glob in globs {
        set.add(globset::Glob::new(glob).expect("is valid"));
    }
    let set = set.build().expect("is valid");
    Box::new(move |n| set.matches(black_box(path(n))).len() as u64)
}

fn ignore_matches() -> Box<Work> {
    let mut builder = ignore::gitignore::GitignoreBuilder::new("");
    for line in
        ["/target", "*.log", "node_modules/", "!keep.log", "**/img/*@[23]x.png", "test_*.py[co]"]
    {
        builder.add_line(None, line).expect("is valid");
    }
    let rules = builder.build().expect("is valid");
    Box::new(move |n| {
        u64::from(rules.matched_path_or_any_parents(black_box(path(n)), false).is_ignore())
    })
}

const SENTENCE: &str =
    "我们中出了一个叛徒，工信处女干事每月经过下属科室都要亲口交代交换机等技术性器件的安装工作";

fn jieba_cut() -> Box<Work> {
    let jieba = jieba_rs::Jieba::new();
    Box::new(move |_| jieba.cut(black_box(SENTENCE), true).len() as u64)
}

/// A long sentence, by one thread at a time: a server's threads wait most of the time.
fn jieba_cut_long() -> Box<Work> {
    let jieba = jieba_rs::Jieba::new();
    let text = SENTENCE.repeat(200);
    let turn = Mutex::new(());
    Box::new(move |_| {
        let _turn = turn.lock().expect("nobody panics");
        jieba.cut(black_box(&text), true).len() as u64
    })
}

fn fuzzy_match() -> Box<Work> {
    let matcher = fuzzy_matcher::skim::SkimMatcherV2::default();
    Box::new(move |n| matcher.fuzzy_match(black_box(path(n)), black_box("o/e")).unwrap_or(0) as u64)
}

/// One event, formatted and written to a sink.
fn tracing_event() -> Box<Work> {
    let subscriber = tracing_subscriber::fmt().with_writer(io::sink).with_ansi(false).finish();
    let dispatch = tracing::Dispatch::new(subscriber);
    Box::new(move |n| {
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::info!(n, path = path(n), "request done")
        });
        n
    })
}

#[derive(rkyv::Archive, rkyv::Serialize)]
struct Order {
    number: u64,
    lines: Vec<(String, u32)>,
}

impl Order {
    fn new(lines: usize) -> Self {
        let line = |path: &&str| ((*path).to_owned(), path.len() as u32);
        Order { number: 7, lines: PATHS.iter().cycle().take(lines).map(line).collect() }
    }

    fn bytes(&self) -> u64 {
        let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(black_box(self));
        bytes.expect("nothing here fails").len() as u64
    }
}

fn rkyv_bytes() -> Box<Work> {
    let order = Order::new(8);
    Box::new(move |n| order.bytes() + n)
}

/// A large order, by one thread at a time.
fn rkyv_bytes_long() -> Box<Work> {
    let order = Order::new(20_000);
    let turn = Mutex::new(());
    Box::new(move |n| {
        let _turn = turn.lock().expect("nobody panics");
        order.bytes() + n
    })
}

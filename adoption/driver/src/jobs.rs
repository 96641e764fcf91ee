//! The jobs: what users of each crate do with one shared value on all threads.

use fuzzy_matcher::FuzzyMatcher;
use std::hint::black_box;
use std::io;

/// Does item `n`, and returns something that depends on it.
pub(crate) type Job = dyn Fn(u64) -> u64 + Sync;

/// A job's name, and what makes it ready.
type Entry = (&'static str, fn() -> Box<Job>);

pub(crate) const JOBS: &[Entry] = &[
    ("regex-short", regex_short),
    ("regex-captures", regex_captures),
    ("regex-scan", regex_scan),
    ("regex-many", regex_many),
    ("regex-lite", regex_lite_captures),
    ("globset", globset_matches),
    ("ignore", ignore_matches),
    ("jieba", jieba_cut),
    ("fuzzy", fuzzy_match),
    ("tracing", tracing_event),
    ("rkyv", rkyv_bytes),
];

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
fn regex_short() -> Box<Job> {
    let regex = regex::Regex::new(r"^[a-z]+_(\d{1,2})\.[a-z]+$").expect("is valid");
    let names = ["test_12.py", "index.html", "pool_7.rs"];
    Box::new(move |n| u64::from(regex.is_match(black_box(names[n as usize % names.len()]))))
}

fn regex_captures() -> Box<Job> {
    let regex = regex::Regex::new(FIELDS).expect("is valid");
    Box::new(move |_| {
        let fields = regex.captures(black_box(LINE)).expect("the line is of that form");
        fields[5].len() as u64
    })
}

/// 64 KiB of lines, one cache for all of them.
fn regex_scan() -> Box<Job> {
    let regex = regex::Regex::new(r"\b[a-z]+\.(html|css) HTTP/1\.[01]").expect("is valid");
    let text = format!("{LINE}\n").repeat((64 << 10) / LINE.len());
    Box::new(move |_| regex.find_iter(black_box(&text)).count() as u64)
}

/// A thousand regexes in turn: each has a pool.
fn regex_many() -> Box<Job> {
    let regex =
        |number| regex::Regex::new(&format!("^[a-z]+_{number}[.][a-z]+$")).expect("is valid");
    let regexes: Vec<_> = (0..1_000).map(regex).collect();
    Box::new(move |n| {
        u64::from(regexes[n as usize % regexes.len()].is_match(black_box("test_12.py")))
    })
}

fn regex_lite_captures() -> Box<Job> {
    let regex = regex_lite::Regex::new(FIELDS).expect("is valid");
    Box::new(move |_| {
        let fields = regex.captures(black_box(LINE)).expect("the line is of that form");
        fields[5].len() as u64
    })
}

fn globset_matches() -> Box<Job> {
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

fn ignore_matches() -> Box<Job> {
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

fn jieba_cut() -> Box<Job> {
    let jieba = jieba_rs::Jieba::new();
    let text = "我们中出了一个叛徒，工信处女干事每月经过下属科室都要亲口交代交换机等技术性器件的安装工作。";
    Box::new(move |_| jieba.cut(black_box(text), true).len() as u64)
}

fn fuzzy_match() -> Box<Job> {
    let matcher = fuzzy_matcher::skim::SkimMatcherV2::default();
    Box::new(move |n| matcher.fuzzy_match(black_box(path(n)), black_box("o/e")).unwrap_or(0) as u64)
}

/// One event, formatted and written to a sink.
fn tracing_event() -> Box<Job> {
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

fn rkyv_bytes() -> Box<Job> {
    let lines = PATHS.iter().map(|path| ((*path).to_owned(), path.len() as u32));
    let order = Order { number: 7, lines: lines.collect() };
    Box::new(move |n| {
        let bytes =
            rkyv::to_bytes::<rkyv::rancor::Error>(black_box(&order)).expect("nothing here fails");
        bytes.len() as u64 + n
    })
}

//! House rules that a compiler does not check.

use std::fs;
use std::path::{Path, PathBuf};

/// What users see, where user code runs; in the order of docs/design.md.
const ABOVE: [&str; 11] = [
    "admission",
    "builder",
    "collector",
    "docs",
    "guard",
    "keyed",
    "model",
    "policy",
    "pool",
    "recycle",
    "tests",
];

/// What moves objects and knows nothing of policies, and what knows the platform.
const BELOW: [&str; 2] = ["engine", "sys"];

const ORDERINGS: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

/// How far above an operation its comment may stand.
const REACH: usize = 8;

struct Source {
    /// Relative to src/, with `/`.
    name: String,
    lines: Vec<String>,
}

impl Source {
    /// The module that the file belongs to: `sys` for `sys/rseq.rs`.
    fn module(&self) -> &str {
        self.name.split(['/', '.']).next().unwrap_or_default()
    }

    /// The lines before the unit tests, numbered from one.
    fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_tests = |line: &&String| line.starts_with("mod tests");
        let lines = self.lines.iter().take_while(move |line| !is_tests(line));
        lines.enumerate().map(|(i, line)| (i + 1, line.as_str()))
    }

    /// The same without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.shipped().filter_map(|(i, line)| {
            let code = line.split("//").next().unwrap_or_default();
            (!code.trim().is_empty()).then_some((i, code))
        })
    }
}

fn sources() -> Vec<Source> {
    fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    assert!(files.len() >= 20, "these are not all: {files:?}");
    let source = |path: PathBuf| Source {
        name: path.strip_prefix(&root).expect("inside").to_string_lossy().replace('\\', "/"),
        lines: fs::read_to_string(&path).expect("text").lines().map(String::from).collect(),
    };
    files.into_iter().map(source).collect()
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

/// A reader sees the layers at one glance.
#[test]
fn the_top_of_the_source_is_short() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = fs::read_dir(top).expect("a directory").count();
    assert!(entries <= 12, "{entries} files and folders at the top of src/");
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let long = |source: &Source| {
        let lines = source.lines.len();
        (lines > 400).then(|| format!("{}: {lines} lines", source.name))
    };
    assert_none(&sources().iter().filter_map(long).collect::<Vec<_>>());
}

#[test]
fn every_file_says_what_it_is_for() {
    let mute = |source: &Source| {
        let first = source.lines.first().map_or("", String::as_str);
        (!first.starts_with("//! ")).then(|| source.name.clone())
    };
    assert_none(&sources().iter().filter_map(mute).collect::<Vec<_>>());
}

/// Every ordering of an atomic operation is named in a comment on it or closely above it.
#[test]
fn every_ordering_has_its_reason() {
    let mut violations = Vec::new();
    let mut seen = 0;
    for source in sources() {
        for (number, code) in source.code() {
            if code.trim_start().starts_with("use ")
                || code.trim_start().starts_with("pub(crate) use ")
            {
                continue;
            }
            for ordering in orderings_of(code) {
                seen += 1;
                let comments = comments_above(&source.lines[..number]);
                if !explains(&comments, ordering) {
                    violations.push(format!(
                        "{}:{number}: {ordering}: {}",
                        source.name,
                        code.trim()
                    ));
                }
            }
        }
    }
    assert!(seen > 100, "only {seen} orderings found: this test looks in the wrong place");
    assert_none(&violations);
}

/// What a line of code names; a `Relaxed` after another is that of a lost exchange, and says nothing.
fn orderings_of(code: &str) -> Vec<&'static str> {
    let named = |ordering: &&str| has_word(code, ordering);
    let mut orderings: Vec<_> = ORDERINGS.into_iter().filter(named).collect();
    if orderings.len() > 1 {
        orderings.retain(|ordering| *ordering != "Relaxed");
    }
    orderings
}

/// The comments that may stand for the last line: those within reach, and those further up that say
/// they are for what is below.
fn comments_above(lines: &[String]) -> Vec<&str> {
    let mut comments = Vec::new();
    for (distance, line) in lines.iter().rev().enumerate().take(3 * REACH) {
        let Some((_, comment)) = line.split_once("//") else {
            continue;
        };
        let wide = ["here and below", ", all:", ", both:"];
        if distance <= REACH || wide.iter().any(|words| comment.contains(words)) {
            comments.push(comment);
        }
    }
    comments
}

fn explains(comments: &[&str], ordering: &str) -> bool {
    let names = |word: &str| comments.iter().any(|comment| has_word(comment, word));
    match ordering {
        "AcqRel" => names("AcqRel") || (names("Acquire") && names("Release")),
        // A fence, which names its partner instead.
        "SeqCst" => names("SeqCst") || names("fence") || names("Pairs"),
        _ => names(ordering),
    }
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let is_inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !is_inside(before) && !is_inside(after)
    })
}

/// What is real and what is loom's is decided in `sys`; the rest is the same in both.
#[test]
fn loom_is_known_to_sys_alone() {
    let mut violations = Vec::new();
    for source in sources() {
        if ["lib", "sys", "model"].contains(&source.module()) {
            continue;
        }
        for (number, code) in source.code() {
            let next = source.lines.get(number).map_or("", String::as_str);
            let tests = ["mod tests", "use crate::sys"].iter().any(|it| next.starts_with(it));
            if has_word(code, "loom") && !tests {
                violations.push(format!("{}:{number}: {}", source.name, code.trim()));
            }
        }
    }
    assert_none(&violations);
}

/// Imports point down: below the line nobody knows what is above it.
#[test]
fn imports_point_down() {
    let mut violations = Vec::new();
    let mut crossed = 0;
    for source in sources() {
        let below = BELOW.contains(&source.module());
        for (number, code) in source.code() {
            for (at, path) in code.match_indices("crate::") {
                let rest = &code[at + path.len()..];
                let module = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next();
                let up = module.is_some_and(|module| ABOVE.contains(&module));
                crossed += usize::from(!below && !up);
                if below && up {
                    violations.push(format!("{}:{number}: {}", source.name, code.trim()));
                }
            }
        }
    }
    assert!(crossed > 10, "nobody imports downwards: this test looks in the wrong place");
    assert_none(&violations);
}

/// A module that is in neither list would go unchecked.
#[test]
fn every_module_has_its_side() {
    let stray = |source: &Source| {
        let module = source.module();
        let known = ABOVE.contains(&module) || BELOW.contains(&module);
        (!known && !["lib", "stats"].contains(&module)).then(|| source.name.clone())
    };
    assert_none(&sources().iter().filter_map(stray).collect::<Vec<_>>());
}

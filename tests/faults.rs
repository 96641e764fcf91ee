//! The table of faults in `docs/faults.md` names tests that exist.

use std::fs;
use std::path::PathBuf;

const ROWS: usize = 40;

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What stands between backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The table's rows: their names, and their last cells.
fn rows(page: &str) -> Vec<(&str, &str)> {
    page.lines()
        .filter(|line| line.starts_with("| F"))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 4, "{line}");
            (cells[0], cells[3])
        })
        .collect()
}

/// Whether a file has a test of this name; in `exit.rs`, which has no harness, a case.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let function = format!("fn {name}(");
    let Some(at) = lines.iter().position(|line| line.starts_with(&function)) else {
        return false;
    };
    let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
    let is_test = attributes.into_iter().any(|line| *line == "#[test]");
    is_test || source.contains(&format!("\"{name}\""))
}

#[test]
fn every_fault_has_its_tests() {
    let page = fs::read_to_string(file("docs/faults.md")).expect("the page");
    let rows = rows(&page);
    let mut missing = Vec::new();
    let mut seen = 0;
    for (row, tests) in &rows {
        for group in tests.split(';') {
            let named = quoted(group);
            let (path, names) = named.split_first().expect("a file");
            let path = match path.strip_prefix("loom/") {
                Some(rest) => format!("loom-tests/tests/{rest}"),
                None => format!("tests/{path}"),
            };
            let Ok(source) = fs::read_to_string(file(&path)) else {
                // A published package comes without the models.
                if !path.starts_with("loom-tests") || file("loom-tests").exists() {
                    missing.push(format!("{row}: no file {path}"));
                }
                continue;
            };
            assert!(path.contains("/ui/") || !names.is_empty(), "{row}: {path}: no test");
            seen += names.len();
            for name in names.iter().filter(|name| !has_test(&source, name)) {
                missing.push(format!("{row}: no test {name} in {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
    let names: Vec<_> = rows.iter().map(|(row, _)| String::from(*row)).collect();
    let all: Vec<_> = (1..=ROWS).map(|row| format!("F{row}")).collect();
    assert_eq!(names, all);
    assert!(seen > 70, "only {seen} tests were looked for");
}

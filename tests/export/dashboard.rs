//! The dashboard docs/grafana/stealpool.json asks for what `record_metrics` tells, and for all of it.

use super::metrics_feature::Notes;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use stealpool::{Builder, Pool};

/// Metrics that no panel shows, on purpose.
const LEFT_OUT: [&str; 0] = [];

/// The dashboard's metrics are those of the exporter `metrics-exporter-prometheus`, which leaves names as they are.
const PATH: &str = "docs/grafana/stealpool.json";

fn dashboard() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH);
    serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON")
}

/// Each metric that is recorded, and its labels.
fn recorded() -> BTreeMap<String, BTreeSet<String>> {
    let pool: Pool<Vec<u8>> = Builder::new().name("shown").build(Vec::new);
    drop(pool.get());
    let recorder = Notes::default();
    let labels = Arc::clone(&recorder.labels);
    metrics::with_local_recorder(&recorder, stealpool::record_metrics);
    labels.lock().unwrap().clone()
}

/// Every expression of a panel, with the panel's title.
fn expressions(dashboard: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().expect("a title");
        let targets = panel["targets"].as_array().expect(title);
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            all.push((title.to_owned(), target["expr"].as_str().expect(title).to_owned()));
        }
    }
    all
}

/// The words of an expression, each with what is before it and after it.
fn words(expression: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + expression[rest..].find(is_word)?;
        let tail = &expression[start..];
        let end = start + tail.find(|c| !is_word(c)).unwrap_or(tail.len());
        rest = end;
        Some((&expression[..start], &expression[start..end], &expression[end..]))
    })
}

/// What is wrong with an expression.
fn mistakes(expression: &str, metrics: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut mistakes = Vec::new();
    for (before, word, after) in words(expression).filter(|word| word.1.starts_with("stealpool")) {
        if !metrics.contains_key(word) {
            mistakes.push(format!("{word} is not recorded"));
        } else if word.ends_with("_total") != before.ends_with("rate(") {
            mistakes.push(format!("{word}: of a counter the rate, of a gauge the value"));
        } else if !after.starts_with("{pool=~\"$pool\"}") {
            mistakes.push(format!("{word} is not of the chosen pools"));
        }
    }
    for by in expression.split("sum by (").skip(1) {
        let (labels, after) = by.split_once(')').unwrap_or_default();
        let metric = words(after).map(|word| word.1).find(|word| word.starts_with("stealpool"));
        let known = metric.and_then(|metric| metrics.get(metric));
        for label in labels.split(", ") {
            if !known.is_some_and(|known| known.contains(label)) {
                mistakes.push(format!("{metric:?} has no label {label:?}"));
            }
        }
    }
    mistakes
}

#[test]
fn the_dashboard_shows_what_is_recorded() {
    let (metrics, dashboard) = (recorded(), dashboard());
    let expressions = expressions(&dashboard);
    let mut shown = BTreeSet::new();
    for (title, expression) in &expressions {
        assert_eq!(mistakes(expression, &metrics), [""; 0], "{title}: {expression}");
        shown.extend(
            words(expression).map(|word| word.1).filter(|word| metrics.contains_key(*word)),
        );
    }
    for metric in metrics.keys().map(String::as_str) {
        let is_shown = shown.contains(metric);
        assert_ne!(is_shown, LEFT_OUT.contains(&metric), "{metric}: shown: {is_shown}");
    }
    assert!(LEFT_OUT.iter().all(|metric| metrics.contains_key(*metric)));
}

#[test]
fn the_dashboard_s_pools_are_those_that_are_recorded() {
    let (metrics, dashboard) = (recorded(), dashboard());
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let named = |name| variables.iter().find(|variable| variable["name"] == name).expect(name);
    assert_eq!(named("datasource")["type"], "datasource");
    assert_eq!(named("datasource")["query"], "prometheus");
    let query = named("pool")["query"]["query"].as_str().expect("a query");
    assert_eq!(named("pool")["definition"], query);
    let words: Vec<_> = words(query).map(|word| word.1).collect();
    let ["label_values", metric, label] = words[..] else { panic!("{query}") };
    assert!(metrics.get(metric).is_some_and(|labels| labels.contains(label)), "{query}");
    // Whatever has a data source has the chosen one, and no two panels share an identity.
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let targets = panel["targets"].as_array().expect("targets");
        for source in targets.iter().chain([panel, named("pool")]) {
            assert_eq!(source["datasource"]["uid"], "${datasource}", "{source}");
        }
        assert!(ids.insert(panel["id"].as_u64().expect("a number")), "{panel}");
    }
}

#[test]
fn a_mistake_in_an_expression_is_found() {
    let metrics = recorded();
    for (expression, found) in [
        ("sum by (pool) (stealpool_idle_byte{pool=~\"$pool\"})", "not recorded"),
        ("sum by (pool) (stealpool_gets_total{pool=~\"$pool\"})", "of a counter the rate"),
        ("rate(stealpool_workers{pool=~\"$pool\"}[1m])", "of a gauge the value"),
        ("stealpool_workers", "not of the chosen pools"),
        ("sum by (pool, reason) (stealpool_workers{pool=~\"$pool\"})", "no label \"reason\""),
    ] {
        let mistakes = mistakes(expression, &metrics);
        assert!(mistakes.iter().any(|one| one.contains(found)), "{expression}: {mistakes:?}");
    }
}

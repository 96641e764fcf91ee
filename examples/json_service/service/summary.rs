//! From a parsed webhook payload, or an array of them, to the JSON that answers it.

use serde::Serialize;
use simd_json::prelude::*;
use simd_json::tape::{Object, Value};
use simd_json::{Node, StaticNode, Tape};
use std::fmt;

/// Why a document that is JSON is not a webhook payload.
#[derive(Debug)]
pub(crate) struct Invalid {
    /// Which element of an array.
    element: Option<usize>,
    reason: &'static str,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.element {
            Some(element) => write!(f, "element {element}: {}", self.reason),
            None => f.write_str(self.reason),
        }
    }
}

/// What a payload says it is about.
#[derive(Serialize)]
struct Event<'a> {
    event: Option<&'a str>,
    action: Option<&'a str>,
    actor: Option<&'a str>,
    repository: Option<&'a str>,
    organization: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Subject<'a>>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commits: Option<usize>,
    fields: usize,
}

/// The issue, pull request, release ... that the event happened to.
#[derive(Serialize)]
struct Subject<'a> {
    kind: &'static str,
    number: Option<u64>,
    title: Option<&'a str>,
    state: Option<&'a str>,
    author: Option<&'a str>,
    labels: usize,
    comments: Option<u64>,
    changed_files: Option<u64>,
    url: Option<&'a str>,
}

/// What the document consists of.
#[derive(Default, Serialize)]
struct Census {
    bytes: usize,
    values: usize,
    objects: usize,
    arrays: usize,
    strings: usize,
    numbers: usize,
    literals: usize,
    keys: usize,
    text_bytes: usize,
}

/// Members that hold an event's subject, the most specific first.
const SUBJECTS: [&str; 24] = [
    "review",
    "comment",
    "pull_request",
    "issue",
    "discussion",
    "release",
    "check_run",
    "check_suite",
    "workflow_job",
    "workflow_run",
    "deployment_status",
    "deployment",
    "milestone",
    "label",
    "alert",
    "package",
    "security_advisory",
    "project_card",
    "project_column",
    "project",
    "projects_v2_item",
    "forkee",
    "team",
    "member",
];

/// Appends the answer to `document`, which took `bytes` bytes, to `answer`. `event` is the name of
/// a single payload's event, where the sender gave one.
///
/// # Errors
///
/// The document is not a payload, nor an array of payloads; `answer` may hold the beginning of one.
pub(crate) fn write(
    document: &Tape<'_>,
    bytes: usize,
    event: Option<&str>,
    answer: &mut Vec<u8>,
) -> Result<(), Invalid> {
    answer.extend_from_slice(b"{\"events\":[");
    let root = document.as_value();
    let count = if let Some(batch) = root.as_array() {
        for (element, value) in batch.iter().enumerate() {
            if element > 0 {
                answer.push(b',');
            }
            let located = |reason| Invalid { element: Some(element), reason };
            let (event, payload) = unwrap_delivery(value);
            append(answer, &summarise(event, payload).map_err(located)?);
        }
        batch.len()
    } else {
        let located = |reason| Invalid { element: None, reason };
        append(answer, &summarise(event, root).map_err(located)?);
        1
    };
    answer.extend_from_slice(b"],\"count\":");
    append(answer, &count);
    answer.extend_from_slice(b",\"document\":");
    append(answer, &take_census(document, bytes));
    answer.extend_from_slice(b"}\n");
    Ok(())
}

/// Appends `{"error": "..."}`.
pub(crate) fn write_error(answer: &mut Vec<u8>, message: &dyn fmt::Display) {
    answer.extend_from_slice(b"{\"error\":");
    append(answer, &format_args!("{message}"));
    answer.extend_from_slice(b"}\n");
}

fn append(answer: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(answer, value).expect("a Vec takes all, and every key is a string");
}

/// An element of an array is a payload, or an envelope `{"event": "name", "payload": {...}}`.
fn unwrap_delivery<'t, 'i>(value: Value<'t, 'i>) -> (Option<&'t str>, Value<'t, 'i>) {
    match (value.get("event").and_then(|event| event.into_string()), value.get("payload")) {
        (Some(event), Some(payload)) => (Some(event), payload),
        _ => (None, value),
    }
}

fn summarise<'t>(
    event: Option<&'t str>,
    payload: Value<'t, '_>,
) -> Result<Event<'t>, &'static str> {
    let payload = payload.as_object().ok_or("a payload must be a JSON object")?;
    let action = string(&payload, "action", "the member \"action\" must be a string")?;
    let actor = named(&payload, "sender", "login", "\"sender\" must have a string \"login\"")?;
    let repository = named(
        &payload,
        "repository",
        "full_name",
        "\"repository\" must have a string \"full_name\"",
    )?;
    let organization =
        named(&payload, "organization", "login", "\"organization\" must have a string \"login\"")?;
    let subject = SUBJECTS.iter().find_map(|kind| subject(kind, &payload));
    if actor.or(repository).or(organization).is_none() && (action.is_none() || subject.is_none()) {
        return Err("not a webhook payload: no sender, repository, organization or subject");
    }
    Ok(Event {
        event,
        action,
        actor,
        repository,
        organization,
        reference: string(&payload, "ref", "the member \"ref\" must be a string")?,
        commits: payload.get("commits").and_then(|commits| Some(commits.as_array()?.len())),
        fields: payload.len(),
        subject,
    })
}

fn subject<'t>(kind: &'static str, payload: &Object<'t, '_>) -> Option<Subject<'t>> {
    let subject = payload.get(kind)?.as_object()?;
    let text = |key| subject.get(key).and_then(|value| value.into_string());
    let number = |key| subject.get(key).and_then(|value| value.as_u64());
    Some(Subject {
        kind,
        number: number("number"),
        title: text("title").or_else(|| text("name")),
        state: text("state").or_else(|| text("status")),
        author: subject.get("user").and_then(|user| user.get("login")?.into_string()),
        labels: subject.get("labels").and_then(|l| Some(l.as_array()?.len())).unwrap_or(0),
        comments: number("comments"),
        changed_files: number("changed_files"),
        url: text("html_url"),
    })
}

/// The string at `object[key]`, which may be absent or null.
fn string<'t>(
    object: &Object<'t, '_>,
    key: &str,
    wrong: &'static str,
) -> Result<Option<&'t str>, &'static str> {
    match object.get(key) {
        None => Ok(None),
        Some(value) if value.is_null() => Ok(None),
        Some(value) => value.into_string().map(Some).ok_or(wrong),
    }
}

/// The string at `object[outer][key]`; `outer` may be absent or null, `key` then not.
fn named<'t>(
    object: &Object<'t, '_>,
    outer: &str,
    key: &str,
    wrong: &'static str,
) -> Result<Option<&'t str>, &'static str> {
    match object.get(outer) {
        None => Ok(None),
        Some(value) if value.is_null() => Ok(None),
        Some(value) => {
            let name = value.get(key).and_then(|value| value.into_string());
            name.map(Some).ok_or(wrong)
        }
    }
}

fn take_census(document: &Tape<'_>, bytes: usize) -> Census {
    let mut census = Census { bytes, ..Census::default() };
    for node in &document.0 {
        match node {
            Node::String(text) => {
                census.strings += 1;
                census.text_bytes += text.len();
            }
            Node::Object { len, .. } => {
                census.objects += 1;
                census.keys += len;
            }
            Node::Array { .. } => census.arrays += 1,
            Node::Static(StaticNode::Null | StaticNode::Bool(_)) => census.literals += 1,
            Node::Static(_) => census.numbers += 1,
        }
    }
    // On the tape a key is a string like any other.
    census.strings -= census.keys;
    census.values = document.0.len() - census.keys;
    census
}

//! One element of the array: its values in document order, their text in one string.

use stealpool::Recycle;

/// A part of a record's text.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

/// A value as it is stored.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Span),
    Text(Span),
    Array,
    Object,
}

/// A value of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'r> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// The number as it was written.
    Number(&'r str),
    /// A string without its escapes.
    Text(&'r str),
    /// An array; its elements follow, one level deeper.
    Array,
    /// An object; its members follow, one level deeper.
    Object,
}

struct Node {
    name: Option<Span>,
    kind: Kind,
    depth: usize,
}

/// One element of the array, which is at depth 0.
pub(crate) struct Record {
    text: String,
    nodes: Vec<Node>,
}

impl Record {
    /// An empty record.
    pub(crate) fn new() -> Self {
        Record { text: String::new(), nodes: Vec::new() }
    }

    /// Every value: its depth, its name if it is a member of an object, and itself.
    pub(crate) fn values(&self) -> impl Iterator<Item = (usize, Option<&str>, Value<'_>)> {
        self.nodes.iter().map(|node| {
            let name = node.name.map(|name| self.text(name));
            (node.depth, name, self.show(node.kind))
        })
    }

    /// The members of the record itself.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.values().filter_map(|(depth, name, value)| (depth == 1).then_some((name?, value)))
    }

    /// How many members its objects have, nested ones included.
    pub(crate) fn fields(&self) -> usize {
        self.nodes.iter().filter(|node| node.name.is_some()).count()
    }

    /// Adds a string or number, for a name or a value.
    pub(super) fn keep(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.push_str(text);
        Span { start, end: self.text.len() }
    }

    /// Adds a value.
    pub(super) fn push(&mut self, name: Option<Span>, kind: Kind, depth: usize) {
        self.nodes.push(Node { name, kind, depth });
    }

    fn text(&self, span: Span) -> &str {
        &self.text[span.start..span.end]
    }

    fn show(&self, kind: Kind) -> Value<'_> {
        match kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(value),
            Kind::Number(span) => Value::Number(self.text(span)),
            Kind::Text(span) => Value::Text(self.text(span)),
            Kind::Array => Value::Array,
            Kind::Object => Value::Object,
        }
    }
}

impl Recycle for Record {
    fn recycle(&mut self) {
        self.text.clear();
        self.nodes.clear();
    }

    fn footprint(&self) -> usize {
        size_of::<Self>() + self.text.capacity() + self.nodes.capacity() * size_of::<Node>()
    }
}

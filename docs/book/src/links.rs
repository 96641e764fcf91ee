//! The links of a page, and the page with others in their place.

use mdbook_markdown::pulldown_cmark::{BrokenLink, Event, LinkType, Options, Parser, Tag};
use std::ops::Range;

/// A link or an image of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// From one.
    pub line: usize,
    pub target: String,
    pub is_image: bool,
    /// Where the target stands in the page; `None` if it is not written out there as it is.
    span: Option<Range<usize>>,
}

/// What stands where a link's definition is missing: `` [`Pool`] `` without `` [`Pool`]: .. ``, which
/// rustdoc resolves and a book prints as it stands.
pub const UNDEFINED: &str = "(no definition)";

/// All links and images of a page, in order.
pub fn links(page: &str) -> Vec<Link> {
    let mut found = Vec::new();
    let mut undefined = Vec::new();
    let callback = |broken: BrokenLink<'_>| {
        if broken.reference.starts_with('`') {
            undefined.push((broken.span.clone(), broken.reference.to_string()));
        }
        None
    };
    let parser = Parser::new_with_broken_link_callback(page, options(), Some(callback));
    let definitions: Vec<(String, Range<usize>)> = parser
        .reference_definitions()
        .iter()
        .map(|(_, definition)| (definition.dest.to_string(), definition.span.clone()))
        .collect();
    for (event, range) in parser.into_offset_iter() {
        let (Event::Start(Tag::Link { link_type, dest_url, .. })
        | Event::Start(Tag::Image { link_type, dest_url, .. })) = &event
        else {
            continue;
        };
        let target = dest_url.to_string();
        let written = match link_type {
            LinkType::Inline => after(page, range.clone(), "](", &target),
            LinkType::Autolink | LinkType::Email => None,
            _ => definitions
                .iter()
                .find(|(dest, _)| *dest == target)
                .and_then(|(_, span)| after(page, span.clone(), "]:", &target)),
        };
        found.push(Link {
            line: line_of(page, range.start),
            is_image: matches!(event, Event::Start(Tag::Image { .. })),
            span: written,
            target,
        });
    }
    found.extend(undefined.into_iter().map(|(span, reference)| Link {
        line: line_of(page, span.start),
        target: format!("[{reference}] {UNDEFINED}"),
        is_image: false,
        span: None,
    }));
    found.sort_by_key(|link| link.line);
    found
}

/// The page, with other targets where `change` has one.
pub fn rewritten(page: &str, change: impl Fn(&Link) -> Option<String>) -> String {
    let mut changes: Vec<(Range<usize>, String)> = links(page)
        .into_iter()
        .filter_map(|link| Some((link.span.clone()?, change(&link)?)))
        .collect();
    // A definition that several links use is changed once; from the end, so that the others stay where they are.
    changes.sort_by_key(|(span, _)| span.start);
    changes.dedup_by_key(|(span, _)| span.start);
    let mut page = page.to_string();
    for (span, target) in changes.into_iter().rev() {
        page.replace_range(span, &target);
    }
    page
}

/// What mdBook reads, too.
fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
}

/// Where the target stands after the last such mark.
fn after(page: &str, range: Range<usize>, mark: &str, target: &str) -> Option<Range<usize>> {
    let text = page.get(range.clone())?;
    let start = text.rfind(mark)? + mark.len();
    let at = range.start + start + text[start..].find(target)?;
    (!target.is_empty()).then_some(at..at + target.len())
}

fn line_of(page: &str, at: usize) -> usize {
    page[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# Title

[one](a.md) and ![two](b.svg \"title\"), `[not](this.md)`

| [three](crate::Pool::get) | [four][label], [five][label] |
|---|---|

```text
[nor](that.md)
```

[label]: c.md#d
";

    fn targets(page: &str) -> Vec<(usize, String)> {
        let pairs = links(page).into_iter();
        pairs.map(|link| (link.line, link.target)).collect()
    }

    #[test]
    fn links_are_found_with_their_lines_and_code_is_passed_over() {
        let expected =
            [(3, "a.md"), (3, "b.svg"), (5, "crate::Pool::get"), (5, "c.md#d"), (5, "c.md#d")];
        assert_eq!(targets(PAGE), expected.map(|(n, t)| (n, t.to_string())));
        let images = links(PAGE).into_iter().filter(|link| link.is_image);
        assert_eq!(images.count(), 1);
    }

    #[test]
    fn only_targets_change_and_a_definition_changes_once() {
        let shouting = rewritten(PAGE, |link| Some(link.target.to_uppercase()));
        let expected = PAGE
            .replace("(a.md)", "(A.MD)")
            .replace("b.svg", "B.SVG")
            .replace("crate::Pool::get", "CRATE::POOL::GET")
            .replace("c.md#d", "C.MD#D");
        assert_eq!(shouting, expected);
    }

    #[test]
    fn a_code_span_that_rustdoc_would_link_is_undefined_here() {
        let undefined = format!("[`Pool`] {UNDEFINED}");
        assert_eq!(targets("a [`Pool`] and an [x]\n"), [(1, undefined)]);
        assert_eq!(targets("an array `[0]` and a[1]\n"), []);
    }
}

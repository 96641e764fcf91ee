//! Rendered pages: their ids, and whether all that they refer to is there.
//!
//! The second look at the links, after that of `check`: it sees what mdBook made of them, its own
//! navigation, and links that a page has as HTML.

use crate::check::Dead;
use crate::paths;
use anyhow::{Context, Result};
use html5gum::{Token, Tokenizer};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The ids of a page, and the names of its old-fashioned anchors.
pub fn ids(html: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    attributes(html, |tag, name, value| {
        if name == "id" || (tag == "a" && name == "name") {
            ids.insert(value);
        }
    });
    ids
}

/// What a page refers to.
fn references(html: &str) -> Vec<String> {
    let mut references = Vec::new();
    attributes(html, |_, name, value| {
        if name == "href" || name == "src" {
            references.push(value);
        }
    });
    references
}

fn attributes(html: &str, mut each: impl FnMut(&str, &str, String)) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for Ok(token) in Tokenizer::new(html) {
        if let Token::StartTag(tag) = token {
            let tag_name = text(&tag.name);
            for (name, value) in &tag.attributes {
                each(&tag_name, &text(name), text(value));
            }
        }
    }
}

/// Checks all pages of a book but the API's; how many references there were, and which are dead.
pub fn check(book: &Path) -> Result<(usize, Vec<Dead>)> {
    let mut pages = BTreeMap::new();
    read(book, "", &mut pages)?;
    let all_ids: BTreeMap<&str, BTreeSet<String>> =
        pages.iter().map(|(name, html)| (name.as_str(), ids(html))).collect();
    let (mut count, mut dead) = (0, Vec::new());
    for (name, html) in &pages {
        for reference in references(html) {
            if has_scheme(&reference) {
                continue;
            }
            count += 1;
            if let Some(why) = why_dead(book, name, &reference, &all_ids) {
                dead.push(Dead::new(name, None, &reference, why));
            }
        }
    }
    Ok((count, dead))
}

/// Checks the pages of the manual as rustdoc has them: a link to another page's file leads nowhere there,
/// and must go by a label that src/lib.rs defines.
pub fn check_manual(book: &Path) -> Result<Vec<Dead>> {
    let mut pages = BTreeMap::new();
    read(book, MANUAL, &mut pages)?;
    let mut dead = Vec::new();
    for (name, html) in &pages {
        let mut links = Vec::new();
        attributes(html, |tag, name, value| {
            if tag == "a" && name == "href" && !has_scheme(&value) {
                links.push(value);
            }
        });
        for link in links {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            // Lines of the source are no ids.
            let is_source = path.contains("/src/");
            let link = if is_source || anchor.is_empty() { path } else { &link };
            if let Some(why) = why_dead(book, name, link, &BTreeMap::new()) {
                dead.push(Dead::new(name, None, link, why));
            }
        }
    }
    Ok(dead)
}

const MANUAL: &str = "api/stealpool/docs";

fn read(book: &Path, directory: &str, pages: &mut BTreeMap<String, String>) -> Result<()> {
    let here = book.join(directory);
    for entry in fs::read_dir(&here).with_context(|| here.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let name = if directory.is_empty() { name } else { format!("{directory}/{name}") };
        if entry.path().is_dir() {
            // The API is rustdoc's own; what pages want of it is looked up.
            if name != "api" {
                read(book, &name, pages)?;
            }
        } else if name.ends_with(".html") {
            pages.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(())
}

fn why_dead(
    book: &Path,
    page: &str,
    reference: &str,
    all_ids: &BTreeMap<&str, BTreeSet<String>>,
) -> Option<String> {
    let (path, anchor) = match reference.split_once('#') {
        Some((path, anchor)) => (path, Some(paths::decoded(anchor))),
        None => (reference, None),
    };
    let file = if path.is_empty() {
        page.to_string()
    } else {
        let path = paths::decoded(path.split('?').next().unwrap_or_default());
        match paths::join(page, &path) {
            Some(file) => file,
            None => return Some(String::from("leads out of the book")),
        }
    };
    if !book.join(&file).exists() {
        return Some(format!("no file {file}"));
    }
    let anchor = anchor.filter(|anchor| !anchor.is_empty())?;
    let has = match all_ids.get(file.as_str()) {
        Some(ids) => ids.contains(&anchor),
        None => fs::read_to_string(book.join(&file)).is_ok_and(|html| ids(&html).contains(&anchor)),
    };
    (!has).then(|| format!("no id `{anchor}` in {file}"))
}

/// Whether a reference names its scheme, and so leaves the book.
fn has_scheme(reference: &str) -> bool {
    let scheme = reference.split(['/', '#', '?']).next().unwrap_or_default();
    scheme.contains(':') || reference.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(pages: &[(&str, &str)]) -> Vec<String> {
        let book = tempfile::tempdir().unwrap();
        for (name, text) in pages {
            let file = book.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let (_, dead) = check(book.path()).unwrap();
        dead.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ids_are_those_of_tags_alone() {
        let found = ids("<p id=a>id=\"b\" <a name='c'></a><!-- <p id=\"d\"> --><input name=e>");
        assert_eq!(found, ["a", "c"].map(String::from).into());
    }

    #[test]
    fn a_book_that_holds_together() {
        let one = "<a href='docs/two.html#here'>x</a><img src='p.svg'><a href='#me' id='me'>y</a>\
                   <a href='https://example.org/nothing'>z</a><a href='api/a.html#method.get'>f</a>";
        let pages = [
            ("one.html", one),
            ("docs/two.html", "<h1 id='here'></h1><a href='../one.html?x=1'>back</a>"),
            ("p.svg", ""),
            ("api/a.html", "<p id='method.get'></p><a href='nowhere.html'>rustdoc's</a>"),
        ];
        assert_eq!(dead(&pages), [""; 0]);
    }

    #[test]
    fn a_file_is_no_page_of_rustdoc() {
        let book = tempfile::tempdir().unwrap();
        for (page, html) in [
            ("faq", "<a href='../guide/index.html#bounds'>a</a> <a href='../guide.md'>b</a>"),
            (
                "guide",
                "<h1 id='bounds'></h1><a href='../faq/index.html#nope'>c</a><img src='p.svg'>",
            ),
        ] {
            let directory = book.path().join(MANUAL).join(page);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("index.html"), html).unwrap();
        }
        let dead = check_manual(book.path()).unwrap();
        let said: Vec<String> = dead.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].ends_with("../guide.md: no file api/stealpool/docs/guide.md"));
        assert!(said[1].ends_with("no id `nope` in api/stealpool/docs/faq/index.html"));
    }

    #[test]
    fn each_kind_of_dead_reference_is_found() {
        let cases = [
            ("<a href='two.html'>", "no file two.html"),
            ("<img src='p.svg'>", "no file p.svg"),
            ("<a href='#there'>", "no id `there` in one.html"),
            ("<a href='../up.html'>", "leads out of the book"),
            ("<a href='api/a.html#method.set'>", "no id `method.set` in api/a.html"),
        ];
        for (html, why) in cases {
            let found = dead(&[("one.html", html), ("api/a.html", "<p id='method.get'>")]);
            assert_eq!(found.len(), 1, "{html}");
            assert!(found[0].ends_with(why), "{}", found[0]);
        }
    }
}

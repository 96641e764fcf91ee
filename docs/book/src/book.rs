//! The pages, and the book that mdBook makes of them.
//!
//! mdBook wants its pages in one directory, with the summary's paths relative to it. So they are copied to
//! target/book-pages, in the places they have in the repository, for their links to hold.

use crate::check::{Dead, Pages, Site};
use crate::paths;
use anyhow::{Context, Result};
use mdbook_driver::MDBook;
use mdbook_driver::book::{Book, BookItem};
use mdbook_driver::config::Config;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};
use mdbook_summary::{Link, Summary, SummaryItem, parse_summary};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const SUMMARY: &str = "docs/SUMMARY.md";

/// Not a chapter: the front page of the API.
const FRONT: &str = "docs/crate.md";

/// The summary, with paths relative to the repository.
fn summary(root: &Path) -> Result<Summary> {
    let text = fs::read_to_string(root.join(SUMMARY)).context(SUMMARY)?;
    let mut summary = parse_summary(&text).map_err(|error| error.context(SUMMARY))?;
    let parts = [
        &mut summary.prefix_chapters,
        &mut summary.numbered_chapters,
        &mut summary.suffix_chapters,
    ];
    for item in parts.into_iter().flatten() {
        visit(item, &mut |link| {
            if let Some(location) = &link.location {
                let path = paths::join(SUMMARY, &location.to_string_lossy());
                link.location = path.map(PathBuf::from);
            }
        });
    }
    Ok(summary)
}

fn visit(item: &mut SummaryItem, each: &mut impl FnMut(&mut Link)) {
    if let SummaryItem::Link(link) = item {
        each(link);
        for nested in &mut link.nested_items {
            visit(nested, each);
        }
    }
}

/// The pages that the summary names.
pub fn pages(root: &Path) -> Result<Pages> {
    let mut locations = Vec::new();
    let mut summary = summary(root)?;
    let parts = [
        &mut summary.prefix_chapters,
        &mut summary.numbered_chapters,
        &mut summary.suffix_chapters,
    ];
    for item in parts.into_iter().flatten() {
        visit(item, &mut |link| locations.extend(link.location.clone()));
    }
    let page = |location: PathBuf| {
        let name = location.to_string_lossy().into_owned();
        let text = fs::read_to_string(root.join(&location)).with_context(|| name.clone())?;
        Ok((name, text))
    };
    locations.into_iter().map(page).collect()
}

/// Pages of docs/ that are in no chapter, and chapters whose examples no `cargo test` compiles.
pub fn strays(root: &Path, pages: &Pages) -> Result<Vec<Dead>> {
    let library = fs::read_to_string(root.join("src/lib.rs")).context("src/lib.rs")?;
    let mut strays = Vec::new();
    for entry in fs::read_dir(root.join("docs"))? {
        let name = format!("docs/{}", entry?.file_name().to_string_lossy());
        let is_page = name.ends_with(".md") && name != SUMMARY && name != FRONT;
        if is_page && !pages.contains_key(&name) {
            strays.push(Dead::new(SUMMARY, None, &name, String::from("in no chapter")));
        }
    }
    for page in pages.keys() {
        if !library.contains(&format!("\"../{page}\"")) {
            let why = String::from("not among the modules of docs in src/lib.rs");
            strays.push(Dead::new(SUMMARY, None, page, why));
        }
    }
    Ok(strays)
}

/// Puts the links of the book in the place of the pages' own.
struct Relink {
    pages: BTreeMap<PathBuf, String>,
}

impl Preprocessor for Relink {
    fn name(&self) -> &str {
        "relink"
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> Result<Book> {
        book.for_each_mut(|item| {
            if let BookItem::Chapter(chapter) = item {
                let text = chapter.source_path.as_ref().and_then(|path| self.pages.get(path));
                if let Some(text) = text {
                    chapter.content.clone_from(text);
                }
            }
        });
        Ok(book)
    }
}

/// Makes target/book.
pub fn build(root: &Path, target: &Path, site: &Site<'_>) -> Result<()> {
    let (staged, book) = (target.join("book-pages"), target.join("book"));
    for directory in [&staged, &book] {
        if directory.exists() {
            fs::remove_dir_all(directory).with_context(|| directory.display().to_string())?;
        }
    }
    let names: Vec<String> = pages(root)?.into_keys().collect();
    let images = names.iter().flat_map(|page| site.images(page));
    for file in names.iter().cloned().chain(images) {
        let to = staged.join(&file);
        fs::create_dir_all(to.parent().context("a directory")?)?;
        // An image that is not there is told of by the check.
        if root.join(&file).exists() {
            fs::copy(root.join(&file), &to).with_context(|| file.clone())?;
        }
    }
    let mut config: Config = include_str!("../book.toml").parse()?;
    config.book.src = PathBuf::from("book-pages");
    config.build.build_dir = PathBuf::from("book");
    let mut mdbook = MDBook::load_with_config_and_summary(target, config, summary(root)?)?;
    let relinked = |name: &String| (PathBuf::from(name), site.for_book(name));
    mdbook.with_preprocessor(Relink { pages: names.iter().map(relinked).collect() });
    mdbook.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(summary: &str, library: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in [
            (SUMMARY, summary),
            ("src/lib.rs", library),
            ("README.md", "# Front\n"),
            ("docs/a.md", "# A\n"),
            ("docs/b.md", "# B\n"),
            (FRONT, ""),
        ] {
            let file = root.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        root
    }

    const WHOLE: &str = "# Summary\n\n[Front](../README.md)\n\n- [A](a.md)\n  - [B](b.md)\n";
    const LIBRARY: &str = "(\"../README.md\") (\"../docs/a.md\") (\"../docs/b.md\")";

    #[test]
    fn the_summary_names_the_pages() {
        let root = repository(WHOLE, LIBRARY);
        let pages = pages(root.path()).unwrap();
        let names: Vec<&String> = pages.keys().collect();
        assert_eq!(names, ["README.md", "docs/a.md", "docs/b.md"]);
        assert_eq!(strays(root.path(), &pages).unwrap(), []);
    }

    #[test]
    fn a_page_without_a_chapter_or_a_module_is_found() {
        let root = repository(&WHOLE.replace("  - [B](b.md)\n", ""), "(\"../README.md\")");
        let pages = pages(root.path()).unwrap();
        let strays = strays(root.path(), &pages).unwrap();
        let said: Vec<String> = strays.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("docs/b.md: in no chapter"));
        assert!(said[1].contains("docs/a.md: not among the modules"));
    }

    #[test]
    fn a_chapter_without_a_page_is_an_error() {
        let root = repository(&WHOLE.replace("b.md", "c.md"), LIBRARY);
        assert!(pages(root.path()).is_err());
    }
}

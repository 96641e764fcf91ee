//! Whether a page's link leads somewhere, and where that is in the book.

use crate::links::{self, Link, UNDEFINED};
use crate::{api, html, paths};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use url::Url;

/// Where the files are that are not in the book.
const REPOSITORY: &str = "https://github.com/stealpool/stealpool";

/// The pages by their paths in the repository.
pub type Pages = BTreeMap<String, String>;

/// A link that leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub struct Dead {
    page: String,
    line: Option<usize>,
    link: String,
    why: String,
}

impl Dead {
    pub fn new(page: &str, line: Option<usize>, link: &str, why: String) -> Self {
        let (page, link) = (page.to_string(), link.to_string());
        Dead { page, line, link, why }
    }
}

impl fmt::Display for Dead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.page)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}", self.link, self.why)
    }
}

/// What links may lead to: the repository, its pages, the book they were made into, the API.
pub struct Site<'a> {
    root: &'a Path,
    book: &'a Path,
    api: &'a Path,
    pages: &'a Pages,
}

/// What a link says that it leads to.
enum Target<'a> {
    /// With a scheme.
    Web(&'a str),
    /// `crate::..`
    Item(&'a str),
    Local {
        /// Empty: the page itself.
        path: &'a str,
        anchor: Option<&'a str>,
    },
}

fn target(link: &str) -> Target<'_> {
    if link == "crate" || link.starts_with("crate::") || link.starts_with("crate#") {
        return Target::Item(link);
    }
    let scheme = link.split(['/', '#', '?']).next().unwrap_or_default();
    if scheme.contains(':') || link.starts_with("//") {
        return Target::Web(link);
    }
    match link.split_once('#') {
        Some((path, anchor)) => Target::Local { path, anchor: Some(anchor) },
        None => Target::Local { path: link, anchor: None },
    }
}

impl<'a> Site<'a> {
    pub fn new(root: &'a Path, book: &'a Path, api: &'a Path, pages: &'a Pages) -> Self {
        Site { root, book, api, pages }
    }

    /// A page as the book has it: links to the API lead to its pages beside the book, and links to files
    /// that are not in the book to the repository.
    pub fn for_book(&self, page: &str) -> String {
        let text = self.pages.get(page).map_or("", String::as_str);
        links::rewritten(text, |link| match target(&link.target) {
            Target::Item(item) => {
                let place = api::place(self.api, item).ok()?;
                Some(format!("{}api/{place}", paths::to_root(page)))
            }
            Target::Local { path, .. } if !path.is_empty() && !link.is_image => {
                let file = paths::join(page, path)?;
                let view = if self.root.join(&file).is_dir() { "tree" } else { "blob" };
                (!self.pages.contains_key(&file))
                    .then(|| format!("{REPOSITORY}/{view}/HEAD/{file}"))
            }
            _ => None,
        })
    }

    /// The images of a page, by their paths in the repository.
    pub fn images(&self, page: &str) -> BTreeSet<String> {
        let text = self.pages.get(page).map_or("", String::as_str);
        let images = links::links(text).into_iter().filter(|link| link.is_image);
        images.filter_map(|link| paths::join(page, &link.target)).collect()
    }

    /// How many links all pages have, and which are dead. The book must have been made.
    pub fn check(&self) -> (usize, Vec<Dead>) {
        let (mut count, mut dead) = (0, Vec::new());
        for (page, text) in self.pages {
            for link in links::links(text) {
                count += 1;
                if let Err(why) = self.follow(page, &link) {
                    dead.push(Dead::new(page, Some(link.line), &link.target, why));
                }
            }
        }
        (count, dead)
    }

    fn follow(&self, page: &str, link: &Link) -> Result<(), String> {
        if link.target.ends_with(UNDEFINED) {
            return Err(String::from("write where it leads"));
        }
        match target(&link.target) {
            Target::Web(address) => web(address),
            Target::Item(item) => api::place(self.api, item).map(drop),
            Target::Local { path: "", anchor } => self.heading(page, anchor.unwrap_or_default()),
            Target::Local { path, anchor } => {
                let file = paths::join(page, &paths::decoded(path));
                let file = file.ok_or("leads out of the repository")?;
                if !self.root.join(&file).exists() {
                    return Err(format!("no file {file}"));
                }
                match anchor {
                    None => Ok(()),
                    Some(anchor) if self.pages.contains_key(&file) => self.heading(&file, anchor),
                    Some(_) => Err(format!("{file} is no page, its headings are not known")),
                }
            }
        }
    }

    fn heading(&self, page: &str, anchor: &str) -> Result<(), String> {
        let html = fs::read_to_string(self.book.join(paths::html_of(page)));
        let ids = html.map(|html| html::ids(&html)).unwrap_or_default();
        let has = ids.contains(&paths::decoded(anchor));
        has.then_some(()).ok_or_else(|| format!("no heading `#{anchor}` in {page}"))
    }
}

/// The form alone; nothing is fetched.
fn web(address: &str) -> Result<(), String> {
    let url = Url::parse(address).map_err(|error| format!("no address: {error}"))?;
    match url.scheme() {
        "https" | "http" if url.host_str().is_some_and(|host| host.contains('.')) => Ok(()),
        "https" | "http" => Err(String::from("no host")),
        "mailto" => Ok(()),
        scheme => Err(format!("what is `{scheme}:`?")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A repository of two pages, a file and a plot, with its book and its API.
    struct Sample {
        directory: TempDir,
        pages: Pages,
    }

    impl Sample {
        fn new(page: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let root = directory.path();
            let pages = Pages::from([
                (String::from("README.md"), String::from("# Welcome\n")),
                (String::from("docs/page.md"), page.to_string()),
            ]);
            for (file, text) in [
                ("README.md", ""),
                ("LICENSE", ""),
                ("docs/page.md", ""),
                ("docs/plots/plot.svg", ""),
                ("book/README.html", "<h1 id='welcome'></h1>"),
                ("book/docs/page.html", "<h1 id='page'></h1>"),
            ] {
                fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
                fs::write(root.join(file), text).unwrap();
            }
            api::sample(&root.join("api"));
            Sample { directory, pages }
        }

        fn with<R>(&self, look: impl FnOnce(&Site<'_>) -> R) -> R {
            let root = self.directory.path();
            let (book, api) = (root.join("book"), root.join("api"));
            look(&Site::new(root, &book, &api, &self.pages))
        }

        fn dead(&self) -> Vec<Dead> {
            self.with(|site| site.check().1)
        }
    }

    #[test]
    fn links_of_each_kind_lead_somewhere() {
        let page = "[a](../README.md) [b](../README.md#welcome) [c](#page) [d](../LICENSE) [e](plots)\n\
                    ![f](plots/plot.svg) [g](crate::Pool::get) [h](https://docs.rs/stealpool) <https://docs.rs>\n\
                    [i][ref]\n\n[ref]: crate::admission\n";
        let sample = Sample::new(page);
        assert_eq!(sample.dead(), []);
        assert_eq!(sample.with(|site| site.check().0), 10);
    }

    #[test]
    fn a_dead_link_of_each_kind_is_found() {
        let cases = [
            ("[a file](../LICENCE)", "no file LICENCE"),
            ("[a page](pag.md)", "no file docs/pag.md"),
            ("[a heading elsewhere](../README.md#wellcome)", "no heading `#wellcome` in README.md"),
            ("[a heading here](#pag)", "no heading `#pag` in docs/page.md"),
            (
                "[a heading of a file](../LICENSE#x)",
                "LICENSE is no page, its headings are not known",
            ),
            ("[out](../../secret)", "leads out of the repository"),
            ("[absolute](/README.md)", "leads out of the repository"),
            ("![an image](plots/plod.svg)", "no file docs/plots/plod.svg"),
            ("[an item](crate::Pond)", "no `Pond` in stealpool"),
            ("[a method](crate::Pool::got)", "`Pool` has no `got`"),
            ("[a reference][ref]\n\n[ref]: crate::Pond", "no `Pond` in stealpool"),
            ("[`Pool`]", "write where it leads"),
            ("[the web](https://)", "no address: empty host"),
            ("[no host](https://localhost/)", "no host"),
            ("[a scheme](htps://docs.rs)", "what is `htps:`?"),
        ];
        for (page, why) in cases {
            let dead = Sample::new(&format!("\n\n{page}\n")).dead();
            assert_eq!(dead.len(), 1, "{page}");
            let said = dead[0].to_string();
            assert!(said.starts_with("docs/page.md:3: ") && said.ends_with(why), "{said}");
        }
    }

    #[test]
    fn the_book_has_links_of_its_own() {
        let page = "[a](crate::Pool::get) [b](../LICENSE) [c](plots) [d](../README.md#welcome)\n\
                    ![e](plots/plot.svg) [f](crate::Pond)";
        let made = Sample::new(page).with(|site| site.for_book("docs/page.md"));
        let expected = format!(
            "[a](../api/stealpool/struct.Pool.html#method.get) [b]({REPOSITORY}/blob/HEAD/LICENSE) \
             [c]({REPOSITORY}/tree/HEAD/docs/plots) [d](../README.md#welcome)\n\
             ![e](plots/plot.svg) [f](crate::Pond)"
        );
        assert_eq!(made, expected);
        let images = Sample::new(page).with(|site| site.images("docs/page.md"));
        assert_eq!(images, [String::from("docs/plots/plot.svg")].into());
    }
}

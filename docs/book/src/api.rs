//! From a path in the crate to the place in rustdoc's pages, found by looking for the file and the id.

use crate::html;
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// The prefixes of rustdoc's files, one for each kind of item.
const KINDS: [&str; 12] = [
    "struct",
    "enum",
    "trait",
    "fn",
    "macro",
    "type",
    "constant",
    "static",
    "union",
    "derive",
    "attr",
    "primitive",
];

/// The prefixes of rustdoc's ids, one for each kind of what an item has.
const MEMBERS: [&str; 6] =
    ["method", "tymethod", "variant", "structfield", "associatedconstant", "associatedtype"];

/// Where `crate::a::B::c` is documented, relative to the directory of the API; or what is not there.
pub fn place(api: &Path, path: &str) -> Result<String, String> {
    let (path, anchor) = match path.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (path, None),
    };
    let is_call = path.ends_with("()");
    let path = path.trim_end_matches("()");
    let mut names = path.split("::").skip(1).peekable();
    let mut place = String::from("stealpool");
    while let Some(name) = names.next_if(|name| is_module(api, &format!("{place}/{name}"))) {
        place = format!("{place}/{name}");
    }
    let Some(item) = names.next() else {
        return with_anchor(api, format!("{place}/index.html"), anchor);
    };
    let kinds = KINDS.iter().filter(|kind| !is_call || **kind == "fn" || names.peek().is_some());
    let mut files = kinds.map(|kind| format!("{place}/{kind}.{item}.html"));
    let file = files.find(|file| api.join(file).is_file());
    let file = file.ok_or_else(|| format!("no `{item}` in {}", place.replace('/', "::")))?;
    let Some(member) = names.next() else {
        return with_anchor(api, file, anchor);
    };
    let ids = ids(api, &file);
    let kinds = MEMBERS.iter().filter(|kind| !is_call || kind.ends_with("method"));
    let mut candidates = kinds.map(|kind| format!("{kind}.{member}"));
    let id = candidates.find(|id| ids.contains(id));
    let id = id.ok_or_else(|| format!("`{item}` has no `{member}`"))?;
    match names.next() {
        None => Ok(format!("{file}#{id}")),
        Some(more) => Err(format!("nothing is named by `::{more}`")),
    }
}

fn is_module(api: &Path, place: &str) -> bool {
    api.join(place).join("index.html").is_file()
}

fn with_anchor(api: &Path, file: String, anchor: Option<&str>) -> Result<String, String> {
    match anchor {
        None => Ok(file),
        Some(anchor) if ids(api, &file).contains(anchor) => Ok(format!("{file}#{anchor}")),
        Some(anchor) => Err(format!("no heading `#{anchor}` there")),
    }
}

fn ids(api: &Path, file: &str) -> std::collections::BTreeSet<String> {
    fs::read_to_string(api.join(file)).map_or_else(|_| Default::default(), |text| html::ids(&text))
}

/// Copies the pages of this crate, and what they need, from a directory that may hold other crates' as well.
pub fn copy(api: &Path, to: &Path) -> Result<()> {
    copy_where(api, to, &|path| {
        let relative = path.strip_prefix(api).unwrap_or(path);
        let mut parts = relative.iter();
        let (first, second) = (parts.next(), parts.next());
        let is_ours = |name: Option<&OsStr>| name.is_none_or(|name| name == "stealpool");
        match first.and_then(OsStr::to_str) {
            Some("src") => is_ours(second),
            Some(_) => {
                is_ours(first) || !api.join(first.unwrap_or_default()).join("all.html").exists()
            }
            None => true,
        }
    })
    .with_context(|| format!("copying {}", api.display()))
}

fn copy_where(from: &Path, to: &Path, wanted: &impl Fn(&Path) -> bool) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if !wanted(&path) {
            continue;
        }
        if path.is_dir() {
            copy_where(&path, &to.join(name), wanted)?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// A small API for tests: a struct `Pool` with a method `get`, a function `policy`, a module `admission`.
#[cfg(test)]
pub fn sample(api: &Path) {
    let files = [
        ("stealpool/index.html", "<h2 id=\"features\">Features</h2>"),
        ("stealpool/struct.Pool.html", "<section id=\"method.get\"></section> id=\"method.no\""),
        ("stealpool/trait.Policy.html", "<section id=\"tymethod.create\"></section>"),
        ("stealpool/fn.policy.html", ""),
        ("stealpool/admission/index.html", ""),
        ("stealpool/admission/struct.DropAbove.html", ""),
        ("other/index.html", ""),
        ("other/all.html", ""),
        ("src/other/lib.rs.html", ""),
        ("src/stealpool/lib.rs.html", ""),
        ("static.files/rustdoc.css", ""),
    ];
    for (file, text) in files {
        let file = api.join(file);
        fs::create_dir_all(file.parent().expect("a directory")).expect("made");
        fs::write(file, text).expect("written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found() {
        let directory = tempfile::tempdir().unwrap();
        sample(directory.path());
        let found = |path: &str| place(directory.path(), path).unwrap();
        assert_eq!(found("crate::Pool"), "stealpool/struct.Pool.html");
        assert_eq!(found("crate::Pool::get"), "stealpool/struct.Pool.html#method.get");
        assert_eq!(found("crate::Policy::create"), "stealpool/trait.Policy.html#tymethod.create");
        assert_eq!(found("crate::policy()"), "stealpool/fn.policy.html");
        assert_eq!(found("crate::admission"), "stealpool/admission/index.html");
        assert_eq!(
            found("crate::admission::DropAbove"),
            "stealpool/admission/struct.DropAbove.html"
        );
        assert_eq!(found("crate#features"), "stealpool/index.html#features");
    }

    #[test]
    fn what_is_not_there_is_not() {
        let directory = tempfile::tempdir().unwrap();
        sample(directory.path());
        for path in [
            "crate::Pond",
            "crate::Pool::got",
            "crate::Pool::no",
            "crate::Pool::get::more",
            "crate::Pool()",
            "crate::admission::Pool",
            "crate::admissions",
            "crate#future",
        ] {
            assert!(place(directory.path(), path).is_err(), "{path}");
        }
    }

    #[test]
    fn other_crates_stay_behind() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        sample(from.path());
        copy(from.path(), to.path()).unwrap();
        let copied = |file: &str| to.path().join(file).exists();
        assert!(copied("stealpool/fn.policy.html") && copied("static.files/rustdoc.css"));
        assert!(copied("src/stealpool/lib.rs.html"));
        assert!(!copied("other") && !copied("src/other"));
    }
}

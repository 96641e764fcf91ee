//! Paths inside of the repository and the book, always with `/`.

/// Where a relative link leads from a page: `docs/guide.md` and `../README.md` make `README.md`.
/// `None`: out of the repository, or to an absolute path.
pub fn join(page: &str, link: &str) -> Option<String> {
    if link.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// From a page to the root of the book: `../` for `docs/guide.md`.
pub fn to_root(page: &str) -> String {
    "../".repeat(page.matches('/').count())
}

/// The rendered form of a page.
pub fn html_of(page: &str) -> String {
    format!("{}.html", page.strip_suffix(".md").unwrap_or(page))
}

/// `%20` and the like resolved.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match byte {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_relative_to_its_page() {
        assert_eq!(join("docs/a.md", "b.md").as_deref(), Some("docs/b.md"));
        assert_eq!(join("docs/a.md", "../b.md").as_deref(), Some("b.md"));
        assert_eq!(join("a.md", "./docs/b.md").as_deref(), Some("docs/b.md"));
        assert_eq!(join("docs/a.md", "../../b.md"), None);
        assert_eq!(join("docs/a.md", "/b.md"), None);
    }

    #[test]
    fn the_root_is_as_many_steps_up_as_there_are_directories() {
        assert_eq!(to_root("README.md"), "");
        assert_eq!(to_root("docs/guide.md"), "../");
    }

    #[test]
    fn percent_signs_are_resolved() {
        assert_eq!(decoded("a%20b%C3%A9"), "a bé");
        assert_eq!(decoded("100%"), "100%");
    }
}

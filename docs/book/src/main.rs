//! Builds the book and checks every link: `cargo run -p stealpool-book`.
//!
//! The pages are README.md and docs/*.md, in the order of docs/SUMMARY.md. They go to target/book, and the
//! documentation of the API, which is made first, to target/book/api. A link that leads nowhere is printed
//! with its page and line, and the exit status is 1. Nothing is fetched from the web.

mod api;
mod book;
mod check;
mod html;
mod links;
mod paths;

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

fn main() -> ExitCode {
    match run() {
        Ok(dead) if dead.is_empty() => ExitCode::SUCCESS,
        Ok(dead) => {
            for link in &dead {
                eprintln!("{link}");
            }
            eprintln!("{} dead links", dead.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Vec<check::Dead>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = fs::canonicalize(root).context("the repository")?;
    let target = target(&root)?;
    let api = rustdoc(&root, &target)?;

    let pages = book::pages(&root)?;
    let mut dead = book::strays(&root, &pages)?;
    let book = target.join("book");
    let site = check::Site::new(&root, &book, &api, &pages);
    book::build(&root, &target, &site)?;
    api::copy(&api, &book.join("api"))?;

    let (links, from_pages) = site.check();
    dead.extend(from_pages);
    let (references, from_html) = html::check(&book)?;
    // What a page's link did wrong shows in what it was made into, too: say it once.
    if dead.is_empty() {
        dead.extend(from_html);
        dead.extend(html::check_manual(&book)?);
    }
    println!(
        "{}: {} pages, {links} links in them, {references} in what was made of them",
        book.join("index.html").display(),
        pages.len(),
    );
    Ok(dead)
}

/// Where cargo puts what it builds.
fn target(root: &Path) -> Result<PathBuf> {
    let output = cargo(root)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cargo metadata")?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("what cargo metadata says")?;
    let target = metadata["target_directory"].as_str();
    Ok(PathBuf::from(target.context("a target directory")?))
}

/// Makes the documentation of the API anew; the directory that it is in.
fn rustdoc(root: &Path, target: &Path) -> Result<PathBuf> {
    let api = target.join("doc");
    // What is gone from the source must be gone from there, or links to it would look alive.
    match fs::remove_dir_all(api.join("stealpool")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let status = cargo(root)
        .args(["doc", "--no-deps", "--all-features", "-p", "stealpool"])
        .status()
        .context("cargo doc")?;
    if !status.success() {
        bail!("cargo doc: {status}");
    }
    Ok(api)
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

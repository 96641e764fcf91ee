"""Copies the library, the soak and those tests that need no heavy crate, with a manifest to match: for compilers and
systems on which the other dependencies of the tests do not build. manifest.py PROJECT FOLDER"""
import pathlib
import re
import shutil
import sys

project, folder = map(pathlib.Path, sys.argv[1:])

# What the tests that are kept need.
KEPT = {
    "bytes": 'bytes = "1.12"',
    "crossbeam-epoch": 'crossbeam-epoch = "0.9.18"',
    "opool": 'opool = "0.2"',
    "tokio": 'tokio = { version = "1.54", features = ["rt-multi-thread", "time", "sync", "macros"] }',
}
# By what the others are known.
HEAVY = re.compile(r"\b(proptest|trybuild|flate2|serde_json|simd_json|regex_automata|hyper)\b")


def needs_heavy(path):
    """Whether this file, or a module of its own, uses one of those crates."""
    text = path.read_text()
    if HEAVY.search(text):
        return True
    for module in re.findall(r"(?m)^mod (\w+);", text):
        for place in (path.parent / f"{module}.rs", path.parent / module / "mod.rs",
                      path.parent / path.stem / f"{module}.rs"):
            if place.exists() and needs_heavy(place):
                return True
    return bool(re.search(r'#\[path = "\.\./examples/(?!soak)', text))


shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
for name in ("src", "docs", "tests", "examples/soak"):
    shutil.copytree(project / name, folder / name)
for name in ("Cargo.lock", "README.md"):
    shutil.copy(project / name, folder)
left_out = []
for path in sorted((folder / "tests").glob("*.rs")):
    if needs_heavy(path):
        left_out.append(path.stem)
        path.unlink()

sections = re.split(r"(?m)^(?=\[)", (project / "Cargo.toml").read_text())


def kept(section):
    head = section.splitlines()[0] if section else ""
    if head in ("[[example]]", "[[test]]"):
        name = re.search(r'name = "(\w+)"', section)[1]
        return name == "soak" or (head == "[[test]]" and name not in left_out)
    return not re.match(r"\[(workspace|dev-dependencies|\[bench)", head)


text = "".join(section for section in sections if kept(section))
text += "\n[target.'cfg(not(target_family = \"wasm\"))'.dev-dependencies]\n" + "\n".join(KEPT.values()) + "\n\n[workspace]\n"
(folder / "Cargo.toml").write_text(text)
print("left out, for what they depend on:", *left_out)

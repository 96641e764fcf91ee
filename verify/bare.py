"""Unpacks a packaged crate to a folder, as someone sees it who depends on it: without its tests, benchmarks and
examples and what those need: bare.py CRATE FOLDER"""
import pathlib
import re
import sys
import tarfile

crate, folder = map(pathlib.Path, sys.argv[1:])
with tarfile.open(crate) as packed:
    packed.extractall(folder, filter="data")
(root,) = folder.iterdir()
manifest = root / "Cargo.toml"
sections = re.split(r"(?m)^(?=\[)", manifest.read_text())
not_seen = re.compile(r"\[\[?(target\.[^\n]*\.)?(dev-dependencies|test|bench|example)\b")
manifest.write_text("".join(s for s in sections if not not_seen.match(s)) + "\n[workspace]\n")
(root / "Cargo.lock").unlink(missing_ok=True)
print(root)

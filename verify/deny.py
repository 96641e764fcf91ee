"""What needs no tool: licences of all that Cargo.lock can bring in, and what a default build of the library brings in.

Licences are read as SPDX expressions of AND, OR, parentheses and (as older crates write) slashes."""
import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
# With what they bring themselves; docs/policy.md names the direct ones.
LIBRARY = {"arc-swap", "libc", "rustversion"}


def metadata(*options):
    command = ["cargo", "metadata", "--format-version", "1", *options]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def allowed(expression, allow):
    """Whether one may use, under licences of `allow` alone, what has this licence."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))
    python = {"AND": "and", "OR": "or", "(": "(", ")": ")"}
    known, skip = [], False
    for at, word in enumerate(words):
        if skip:  # the exception of `X WITH Y` only grants more
            skip = False
        elif word == "WITH":
            skip = True
        else:
            known.append(python.get(word, str(word in allow)))
    return eval(" ".join(known), {"__builtins__": {}})  # nothing but True, False, and, or, parentheses


def library():
    """What a default build of the library can need, on any platform."""
    graph = metadata("--no-default-features", "--manifest-path", str(ROOT / "Cargo.toml"))
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    names = {package["id"]: package["name"] for package in graph["packages"]}
    todo = [next(id for id, name in names.items() if name == "stealpool")]
    # Optional ones are resolved for the sake of other members of the workspace.
    optional = {
        dependency["name"]
        for package in graph["packages"]
        if package["name"] == "stealpool"
        for dependency in package["dependencies"]
        if dependency["optional"]
    }
    seen = set()
    while todo:
        node = nodes[todo.pop()]
        for dependency in node["deps"]:
            wanted = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            name = names[dependency["pkg"]]
            if wanted and name not in optional and name not in seen:
                seen.add(name)
                todo.append(dependency["pkg"])
    return seen


def main():
    allow = tomllib.loads((ROOT / "deny.toml").read_text())["licenses"]["allow"]
    allow = {licence.split(" WITH ")[0] for licence in allow}
    wrong = []
    packages = metadata("--all-features")["packages"]
    for package in packages:
        expression = package["license"]
        if not expression or not allowed(expression, allow):
            wrong.append(f"{package['name']} {package['version']}: licence {expression}")
    used = set().union(*(set(re.findall(r"[\w.-]+", package["license"] or "")) for package in packages))
    wrong += [f"deny.toml allows {licence}, which nothing has" for licence in sorted(allow - used)]
    brings = library()
    wrong += [f"a default build brings in {name}" for name in sorted(brings - LIBRARY)]
    wrong += [
        f"the library brings in {package['name']}, licence {package['license']}"
        for package in packages
        if package["name"] in brings and not allowed(package["license"], {"MIT", "Apache-2.0"})
    ]
    wrong += [f"a default build no longer brings in {name}" for name in sorted(LIBRARY - brings)]
    print("\n".join(wrong) or f"{len(packages)} crates, all with an allowed licence; the library brings in {', '.join(sorted(brings))}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

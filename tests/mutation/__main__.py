"""Try every mutant of the node: `python -m tests.mutation [PATTERN ...]`, in an environment with the `mutation` group.

Two rounds.  In the first, mutmut tries each mutant on the tests that reach it in their own process, which is quick.  What
survives is tried in the second on the whole inner ring, in a copy of the tree with that one line changed: so a mutant counts
as killed also where only a test that starts `main.py` notices it.  What survives that too must stand in `equivalent.txt`,
with the reason why no test can tell it from the code.
"""

from __future__ import annotations

import argparse
import ast
import collections
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from tests.helpers import TOP, child_environment

EQUIVALENT = os.path.join(TOP, "tests", "mutation", "equivalent.txt")
#: What mutmut calls a mutant that a test noticed.
KILLED = {"killed", "timeout", "segfault"}
#: How long the inner ring may take over a mutant, in seconds; one that hangs has been noticed.
PATIENCE_SECONDS = 300


def main() -> int:
    """Run both rounds; return 1 if a mutant survived that is not known to be equivalent."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description="Try mutants of the node on its tests."
    )
    parser.add_argument(
        "patterns", metavar="PATTERN", nargs="*", help="mutants to try, such as 'tracer.picture.pen*' (default all)"
    )
    parser.add_argument("--max-children", type=int, default=1, metavar="N", help="processes at once (default 1)")
    parser.add_argument("--survivors", action="store_true", help="try only those again that survived the last time")
    options = parser.parse_args()
    if not options.survivors:
        mutmut("run", "--max-children", str(options.max_children), *options.patterns, capture_output=False)
    known = equivalents()
    changes = {name: change_of(name) for name, found in outcomes(options.patterns) if found not in KILLED}
    unknown = [name for name, change in changes.items() if change not in known]
    with ThreadPoolExecutor(options.max_children) as pool:
        found_in_second = dict(zip(unknown, pool.map(tried, unknown)))
    counts = collections.defaultdict(collections.Counter)
    for name, _ in outcomes(options.patterns):
        found = found_in_second.get(name, "equivalent" if name in changes else "killed")
        counts[name.rpartition(".")[0]][found] += 1
        if found == "survived":
            print(f"\nsurvived: {name}\n{changes[name]}")
    if not options.patterns:
        for change in sorted(known - set(changes.values())):
            print(f"\nlisted, but killed or gone:\n{change}")
    return report(counts)


def mutmut(*arguments: str, **options: object) -> str:
    """Run a command of mutmut; return what it printed."""
    # Tests that start `main.py` by itself need the interpreter that has mutmut.
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", os.defpath)
    usual = {"check": True, "text": True, "capture_output": True, "env": {**os.environ, "PATH": path}}
    process = subprocess.run(["mutmut", *arguments], **{**usual, **options})
    return process.stdout or ""


def outcomes(patterns: list[str]) -> list[tuple[str, str]]:
    """Return the mutants, each with what mutmut found."""
    lines = [line.strip().rpartition(": ") for line in mutmut("results", "--all", "true").splitlines()]
    chosen = patterns or ["*"]
    return [(name, found) for name, _, found in lines if any(fnmatch.fnmatch(name, pattern) for pattern in chosen)]


def change_of(mutant: str) -> str:
    """Write a mutant as `equivalent.txt` does: the function, and the lines that it has in place of others."""
    function = re.sub(r"x_|xǁ", "", mutant.rpartition("__mutmut_")[0], count=1).replace("ǁ", ".")
    lines = [line for line in mutmut("show", mutant).splitlines()[3:] if line[:1] in ("+", "-")]
    # Lines that are only gone are shown as such.
    shown = [line for line in lines if line[0] == "+"] or lines
    return "\n".join([function, *(f"{line[0]} {line[1:].strip()}" for line in shown)])


def apply(mutant: str, tree: str) -> None:
    """Change a tree as a mutant is.  Not by `mutmut apply`: it changes the first method of that name, of whichever class."""
    _, *names = mutant.rpartition(".")[2].rpartition("__mutmut_")[0].split("ǁ")
    _, file, _, hunk, *changed = mutmut("show", mutant).splitlines()
    path = os.path.join(tree, file.split()[1])
    with open(path, encoding="utf-8") as opened:
        source = opened.read()
    node: ast.AST = ast.parse(source)
    for name in names or [mutant.rpartition(".x_")[2].rpartition("__mutmut_")[0]]:
        node = next(each for each in node.body if getattr(each, "name", None) == name)
    lines = source.split("\n")
    old = [line[1:].strip() for line in changed if line[:1] != "+"]
    # The place of these lines in the file; mutmut counts from the comments above the function.
    guess = node.lineno + int(re.match("@@ -([0-9]+)", hunk)[1])
    places = [at for at in range(len(lines)) if [line.strip() for line in lines[at : at + len(old)]] == old]
    at = min(places, key=lambda at: abs(at - guess))
    kept = iter(lines[at : at + len(old)])
    new = []
    for line in changed:
        if line[:1] == "+":
            new.append(" " * node.col_offset + line[1:])
        else:
            text = next(kept)
            new += [] if line[:1] == "-" else [text]
    with open(path, "w", encoding="utf-8") as opened:
        opened.write("\n".join([*lines[:at], *new, *lines[at + len(old) :]]))


def equivalents() -> set[str]:
    """Return the mutants that are known to be equivalent."""
    with open(EQUIVALENT, encoding="utf-8") as file:
        return {entry.partition("\n= ")[0] for entry in file.read().strip().split("\n\n")}


def tried(mutant: str) -> str:
    """Try a mutant on the whole inner ring; return what came of it."""
    with tempfile.TemporaryDirectory() as directory:
        copy = os.path.join(directory, "tree")
        shutil.copytree(TOP, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "mutants"))
        apply(mutant, copy)
        command = [sys.executable, "-m", "unittest", "--failfast"]
        try:
            process = subprocess.run(
                command,
                cwd=copy,
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return "killed"
    return "killed" if process.returncode else "survived"


def report(counts: dict[str, collections.Counter]) -> int:
    """Print a table; return 1 if a mutant survived."""
    total = sum(counts.values(), collections.Counter())
    print(f"\n{'module':24} {'mutants':>8} {'killed':>8} {'equivalent':>11} {'survived':>9}")
    for name, found in [*sorted(counts.items()), ("all", total)]:
        mutants = sum(found.values())
        print(f"{name:24} {mutants:8} {found['killed'] / mutants:8.1%} {found['equivalent']:11} {found['survived']:9}")
    return 1 if total["survived"] else 0


if __name__ == "__main__":
    sys.exit(main())

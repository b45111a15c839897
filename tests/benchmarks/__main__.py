"""The command: `python3 -m tests.benchmarks [--quick] [--runs N] [--python PATH] [--with-peers] [ROW ...]`.

Owns its options, the table that it prints, and what it says of the interpreter; prints Markdown for the README.
Read next: `README.md` beside this file.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import growth, peers, rows
from .measuring import Bench, CannotRunError, clean_environment
from .rows import Row

ROWS = {
    "lifecycles": rows.lifecycles,
    "lifecycle-instructions": rows.lifecycle_instructions,
    "open": rows.at_once,
    "echo": rows.echo,
    "start": rows.start,
    "roundtrip": rows.round_trip,
    "open-memory": rows.open_memory,
    "ended-memory": rows.ended_memory,
    "growth": growth.messages,
    "instructions": growth.instructions,
    "events": growth.events,
    "export": peers.export,
    "bash": rows.bash,
}
#: Needs packages that the node does not.
PEERS = {"peers": peers.sdk}

#: A clean CPython starts with 30 to 40 modules; a package that hooks itself in brings dozens, on both sides of a pair.
CLEAN_START_MODULES = 60
QUICK_SCALE, QUICK_RUNS = 10, 3


def main() -> None:
    """Measure the rows asked for and print them."""
    asked = options()
    print(describe_span(asked.python))
    for doubt in doubts(asked.python):
        print(f"\n**Doubtful:** {doubt}")
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(asked.python, asked.runs, QUICK_SCALE if asked.quick else 1, Path(directory))
        found, failed = measured(asked.rows, bench)
    print(f"\n{table(found)}\n" if found else "")
    for row in found:
        if row.detail:
            print(f"- {row.what}, against {row.reference}: {row.detail}")
    for sentence in failed:
        print(f"- could not run {sentence}")


def measured(names: list[str], bench: Bench) -> tuple[list[Row], list[str]]:
    """Run rows by name; return what was found, and what could not run and why."""
    found: list[Row] = []
    failed: list[str] = []
    for name in names:
        print(f"measuring {name}", file=sys.stderr)
        try:
            found += {**ROWS, **PEERS}[name](bench)
        except (CannotRunError, BrokenPipeError) as reason:
            failed.append(f"{name}: {reason}")
    return found, failed


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.benchmarks", description="What the node costs.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"only these: {', '.join([*ROWS, *PEERS])}")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="the interpreter to measure with")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="pairs measured for each row (default 7)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the messages, and few runs: rough figures")
    parser.add_argument("--with-peers", action="store_true", help=f"also {peers.PACKAGES}, where they are installed")
    asked = parser.parse_args()
    unknown = [name for name in asked.rows if name not in ROWS and name not in PEERS]
    if unknown or asked.runs < 1:
        parser.error(f"no such row: {unknown[0]}" if unknown else "--runs must be 1 or more")
    asked.python = shutil.which(asked.python)
    if asked.python is None:
        parser.error("--python names no program")
    asked.rows = asked.rows or list(ROWS)
    if asked.with_peers and "peers" not in asked.rows:
        asked.rows.append("peers")
    if asked.quick:
        asked.runs = min(asked.runs, QUICK_RUNS)
    return asked


def describe_span(python: str) -> str:
    """Say what is measured with."""
    version = _ask(python, "import platform; print(platform.python_implementation(), platform.python_version())")
    return f"{version} ({python}), {platform.system()} {platform.machine()}, {os.cpu_count()} cores."


def doubts(python: str) -> list[str]:
    """Say what makes the figures those of something else than Python."""
    found = []
    with open(python, "rb") as file:
        if file.read(2) == b"#!":
            found.append(f"{python} is a script; name the interpreter that it starts.")
    modules = int(_ask(python, "import sys; print(len(sys.modules))"))
    if modules > CLEAN_START_MODULES:
        found.append(
            f"{python} starts with {modules} modules loaded, more than an interpreter's own: packages are hooked into "
            "its start (.pth files in site-packages), and every start here includes theirs. Try --python PATH."
        )
    return found


def _ask(python: str, code: str) -> str:
    command = [python, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=clean_environment()).stdout.strip()


def table(found: list[Row]) -> str:
    """Write rows as a Markdown table."""
    lines = ["| what | reference, same run | median | spread | aim | met |", "|---|---|---|---|---|---|"]
    for row in found:
        median, low, high = map(row.form.format, (row.median, min(row.values), max(row.values)))
        aim = "" if row.aim is None else "<= " + row.form.format(row.aim)
        met = "" if row.aim is None else "**no**" if row.missed else "yes"
        lines.append(f"| {row.what} | {row.reference} | {median} | {low} to {high} | {aim} | {met} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""How tests run bash scripts that trace: with real bash, a real node, and the file that this exports.

A script has the library's path in `$TRACE` and exports to `$EXPORT`; its node holds its stderr, so `subprocess.run` comes
back when the node has ended, too.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.helpers import PATIENCE_SECONDS, TOP, child_environment

BASH = shutil.which("bash") or ""
LIBRARY = os.path.join(TOP, "tracer", "trace.bash")
SOURCE = '. "$TRACE"\n'
START = SOURCE + 'trace_start --export "$EXPORT"\n'
#: The library for somebody who does not want to trace.
WITHOUT = (
    'trace() { "${@:2}"; }; trace_start() { :; }; trace_event() { :; }; trace_attributes() { :; }; trace_end() { :; }\n'
)
OK, WHEN_INPUT_ENDED = {"code": 1}, {"message": "still open when the input ended", "code": 2}


def bash_version() -> tuple[int, ...]:
    """Return the version of the bash here; (0,) if there is none that starts nodes."""
    if not BASH or os.name != "posix":
        return (0,)
    version = subprocess.run([BASH, "-c", "echo $BASH_VERSION"], capture_output=True, timeout=PATIENCE_SECONDS).stdout
    return tuple(map(int, re.findall(rb"\d+", version)[:2]))


VERSION = bash_version()


@functools.lru_cache(None)
def lone_python() -> str:
    """Write a program that is this Python without what is installed beside it, for a script's node; return its path."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    path = os.path.join(folder.name, "python")
    write_program(path, f'exec {shlex.quote(sys.executable)} -S "$@"')
    return path


def write_program(path: str, text: str) -> None:
    """Write a program for `sh`."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\n{text}\n")
    os.chmod(path, 0o700)


class Outcome(NamedTuple):
    """What a script did: its exit code, what it wrote, and the spans that its node exported."""

    code: int
    out: str
    err: str
    spans: list[dict[str, Any]]

    def named(self, name: str) -> dict[str, Any]:
        """Return the only span of that name."""
        (span,) = [span for span in self.spans if span["name"] == name]
        return span


def spans_in(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Return the spans of exported lines, those that ended first before the others."""
    resources = [resource for line in lines for resource in json.loads(line)["resourceSpans"]]
    return [span for resource in resources for scope in resource["scopeSpans"] for span in scope["spans"]]


def exported(path: str) -> list[dict[str, Any]]:
    """Return the spans of a file; none if it is not there."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return spans_in(file)


def run_script(text: str, *arguments: bytes | str, **variables: str) -> Outcome:
    """Run a script in a directory of its own, in which nothing of the library's must be left."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "spans.jsonl")
        variables = {"PYTHON": lone_python(), "TRACE": LIBRARY, "EXPORT": path, "TMPDIR": folder, **variables}
        # As UTF-8 whatever the locale: the file system's encoding, which PyPy takes from it, may have no such characters.
        words = [word.encode() if isinstance(word, str) else word for word in (text, "/bin/script", *arguments)]
        process = subprocess.run(
            [BASH, "-c", *words],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=child_environment(**variables),
            timeout=3 * PATIENCE_SECONDS,
        )
        left = [name for name in os.listdir(folder) if name.startswith("trace.")]
        assert left == [], left
        out, err = (said.decode(errors="surrogateescape") for said in (process.stdout, process.stderr))
        return Outcome(process.returncode, out, err, exported(path))


@unittest.skipUnless(VERSION >= (4, 4), "there is no bash 4.4 or newer here")
class BashTestCase(unittest.TestCase):
    """Tests with bash."""

    def check_under(self, span: dict[str, Any], parent: dict[str, Any]) -> None:
        """Hold that a span is a child of another one."""
        self.assertEqual((span["traceId"], span["parentSpanId"]), (parent["traceId"], parent["spanId"]))


def at_terminal(text: str, pressed: bytes, **variables: str) -> tuple[int, str]:
    """Run a script at a terminal, press a key when it says that it is ready; return its exit code and what the terminal showed."""
    import pty

    process, terminal = pty.fork()
    if not process:
        variables = {"PYTHON": lone_python(), "TRACE": LIBRARY, **variables}
        os.execve(BASH, [BASH, "-c", text], child_environment(**variables))
    said = b""
    try:
        while piece := os.read(terminal, 1024):
            if b"ready" in piece:
                os.write(terminal, pressed)
            said += piece
    except OSError:  # how Linux says that nobody has the terminal any more
        pass
    os.close(terminal)
    return os.waitpid(process, 0)[1], said.decode()

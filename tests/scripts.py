"""How tests run bash scripts that trace: with real bash, a real node, and the file that this exports.

A script has the library's path in `$TRACE` and exports to `$EXPORT`; its node holds its stderr, so `subprocess.run` comes
back when the node has ended, too.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import glob
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tests.helpers import PATIENCE_SECONDS, TOP, child_environment

#: The bash that is tested; a judge names others.
BASH = shutil.which(os.environ.get("TEST_BASH", "bash")) or ""
LIBRARY = os.path.join(TOP, "tracer", "trace.bash")
SOURCE = '. "$TRACE"\n'
START = SOURCE + 'trace_start --export "$EXPORT"\n'
#: The library for somebody who does not want to trace.
WITHOUT = (
    'trace() { "${@:2}"; }; trace_start() { :; }; trace_event() { :; }; trace_attributes() { :; }; trace_end() { :; }\n'
)
#: For an untraced script: the verbs that are no part of a command.
IDLE = "trace_start() { :; }; trace_event() { :; }; trace_attributes() { :; }; trace_end() { :; }\n"
#: What a shell is like: its options, traps, jobs, descriptors, parameters, and the names of its variables.
STATE = r"""
{ builtin set +x; } 2>/dev/null
builtin trap; builtin jobs; builtin echo "$SHELLOPTS $BASHOPTS $- $# $*"
[[ ! -d /proc/$$/fd ]] || command ls -go --time-style=+ "/proc/$$/fd"
builtin compgen -v | command grep -vE '^(_|_trace_.*|TRACE|EXPORT|BASH.*|EPOCH.*|RANDOM|SRANDOM|PIPESTATUS|FUNCNAME)$'
"""
OK, WHEN_SCRIPT_ENDED = {"code": 1}, {"message": "still open when the script ended", "code": 2}


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


class Deed(NamedTuple):
    """All that a script did which its caller can see."""

    code: int
    out: str
    err: str
    #: The names of the processes that it left.
    left: list[str]


def untrace(text: str) -> str:
    """Return a script as it was before somebody wrote `trace NAME` before its commands."""
    return IDLE + re.sub(r"\btrace(_background)? \w+ ", "", text)


def run_watched(
    command: list[str], folder: str, wanted: list[str] | None = None, **variables: str
) -> tuple[Deed, float]:
    """Run a command until it has ended and nobody has its output any more; say what it did, and in how many seconds.

    Args:
        command: a program and its arguments.
        folder: where it runs.
        wanted: what should be left; that is waited for, since the node takes a moment to end.
        variables: of the environment.
    """
    with adopt_orphans():
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=child_environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired as late:
            out, err = late.stdout or b"", late.stderr or b""
        finally:
            process.kill()
            seconds = time.monotonic() - began
            left = list_children()
            while (
                wanted is not None and sorted(left.values()) != wanted and time.monotonic() < began + PATIENCE_SECONDS
            ):
                time.sleep(0.01)
                left = list_children()
            for pid in left:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    said = (text.decode(errors="replace") for text in (out, err))
    return Deed(process.returncode, *said, sorted(left.values())), seconds


@contextlib.contextmanager
def adopt_orphans() -> Iterator[None]:
    """Be the parent of what children leave behind, on Linux."""
    if sys.platform != "linux":
        yield
        return
    prctl, set_child_subreaper = ctypes.CDLL(None).prctl, 36
    prctl(set_child_subreaper, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(set_child_subreaper, 0, 0, 0, 0)


def list_children() -> dict[int, str]:
    """Return the names of this process's children that live, by their numbers; dead ones are forgotten; nothing but on Linux."""
    children = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
            head, _, tail = file.read().rpartition(")")
            state, parent = tail.split()[:2]
            pid, _, name = head.partition(" (")
            if int(parent) == os.getpid() and state == "Z":
                os.waitpid(int(pid), os.WNOHANG)
            elif int(parent) == os.getpid():
                children[int(pid)] = name
    return children


@unittest.skipUnless(VERSION >= (4, 4), "there is no bash 4.4 or newer here")
class BashTestCase(unittest.TestCase):
    """Tests with bash."""

    maxDiff = None

    #: How much longer a traced script may take: the node has its stderr for a second after it, and Python starts in another.
    DELAY_SECONDS = 3

    def check_same(self, text: str, *arguments: str, start: str = START, bash: str = BASH, **variables: str) -> Outcome:
        """Hold that a script does with tracing what it does without; return what it did, with its spans.

        Its output is compared with the state of its shell at its end, if it gets there, and without what differs in each run.
        """
        with tempfile.TemporaryDirectory() as folder:
            export = os.path.join(folder, "spans.jsonl")
            variables = {"PYTHON": lone_python(), "TRACE": LIBRARY, "EXPORT": export, "TMPDIR": folder, **variables}
            runs = []
            for number, script in enumerate((untrace(text), start + text)):
                os.mkdir(os.path.join(folder, f"run{number}"))
                path = os.path.join(folder, f"run{number}", "script")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(f"{script}\ntrace_end{STATE}")
                wanted = runs[0][0].left if runs else None
                runs.append(run_watched([bash, path, *arguments], os.path.dirname(path), wanted, **variables))
            (before, quick), (after, slow) = runs
            self.assertMultiLineEqual(_describe(before), _describe(after))
            self.assertLess(slow, quick + self.DELAY_SECONDS)
            left = [name for name in os.listdir(folder) if name.startswith("trace.")]
            self.assertEqual(left, [])
            return Outcome(after.code, after.out, after.err, exported(export))

    def check_cases(self, texts: Iterable[str]) -> None:
        """Hold that of several scripts."""
        for text in texts:
            with self.subTest(text):
                self.check_same(text)

    def check_under(self, span: dict[str, Any], parent: dict[str, Any]) -> None:
        """Hold that a span is a child of another one."""
        self.assertEqual((span["traceId"], span["parentSpanId"]), (parent["traceId"], parent["spanId"]))


def _describe(deed: Deed) -> str:
    """Show what a script did, without numbers of lines, processes and pipes, and without the library's name."""
    hide = re.compile(r"(\S*/trace\.bash|\S*/script): line \d+|(?<=\[)\d+(?=\])|/run\d|\b\d{3,}\b")
    return f"exit {deed.code}, left: {deed.left}\n{hide.sub('', deed.err)}--\n{hide.sub('', deed.out)}"


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

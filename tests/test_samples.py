"""Whole sessions through the real process, held to the byte."""

from __future__ import annotations

import os
import re
import sys
import unittest
from collections.abc import Iterable

from tests.helpers import COMMAND, SAMPLES, TOP, run, run_here
from tracer.forms import MESSAGES

#: The sessions and their options.  The first three are the task's own.
SESSIONS = {
    "lifecycle": (),
    "error": (),
    "client": (),
    "get_span": (),
    "plain": (),
    # By itself the node would take the real clock after an init.
    "maelstrom": ("--clock", "simulated"),
}


def sample(name: str, direction: str) -> bytes:
    """Return the bytes of a sample's input ("in") or expected output ("out")."""
    with open(os.path.join(SAMPLES, f"{name}.{direction}.jsonl"), "rb") as file:
        return file.read()


def hold_to_samples(test: unittest.TestCase, names: Iterable[str] = SESSIONS, **started: object) -> None:
    """Hold a node to samples, to the byte, and to the exit code 0; `started` are arguments of `start`."""
    for name in names:
        with test.subTest(name):
            process = run(sample(name, "in"), *SESSIONS[name], **started)

            test.assertEqual(process.stdout.decode(), sample(name, "out").decode())
            test.assertEqual(process.returncode, 0)


class SamplesTests(unittest.TestCase):
    """The files in `tests/samples`."""

    #: Those that go through the commands of a checkout as they are typed.
    TYPED = ("lifecycle",)

    def test_each_session_gives_its_output_to_the_byte(self) -> None:
        """`main.py` answers each sample as written down, and exits 0."""
        hold_to_samples(self)

    def test_windows_ends_of_line_and_mark_change_nothing(self) -> None:
        """`Get-Content FILE | py main.py`: PowerShell ends lines with `\\r\\n`, and may put a byte order mark before them."""
        for name in SESSIONS:
            data = sample(name, "in").replace(b"\n", b"\r\n")
            for mark in (b"", b"\xef\xbb\xbf"):
                with self.subTest(name, mark=mark):
                    self.assertEqual(run_here(mark + data, *SESSIONS[name])[:2], (0, sample(name, "out")))

    def test_commands_of_a_checkout_are_two(self) -> None:
        """`python3 main.py` and `python3 -m tracer` answer as written down, and exit 0."""
        for command in (COMMAND, (sys.executable, "-m", "tracer")):
            hold_to_samples(self, self.TYPED, command=command, cwd=TOP)

    def test_the_task_says_what_comes_back(self) -> None:
        """The outputs of the task's own examples are those that the task prints."""
        self.assertEqual(
            sample("lifecycle", "out"),
            b'{"src": "tracer", "dest": "service", "body": {"type": "span_complete", "span_id": "span1", '
            b'"duration_us": 10000, "status": "OK"}}\n',
        )
        self.assertEqual(
            sample("error", "out"),
            b'{"src": "tracer", "dest": "service", "body": {"type": "span_complete", "span_id": "span2", '
            b'"status": "ERROR", "error": "User not found"}}\n',
        )
        self.assertEqual(sample("client", "out"), b'{"type": "span_created", "span_id": "span1", "kind": "CLIENT"}\n')

    def test_both_ways_are_shown_with_every_message(self) -> None:
        """The plain and the Maelstrom sample each send every message that the node knows."""
        for name in ("plain", "maelstrom"):
            with self.subTest(name):
                sent = set(re.findall(r'"type": "(\w+)"', sample(name, "in").decode()))

                self.assertEqual(set(MESSAGES) - sent, set())

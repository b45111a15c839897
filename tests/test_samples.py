"""Whole sessions through the real process, held to the byte; and what the README shows of them."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import unittest
from collections.abc import Iterable

from tests.helpers import COMMAND, SAMPLES, TOP, TRACEPARENT, marked, readme, rendered_lifecycle, run, session
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


@unittest.skipUnless(os.path.exists(os.path.join(TOP, "README.md")), "there is no README yet")
class ReadmeTests(unittest.TestCase):
    """The README says what the code does."""

    def test_lifecycle_table_is_the_code_s(self) -> None:
        """The README's table of a span's life equals the one rendered from the code's."""
        self.assertEqual(marked(readme(), "lifecycle").strip(), rendered_lifecycle().strip())

    def test_first_command_gives_the_output_shown(self) -> None:
        """The README's first command feeds a sample in, and what it shows is that sample's output."""
        shown = marked(readme(), "sample")
        command = re.search(r"python3 main\.py < tests/samples/(\w+)\.in\.jsonl\n", shown)
        self.assertIsNotNone(command)
        expected = sample(command.group(1), "out").decode()

        self.assertIn(expected, shown)
        self.assertEqual(shown.count('{"'), expected.count('{"'))

    def test_python_examples_print_what_is_shown(self) -> None:
        """Each Python example in the README prints the text behind it."""
        examples = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", readme(), re.DOTALL | re.MULTILINE)
        self.assertEqual(len(examples), readme().count("```python"))
        for example, shown in examples:
            with self.subTest(example), contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(example, "README.md", "exec"), {"__name__": "readme"})

                self.assertEqual(printed.getvalue(), shown)

    def test_replies_are_what_a_session_gives(self) -> None:
        """The README's error and its span are the node's, to the byte."""
        talk = session(
            {"type": "create_span", "name": "GET /api/users", "kind": "SERVER", "attributes": {"user": 123}},
            {"type": "span_link", "span_id": "span1", "link": {"traceparent": TRACEPARENT}},
            {"type": "generate"},
            {"type": "span_error", "span_id": "span1", "error": "gone"},
        )
        replies = [
            talk.line(b'{"type": "span_end", "span_id": "span7", "msg_id": 4}'),
            talk.line(b'{"type": "get_span", "span_id": "span1"}'),
        ]

        self.assertEqual(re.findall(r"^```json\n(.*?)\n```", readme(), re.DOTALL | re.MULTILINE), replies)

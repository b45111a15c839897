"""The helpers themselves: a helper that is wrong makes many tests worthless."""

from __future__ import annotations

import os
import signal
import sys
import unittest
from unittest import mock

from tests import helpers


class HelpersTests(unittest.TestCase):
    """What the other tests rest on."""

    def test_run_and_run_here_agree(self) -> None:
        """The node as a process and `main.main` in this process give the same bytes and the same exit code."""
        data = b'{"type":"create_span","name":"n","kind":"SERVER"}\nbad\n'
        process = helpers.run(data)

        self.assertEqual(helpers.run_here(data), (process.returncode, process.stdout, process.stderr))

    def test_run_here_restores_descriptors_and_handlers(self) -> None:
        """Signal handlers and the files behind stdin, stdout and stderr are what they were before."""
        before = [os.fstat(descriptor).st_ino for descriptor in (0, 1, 2)]
        handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        helpers.run_here(b"")

        self.assertEqual([os.fstat(descriptor).st_ino for descriptor in (0, 1, 2)], before)
        self.assertEqual((signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)), handlers)

    def test_child_environment_hides_nothing(self) -> None:
        """A child's output is buffered as it is for a user, and no bound comes from this environment."""
        environment = helpers.child_environment(LC_ALL="C")

        self.assertEqual(environment["LC_ALL"], "C")
        self.assertNotIn("PYTHONUNBUFFERED", environment)
        self.assertFalse([name for name in environment if name.startswith("OTEL_")])

    def test_running_kills_a_node_that_waits(self) -> None:
        """A process left over by a failed test is killed, and its pipes are closed."""
        with helpers.running() as process:
            pass

        self.assertEqual(process.returncode, 1 if helpers.ON_WINDOWS else -signal.SIGKILL)
        self.assertTrue(process.stdin.closed and process.stdout.closed and process.stderr.closed)

    def test_running_bears_a_node_that_is_gone(self) -> None:
        """What was written to a node that has died and not flushed does not hide the test's own failure."""
        with helpers.running() as process:
            process.kill()
            process.wait(helpers.PATIENCE_SECONDS)
            process.stdin.write(b"lost")

        self.assertTrue(process.stdin.closed)

    def test_marked_finds_its_part_only(self) -> None:
        """The marked part comes without its marks; one that is missing, or there twice, is an error."""
        text = "a\n<!-- x -->\nb\n<!-- /x -->\n<!-- y -->\nc\n<!-- /y -->\n"
        with mock.patch("tests.helpers.read_pages", return_value={"one": text, "two": text.replace("x", "z")}):
            self.assertEqual(helpers.marked("x"), "b\n")
            for name in ("y", "missing"):
                self.assertRaises(ValueError, helpers.marked, name)

    def test_rendered_lifecycle_has_each_word(self) -> None:
        """The rendered table has a cell for each state and trigger."""
        expected = [
            "| unknown id | open | 20 | 20 | 20 |",
            "| open | 21 | stays open | ended | answered |",
            "| ended, still kept | 21 | 22 | 22 | answered |",
        ]

        self.assertEqual(helpers.rendered_lifecycle().splitlines()[2:], expected)

    def test_feed_counts_a_last_line_without_end(self) -> None:
        """Feeding gives one reply a line, the last one included."""
        replies, complaints = helpers.feed([b'{"type":"echo","echo":1}\n{"ty', b'pe":"echo","echo":2}'])

        self.assertEqual(replies, ['{"type": "echo_ok", "echo": 1}', '{"type": "echo_ok", "echo": 2}'])
        self.assertEqual(complaints, [])

    def test_children_run_this_interpreter(self) -> None:
        """A child process runs under the interpreter that runs the tests."""
        with helpers.running() as process:
            pass

        self.assertEqual(process.args[0], sys.executable)

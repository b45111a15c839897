"""`--timeline`: how the picture is written to stderr, whatever stderr is."""

from __future__ import annotations

import io
import os
import re
import tempfile
import unittest
from unittest import mock

from tests import helpers
from tests.helpers import PATIENCE_SECONDS, SAMPLES, child_environment, line_of, on_unix, open_terminal, run, running
from tests.pictures import count_columns, create, strip_colour
from tracer.machine.screen import Screen
from tracer.picture import Choice
from tracer.picture.waterfall import render_for_screen


def read_sample(part: str) -> bytes:
    """Return the bytes of a file of the sample."""
    with open(os.path.join(SAMPLES, f"timeline.{part}"), "rb") as file:
        return file.read()


def draw_sample(stderr: int, **variables: str) -> None:
    """Draw the sample in this process, with stderr at a descriptor and in UTF-8, under these variables alone."""
    session = helpers.Session()
    for line in read_sample("in.jsonl").splitlines():
        session.line(line)
    spans = [*session.manager.ended_spans(), *session.manager.open_spans()]
    stream = mock.patch("sys.stderr", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    with helpers.descriptors(0, 1, stderr), stream, mock.patch.dict(os.environ, variables, clear=True):
        screen = Screen()
        screen.write(render_for_screen(screen, spans, session.manager.clock.now_us, Choice()))


def draw_at_terminal(**variables: str) -> str:
    """Draw the sample on a terminal of 100 columns; return what comes out there."""
    reader, writer = open_terminal()
    draw_sample(writer, **{"TERM": "xterm", **variables})
    os.close(writer)
    with open(reader, "rb", buffering=0) as terminal:
        output = b""
        try:
            while data := terminal.read(1 << 16):
                output += data
        except OSError:
            pass  # Linux reports in this way that the other side is closed.
        return output.decode().replace("\r\n", "\n")


def draw_in_file(**variables: str) -> str:
    """Draw the sample on a file; return what is in it."""
    with tempfile.TemporaryFile() as file:
        draw_sample(file.fileno(), **variables)
        file.seek(0)
        return file.read().decode()


def close_stderr() -> None:
    """Close stderr, in a child that is about to become the node."""
    os.close(2)


class StderrTests(unittest.TestCase):
    """`--timeline`, by itself and through the real process."""

    #: Encodings, and variables that make them stderr's.
    ENCODINGS = (("utf-8", {"PYTHONIOENCODING": "utf-8"}), ("ascii", {"LC_ALL": "C"}))

    def test_sample_gives_its_picture(self) -> None:
        """The sample is drawn on stderr as written down, in UTF-8 and in ASCII; stdout is the same as without."""
        for encoding, variables in self.ENCODINGS:
            with self.subTest(variables):
                process = run(read_sample("in.jsonl"), "--timeline", env=child_environment(COLUMNS="80", **variables))

                self.assertEqual(process.stderr.decode(), read_sample(f"{encoding}.txt").decode())
                self.assertEqual(process.stdout.decode(), read_sample("out.jsonl").decode())
                self.assertEqual(process.returncode, 0)

    def test_width_is_80_where_none_is_known(self) -> None:
        """Without a terminal and with no or no usable COLUMNS, 80 columns are drawn over; bounds hold."""
        for columns, expected in {"": 80, "x": 80, "0": 80, "100": 100, "1": 20, "9999999999999": 500}.items():
            with self.subTest(columns):
                picture = draw_in_file(COLUMNS=columns)

                self.assertEqual(max(len(line) for line in picture.split("\n") if "█" in line), expected)
        self.assertEqual(draw_in_file(), draw_in_file(COLUMNS="80"))

    @on_unix("pseudo-terminals")
    def test_terminal_has_its_width_and_colour(self) -> None:
        """At a terminal the picture is as wide as that, and coloured; elsewhere there is no colour."""
        picture = draw_at_terminal()

        self.assertEqual(max(count_columns(line) for line in strip_colour(picture).split("\n")), 100)
        self.assertIn("\x1b[", picture)
        self.assertNotIn("\x1b", draw_at_terminal(NO_COLOR="1"))
        self.assertNotIn("\x1b", draw_in_file(TERM="xterm"))

    def test_verbose_lists_attributes_and_events(self) -> None:
        """With `--verbose` they stand under their spans, without it they do not."""
        line = b'|     db.system.name = "postgresql"\n'

        self.assertIn(line, helpers.run_here(read_sample("in.jsonl"), "--timeline", "--verbose")[2])
        self.assertNotIn(line, helpers.run_here(read_sample("in.jsonl"), "--timeline")[2])

    def test_traces_are_chosen(self) -> None:
        """`--trace` and `--last` choose the traces that are drawn; where none is meant, a sentence says it."""
        data = read_sample("in.jsonl")
        for options, lines in (
            (("--trace", "1"), [b"POST", b"|-authenticate"]),
            (("--last", "1"), [b"nightly", b"|-GET"]),
            (("--trace", "3"), []),
        ):
            with self.subTest(options):
                code, out, err = helpers.run_here(data, "--timeline", *options)
                shown = err.splitlines()[1:]

                self.assertEqual((code, [line.split()[0] for line in shown[1:3]]), (0, lines))
                self.assertEqual(shown == [b"no trace has an id that begins with 3"], not lines)
                self.assertEqual(out, read_sample("out.jsonl"))

    @on_unix("signals that one process sends another")
    def test_signal_draws_too(self) -> None:
        """After SIGTERM the picture is drawn, and the exit code is still 143."""
        with running("--timeline", env=child_environment(PYTHONIOENCODING="utf-8")) as process:
            process.stdin.write(line_of({"type": "create_span", "name": "a", "kind": "SERVER"}) + b"\n")
            process.stdin.flush()
            process.stdout.readline()
            process.terminate()
            output = process.communicate(timeout=PATIENCE_SECONDS)[1].decode()

        self.assertIn("SERVER open 0 us ░", output)
        self.assertEqual(process.returncode, 143)

    def test_stream_of_no_encoding_gets_ascii(self) -> None:
        """Where nothing says how stderr is encoded, ASCII is drawn."""
        code, _, output = helpers.run_here(line_of(create("a", at=0)), "--timeline", COLUMNS="30")

        self.assertIn(b"\na  0 us .\n", output)
        self.assertEqual(code, 0)

    def test_drawing_on_what_is_closed_is_quiet(self) -> None:
        """What cannot be written is dropped."""
        with helpers.descriptors(0, 1, None):
            result = Screen().write(render_for_screen(Screen(), [], 0, Choice()))

        self.assertFalse(result)

    @on_unix("way to start a process with a closed stderr")
    def test_closed_stderr_harms_nothing(self) -> None:
        """Where stderr is closed or its reader has gone, the answers are the same."""
        reader, writer = os.pipe()
        os.close(reader)
        self.addCleanup(os.close, writer)
        for name, options in {"gone": {"stderr": writer}, "closed": {"preexec_fn": close_stderr}}.items():
            with self.subTest(name):
                process = run(read_sample("in.jsonl"), "--timeline", **options)

                self.assertEqual(process.stdout, read_sample("out.jsonl"))
                self.assertEqual(process.returncode, 0)


class DocsTests(unittest.TestCase):
    """The docs' picture."""

    def test_docs_shows_the_sample_s_picture(self) -> None:
        """The block that the docs mark as the timeline is what the sample gives on stderr."""
        shown = re.search(r"^```.*?\n(.*?)^```$", helpers.marked("timeline"), re.DOTALL | re.MULTILINE)
        self.assertIsNotNone(shown)

        self.assertEqual(shown.group(1), read_sample("utf-8.txt").decode())

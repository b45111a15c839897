"""What the node says to a person: how much, in which characters, and that nothing about stderr stops the node."""

from __future__ import annotations

import io
import os
import unittest
from unittest import mock

from tests.helpers import (
    PATIENCE_SECONDS,
    child_environment,
    on_unix,
    quick_pauses,
    run,
    run_here,
    running,
    with_pipes_that_do_not_wait,
)
from tracer import Span, SpanManager
from tracer.command.complaints import Complaints


def open_spans(*ids: str) -> list[Span]:
    """Return open spans of these ids."""
    spans = SpanManager()
    return [spans.create_span({"name": "n", "span_id": span_id}) for span_id in ids]


class Pipe:
    """A pipe whose reading end gives back all that was said."""

    def __enter__(self) -> Pipe:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        os.set_blocking(self.writing, False)
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self.reading)
        os.close(self.writing)

    def read(self) -> str:
        """Return what was said since the last time."""
        try:
            return os.read(self.reading, 1 << 20).decode()
        except BlockingIOError:
            return ""

    def lines(self) -> list[str]:
        """Return the same in lines."""
        return self.read().splitlines()


@with_pipes_that_do_not_wait
class ComplaintsTests(unittest.TestCase):
    """Sentences about lines."""

    def said(self, count: int, verbose: bool = False) -> list[str]:
        """Return what is said of that many bad lines, the end included."""
        with Pipe() as pipe:
            complaints = Complaints(verbose, pipe.writing)
            lines = []
            for line in range(1, count + 1):
                complaints.complain(line, "bad")
                lines += pipe.lines()
            complaints.summarize(count, [])
            return lines + pipe.lines()

    def test_complaint_has_the_line_s_number(self) -> None:
        """A complaint is one sentence with the number of its line."""
        self.assertEqual(self.said(2), ["tracer: line 1: bad", "tracer: line 2: bad"])

    def test_flood_is_counted_after_the_first_twenty(self) -> None:
        """Twenty lines are told in full, then it counts at ever longer intervals, and says the sum at the end."""
        lines = self.said(2_500)

        self.assertEqual(lines[:20], [f"tracer: line {number}: bad" for number in range(1, 21)])
        self.assertEqual(
            lines[20:],
            [
                "tracer: from here on, bad lines are only counted (--verbose reports each)",
                "tracer: 200 bad lines so far, the last one is line 200",
                "tracer: 2000 bad lines so far, the last one is line 2000",
                "tracer: 2500 bad lines in all",
            ],
        )

    def test_twenty_bad_lines_need_no_sum(self) -> None:
        """As long as every line was told in full, no count is said at the end; with one more it is."""
        self.assertFalse([line for line in self.said(20) if "in all" in line])
        self.assertEqual(self.said(21)[-1], "tracer: 21 bad lines in all")

    def test_verbose_tells_of_every_line(self) -> None:
        """With `--verbose` each line is told in full, and how many were read at the end."""
        lines = self.said(300, verbose=True)

        self.assertEqual(lines[:300], [f"tracer: line {number}: bad" for number in range(1, 301)])
        self.assertEqual(lines[-1], "tracer: 300 lines read")
        self.assertEqual(self.said(1, verbose=True)[-1], "tracer: 1 line read")

    def test_terminal_is_told_of_every_line_too(self) -> None:
        """Where a person sees each line that is typed, none is only counted."""
        with Pipe() as pipe:
            complaints = Complaints(False, pipe.writing, in_full=True)
            for line in range(1, 31):
                complaints.complain(line, "bad")

            self.assertEqual(pipe.lines(), [f"tracer: line {number}: bad" for number in range(1, 31)])

    def test_open_spans_are_named_at_the_end(self) -> None:
        """One open span, several, and more than are named."""
        ids = [f"s{number}" for number in range(25)]
        ten = ", ".join(ids[:10])
        for count, expected in {
            0: [],
            1: ["tracer: 1 span is still open: s0"],
            2: ["tracer: 2 spans are still open: s0, s1"],
            10: [f"tracer: 10 spans are still open: {ten}"],
            25: [f"tracer: 25 spans are still open: {ten} and 15 more"],
        }.items():
            with self.subTest(count), Pipe() as pipe:
                Complaints(False, pipe.writing).summarize(0, open_spans(*ids[:count]))

                self.assertEqual(pipe.lines(), expected)

    def test_names_cannot_break_the_sentence(self) -> None:
        """A span's id with control characters, or of a megabyte, stays one short sentence of printable ASCII."""
        for span_id in ("a\nb", "\x1b[31mred", "\r\x00\x7f", "\u202eelbissop", "\ud800", "x" * 1_000_000):
            with self.subTest(span_id=span_id[:10]), Pipe() as pipe:
                Complaints(False, pipe.writing).summarize(0, open_spans(span_id))
                lines = pipe.lines()

                self.assertEqual(len(lines), 1)
                self.assertTrue(lines[0].isascii() and lines[0].isprintable())
                self.assertLess(len(lines[0]), 1000)


@with_pipes_that_do_not_wait
class StderrTests(unittest.TestCase):
    """stderr itself."""

    #: Ways to have an stderr that is ASCII only.
    ASCII = ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})

    def test_stderr_that_fails_is_borne(self) -> None:
        """A stderr that is closed, full or gone drops the sentence and nothing else."""
        with Pipe() as pipe:
            closed = os.dup(pipe.writing)
            os.close(closed)
            Complaints(False, closed).say("nobody hears this")
            complaints = Complaints(False, pipe.writing)
            for _ in range(1_000):
                complaints.say("x" * 1_000)

            self.assertTrue(pipe.lines())

    def test_sentences_that_nobody_took_are_counted(self) -> None:
        """The next sentence that is taken says on a line of its own how many were not, once; so does the summary."""
        with Pipe() as pipe, quick_pauses():
            complaints = Complaints(False, pipe.writing)
            for _ in range(100):
                complaints.say("x" * 10_000)
            taken = pipe.read().count("\n")
            complaints.say("again")
            complaints.say("and again")
            said = f"\ntracer: sentences dropped before this one, for nobody read them: {100 - taken}\ntracer: again\n"
            self.assertEqual(pipe.read(), said + "tracer: and again\n")

            for _ in range(100):
                complaints.say("x" * 10_000)
            pipe.read()
            complaints.summarize(7, [])
            self.assertTrue(pipe.read().endswith(f": {100 - taken}\ntracer: 7 lines read\n"))

    @on_unix("stderr whose reader is not waited for")
    def test_stalled_stderr_does_not_stall_the_node(self) -> None:
        """With `--verbose` and a stderr that nobody reads the node answers and ends; who reads on gets the rest."""
        with running("--verbose") as process:
            process.stdin.write(b"nonsense\n" * 5_000 + b'{"type":"generate"}\n')
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), b'{"type": "generate_ok", "id": "span1"}\n')
            self.assertIn(b"tracer: line 1: ", os.read(process.stderr.fileno(), 1 << 20))
            process.stdin.write(b"nonsense\n")
            _, err = process.communicate(timeout=PATIENCE_SECONDS)

        self.assertIn(b"\ntracer: sentences dropped before this one, for nobody read them: ", err)
        self.assertIn(b"\ntracer: line 5002: ", err)
        self.assertEqual(process.returncode, 0)

    def test_stderr_that_is_no_file_takes_ascii(self) -> None:
        """Where Python has no stderr the sentences are ASCII."""
        with Pipe() as pipe, mock.patch("sys.stderr", None):
            Complaints(False, pipe.writing).say("é")

            self.assertEqual(pipe.lines(), ["tracer: \\xe9"])

    def test_sentences_are_in_the_encoding_of_stderr(self) -> None:
        """What stderr's encoding has is said as it is, and the rest in escapes."""
        for encoding, said in {"utf-8": "é €", "latin-1": "é \\u20ac", "ascii": "\\xe9 \\u20ac"}.items():
            with self.subTest(encoding), Pipe() as pipe:
                with mock.patch("sys.stderr", io.TextIOWrapper(io.BytesIO(), encoding)):
                    Complaints(False, pipe.writing).say("é €")

                self.assertEqual(os.read(pipe.reading, 100), f"tracer: {said}\n".encode(encoding))

    def test_ascii_stderr_bears_any_character(self) -> None:
        """On an ASCII-only stderr lone surrogates and all else are told in ASCII; the replies are complete."""
        names = '"\\ud800", "\\udfff\\ud83d\\ude00é\\u0000\\n"'.encode()
        data = b'{"type":"create_span","name":"n","kind":"SERVER","span_id":"\\ud800\\u00e9"}\n' + b"".join(
            b'{"type":%s,"span_id":%s,"error":%s}\n' % (message_type, name, name)
            for name in names.split(b", ")
            for message_type in (b'"span_error"', b'"get_span"', name)
        )
        for variables in self.ASCII:
            with self.subTest(variables=variables):
                process = run(data, env=child_environment(**variables))

                self.assertTrue(process.stderr.isascii())
                self.assertEqual(len(process.stderr.splitlines()), 7)
                self.assertEqual(process.stdout.splitlines()[0][-18:], b', "kind": "SERVER"}'[-18:])
                self.assertEqual(process.returncode, 0)

    def test_flood_on_stderr_is_short(self) -> None:
        """Five thousand bad lines cost a person some two dozen sentences, the last of them the count."""
        code, out, err = run_here(b"nonsense\n\n" * 5000 + b'{"type":"generate"}\n')
        lines = err.decode().splitlines()

        self.assertEqual((code, out), (0, b'{"type": "generate_ok", "id": "span1"}\n'))
        self.assertLess(len(lines), 30)
        self.assertTrue(lines[19].startswith("tracer: line 39: "))
        self.assertEqual(lines[-1], "tracer: 5000 bad lines in all")

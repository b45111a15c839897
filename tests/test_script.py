"""The process at the other end of `trace.bash`, in this process: what its records mean, and when a script has ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from typing import Any
from unittest import mock

from tests.helpers import TRACEPARENT, wait_for
from tests.scripts import OK, exported

if os.name == "posix":
    from tracer import script

CHILD = f"00-{'a' * 32}-{'c' * 16}-01"


def record(*fields: object) -> bytes:
    """Write a record as `trace.bash` does."""
    escapes = str.maketrans({"\\": "\\\\", "\n": "\\n", "|": "\\p"})
    return "|".join(str(field).translate(escapes) for field in fields).encode() + b"\n"


@contextlib.contextmanager
def standing_in(descriptor: int, other: int) -> Iterator[None]:
    """Have another descriptor in one's place."""
    saved = os.dup(descriptor)
    os.dup2(other, descriptor)
    try:
        yield
    finally:
        os.dup2(saved, descriptor)
        os.close(saved)


def find_ended_process() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


@unittest.skipUnless(os.name == "posix", "there is no bash to trace here")
class ScriptTests(unittest.TestCase):
    """Records in; spans, sentences and an exit code out."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = folder.name
        self.folder = os.path.join(folder.name, "trace.1")
        os.mkdir(self.folder)
        self.path = os.path.join(folder.name, "spans.jsonl")

    def serve(self, *records: bytes, stdin: int | None = None) -> tuple[int, str, list[dict[str, Any]]]:
        """Serve the records of a script that has gone; return the exit code, what was said, and the exported spans."""
        if stdin is None:
            stdin, writer = os.pipe()
            os.write(writer, b"".join(records))
            os.close(writer)
        with tempfile.TemporaryFile() as said, contextlib.ExitStack() as stack:
            for name in ("os.setsid", "signal.signal", "signal.setitimer", "tracer.script._take_name"):
                stack.enter_context(mock.patch(name))
            # argparse writes into Python's stderr, which in a tool that runs tests may be another file.
            stderr = stack.enter_context(open(said.fileno(), "w", buffering=1, closefd=False))
            with standing_in(0, stdin), standing_in(2, said.fileno()), contextlib.redirect_stderr(stderr):
                code = script.run(self.folder)
            os.close(stdin)
            said.seek(0)
            return code, said.read().decode(), exported(self.path)

    def introduce(self, *options: str, name: str = "n", pid: int = 0) -> bytes:
        """Write the first record of a script, which begins its span, and exports to a file."""
        pid = pid or os.getpid()
        return record(pid, "1000.000001", CHILD, TRACEPARENT, name, self.top, "--export", "spans.jsonl", *options)

    def begin(self, context: str, name: str = "inner", pid: int = 0) -> bytes:
        """Write the beginning of a span in that of the script."""
        return record("begin", "1000.000001", context, CHILD, pid or os.getpid(), name)

    def test_records_become_spans(self) -> None:
        """A span has its name, times, events, attributes and status; the service is the script's name, unless it has another."""
        records = [
            self.introduce(name="a \\ b\n\\n|\\p"),
            record("event", "1000.500000", CHILD, "e", "k=1", "=x", "y"),
            record("attribute", "1000,6", CHILD, "", "flag=true"),
            record("attribute", "1000,6", CHILD, "", "other=false"),
            record("attribute", "1000,6", CHILD, "", "a=b=c"),
            record("attribute", "1000,6", CHILD, "", f"long={10**19}"),
            record("attribute", "1000,6", CHILD, "", "nothing"),
            record("finish", "1001.000000", 3),
        ]
        code, said, (span,) = self.serve(*records)

        self.assertEqual((code, said), (0, ""))
        self.assertEqual((span["name"], span["parentSpanId"]), ("a \\ b\n\\n|\\p", "b" * 16))
        self.assertEqual((span["traceId"], span["spanId"]), ("a" * 32, "c" * 16))
        self.assertEqual((span["startTimeUnixNano"], span["endTimeUnixNano"]), ("1000000001000", "1001000000000"))
        self.assertEqual(span["status"], {"code": 2, "message": "exit code 3"})
        event = {"attributes": [{"key": "k", "value": {"intValue": "1"}}], "name": "e", "timeUnixNano": "1000500000000"}
        self.assertEqual(span["events"], [event])
        values = {entry["key"]: entry["value"] for entry in span["attributes"]}
        texts = {"a": {"stringValue": "b=c"}, "long": {"stringValue": f"1{'0' * 19}"}}
        self.assertEqual(values, {"flag": {"boolValue": True}, "other": {"boolValue": False}, **texts})
        self.assertFalse(os.path.exists(self.folder))

    def test_picture_is_drawn_at_the_end(self) -> None:
        """With --timeline the spans are drawn on stderr, once."""
        _, said, _ = self.serve(self.introduce("--timeline", name="work"), record("finish", "1001", 0))

        self.assertEqual(said.count("work"), 1)

    def test_bad_option_is_said(self) -> None:
        """What the options are worth is said as the node says it; an empty input is said too."""
        cases = [
            (self.introduce("--nonsense"), "--nonsense"),
            (self.introduce("--bash"), "trace_start takes"),
            (self.introduce("--export", "localhost:4318"), "http://localhost:4318"),
            (b"", "trace.bash has said nothing"),
        ]
        for records, sentence in cases:
            with self.subTest(sentence):
                code, said, spans = self.serve(records)

                self.assertEqual((code, spans), (2, []))
                self.assertIn(sentence, said)
                os.mkdir(self.folder)

    def test_open_spans_end_with_the_script(self) -> None:
        """When the script has gone, open spans are errors from its last record on; a program's end is nobody's to judge."""
        inner = CHILD.replace("c" * 16, "d" * 16)
        gone = find_ended_process()
        _, _, spans = self.serve(self.introduce(pid=gone), record("program", "1000", gone), self.begin(inner, pid=gone))

        error = {"code": 2, "message": "still open when the script ended"}
        self.assertEqual([span.get("status", {}) for span in spans], [{}, error])
        self.assertEqual({span["endTimeUnixNano"] for span in spans}, {"1000000001000"})

    def test_spans_end_with_their_shell(self) -> None:
        """A span of a subshell that has gone is an error; what is told of it later counts no more."""
        inner = CHILD.replace("c" * 16, "d" * 16)
        begin = self.begin(inner, pid=find_ended_process())
        _, _, spans = self.serve(self.introduce(), begin, record("finish", "1001", 0))

        error = {"code": 2, "message": "its shell ended without ending it"}
        self.assertEqual([span["status"] for span in spans], [OK, error])

    def test_lost_span_is_not_drawn_as_open(self) -> None:
        """A span of a subshell that has gone ends, even when `trace_end` is told at once, and before the trace is drawn."""
        inner, late = (CHILD.replace("c" * 16, digit * 16) for digit in "de")
        gone = find_ended_process()
        _, said, spans = self.serve(
            self.introduce("--timeline"),
            self.begin(inner, pid=gone),
            self.begin(late, "late", gone),
            record("finish", "1001.000000", 0),
            record("end", "1002.000000", late, 0),
        )

        self.assertNotIn("open", said)
        ends = {span["name"]: (span["status"]["code"], span["endTimeUnixNano"][:4]) for span in spans}
        self.assertEqual(ends, {"n": (1, "1001"), "inner": (2, "1002"), "late": (1, "1002")})

    def test_spans_within_the_end_are_errors(self) -> None:
        """trace_end in a trap ends what is open; the script's span says where it ended, unless an exit code says more."""
        inner = CHILD.replace("c" * 16, "d" * 16)
        for code, message in [(0, "ended in: inner"), (128, "exit code 128"), (129, "SIGHUP"), (200, "exit code 200")]:
            with self.subTest(code):
                late = record("end", "1002", inner, 0)
                _, _, spans = self.serve(self.introduce(), self.begin(inner), record("finish", "1001", code), late)

                messages = [span["status"]["message"] for span in spans[-2:]]
                self.assertEqual(messages, ["still open at trace_end", message])
                os.mkdir(self.folder)

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no full device here")
    def test_lost_spans_are_the_exit_code(self) -> None:
        """Where spans cannot be exported, the exit code is 1; records may come in pieces."""
        stdin, writer = os.pipe()
        piece = self.introduce("--export", "/dev/full") + b"end|10"
        os.write(writer, piece)
        last = Mortal(writer, record("end", "1001.000000", CHILD, 0)[len(b"end|10") :])
        with mock.patch("tracer.script.Process", mock.Mock(return_value=last)):
            code, _, (span,) = self.serve(stdin=stdin)

        self.assertEqual((code, span["endTimeUnixNano"]), (1, "1001000000000"))

    def test_nothing_is_asked_for(self) -> None:
        """Without options nothing is exported, and nothing said."""
        code, said, spans = self.serve(record(os.getpid(), "1000", CHILD, "", "job.sh", self.top))

        self.assertEqual((code, said, spans), (0, "", []))

    def test_job_may_say_more_after_the_end(self) -> None:
        """After trace_end, which is told that its picture is there, what subshells tell is kept as it comes."""
        inner, quick, lost = (CHILD.replace("c" * 16, digit * 16) for digit in "def")
        gone = find_ended_process()
        stdin, writer = os.pipe()
        os.write(writer, self.introduce() + record("finish", "1001", 0))
        os.write(writer, self.begin(quick, "quick", 998) + record("end", "1002", quick, 0))
        os.write(writer, self.begin(inner, "job", 999) + self.begin(lost, "lost", gone))
        job = Mortal(writer, record("end", "1002", inner, 0))
        make = script.Process
        with mock.patch("tracer.script.Process", lambda pid: make(pid) if pid == gone else job):
            with mock.patch("tracer.script._create") as create:
                _, _, spans = self.serve(stdin=stdin)

        create.assert_called_once_with(os.path.join(self.folder, "done"))
        error = {"code": 2, "message": "its shell ended without ending it"}
        statuses = {span["name"]: span["status"] for span in spans}
        self.assertEqual(statuses, {"n": OK, "quick": OK, "job": OK, "lost": error})

    def test_what_is_wrong_is_said_once(self) -> None:
        """A record about a span that nobody knows, or one that is none, is said once, however many there are."""
        for strange, why in [
            (record("event", "", TRACEPARENT, "e"), '"span_id" names no known span'),
            (record("nonsense", "", CHILD), "this is no record: b'nonsense||00-"),
            (record("end", "1000", CHILD), "this is no record"),
            (record("end", "1000", CHILD, "x"), "this is no record"),
            (record("end"), "this is no record"),
            (record("begin", "1000", CHILD, CHILD, "x", "n"), "this is no record"),
            (record("program", "1000", "x"), "this is no record"),
        ]:
            with self.subTest(strange):
                code, said, spans = self.serve(self.introduce(), strange, strange, record("finish", "1001", 0))

                self.assertEqual((code, said.count(f"tracer: the trace is not whole: {why}"), len(spans)), (0, 1, 1))
                self.assertEqual(len(said.splitlines()), 1)
                os.unlink(self.path)
                os.mkdir(self.folder)

    def test_removed_fifo_is_said(self) -> None:
        """Where somebody removed the FIFO, that is said; where the script did, because nobody had read, it has said so itself."""
        for naps, is_early, count in [(0, False, 1), (1, False, 1), (script.NAPS, False, 0), (0, True, 0)]:
            with self.subTest(naps, is_early=is_early):
                fifo = os.path.join(self.folder, "fifo")
                os.mkfifo(fifo)
                if naps:
                    with open(os.path.join(self.folder, "naps"), "wb") as file:
                        file.write(b"." * naps)
                stdin = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
                writer = os.open(fifo, os.O_WRONLY)
                os.write(writer, self.introduce())
                if is_early:
                    os.unlink(fifo)
                with mock.patch("tracer.script.Process", mock.Mock(return_value=Mortal(writer, fifo=fifo))):
                    _, said, _ = self.serve(stdin=stdin)

                self.assertEqual(said.count(" was removed: "), count, said)
                os.mkdir(self.folder)


class Mortal:
    """A process that cannot be watched, and has ended when that is asked for the fourth time; until then it may write.

    Args:
        writer: where it writes to.
        word: what it writes when that is asked for the second time.
        fifo: what it removes then.
    """

    descriptor = None

    def __init__(self, writer: int, word: bytes = b"", fifo: str = "") -> None:
        self._writer, self._word, self._fifo = writer, word, fifo
        self._asked = 0

    def has_ended(self) -> bool:
        """Return whether it has."""
        self._asked += 1
        if self._asked == 2:
            os.write(self._writer, self._word)
            if os.path.exists(self._fifo):
                os.unlink(self._fifo)
        if self._asked == 4:
            os.close(self._writer)
        return self._asked >= 4

    def forget(self) -> None:
        """Do nothing."""


@unittest.skipUnless(os.name == "posix", "there is no bash to trace here")
class ProcessTests(unittest.TestCase):
    """Whether a process has ended."""

    def test_end_is_seen(self) -> None:
        """With and without a descriptor for processes; one that belongs to another user lives."""
        for name in ("pidfd", "kill"):
            with self.subTest(name), contextlib.ExitStack() as stack:
                if name == "kill":
                    stack.enter_context(mock.patch("os.pidfd_open", side_effect=OSError, create=True))
                child = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
                process = script.Process(child.pid)
                self.assertFalse(process.has_ended())
                child.communicate(b"\n")
                wait_for(process.has_ended)
                process.forget()
        without = mock.patch("os.pidfd_open", None, create=True)
        with without, mock.patch("os.kill", side_effect=PermissionError):
            self.assertFalse(script.Process(1).has_ended())

    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "this system does not show processes as files")
    def test_end_is_seen_before_the_parent_asks(self) -> None:
        """A process that has ended counts as ended also while its parent reads what it wrote; without a descriptor, too."""
        with mock.patch("os.pidfd_open", None, create=True):
            child = subprocess.Popen([sys.executable, "-S", "-c", ""])
            process = script.Process(child.pid)
            wait_for(process.has_ended)
            child.wait()
        self.assertFalse(script._is_zombie(child.pid))

    def test_trifles_do_not_matter(self) -> None:
        """The name of the process, a larger FIFO and the mark of the end are had where they can be."""
        with mock.patch("tracer.script.open", side_effect=OSError, create=True):
            script._take_name()
        with mock.patch("tracer.script.open", mock.mock_open(), create=True) as opened:
            script._take_name()
        opened().write.assert_called_once_with("span-tracer")
        script._create("/nonexistent/done")
        with tempfile.TemporaryFile() as file, standing_in(0, file.fileno()):
            script._prepare_input()

    def test_stderr_is_let_go(self) -> None:
        """A second after the end stderr leads nowhere."""
        with tempfile.TemporaryFile() as file, standing_in(2, file.fileno()):
            script._release_stderr(signal.SIGALRM, None)
            os.write(2, b"not seen")
            self.assertEqual(os.fstat(file.fileno()).st_size, 0)

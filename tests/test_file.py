"""The exported file: whole lines, nothing told is lost, and what happens when the file takes no more."""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
import unittest
from contextlib import contextmanager
from unittest import mock

from tests.helpers import descriptors, on_unix, symlink, with_full_device
from tests.otlp_cases import names_of, spans_of
from tracer import CountedIds, Limits, SimulatedClock, Span, SpanManager
from tracer.export import Exporters
from tracer.export.file import FileExporter
from tracer.export.otlp import Resources
from tracer.machine import open_to_append

FULL = "/dev/full"
#: The bound on what is kept while the file takes nothing, by its name for `mock.patch`.
UNSAVED_BYTES = "tracer.export.file.UNSAVED_BYTES"


@contextmanager
def files_of_at_most(size: int) -> object:
    """Let no file grow past so many bytes, as on a disk that is full: what fits is taken, then nothing."""
    write = os.write

    def write_what_fits(descriptor: int, data: memoryview) -> int:
        room = size - os.fstat(descriptor).st_size
        if room <= 0:
            raise OSError(errno.EFBIG, "File too large")
        return write(descriptor, data[:room])

    with mock.patch.object(os, "write", write_what_fits):
        yield


class InDirectoryTests(unittest.TestCase):
    """Each test has a directory, and a manager that makes spans."""

    def setUp(self) -> None:
        """Make the directory and the manager."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "spans.jsonl")
        self.said: list[str] = []
        self.manager = SpanManager(Limits(), SimulatedClock(), CountedIds())

    def exporter(self, path: str | None = None) -> FileExporter:
        """Open an exporter; what it says is kept."""
        return FileExporter(path or self.path, Resources({}, self.fail), self.said.append)

    def span(self, name: str, **fields: object) -> Span:
        """Make a span that has ended."""
        span = self.manager.create_span({"name": name, "timestamp_us": 5_000, **fields})
        return self.manager.span_end({"span_id": span.span_id})

    def add(self, file: FileExporter, *names: str) -> None:
        """Add spans, each with a flush of its own."""
        for name in names:
            file.add(self.span(name))
            file.flush()

    def written(self, data: bytes) -> None:
        """Put bytes into the file."""
        with open(self.path, "wb") as file:
            file.write(data)

    def read(self) -> bytes:
        """Read the file."""
        with open(self.path, "rb") as file:
            return file.read()


class FileExporterTests(InDirectoryTests):
    """An exporter and its file."""

    def test_added_spans_are_in_the_file_after_a_flush(self) -> None:
        """A flush writes what was added since the last one, as one line."""
        file = self.exporter()
        for names in (("a", "b"), ("c",), ()):
            for name in names:
                file.add(self.span(name))
            file.flush()

        self.assertEqual(len(self.read().splitlines()), 2)
        self.assertEqual(names_of(self.path), ["a", "b", "c"])
        self.assertEqual(file.close([], 0, ""), 0)
        self.assertEqual(self.said, [])

    @on_unix("permissions of this kind")
    def test_file_is_made_as_any_other(self) -> None:
        """A new file's permissions are what the umask leaves of 0666."""
        for umask, mode in ((0o027, 0o640), (0, 0o666)):
            with self.subTest(oct(umask)):
                before = os.umask(umask)
                try:
                    self.exporter().close([], 0, "")
                finally:
                    os.umask(before)

                self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), mode)
                self.assertEqual(self.read(), b"")
                os.unlink(self.path)

    def test_standard_streams_are_refused(self) -> None:
        """A file that is stdin, stdout or stderr already would mix spans with other text: it is busy."""
        for standard, reason in enumerate(
            ("stdin, which is read", "stdout, which carries the replies alone", "stderr, which is for sentences")
        ):
            with self.subTest(reason), open(self.path, "w+b") as file:
                streams = [0, 1, 2]
                streams[standard] = file.fileno()
                with descriptors(*streams), self.assertRaises(OSError) as refused:
                    self.exporter()

                self.assertEqual(refused.exception.errno, errno.EBUSY)
                self.assertEqual(refused.exception.strerror, f"it is {reason}")

    @on_unix("named pipes in its file system")
    def test_named_pipe_waits_for_its_reader(self) -> None:
        """What it waits for is said before it is waited for."""
        os.mkfifo(self.path)
        readers: list[int] = []

        def start_reading(sentence: str) -> None:
            self.said.append(sentence)
            readers.append(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK))

        for said in ([f'waiting until somebody reads "{self.path}", which is a named pipe'], []):
            self.said.clear()
            with mock.patch("tracer.export.file.open_to_append", wraps=open_to_append) as opened:
                file = FileExporter(self.path, Resources({}, self.fail), start_reading)
            self.assertEqual([call.args[1] for call in opened.call_args_list], [False, True] if said else [False])
            self.add(file, "a")

            self.assertEqual((self.said, file.close([], 0, "")), (said, 0))
            self.assertTrue(os.read(readers[0], 1 << 16).endswith(b"}\n"))
        os.close(readers[0])

    def test_same_file_is_known_by_every_name(self) -> None:
        """A link is the file that it leads to; another file is not, nor is none."""
        names = [f"{self.path}.{kind}" for kind in ("symbolic", "hard", "other", "none")]
        symlink(self.path, names[0])
        file = self.exporter()
        os.link(self.path, names[1])
        with open(names[2], "wb"):
            pass

        self.assertEqual([file.is_at(name) for name in (self.path, *names)], [True, True, True, False, False])
        file.close([], 0, "")

    def test_file_is_appended_to(self) -> None:
        """What was in the file stays."""
        for name in ("a", "b"):
            file = self.exporter()
            file.add(self.span(name))
            file.close([], 0, "")

        self.assertEqual(names_of(self.path), ["a", "b"])

    def test_trace_that_is_not_sampled_is_not_exported(self) -> None:
        """Of two spans, ended or open, the one with the sampled flag is in the file."""
        file = Exporters([self.exporter()])
        traceparents = [f"00-{'a' * 32}-{'b' * 16}-{flags}" for flags in ("02", "03")]
        for traceparent in traceparents:
            file.add(self.span(traceparent, traceparent=traceparent))
        opened = [
            self.manager.create_span({"name": f"open {traceparent}", "traceparent": traceparent})
            for traceparent in traceparents
        ]
        file.close(opened, 10_000, "why")

        self.assertEqual(names_of(self.path), [traceparents[1], f"open {traceparents[1]}"])

    def test_open_spans_end_now_by_an_error(self) -> None:
        """A span that is open at the end is exported as ended then, never before its start, and stays open itself."""
        file = self.exporter()
        opened = [self.manager.create_span({"name": "a", "timestamp_us": start_us}) for start_us in (1_000, 9_000)]
        file.close(opened, 5_000, "still open")

        self.assertEqual([span["endTimeUnixNano"] for span in spans_of(self.path)], ["5000000", "9000000"])
        self.assertEqual([span["status"] for span in spans_of(self.path)], [{"message": "still open", "code": 2}] * 2)
        self.assertEqual([(span.end_us, span.status, span.error) for span in opened], [(None, "UNSET", None)] * 2)

    def test_torn_last_line_gets_its_end(self) -> None:
        """A run that appends to a torn line starts on a fresh one; a whole line and an empty file need nothing."""
        for data, between in ((b"", b""), (b"{}\n", b""), (b'{"resourceSp', b"\n"), (b"{}", b"\n"), (b"{", b"\n")):
            with self.subTest(data):
                self.written(data)
                file = self.exporter()
                file.add(self.span("a"))
                file.close([], 0, "")

                self.assertTrue(self.read().startswith(data + between + b'{"resourceSpans":[{'), self.read())
                self.assertEqual(self.read().count(b"\n"), (data + between).count(b"\n") + 1)

    def test_torn_line_stays_when_nothing_is_exported(self) -> None:
        """A run without spans changes nothing."""
        self.written(b"torn")
        self.exporter().close([], 0, "")

        self.assertEqual(self.read(), b"torn")

    def test_file_that_may_not_be_read_gets_a_fresh_line(self) -> None:
        """To append, the permission to read is not needed; the last line might be torn then."""
        self.written(b"{}\n")
        with mock.patch("builtins.open", side_effect=PermissionError(errno.EACCES, "Permission denied")):
            file = self.exporter()
        file.add(self.span("a"))
        file.close([], 0, "")

        self.assertTrue(self.read().startswith(b'{}\n\n{"resourceSpans":[{'))

    def test_short_writes_are_gone_on_with(self) -> None:
        """All of a line goes out, however little the file takes at once."""
        file = self.exporter()
        file.add(self.span("a"))
        real = os.write
        with mock.patch.object(os, "write", lambda descriptor, data: real(descriptor, data[:7])):
            file.flush()

        self.assertEqual((names_of(self.path), file.close([], 0, "")), (["a"], 0))

    def test_error_at_the_close_puts_every_span_in_doubt(self) -> None:
        """Where the file cannot be closed, that is said and all that was written to it counts as lost."""
        file = self.exporter()
        self.add(file, "a", "b")
        real = os.close
        with mock.patch.object(os, "close", side_effect=OSError(errno.EIO, "Input/output error")):
            lost = file.close([], 0, "")
        real(file._descriptor)

        self.assertEqual(lost, 2)
        self.assertEqual(self.said, [f'cannot close "{self.path}": Input/output error; 2 of its spans may be lost'])


class FullDiskTests(InDirectoryTests):
    """A file that takes no more."""

    def test_spans_are_tried_again_with_the_next_ones(self) -> None:
        """What a full disk did not take is in the file once there is room, in order; each outage is said, and its end."""
        file = self.exporter()
        self.add(file, "a", "b")
        with files_of_at_most(len(self.read()) + 100):
            self.add(file, "c", "d")

            self.assertEqual(names_of(self.path), ["a", "b"], "the torn line is taken back")
        self.add(file, "e")
        with files_of_at_most(len(self.read())):
            self.add(file, "f")

        self.assertEqual(file.close([], 0, ""), 0)
        self.assertEqual(names_of(self.path), ["a", "b", "c", "d", "e", "f"])
        outage = [
            f'cannot write "{self.path}": File too large; trying again with the next spans',
            f'"{self.path}" takes spans again',
        ]
        self.assertEqual(self.said, outage * 2)

    def test_spans_are_tried_again_at_the_end(self) -> None:
        """With no next span, the end tries once more."""
        file = self.exporter()
        with files_of_at_most(100):
            self.add(file, "a")
        lost = file.close([], 0, "")

        self.assertEqual((lost, names_of(self.path)), (0, ["a"]))

    def test_line_that_is_torn_after_others_is_taken_back(self) -> None:
        """Where the disk has room for the first of the lines that wait, the second leaves no piece behind."""
        file = self.exporter()
        self.add(file, "a")
        size = len(self.read())
        with files_of_at_most(size):
            self.add(file, "b", "c")
        with files_of_at_most(2 * size + 100):
            self.add(file, "d")

            self.assertEqual(names_of(self.path), ["a", "b"])
        self.assertEqual(file.close([], 0, ""), 0)
        self.assertEqual(names_of(self.path), ["a", "b", "c", "d"])

    def test_torn_line_from_before_keeps_its_distance(self) -> None:
        """A torn line that was in the file is followed by a fresh one also after a failure in between."""
        self.written(b"torn")
        file = self.exporter()
        with files_of_at_most(50):
            self.add(file, "a")
        self.add(file, "b")
        file.close([], 0, "")

        self.assertEqual([line[:16] for line in self.read().splitlines()], [b"torn"] + [b'{"resourceSpans"'] * 2)

    def test_torn_line_that_cannot_be_taken_back_spoils_no_other(self) -> None:
        """Where the file cannot be cut, or another process has appended to it, the next line is a fresh one."""

        def tear(descriptor: int, data: memoryview) -> int:
            if len(data) < 20:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = real(descriptor, data[:-10])
            if case == "another process":
                with open(self.path, "ab") as other:
                    other.write(others)
            return written

        real = os.write
        others = b"theirs\n"
        cases = {
            "cannot be cut": mock.patch.object(os, "ftruncate", side_effect=OSError(errno.EPERM, "no")),
            "another process": mock.patch.object(os, "ftruncate", side_effect=AssertionError("cut")),
        }
        for case, cut in cases.items():
            with self.subTest(case), cut:
                self.written(b"")
                file = self.exporter()
                with mock.patch.object(os, "write", tear):
                    self.add(file, "a")
                self.add(file, "b")

                lines = self.read().replace(others, b"").splitlines()
                whole = [
                    json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] for line in lines[1:]
                ]
                self.assertEqual(whole, ["a", "b"])
                self.assertEqual(file.close([], 0, ""), 0)

    @with_full_device
    def test_lost_spans_are_counted(self) -> None:
        """At the end it is said how many spans were lost, ended ones and open ones."""
        for opened, sentence in ((0, "1 span was lost"), (2, "3 spans were lost")):
            with self.subTest(opened):
                self.said.clear()
                file = self.exporter(FULL)
                self.add(file, "a")
                lost = file.close([self.manager.create_span({"name": "o"}) for _ in range(opened)], 0, "")

                self.assertEqual(lost, opened + 1)
                self.assertEqual(
                    self.said,
                    [
                        'cannot write "/dev/full": No space left on device; trying again with the next spans',
                        f'{sentence}: "/dev/full" took no more',
                    ],
                )

    def test_new_spans_are_lost_past_the_bound(self) -> None:
        """While the disk is full, spans are kept up to a bound; the ones that came first are the ones that are kept."""
        file = self.exporter()
        with mock.patch(UNSAVED_BYTES, 1_000), files_of_at_most(10):
            self.add(file, *"abcdefgh")
        lost = file.close([], 0, "")

        kept = names_of(self.path)
        self.assertEqual(kept, ["a", "b"])
        self.assertEqual(lost, 6)
        self.assertLessEqual(len(self.read()), 1_000)

    def test_lines_that_were_written_leave_the_bound_to_others(self) -> None:
        """The bound is for lines that wait: exactly two fit where it has room for two, however many went before."""
        file = self.exporter()
        self.add(file, "a")
        line_bytes = len(self.read())
        self.add(file, "b")
        with mock.patch(UNSAVED_BYTES, 2 * line_bytes), files_of_at_most(10):
            self.add(file, *"cde")

        self.assertEqual(file.close([], 0, ""), 1)
        self.assertEqual(names_of(self.path), list("abcd"))

    def test_one_line_is_kept_whatever_its_size(self) -> None:
        """A single line past the bound is tried again all the same."""
        file = self.exporter()
        with mock.patch(UNSAVED_BYTES, 10), files_of_at_most(10):
            self.add(file, "a", "b")

        self.assertEqual(file.close([], 0, ""), 1)
        self.assertEqual(names_of(self.path), ["a"])


if __name__ == "__main__":
    unittest.main()

"""Files of spans read back: several files, what is said of each, and how far it is."""

from __future__ import annotations

import errno
import os
import unittest
from unittest import mock

from tests.otlp_files import TRACE, ReadingTests, line, named
from tracer.reading import read_files


class FileTests(ReadingTests):
    """Each test reads files."""

    def test_lines_that_are_none_are_counted(self) -> None:
        """Torn and foreign lines are counted by sort, the first with its number and the reason; blank ones are no matter."""
        lines = (b"\xef\xbb\xbf", line(named("a")), "\n \r\n", {"new": []}, "5\n", line(named("b")), '{"resourceSp')

        self.assertEqual(self.names(*lines), ["a", "b"])
        self.assertEqual(self.said, ['3 lines were ignored, first line 4: it has no "resourceSpans"'])

    def test_torn_line_is_told_from_the_next_one(self) -> None:
        """A node that was killed leaves a piece of a line, after which the next run starts on a fresh one."""
        self.assertEqual(self.names(line(named("a")), '{"resource\n', line(named("b"))), ["a", "b"])
        self.assertEqual(self.said, ['1 line was ignored, first line 2: it ends in the middle, after "{\\"resource"'])

    def test_same_span_is_there_once(self) -> None:
        """A file given twice and a line sent twice change nothing; other spans of the same ids are others."""
        path = self.written(line(named("a")), line(named("a")), line(named("a", endTimeUnixNano=9_000), named("b")))
        found = read_files([path, path], self.said.append).spans

        self.assertEqual([(span.name, span.end_us) for span in found], [("a", 0), ("a", 9), ("b", 0)])

    def test_resources_are_found(self) -> None:
        """The attributes of each service's resource, those that were seen first, of so many services."""
        resource = {"attributes": [{"key": "host", "value": {"stringValue": "h"}}]}
        unnamed = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [named("b")]}]}]}
        path = self.written(line(named("a")), unnamed, unnamed, line(named("c"), service="t"))
        with mock.patch("tracer.reading.shapes._SERVICES", 2):
            found = read_files([path], self.fail)

        self.assertEqual(found.resources, {"s": {"service.name": "s"}, "": {"host": "h"}})

    def test_only_wanted_traces_are_read(self) -> None:
        """Those of others do not count, whatever they are."""
        path = self.written(line(named("a"), named("b", traceId="1" * 32, kind="odd"), named("c", traceId="2" * 32)))
        with mock.patch("tracer.reading.keeping.SPANS", 1):
            found = read_files([path], self.fail, keep=lambda trace_id: trace_id == int(TRACE, 16))

        self.assertEqual([span.name for span in found.spans], ["a"])

    def test_spans_are_kept_up_to_a_bound(self) -> None:
        """Of the traces of all files the latest are kept, and at the end it is said."""
        other = f"{self.path}.2"
        spans = [named(str(number), traceId=f"{number:032x}", startTimeUnixNano=number * 1_000) for number in range(5)]
        self.written(line(*spans[3:]), "bad\n", path=other)
        self.written(line(*spans[:3]))
        with mock.patch("tracer.reading.keeping.SPANS", 3):
            found = read_files([other, self.path], self.said.append).spans

        self.assertEqual([span.name for span in found], ["3", "4", "2"])
        self.assertIn(f'"{other}": 1 line was ignored', self.said[0])
        self.assertIn("2 spans of the oldest traces left out: only 3 spans are kept", self.said[1])

    def test_file_that_cannot_be_read_is_named(self) -> None:
        """What fails when it is opened or in the middle is raised with the file's name."""
        with self.assertRaises(OSError) as caught:
            read_files([self.path], self.fail)
        self.assertEqual(caught.exception.filename, self.path)

        file = mock.MagicMock()
        file.__enter__.return_value.read.side_effect = OSError(errno.EIO, "Input/output error")
        with mock.patch("builtins.open", return_value=file), self.assertRaises(OSError) as caught:
            read_files(["-"], self.fail)
        self.assertEqual(caught.exception.filename, "-")

    def test_progress_is_shown_and_cleared(self) -> None:
        """It has the bytes of all files, and the spans so far; nothing of it is there when something is said, or fails."""
        path = self.written(line(named("a")), "bad\n", line(named("b")))
        size = os.path.getsize(path)
        progress = mock.Mock()
        say = mock.Mock(side_effect=lambda sentence: progress.say())
        with mock.patch("tracer.reading.text.CHUNK_BYTES", size // 2 + 4):
            read_files([path, path], say, progress=progress)

        shown = [call.args for call in progress.show.call_args_list]
        self.assertEqual([done for done, _, _ in shown], [size // 2 + 4, size, size * 3 // 2 + 4, 2 * size])
        self.assertEqual({total for _, total, _ in shown}, {2 * size})
        self.assertEqual([spans for _, _, spans in shown], [0, 1, 2, 3])
        names = [call[0] for call in progress.method_calls]
        self.assertEqual([names[at - 1] for at, name in enumerate(names) if name == "say"], ["clear", "clear"])
        self.assertEqual(names[-1], "clear")
        with self.assertRaises(OSError):
            read_files([path, f"{path}.missing"], say, progress=progress)

    def test_total_of_a_pipe_is_not_known(self) -> None:
        """Nor is that of stdin; what comes is shown all the same."""
        for path in ("-", os.devnull):
            progress = mock.Mock()
            reader, writer = os.pipe()
            os.write(writer, b"\n")
            os.close(writer)
            with mock.patch("builtins.open", return_value=os.fdopen(reader, "rb", buffering=0)):
                read_files([path], self.fail, progress=progress)

            self.assertEqual(progress.show.call_args.args, (1, 0, 0))


if __name__ == "__main__":
    unittest.main()

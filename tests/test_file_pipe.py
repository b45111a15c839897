"""The exported file when it is a named pipe: a reader who is slow, has stalled, or goes."""

from __future__ import annotations

import json
import os
import select

from tests.helpers import PAUSES, on_unix, quick_pauses
from tests.test_file import InDirectoryTests

#: A span with such a name is more than a pipe holds.
LONG = "n" * 100_000


@on_unix("named pipes in its file system")
class NamedPipeTests(InDirectoryTests):
    """A named pipe, and a reader of it who takes what a test takes."""

    def setUp(self) -> None:
        """Open the pipe at both ends, and let no time pass."""
        super().setUp()
        os.mkfifo(self.path)
        self.reader = self.open_reader()
        self.file = self.exporter()
        pauses = quick_pauses()
        self.sleep = pauses.__enter__()
        self.addCleanup(pauses.__exit__, None, None, None)

    def open_reader(self) -> int:
        """Begin to read."""
        return os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def drain(self) -> bytes:
        """Take what there is."""
        got = b""
        while select.select([self.reader], [], [], 0)[0] and (piece := os.read(self.reader, 1 << 16)):
            got += piece
        return got

    def names_in(self, data: bytes) -> list[str]:
        """Return the names of the spans in lines, which are whole."""
        lines = [json.loads(line) for line in data.splitlines()]
        return [line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] for line in lines]

    def finish(self) -> int:
        """Close both ends; return how many spans were lost."""
        lost = self.file.close([], 0, "")
        os.close(self.reader)
        return lost

    def test_slow_reader_gets_everything(self) -> None:
        """A reader who comes whenever nothing more fits gets every line whole."""
        got: list[bytes] = []
        self.sleep.side_effect = lambda seconds: got.append(self.drain())
        self.add(self.file, *[f"{number}{LONG}" for number in range(9)])
        got.append(self.drain())

        self.assertEqual([name[0] for name in self.names_in(b"".join(got))], list("012345678"))
        self.assertEqual((self.finish(), self.said), (0, []))

    def test_stalled_reader_is_waited_for_once(self) -> None:
        """One who takes nothing for a second is not waited for until they go on, and then gets the rest of the line."""
        for names, tries in ((("a", LONG, "b"), PAUSES), (("c",), 0)):
            self.add(self.file, *names)
            self.assertEqual(self.sleep.call_count, tries)
            self.sleep.reset_mock()
        got = self.drain()
        self.add(self.file, "d")
        got += self.drain()
        self.assertEqual(self.names_in(got), ["a", LONG, "b", "c", "d"])
        name = f'"{self.path}"'
        stalled = f"cannot write {name}: its reader has stalled; trying again with the next spans"
        self.assertEqual(self.said, [stalled, f"{name} takes spans again"])

        self.add(self.file, LONG, "e")
        self.assertEqual(self.sleep.call_count, PAUSES)
        self.assertEqual(self.finish(), 2)
        self.assertEqual(self.said[2:], [stalled, f"2 spans were lost: {name} took no more"])

    def test_reader_who_goes_within_a_line_spoils_no_other(self) -> None:
        """The next reader gets what is left of that line, its end, and then the whole of it."""
        self.add(self.file, LONG)
        os.read(self.reader, 1_000)
        os.close(self.reader)
        self.add(self.file, "a")
        self.reader = self.open_reader()
        got = [self.drain()]
        self.sleep.side_effect = lambda seconds: got.append(self.drain())
        self.add(self.file, "b")
        torn, _, whole = b"".join([*got, self.drain()]).partition(b"\n")

        self.assertEqual(set(torn), {ord("n")})
        self.assertEqual(self.names_in(whole), [LONG, "a", "b"])
        self.assertEqual(self.finish(), 0)

"""How far reading is, at a terminal."""

from __future__ import annotations

import os
import tempfile
import unittest
from unittest import mock

from tests.helpers import on_unix
from tests.test_screen import Terminal
from tracer.machine.screen import Screen
from tracer.reading.progress import Progress


@on_unix("pseudo-terminals")
class ProgressTests(unittest.TestCase):
    """Each test has a clock of its own."""

    def setUp(self) -> None:
        """Stop the clock."""
        patch = mock.patch("tracer.reading.progress.time.monotonic", side_effect=lambda: self.now)
        patch.start()
        self.addCleanup(patch.stop)
        self.now = 100.0

    def test_terminal_shows_it_after_two_seconds(self) -> None:
        """Bytes of bytes and spans so far, five times a second; the next one takes the place of the last."""
        with Terminal() as terminal:
            progress = Progress(Screen(terminal.writing))
            shown = []
            for self.now, total in ((101.9, 400_000_000), (102, 400_000_000), (102.1, 400_000_000), (102.3, 0)):
                progress.show(int(self.now * 1e6), total, 123_456)
                shown.append(terminal.read())

            first, last = "reading: 102 of 400 MB, spans so far: 123,456", "reading: 102 MB, spans so far: 123,456"
            self.assertEqual(shown, ["", "\r" + first, "", "\r" + last.ljust(len(first))])
            progress.clear()
            self.assertEqual(terminal.read(), "\r" + " " * len(last) + "\r")
            progress.clear()
            self.assertEqual(terminal.read(), "")

    def test_it_fits_on_the_line(self) -> None:
        """On a narrow terminal the end is left out, and the last column is free; one of no width is 80 wide."""
        for columns, shown in ((12, "reading: 0 "), (0, "reading: 0 of 0 MB, spans so far: 1")):
            with Terminal() as terminal, mock.patch.object(Screen, "read_columns", return_value=columns):
                progress = Progress(Screen(terminal.writing))
                self.now += 2
                progress.show(1, 1, 1)

                self.assertEqual(terminal.read(), "\r" + shown)

    def test_file_does_not_show_it(self) -> None:
        """Where stderr is no terminal, nothing is written."""
        with tempfile.TemporaryFile() as file:
            progress = Progress(Screen(file.fileno()))
            self.now += 5
            progress.show(1, 1, 1)
            progress.clear()

            self.assertEqual(os.fstat(file.fileno()).st_size, 0)


if __name__ == "__main__":
    unittest.main()

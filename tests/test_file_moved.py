"""The exported file when it is moved away, removed or cut while it is written to."""

from __future__ import annotations

import errno
import os
import unittest
from unittest import mock

from tests.helpers import descriptors, on_unix
from tests.otlp_cases import names_of
from tests.test_file import InDirectoryTests, files_of_at_most


@on_unix("way to move or remove a file that is open")
class MovedFileTests(InDirectoryTests):
    """A file that is moved away, removed or cut while it is written to."""

    def test_file_is_opened_again_under_its_name(self) -> None:
        """Renamed or removed, it is made anew for the next span; a name that leads to another file is followed."""
        file = self.exporter()
        self.add(file, "a")
        os.rename(self.path, f"{self.path}.1")
        self.add(file, "b")
        os.unlink(self.path)
        self.add(file, "c")
        os.rename(self.path, f"{self.path}.2")
        self.written(b"torn")
        self.add(file, "d")

        self.assertEqual(file.close([], 0, ""), 0)
        self.assertEqual((names_of(f"{self.path}.1"), names_of(f"{self.path}.2")), (["a"], ["c"]))
        self.assertTrue(self.read().startswith(b'torn\n{"resourceSpans"'))
        self.assertEqual(self.said, [])

    def test_file_that_was_moved_is_closed(self) -> None:
        """Moving the file away many times leaves no descriptor open, and nothing makes a file that gets no span."""
        file = self.exporter()
        before = file._descriptor
        for _ in range(3):
            self.add(file, "a")
            os.unlink(self.path)
        self.assertLessEqual(file._descriptor, before + 1)

        self.assertEqual(file.close([], 0, ""), 0)
        self.assertFalse(os.path.exists(self.path))

    def test_error_at_each_close_puts_more_spans_in_doubt(self) -> None:
        """Of files that were moved away and could not be closed, all spans count as lost."""
        file = self.exporter()
        self.add(file, "a")
        first = file._descriptor
        os.rename(self.path, f"{self.path}.1")
        with mock.patch.object(os, "close", side_effect=OSError(errno.EIO, "Input/output error")):
            self.add(file, "b")
            lost = file.close([], 0, "")
        for descriptor in (first, file._descriptor):
            os.close(descriptor)

        self.assertEqual(lost, 2)
        self.assertEqual(self.said, [f'cannot close "{self.path}": Input/output error; 1 of its spans may be lost'] * 2)

    def test_file_that_is_cut_goes_on_at_its_beginning(self) -> None:
        """Where a rotation copies the file and cuts it to nothing, the next line is its first."""
        file = self.exporter()
        self.add(file, "a", "b")
        os.truncate(self.path, 0)
        self.add(file, "c")
        with files_of_at_most(len(self.read()) + 100):
            self.add(file, "d")

            self.assertEqual(names_of(self.path), ["c"], "the torn line is taken back")
        self.assertEqual(file.close([], 0, ""), 0)
        self.assertEqual(names_of(self.path), ["c", "d"])

    def test_name_that_cannot_be_opened_is_tried_again(self) -> None:
        """Where the directory is gone, or the name is now a directory, stdout or a pipe that nobody reads, spans wait."""

        def become_stdout() -> None:
            with open(self.path, "wb") as file:
                os.dup2(file.fileno(), 1)

        cases = {
            "No such file or directory": lambda: os.rename(directory, f"{directory}.away"),
            "Is a directory": lambda: os.mkdir(self.path),
            "No such device or address": lambda: os.mkfifo(self.path),
            "it is stdout, which carries the replies alone": become_stdout,
        }
        for number, (reason, change) in enumerate(cases.items()):
            directory = os.path.join(os.path.dirname(self.path), str(number))
            os.mkdir(directory)
            with self.subTest(reason), mock.patch.object(self, "path", os.path.join(directory, "s")):
                self.said.clear()
                file = self.exporter()
                self.add(file, "a")
                os.unlink(self.path)
                with descriptors(0, 1, 2):
                    change()
                    self.add(file, "b", "c")
                if os.path.exists(directory):
                    os.rename(directory, f"{directory}.away")
                os.mkdir(directory)

                self.assertEqual(file.close([], 0, ""), 0)
                self.assertEqual(names_of(self.path), ["b", "c"])
                self.assertEqual(
                    self.said,
                    [
                        f'cannot write "{self.path}": {reason}; trying again with the next spans',
                        f'"{self.path}" takes spans again',
                    ],
                )


if __name__ == "__main__":
    unittest.main()

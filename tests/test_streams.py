"""The edge in process: descriptors that were closed, input that may not wait, and writes that are short."""

from __future__ import annotations

import os
import unittest
from unittest import mock

from tests.helpers import descriptors
from tracer.streams import Input, occupy_standard_descriptors, write


class WriteTests(unittest.TestCase):
    """All of it goes out."""

    def test_short_writes_are_continued(self) -> None:
        """However little is taken at once, all bytes go out in their order."""
        data = bytes(range(256)) * 3
        for most in (1, 7, 10_000):
            taken = bytearray()

            def short(descriptor: int, rest: bytes, most: int = most, taken: bytearray = taken) -> int:
                taken.extend(bytes(rest)[:most])
                return min(most, len(rest))

            with self.subTest(most=most), mock.patch("tracer.streams.os.write", short):
                write(1, data)
                self.assertEqual(bytes(taken), data)

    def test_nothing_writes_nothing(self) -> None:
        """Without bytes there is no system call."""
        with mock.patch("tracer.streams.os.write") as called:
            write(1, b"")

        called.assert_not_called()

    def test_descriptor_that_may_not_wait_is_waited_for(self) -> None:
        """A full descriptor that does not block is waited for, and the rest goes out then."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.set_blocking(writing, False)
        data = b"x" * 300_000
        got = bytearray()

        def drain(*waited: object) -> None:
            got.extend(os.read(reading, 1 << 16))

        with mock.patch("tracer.streams.select.select", side_effect=drain) as waited:
            write(writing, data)
        os.close(writing)
        while piece := os.read(reading, 1 << 16):
            got += piece

        self.assertEqual(bytes(got), data)
        self.assertEqual(waited.call_args.args, ([], [writing], []))

    def test_failure_is_the_caller_s(self) -> None:
        """Whatever else a write fails of is raised."""
        reading, writing = os.pipe()
        os.close(reading)
        self.addCleanup(os.close, writing)

        self.assertRaises(BrokenPipeError, write, writing, b"x")


class InputTests(unittest.TestCase):
    """Bytes from a descriptor."""

    def test_input_gives_bytes_until_the_end(self) -> None:
        """What was written comes out, and no bytes at the end."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.write(writing, b"some bytes")
        os.close(writing)
        with descriptors(0, 1, 2), Input(reading) as source:
            pieces = [source.read(), source.read()]

        self.assertEqual(pieces, [b"some bytes", b""])
        self.assertEqual(source.signal, 0)

    def test_input_that_may_not_wait_is_waited_for(self) -> None:
        """An empty descriptor that does not block is waited for."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        os.set_blocking(reading, False)
        with descriptors(0, 1, 2), Input(reading) as source:
            with mock.patch("tracer.streams.select.select", lambda *waited: os.write(writing, b"late")):
                piece = source.read()

        self.assertEqual(piece, b"late")


class ClosedDescriptorTests(unittest.TestCase):
    """Standard descriptors that were closed at start."""

    def test_closed_descriptors_are_occupied(self) -> None:
        """A closed stdin has ended, and writing to a closed stdout or stderr fails; open ones are left alone."""
        before = os.fstat(1).st_ino
        with descriptors(None, 1, None):
            occupy_standard_descriptors()
            end, inode = os.read(0, 10), os.fstat(1).st_ino
            with self.assertRaises(OSError):
                os.write(2, b"x")

        self.assertEqual((end, inode), (b"", before))

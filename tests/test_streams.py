"""The edge in process: descriptors that were closed, input that may not wait, and writes that are short."""

from __future__ import annotations

import os
import signal
import unittest
from unittest import mock

from tests.helpers import descriptors, on_unix
from tracer.machine import Streams
from tracer.machine.streams import STALL_SECONDS, PatientWriter, occupy_standard_descriptors


@on_unix("stdin and stdout that may be any descriptors of the node's")
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

            with self.subTest(most=most), mock.patch("tracer.machine.unix.os.write", short):
                Streams().write(data)
                self.assertEqual(bytes(taken), data)

    def test_nothing_writes_nothing(self) -> None:
        """Without bytes there is no system call."""
        with mock.patch("tracer.machine.unix.os.write") as called:
            Streams().write(b"")

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

        with mock.patch("tracer.machine.unix.select.select", side_effect=drain) as waited:
            Streams(0, writing).write(data)
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

        self.assertRaises(BrokenPipeError, Streams(0, writing).write, b"x")


class PatientWriterTests(unittest.TestCase):
    """A reader who takes nothing is waited for a second."""

    def test_second_is_one_where_pauses_are_stretched(self) -> None:
        """Windows before Python 3.11 makes at least 16 ms of a pause of one."""
        tick = 1 / 64
        writer = PatientWriter(mock.Mock(side_effect=BlockingIOError))
        with mock.patch("time.sleep") as sleep, mock.patch("time.monotonic", lambda: sleep.call_count * tick):
            for _ in range(2):
                self.assertRaises(BlockingIOError, writer.write, b"x")

                self.assertEqual(sleep.call_count * tick, STALL_SECONDS)


@on_unix("stdin and stdout that may be any descriptors of the node's")
class InputTests(unittest.TestCase):
    """Bytes from a descriptor."""

    def test_input_gives_bytes_until_the_end(self) -> None:
        """What was written comes out, and no bytes at the end."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.write(writing, b"some bytes")
        os.close(writing)
        source = Streams(reading)
        with descriptors(0, 1, 2), source:
            pieces = [source.read(), source.read()]

        self.assertEqual(pieces, [b"some bytes", b""])
        self.assertEqual(source.signal, 0)

    def test_input_that_may_not_wait_is_waited_for(self) -> None:
        """An empty descriptor that does not block is waited for."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        os.set_blocking(reading, False)
        source = Streams(reading)
        with descriptors(0, 1, 2), source:
            with mock.patch(
                "tracer.machine.unix.select.select", side_effect=lambda *_: os.write(writing, b"late")
            ) as waited:
                piece = source.read()

        self.assertEqual(piece, b"late")
        self.assertEqual(waited.call_args.args, ([reading], [], []))

    def test_signal_that_comes_too_soon_waits_a_second_at_most(self) -> None:
        """As long as there is input, a timer interrupts the wait for it every second; afterwards there is none."""
        with descriptors(0, 1, 2), Streams():
            left, interval = signal.getitimer(signal.ITIMER_REAL)

        self.assertTrue(0 < left <= 1)
        self.assertEqual(interval, 1)
        self.assertEqual(signal.getitimer(signal.ITIMER_REAL), (0, 0))


@on_unix("stdin and stdout that may be any descriptors of the node's")
class HeldTests(unittest.TestCase):
    """What is written after a signal."""

    def test_what_was_held_back_goes_out_at_the_end(self) -> None:
        """All of it goes out in its order, and stdout's reader has a second from the signal on to take it."""
        from tracer.machine.unix import READER_SECONDS

        (reading, writing), (stdin, other) = os.pipe(), os.pipe()
        for descriptor in (reading, writing, stdin, other):
            self.addCleanup(os.close, descriptor)
        source = Streams(stdin, writing)
        with descriptors(0, 1, 2), source:
            signal.raise_signal(signal.SIGTERM)
            source.write(b"first, ")
            source.write(b"second")
            later = mock.patch("tracer.machine.unix.time.monotonic", lambda: source._came + 0.25)
            with later, mock.patch("tracer.machine.unix.signal.setitimer") as timer:
                source.finish(self.fail)
        which, left, interval = timer.call_args.args

        self.assertEqual(os.read(reading, 100), b"first, second")
        self.assertEqual((which, interval), (signal.ITIMER_REAL, READER_SECONDS))
        self.assertAlmostEqual(left, READER_SECONDS - 0.25)


class ClosedDescriptorTests(unittest.TestCase):
    """Standard descriptors that were closed at start."""

    def test_closed_descriptors_are_occupied(self) -> None:
        """What was closed is at its end and takes nothing, so that no other file gets its number."""
        for closed in ({0}, {1}, {2}, {0, 2}, {0, 1, 2}):
            with self.subTest(closed=closed):
                with descriptors(*(None if number in closed else number for number in range(3))):
                    occupy_standard_descriptors()
                    ends = [os.read(number, 10) for number in closed]
                    for number in closed:
                        self.assertRaises(OSError, os.write, number, b"x")

                self.assertEqual(ends, [b""] * len(closed))

    def test_open_descriptors_are_left_alone(self) -> None:
        """What was open stays what it was."""
        before = [os.fstat(number) for number in range(3)]
        with descriptors(0, 1, 2):
            occupy_standard_descriptors()
            after = [os.fstat(number) for number in range(3)]

        self.assertTrue(all(map(os.path.samestat, before, after)))

"""Signals with real processes: what ends in order, what stays ignored, a second one, a reader that has stalled."""

from __future__ import annotations

import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

import main
from tests.helpers import (
    ALONE,
    CREATE,
    CREATED,
    ECHO,
    ECHO_OK,
    ON_WINDOWS,
    PATIENCE_SECONDS,
    TOP,
    child_environment,
    descriptors,
    fill,
    open_terminal,
    read_until,
    running,
    wait_for,
)
from tests.otlp_cases import spans_of
from tracer.machine import Streams

if ON_WINDOWS:
    raise unittest.SkipTest("Windows has no signals that one process sends another")

ENDINGS = [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]


def wait_until_blocked(pid: int) -> None:
    """Wait until a process waits for its full stdout."""
    wait_for(lambda: "pipe_write" in of_process(pid, "wchan") or of_process(pid, "syscall").startswith("1 "))


def of_process(pid: int, name: str) -> str:
    """Read what Linux says of a process."""
    try:
        with open(f"/proc/{pid}/{name}", encoding="ascii") as file:
            return file.read()
    except PermissionError:
        return ""
    except FileNotFoundError:
        raise unittest.SkipTest("this system does not tell what a process waits for") from None


class SignalTests(unittest.TestCase):
    """SIGTERM, SIGINT and SIGHUP end the input."""

    #: The signals that come in a flood, or before the node is ready.
    SUDDEN = ENDINGS[:1]
    #: Signals that are ignored, each with another that is not.
    IGNORED = (("INT", signal.SIGTERM),)

    def test_signal_while_waiting_ends_in_order(self) -> None:
        """A node that waits for input exports and names its open spans and exits 143, 130 or 129, without a traceback."""
        for number, code in ENDINGS:
            with self.subTest(number), tempfile.NamedTemporaryFile() as file, running("--export", file.name) as process:
                process.stdin.write(CREATE)
                process.stdin.flush()
                self.assertEqual(read_until(process.stdout, b"\n"), CREATED)
                process.send_signal(number)
                # stdin stays open: the signal alone ends it.
                process.wait(PATIENCE_SECONDS)

                self.assertEqual((process.returncode, process.stdout.read()), (code, b""))
                self.assertRegex(process.stderr.read(), rb"\ntracer: 1 span is still open: left-open\n$")
                self.assertEqual(
                    [span["status"]["message"] for span in spans_of(file.name)],
                    [f"still open when {number.name} came"],
                )

    def test_signal_in_a_flood_answers_every_line_read(self) -> None:
        """In a flood every line that was taken from the pipe is answered, and only whole lines come out."""
        flood = b"".join(ECHO % index for index in range(50_000))
        for number, code in self.SUDDEN:
            with self.subTest(number):
                taken, out, err, returncode = self.flooded(flood, number)
                count = out.count(b"\n")

                self.assertEqual(returncode, code)
                self.assertEqual(out, b"".join(ECHO_OK % index for index in range(count)))
                # The last line may have been taken without its end.
                self.assertIn(count - taken.count(b"\n"), (0, 1) if taken.endswith(b"}") else (0,))
                self.assertNotIn(b"Traceback", err)

    def flooded(self, flood: bytes, number: int) -> tuple[bytes, bytes, bytes, int]:
        """Pour a flood into a node and signal it in the midst; return what it took and said, and its exit code."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with running(stdin=reading) as process:
            sent, out = 0, b""
            while len(out) < 300_000:
                readable, writable, _ = select.select([process.stdout], [writing], [], PATIENCE_SECONDS)
                sent += os.write(writing, flood[sent : sent + 65_536]) if writable else 0
                out += os.read(process.stdout.fileno(), 1 << 16) if readable else b""
            process.send_signal(number)
            out += process.stdout.read()
            err, returncode = process.stderr.read(), process.wait(PATIENCE_SECONDS)
        os.set_blocking(reading, False)
        unread = self.drain(reading)
        os.close(reading)
        os.close(writing)
        return flood[: sent - unread], out, err, returncode

    def drain(self, descriptor: int) -> int:
        """Return how many bytes are left in a pipe."""
        count = 0
        try:
            while piece := os.read(descriptor, 1 << 16):
                count += len(piece)
        except BlockingIOError:
            pass
        return count

    def test_signal_before_the_node_is_ready_leaves_no_traceback(self) -> None:
        """A signal right after the start ends the process, in order or at once, and never with a traceback."""
        for number, code in self.SUDDEN:
            with self.subTest(number), running() as process:
                wait_for(lambda pid=process.pid: "main.py" in of_process(pid, "cmdline"))
                process.send_signal(number)
                process.wait(PATIENCE_SECONDS)

                self.assertIn(process.returncode, (code, -number, 1) if number == signal.SIGINT else (code, -number))

    @unittest.skipIf(sys.implementation.name == "pypy", "PyPy does not tell which signals were ignored")
    def test_signal_that_was_ignored_at_start_stays_ignored(self) -> None:
        """`trap '' INT` and `nohup`: the signal changes nothing, and another one ends the node."""
        for ignored, other in self.IGNORED:
            command = ["sh", "-c", f'trap \'\' {ignored}; exec "$0" "$@"', *ALONE]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            with self.subTest(ignored), subprocess.Popen(command, cwd=TOP, env=child_environment(), **pipes) as process:
                for index in range(2):
                    process.stdin.write(ECHO % index)
                    process.stdin.flush()
                    self.assertEqual(read_until(process.stdout, b"\n"), ECHO_OK % index)
                    process.send_signal(getattr(signal, f"SIG{ignored}"))
                process.send_signal(other)

                self.assertEqual(process.wait(PATIENCE_SECONDS), dict(ENDINGS)[other])

    def test_two_signals_at_once_are_one(self) -> None:
        """A terminal and a wrapper both send theirs: every open span is exported all the same."""
        with tempfile.NamedTemporaryFile() as file, running("--export", file.name) as process:
            process.stdin.write(b'{"type":"create_span","name":"n"}\n' * 5_000 + ECHO % 1)
            process.stdin.flush()
            read_until(process.stdout, b"\n")
            for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
                process.send_signal(number)
                select.select([], [], [], 0.01)
            code = process.wait(PATIENCE_SECONDS)

            self.assertEqual((code, len(spans_of(file.name))), (130, 5_000))

    def test_later_signal_kills(self) -> None:
        """Where the end takes longer than a second, another signal ends the node at once."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "spans")
        os.mkfifo(path)
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reading)
        with running("--export", path) as process:
            process.stdin.write(b'{"type":"create_span","name":"n"}\n' * 1_000 + ECHO % 1)
            process.stdin.flush()
            read_until(process.stdout, b"\n")
            process.send_signal(signal.SIGINT)
            started = time.monotonic()
            while process.poll() is None and time.monotonic() < started + PATIENCE_SECONDS:
                # A reader who goes on taking a little is waited for; the node may need a while before there is something.
                select.select([], [], [], 0.1)
                select.select([reading], [], [], PATIENCE_SECONDS)
                os.read(reading, select.PIPE_BUF)
                process.send_signal(signal.SIGTERM)

            self.assertEqual((process.returncode, process.stderr.read()), (-signal.SIGTERM, b""))
            self.assertGreater(time.monotonic(), started + 0.9)

    def test_terminal_ends_it_in_order(self) -> None:
        """A terminal that is closed, which sends SIGHUP, and Control-C at one: the spans are exported, exit 129 and 130."""
        import fcntl
        import termios

        for end, code in [(os.close, 129), (lambda master: os.write(master, b"\x03"), 130)]:
            master, slave = open_terminal()
            terminal = {"stdin": slave, "stdout": slave, "stderr": slave, "start_new_session": True}
            own = {"preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)}
            with self.subTest(code), tempfile.NamedTemporaryFile() as file:
                with running("--export", file.name, **terminal, **own) as process:
                    os.close(slave)
                    os.write(master, CREATE)
                    wait_for(lambda master=master: b"span_created" in os.read(master, 1 << 16))
                    end(master)

                    self.assertEqual(process.wait(PATIENCE_SECONDS), code)
                    self.assertEqual(len(spans_of(file.name)), 1)
            if code == 130:
                os.close(master)


class StalledTests(unittest.TestCase):
    """A reader of stdout that takes no more when a signal comes."""

    def blocked(self, process: subprocess.Popen) -> None:
        """Have a node wait for its full stdout with two replies to come and a span open."""
        process.stdin.write(b'{"type":"create_span","name":"n"}\n' + ECHO % 1 + ECHO % 2)
        process.stdin.flush()
        wait_until_blocked(process.pid)

    def test_reader_that_goes_on_gets_every_reply(self) -> None:
        """What was read before the signal is answered in whole lines, if they are taken within a second."""
        reading, writing = os.pipe()
        fill(writing)
        with running(stdout=writing) as process:
            os.close(writing)
            self.blocked(process)
            process.send_signal(signal.SIGTERM)
            with os.fdopen(reading, "rb") as stream:
                out = stream.read().lstrip(b"\n")
            process.wait(PATIENCE_SECONDS)

            self.assertEqual((out, process.returncode), (ECHO_OK % 1 + ECHO_OK % 2, 143))
            self.assertEqual(process.stderr.read().count(b"\n"), 1)

    def test_reader_that_has_stalled_does_not_hold_the_end_up(self) -> None:
        """The spans are exported at once, and a second after the signal the replies are dropped, with a sentence."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        fill(writing)
        with tempfile.NamedTemporaryFile() as file, running("--export", file.name, stdout=writing) as process:
            self.blocked(process)
            process.send_signal(signal.SIGTERM)
            sent = time.monotonic()
            wait_for(lambda: spans_of(file.name))
            self.assertTrue(process.poll() is None or time.monotonic() > sent + 1)
            process.wait(PATIENCE_SECONDS)

            self.assertEqual(process.returncode, 143)
            self.assertIn(b"has stalled: 62 bytes of replies were dropped\n", process.stderr.read())


class KillingWrite:
    """`os.write` that a signal comes before, the first time.

    Args:
        number: the signal, to this process.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._write = os.write

    def __call__(self, descriptor: int, data: bytes) -> int:
        number, self._number = self._number, 0
        os.kill(os.getpid(), number)
        return self._write(descriptor, data)


class InProcessTests(unittest.TestCase):
    """The same in process, where coverage sees it."""

    def test_signal_ends_the_input(self) -> None:
        """A signal that comes while the node waits ends the input; the reply that it interrupts is held back till the end."""
        for number, code in ENDINGS:
            with self.subTest(number):
                reading, writing = os.pipe()
                os.write(writing, ECHO % 1)
                answer, stdout = os.pipe()
                with descriptors(reading, stdout, 2), mock.patch("tracer.machine.unix.os.write", KillingWrite(number)):
                    result = main.main([])
                os.close(stdout)
                with os.fdopen(answer, "rb") as stream:
                    out = stream.read()
                for descriptor in (reading, writing):
                    os.close(descriptor)

                self.assertEqual((result, out), (code, ECHO_OK % 1))

    def test_start_leaves_what_is_ignored(self) -> None:
        """The node that is started with SIGINT ignored does not touch it, and else takes Python's own handler away."""
        for before, name in [(signal.SIG_IGN, "SIG_IGN"), (signal.default_int_handler, "end_at_once")]:
            with self.subTest(before), descriptors(0, 1, 2):
                signal.signal(signal.SIGINT, before)
                runpy.run_path(os.path.join(TOP, "main.py"))
                after = signal.getsignal(signal.SIGINT)

                self.assertEqual(getattr(after, "__name__", None) or after.name, name)

    def test_signal_before_the_streams_are_there_ends_it_at_once(self) -> None:
        """The handler takes itself away and raises the signal again."""
        with descriptors(0, 1, 2), mock.patch("signal.raise_signal") as again:
            main.end_at_once(signal.SIGINT, None)

            self.assertEqual(signal.getsignal(signal.SIGINT), signal.SIG_DFL)
        again.assert_called_once_with(signal.SIGINT)

    def test_signal_after_the_end_changes_no_exit_code(self) -> None:
        """Once a signal has ended the node, another one that comes before the process is gone is ignored."""
        for number, left in [(signal.SIGTERM, signal.SIG_IGN), (0, signal.SIG_DFL)]:
            with self.subTest(number), descriptors(0, 1, 2):
                with Streams():
                    os.kill(os.getpid(), number)

                self.assertEqual([signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)], [left] * 2)

    def test_read_that_fails_with_a_signal_is_an_end(self) -> None:
        """A terminal that is closed fails a moment before its SIGHUP; without a signal the failure is the caller's."""
        failing = mock.patch("tracer.machine.unix.os.read", side_effect=OSError(5, "Input/output error"))
        for number in (signal.SIGHUP, 0):
            streams = Streams()
            waiting = mock.patch(
                "tracer.machine.unix.select.select", side_effect=lambda *_, number=number: os.kill(os.getpid(), number)
            )
            with self.subTest(number), descriptors(0, 1, 2), streams, failing, waiting:
                if number:
                    self.assertEqual(streams.read(), b"")
                else:
                    self.assertRaises(OSError, streams.read)

    def test_signals_within_a_second_are_one(self) -> None:
        """Up to a second after the first signal another one is nothing; later it is raised again, unhandled."""
        for seconds, raised in [(0.0, 0), (0.99, 0), (1.0, 1)]:
            times = mock.patch("tracer.machine.streams.time.monotonic", side_effect=[10.0, 10.0 + seconds])
            with self.subTest(seconds), descriptors(0, 1, 2), times:
                with mock.patch("signal.raise_signal") as again, Streams():
                    os.kill(os.getpid(), signal.SIGTERM)
                    os.kill(os.getpid(), signal.SIGINT)
                    handler = signal.getsignal(signal.SIGINT)

                self.assertEqual(again.call_count, raised)
                self.assertEqual(handler is signal.SIG_DFL, bool(raised))

    def test_reader_has_a_moment_however_long_the_export_took(self) -> None:
        """What was held back is dropped once nobody has taken it; a failure of stdout is the caller's all the same."""
        reading, writing = os.pipe()
        fill(writing)
        times = mock.patch("tracer.machine.unix.time.monotonic", side_effect=[10.0, 99.0])
        streams = Streams(0, writing)
        with descriptors(0, 1, 2), times, streams:
            os.kill(os.getpid(), signal.SIGTERM)
            streams.write(b"late")
            said = []
            streams.finish(said.append)
        self.assertEqual(said, ["stdout's reader has stalled: 4 bytes of replies were dropped"])
        os.close(writing)
        writing = os.open(os.devnull, os.O_RDONLY)
        self.assertRaises(OSError, Streams(0, writing).write, b"x")
        os.close(writing)
        os.close(reading)

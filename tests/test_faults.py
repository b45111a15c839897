"""Faults: signals at any moment, a reader that goes away or is slow, a full disk, descriptors that are closed."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import unittest
from unittest import mock

import main
from tests.helpers import PATIENCE_SECONDS, TOP, child_environment, descriptors, run, run_here, running

ECHO = b'{"type":"echo","echo":%d}\n'
ECHO_OK = b'{"type": "echo_ok", "echo": %d}\n'
CREATE = b'{"type":"create_span","name":"n","span_id":"left-open","kind":"SERVER"}\n'
CREATED = b'{"type": "span_created", "span_id": "left-open", "kind": "SERVER"}\n'
ENDINGS = [(signal.SIGTERM, 143), (signal.SIGINT, 130)]


def read_until(stream: object, end: bytes) -> bytes:
    """Read from a pipe until some bytes have come."""
    got = b""
    while not got.endswith(end):
        if not select.select([stream], [], [], PATIENCE_SECONDS)[0]:
            raise TimeoutError(got)
        piece = os.read(stream.fileno(), 1 << 16)
        if not piece:
            raise EOFError(got)
        got += piece
    return got


def fill(descriptor: int) -> None:
    """Write into a pipe until it takes no more."""
    os.set_blocking(descriptor, False)
    try:
        while True:
            os.write(descriptor, b"\n" * 4096)
    except BlockingIOError:
        os.set_blocking(descriptor, True)


class SignalTests(unittest.TestCase):
    """SIGTERM and SIGINT."""

    def test_signal_while_waiting_ends_in_order(self) -> None:
        """A node that waits for input names its open spans and exits 143 or 130, without a traceback."""
        for number, code in ENDINGS:
            with self.subTest(number), running() as process:
                process.stdin.write(CREATE)
                process.stdin.flush()
                self.assertEqual(read_until(process.stdout, b"\n"), CREATED)
                process.send_signal(number)
                # stdin stays open: the signal alone ends it.
                process.wait(PATIENCE_SECONDS)

                self.assertEqual((process.returncode, process.stdout.read()), (code, b""))
                self.assertRegex(process.stderr.read(), rb"^tracer: 1 span is still open: .*left-open.*\n$")

    def test_signal_in_a_flood_answers_every_line_read(self) -> None:
        """In a flood every line that was taken from the pipe is answered, and only whole lines come out."""
        for number, code in ENDINGS:
            with self.subTest(number):
                reading, writing = os.pipe()
                with running(stdin=reading) as process:
                    os.set_blocking(writing, False)
                    flood = b"".join(ECHO % index for index in range(200_000))
                    sent, out, signalled = 0, bytearray(), False
                    while process.poll() is None or not signalled:
                        readable, writable, _ = select.select([process.stdout], [writing], [], 0.05)
                        if writable and not signalled:
                            sent += os.write(writing, flood[sent : sent + 65_536])
                        if readable:
                            out += os.read(process.stdout.fileno(), 1 << 16)
                        if len(out) > 300_000 and not signalled:
                            process.send_signal(number)
                            signalled = True
                    out += process.stdout.read()
                    err = process.stderr.read()
                os.set_blocking(reading, False)
                unread = self.drain(reading)
                os.close(reading)
                os.close(writing)
                taken = flood[: sent - unread]
                count = out.count(b"\n")

                self.assertEqual(process.returncode, code)
                self.assertEqual(bytes(out), b"".join(ECHO_OK % index for index in range(count)))
                # The last line may have been taken without its end.
                self.assertIn(count - taken.count(b"\n"), (0, 1) if taken.endswith(b"}") else (0,))
                self.assertNotIn(b"Traceback", err)

    def drain(self, descriptor: int) -> int:
        """Return how many bytes are left in a pipe."""
        count = 0
        try:
            while piece := os.read(descriptor, 1 << 16):
                count += len(piece)
        except BlockingIOError:
            pass
        return count

    def test_signal_while_stdout_is_blocked_loses_nothing(self) -> None:
        """While nobody reads, a signal waits for the reader: all that was read is answered in whole lines."""
        reading, writing = os.pipe()
        fill(writing)
        with running(stdout=writing) as process:
            os.close(writing)
            process.stdin.write(ECHO % 1 + ECHO % 2)
            process.stdin.flush()
            self.wait_until_blocked(process.pid)
            process.send_signal(signal.SIGTERM)
            with os.fdopen(reading, "rb") as stream:
                out = stream.read().lstrip(b"\n")
            process.wait(PATIENCE_SECONDS)

            self.assertEqual((out, process.returncode), (ECHO_OK % 1 + ECHO_OK % 2, 143))
            self.assertEqual(process.stderr.read(), b"")

    def test_second_signal_kills(self) -> None:
        """While nobody reads, a second signal ends the node at once."""
        for number, _ in ENDINGS:
            reading, writing = os.pipe()
            fill(writing)
            with self.subTest(number), running(stdout=writing) as process:
                process.stdin.write(ECHO % 1)
                process.stdin.flush()
                self.wait_until_blocked(process.pid)
                process.send_signal(number)
                self.wait_until_default(process.pid, number)
                process.send_signal(number)
                process.wait(PATIENCE_SECONDS)

                self.assertEqual((process.returncode, process.stderr.read()), (-number, b""))
            os.close(reading)
            os.close(writing)

    def wait_until_blocked(self, pid: int) -> None:
        """Wait until a process waits for its full stdout."""
        self.wait_for(lambda: "pipe_write" in self.proc(pid, "wchan") or self.proc(pid, "syscall").startswith("1 "))

    def wait_until_default(self, pid: int, number: int) -> None:
        """Wait until a process catches a signal no more."""
        self.wait_for(lambda: not int(self.proc(pid, "status").split("SigCgt:")[1].split()[0], 16) >> (number - 1) & 1)

    def proc(self, pid: int, name: str) -> str:
        """Read what Linux tells of a process."""
        try:
            with open(f"/proc/{pid}/{name}", encoding="ascii") as file:
                return file.read()
        except PermissionError:
            return ""
        except FileNotFoundError:
            self.skipTest("this system does not tell what a process waits for")

    def wait_for(self, condition: object) -> None:
        """Wait, within bounds, for a condition."""
        for _ in range(PATIENCE_SECONDS * 100):
            if condition():
                return
            select.select([], [], [], 0.01)
        self.fail("the process did not get there")

    def test_signal_before_the_node_is_ready_leaves_no_traceback(self) -> None:
        """A signal right after the start ends the process, in order or at once, and never with a traceback."""
        for number, code in ENDINGS:
            with self.subTest(number), running() as process:
                self.wait_for(lambda pid=process.pid: "main.py" in self.proc(pid, "cmdline"))
                process.send_signal(number)
                process.wait(PATIENCE_SECONDS)

                self.assertIn(process.returncode, (code, -number, 1) if number == signal.SIGINT else (code, -number))

    def test_signal_here_ends_the_input(self) -> None:
        """In process: a signal that comes while the node waits ends the input, and the exit code tells it."""
        for number, code in ENDINGS:
            with self.subTest(number):
                reading, writing = os.pipe()
                os.write(writing, ECHO % 1)
                answer, stdout = os.pipe()
                sent = []

                def write(descriptor: int, data: bytes, number: int = number, sent: list = sent) -> int:
                    sent.append(data)
                    os.kill(os.getpid(), number)
                    return len(data)

                with descriptors(reading, stdout, 2), mock.patch("tracer.process.streams.os.write", write):
                    result = main.main([])
                for descriptor in (reading, writing, answer, stdout):
                    os.close(descriptor)

                self.assertEqual((result, sent), (code, [ECHO_OK % 1]))


class StdoutTests(unittest.TestCase):
    """stdout that is gone, full, slow or closed."""

    def test_reader_that_is_gone_ends_it_quietly(self) -> None:
        """When the reader has gone the node stops, exit 141, and says nothing."""
        with running() as process:
            process.stdout.close()
            process.stdin.write(ECHO % 1)
            process.stdin.flush()
            process.wait(PATIENCE_SECONDS)

            self.assertEqual((process.returncode, process.stderr.read()), (141, b""))

    def test_reader_that_goes_in_a_flood_ends_it_quietly(self) -> None:
        """`head -1` behind a flood gets its line, and the node exits 141."""
        with running() as process:
            reader = subprocess.Popen(["head", "-1"], stdin=process.stdout, stdout=subprocess.PIPE)
            process.stdout.close()
            try:
                for _ in range(100):
                    process.stdin.write(ECHO % 7 * 1000)
            except BrokenPipeError:
                pass
            out, _ = reader.communicate(timeout=PATIENCE_SECONDS)
            process.wait(PATIENCE_SECONDS)

            self.assertEqual((out, process.returncode, process.stderr.read()), (ECHO_OK % 7, 141, b""))

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no /dev/full here")
    def test_full_stdout_is_one_sentence(self) -> None:
        """A stdout that takes nothing more: one sentence, exit 74."""
        with open("/dev/full", "wb") as full:
            process = run(ECHO % 1 + ECHO % 2, stdout=full)

        self.assertEqual(process.returncode, 74)
        self.assertRegex(process.stderr, rb"^tracer: .*No space left on device\n$")

    def test_slow_reader_gets_every_byte(self) -> None:
        """A reader that takes small pieces from a small pipe gets every byte."""
        count = 3_000
        reading, writing = os.pipe()
        fcntl.fcntl(writing, getattr(fcntl, "F_SETPIPE_SZ", 1031), 4096)
        data = b"".join(ECHO % number for number in range(count))
        with running(stdout=writing) as process:
            os.close(writing)
            out, sent = b"", 0
            os.set_blocking(process.stdin.fileno(), False)
            while sent < len(data):
                if select.select([], [process.stdin], [], 0)[1]:
                    sent += os.write(process.stdin.fileno(), data[sent : sent + 1000])
                if select.select([reading], [], [], 0)[0]:
                    out += os.read(reading, 700)
            process.stdin.close()
            while piece := os.read(reading, 700):
                out += piece
            process.wait(PATIENCE_SECONDS)
        os.close(reading)

        self.assertEqual(out, b"".join(ECHO_OK % number for number in range(count)))
        self.assertEqual(process.returncode, 0)

    def test_stdout_that_may_not_wait_gets_every_byte(self) -> None:
        """A stdout that does not block is waited for."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        # The input fits a pipe, the output does not.
        data = b"".join(ECHO % number for number in range(2_300))
        with running(stdout=writing) as process:
            os.close(writing)
            process.stdin.write(data)
            process.stdin.close()
            with os.fdopen(reading, "rb") as stream:
                out = stream.read()
            process.wait(PATIENCE_SECONDS)

        self.assertEqual((out, process.returncode), (b"".join(ECHO_OK % number for number in range(2_300)), 0))

    def test_short_writes_lose_nothing(self) -> None:
        """In process: a stdout that takes seven bytes at a time gets all of it."""
        real = os.write
        with mock.patch("tracer.process.streams.os.write", lambda descriptor, data: real(descriptor, data[:7])):
            code, out, _ = run_here(ECHO % 1 + CREATE)

        self.assertEqual((code, out), (0, ECHO_OK % 1 + CREATED))

    def test_failures_here(self) -> None:
        """In process: a broken pipe is 141 without a word, any other failure 74 with one sentence."""
        for error, code, said in [
            (BrokenPipeError(32, "Broken pipe"), 141, b""),
            (OSError(5, "Input/output error"), 74, b"Input/output error\n"),
        ]:
            with self.subTest(code), mock.patch("main.write", side_effect=error):
                result, out, err = run_here(ECHO % 1)

                self.assertEqual((result, out), (code, b""))
                self.assertTrue(err.endswith(said) and err.count(b"\n") == said.count(b"\n"))


class ClosedTests(unittest.TestCase):
    """Descriptors that are closed at start, or go away later."""

    def shell(self, redirection: str, data: bytes = ECHO % 1) -> subprocess.CompletedProcess:
        """Run the node by a shell that closes something first."""
        command = f'exec "$0" "$1" {redirection}'
        return subprocess.run(
            ["sh", "-c", command, sys.executable, os.path.join(TOP, "main.py")],
            input=data,
            capture_output=True,
            env=child_environment(),
            timeout=PATIENCE_SECONDS,
        )

    def test_closed_stdin_is_an_end(self) -> None:
        """Without a stdin the node exits 0, or says why not."""
        process = self.shell("<&-")

        self.assertEqual((process.returncode, process.stdout, process.stderr), (0, b"", b""))

    def test_closed_stdout_is_a_failure(self) -> None:
        """Without a stdout the first reply fails: one sentence, exit 74; without a reply nothing does."""
        process = self.shell(">&-")
        self.assertEqual((process.returncode, process.stderr.count(b"\n")), (74, 1))
        self.assertNotIn(b"Traceback", process.stderr)

        self.assertEqual(self.shell(">&-", b"\n").returncode, 0)

    def test_closed_stderr_stops_nothing(self) -> None:
        """Without a stderr bad lines are skipped in silence and good ones answered."""
        process = self.shell("2>&-", b"nonsense\n" * 30 + ECHO % 1 + CREATE)

        self.assertEqual((process.returncode, process.stdout), (0, ECHO_OK % 1 + CREATED))

    def test_all_closed_is_an_end(self) -> None:
        """With all three closed the node just ends."""
        process = self.shell("<&- >&- 2>&-")

        self.assertEqual((process.returncode, process.stdout, process.stderr), (0, b"", b""))

    def test_stderr_s_reader_may_go(self) -> None:
        """When nobody reads stderr any more the node serves on."""
        with running() as process:
            process.stdin.write(b"nonsense\n")
            process.stdin.flush()
            process.stderr.readline()
            process.stderr.close()
            process.stdin.write(b"nonsense\n" * 10 + ECHO % 1)
            process.stdin.flush()
            self.assertEqual(read_until(process.stdout, b"\n"), ECHO_OK % 1)
            process.stdin.close()
            process.wait(PATIENCE_SECONDS)

        self.assertEqual(process.returncode, 0)

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no /dev/full here")
    def test_full_stderr_stops_nothing(self) -> None:
        """A stderr that takes nothing drops the sentences."""
        with open("/dev/full", "wb") as full:
            process = run(b"nonsense\n" + ECHO % 1, stderr=full)

        self.assertEqual((process.returncode, process.stdout), (0, ECHO_OK % 1))

    def test_stdin_that_may_not_wait_is_waited_for(self) -> None:
        """A stdin that does not block is waited for, and its end is the end."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        with running(stdin=reading) as process:
            for number in range(3):
                os.write(writing, ECHO % number)
                self.assertEqual(read_until(process.stdout, b"\n"), ECHO_OK % number)
            os.close(writing)
            process.wait(PATIENCE_SECONDS)
        os.close(reading)

        self.assertEqual(process.returncode, 0)

    def test_stdin_that_cannot_be_read_is_one_sentence(self) -> None:
        """A stdin that is open for writing only: one sentence, exit 74."""
        with open(os.devnull, "wb") as unreadable:
            process = run(b"", stdin=unreadable)

        self.assertEqual((process.returncode, process.stdout), (74, b""))
        self.assertRegex(process.stderr, rb"^tracer: [^\n]*\n$")

    def test_replies_are_valid_to_the_last(self) -> None:
        """Killed at any moment, the node leaves whole lines but for the last on stdout."""
        with running() as process:
            process.stdin.write(ECHO % 5 * 2000)
            process.stdin.flush()
            out = os.read(process.stdout.fileno(), 1 << 16)
            process.kill()
            out += process.stdout.read()

        self.assertEqual({json.loads(line)["echo"] for line in out.splitlines()[:-1]}, {5})

"""Faults: a reader that goes away or is slow, a full disk, descriptors that are closed."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import stat
import subprocess
import unittest
from contextlib import nullcontext
from types import SimpleNamespace
from unittest import mock

from tests.helpers import (
    ALONE,
    CREATE,
    CREATED,
    ECHO,
    ECHO_OK,
    PATIENCE_SECONDS,
    child_environment,
    on_unix,
    read_until,
    run,
    run_here,
    running,
    with_full_device,
)


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

    @on_unix("`head`")
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

    def test_failure_at_the_end_is_one_sentence(self) -> None:
        """A stdout that fails when what was held back is written: one sentence, exit 74."""
        with mock.patch("tracer.machine.Streams.finish", side_effect=OSError(errno.EIO, "Input/output error")):
            got = run_here(b"")

        self.assertEqual(got, (74, b"", b"tracer: stdin or stdout failed: Input/output error\n"))

    @on_unix("signals that one process sends another")
    def test_failure_at_the_close_is_one_sentence(self) -> None:
        """A disk of a network, or one with quotas, may fail only at the close: one sentence, exit 74."""

        def close(descriptor: int) -> None:
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
            os.close(descriptor)
            if is_file:
                raise OSError(errno.EDQUOT, "Disk quota exceeded")

        def end_by_signal(streams: object) -> bytes:
            os.kill(os.getpid(), signal.SIGTERM)
            return b""

        system = SimpleNamespace(**{**vars(os), "close": close})
        signalled = mock.patch("tracer.machine.Streams.read", end_by_signal)
        for case, options, change in (
            ("replies", (), nullcontext()),
            ("a signal", (), signalled),
            ("no replies", ("--bash",), nullcontext()),
        ):
            with self.subTest(case), change, mock.patch("tracer.machine.unix.os", system):
                code, _, err = run_here(ECHO % 1, *options)

                self.assertEqual((code, err), (74, b"tracer: stdin or stdout failed: Disk quota exceeded\n"))

    @with_full_device
    def test_full_stdout_is_one_sentence(self) -> None:
        """A stdout that takes nothing more: one sentence, exit 74; for what `--bash` prints too."""
        for options in ([], ["--bash"]):
            with self.subTest(options), open("/dev/full", "wb") as full:
                process = run(ECHO % 1 + ECHO % 2, *options, stdout=full)

                self.assertEqual(process.returncode, 74)
                self.assertRegex(process.stderr, rb"^tracer: .*No space left on device\n$")

    @on_unix("pipes that say whether they have room")
    def test_slow_reader_gets_every_byte(self) -> None:
        """A reader that takes small pieces from a small pipe gets every byte."""
        count = 3_000
        import fcntl

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

    @on_unix("stdout that does not wait")
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

    @on_unix("short writes to stdout")
    def test_short_writes_lose_nothing(self) -> None:
        """In process: a stdout that takes seven bytes at a time gets all of it."""
        real = os.write
        with mock.patch("tracer.machine.unix.os.write", lambda descriptor, data: real(descriptor, data[:7])):
            code, out, _ = run_here(ECHO % 1 + CREATE)

        self.assertEqual((code, out), (0, ECHO_OK % 1 + CREATED))

    def test_failures_here(self) -> None:
        """In process: a broken pipe is 141 without a word, any other failure 74 with one sentence."""
        for error, code, said in [
            (BrokenPipeError(32, "Broken pipe"), 141, b""),
            (OSError(5, "Input/output error"), 74, b"Input/output error\n"),
        ]:
            with self.subTest(code), mock.patch("tracer.machine.Streams.write", side_effect=error):
                result, out, err = run_here(ECHO % 1)

                self.assertEqual((result, out), (code, b""))
                self.assertTrue(err.endswith(said) and err.count(b"\n") == said.count(b"\n"))


@on_unix("shell that starts a process without one of its streams")
class ClosedTests(unittest.TestCase):
    """Descriptors that are closed at start."""

    def shell(self, redirection: str, data: bytes = ECHO % 1) -> subprocess.CompletedProcess:
        """Run the node by a shell that closes something first."""
        return subprocess.run(
            ["sh", "-c", f'exec "$0" "$@" {redirection}', *ALONE],
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


class StreamTests(unittest.TestCase):
    """stdin and stderr that fail or go away later, and the end of a node that is killed."""

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

    @with_full_device
    def test_full_stderr_stops_nothing(self) -> None:
        """A stderr that takes nothing drops the sentences."""
        with open("/dev/full", "wb") as full:
            process = run(b"nonsense\n" + ECHO % 1, stderr=full)

        self.assertEqual((process.returncode, process.stdout), (0, ECHO_OK % 1))

    @on_unix("stdin that does not wait")
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

"""The node with `--export`: when spans are in the file, and what it says and how it ends when they are not."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import tempfile
import unittest
from unittest import mock

from tests.helpers import (
    OF_1970,
    ON_WINDOWS,
    PATIENCE_SECONDS,
    envelope,
    line_of,
    on_unix,
    run,
    run_here,
    running,
    symlink,
    with_full_device,
)
from tests.otlp_cases import names_of, spans_of
from tracer.clock import YEAR_US
from tracer.words import quote_path

FULL = "/dev/full"
#: The three lines of a span, and a fourth that leaves one open.
LIFE = b"".join(
    line_of(message) + b"\n"
    for message in (
        envelope({"type": "create_span", "msg_id": 1, "name": "a", "kind": "SERVER"}, "service", "tracer"),
        {"type": "span_event", "span_id": "span1", "event": "e"},
        {"type": "span_end", "span_id": "span1"},
    )
)
OPENED = b'{"type": "create_span", "name": "left"}\n'


class ExportOptionTests(unittest.TestCase):
    """The node with `--export`, in a directory of the test's own."""

    #: How many spans are piped at once.
    MANY = 1_000

    def setUp(self) -> None:
        """Make the directory."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "spans.jsonl")

    def read(self) -> bytes:
        """Read the file."""
        with open(self.path, "rb") as file:
            return file.read()

    def test_span_is_in_the_file_before_its_end_is_told(self) -> None:
        """A node that is killed as soon as its reply has come has the span in the file."""
        with running("--export", self.path) as node:
            node.stdin.write(LIFE)
            node.stdin.flush()
            replies = [node.stdout.readline() for _ in range(2)]
            node.kill()

        self.assertIn(b"span_complete", replies[1])
        self.assertEqual(names_of(self.path), ["a"])

    def test_service_is_the_sender(self) -> None:
        """Replies are the same as without the option, and the file has the span under its sender's name."""
        code, out, err = run_here(LIFE, "--export", self.path)

        self.assertEqual((code, out, b""), run_here(LIFE))
        self.assertEqual(err, OF_1970)
        self.assertIn(b'{"key":"service.name","value":{"stringValue":"service"}}', self.read())

    def test_times_of_1970_are_told_of_once(self) -> None:
        """On the simulated clock stderr says where the times are, but not of real time, of later times, or where there is no span."""

        def stated(timestamp_us: int) -> bytes:
            return OPENED.replace(b"}", b', "timestamp_us": %d}' % timestamp_us)

        for data, options, said in [
            (LIFE * 3, (), OF_1970),
            (b'{"type":"generate"}\n', (), b""),
            (LIFE, ("--clock", "real"), b""),
            (stated(1_750_000_000_000_000) + LIFE, (), b""),
            (stated(YEAR_US - 1), (), OF_1970),
            (stated(YEAR_US), (), b""),
            (LIFE, ("--keep-ended", "0"), OF_1970),
        ]:
            with self.subTest(data=data, options=options):
                _, _, err = run_here(data, "--export", self.path, *options)

                self.assertEqual((err.count(b"1970"), err.count(OF_1970)), (bool(said), bool(said)))

    def test_open_spans_are_exported_at_the_end_of_input(self) -> None:
        """They have status ERROR with the reason, no reply is sent for them, and the exit code is 0."""
        code, out, err = run_here(OPENED, "--export", self.path, "--clock", "simulated")

        self.assertEqual((code, out), (0, b""))
        self.assertEqual(err, OF_1970 + b"tracer: 1 span is still open: span1\n")
        (span,) = spans_of(self.path)
        self.assertEqual(span["status"], {"message": "still open when the input ended", "code": 2})
        self.assertEqual(span["endTimeUnixNano"], "0")

    @on_unix("signals that one process sends another")
    def test_open_spans_are_exported_on_a_signal(self) -> None:
        """SIGTERM and SIGINT export them too, and keep their exit codes."""
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            path = f"{self.path}.{number}"
            with self.subTest(number), running("--export", path) as node:
                node.stdin.write(OPENED + LIFE.replace(b"span1", b"span2"))
                node.stdin.flush()
                for _ in range(2):
                    node.stdout.readline()
                node.send_signal(number)

                self.assertEqual(node.wait(PATIENCE_SECONDS), code)
                self.assertEqual(names_of(path), ["a", "left"])
                message = f"still open when {signal.Signals(number).name} came"
                self.assertEqual(spans_of(path)[1]["status"], {"message": message, "code": 2})

    def test_spans_are_exported_when_stdout_is_gone(self) -> None:
        """When stdout's reader goes away, the spans that ended and the open ones are in the file all the same."""
        with running("--export", self.path) as node:
            node.stdout.close()
            node.stdin.write(OPENED + LIFE.replace(b"span1", b"span2"))
            node.stdin.close()

            self.assertEqual(node.wait(PATIENCE_SECONDS), 141)
            self.assertEqual(node.stderr.read(), b"")
        self.assertEqual(names_of(self.path), ["a", "left"])
        self.assertEqual(spans_of(self.path)[1]["status"]["message"], "still open when stdout was closed")

    def test_file_that_cannot_be_opened_ends_the_node_at_once(self) -> None:
        """One sentence, exit code 2, and no input is read."""
        directory = os.path.dirname(self.path)
        for path, reason in (
            (directory, "Is a directory"),
            (os.path.join(directory, "no", "file"), "No such file or directory"),
            ("", "No such file or directory"),
        ):
            with self.subTest(path):
                code, out, err = run_here(LIFE, "--export", path)

                self.assertEqual((code, out), (2, b""))
                self.assertEqual(err.count(b"\n"), 1)
                self.assertTrue(err.endswith(f": {reason}\n".encode()), err)

    def test_address_is_no_file(self) -> None:
        """What was probably meant for a URL is refused, with what to write for one, or for a file of that name."""
        for place, url, path in (
            ("localhost:4318", "http://localhost:4318", "./localhost:4318"),
            ("localhost", "http://localhost:4318", "./localhost"),
            ("otel_collector:80/v1/traces", "http://otel_collector:80/v1/traces", "./otel_collector:80/v1/traces"),
            ("[::1]:4318", "http://[::1]:4318", "./[::1]:4318"),
            ("//host", "http://host:4318", "/host"),
            ("//host:1/\x1b", "http://host:1/\\u001b", "/host:1/\\u001b"),
        ):
            with self.subTest(place):
                got = run_here(LIFE, "--export", self.path, "--export", place)

                advice = f"write {url}; a file of that name is {path}"
                self.assertEqual(got, (2, b"", f"tracer: cannot export to {quote_path(place)}: {advice}\n".encode()))
                self.assertFalse(os.path.exists(self.path))

    def test_path_is_no_address(self) -> None:
        """A drive of Windows, a path that begins with two slashes, and a name with a colon in it are files."""
        folder = os.path.dirname(self.path)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)
        unix = ("C:\\f", "C:/f", "C:1", "./localhost:4318", f"/{self.path}", "12:30.jsonl", "a b:1")
        for path in ("local", f"{self.path}.1", *(() if ON_WINDOWS else unix)):
            with self.subTest(path):
                os.makedirs(os.path.dirname(path) or ".", exist_ok=True)

                self.assertEqual(run_here(LIFE, "--export", path)[0], 0)
                self.assertEqual(names_of(path), ["a"])

    def test_same_file_given_twice_is_one_file(self) -> None:
        """However it is called, each span is in it once."""
        link = f"{self.path}.link"
        symlink(self.path, link)
        twice = os.path.join(os.path.dirname(self.path), ".", "spans.jsonl")
        code, _, _ = run_here(LIFE, *(part for path in (self.path, twice, link) for part in ("--export", path)))

        self.assertEqual((code, names_of(self.path)), (0, ["a"]))

    @on_unix("names for the standard streams")
    def test_standard_streams_are_refused(self) -> None:
        """As stdout carries the replies alone, a file that is stdout is one that cannot be opened; the others likewise."""
        for name, what in (
            ("stdin", "stdin, which is read"),
            ("stdout", "stdout, which carries the replies alone"),
            ("stderr", "stderr, which is for sentences"),
        ):
            with self.subTest(name):
                code, out, err = run_here(LIFE, "--export", f"/dev/{name}")

                self.assertEqual((code, out), (2, b""))
                self.assertEqual(err, f'tracer: cannot export to "/dev/{name}": it is {what}\n'.encode())

    def test_device_may_be_stdout_too(self) -> None:
        """A terminal may show both, and nothing is mixed up in the null device."""
        with running("--export", os.devnull, stdout=subprocess.DEVNULL) as node:
            _, err = node.communicate(LIFE, PATIENCE_SECONDS)

        self.assertEqual((node.returncode, err), (0, OF_1970))

    @with_full_device
    def test_lost_spans_make_the_exit_code_1(self) -> None:
        """The node serves on with a full disk, says it, and exits 1."""
        code, out, err = run_here(LIFE, "--export", FULL)

        self.assertEqual((code, out), (1, run_here(LIFE)[1]))
        self.assertEqual(
            err,
            b'tracer: cannot write "/dev/full": No space left on device; trying again with the next spans\n'
            b'tracer: 1 span was lost: "/dev/full" took no more\n' + OF_1970,
        )

        code, _, err = run_here(LIFE + OPENED, "--export", FULL)
        self.assertIn(b"tracer: 2 spans were lost: ", err)
        self.assertEqual(code, 1)

    @on_unix("signals that one process sends another")
    @with_full_device
    def test_signal_wins_over_lost_spans(self) -> None:
        """The exit code names the signal, stderr the lost spans."""
        with running("--export", FULL) as node:
            node.stdin.write(LIFE)
            node.stdin.flush()
            for _ in range(2):
                node.stdout.readline()
            node.terminate()

            self.assertEqual(node.wait(PATIENCE_SECONDS), 143)
            self.assertIn(b"1 span was lost", node.stderr.read())

    def test_error_at_the_close_is_told_before_the_rest(self) -> None:
        """A file that cannot be closed makes the exit code 1; what is said at the end and the picture come all the same."""
        with mock.patch("tracer.export.file.os", wraps=os) as files:
            files.close.side_effect = OSError(errno.EIO, "Input/output error")
            code, out, err = run_here(LIFE + OPENED, "--export", self.path, "--timeline")
        os.close(*files.close.call_args[0])

        self.assertEqual((code, out), (1, run_here(LIFE)[1]))
        sentence = f'tracer: cannot close "{self.path}": Input/output error; 2 of its spans may be lost\n'
        self.assertTrue(
            err.startswith(sentence.encode() + OF_1970 + b"tracer: 1 span is still open: span2\ntrace 0"), err
        )

    @on_unix("named pipes in its file system")
    def test_named_pipe_is_written_to(self) -> None:
        """A named pipe with a reader takes the spans."""
        os.mkfifo(self.path)
        with running("--export", self.path) as node:
            reader = os.open(self.path, os.O_RDONLY)
            self.addCleanup(os.close, reader)
            node.communicate(LIFE, PATIENCE_SECONDS)

            self.assertEqual(node.returncode, 0)
        self.assertTrue(os.read(reader, 1 << 16).startswith(b'{"resourceSpans":[{'))

    @on_unix("named pipes in its file system")
    def test_named_pipe_without_a_reader_is_said(self) -> None:
        """The node says what it waits for before it reads any input, and a signal ends it at once."""
        os.mkfifo(self.path)
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number), running("--export", self.path) as node:
                said = node.stderr.readline().decode()
                node.send_signal(number)

                self.assertEqual(said, f'tracer: waiting until somebody reads "{self.path}", which is a named pipe\n')
                self.assertEqual(node.wait(PATIENCE_SECONDS), -number)

    @on_unix("named pipes in its file system")
    def test_named_pipe_whose_reader_has_stalled_holds_nothing_up(self) -> None:
        """The node is answered and ends all the same; lines that the reader has are whole but for the last."""
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        many = 400
        lines = [b'{"type": "create_span", "span_id": "%d", "name": "%s"}\n' % (n, b"n" * 1_000) for n in range(many)]
        lines += [b'{"type": "span_end", "span_id": "%d"}\n' % n for n in range(many)]
        with running("--export", self.path) as node:
            node.stdin.write(b"".join(lines))
            node.stdin.flush()
            for _ in range(many):
                self.assertTrue(node.stdout.readline())
            node.terminate()

            self.assertEqual(node.wait(PATIENCE_SECONDS), 143)
            stalled, lost, *_ = node.stderr.read().decode().splitlines()
        name = f'"{self.path}"'
        self.assertEqual(
            stalled, f"tracer: cannot write {name}: its reader has stalled; trying again with the next spans"
        )
        whole = os.read(reader, 1 << 20).rpartition(b"\n")[0].count(b'"traceId"')
        self.assertEqual(lost, f"tracer: {many - whole} spans were lost: {name} took no more")

    @on_unix("sockets in its file system")
    def test_nothing_else_is_waited_for(self) -> None:
        """A socket is refused as what cannot be opened."""
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.path)
            code, _, err = run_here(LIFE, "--export", self.path)

        self.assertEqual(code, 2)
        self.assertTrue(err.startswith(f'tracer: cannot export to "{self.path}": '.encode()), err)

    def test_variables_of_the_environment_name_the_resource(self) -> None:
        """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES reach the file."""
        _, _, err = run_here(OPENED, "--export", self.path, OTEL_SERVICE_NAME="n", OTEL_RESOURCE_ATTRIBUTES="a%20b=c")

        self.assertNotIn(b"OTEL", err)
        self.assertIn(
            b'"attributes":[{"key":"service.name","value":{"stringValue":"n"}},'
            b'{"key":"a b","value":{"stringValue":"c"}}]',
            self.read(),
        )

    def test_many_spans_are_exported_whole(self) -> None:
        """Spans that are piped at once are each in the file once, in lines of a bounded length."""
        messages = [
            {"type": message, **fields}
            for number in range(1, self.MANY + 1)
            for message, fields in (
                ("create_span", {"name": f"n{number}", "attributes": {"text": "x" * 300}}),
                ("span_end", {"span_id": f"span{number}"}),
            )
        ]
        done = run(b"".join([line_of(message) + b"\n" for message in messages]), "--export", self.path)

        self.assertEqual(done.returncode, 0)
        self.assertEqual(names_of(self.path), [f"n{number}" for number in range(1, self.MANY + 1)])
        self.assertLess(max(len(line) for line in self.read().splitlines()), 270_000)


if __name__ == "__main__":
    unittest.main()

"""The node with `--export URL`: it is slowed by nobody, ends in time, and says what was lost."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import unittest
from unittest import mock

from tests.backend import TAKEN, Backend, answer
from tests.helpers import (
    INTERPRETER,
    OF_1970,
    PATIENCE_SECONDS,
    TOP,
    child_environment,
    on_unix,
    read_until,
    run,
    run_here,
    running,
)
from tests.otlp_cases import names_of
from tests.test_export_option import LIFE, OPENED
from tracer.export import Exporters

AT_ONCE = {"OTEL_BSP_SCHEDULE_DELAY": "0"}
HASTY = {**AT_ONCE, "OTEL_EXPORTER_OTLP_TIMEOUT": "50"}


class ExportUrlTests(unittest.TestCase):
    """The node and a backend."""

    #: Signals that come while reading waits for room.
    ENDINGS = ((signal.SIGTERM, 143),)

    def backend(self, *answers: object, **options: object) -> Backend:
        """Start a backend."""
        backend = Backend(*answers, **options)
        self.addCleanup(backend.close)
        return backend

    def test_spans_are_sent(self) -> None:
        """Replies are the same as without the option; the ended span and the one left open have been sent at the end."""
        backend = self.backend()
        code, out, err = run_here(LIFE + OPENED, "--export", backend.url)

        plain = run_here(LIFE + OPENED)
        self.assertEqual((code, out, err), (plain[0], plain[1], OF_1970 + plain[2]))
        self.assertEqual(backend.request().names(), ["a", "left"])
        self.assertEqual(backend.requests.qsize(), 0)

    def test_span_is_sent_while_the_node_runs(self) -> None:
        """A span is on its way as it ends."""
        backend = self.backend()
        with running("--export", backend.url, env=child_environment(**AT_ONCE)) as node:
            node.stdin.write(LIFE)
            node.stdin.flush()

            self.assertEqual(backend.request().names(), ["a"])

    def test_option_may_be_given_twice(self) -> None:
        """A file and two URLs get every span."""
        backends = self.backend(), self.backend()
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "spans.jsonl")
            places = [backends[0].url, path, f"{backends[1].url}/other"]
            code, _, _ = run_here(LIFE + OPENED, *(part for place in places for part in ("--export", place)))

            self.assertEqual((code, names_of(path)), (0, ["a", "left"]))
        requests = [backend.request() for backend in backends]
        self.assertEqual([request.names() for request in requests], [["a", "left"]] * 2)
        self.assertEqual([request.line.split()[1] for request in requests], ["/v1/traces", "/other"])

    def test_lost_spans_make_the_exit_code_1(self) -> None:
        """Whoever answers otherwise than it should, or not at all, has no part in replies; the loss is told at the end."""
        for backend, variables in (
            (self.backend(answer("404 No")), {}),
            (self.backend(listens=False), HASTY),
            (self.backend(lambda wire: wire.recv(1)), HASTY),
        ):
            with self.subTest(variables):
                code, out, err = run_here(LIFE, "--export", backend.url, **variables)

                self.assertEqual((code, out), (1, run_here(LIFE)[1]))
                self.assertIn(f'tracer: 1 span was lost on the way to "{backend.url}/v1/traces"\n'.encode(), err)

    def test_loss_on_any_way_is_told(self) -> None:
        """With several exports one that lost a span makes the exit code 1."""
        for answers in ((answer("404 No"), TAKEN), (TAKEN, answer("404 No"))):
            with self.subTest(answers):
                first, second = map(self.backend, answers)

                self.assertEqual(run_here(LIFE, "--export", first.url, "--export", second.url)[0], 1)

    def test_variable_that_is_ignored_is_said_once(self) -> None:
        """What is wrong in the environment is said once, for however many exports."""
        backends = self.backend(), self.backend()
        bad = {"OTEL_RESOURCE_ATTRIBUTES": "x", "OTEL_BSP_SCHEDULE_DELAY": "x"}
        places = ("--export", os.devnull, "--export", backends[0].url, "--export", backends[1].url)

        self.assertEqual(run_here(b"", *places, **bad)[2].count(b" is ignored: "), 2)
        self.assertEqual(run_here(b"", *places[:2], **bad)[2].count(b" is ignored: "), 1)

    def test_backends_are_waited_for_side_by_side(self) -> None:
        """At the end one that is slow takes no time from another."""
        goes_on = threading.Event()
        slow = self.backend(lambda wire: goes_on.wait(PATIENCE_SECONDS) and wire.sendall(TAKEN))
        other = self.backend(lambda wire: (goes_on.set(), wire.sendall(TAKEN)))

        self.assertEqual(run_here(LIFE, "--export", slow.url, "--export", other.url)[0], 0)

    def test_all_begin_their_end_before_one_is_waited_for(self) -> None:
        """However many there are, none waits for another; what any of them lost counts."""
        done: list[str] = []

        class Ending:
            def close(self, *arguments: object) -> int:
                done.append("close")
                return arguments == ([], 7, "why")

            def wait(self) -> int:
                done.append("wait")
                return 10

        exporters = Exporters([Ending(), Ending()])

        self.assertEqual((exporters.close([], 7, "why"), exporters.wait()), (2, 20))
        self.assertEqual(done, ["close", "close", "wait", "wait"])

    def test_picture_is_drawn_before_a_backend_is_waited_for(self) -> None:
        """A dead backend does not cost the picture, in which an open span ends with the input; then the end says that it waits."""
        backend = self.backend(lambda wire: wire.recv(1))
        variables = child_environment(**AT_ONCE, OTEL_EXPORTER_OTLP_TIMEOUT="20000")
        with running("--export", backend.url, "--timeline", "--clock", "real", env=variables) as node:
            node.stdin.write(LIFE + OPENED)
            node.stdin.close()
            said = read_until(node.stderr, b" at most\n").decode()

        waiting = f'waiting for "{backend.url}/v1/traces" to take spans, for 19 seconds at most'
        self.assertRegex(said, rf"\nleft +INTERNAL open +[\d.]+ [um]s .*\ntracer: {waiting}\n$")

    def test_resolver_that_hangs_holds_nothing_up(self) -> None:
        """Replies come, the end comes in time and names it, and the process does not wait for its thread."""
        hanging = "import socket, time; socket.getaddrinfo = lambda *a, **o: time.sleep(60)"
        code = f"{hanging}; import sys; sys.path.insert(0, {TOP!r}); import main; main.run()"
        command = (*INTERPRETER, "-c", code)
        variables = child_environment(**HASTY, OTEL_BSP_MAX_QUEUE_SIZE="1")
        with running("--export", "http://h:4318", command=command, env=variables) as node:
            out, err = node.communicate(
                b"".join(LIFE.replace(b"span1", b"span%d" % each) for each in range(1, 5)), timeout=PATIENCE_SECONDS
            )

        self.assertEqual((node.returncode, out.count(b"span_complete")), (1, 4))
        self.assertIn(b": timed out waiting for the resolver\n", err)
        self.assertIn(b'tracer: 4 spans were lost on the way to "http://h:4318/v1/traces"\n', err)

    def test_python_may_lack_zlib_and_tls(self) -> None:
        """Plain HTTP needs neither; what does is refused in one sentence."""
        lacking = {"zlib": None, "ssl": None, "_ssl": None}
        backend = self.backend()
        code = f"import sys; sys.modules.update({lacking}); sys.path.insert(0, {TOP!r}); import main; main.run()"
        process = run(LIFE, "--export", backend.url, command=(*INTERPRETER, "-c", code))
        self.assertEqual((process.returncode, process.stderr), (0, OF_1970))
        self.assertEqual(backend.request().names(), ["a"])

        for url, variables, needs in [
            (backend.url, {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}, "OTEL_EXPORTER_OTLP_COMPRESSION=gzip needs zlib"),
            ("https://localhost", {}, "https needs ssl"),
        ]:
            said = f"tracer: cannot export to the URL: {needs}, which this Python lacks\n".encode()
            with self.subTest(needs), mock.patch.dict(sys.modules, {**lacking, "gzip": None}):
                self.assertEqual(run_here(LIFE, "--export", url, **variables), (2, b"", said))

    def test_bad_url_ends_the_node_at_once(self) -> None:
        """One sentence, exit code 2, and no input is read; a password is not shown."""
        pem = {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere"}
        for url, variables in (
            ("http://", {}),
            ("http:4318", {}),
            ("ftp://h/x", {}),
            ("http://u:secret@h", {}),
            ("https://h", pem),
        ):
            with self.subTest(url):
                code, out, err = run_here(LIFE, "--export", url, **variables)

                self.assertEqual((code, out, err.count(b"\n")), (2, b"", 1))
                self.assertTrue(err.startswith(b"tracer: cannot export to the URL: "), err)
                self.assertNotIn(b"secret", err)

    @on_unix("names of files with a colon")
    def test_file_may_have_a_name_like_a_url(self) -> None:
        """With `./` before it, it is a file."""
        with tempfile.TemporaryDirectory() as directory:
            run_here(LIFE, "--export", os.path.join(directory, "http:"))

            self.assertEqual(os.listdir(directory), ["http:"])

    @on_unix("signals that one process sends another")
    def test_signal_while_reading_waits_for_room_ends_in_order(self) -> None:
        """What was read is answered, and every span has been sent."""
        for number, code in self.ENDINGS:
            goes_on = threading.Event()
            backend = self.backend(lambda wire, event=goes_on: (event.wait(PATIENCE_SECONDS), wire.sendall(TAKEN)))
            variables = child_environment(OTEL_BSP_MAX_QUEUE_SIZE="1", **AT_ONCE)
            with self.subTest(number), running("--export", backend.url, env=variables) as node:
                node.stdin.write(b"".join(LIFE.replace(b"span1", b"span%d" % each) for each in range(1, 6)))
                node.stdin.flush()
                names = backend.request().names()
                node.send_signal(number)
                goes_on.set()

                self.assertEqual((node.wait(PATIENCE_SECONDS), node.stderr.read()), (code, OF_1970))
                self.assertEqual(node.stdout.read().count(b"span_complete"), 5)
                self.assertEqual([names, *backend.all_names()], [["a"]] * 5)


if __name__ == "__main__":
    unittest.main()

"""The node with `--draw`: one picture of files on stdout, and what it says and how it ends when there is none."""

from __future__ import annotations

import io
import os
import re
import tempfile
import unittest
from unittest import mock

import main
from tests.helpers import (
    ON_WINDOWS,
    PATIENCE_SECONDS,
    SAMPLES,
    child_environment,
    descriptors,
    line_of,
    marked,
    on_unix,
    open_terminal,
    run,
    run_here,
    running,
)

SHOP, BANK = (os.path.join(SAMPLES, f"{name}.jsonl") for name in ("shop", "bank"))
DRAWN = child_environment(COLUMNS="80", PYTHONIOENCODING="utf-8", TZ="UTC0")


def read_picture() -> str:
    """Return the picture of both samples."""
    with open(os.path.join(SAMPLES, "draw.txt"), encoding="utf-8") as file:
        return file.read()


class DrawOptionTests(unittest.TestCase):
    """`--draw` through the whole command."""

    #: Orders of the files.
    ORDERS = ((BANK, SHOP, BANK),)

    def test_files_are_one_picture(self) -> None:
        """The spans of a trace from two files, ours and another exporter's, stand in one tree; stdin is not read."""
        for order in self.ORDERS:
            with self.subTest(order), running("--draw", *order, env=DRAWN) as process:
                self.assertEqual(process.wait(PATIENCE_SECONDS), 0)

                self.assertEqual(process.stdout.read().decode(), read_picture())
                self.assertEqual(process.stderr.read(), b"")

    def test_option_may_be_given_again(self) -> None:
        """`--draw a --draw b` is `--draw a b`, and with `--verbose` the details stand below each span."""
        process = run(b"", "--draw", SHOP, "--verbose", "--draw", BANK, env=DRAWN)
        shown = process.stdout.decode().splitlines()

        self.assertEqual(process.returncode, 0)
        self.assertEqual([line for line in shown if line in read_picture().splitlines()], read_picture().splitlines())
        self.assertEqual(shown[-1].strip(), '× +125 ms exception: exception.type = "Stolen"')

    def test_dash_is_stdin(self) -> None:
        """What is piped in is drawn as a file is, and called `-`."""
        with open(BANK, "rb") as file:
            process = run(file.read() + b"torn", "--draw", SHOP, "-", env=DRAWN)

        self.assertEqual((process.returncode, process.stdout.decode()), (0, read_picture()))
        self.assertTrue(process.stderr.startswith(b'tracer: "-": 1 line was ignored, first line 2: '), process.stderr)

    @on_unix("stdin that does not wait")
    def test_stdin_that_does_not_block_is_waited_for(self) -> None:
        """Where stdin has been made non-blocking, what comes late is drawn, too; stdin stays open."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        with open(SHOP, "rb") as file:
            data = file.read()

        def comes_late(*waited: list) -> None:
            self.assertEqual(([file.fileno() for file in waited[0]], *waited[1:]), ([0], [], []))
            os.write(writer, data)
            os.close(writer)

        with tempfile.TemporaryFile() as out, mock.patch("select.select", comes_late):
            with descriptors(reader, out.fileno(), 2):
                self.assertEqual(main.main(["--draw", "-"]), 0)
                self.assertTrue(os.path.samestat(os.fstat(0), os.fstat(reader)))
            os.close(reader)
            out.seek(0)

            self.assertIn(b"pay", out.read())

    def test_file_that_cannot_be_read_draws_nothing(self) -> None:
        """One sentence, exit code 2, and nothing of the other files either."""
        for path, reason in (
            (SAMPLES, b"Is a directory"),
            (SHOP + "x", b"No such file or directory"),
            ("", b"No such"),
        ):
            with self.subTest(path):
                code, out, err = run_here(b"", "--draw", SHOP, path)

                self.assertEqual((code, out, err.count(b"\n")), (2, b"", 1))
                # Windows has words of its own, in its user's language.
                self.assertIn(b'tracer: cannot read "' + path.encode() + b'": ' + (b"" if ON_WINDOWS else reason), err)

    def test_pattern_is_expanded_where_no_shell_does(self) -> None:
        """On Windows `*.jsonl` is all files of such names, in order; a file of that very name counts first."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("b1", "a[1]", "a1"):
                line = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "a" * 32, "name": name}]}]}]}
                with open(os.path.join(folder, f"{name}.jsonl"), "wb") as file:
                    file.write(line_of(line))
            for pattern, names in (("?1.jsonl", [b"a1", b"b1"]), ("a[1].jsonl", [b"a[1]"]), ("[b]1.jsonl", [b"b1"])):
                with self.subTest(pattern):
                    code, out, err = run_here(b"", "--draw", os.path.join(folder, pattern))

                    if ON_WINDOWS or pattern == "a[1].jsonl":
                        self.assertEqual((code, err), (0, b""))
                        self.assertEqual([line.split()[0] for line in out.splitlines()[1:]], names)
                    else:
                        self.assertEqual((code, out), (2, b""))
                        self.assertIn(b"No such file or directory", err)

    def test_pattern_that_matches_nothing_is_refused(self) -> None:
        """The sentence names the pattern, exit code 2, and nothing of other files is drawn."""
        with mock.patch("tracer.machine.expand_pattern", {SHOP: [SHOP], "*.json": []}.get):
            got = run_here(b"", "--draw", SHOP, "*.json")

        self.assertEqual(got, (2, b"", b'tracer: cannot read "*.json": no file matches this pattern\n'))

    def test_files_without_spans_are_reported(self) -> None:
        """Where there is nothing to draw, a sentence on stdout says so."""
        self.assertEqual(run_here(b"", "--draw", os.devnull), (0, b"no spans to draw\n", b""))

    def test_serving_does_not_go_with_it(self) -> None:
        """An option of serving is refused by its name, whatever its value."""
        for option, *value in (
            ("--clock", "auto"),
            ("--tick-us", "5000"),
            ("--export", "spans.jsonl"),
            ("--timeline",),
            ("--max-open-spans", "100000"),
            ("--keep-ended", "1"),
            ("--max-line-bytes", "9"),
        ):
            with self.subTest(option):
                code, out, err = run_here(b"", option, *value, "--draw", SHOP)

                self.assertEqual((code, out), (2, b""))
                self.assertIn(f": --draw draws and exits, so {option} does not go with it\n".encode(), err)

    def test_trace_is_drawn_alone(self) -> None:
        """`--trace` draws the trace whose id begins so; where there is none, a sentence says it, and the exit code is 1."""
        process = run(b"", "--draw", SHOP, BANK, "--trace", "4BF92f", env=DRAWN)
        self.assertEqual((process.returncode, process.stdout.decode()), (0, read_picture()))

        self.assertEqual(
            run_here(b"", "--draw", SHOP, "--trace", "4bf93"),
            (1, b"", b"tracer: no trace has an id that begins with 4bf93\n"),
        )

    def test_last_traces_are_drawn(self) -> None:
        """`--last` draws the traces that began last, of all files together."""
        spans = [{"traceId": f"{number:032x}", "name": f"s{number}"} for number in range(1, 4)]
        data = line_of({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
        code, out, _ = run_here(data, "--draw", SHOP, "-", "--last", "2", COLUMNS="80")

        self.assertEqual((code, re.findall(rb"^trace (\w+)", out, re.M)), (0, [b"3".zfill(32), b"4bf92f3577b34da6"]))

    def test_link_to_another_trace_has_its_name(self) -> None:
        """With `--trace --verbose` a link names its span also where that is in another trace of a file; a pipe is read but once."""
        far = {"traceId": "b" * 32, "spanId": "b" * 16, "name": "far"}
        near = {"traceId": "a" * 32, "spanId": "a" * 16, "links": [{"traceId": "b" * 32, "spanId": "b" * 16}]}
        data = line_of({"resourceSpans": [{"scopeSpans": [{"spans": [near, far]}]}]})
        with tempfile.TemporaryDirectory() as folder:
            whole = os.path.join(folder, "spans.jsonl")
            with open(whole, "wb") as file:
                file.write(data)
            for path, name in ((whole, b"far, "), ("-", b"")):
                code, out, err = run_here(data, "--draw", path, "--verbose", "--trace", "a", COLUMNS="120")

                self.assertEqual((code, err), (0, b""))
                self.assertIn(b"link to %sspan %s, trace %s\n" % (name, b"b" * 16, b"b" * 32), out)
                self.assertNotIn(b"\nfar", out)

    def test_open_span_lasts_up_to_the_latest_time(self) -> None:
        """A span without an end is drawn as open, up to the latest time in the files, an event's too."""
        span = {"traceId": "a" * 32, "spanId": "b" * 16, "name": "a", "startTimeUnixNano": 5_000}
        late = [{"timeUnixNano": 25_000, "name": "e"}, {"timeUnixNano": 7_000, "name": "e"}]
        other = {**span, "spanId": "c" * 16, "name": "b", "endTimeUnixNano": 9_000, "events": late}
        data = line_of({"resourceSpans": [{"scopeSpans": [{"spans": [span, other]}]}]})

        self.assertIn(b"\na  open  20 us ........", run_here(data, "--draw", "-", COLUMNS="50")[1])

    def test_reader_that_goes_away_and_stdout_that_fails(self) -> None:
        """The exit codes are those of the node: 141 without a sentence, 74 with one."""
        gone, writer = os.pipe()
        os.close(gone)
        closed = os.open(os.devnull, os.O_RDONLY)
        for stdout, code, sentence in (
            (writer, 141, b""),
            (closed, 74, b"tracer: stdin or stdout failed: Bad file descriptor\n"),
        ):
            with self.subTest(code), tempfile.TemporaryFile() as stderr:
                with descriptors(0, stdout, stderr.fileno()):
                    self.assertEqual(main.main(["--draw", SHOP]), code)
                os.close(stdout)
                stderr.seek(0)

                self.assertEqual(stderr.read(), sentence)

    @on_unix("pseudo-terminals")
    def test_width_and_colour_are_those_of_stdout(self) -> None:
        """At a terminal the picture is as wide as the terminal, and in colour, wherever stderr goes."""
        reader, writer = open_terminal(columns=44)
        self.addCleanup(os.close, reader)
        stream = mock.patch("sys.stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
        with descriptors(0, writer, 2), stream, mock.patch.dict(os.environ, {"TERM": "xterm"}, clear=True):
            os.close(writer)
            self.assertEqual(main.main(["--draw", SHOP]), 0)
        line = os.read(reader, 1 << 16).decode().split("\r\n")[2]

        self.assertIn("\x1b[31m", line)
        self.assertEqual(len(re.sub(r"\x1b\[[0-9;]+m", "", line)), 44)

    def test_spans_of_nodes_that_were_killed_are_one_trace(self) -> None:
        """Two nodes after an `init`, each with a file, are killed; a span of the one is the parent of a span of the other."""
        with tempfile.TemporaryDirectory() as directory:
            paths = [os.path.join(directory, name) for name in ("n1", "n2")]
            create: dict = {"type": "create_span", "msg_id": 2, "name": "front"}
            for path in paths:
                with running("--clock", "real", "--export", path) as node:
                    for body in ({"type": "init", "msg_id": 1, "node_id": "n1"}, create):
                        node.stdin.write(line_of({"src": "c1", "dest": "n1", "body": body}) + b"\n")
                        node.stdin.flush()
                        reply = node.stdout.readline()
                    found = re.search(rb'"span_id": "([^"]+)".*"traceparent": "([^"]+)"', reply)
                    node.stdin.write(line_of({"type": "span_end", "span_id": found[1].decode()}) + b"\n")
                    node.stdin.flush()
                    node.stdout.readline()
                    node.kill()
                create = {**create, "name": "back", "traceparent": found[2].decode()}
            process = run(b"", "--draw", *paths, env=DRAWN)

        self.assertEqual((process.returncode, process.stderr), (0, b""))
        header, front, back = process.stdout.decode().splitlines()
        self.assertIn(", 2 spans, ", header)
        self.assertTrue(front.startswith("front ") and back.startswith("└ back "), process.stdout)


class DocsTests(unittest.TestCase):
    """The docs' picture."""

    def test_docs_shows_the_samples_picture(self) -> None:
        """The block that the docs mark as drawn is what the samples give on stdout."""
        self.assertEqual(marked("draw"), f"```text\n{read_picture()}```\n")


if __name__ == "__main__":
    unittest.main()

"""The command as a process: replies before waiting, pieces of any size, hostile input, and its exit."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import runpy
import sys
import tempfile
import unittest
from unittest import mock

import main
from tests.helpers import PATIENCE_SECONDS, TOP, child_environment, feed, on_unix, read_piece, run, run_here, running
from tests.test_lines import SESSION, cut_at_random
from tracer import __main__ as module
from tracer.machine import Streams
from tracer.machine.streams import CHUNK_BYTES

ALIVE = b'{"type":"echo","echo":"alive"}\n'
ALIVE_OK = b'{"type": "echo_ok", "echo": "alive"}\n'
#: Any bytes at all, as a line each; none of them is a message that is answered.
HOSTILE = {
    "invalid UTF-8": b'{"type":"echo","echo":"\xff\xfe"}',
    "overlong UTF-8": b'{"type":"echo","echo":"\xc0\xaf"}',
    "surrogates in UTF-8": b'{"type":"echo","echo":"\xed\xa0\x80"}',
    "UTF-16": '{"type":"echo","echo":1}'.encode("utf-16").replace(b"\n", b""),
    "UTF-16 without mark": '{"type":"echo","echo":1}'.encode("utf-16-le"),
    "UTF-32": '{"type":"echo","echo":1}'.encode("utf-32"),
    "NUL": b"\x00" * 1000,
    "NUL after a message": b'{"type":"echo","echo":1}\x00',
    "integer of 5,000 digits": b'{"type":"echo","echo":' + b"7" * 5000 + b"}",
    "integer of 90,000 digits": b'{"type":"echo","echo":' + b"7" * 90_000 + b"}",
    "1e999": b'{"type":"echo","echo":1e999}',
    "NaN": b'{"type":"echo","echo":NaN}',
    "nesting of 201": b'{"type":"echo","echo":' + b"[" * 200 + b"]" * 200 + b"}",
    "nesting of 100,000": b"[" * 100_000 + b"]" * 100_000,
    "nesting of 300,000 never closed": b"[" * 300_000,
    "nesting of 300,000 objects": b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
    "brackets in a string never closed": b'"' + b"[" * 500,
    "closing brackets": b"]" * 10_000,
    "two messages": b'{"type":"echo","echo":1}{"type":"echo","echo":2}',
    "CR alone between messages": b'{"type":"echo","echo":1}\r{"type":"echo","echo":2}',
    "BOM elsewhere": b'\xef\xbb\xbf{"type":"echo","echo":1}',
    "end in the middle of a character": b'{"type":"echo","echo":"\xf0\x9f\x98',
    "too long": b'{"type":"echo","echo":"' + b"x" * (1 << 20) + b'"}',
    "no object": b'["echo"]',
    "no type": b"{}",
    "lone surrogates": b'{"type":"\\ud800","name":"\\udfff"}',
    "surrogates as an id": b'{"type":"span_end","span_id":"\\udc80\\ud800"}',
    "id of a megabyte": b'{"type":"get_span","span_id":"' + b"i" * 1_000_000 + b'"}',
    "type of a megabyte": b'{"type":"' + b"t" * 1_000_000 + b'"}',
    "type with escapes": b'{"type":"\\u001b[31m\\u0000\\n\\u202e"}',
    "msg_id that is none": b'{"type":"echo","echo":1,"msg_id":1e3}',
}


class HostileInputTests(unittest.TestCase):
    """Whatever comes, the next good line is answered as if nothing had been."""

    #: The hostile lines, and how many attributes and links are too many.
    LINES = HOSTILE
    ATTRIBUTES, LINKS = 6_000, 1_000

    def test_each_line_is_refused_in_one_sentence(self) -> None:
        """Each hostile line costs one short sentence of printable ASCII with its number, and nothing on stdout."""
        for name, line in self.LINES.items():
            with self.subTest(name):
                code, out, err = run_here(b"\n" + line + b"\n" + ALIVE)

                self.assertEqual((code, out), (0, ALIVE_OK))
                self.assertTrue(err.startswith(b"tracer: line 2: ") and err.endswith(b"\n"), err[:200])
                self.assertTrue(err[:-1].isascii() and err[:-1].decode().isprintable())
                self.assertLess(len(err), 500)

    def test_input_that_ends_in_a_character(self) -> None:
        """A last line that ends in the middle of a character, or of a message, is refused."""
        for rest in (b'{"type":"echo","echo":"\xf0\x9f', b'{"type":"echo","ec', b"\xef\xbb"):
            code, out, err = run_here(ALIVE + rest)

            self.assertEqual((code, out, err[:16]), (0, ALIVE_OK, b"tracer: line 2: "))

    def test_key_given_twice_counts_last(self) -> None:
        """Of a key given twice the last one counts, in the envelope as in the body."""
        code, out, _ = run_here(
            b'{"src":"a","src":"b","dest":"n","body":1,"body":{"type":"x","type":"echo","echo":1,"echo":2}}\n'
        )

        self.assertEqual((code, out), (0, b'{"src": "n", "dest": "b", "body": {"type": "echo_ok", "echo": 2}}\n'))

    def test_deepest_nesting_comes_back(self) -> None:
        """200 levels are served: the echo comes back whole."""
        value = b"[" * 199 + b"]" * 199
        _, out, err = run_here(b'{"type":"echo","echo":' + value + b"}\n")

        self.assertEqual((out, err), (b'{"type": "echo_ok", "echo": ' + value + b"}\n", b""))

    def test_longest_integer_comes_back(self) -> None:
        """An integer of 4,300 digits is kept exactly, as a value and as a `msg_id`."""
        digits = b"9" * 4300
        _, out, err = run_here(b'{"type":"echo","echo":-%s,"msg_id":%s}\n' % (digits, digits))

        self.assertEqual(out, b'{"type": "echo_ok", "echo": -%s, "in_reply_to": %s}\n' % (digits, digits))
        self.assertEqual(err, b"")

    def test_attributes_of_many_keys_are_dropped(self) -> None:
        """A span with thousands of attributes keeps 128 and counts the rest."""
        attributes = json.dumps({f"k{number}": 0 for number in range(self.ATTRIBUTES)}).encode()
        create = b'{"type":"create_span","name":"n","span_id":"s","attributes":%s}\n' % attributes
        _, out, _ = run_here(create + b'{"type":"get_span","span_id":"s"}\n')
        span = json.loads(out)["span"]

        self.assertEqual((len(span["attributes"]), span["dropped_attributes"]), (128, self.ATTRIBUTES - 128))

    def test_links_to_many_spans_are_dropped(self) -> None:
        """A span with links to a thousand spans keeps 128 and counts the rest."""
        creates = b"".join(
            b'{"type":"create_span","name":"n","span_id":"%d"}\n' % number for number in range(self.LINKS)
        )
        links = json.dumps([{"span_id": str(number)} for number in range(self.LINKS)]).encode()
        linked = (
            b'{"type":"create_span","name":"n","span_id":"s","links":%s}\n{"type":"get_span","span_id":"s"}\n' % links
        )
        _, out, _ = run_here(creates + linked)
        span = json.loads(out)["span"]

        self.assertEqual((len(span["links"]), span["dropped_links"]), (128, self.LINKS - 128))

    @on_unix("bound on the memory of one process")
    def test_line_without_end_takes_constant_memory(self) -> None:
        """A line of any length is skipped in constant memory: 48 MB of it under a memory limit of 100 MB."""
        piece, pieces, limit = b"x" * (1 << 20), 48, 100 << 20

        import resource

        def bounded() -> None:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        with running(preexec_fn=bounded) as process:
            for _ in range(pieces):
                process.stdin.write(piece)
            out, err = process.communicate(b"\n" + ALIVE, timeout=PATIENCE_SECONDS)

        self.assertEqual((out, process.returncode), (ALIVE_OK, 0))
        self.assertEqual(
            err,
            b"tracer: line 1: the line is longer than 1048576 bytes and was skipped: --max-line-bytes sets the bound\n",
        )


class LineNumberTests(unittest.TestCase):
    """The number of the line that a sentence is about."""

    def test_every_line_counts_however_it_comes(self) -> None:
        """Good, blank and bad lines count, whether they come together or in single bytes."""
        data = ALIVE * 100 + b"\n" + b"{\n" + ALIVE * 3 + b'{"type":"nonsense"}\n\n[]'
        for chunk_bytes in (CHUNK_BYTES, 1):
            with self.subTest(chunk_bytes=chunk_bytes), mock.patch(f"{Streams.__module__}.CHUNK_BYTES", chunk_bytes):
                code, out, err = run_here(data)

                self.assertEqual((code, out), (0, ALIVE_OK * 103))
                self.assertEqual(
                    [line.split(b":")[1] for line in err.splitlines()], [b" line 102", b" line 106", b" line 108"]
                )


class FlushTests(unittest.TestCase):
    """A reply is there before the node waits for more."""

    def test_reply_comes_while_the_input_is_open(self) -> None:
        """Each request is answered before the next is sent, and while half of the next one is there."""
        self.assertNotIn("PYTHONUNBUFFERED", child_environment())
        with running() as process:
            for number in range(5):
                process.stdin.write(b'{"type":"echo","echo":%d}\n{"type":"ech' % number)
                process.stdin.flush()
                self.assertEqual(read_piece(process.stdout), b'{"type": "echo_ok", "echo": %d}\n' % number)
                process.stdin.write(b'o"}\n')

    def test_sentence_comes_while_the_input_is_open(self) -> None:
        """What is wrong with a line is said at once."""
        with running() as process:
            process.stdin.write(b"nonsense\n")
            process.stdin.flush()

            self.assertEqual(process.stderr.readline()[:15], b"tracer: line 1:")


class PiecesTests(unittest.TestCase):
    """Input in pieces of any size, through a pipe."""

    def test_pieces_through_a_pipe_give_the_same_bytes(self) -> None:
        """Fed whole, in single bytes and in random pieces, a session gives the same stdout and the same stderr."""
        whole = run(SESSION)
        replies, complaints = feed([SESSION])
        self.assertEqual(whole.stdout.decode().splitlines(), [reply for reply in replies if reply is not None])
        self.assertEqual(len(whole.stderr.splitlines()), len(complaints))
        for pieces in ([bytes([byte]) for byte in SESSION], cut_at_random(SESSION, 1)):
            with self.subTest(pieces=len(pieces)), running() as process:
                for piece in pieces:
                    os.write(process.stdin.fileno(), piece)
                out, err = process.communicate(timeout=PATIENCE_SECONDS)

                self.assertEqual((out, err, process.returncode), (whole.stdout, whole.stderr, 0))

    def test_many_replies_come_out_whole(self) -> None:
        """Short questions with long answers, more than is gathered at once, come out in order and complete."""
        create = b'{"type":"create_span","name":"%s","span_id":"s"}\n' % (b"n" * 30_000)
        ask = b"".join(b'{"type":"get_span","span_id":"s","msg_id":%d}\n' % number for number in range(40))
        code, out, _ = run_here(create + ask)

        self.assertEqual([json.loads(line)["in_reply_to"] for line in out.splitlines()], list(range(40)))
        self.assertEqual(code, 0)

    def test_replies_are_not_hoarded(self) -> None:
        """Replies to lines that came together are written at once, but long ones before 256 Ki characters have gathered."""
        create = b'{"type":"create_span","name":"%s","span_id":"s"}\n' % (b"n" * 60_000)
        for ask, count, writes in [(b'{"type":"get_span","span_id":"s"}\n', 40, 8), (ALIVE, 1000, 1)]:
            with (
                self.subTest(ask=ask),
                mock.patch.object(Streams, "write", autospec=True, side_effect=Streams.write) as written,
            ):
                _, out, _ = run_here(create + b"\n" * (CHUNK_BYTES - len(create)) + ask * count)
                sizes = [len(call.args[1]) for call in written.call_args_list]

                self.assertEqual(len(out.splitlines()), count)
                self.assertEqual(len(sizes), writes)
                self.assertLess(max(sizes), (1 << 18) + 61_000)


class RunTests(unittest.TestCase):
    """The process, however it was started."""

    def test_run_sets_up_and_exits(self) -> None:
        """`run` sets the interpreter up, hands on the command line, and exits with the node's code."""
        self.assertEqual(module.run.__code__, main.run.__code__)
        set_up, served, left = mock.Mock(), mock.Mock(return_value=7), mock.Mock()
        argv = mock.patch.object(sys, "argv", ["main.py", "--verbose"])
        with argv, mock.patch("os._exit", left), mock.patch.multiple(main, set_up_interpreter=set_up, main=served):
            main.run()

        set_up.assert_called_once_with()
        served.assert_called_once_with(["--verbose"])
        left.assert_called_once_with(7)


class StrangerTests(unittest.TestCase):
    """`python -m tracer` in a checkout that is on Python's path, as an editable installation puts it there."""

    def test_stranger_s_main_is_not_run(self) -> None:
        """A main.py in the current directory, or before the checkout on the path, is left alone."""
        isolated = f"import runpy, sys; sys.path.append({TOP!r}); runpy.run_module('tracer', run_name='__main__')"
        module = (sys.executable, "-m", "tracer")
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "main.py"), "w", encoding="utf-8") as file:
                file.write("raise SystemExit('a stranger')")
            for command, variables in [
                (module, {"PYTHONPATH": TOP}),
                (module, {"PYTHONPATH": os.pathsep.join([folder, TOP])}),
                (module, {"PYTHONPATH": TOP, "PYTHONSAFEPATH": "1"}),
                ((sys.executable, "-I", "-c", isolated), {}),
                ((sys.executable, os.path.join(TOP, "tracer", "__main__.py")), {"PYTHONPATH": TOP}),
                *(
                    [((sys.executable, "-P", "-m", "tracer"), {"PYTHONPATH": TOP})]
                    if sys.version_info >= (3, 11)
                    else []
                ),
            ]:
                with self.subTest(command=command, variables=variables):
                    process = run(ALIVE, command=command, cwd=folder, env=child_environment(**variables))

                    self.assertEqual((process.stdout, process.stderr, process.returncode), (ALIVE_OK, b"", 0))


class OldPythonTests(unittest.TestCase):
    """A Python that is too old."""

    #: What an old Python compiles before it says so.
    PATHS = [os.path.join(TOP, *parts) for parts in (["main.py"], ["tracer", "__main__.py"], ["tracer", "__init__.py"])]

    def test_old_python_is_told_which_one_is_needed(self) -> None:
        """The package says on an old Python which one it needs, in one line, and ends the process with exit code 2."""
        said = io.StringIO()
        with mock.patch("sys.version_info", (3, 8, 18)), contextlib.redirect_stderr(said):
            with self.assertRaises(SystemExit) as stopped:
                runpy.run_path(self.PATHS[-1])

        self.assertEqual(stopped.exception.code, 2)
        self.assertEqual(said.getvalue(), "span tracer needs Python 3.9 or newer, this is 3.8\n")

    def test_old_python_compiles_what_comes_before(self) -> None:
        """What comes before that has no annotations and nothing else that Python 2.7 cannot compile."""
        newer = (ast.AnnAssign, ast.AsyncFunctionDef, ast.JoinedStr, ast.NamedExpr, ast.Nonlocal, ast.Starred)
        for path in self.PATHS:
            with open(path, "rb") as file:
                source = file.read()
            self.assertTrue(source.isascii())
            for node in ast.walk(ast.parse(source)):
                with self.subTest(path, node=ast.dump(node)):
                    self.assertNotIsInstance(node, newer)
                    self.assertIsNone(getattr(node, "annotation", None))
                    self.assertIsNone(getattr(node, "returns", None))
                    self.assertNotEqual(getattr(node, "module", None), "__future__")


class EndTests(unittest.TestCase):
    """The end of the input."""

    def test_end_names_the_open_spans(self) -> None:
        """At the end the node exits 0 and names the spans still open on stderr."""
        for data, said in [
            (b"", b""),
            (b'{"type":"create_span","name":"n"}\n', b"1 span is still open"),
            (b'{"type":"create_span","name":"n"}\n' * 12, b"12 spans are still open"),
        ]:
            code, out, err = run_here(data)

            self.assertEqual((code, out), (0, b""))
            self.assertTrue(said in err if said else err == b"")

    def test_node_runs_from_any_directory(self) -> None:
        """The package is found beside `main.py`, wherever the node is started, and nothing is left there."""
        process = run(ALIVE, cwd="/")

        self.assertEqual((process.stdout, process.stderr, process.returncode), (ALIVE_OK, b"", 0))
        self.assertTrue(os.path.isabs(TOP))

    def test_process_takes_options(self) -> None:
        """A bad option exits 2 and `--version` 0 in the real process."""
        self.assertEqual([run(b"", "--nonsense").returncode, run(b"", "--version").returncode], [2, 0])

"""Messages of one's own: handlers at a node, and nodes with them as processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import unittest
from collections.abc import Callable
from unittest import mock

from tests.helpers import (
    ECHO_OK,
    SAMPLES,
    TOP,
    TRACEPARENT,
    Session,
    child_environment,
    envelope,
    on_unix,
    run,
    run_here,
    running,
)
from tracer import (
    MalformedLineError,
    MalformedRequestError,
    Node,
    PreconditionError,
    RequestError,
    SpanManager,
    SpanNotFoundError,
)
from tracer.forms import MESSAGES
from tracer.run import run_node
from tracer.watched import WatchedNode

COUNTER = os.path.join(SAMPLES, "counter.py")


class TxnConflictError(RequestError):
    """An error of somebody's own, with Maelstrom's code for it."""

    code = 30


def serve(handler: object, message_type: str = "own") -> Session:
    """Return a session whose node has a message of its own."""
    talk = Session()
    talk.node.handle(message_type, handler)
    return talk


def refuse(error: Exception) -> object:
    """Make a handler that raises an error."""

    def handler(body: dict) -> dict:
        raise error

    return handler


class NoCodeError(RequestError):
    """Has a code that is none."""

    code = "x"


class SpeechlessError(RequestError):
    """Cannot say what is wrong."""

    def __str__(self) -> str:
        return str(1 // 0)


def fail_with(error: BaseException) -> Callable[[dict], None]:
    """Return a handler that raises an error."""

    def handler(body: dict) -> None:
        raise error

    return handler


class HandleTests(unittest.TestCase):
    """`Node.handle`."""

    def test_reply_has_what_the_handler_returns(self) -> None:
        """The reply has the handler's fields in their order, behind a type that the fields may name; None has no more to say."""
        for fields, body in [
            ({"value": [1, None], "a": "é"}, {"type": "own_ok", "value": [1, None], "a": "é"}),
            ({"value": 1, "type": "mine"}, {"type": "mine", "value": 1}),
            ({}, {"type": "own_ok"}),
            (None, {"type": "own_ok"}),
        ]:
            with self.subTest(fields):
                talk = serve(lambda body, fields=fields: fields)

                self.assertEqual(talk.line(b'{"type": "own"}'), json.dumps(body))
                self.assertEqual(talk.line(b'{"type": "own", "msg_id": 7}'), json.dumps({**body, "in_reply_to": 7}))
                self.assertEqual(talk.complaints, [])

    def test_reply_goes_where_the_message_came_from(self) -> None:
        """In an envelope, bare, before an `init` and after it, the node says whom it answers, and numbers what it sends."""
        talk = serve(lambda body: {"got": body["x"]})
        self.assertEqual(
            talk.send("own", x=1, msg_id=4), envelope({"type": "own_ok", "got": 1, "in_reply_to": 4}, "n1", "c1")
        )
        talk.start("n9")
        talk.node.handle("later", lambda body: None)

        self.assertEqual(
            talk.send("own", x=2, msg_id=5),
            envelope({"type": "own_ok", "got": 2, "in_reply_to": 5, "msg_id": 1}, "n9", "c1"),
        )
        self.assertEqual(talk.tell("own", x=3), {"type": "own_ok", "got": 3, "msg_id": 2})
        self.assertEqual(talk.tell("later"), {"type": "later_ok", "msg_id": 3})
        self.assertIsNone(talk.send("own", x=4, in_reply_to=1))

    def test_handler_may_change_the_body_and_return_it(self) -> None:
        """The handler's body is its own: the sender's `msg_id` does not come back as the reply's, nor is it forgotten."""

        def echo(body: dict) -> dict:
            body["type"] = "echoed"
            return body

        self.assertEqual(
            serve(echo).line(b'{"type": "own", "echo": 1, "msg_id": 7}'),
            '{"type": "echoed", "echo": 1, "in_reply_to": 7}',
        )

        def spoil(body: dict) -> dict:
            body.clear()
            raise PreconditionError("no")

        self.assertEqual(
            serve(spoil).tell("own", msg_id=7), {"type": "error", "code": 22, "text": "no", "in_reply_to": 7}
        )

    def test_error_that_is_raised_is_answered(self) -> None:
        """A public error, and one of somebody's own, is answered with its code and said in its words."""
        for error, code, text in [
            (MalformedRequestError('"x" must be even'), 12, '"x" must be even'),
            (PreconditionError("not now"), 22, "not now"),
            (TxnConflictError("another was first"), 30, "another was first"),
            (RequestError("it is over"), 13, "it is over"),
            (SpanNotFoundError("s"), 20, '"span_id" names no known span: "s"'),
        ]:
            with self.subTest(error):
                talk = serve(refuse(error))

                self.assertEqual(
                    talk.tell("own", msg_id=1), {"type": "error", "code": code, "text": text, "in_reply_to": 1}
                )
                self.assertIsNone(talk.tell("own"))
                self.assertEqual(talk.complaints, [text] * 2)

    def test_bug_in_a_handler_is_answered_crash(self) -> None:
        """What else is raised, and fields that are no dict of JSON, are answered 13; the traceback is said, the node lives on."""
        circle: list[object] = []
        circle.append(circle)
        for name, handler in [
            ("KeyError", lambda body: body["missing"]),
            ("RuntimeError", lambda body: sys.exit(3)),
            ("RuntimeError", fail_with(asyncio.CancelledError())),
            ("RuntimeError", fail_with(MalformedLineError("no line"))),
            ("TypeError", fail_with(NoCodeError("no code"))),
            ("ZeroDivisionError", fail_with(SpeechlessError())),
            ("TypeError", lambda body: [1]),
            ("TypeError", lambda body: "own_ok"),
            ("TypeError", lambda body: {"type": None}),
            ("TypeError", lambda body: {"value": {1}}),
            ("ValueError", lambda body: {"value": float("nan")}),
            ("ValueError", lambda body: {"value": circle}),
        ]:
            with self.subTest(name):
                talk = serve(handler)
                talk.start()
                reply = talk.body({"type": "own", "msg_id": 1})

                text = f"this node has a bug: {name}"
                self.assertEqual(reply, {"type": "error", "code": 13, "text": text, "in_reply_to": 1, "msg_id": 1})
                (complaint,) = talk.complaints
                self.assertRegex(complaint, rf"^a bug in this node: Traceback [\s\S]*\n{name}: ")
                self.assertEqual(talk.body({"type": "echo", "echo": 1})["msg_id"], 2)

    def test_control_c_is_not_a_bug(self) -> None:
        """Where no signal handler takes it, Control-C ends the program, also within a handler."""
        with self.assertRaises(KeyboardInterrupt):
            serve(fail_with(KeyboardInterrupt())).tell("own")

    def test_type_has_to_be_free_text(self) -> None:
        """A type that the node serves, be it of somebody's own, and what is no type are refused; nothing is changed."""
        talk = serve(lambda body: {"first": True})
        for message_type in [*MESSAGES, "own"]:
            with self.subTest(message_type), self.assertRaisesRegex(ValueError, f'type "{message_type}" already'):
                talk.node.handle(message_type, lambda body: None)
        for message_type in ("", 5, None, ["own"]):
            with self.subTest(message_type), self.assertRaisesRegex(ValueError, "must be a non-empty string"):
                talk.node.handle(message_type, lambda body: None)

        self.assertEqual(talk.tell("own"), {"type": "own_ok", "first": True})
        self.assertEqual(talk.tell("echo", echo=1), {"type": "echo_ok", "echo": 1})

    def test_unknown_type_is_guessed_among_them_too(self) -> None:
        """A type that is near one of somebody's own is answered with that."""
        talk = serve(lambda body: None, "broadcast")

        self.assertIn("did you mean broadcast?", talk.tell("boradcast", msg_id=1)["text"])
        self.assertTrue(talk.tell("x", msg_id=1)["text"].endswith("get_span, broadcast"))

    def test_watched_node_has_them_too(self) -> None:
        """A node that a person watches serves them, and finds none of their fields unknown."""
        said: list[tuple[int, str]] = []
        node = WatchedNode(
            SpanManager(), lambda *sentence: said.append(sentence), lambda *sentence: said.append(sentence), False
        )
        node.handle("own", lambda body: {"got": body["field"]})

        self.assertEqual(node.answer('{"type": "own", "field": 1}'), '{"type": "own_ok", "got": 1}\n')
        self.assertEqual(said, [])

    def test_handler_has_the_spans_that_it_makes(self) -> None:
        """A handler's block is a span of its own beside those of messages, a child of whom the message names."""
        spans = SpanManager()
        node = Node(spans)

        def work(body: dict) -> None:
            with spans.span("work", traceparent=body.get("traceparent")):
                raise KeyError("missing")

        node.handle("work", work)
        node.answer(json.dumps({"type": "work", "traceparent": TRACEPARENT}))

        (span,) = spans.ended_spans()
        self.assertEqual((span.parent.traceparent, span.error), (TRACEPARENT, "KeyError: 'missing'"))


class OwnNodeTests(unittest.TestCase):
    """`run_node`, in a script outside of the package."""

    COMMAND = (sys.executable, COUNTER)

    def options(self, command: tuple[str, ...] = COMMAND, **variables: str) -> dict:
        """Return what starts a script that finds the package."""
        return {"command": command, "env": child_environment(PYTHONPATH=TOP, **variables)}

    def test_counter_serves_maelstrom(self) -> None:
        """The sample is a node of the workload g-counter, and serves the messages that every node has."""
        bodies = [
            {"type": "init", "node_id": "n1", "node_ids": ["n1"], "msg_id": 1},
            {"type": "add", "delta": 2, "msg_id": 2},
            {"type": "add", "delta": -5, "msg_id": 3},
            {"type": "add", "delta": "x", "msg_id": 4},
            {"type": "read", "msg_id": 5},
            {"type": "echo", "echo": 1, "msg_id": 6},
        ]
        data = "".join(json.dumps(envelope(body)) + "\n" for body in bodies).encode()
        process = run(data, **self.options())

        replies = [json.loads(line) for line in process.stdout.splitlines()]
        self.assertEqual({(reply["src"], reply["dest"]) for reply in replies}, {("n1", "c1")})
        self.assertEqual([reply["body"]["in_reply_to"] for reply in replies], [1, 2, 3, 4, 5, 6])
        self.assertEqual(
            [reply["body"]["type"] for reply in replies], ["init_ok", "add_ok", "add_ok", "error", "read_ok", "echo_ok"]
        )
        self.assertEqual((replies[3]["body"]["code"], replies[4]["body"]["value"]), (12, -3))
        self.assertEqual((process.returncode, process.stderr.count(b"\n")), (0, 1))

    def test_node_is_set_up_before_any_line(self) -> None:
        """What sets the node up is called once, with the node and its spans, and the exit code is the session's."""
        made: list[tuple[Node, SpanManager]] = []

        def set_up(node: Node, spans: SpanManager) -> None:
            made.append((node, spans))
            node.handle("own", lambda body: {"span": spans.create_span(name="n").span_id})

        with mock.patch("main.main", lambda arguments: run_node(set_up)):
            code, out, err = run_here(b'{"type": "own"}\n')

        ((_, spans),) = made
        self.assertIsInstance(spans, SpanManager)
        self.assertEqual((code, out), (0, b'{"type": "own_ok", "span": "span1"}\n'))
        self.assertIn(b"1 span is still open: span1", err)

    def test_sample_is_a_short_script(self) -> None:
        """The sample can be executed, and its code is some 20 lines."""
        with open(COUNTER, encoding="utf-8") as file:
            first, *lines = file.read().splitlines()

        self.assertEqual(first, "#!/usr/bin/env python3")
        self.assertTrue(os.access(COUNTER, os.X_OK))
        self.assertLess(len(list(filter(None, lines))), 25)

    def test_options_are_the_command_s(self) -> None:
        """The script has the node's options, under its own name; a bad one is exit code 2."""
        helped, bad = (run(b"", option, **self.options()) for option in ("--help", "--nonsense"))

        self.assertTrue(helped.stdout.startswith(b"usage: counter.py"), helped)
        self.assertEqual((helped.returncode, bad.returncode, bad.stdout), (0, 2, b""))

    def test_spans_of_handlers_are_exported(self) -> None:
        """What a handler has done is in the file before its sender reads the reply, and with `--verbose` nothing is amiss."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "spans.jsonl")
            with running("--export", path, "--clock", "real", "--verbose", **self.options()) as process:
                process.stdin.write(b'{"type": "add", "delta": 3}\n')
                process.stdin.flush()
                self.assertEqual(process.stdout.readline(), b'{"type": "add_ok"}\n')
                with open(path, "rb") as file:
                    (span,) = json.loads(file.read())["resourceSpans"][0]["scopeSpans"][0]["spans"]
                _, err = process.communicate()

        self.assertEqual((span["name"], process.returncode, err), ("add", 0, b"tracer: 1 line read\n"))

    @on_unix("signals that one process sends another")
    def test_signal_ends_it_in_order(self) -> None:
        """SIGTERM ends it as it ends the node."""
        with running(**self.options()) as process:
            process.stdin.write(b'{"type": "echo", "echo": 1}\n')
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), ECHO_OK % 1)
            process.send_signal(signal.SIGTERM)

            self.assertEqual(process.wait(20), 143)
            self.assertEqual(process.stderr.read(), b"")

    def test_what_is_printed_is_not_on_stdout(self) -> None:
        """What handlers print goes to stderr; stdout has the replies alone.  A script may be called `main.py`."""
        script = (
            "from tracer.run import run_node\n"
            "def hello(body):\n"
            "    print('hello', body['to'])\n"
            "run_node(lambda node, spans: node.handle('hello', hello))\n"
        )
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "main.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(script)
            process = run(b'{"type": "hello", "to": "you"}\n', cwd=folder, **self.options((sys.executable, path)))

        self.assertEqual(
            (process.returncode, process.stdout, process.stderr.split()),
            (0, b'{"type": "hello_ok"}\n', [b"hello", b"you"]),
        )

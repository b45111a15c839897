"""The text of every reply: what `json.dumps` makes of the same fields in the same order."""

from __future__ import annotations

import json
import types
import unittest

from tests.helpers import Session, envelope, line_of
from tracer import CountedIds, PreconditionError, SimulatedClock, SpanManager, replies
from tracer.address import BARE, ReturnAddress

#: Strings that a format of our own gets wrong.
HOSTILE = [
    "plain",
    'quote " backslash \\ slash / \\" \\\\" \\u0041',
    "controls " + "".join(map(chr, range(32))),
    "DEL \x7f, C1 \x80\x9f, NBSP \xa0",
    "é – \u2028\u2029 \ufeff\ufffe\uffff",
    "beyond 😀\U0010ffff",
    "lone \ud800 \udfff \udc00\ud800",
    "{braces} {} {0} %s %d {{}} }} {",
    "</script>\x00",
    "x" * 5000,
]
#: Values that an `echo` gives back.
VALUES = [0, -1, 10**400, 1.0, -0.0, 1e300, 5e-324, 0.1, True, False, "", [], {}, [None], {"": {"a": [1, {"b": "c"}]}}]


def span_of(text: str, error: str | None = None) -> object:
    """Return a span with `text` for every string that a peer chooses; it has ended after 1,234 us."""
    spans = SpanManager(clock=SimulatedClock(), ids=CountedIds())
    attributes = {text: [text, {text: text}], "n": None}
    spans.create_span(
        {
            "name": text,
            "span_id": text,
            "kind": "PRODUCER",
            "timestamp_us": 10,
            "attributes": attributes,
            "traceparent": f"42-{'a' * 32}-{'b' * 16}-ff-x",
        }
    )
    spans.span_event({"span_id": text, "event": text, "attributes": attributes})
    spans.span_link({"span_id": text, "link": {"span_id": text, "attributes": attributes}})
    if error is None:
        return spans.span_end({"span_id": text, "timestamp_us": 1_244})
    return spans.span_end({"span_id": text, "timestamp_us": 1_244, "status": "ERROR", "error": error})


class ReplyTests(unittest.TestCase):
    """What each kind of reply says."""

    def kinds(self, text: str) -> list[tuple[str, str, dict]]:
        """Return for each kind of reply: its name, what is written directly, and the fields it must say."""
        span, failed = span_of(text), span_of(text, text)
        trace = f"00-{'a' * 32}-{1:016x}-03"
        complete = {"type": "span_complete", "span_id": text}
        created = {"type": "span_created", "span_id": text, "kind": "PRODUCER"}
        attributes = {text: [text, {text: text}], "n": None}
        seen = {
            "span_id": text,
            "traceparent": trace,
            "parent": f"00-{'a' * 32}-{'b' * 16}-ff",
            "name": text,
            "kind": "PRODUCER",
            "status": "ERROR",
            "error": text,
            "start_us": 10,
            "end_us": 1_244,
            "duration_us": 1_234,
            "attributes": attributes,
            "events": [{"event": text, "timestamp_us": 10, "attributes": attributes}],
            "links": [{"traceparent": trace, "attributes": attributes}],
            "dropped_attributes": 0,
            "dropped_events": 0,
            "dropped_links": 0,
        }
        return [
            ("make_acknowledgement", replies.make_acknowledgement("init")(None, "<", "}>"), {"type": "init_ok"}),
            ("write_echo_ok", replies.write_echo_ok(text, "<", "}>"), {"type": "echo_ok", "echo": text}),
            ("write_echo_ok", replies.write_echo_ok([text], "<", "}>"), {"type": "echo_ok", "echo": [text]}),
            ("write_generate_ok", replies.write_generate_ok(text, "<", "}>"), {"type": "generate_ok", "id": text}),
            ("write_span_created", replies.write_span_created(span, "<", "}>"), created),
            (
                "write_span_created_in_trace",
                replies.write_span_created_in_trace(span, "<", "}>"),
                {**created, "traceparent": trace},
            ),
            (
                "write_span_ended",
                replies.write_span_ended(span, "<", "}>"),
                {**complete, "duration_us": 1_234, "status": "OK"},
            ),
            (
                "write_span_ended",
                replies.write_span_ended(failed, "<", "}>"),
                {**complete, "duration_us": 1_234, "status": "ERROR", "error": text},
            ),
            (
                "write_span_failed",
                replies.write_span_failed(failed, "<", "}>"),
                {**complete, "status": "ERROR", "error": text},
            ),
            ("write_get_span_ok", replies.write_get_span_ok(failed, "<", "}>"), {"type": "get_span_ok", "span": seen}),
            (
                "write_own",
                replies.write_own(replies.write_own_fields({"value": [text]}, text), "<", "}>"),
                {"type": text, "value": [text]},
            ),
            (
                "write_error",
                replies.write_error(PreconditionError(text), "<", "}>"),
                {"type": "error", "code": 22, "text": text},
            ),
        ]

    def test_every_reply_is_what_json_dumps_writes(self) -> None:
        """What is written directly is what `json.dumps` writes, for every kind of reply and every hostile string."""
        for text in HOSTILE:
            for name, written, fields in self.kinds(text):
                with self.subTest(name, text=text[:20]):
                    self.assertEqual(written, f"<{json.dumps(fields)}>")
                    self.assertEqual(written, replies.write_fields(fields, "<", "}>"))

    def test_no_kind_of_reply_is_missed(self) -> None:
        """Every function that writes a reply stands in the table above."""
        helpers = {"write_fields", "write_own_fields", "describe_span"}
        public = {
            name
            for name, value in vars(replies).items()
            if isinstance(value, types.FunctionType) and value.__module__ == replies.__name__ and name[0] != "_"
        }

        self.assertEqual({name for name, _, _ in self.kinds("x")}, public - helpers)

    def test_envelope_is_what_json_dumps_writes(self) -> None:
        """What opens and closes an envelope around a body is what `json.dumps` writes, and nothing around a bare one."""
        for text in HOSTILE:
            with self.subTest(text=text[:20]):
                for node_id, answering in [(None, text[::-1]), ("n1", "n1")]:
                    address = ReturnAddress(text, text[::-1], node_id)
                    line = address.opening + "{" + address.closing

                    self.assertEqual(line, json.dumps({"src": answering, "dest": text, "body": {}}) + "\n")
        self.assertEqual(BARE.opening + "{" + BARE.closing, "{}\n")

    def test_echo_gives_every_value_back(self) -> None:
        """An echoed value is written as `json.dumps` writes it."""
        for value in VALUES:
            with self.subTest(value=value):
                self.assertEqual(replies.write_echo_ok(value, "", "}"), json.dumps({"type": "echo_ok", "echo": value}))


class WholeReplyTests(unittest.TestCase):
    """Whole lines, with ending and envelope."""

    def test_every_line_is_what_json_dumps_writes(self) -> None:
        """Any reply in a session full of hostile strings is its own parsing written again; ASCII, one line."""
        for maelstrom in (False, True):
            for text in HOSTILE:
                with self.subTest(text=text[:20], maelstrom=maelstrom):
                    for written in self.replies(text, maelstrom):
                        self.assertEqual(written, json.dumps(json.loads(written)))
                        self.assertTrue((written.isascii() and written.isprintable()) or "\x7f" in text)
                        self.assertNotIn("\n", written)

    def replies(self, text: str, maelstrom: bool) -> list[str]:
        """Return the replies to a session that has `text` wherever it can, bare and in envelopes, after an `init` or not."""
        talk = Session()
        if maelstrom:
            talk.send("init", text, text, node_id=text, msg_id=1)
        bodies = [
            {"type": "create_span", "name": text, "span_id": text, "kind": "SERVER", "attributes": {text: text}},
            {"type": "create_span", "name": text, "span_id": text},
            {"type": "span_event", "span_id": text, "event": text, "attributes": {text: [text]}},
            {"type": "get_span", "span_id": text},
            {"type": "span_error", "span_id": text, "error": text},
            {"type": "span_end", "span_id": text, "status": text},
            {"type": text},
            {"type": "echo", "echo": {text: [text, 1.5, None]}},
            {"type": "generate"},
        ]
        ways = [lambda body: {**body, "msg_id": 7}, lambda body: envelope({**body, "msg_id": -(10**30)}, text, text)]
        written = [talk.line(line_of(way(body))) for body in bodies for way in ways]
        return [line for line in written if line is not None]

    def test_text_comes_back_as_it_was(self) -> None:
        """What a peer sent is what it gets, character by character, lone surrogates included."""
        for text in HOSTILE:
            with self.subTest(text=text[:20]):
                self.assertEqual(Session().tell("echo", echo=text)["echo"], text)

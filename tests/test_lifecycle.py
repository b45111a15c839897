"""Refusals of a whole node: every code, which error goes first, and that nothing has changed after any of them."""

from __future__ import annotations

import json
import unittest
from unittest import mock

from tests.helpers import TRACEPARENT, Session, line_of, session
from tracer import CountedIds, SimulatedClock, SpanManager

BAD_LINK = {"span_id": "nobody"}
#: Each message that fails in the session below, and its code.
REFUSED = [
    ({}, 12),
    ({"type": 1}, 12),
    ({"type": "nonsense", "timestamp_us": 10**9}, 10),
    ({"type": "init"}, 12),
    ({"type": "init", "node_id": "n1", "node_ids": "n1"}, 12),
    ({"type": "echo"}, 12),
    ({"type": "create_span"}, 12),
    ({"type": "create_span", "name": "n", "kind": "bad", "timestamp_us": 10**9}, 12),
    ({"type": "create_span", "name": "n", "parent_span_id": "unclaimed", "links": [{"span_id": "open"}, 1]}, 12),
    ({"type": "create_span", "name": "n", "parent_span_id": "open", "traceparent": TRACEPARENT}, 12),
    ({"type": "create_span", "name": "n", "parent_span_id": "nobody"}, 20),
    ({"type": "create_span", "name": "n", "parent_span_id": "span2", "links": [{"span_id": "open"}, BAD_LINK]}, 20),
    ({"type": "create_span", "name": "n", "parent_span_id": "span2", "span_id": "open"}, 21),
    ({"type": "create_span", "name": "n", "parent_span_id": "span2", "span_id": "ended"}, 21),
    ({"type": "create_span", "name": "n", "parent_span_id": "span2", "timestamp_us": 10**9}, 11),
    ({"type": "span_event", "span_id": "open", "timestamp_us": 10**9}, 12),
    ({"type": "span_event", "span_id": "span2", "event": "e", "attributes": {"": 1}}, 12),
    ({"type": "span_event", "span_id": "mine", "event": "e", "timestamp_us": 2**63}, 12),
    ({"type": "span_event", "span_id": "span1", "event": "e", "timestamp_us": 10**9}, 20),
    ({"type": "span_event", "span_id": "ended", "event": "e", "timestamp_us": 10**9}, 22),
    ({"type": "span_link", "span_id": "open", "link": {}}, 12),
    ({"type": "span_link", "span_id": "mine", "link": BAD_LINK}, 20),
    ({"type": "span_link", "span_id": "mine", "link": {"span_id": "span2"}}, 20),
    ({"type": "span_link", "span_id": "ended", "link": {"span_id": "span2"}}, 22),
    ({"type": "span_update", "span_id": "mine"}, 12),
    ({"type": "span_update", "span_id": "open", "name": "m", "attributes": 1}, 12),
    ({"type": "span_update", "span_id": "ended", "name": "m", "attributes": {"a": 1}}, 22),
    ({"type": "span_end", "span_id": "mine", "error": "e"}, 12),
    ({"type": "span_end", "span_id": "mine", "timestamp_us": 0}, 22),
    ({"type": "span_end", "span_id": "open", "timestamp_us": 0}, 22),
    ({"type": "span_end", "span_id": "ended", "timestamp_us": 10**9}, 22),
    ({"type": "span_error", "span_id": "mine", "error": "e", "timestamp_us": 0}, 22),
    ({"type": "span_error", "span_id": "open", "error": "e", "attributes": {"a": 1}, "timestamp_us": 0}, 22),
    ({"type": "span_error", "span_id": "ended", "error": "e", "attributes": {"a": 1}}, 22),
    ({"type": "span_error", "span_id": "span1", "error": "e"}, 20),
    ({"type": "get_span", "span_id": "nobody"}, 20),
    ({"type": "get_span", "span_id": ""}, 12),
]
#: Asked after a refusal: they tell every span, the clock, the counter, the traces, and what could still be claimed.
PROBES = [
    {"type": "get_span", "span_id": "filler"},
    {"type": "get_span", "span_id": "open"},
    {"type": "get_span", "span_id": "ended"},
    {"type": "span_event", "span_id": "taken", "event": "probe"},
    {"type": "get_span", "span_id": "taken"},
    {"type": "get_span", "span_id": "span2"},
    {"type": "generate"},
    {"type": "span_end", "span_id": "open"},
    {"type": "create_span", "name": "probe", "kind": "SERVER"},
    {"type": "get_span", "span_id": "span7"},
    {"type": "span_end", "span_id": "span7"},
]
#: A line that takes a tick and does nothing else.
IDLE = b'{"in_reply_to":0}'


def full(maelstrom: bool) -> Session:
    """Return a session at its bound of three open spans, with "open", "ended" and the unclaimed span2."""
    talk = session(open_spans=3)
    talk.tell("generate")
    talk.send("create_span", name="unclaimed", timestamp_us=500)
    talk.tell("create_span", name="n", span_id="ended")
    talk.tell("span_end", span_id="ended")
    talk.tell("create_span", name="n", span_id="open", attributes={"a": 1})
    talk.tell("create_span", name="n", span_id="filler")
    if maelstrom:
        talk.start()
    return talk


def told(talk: Session) -> list[dict | None]:
    """Ask every probe; return the replies' bodies but for their numbers."""
    replies = [talk.line(line_of(probe)) for probe in PROBES]
    bodies = [None if reply is None else json.loads(reply) for reply in replies]
    for body in bodies:
        if body is not None:
            body.get("body", body).pop("msg_id", None)
    return bodies


class RefusalTests(unittest.TestCase):
    """Each refusal, both ways."""

    def test_refused_message_has_its_code_and_changes_nothing(self) -> None:
        """After any refusal, every span, the clock, the counters and the claims are as after an idle line."""
        for maelstrom in (False, True):
            idle = full(maelstrom)
            idle.line(IDLE)
            expected = told(idle)
            for message, code in REFUSED:
                if maelstrom and message.get("span_id") == "mine" and code == 22:
                    code = 20  # nothing is claimed
                with self.subTest(message=message, maelstrom=maelstrom):
                    talk = full(maelstrom)
                    reply = talk.body({**message, "msg_id": 9})
                    self.assertEqual((reply["type"], reply["code"], reply["in_reply_to"]), ("error", code, 9))
                    self.assertEqual(told(talk), expected)

    def test_refusal_without_msg_id_is_said_only(self) -> None:
        """Without a `msg_id` a refusal is one sentence on stderr, the same one, and changes nothing either."""
        idle = full(False)
        idle.line(IDLE)
        expected = told(idle)
        for message, _ in REFUSED:
            with self.subTest(message=message):
                talk, asked = full(False), full(False)
                self.assertIsNone(talk.tell(**{"type": None, **message}))
                self.assertEqual(talk.complaints, [asked.body({"type": None, **message, "msg_id": 1})["text"]])
                self.assertEqual(len(talk.complaints[0].splitlines()), 1)
                self.assertEqual(told(talk), expected)

    def test_probes_notice_what_they_are_for(self) -> None:
        """The comparison above can fail: each sort of change shows in the probes."""
        idle = full(False)
        idle.line(IDLE)
        expected = told(idle)
        for change in [
            {"type": "generate"},
            {"type": "get_span", "span_id": "span2"},
            {"type": "span_event", "span_id": "open", "event": "e"},
            {"type": "span_event", "span_id": "filler", "event": "e", "timestamp_us": 10**9},
            {"type": "span_end", "span_id": "filler"},
        ]:
            with self.subTest(change=change):
                talk = full(False)
                talk.tell(**change)

                self.assertNotEqual(told(talk), expected)


class OrderOfErrorsTests(unittest.TestCase):
    """Where several errors apply."""

    def test_first_error_in_the_order_is_reported(self) -> None:
        """12 for `type`, then 10, any other 12, 20, 21, 22, and 11 last."""
        create = {"type": "create_span", "name": "n"}
        for message, code in [
            ({"type": 1, "span_id": 1}, 12),
            ({"type": "nonsense", "span_id": 1, "name": ""}, 10),
            ({**create, "name": "", "parent_span_id": "nobody", "span_id": "open"}, 12),
            ({**create, "parent_span_id": "nobody", "span_id": "open", "timestamp_us": -1}, 12),
            ({**create, "parent_span_id": "nobody", "span_id": "open"}, 20),
            ({**create, "links": [BAD_LINK], "span_id": "open"}, 20),
            ({**create, "links": [BAD_LINK, {}], "span_id": "open"}, 12),
            ({**create, "span_id": "open"}, 21),
            (create, 11),
            ({"type": "span_event", "span_id": "nobody"}, 12),
            ({"type": "span_event", "span_id": "ended", "event": ""}, 12),
            ({"type": "span_link", "span_id": "ended", "link": BAD_LINK}, 20),
            ({"type": "span_link", "span_id": "ended", "link": {"span_id": 1}}, 12),
            ({"type": "span_end", "span_id": "ended", "timestamp_us": 0, "status": "bad"}, 12),
            ({"type": "init", "node_id": "n2", "node_ids": [1]}, 12),
        ]:
            with self.subTest(message=message):
                self.assertEqual(full(True).body({**message, "msg_id": 1})["code"], code)

    def test_bad_msg_id_goes_before_an_unknown_type(self) -> None:
        """A `msg_id` that is no integer is error 12, said first; nobody can be answered."""
        for message in [{"type": "nonsense"}, {"type": "create_span"}, {"type": "echo", "echo": 1}]:
            for msg_id in ("1", True, 1.0, [], {}):
                with self.subTest(message=message, msg_id=msg_id):
                    talk = full(True)

                    self.assertIsNone(talk.tell(**message, msg_id=msg_id))
                    self.assertIn('"msg_id"', talk.complaints[-1])

    def test_bad_type_goes_before_a_bad_msg_id(self) -> None:
        """Of the two error 12 the type's is said."""
        talk = Session()
        talk.tell(1, msg_id="x")

        self.assertIn('"type"', talk.complaints[0])


class CrashTests(unittest.TestCase):
    """A bug in a handler."""

    def crash(self, **fields: object) -> tuple[dict | None, Session]:
        """Send a message whose handler raises what it never should."""
        broken = SpanManager(clock=SimulatedClock(), ids=CountedIds())
        with mock.patch.object(broken, "get", side_effect=KeyError("boom")):
            talk = Session(broken)
            return talk.tell("get_span", **fields), talk

    def test_bug_is_answered_crash_and_the_node_lives_on(self) -> None:
        """A bug is answered 13, its traceback is said, and the next message is served."""
        reply, talk = self.crash(msg_id=3)

        self.assertEqual((reply["type"], reply["code"], reply["in_reply_to"]), ("error", 13, 3))
        self.assertEqual(reply["text"], "this node has a bug: KeyError")
        self.assertTrue(
            talk.complaints[0].startswith('a bug in this node: Traceback (most recent call last):\n  File "')
        )
        self.assertIn("boom", talk.complaints[0])
        self.assertEqual(talk.tell("echo", echo=1), {"type": "echo_ok", "echo": 1})

    def test_bug_in_a_reply_is_answered_too(self) -> None:
        """Where the reply of a message cannot be written, its sender is told, and the node lives on."""
        talk = session({"type": "create_span", "name": "n", "span_id": "s"})
        with mock.patch("tracer.replies.describe_span", side_effect=KeyError("boom")):
            self.assertEqual(talk.tell("get_span", span_id="s", msg_id=1)["code"], 13)

        self.assertEqual(talk.span("s")["name"], "n")

    def test_bug_without_msg_id_is_said_only(self) -> None:
        """Without a `msg_id` only the traceback shows it."""
        reply, talk = self.crash()

        self.assertIsNone(reply)
        self.assertEqual(len(talk.complaints), 1)

"""Random sessions through the node and through the model of it: the same bytes must come out of both.

Owns the comparison in process; thousands more sessions, and some through the real process, run in `tests/oracles/`.
"""

from __future__ import annotations

import functools
import json
import unittest
from itertools import zip_longest
from typing import Any

from tests.helpers import without_end
from tests.model import REAL_START_DIGITS, Model, Record, Settings
from tests.model_forms import MalformedError, parse
from tests.sessions import Session, comparable, random_session
from tracer import CountedIds, Limits, LineBuffer, Node, SimulatedClock, SpanManager

SESSIONS = 500
#: Bytes that the node is given at once; each session takes the next of these.
PIECES = (1 << 16, 1, 7, 100, 1500)

#: The sessions of the inner ring, each made once.
short_session = functools.lru_cache(SESSIONS)(random_session)


def served(session: Session, piece_bytes: int) -> tuple[list[str], list[tuple[int, str]]]:
    """Give the lines that a node in process writes for a session, and its complaints: a line's number and a sentence."""
    told = session.settings
    parts = {name: getattr(told, name) for name in ("event_attributes", "link_attributes", "events", "links")}
    limits = Limits(
        open_spans=told.max_open_spans,
        ended_spans=told.keep_ended,
        attributes=told.span_attributes,
        value_characters=told.value_characters,
        **parts,
    )
    manager = SpanManager(limits, SimulatedClock(told.tick_us), CountedIds())
    if told.clock == "real":
        manager.use_real_time()
    complaints: list[tuple[int, str]] = []
    node = Node(manager, lambda *complaint: complaints.append(complaint), auto_clock=told.clock == "auto")
    buffer = LineBuffer(told.max_line_bytes)
    pieces = [session.data[at : at + piece_bytes] for at in range(0, len(session.data), piece_bytes)]
    complete = [*map(buffer.feed, pieces), buffer.finish()]
    return [without_end(reply) for lines in complete for reply in node.answers(lines)], complaints


def disagreement(session: Session, got: list[str], complaints: list[tuple[int, str]] | None = None) -> str | None:
    """Say where a node's lines, and the lines that it complains about, are not the model's; None where they are."""
    model = Model(session.settings)
    wanted = comparable(model.run(session.data), bool(model.real))
    got = comparable(got, bool(model.real))
    for number, (want, have) in enumerate(zip_longest(wanted, got), 1):
        if want != have:
            return f"{session.settings}, reply {number}:\nmodel {want}\nnode  {have}"
    if complaints is None:
        return None
    if [line for line, _ in complaints] != model.complained:
        return f"{session.settings}:\nmodel complains about the lines {model.complained}\nnode  {complaints}"
    return next((sentence for _, sentence in complaints if "Traceback" in sentence), None)


class Watched(Model):
    """A model that notes what a session leads it to."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.met: set[str] = set()

    def answer(self, line: bytes) -> str | None:
        """Note lines of the forms that are read in different ways."""
        reply = super().answer(line)
        if reply is not None and '"echo": null' in reply:
            self.met.add("an echo of null")
        try:
            if parse(line, self.settings.max_line_bytes) is None:
                self.met.add("a blank line")
            elif 400 < len(line) < 5000:
                self.met.add("a long line with null" if b"null" in line else "a long line")
        except MalformedError:
            self.met.add("a bad line")
        return reply

    def claimable(self, body: dict[str, Any]) -> Record | None:
        """Note what is claimed, and what an init has kept from being claimed."""
        found = super().claimable(body)
        if found is not None:
            self.met.add("claimed")
        elif self.node_id is not None:
            node_id, self.node_id = self.node_id, None
            if super().claimable(body) is not None:
                self.met.add("not claimed after an init")
            self.node_id = node_id
        return found

    def open_span(self, body: dict[str, Any], ends: bool = False) -> Record:
        """Note a span that a message names though nobody was told its id."""
        named = self.spans.get(body["span_id"])
        if named is not None and named.unclaimed:
            self.met.add("named untold after an init" if self.node_id is not None else "named untold")
        return super().open_span(body, ends)


class ModelTests(unittest.TestCase):
    """The model gives what the task shows, word for word."""

    def test_lifecycle_of_the_task_is_ten_milliseconds_long(self):
        """A span created, given an event and ended gives the task's first expected output."""
        data = (
            b'{"src":"service","dest":"tracer","body":{"type":"create_span","msg_id":1,"name":"GET /api/users/123"}}\n'
            b'{"type":"span_event","span_id":"span1","event":"db.query"}\n'
            b'{"type":"span_end","span_id":"span1","status":"OK"}\n'
        )
        expected = '{"src": "tracer", "dest": "service", "body": {"type": "span_complete", "span_id": "span1", '
        expected += '"duration_us": 10000, "status": "OK"}}'

        self.assertEqual(Model(Settings()).run(data), [expected])

    def test_error_of_the_task_claims_the_only_span(self):
        """A span that fails under an id nobody was told gives the task's second expected output."""
        data = (
            b'{"src":"service","dest":"tracer","body":{"type":"create_span","msg_id":1,"name":"GET /api/users/999"}}\n'
            b'{"type":"span_error","span_id":"span2","error":"User not found"}\n'
        )
        expected = '{"src": "tracer", "dest": "service", "body": {"type": "span_complete", "span_id": "span2", '
        expected += '"status": "ERROR", "error": "User not found"}}'

        self.assertEqual(Model(Settings()).run(data), [expected])

    def test_kind_of_the_task_is_told_with_the_id(self):
        """A creation that states its kind gives the reply of the task's third example."""
        data = b'{"type": "create_span", "msg_id": 3, "name": "GET /api/data", "kind": "CLIENT"}'

        self.assertEqual(
            Model(Settings()).run(data), ['{"type": "span_created", "span_id": "span1", "kind": "CLIENT"}']
        )


class SessionsTests(unittest.TestCase):
    """The random sessions are the same each time and lead everywhere."""

    @classmethod
    def setUpClass(cls):
        """Run all sessions through the model."""
        cls.replies, cls.met = [], set()
        for session in map(short_session, range(SESSIONS)):
            # The end of the last line would pass for a blank line of its own.
            model, data = Watched(session.settings), session.data.rstrip()
            replies = model.run(data)
            cls.replies += map(json.loads, replies)
            cls.met |= model.met
            if "".join(replies).count(f"-{REAL_START_DIGITS}-") > 1:
                cls.met.add("several ids of one start")
            if model.lines >= 20 and not model.met & {"a bad line", "a blank line"} and b"null" not in data:
                cls.met.add("all lines at once" if b"}\n" in data else "all lines at once, CRLF")

    def test_same_seed_gives_the_same_session(self):
        """A session depends on its seed alone."""
        self.assertEqual(random_session(7), random_session(7))
        self.assertNotEqual(random_session(7), random_session(8))

    def test_sessions_draw_every_reply_both_ways(self):
        """Every type of reply and every error code turns up, plain and after an init, bare and in an envelope."""
        seen = set()
        for reply in self.replies:
            body = reply.get("body", reply)
            seen.add((body["type"], body.get("code"), "msg_id" in body, "body" in reply))

        answered = [("echo_ok", None), ("generate_ok", None), ("get_span_ok", None), ("span_complete", None)]
        answered += [("span_created", None)] + [("error", code) for code in (10, 11, 12, 20, 21, 22)]
        wanted = {(*reply, way, routed) for reply in answered for way in (False, True) for routed in (False, True)}
        changes = ("init_ok", "span_event_ok", "span_link_ok", "span_update_ok")
        wanted |= {(change, None, True, routed) for change in changes for routed in (False, True)}
        self.assertEqual(seen, wanted)

    def test_sessions_lead_to_the_rare_cases(self):
        """Claims and what is no claim, long, blank and bad lines turn up, and sessions without a bad line or a null."""
        wanted = {"claimed", "not claimed after an init", "named untold", "named untold after an init"}
        wanted |= {"a long line", "a long line with null", "a bad line", "a blank line", "an echo of null"}
        wanted |= {"several ids of one start"}
        self.assertEqual(self.met, wanted | {"all lines at once", "all lines at once, CRLF"})


class AgreementTests(unittest.TestCase):
    """The node and the model say the same."""

    def test_random_sessions_come_out_as_the_model_says(self):
        """However the input is cut, the node writes and complains as the model says, and nothing is a bug."""
        for seed in range(SESSIONS):
            session = short_session(seed)

            self.assertIsNone(disagreement(session, *served(session, PIECES[seed % len(PIECES)])), f"seed {seed}")

    def test_cut_of_the_input_changes_nothing(self) -> None:
        """All at once, in small pieces and byte by byte a session gives the same lines and the same complaints."""
        for seed in range(0, SESSIONS, 20):
            session = short_session(seed)._replace(settings=Settings(clock="simulated"))
            whole = served(session, PIECES[0])

            for piece_bytes in PIECES[1:]:
                self.assertEqual(served(session, piece_bytes), whole, f"seed {seed}, {piece_bytes} bytes a piece")

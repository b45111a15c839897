"""Random sessions through the node and through the model of it: the same bytes must come out of both.

Owns the comparison in process; thousands more sessions, and some through the real process, run in `tests/oracles/`.
"""

from __future__ import annotations

import json
import unittest
from itertools import zip_longest

from tests.helpers import without_end
from tests.model import Model, Settings
from tests.sessions import Session, comparable, random_session
from tracer import CountedIds, FastNode, Limits, LineBuffer, Node, SimulatedClock, SpanManager, read_ahead

SESSIONS = 500
#: Bytes that the node is given at once; each session takes the next of these.
PIECES = (1 << 16, 1, 7, 100)


def served(session: Session, piece_bytes: int, complaints: list[str], node_class: type[Node] = FastNode) -> list[str]:
    """Give the lines that a node in process writes for a session."""
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
    node = node_class(manager, complaints.append, told.max_line_bytes, auto_clock=told.clock == "auto")
    buffer = LineBuffer(told.max_line_bytes)
    pieces = [session.data[at : at + piece_bytes] for at in range(0, len(session.data), piece_bytes)]
    complete = [*map(buffer.feed, pieces), buffer.finish()]
    return [
        without_end(reply)
        for lines in complete
        for some in read_ahead(lines, told.max_line_bytes)
        for reply in node.answers(some)
    ]


def disagreement(session: Session, got: list[str]) -> str | None:
    """Say where a node's lines are not the model's; None where they are."""
    model = Model(session.settings)
    wanted = comparable(model.run(session.data), bool(model.real))
    got = comparable(got, bool(model.real))
    for number, (want, have) in enumerate(zip_longest(wanted, got), 1):
        if want != have:
            return f"{session.settings}, reply {number}:\nmodel {want}\nnode  {have}"
    return None


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

    def test_same_seed_gives_the_same_session(self):
        """A session depends on its seed alone."""
        self.assertEqual(random_session(7), random_session(7))
        self.assertNotEqual(random_session(7), random_session(8))

    def test_sessions_draw_every_reply_both_ways(self):
        """Every type of reply and every error code turns up, plain and after an init, bare and in an envelope."""
        seen = set()
        for seed in range(SESSIONS):
            session = random_session(seed)
            for line in Model(session.settings).run(session.data):
                reply = json.loads(line)
                body = reply.get("body", reply)
                seen.add((body["type"], body.get("code"), "msg_id" in body, "body" in reply))

        answered = [("echo_ok", None), ("generate_ok", None), ("get_span_ok", None), ("span_complete", None)]
        answered += [("span_created", None)] + [("error", code) for code in (10, 11, 12, 20, 21, 22)]
        wanted = {(*reply, way, routed) for reply in answered for way in (False, True) for routed in (False, True)}
        changes = ("init_ok", "span_event_ok", "span_link_ok", "span_update_ok")
        wanted |= {(change, None, True, routed) for change in changes for routed in (False, True)}
        self.assertEqual(seen, wanted)


class AgreementTests(unittest.TestCase):
    """The node and the model say the same."""

    def test_random_sessions_come_out_as_the_model_says(self):
        """However the input is cut, the node's lines are the model's, and nothing is a bug."""
        for seed in range(SESSIONS):
            complaints: list[str] = []
            session = random_session(seed)
            got = served(session, PIECES[seed % len(PIECES)], complaints)

            self.assertIsNone(disagreement(session, got), f"seed {seed}")
            self.assertNotIn("Traceback", "".join(complaints), f"seed {seed}")

    def test_node_without_the_fast_path_says_the_same(self) -> None:
        """The way for every message gives the same lines, and complains as often."""
        for seed in range(0, SESSIONS, 2):
            told: list[list[str]] = [[], []]
            session = random_session(seed)
            fast, plain = (
                comparable(served(session, PIECES[0], said, node_class), session.settings.clock != "simulated")
                for said, node_class in zip(told, (FastNode, Node))
            )

            self.assertEqual((fast, len(told[0])), (plain, len(told[1])), f"seed {seed}")

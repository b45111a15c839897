"""Random sessions through the node and through the model of it: the same bytes must come out of both.

Owns the comparison in process; thousands more sessions, some through the real process, and what they lead to, are in `tests/oracles/`.
"""

from __future__ import annotations

import unittest
from itertools import zip_longest

from tests.helpers import serve_lines, without_end
from tests.model import Model, Settings
from tests.sessions import Session, comparable, random_session
from tracer import CountedIds, Limits, LineBuffer, Node, SimulatedClock, SpanManager

SESSIONS = 30
#: Bytes that the node is given at once; each session takes the next of these.
PIECES = (1 << 16, 1, 7, 100, 1500)


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
    return [without_end(reply) for lines in complete for reply in serve_lines(node, lines)], complaints


def disagreement(session: Session, got: list[str], complaints: list[tuple[int, str]] | None = None) -> str | None:
    """Say where a node's lines, and the lines that it complains about, are not the model's; None where they are."""
    model = Model(session.settings)
    wanted = comparable(model.run(session.data), model.real)
    got = comparable(got, model.real)
    for number, (want, have) in enumerate(zip_longest(wanted, got), 1):
        if want != have:
            return f"{session}, reply {number}:\nmodel {want}\nnode  {have}"
    if complaints is None:
        return None
    if [line for line, _ in complaints] != model.complained:
        return f"{session}:\nmodel complains about the lines {model.complained}\nnode  {complaints}"
    return next((sentence for _, sentence in complaints if "Traceback" in sentence), None)


def hold_to_one_output(test: unittest.TestCase, seeds: range) -> None:
    """Hold the node to the same lines and the same complaints, however the input of these sessions is cut."""
    for seed in seeds:
        session = random_session(seed)._replace(settings=Settings(clock="simulated"))
        whole = served(session, PIECES[0])

        for piece_bytes in PIECES[1:]:
            test.assertEqual(served(session, piece_bytes), whole, f"seed {seed}, {piece_bytes} bytes a piece")


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
    """The random sessions."""

    def test_same_seed_gives_the_same_session(self):
        """A session depends on its seed alone."""
        self.assertEqual(random_session(7), random_session(7))
        self.assertNotEqual(random_session(7), random_session(8))


class AgreementTests(unittest.TestCase):
    """The node and the model say the same."""

    def test_random_sessions_come_out_as_the_model_says(self):
        """However the input is cut, the node writes and complains as the model says, and nothing is a bug."""
        for seed in range(SESSIONS):
            session = random_session(seed)

            self.assertIsNone(disagreement(session, *served(session, PIECES[seed % len(PIECES)])), f"seed {seed}")

    def test_cut_of_the_input_changes_nothing(self) -> None:
        """All at once, in small pieces and byte by byte a session gives the same lines and the same complaints."""
        hold_to_one_output(self, range(0, SESSIONS, 10))

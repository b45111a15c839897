"""A span's life: every cell of the table, for every message."""

from __future__ import annotations

import unittest

from tests.helpers import MESSAGES, Session
from tracer import Attributes, Limits, SimulatedClock, SpanManager, TimeOrderError
from tracer.span import ENDED, LIFECYCLE, OPEN, UNKNOWN, bounded, step

TRIGGERS = ("create", "change", "end", "get")
STATES = (UNKNOWN, OPEN, ENDED)
MESSAGE_OF_TRIGGER = [(trigger, message) for trigger in TRIGGERS for message in MESSAGES[trigger]]


def session(state: str) -> Session:
    """Return a session where "mine" is in that state and nothing can be claimed."""
    talk = Session()
    talk.tell("create_span", name="other", span_id="other")
    if state != UNKNOWN:
        talk.tell("create_span", name="first", span_id="mine", kind="SERVER", attributes={"a": [1, {"b": None}]})
        talk.tell("span_event", span_id="mine", event="e", attributes={"c": "d"})
        talk.tell("span_link", span_id="mine", link={"span_id": "other"})
    if state == ENDED:
        talk.tell("span_end", span_id="mine", status="ERROR", error="why")
    return talk


class LifecycleTests(unittest.TestCase):
    """The table, cell by cell, through a whole node."""

    def test_every_state_answers_every_trigger(self) -> None:
        """The table has a cell for each trigger in each state: a state or an error with a code."""
        self.assertEqual(tuple(LIFECYCLE), TRIGGERS)
        for trigger, cells in LIFECYCLE.items():
            with self.subTest(trigger):
                self.assertEqual(tuple(cells), STATES)
                for outcome in cells.values():
                    self.assertTrue(
                        outcome in (OPEN, ENDED) if isinstance(outcome, str) else outcome.code in (20, 21, 22)
                    )

    def test_every_cell_does_what_it_says(self) -> None:
        """Each message on a span in each state leads to the table's state or is refused with the table's code."""
        for state in STATES:
            for trigger, message in MESSAGE_OF_TRIGGER:
                with self.subTest(state=state, type=message["type"]):
                    talk, outcome = session(state), LIFECYCLE[trigger][state]
                    talk.start()  # so that every message is answered
                    reply = talk.body({"msg_id": 1, "span_id": "mine", **message})
                    if isinstance(outcome, str):
                        self.assertNotEqual(reply["type"], "error")
                        self.assertEqual(talk.span("mine")["end_us"] is not None, outcome == ENDED)
                    else:
                        self.assertEqual((reply["type"], reply["code"]), ("error", outcome.code))

    def test_refused_message_leaves_the_span_as_it_was(self) -> None:
        """A span that refuses a message is the same, to the byte, in `get_span`."""
        for state in (OPEN, ENDED):
            for trigger, message in MESSAGE_OF_TRIGGER:
                if isinstance(LIFECYCLE[trigger][state], str):
                    continue
                with self.subTest(state=state, type=message["type"]):
                    talk = session(state)
                    ask = b'{"type":"get_span","span_id":"mine"}'
                    before = talk.line(ask)
                    talk.tell(**{"span_id": "mine", **message})

                    self.assertEqual(talk.line(ask), before)

    def test_ended_span_is_immutable(self) -> None:
        """Every mutator, one after the other, with and without a time, leaves an ended span bit for bit as it was."""
        talk = session(ENDED)
        ask = b'{"type":"get_span","span_id":"mine"}'
        before = talk.line(ask)
        for _, message in MESSAGE_OF_TRIGGER:
            for extra in (
                {},
                {"timestamp_us": 9_000_000},
                {"kind": "CLIENT", "traceparent": f"00-{'1' * 32}-{'2' * 16}-00"},
            ):
                talk.tell(**{"span_id": "mine", **message, **extra})
                with self.subTest(type=message["type"], extra=extra):
                    self.assertEqual(talk.line(ask), before)

    def test_ended_span_may_be_parent_and_linked_to(self) -> None:
        """Naming an ended span as a parent or in a link is no change of it."""
        talk = session(ENDED)
        mine = talk.span("mine")
        talk.tell("create_span", name="child", span_id="child", parent_span_id="mine", links=[{"span_id": "mine"}])
        talk.tell("span_link", span_id="other", link={"span_id": "mine"})
        child = talk.span("child")

        self.assertEqual(child["parent"], mine["traceparent"])
        self.assertEqual(child["links"], [{"traceparent": mine["traceparent"], "attributes": {}}])
        self.assertEqual(talk.span("other")["links"], child["links"])
        self.assertEqual(talk.span("mine"), mine)

    def test_parent_s_end_leaves_its_children_open(self) -> None:
        """A child outlives its parent."""
        talk = session(OPEN)
        talk.tell("create_span", name="child", span_id="child", parent_span_id="mine")
        talk.tell("span_end", span_id="mine")

        self.assertIsNone(talk.span("child")["end_us"])

    def test_step_names_the_span_it_refuses(self) -> None:
        """The sentence of a refusal quotes the span's id."""
        for trigger, state, said in [
            ("create", OPEN, '"span_id" is taken by a known span: "mine"'),
            ("change", UNKNOWN, '"span_id" names no known span: "mine"'),
            ("end", ENDED, '"span_id" names a span that has ended: "mine"'),
        ]:
            with self.subTest(trigger), self.assertRaises(LIFECYCLE[trigger][state]) as caught:
                step(trigger, state, "mine")
            self.assertEqual(str(caught.exception), said)


class EndTests(unittest.TestCase):
    """What an end says of a span."""

    def test_statuses_and_errors_are_kept(self) -> None:
        """The status is OK by default, what the message says otherwise, and an error is kept with ERROR only."""
        cases = [
            ({}, "OK", None),
            ({"status": "UNSET"}, "UNSET", None),
            ({"status": None}, "OK", None),
            ({"status": "ERROR"}, "ERROR", None),
            ({"status": "ERROR", "error": "why"}, "ERROR", "why"),
        ]
        for fields, status, error in cases:
            with self.subTest(fields=fields):
                talk = session(OPEN)
                reply = talk.tell("span_end", span_id="mine", **fields)
                span = talk.span("mine")

                self.assertEqual((reply["status"], reply.get("error")), (status, error))
                self.assertEqual((span["status"], span.get("error")), (status, error))
                self.assertEqual("error" in span, error is not None)
                self.assertEqual(reply["duration_us"], span["end_us"] - span["start_us"])

    def test_open_span_is_unset(self) -> None:
        """An open span has status UNSET, no end, no duration and no error."""
        span = session(OPEN).span("mine")

        self.assertEqual((span["status"], span["end_us"], span["duration_us"]), ("UNSET", None, None))
        self.assertNotIn("error", span)

    def test_span_error_records_an_exception(self) -> None:
        """`span_error` adds the event `exception`, whose message the sender's attributes may overwrite."""
        for attributes, expected in [
            (None, [("exception.message", "why")]),
            ({"a": 1}, [("exception.message", "why"), ("a", 1)]),
            ({"a": 1, "exception.message": "m"}, [("exception.message", "m"), ("a", 1)]),
        ]:
            with self.subTest(attributes=attributes):
                talk = session(OPEN)
                reply = talk.tell("span_error", span_id="mine", error="why", attributes=attributes, timestamp_us=70_000)
                span = talk.span("mine")

                self.assertEqual(list(span["events"][1]["attributes"].items()), expected)
                self.assertEqual((span["events"][1]["event"], span["events"][1]["timestamp_us"]), ("exception", 70_000))
                self.assertEqual((span["end_us"], span["status"], span["error"]), (70_000, "ERROR", "why"))
                self.assertNotIn("duration_us", reply)

    def test_end_before_the_start_is_refused(self) -> None:
        """An end may lie at the start, and not before it; the span stays open."""
        talk = Session()
        talk.tell("create_span", name="n", span_id="s", timestamp_us=50_000)
        for message in MESSAGES["end"]:
            with self.subTest(type=message["type"]):
                reply = talk.body({**message, "span_id": "s", "timestamp_us": 49_999, "msg_id": 1})

                self.assertEqual(reply["code"], 22)
                self.assertIn("49999", reply["text"])
        self.assertEqual(talk.tell("span_end", span_id="s", timestamp_us=50_000)["duration_us"], 0)

    def test_span_tells_its_state(self) -> None:
        """A span object knows its state, its times and its status, open and ended."""
        spans = SpanManager(clock=SimulatedClock())
        span = spans.create_span({"name": "n", "timestamp_us": 10})
        self.assertEqual((span.state, span.end_us, span.duration_us, span.error), (OPEN, None, None, None))
        with self.assertRaises(TimeOrderError):
            spans.span_end({"span_id": "span1", "timestamp_us": 9})
        spans.span_end({"span_id": "span1", "timestamp_us": 30})

        self.assertEqual((span.state, span.end_us, span.duration_us, span.status), (ENDED, 30, 20, "OK"))


class PartsTests(unittest.TestCase):
    """Attributes, events and links in their order."""

    def test_attribute_set_again_keeps_its_place(self) -> None:
        """Setting a key again overwrites it in its place, through updates as within one."""
        talk = Session()
        talk.tell("create_span", name="n", span_id="s", attributes={"a": 1, "b": 2})
        talk.tell("span_update", span_id="s", attributes={"c": 3, "a": None})

        self.assertEqual(list(talk.span("s")["attributes"].items()), [("a", None), ("b", 2), ("c", 3)])

    def test_events_and_links_keep_their_order(self) -> None:
        """Events and links stand in the order they came, whatever their time."""
        talk = Session()
        talk.tell("create_span", name="n", span_id="s")
        for number in (3, 1, 2):
            talk.tell("span_event", span_id="s", event=f"e{number}", timestamp_us=number)
            talk.tell("span_link", span_id="s", link={"traceparent": f"00-{number:032x}-{number:016x}-00"})
        span = talk.span("s")

        self.assertEqual(
            [(event["event"], event["timestamp_us"]) for event in span["events"]], [("e3", 3), ("e1", 1), ("e2", 2)]
        )
        self.assertEqual([int(link["traceparent"][3:35], 16) for link in span["links"]], [3, 1, 2])

    def test_update_renames_and_leaves_the_rest(self) -> None:
        """An update of the name changes the name alone, one of attributes those alone."""
        talk = session(OPEN)
        before = talk.span("mine")
        talk.tell("span_update", span_id="mine", name="new")
        self.assertEqual(talk.span("mine"), {**before, "name": "new"})
        talk.tell("span_update", span_id="mine", attributes={"z": 1})

        self.assertEqual(talk.span("mine"), {**before, "name": "new", "attributes": {**before["attributes"], "z": 1}})

    def test_value_of_every_kind_comes_back(self) -> None:
        """An attribute's value is any JSON value, kept as it came."""
        values = {
            "n": None,
            "t": True,
            "i": 10**40,
            "f": -1.5e-7,
            "s": "\ud800😀",
            "l": [[], [None]],
            "o": {"": {"x": 0}},
        }
        talk = Session()
        talk.tell("create_span", name="n", span_id="s", attributes=values)

        self.assertEqual(talk.span("s")["attributes"], values)

    def test_attributes_past_the_bound_are_counted(self) -> None:
        """A bounded set of attributes keeps the first keys, lets them be overwritten, and counts the rest."""
        kept = bounded({"a": "xx", "b": ["yy", {"kk": "zz", "n": 1}]}, 2, 1)
        kept.put({"c": 1, "a": "ww"}, 2, None)

        self.assertIsInstance(kept, Attributes)
        self.assertEqual((dict(kept), kept.dropped), ({"a": "ww", "b": ["y", {"kk": "z", "n": 1}]}, 1))

    def test_parts_of_a_bare_span_are_counted_apart(self) -> None:
        """Dropped events and dropped links of one span do not mix."""
        span = SpanManager(clock=SimulatedClock()).create_span({"name": "n"})
        limits = Limits(events=1, links=1)
        for _ in range(3):
            span.add_event("e", 0, None, limits)
        for _ in range(2):
            span.add_link(span.context, None, limits)

        self.assertEqual((len(span.events), span.dropped_events, len(span.links), span.dropped_links), (1, 2, 1, 1))

"""A span's life: every cell of the table, for every message."""

from __future__ import annotations

import copy
import json
import pickle
import unittest
from datetime import date
from enum import Enum
from http import HTTPStatus
from unittest import mock

from tests.helpers import MESSAGES, TRACEPARENT, Session
from tracer import (
    Attributes,
    Limits,
    MalformedRequestError,
    SimulatedClock,
    SpanExistsError,
    SpanManager,
    TimeOrderError,
)
from tracer.replies import describe_span
from tracer.span import ENDED, OPEN, REFUSALS, UNKNOWN, make_attributes

STATES = (UNKNOWN, OPEN, ENDED)
MESSAGE_OF_TRIGGER = [(trigger, message) for trigger, messages in MESSAGES.items() for message in messages]


def mine(state: str) -> Session:
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


class Word(str, Enum):
    """Words as a caller in Python may have them."""

    SERVER = "SERVER"
    OK = "OK"


class Seconds(float):
    """A number of a class of its own."""


class LifecycleTests(unittest.TestCase):
    """The table, cell by cell, through a whole node."""

    def test_every_cell_does_what_it_says(self) -> None:
        """Each message on a span in each state is refused with the table's code, or else does what it is for."""
        self.assertEqual(set(REFUSALS), set(MESSAGES))
        for state in STATES:
            for trigger, message in MESSAGE_OF_TRIGGER:
                with self.subTest(state=state, type=message["type"]):
                    talk, refusal = mine(state), REFUSALS[trigger].get(state)
                    talk.start()  # so that every message is answered
                    reply = talk.body({"msg_id": 1, "span_id": "mine", **message})
                    if refusal is None:
                        self.assertNotEqual(reply["type"], "error")
                        self.assertEqual(talk.span("mine")["end_us"] is not None, trigger == "end" or state == ENDED)
                    else:
                        self.assertEqual((reply["type"], reply["code"]), ("error", refusal.code))

    def test_table_is_obeyed(self) -> None:
        """What is taken out of the table of refusals is allowed, and what is put in is refused, plain or not."""
        for state in (OPEN, ENDED):
            for trigger, message in MESSAGE_OF_TRIGGER:
                if trigger == "create":
                    continue
                changed = dict(REFUSALS[trigger])
                refusal = None if changed.pop(state, None) else changed.setdefault(state, SpanExistsError)
                with self.subTest(state=state, type=message["type"]):
                    talk = mine(state)
                    talk.start()
                    with mock.patch.dict(REFUSALS, {trigger: changed}):
                        reply = talk.body({"msg_id": 1, "span_id": "mine", "timestamp_us": 99_999, **message})

                    self.assertEqual(reply.get("code"), refusal and refusal.code)

    def test_refused_message_leaves_the_span_as_it_was(self) -> None:
        """A span that refuses a message is the same, to the byte, in `get_span`."""
        for state in (OPEN, ENDED):
            for trigger, message in MESSAGE_OF_TRIGGER:
                if state not in REFUSALS[trigger]:
                    continue
                with self.subTest(state=state, type=message["type"]):
                    talk = mine(state)
                    ask = b'{"type":"get_span","span_id":"mine"}'
                    before = talk.line(ask)
                    talk.tell(**{"span_id": "mine", **message})

                    self.assertEqual(talk.line(ask), before)

    def test_ended_span_is_immutable(self) -> None:
        """Every mutator, one after the other, with and without a time, leaves an ended span bit for bit as it was."""
        talk = mine(ENDED)
        ask = b'{"type":"get_span","span_id":"mine"}'
        before = talk.line(ask)
        for _, message in MESSAGE_OF_TRIGGER:
            for extra in (
                {},
                {"timestamp_us": 9_000_000},
                {"kind": "CLIENT", "traceparent": TRACEPARENT},
            ):
                talk.tell(**{"span_id": "mine", **message, **extra})
                with self.subTest(type=message["type"], extra=extra):
                    self.assertEqual(talk.line(ask), before)

    def test_ended_span_may_be_parent_and_linked_to(self) -> None:
        """Naming an ended span as a parent or in a link is no change of it."""
        talk = mine(ENDED)
        ended = talk.span("mine")
        talk.tell("create_span", name="child", span_id="child", parent_span_id="mine", links=[{"span_id": "mine"}])
        talk.tell("span_link", span_id="other", link={"span_id": "mine"})
        child = talk.span("child")

        self.assertEqual(child["parent"], ended["traceparent"])
        self.assertEqual(child["links"], [{"traceparent": ended["traceparent"], "attributes": {}}])
        self.assertEqual(talk.span("other")["links"], child["links"])
        self.assertEqual(talk.span("mine"), ended)

    def test_parent_s_end_leaves_its_children_open(self) -> None:
        """A child outlives its parent."""
        talk = mine(OPEN)
        talk.tell("create_span", name="child", span_id="child", parent_span_id="mine")
        talk.tell("span_end", span_id="mine")

        self.assertIsNone(talk.span("child")["end_us"])

    def test_refusal_names_the_span(self) -> None:
        """The sentence of a refusal quotes the span's id."""
        for state, message, said in [
            (OPEN, {"type": "create_span", "name": "n"}, '"span_id" is taken by a known span: "mine"'),
            (UNKNOWN, {"type": "span_update", "name": "n"}, '"span_id" names no known span: "mine"'),
            (ENDED, {"type": "span_end"}, '"span_id" names a span that has ended: "mine"'),
        ]:
            with self.subTest(state):
                self.assertEqual(mine(state).body({**message, "span_id": "mine", "msg_id": 1})["text"], said)


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
                talk = mine(OPEN)
                reply = talk.tell("span_end", span_id="mine", **fields)
                span = talk.span("mine")

                self.assertEqual((reply["status"], reply.get("error")), (status, error))
                self.assertEqual((span["status"], span.get("error")), (status, error))
                self.assertEqual("error" in span, error is not None)
                self.assertEqual(reply["duration_us"], span["end_us"] - span["start_us"])

    def test_open_span_is_unset(self) -> None:
        """An open span has status UNSET, no end, no duration and no error."""
        span = mine(OPEN).span("mine")

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
                talk = mine(OPEN)
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
        talk = mine(OPEN)
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
        kept = make_attributes({"a": "xx", "b": ["yy", {"kk": "zz", "n": 1}]}, 2, 1)
        kept._put({"c": 1, "a": "ww"}, 2)

        self.assertIsInstance(kept, Attributes)
        self.assertEqual((kept, kept.dropped), ({"a": "ww", "b": ("y", {"kk": "z", "n": 1})}, 1))

    def test_span_without_parts_has_empty_ones(self) -> None:
        """Where there are no attributes, events or links, they are empty; so are those of an event and of a link.

        Of a message that came from nobody there is no service.
        """
        spans = SpanManager(clock=SimulatedClock())
        span = spans.create_span({"name": "n"})
        self.assertEqual((span.attributes, span.attributes.dropped, span.events, span.links), ({}, 0, (), ()))
        self.assertIsNone(span.service)
        spans.span_event({"span_id": "span1", "event": "e"})
        spans.span_link({"span_id": "span1", "link": {"traceparent": TRACEPARENT}})

        self.assertEqual((span.events[0].attributes, span.links[0].attributes), ({}, {}))
        self.assertEqual(span.links[0].context.traceparent, TRACEPARENT)

    def test_span_tells_its_name_id_and_state(self) -> None:
        """What Python shows of a span is its name, its id and its state, whatever characters they have."""
        spans = SpanManager(clock=SimulatedClock())
        spans.create_span({"name": "GET /\n", "span_id": "é"})

        self.assertEqual(repr(spans.open_spans()), r'[<Span "GET /\n", "\u00e9", open>]')
        self.assertEqual(repr(spans.span_end({"span_id": "é"})), r'<Span "GET /\n", "\u00e9", ended, still kept>')

    def test_parts_tell_what_they_are(self) -> None:
        """What Python shows of an event is its name and time, of an identity and a link the traceparent."""
        spans = SpanManager(clock=SimulatedClock())
        span = spans.create_span({"name": "n", "traceparent": TRACEPARENT, "links": [{"traceparent": TRACEPARENT}]})
        spans.span_event({"span_id": "span1", "event": "e\n", "timestamp_us": 7})

        self.assertEqual(repr(span.parent), f"<SpanContext {TRACEPARENT}>")
        self.assertEqual(repr(span.links), f"(<Link {TRACEPARENT}>,)")
        self.assertEqual(repr(span.events), r'(<Event "e\n" at 7 us>,)')

    def test_value_that_json_does_not_have_is_its_text(self) -> None:
        """What a caller in Python sets and JSON does not have is kept as its `str()`, at any depth, keys too."""
        talk = Session()
        circle: list[object] = []
        circle.append(circle)
        circle.append(circle)
        ring: dict[str, object] = {}
        ring["r"] = ring
        values = {
            "a": {1},
            "b": [float("nan"), (float("-inf"), None)],
            "c": {(1, 2): b"x", None: 1},
            5: date(2024, 2, 29),
        }
        talk.manager.create_span(
            {"name": "n", "span_id": "s", "attributes": {**values, "circle": circle, "ring": ring}}
        )
        kept = talk.span("s")["attributes"]

        self.assertEqual(kept.pop("circle"), ["[[...], [...]]"] * 2)
        self.assertEqual(kept.pop("ring"), {"r": "{'r': {...}}"})
        expected = {"a": "{1}", "b": ["nan", ["-inf", None]], "c": {"(1, 2)": "b'x'", "None": 1}, "5": "2024-02-29"}
        self.assertEqual(kept, expected)

    def test_parts_are_added_in_place(self) -> None:
        """However many events and links a span may have, one more does not copy those before it."""
        spans = SpanManager(Limits(events=1_000, links=1_000), SimulatedClock())
        span = spans.create_span({"name": "n"})
        held = set()
        for number in range(1_000):
            spans.span_event({"span_id": "span1", "event": f"e{number}"})
            spans.span_link({"span_id": "span1", "link": {"span_id": "span1"}})
            held |= {id(span._events), id(span._links)} if number else set()

        self.assertEqual(len(held), 2)
        self.assertEqual([event.name for event in span.events], [f"e{number}" for number in range(1_000)])

    def test_parts_of_a_bare_span_are_counted_apart(self) -> None:
        """Dropped events and dropped links of one span do not mix."""
        spans = SpanManager(Limits(events=1, links=1), SimulatedClock())
        span = spans.create_span({"name": "n"})
        for _ in range(3):
            spans.span_event({"span_id": "span1", "event": "e"})
        for _ in range(2):
            spans.span_link({"span_id": "span1", "link": {"span_id": "span1"}})

        self.assertEqual((len(span.events), span.dropped_events, len(span.links), span.dropped_links), (1, 2, 1, 1))


class ViewTests(unittest.TestCase):
    """What Python code that is given a span can do to it: nothing."""

    def setUp(self) -> None:
        spans = SpanManager(clock=SimulatedClock())
        attributes = {"list": [1, [2]], "object": {"k": {"l": 1}}}
        self.body = {"name": "n", "span_id": "s", "traceparent": TRACEPARENT, "attributes": attributes}
        self.span = spans.create_span(self.body)
        spans.span_event({"span_id": "s", "event": "e", "attributes": attributes})
        spans.span_link({"span_id": "s", "link": {"traceparent": TRACEPARENT, "attributes": attributes}})

    def test_no_part_can_be_replaced(self) -> None:
        """No public attribute of a span, an event, a link or an identity can be assigned or deleted."""
        span = self.span
        for thing in (span, span.events[0], span.links[0], span.parent, span.attributes):
            for name in [name for name in dir(type(thing)) if not name.startswith("_")]:
                if not callable(getattr(thing, name)):
                    with self.subTest(type=type(thing).__name__, name=name):
                        with self.assertRaises(AttributeError):
                            setattr(thing, name, None)
                        with self.assertRaises(AttributeError):
                            delattr(thing, name)

    def test_no_verb_is_public(self) -> None:
        """A span has no public method: its messages change it."""
        self.assertEqual([name for name in dir(self.span) if name[0] != "_" and callable(getattr(self.span, name))], [])

    def test_attributes_can_only_be_read(self) -> None:
        """Nothing sets, deletes or reorders an attribute, at any depth, wherever it is."""
        span = self.span
        changes = [
            lambda found: found.__setitem__("a", 1),
            lambda found: found.__delitem__("list"),
            lambda found: found.__ior__({"a": 1}),
            lambda found: found.update(a=1),
            lambda found: found.setdefault("a", 1),
            lambda found: found.pop("list"),
            lambda found: found.popitem(),
            lambda found: found.clear(),
        ]
        for found in (span.attributes, span.events[0].attributes, span.links[0].attributes, span.attributes["object"]):
            before = dict(found)
            for change in changes:
                with self.assertRaisesRegex(TypeError, "^what a span holds can only be read; span_update"):
                    change(found)

            self.assertEqual(found, before)
        self.assertEqual(span.attributes["list"], (1, (2,)))
        with self.assertRaises(TypeError):
            span.attributes["object"]["k"]["l"] = 2

    def test_sender_s_own_objects_are_copied(self) -> None:
        """What the sender does to its own lists and objects afterwards changes no span."""
        self.body["attributes"]["list"].append(3)
        self.body["attributes"]["object"]["k"]["l"] = 3

        self.assertEqual(self.span.attributes, {"list": (1, (2,)), "object": {"k": {"l": 1}}})

    def test_attributes_are_written_and_copied_as_any_dict(self) -> None:
        """Attributes are written by `json`; `dict` and `copy` make plain ones of them, which can be changed."""
        found = self.span.attributes

        self.assertEqual(json.loads(json.dumps(found)), self.body["attributes"])
        for made in (dict(found), found.copy()):
            made["a"] = 1
            self.assertEqual((type(made), made), (dict, {**found, "a": 1}))

    def test_copies_are_the_same_and_as_fixed(self) -> None:
        """Copies and pickles of a span and its parts say the same, and can only be read either."""
        span = self.span
        span.attributes._dropped = 3
        for made in (copy.deepcopy(span), pickle.loads(pickle.dumps(span))):
            self.assertEqual(describe_span(made), describe_span(span))
            with self.assertRaisesRegex(TypeError, "span_update"):
                made.attributes["object"]["k"] = 1
        for part in (span.events[0], span.links[0]):
            self.assertEqual(copy.deepcopy(part).attributes, part.attributes)

    def test_attributes_of_a_span_show_what_is_set_later(self) -> None:
        """Who holds a span's attributes sees later ones, also where there were none."""
        spans = SpanManager(clock=SimulatedClock())
        attributes = spans.create_span({"name": "n"}).attributes
        spans.span_update({"span_id": "span1", "attributes": {"k": 1}})

        self.assertEqual(attributes, {"k": 1})

    def test_member_of_an_enum_is_its_value(self) -> None:
        """Of an enum's member, and of any class derived from a string or a number, the plain value is kept."""
        spans = SpanManager(clock=SimulatedClock())
        values = {"s": Word.OK, "i": HTTPStatus.OK, "l": [HTTPStatus.GONE], "f": Seconds(1.5)}
        span = spans.create_span({"name": "n", "kind": Word.SERVER, "attributes": values})
        spans.span_end({"span_id": "span1", "status": Word.OK})

        self.assertEqual(span.attributes, {"s": "OK", "i": 200, "l": (410,), "f": 1.5})
        kept = [span.kind, span.status, *span.attributes.values(), *span.attributes["l"]]
        self.assertEqual([type(value) for value in kept], [str, str, str, int, tuple, float, int])

    def test_value_that_is_nested_too_deep_changes_nothing(self) -> None:
        """A value that is nested deeper than any line can be is refused before anything is changed, a claim included."""
        deep: list[object] = []
        for _ in range(2_000):
            deep = [deep]
        attributes = {"k": deep}
        link = {"traceparent": TRACEPARENT, "attributes": attributes}
        for message_type, fields in {
            "create_span": {"name": "n", "attributes": attributes},
            "span_event": {"event": "e", "attributes": attributes, "timestamp_us": 99},
            "span_link": {"link": link},
            "span_update": {"name": "m", "attributes": attributes},
            "span_error": {"error": "e", "attributes": attributes, "timestamp_us": 99},
        }.items():
            with self.subTest(message_type):
                talk = Session()
                talk.tell("create_span", name="n")
                with self.assertRaisesRegex(MalformedRequestError, "200 levels"):
                    getattr(talk.manager, message_type)({"span_id": "mine", **fields})

                self.assertEqual((talk.span("span1")["events"], talk.span("span1")["name"]), ([], "n"))
                self.assertEqual((talk.manager.clock.now_us, talk.tell("generate")["id"]), (10_000, "span2"))

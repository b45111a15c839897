"""The OpenTelemetry SDK for Python as a judge: the same life of a span through it and through the node.

Differences on purpose, each with its reason and a test of its own below:

- A bound that is met: the node keeps what came first and drops the newcomer, as OpenTelemetry's specification of
  attribute limits says; the SDK drops the oldest.  How many are dropped is the same.
- An attribute that is set again: the node overwrites it in its place, the SDK moves it to the end.  Attributes have no
  order in OpenTelemetry; the node has one so that its output is the same to the byte.
- An empty key inside a value: the node keeps any JSON value whole, the SDK drops that key.
- The status at the end: `OK` unless the message says otherwise, where the SDK leaves `UNSET`; the task wants it so.
- A late call: the node refuses it with an error, the SDK logs a warning.  Neither changes the span.
- An end before the start: the node refuses it, the SDK keeps a negative duration.
"""

from __future__ import annotations

import json
import logging
import unittest
from random import Random
from typing import Any

try:
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider
    from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
except ImportError as error:
    raise unittest.SkipTest("opentelemetry-sdk is not installed") from error

from tracer import CountedIds, Limits, Node, SimulatedClock, SpanManager

LIVES = 400
KINDS = [kind.name for kind in SpanKind]
STATUSES = [status.name for status in StatusCode]
VALUES = (
    None,
    True,
    0,
    -5,
    2**63,
    1.5,
    "",
    "a long value",
    "\U0001f600" * 9,
    [],
    [1, "a long value", [None]],
    {"k": ["a long value"]},
)
UNBOUNDED = 128
CHANGES = ("span_event", "span_link", "span_update")


class Pair:
    """One span, kept twice; each method does the same to both."""

    def __init__(self, bound: int = UNBOUNDED, value_characters: int | None = None, **fields: Any) -> None:
        limits = Limits(
            attributes=bound, event_attributes=bound, link_attributes=bound, events=bound, links=bound,
            value_characters=value_characters,
        )  # fmt: skip
        self.node = Node(SpanManager(limits, SimulatedClock(), CountedIds()))
        fields = {"name": "name", "kind": "INTERNAL", "timestamp_us": 0, "attributes": {}, "links": [], **fields}
        self.tell("create_span", span_id="s", **fields)
        provider = TracerProvider(
            shutdown_on_exit=False,
            span_limits=SpanLimits(
                max_span_attributes=bound, max_event_attributes=bound, max_link_attributes=bound, max_events=bound,
                max_links=bound, max_attribute_length=value_characters, max_span_attribute_length=value_characters,
            ),
        )  # fmt: skip
        self.span: Any = provider.get_tracer("judge").start_span(
            fields["name"],
            kind=SpanKind[fields["kind"]],
            start_time=fields["timestamp_us"] * 1000,
            attributes=fields["attributes"],
            links=[Link(context_of(link["traceparent"]), link["attributes"]) for link in fields["links"]],
        )

    def tell(self, message_type: str, **fields: Any) -> dict[str, Any]:
        """Send the node a message; give its reply, {} for none."""
        reply = self.node.answer(json.dumps({"type": message_type, "msg_id": 1, **fields}).encode())
        return {} if reply is None else json.loads(reply)

    def change(self, message_type: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Change the span in both; give the node's reply."""
        reply = self.tell(message_type, span_id="s", **fields)
        if message_type == "span_event":
            self.span.add_event(fields["event"], fields["attributes"], fields["timestamp_us"] * 1000)
        elif message_type == "span_link":
            self.span.add_link(context_of(fields["link"]["traceparent"]), fields["link"]["attributes"])
        elif message_type == "span_update":
            self.span.update_name(fields["name"])
            self.span.set_attributes(fields["attributes"])
        else:
            self.span.set_status(Status(StatusCode[fields["status"]], fields.get("error")))
            self.span.end(fields["timestamp_us"] * 1000)
        return reply

    def ours(self) -> dict[str, Any]:
        """Show what the node keeps, without its identity."""
        shown = self.tell("get_span", span_id="s")["span"]
        del shown["span_id"], shown["traceparent"], shown["duration_us"]
        return {"error": None, **shown}

    def theirs(self) -> dict[str, Any]:
        """Show what the SDK keeps, in the node's words."""
        span, end_ns = self.span, self.span.end_time
        shown = {
            "error": span.status.description, "parent": span.parent, "name": span.name, "kind": span.kind.name,
            "status": span.status.status_code.name, "start_us": span.start_time // 1000,
            "end_us": None if end_ns is None else end_ns // 1000, "attributes": dict(span.attributes),
            "events": [
                {"event": event.name, "timestamp_us": event.timestamp // 1000, "attributes": dict(event.attributes)}
                for event in span.events
            ],
            "links": [
                {"traceparent": traceparent_of(link.context),
                "attributes": dict(link.attributes)} for link in span.links
            ],
            "dropped_attributes": span.dropped_attributes, "dropped_events": span.dropped_events,
            "dropped_links": span.dropped_links,
        }  # fmt: skip
        # Lists, which the SDK keeps as tuples.
        return json.loads(json.dumps(shown))


def context_of(traceparent: str) -> SpanContext:
    """Make the SDK's context of a traceparent."""
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def traceparent_of(context: SpanContext) -> str:
    """Write the SDK's context as a traceparent."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def random_attributes(random: Random) -> dict[str, Any]:
    """Make up to three attributes."""
    return {key: random.choice(VALUES) for key in random.sample("abcdefgh", random.randrange(4))}


def random_link(random: Random) -> dict[str, Any]:
    """Make a link to a span elsewhere."""
    traceparent = f"00-{random.getrandbits(128) | 1:032x}-{random.getrandbits(64) | 1:016x}-{random.randrange(4):02x}"
    return {"traceparent": traceparent, "attributes": random_attributes(random)}


def random_change(random: Random) -> tuple[str, dict[str, Any]]:
    """Make a change of an open span."""
    if random.random() < 0.4:
        fields = {
            "event": random.choice("xyz"),
            "attributes": random_attributes(random),
            "timestamp_us": random.randrange(99),
        }
        return "span_event", fields
    if random.random() < 0.5:
        return "span_link", {"link": random_link(random)}
    return "span_update", {"name": random.choice(("n", "m")), "attributes": random_attributes(random)}


def random_end(random: Random) -> dict[str, Any]:
    """Make the end of a span."""
    status = random.choice(STATUSES)
    error = {"error": "it broke"} if status == "ERROR" and random.random() < 0.7 else {}
    return {"status": status, "timestamp_us": random.randrange(50, 999), **error}


class SdkTests(unittest.TestCase):
    """The SDK and the node keep the same of a span."""

    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_lives_are_kept_as_the_sdk_keeps_them(self):
        """Names, kinds, status, events in order, links, attributes set again and cut are equal at each step."""
        for seed in range(LIVES):
            random = Random(seed)
            pair = Pair(
                value_characters=random.choice((None, None, 0, 1, 5)),
                kind=random.choice(KINDS),
                timestamp_us=random.randrange(50),
                attributes=random_attributes(random),
                links=[random_link(random) for _ in range(random.randrange(3))],
            )
            for _ in range(random.randrange(9)):
                pair.change(*random_change(random))

                self.assertEqual(pair.ours(), pair.theirs(), f"seed {seed}")
            pair.change("span_end", random_end(random))

            self.assertEqual(pair.ours(), pair.theirs(), f"seed {seed}")
            self.assertIsNotNone(pair.ours()["end_us"])

    def test_bounds_drop_as_many_as_the_sdk_drops(self):
        """Past a bound as many parts are kept and dropped as in the SDK, of which the node keeps the first."""
        keys = "abcdef"
        attributes = {key: number for number, key in enumerate(keys)}
        links = [random_link(Random(number)) | {"attributes": attributes} for number in range(len(keys))]
        for bound in (0, 1, 3, 6, 7):
            with self.subTest(bound=bound):
                pair = Pair(bound, attributes={"a": 0}, links=links[:2])
                pair.change("span_update", {"name": "n", "attributes": dict(list(attributes.items())[1:])})
                for number, key in enumerate(keys):
                    pair.change("span_event", {"event": key, "timestamp_us": number, "attributes": attributes})
                for link in links[2:]:
                    pair.change("span_link", {"link": link})
                ours, theirs, dropped = pair.ours(), pair.theirs(), max(0, len(keys) - bound)
                for part in ("attributes", "events", "links"):
                    self.assertEqual((ours[f"dropped_{part}"], theirs[f"dropped_{part}"]), (dropped, dropped))
                    self.assertEqual((len(ours[part]), len(theirs[part])), (len(keys) - dropped,) * 2)
                inner = [part["attributes"] for part in ours["events"] + ours["links"]]
                first, last = list(keys)[:bound], list(keys)[dropped:]
                self.assertEqual((list(ours["attributes"]), list(theirs["attributes"])), (first, last))
                self.assertEqual([event["event"] for event in ours["events"]], first)
                self.assertEqual([event["event"] for event in theirs["events"]], last)
                self.assertEqual([list(each) for each in inner], [first] * len(inner))

    def test_ended_span_stays_as_the_sdk_leaves_it(self):
        """After its end no change moves a span, in either; the node says so with error 22."""
        random = Random(1)
        for _ in range(50):
            pair = Pair(attributes={"a": 1})
            pair.change("span_end", random_end(random))
            before = pair.ours()
            for message_type, fields in [
                random_change(random),
                random_change(random),
                ("span_end", random_end(random)),
            ]:
                self.assertEqual(pair.change(message_type, fields)["code"], 22)
                self.assertEqual((pair.ours(), pair.theirs()), (before, before))

    def test_error_is_recorded_under_the_names_of_the_sdk(self):
        """A `span_error` leaves the event, the message and the status that a recorded exception leaves in the SDK."""
        pair = Pair()
        pair.tell("span_error", span_id="s", error="it broke", timestamp_us=1)
        pair.span.record_exception(ValueError("it broke"), timestamp=1000)
        pair.span.set_status(Status(StatusCode.ERROR, "it broke"))
        pair.span.end(1000)
        ours, theirs = pair.ours(), pair.theirs()
        # Only Python's own exceptions have a class and a stack.
        for key in ("exception.type", "exception.stacktrace", "exception.escaped"):
            theirs["events"][0]["attributes"].pop(key, None)

        self.assertEqual(ours, theirs)


class DifferencesTests(unittest.TestCase):
    """Each difference on purpose is one, so that the list cannot go stale."""

    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_attribute_set_again_keeps_its_place(self):
        """The node overwrites in place where the SDK moves to the end; the values are the same."""
        pair = Pair(attributes={"a": 1, "b": 2})
        pair.change("span_update", {"name": "n", "attributes": {"a": 3}})

        self.assertEqual(list(pair.ours()["attributes"].items()), [("a", 3), ("b", 2)])
        self.assertEqual(list(pair.theirs()["attributes"].items()), [("b", 2), ("a", 3)])

    def test_empty_key_in_a_value_is_kept(self):
        """The node keeps a value whole where the SDK drops an empty key from it."""
        pair = Pair(attributes={"a": {"": 1, "b": 2}})

        self.assertEqual(pair.ours()["attributes"], {"a": {"": 1, "b": 2}})
        self.assertEqual(pair.theirs()["attributes"], {"a": {"b": 2}})

    def test_end_without_status_is_ok(self):
        """The node ends a span with OK unless told otherwise where the SDK leaves UNSET."""
        pair = Pair()
        pair.tell("span_end", span_id="s", timestamp_us=1)
        pair.span.end(1000)

        self.assertEqual((pair.ours()["status"], pair.theirs()["status"]), ("OK", "UNSET"))

    def test_end_before_the_start_is_refused(self):
        """The node leaves the span open where the SDK ends it before it started."""
        pair = Pair(timestamp_us=10)
        reply = pair.change("span_end", {"status": "OK", "timestamp_us": 9})

        self.assertEqual((reply["code"], pair.ours()["end_us"], pair.theirs()["end_us"]), (22, None, 9))

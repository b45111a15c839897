"""Hypothesis as a judge: it looks for the shortest talk after which the node and a few lines of reference disagree.

The reference knows spans by their own chosen ids and nothing of lines, envelopes or claiming; `tests/model.py` does.
"""

from __future__ import annotations

import json
import unittest
from typing import Any

try:
    from hypothesis import HealthCheck, settings
    from hypothesis import strategies as st
    from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
except ImportError as error:
    raise unittest.SkipTest("hypothesis is not installed") from error

from tests.oracles import skip_unless_outer
from tracer import CountedIds, Limits, Node, SimulatedClock, SpanManager

skip_unless_outer()

BOUND, OPEN, KEPT = 2, 3, 2
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
TEXTS = st.text(min_size=1, max_size=4)
ATTRIBUTES = st.dictionaries(st.sampled_from("abc\ud800"), JSON, max_size=4)
TIMES = st.integers(0, 9)


class SpanMachine(RuleBasedStateMachine):
    """Talks to a node with small bounds; `spans` is what the reference knows, in the order of ending."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        limits = Limits(OPEN, KEPT, attributes=BOUND, event_attributes=BOUND, events=BOUND)
        self.node = Node(SpanManager(limits, SimulatedClock(0), CountedIds()))
        self.spans: dict[str, dict[str, Any]] = {}

    def tell(self, message_type: str, **fields: Any) -> dict[str, Any]:
        """Send a message; give the reply, {} for none."""
        reply = self.node.answer(json.dumps({"type": message_type, "msg_id": 1, **fields}).encode())
        return {} if reply is None else json.loads(reply)

    def state(self, span_id: str) -> int:
        """Say with which error a change of a span fails, 0 if with none."""
        return 20 if span_id not in self.spans else 22 if self.spans[span_id]["end_us"] is not None else 0

    @rule(target=ids, span_id=TEXTS)
    def any_id(self, span_id: str) -> str:
        return span_id

    @rule(span_id=ids, name=TEXTS, start_us=TIMES, attributes=ATTRIBUTES)
    def create(self, span_id: str, name: str, start_us: int, attributes: dict[str, Any]) -> None:
        """A span is new, or its id is taken (21), or there are too many (11)."""
        reply = self.tell("create_span", span_id=span_id, name=name, timestamp_us=start_us, attributes=attributes)
        is_full = sum(span["end_us"] is None for span in self.spans.values()) == OPEN
        assert reply.get("code") == (21 if span_id in self.spans else 11 if is_full else None)
        if not reply:
            self.spans[span_id] = {"name": name, "start_us": start_us, "end_us": None, "status": "UNSET", "events": [],
                                   "attributes": {}, "dropped_attributes": 0, "dropped_events": 0}  # fmt: skip
            self.put_attributes(span_id, attributes)

    @rule(span_id=ids, event=TEXTS, timestamp_us=TIMES, attributes=ATTRIBUTES)
    def event(self, span_id: str, event: str, timestamp_us: int, attributes: dict[str, Any]) -> None:
        """An open span takes events up to its bound, and counts the rest."""
        reply = self.tell("span_event", span_id=span_id, event=event, timestamp_us=timestamp_us, attributes=attributes)
        assert reply.get("code", 0) == self.state(span_id)
        if not reply:
            self.put_event(span_id, event, timestamp_us, attributes)

    @rule(span_id=ids, attributes=ATTRIBUTES)
    def update(self, span_id: str, attributes: dict[str, Any]) -> None:
        """An open span takes attributes, over its old ones or beside them."""
        reply = self.tell("span_update", span_id=span_id, attributes=attributes)
        assert reply.get("code", 0) == self.state(span_id)
        if not reply:
            self.put_attributes(span_id, attributes)

    @rule(span_id=ids, end_us=TIMES, status=st.sampled_from(("OK", "ERROR", "UNSET")))
    def end(self, span_id: str, end_us: int, status: str) -> None:
        """An open span ends, though not before it started (22)."""
        reply = self.tell("span_end", span_id=span_id, timestamp_us=end_us, status=status)
        code = self.state(span_id) or (22 if end_us < self.spans[span_id]["start_us"] else 0)
        assert reply.get("code", 0) == code
        if not code:
            assert (reply["type"], reply["duration_us"]) == ("span_complete", end_us - self.spans[span_id]["start_us"])
            self.put_end(span_id, end_us, status)

    @rule(span_id=ids, end_us=TIMES, error=TEXTS)
    def fail(self, span_id: str, end_us: int, error: str) -> None:
        """An open span fails: an event, and an end."""
        reply = self.tell("span_error", span_id=span_id, timestamp_us=end_us, error=error)
        code = self.state(span_id) or (22 if end_us < self.spans[span_id]["start_us"] else 0)
        assert reply.get("code", 0) == code
        if not code:
            self.put_event(span_id, "exception", end_us, {"exception.message": error})
            self.spans[span_id]["error"] = error
            self.put_end(span_id, end_us, "ERROR")

    @rule(span_id=ids)
    def get(self, span_id: str) -> None:
        """A span is known while it is open or kept."""
        assert self.tell("get_span", span_id=span_id).get("code") == (None if span_id in self.spans else 20)

    @invariant()
    def all_is_as_the_reference_has_it(self) -> None:
        """Every span that the reference knows is the same in the node."""
        for span_id, span in self.spans.items():
            shown = self.tell("get_span", span_id=span_id)["span"]
            assert {key: shown[key] for key in span} == span
            assert list(shown["attributes"]) == list(span["attributes"])

    def put_attributes(self, span_id: str, attributes: dict[str, Any]) -> None:
        span = self.spans[span_id]
        for key, value in attributes.items():
            if key in span["attributes"] or len(span["attributes"]) < BOUND:
                span["attributes"][key] = value
            else:
                span["dropped_attributes"] += 1

    def put_event(self, span_id: str, event: str, timestamp_us: int, attributes: dict[str, Any]) -> None:
        span, kept = self.spans[span_id], dict(list(attributes.items())[:BOUND])
        if len(span["events"]) < BOUND:
            span["events"].append({"event": event, "timestamp_us": timestamp_us, "attributes": kept})
        else:
            span["dropped_events"] += 1

    def put_end(self, span_id: str, end_us: int, status: str) -> None:
        self.spans[span_id] = {**self.spans.pop(span_id), "end_us": end_us, "status": status}
        ended = [known for known, span in self.spans.items() if span["end_us"] is not None]
        for forgotten in ended[: max(0, len(ended) - KEPT)]:
            del self.spans[forgotten]


SpanTests = SpanMachine.TestCase
SpanTests.settings = settings(
    max_examples=300,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

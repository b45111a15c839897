"""The node's protocol once more, written from its description alone: plain, slow and obvious.

Owns no part of the node and imports none of it, so that the two can be wrong in different ways only.  `Model.run`
takes the bytes of a whole input and gives the lines that the node must write, with the `text` of errors left empty;
`Model.complained` then has the numbers of the lines that the node must complain about, of a spread message the first.
Real time and random ids are counted here; `tests/sessions.py` says how the two are compared.
"""

from __future__ import annotations

import json
from typing import Any, Callable, NamedTuple, Optional

from tests.model_forms import (
    MalformedError,
    RefusedError,
    Runs,
    bounded,
    check,
    check_attributes,
    check_create_span,
    check_link,
    check_timestamp,
    is_integer,
    is_text,
    normal_traceparent,
    open_envelope,
    parse,
)

#: The type of a reply (None: there is none) and its fields.
Reply = tuple[Optional[str], dict[str, Any]]
STATUSES = ("OK", "ERROR", "UNSET")
#: The messages that take an unknown id for that of the one span whose id nobody knows.
CLAIMING = ("span_event", "span_link", "span_update", "span_end", "span_error")
TYPES = (*CLAIMING, "create_span", "get_span", "init", "echo", "generate")
#: Where a model's real clock starts: any time in which nobody states a timestamp will do.
REAL_START_US = 1_750_000_000_000_000
#: Stands for the random part of the ids that a node generates on the real clock.
REAL_START_DIGITS = "0000abcd"


class Settings(NamedTuple):
    """What the command line and the environment decide."""

    clock: str = "auto"
    tick_us: int = 5000
    max_open_spans: int = 100_000
    keep_ended: int = 1000
    max_line_bytes: int = 1 << 20
    span_attributes: int = 128
    event_attributes: int = 128
    link_attributes: int = 128
    events: int = 128
    links: int = 128
    value_characters: int | None = None


class Record:
    """All that is known of one span."""

    def __init__(self, span_id: str, name: str) -> None:
        self.span_id, self.name = span_id, name
        self.kind, self.status = "INTERNAL", "UNSET"
        self.error: str | None = None
        self.trace = self.own = ""
        self.flags = 1
        self.parent: str | None = None
        self.start_us = 0
        self.end_us: int | None = None
        self.attributes: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.links: list[dict[str, Any]] = []
        self.dropped_attributes = self.dropped_events = self.dropped_links = 0
        self.unclaimed = True
        #: The `src` and `dest` of its `create_span`, or None where that came bare.
        self.made_by: tuple[str, str] | None = None

    def traceparent(self) -> str:
        """Say who the span is in its trace."""
        return f"00-{self.trace}-{self.own}-{self.flags:02x}"

    def duration_us(self) -> int | None:
        """Say how long the span took; None while it is open."""
        return None if self.end_us is None else self.end_us - self.start_us


class Model:
    """A node that keeps its spans in a plain dict and looks everything up anew each time."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.real = settings.clock == "real"
        #: Whether a span has ever been created.
        self.created = False
        self.now_us: int | None = None
        self.node_id: str | None = None
        self.sent = self.lines = self.counter = 0
        self.traces = 0
        self.spans: dict[str, Record] = {}
        self.ended: list[Record] = []
        #: The numbers, from 1 on, of the lines that were refused.
        self.complained: list[int] = []
        self.runs = Runs()

    # Lines

    def run(self, data: bytes) -> list[str]:
        """Give the lines that the node writes for an input."""
        if data.startswith(b"\xef\xbb\xbf"):
            data = data[3:]
        replies = [self.answer(line) for line in data.split(b"\n")]
        return [reply for reply in replies if reply is not None]

    def answer(self, line: bytes) -> str | None:
        """Give the reply to one line, if there is one."""
        self.lines += 1
        outer = None
        try:
            outer = parse(line, self.settings.max_line_bytes)
            if outer is None:
                return None
            self.tick()
            body, envelope = open_envelope(outer)
        except MalformedError:
            if outer is not None or not self.runs.goes_on(self.lines, line, self.settings.max_line_bytes):
                self.complained.append(self.lines)
            return None
        if body.get("in_reply_to") is not None:
            return None
        return self.serve(body, envelope)

    def tick(self) -> None:
        """Let one line's time pass."""
        if self.real:
            self.now_us = (self.now_us or REAL_START_US) + 1
        else:
            self.now_us = 0 if self.now_us is None else self.now_us + self.settings.tick_us

    def serve(self, body: dict[str, Any], envelope: tuple[str, str] | None) -> str | None:
        """Do what a body asks; give the line to send, if any."""
        way = envelope if envelope is not None else self.way_of_bare(body)
        try:
            kind, fields = self.handle(body, envelope)
        except RefusedError as refused:
            self.complained.append(self.lines)
            if not is_integer(body.get("msg_id")):
                return None
            kind, fields = "error", {"code": refused.code, "text": ""}
        if kind is None:
            return None
        reply = {"type": kind, **fields}
        if body.get("msg_id") is not None and not (kind == "span_created" and self.node_id is None):
            reply["in_reply_to"] = body["msg_id"]
        if self.node_id is not None:
            reply["msg_id"] = self.sent
            self.sent += 1
        if way is None:
            return json.dumps(reply)
        return json.dumps({"src": self.node_id or way[1], "dest": way[0], "body": reply})

    def way_of_bare(self, body: dict[str, Any]) -> tuple[str, str] | None:
        """Say in whose envelope a bare message is answered."""
        if body.get("type") not in (*CLAIMING, "get_span") or not is_text(body.get("span_id")):
            return None
        span = self.spans.get(body["span_id"]) or self.claimable(body)
        return span.made_by if span else None

    # Messages

    def handle(self, body: dict[str, Any], envelope: tuple[str, str] | None) -> Reply:
        """Do what a body asks; give the type (None: no reply) and the fields of the reply."""
        message_type = body.get("type")
        check(is_text(message_type) and (body.get("msg_id") is None or is_integer(body["msg_id"])))
        check(message_type in TYPES, 10)
        if message_type == "create_span":
            return self.create_span(body, envelope)
        handler: Callable[[dict[str, Any]], Reply] = getattr(self, str(message_type))
        return handler(body)

    def acknowledge(self, body: dict[str, Any]) -> str | None:
        """Give the type of the reply to a change of an open span."""
        return f"{body['type']}_ok" if self.node_id is not None and body.get("msg_id") is not None else None

    def init(self, body: dict[str, Any]) -> Reply:
        node_ids = body.get("node_ids")
        check(is_text(body.get("node_id")))
        check(node_ids is None or (isinstance(node_ids, list) and all(isinstance(each, str) for each in node_ids)))
        check(self.node_id in (None, body["node_id"]), 22)
        if self.node_id is None and self.settings.clock == "auto" and not self.created:
            self.real, self.now_us = True, REAL_START_US
        self.node_id = body["node_id"]
        return "init_ok", {}

    def echo(self, body: dict[str, Any]) -> Reply:
        check("echo" in body)
        return "echo_ok", {"echo": body["echo"]}

    def generate(self, _body: dict[str, Any]) -> Reply:
        self.counter = self.next_number()
        if self.node_id is None:
            return "generate_ok", {"id": f"span{self.counter}"}
        start = "" if self.settings.clock == "simulated" else f"{REAL_START_DIGITS}-"
        return "generate_ok", {"id": f"{self.node_id}-{start}{self.counter}"}

    def create_span(self, body: dict[str, Any], envelope: tuple[str, str] | None) -> Reply:
        check_create_span(body)
        links = body.get("links") or []
        parent = self.known(body["parent_span_id"]) if body.get("parent_span_id") is not None else None
        stated = parent.traceparent() if parent else normal_traceparent(body.get("traceparent") or None)
        own = normal_traceparent(body.get("context") or None)
        check(stated is None or own is None or stated[3:35] == own[3:35])
        linked = [self.linked(link) for link in links]
        check(body.get("span_id") not in self.spans, 21)
        check(sum(span.end_us is None for span in self.spans.values()) < self.settings.max_open_spans, 11)

        self.counter = self.next_number()
        span = Record(body.get("span_id") or f"span{self.counter}", body["name"])
        span.made_by = envelope
        span.kind = body.get("kind") or "INTERNAL"
        span.start_us = self.time_of(body)
        span.own = self.hexadecimal(self.counter, 16)
        span.parent = stated
        if parent is not None:
            parent.unclaimed = False
        if span.parent is not None:
            span.trace, span.flags = span.parent[3:35], int(span.parent[-2:], 16) & 3
        else:
            self.traces += 1
            span.trace = self.hexadecimal(self.traces, 32)
        if own is not None:
            span.trace, span.own, span.flags = own[3:35], own[36:52], int(own[-2:], 16)
        self.put_span_attributes(span, body)
        for link, target in zip(links, linked):
            self.put_link(span, link, target)
        self.spans[span.span_id] = span
        self.created = True

        told = body.get("msg_id") is not None if self.node_id is not None else body.get("kind") is not None
        if told or body.get("span_id") is not None:
            span.unclaimed = False
        fields = {"span_id": span.span_id, "kind": span.kind}
        if self.node_id is not None:
            fields["traceparent"] = span.traceparent()
        return ("span_created" if told else None), fields

    def span_event(self, body: dict[str, Any]) -> Reply:
        check(is_text(body.get("span_id")) and is_text(body.get("event")))
        check_attributes(body)
        check_timestamp(body)
        span = self.open_span(body)
        self.put_event(span, body["event"], self.time_of(body), body.get("attributes") or {})
        return self.acknowledge(body), {}

    def span_link(self, body: dict[str, Any]) -> Reply:
        check(is_text(body.get("span_id")))
        check_link(body.get("link"))
        target = self.linked(body["link"])
        self.put_link(self.open_span(body), body["link"], target)
        return self.acknowledge(body), {}

    def span_update(self, body: dict[str, Any]) -> Reply:
        check(is_text(body.get("span_id")))
        check(body.get("name") is not None or body.get("attributes") is not None)
        check(body.get("name") is None or is_text(body["name"]))
        check_attributes(body)
        span = self.open_span(body)
        if body.get("name") is not None:
            span.name = body["name"]
        self.put_span_attributes(span, body)
        return self.acknowledge(body), {}

    def span_end(self, body: dict[str, Any]) -> Reply:
        check(is_text(body.get("span_id")))
        status, error = body.get("status"), body.get("error")
        check(status is None or (isinstance(status, str) and status in STATUSES))
        check(error is None or (is_text(error) and status == "ERROR"))
        check_timestamp(body)
        span = self.open_span(body, ends=True)
        self.end(span, self.time_of(body), status or "OK", error)
        fields = {"span_id": span.span_id, "duration_us": span.duration_us(), "status": span.status}
        return "span_complete", {**fields, **({} if error is None else {"error": error})}

    def span_error(self, body: dict[str, Any]) -> Reply:
        check(is_text(body.get("span_id")) and is_text(body.get("error")))
        check_attributes(body)
        check_timestamp(body)
        span = self.open_span(body, ends=True)
        time_us = self.time_of(body)
        self.put_event(
            span, "exception", time_us, {"exception.message": body["error"], **(body.get("attributes") or {})}
        )
        self.end(span, time_us, "ERROR", body["error"])
        return "span_complete", {"span_id": span.span_id, "status": "ERROR", "error": body["error"]}

    def get_span(self, body: dict[str, Any]) -> Reply:
        check(is_text(body.get("span_id")))
        span = self.known(body["span_id"])
        span.unclaimed = False
        shown: dict[str, Any] = {"span_id": span.span_id, "traceparent": span.traceparent(), "parent": span.parent}
        shown.update(name=span.name, kind=span.kind, status=span.status)
        if span.error is not None:
            shown["error"] = span.error
        shown.update(start_us=span.start_us, end_us=span.end_us)
        shown["duration_us"] = span.duration_us()
        shown.update(attributes=span.attributes, events=span.events, links=span.links)
        for dropped in ("dropped_attributes", "dropped_events", "dropped_links"):
            shown[dropped] = getattr(span, dropped)
        return "get_span_ok", {"span": shown}

    # Spans

    def hexadecimal(self, number: int, digits: int) -> str:
        """Write an id; those that stand for random ones are far from any that a message has."""
        return f"{number + (0xABCD << 48 if self.real else 0):0{digits}x}"

    def next_number(self) -> int:
        number = self.counter + 1
        while f"span{number}" in self.spans:
            number += 1
        return number

    def known(self, span_id: str) -> Record:
        check(span_id in self.spans, 20)
        return self.spans[span_id]

    def linked(self, link: dict[str, Any]) -> Record | None:
        return None if link.get("span_id") is None else self.known(link["span_id"])

    def claimable(self, body: dict[str, Any]) -> Record | None:
        """Give the span that takes the id which a message names, if there is one."""
        span_id = body["span_id"]
        if self.node_id is not None or body["type"] not in CLAIMING or span_id in self.spans:
            return None
        if span_id in [f"span{number}" for number in range(1, self.counter + 1)]:
            return None
        unclaimed = [span for span in self.spans.values() if span.end_us is None and span.unclaimed]
        if len(unclaimed) != 1:
            return None
        link = body.get("link") if body["type"] == "span_link" else None
        if isinstance(link, dict) and link.get("span_id") == unclaimed[0].span_id:
            return None
        return unclaimed[0]

    def open_span(self, body: dict[str, Any], ends: bool = False) -> Record:
        """Give the open span that an otherwise good message is about, claimed if need be, or refuse."""
        span = self.spans.get(body["span_id"]) or self.claimable(body)
        if span is None:
            raise RefusedError(20)
        check(span.end_us is None, 22)
        stated = body.get("timestamp_us")
        check(not ends or (self.clock_us() if stated is None else stated) >= span.start_us, 22)
        if body["span_id"] not in self.spans:
            del self.spans[span.span_id]
            span.span_id = body["span_id"]
            self.spans[span.span_id] = span
        span.unclaimed = False
        return span

    def clock_us(self) -> int:
        assert self.now_us is not None
        return self.now_us

    def time_of(self, body: dict[str, Any]) -> int:
        """Give the time of an accepted message, and let its clock go on from there."""
        stated: int | None = body.get("timestamp_us")
        if stated is None:
            return self.clock_us()
        if not self.real:
            self.now_us = max(self.clock_us(), stated)
        return stated

    def end(self, span: Record, end_us: int, status: str, error: str | None) -> None:
        span.end_us, span.status, span.error = end_us, status, error
        self.ended.append(span)
        if len(self.ended) > self.settings.keep_ended:
            del self.spans[self.ended.pop(0).span_id]

    def put_event(self, span: Record, name: str, time_us: int, attributes: dict[str, Any]) -> None:
        if len(span.events) >= self.settings.events:
            span.dropped_events += 1
            return
        kept, _ = bounded({}, attributes, self.settings.event_attributes, self.settings.value_characters)
        span.events.append({"event": name, "timestamp_us": time_us, "attributes": kept})

    def put_link(self, span: Record, link: dict[str, Any], target: Record | None) -> None:
        if target is not None:
            target.unclaimed = False
        if len(span.links) >= self.settings.links:
            span.dropped_links += 1
            return
        traceparent = normal_traceparent(link["traceparent"]) if target is None else target.traceparent()
        attributes, characters = link.get("attributes") or {}, self.settings.value_characters
        kept, _ = bounded({}, attributes, self.settings.link_attributes, characters)
        span.links.append({"traceparent": traceparent, "attributes": kept})

    def put_span_attributes(self, span: Record, body: dict[str, Any]) -> None:
        attributes = body.get("attributes") or {}
        bound, characters = self.settings.span_attributes, self.settings.value_characters
        span.attributes, dropped = bounded(span.attributes, attributes, bound, characters)
        span.dropped_attributes += dropped

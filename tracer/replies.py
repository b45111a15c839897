"""The text of every reply: lines written by hand where it pays, by `json.dumps` where it does not.

Owns the wire format going out.  A line is what stands before the body (an envelope's opening), the fields of the body, and
what comes after them (in_reply_to, msg_id, the closing braces, the line's end); a writer puts a result between the two.
The hand-written fields are the second place where the format stands; each is what `written` makes of the same fields, and
a test holds them equal.  Strings are quoted by the function that `json.dumps` uses.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .errors import RequestError
    from .span import Span


def written(fields: dict[str, Any], before: str, after: str) -> str:
    """Write the fields of a body as `json.dumps` does; `after` closes its brace."""
    return f"{before}{json.dumps(fields)[:-1]}{after}"


class Origin:
    """Where an envelope came from, and how one back there opens; one more brace closes it.

    Args:
        src, dest: its addresses.
        node_id: who answers; None for whoever `dest` names.
    """

    __slots__ = ("dest", "node_id", "opening", "src")

    def __init__(self, src: str, dest: str, node_id: str | None) -> None:
        self.src = src
        self.dest = dest
        self.node_id = node_id
        self.opening = f'{{"src": {quote(node_id or dest)}, "dest": {quote(src)}, "body": '


def span_created(span: Span, before: str, after: str) -> str:
    """The plain way, as the task has it."""
    return f'{before}{{"type": "span_created", "span_id": {quote(span.span_id)}, "kind": "{span.kind}"{after}'


def span_created_in_trace(span: Span, before: str, after: str) -> str:
    """The Maelstrom way: with the identity that the sender passes on."""
    return span_created(span, before, f', "traceparent": "{span.context.traceparent}"{after}')


def span_ended(span: Span, before: str, after: str) -> str:
    """The answer to `span_end`."""
    end_us, status, error = span.ending  # type: ignore[misc]  # it has just ended
    if error is not None:
        after = f', "error": {quote(error)}{after}'
    return (
        f'{before}{{"type": "span_complete", "span_id": {quote(span.span_id)}, '
        f'"duration_us": {end_us - span.start_us}, "status": "{status}"{after}'
    )


def span_failed(span: Span, before: str, after: str) -> str:
    """The answer to `span_error`; it has no duration, as the task shows."""
    return (
        f'{before}{{"type": "span_complete", "span_id": {quote(span.span_id)}, '
        f'"status": "ERROR", "error": {quote(span.error or "")}{after}'
    )


def echo_ok(value: Any, before: str, after: str) -> str:
    """The answer to `echo`."""
    return f'{before}{{"type": "echo_ok", "echo": {quote(value) if type(value) is str else json.dumps(value)}{after}'


def generate_ok(generated: str, before: str, after: str) -> str:
    """The answer to `generate`."""
    return f'{before}{{"type": "generate_ok", "id": {quote(generated)}{after}'


def init_ok(result: object, before: str, after: str) -> str:
    """The answer to `init`."""
    return f'{before}{{"type": "init_ok"{after}'


def span_event_ok(span: Span, before: str, after: str) -> str:
    """The answer to `span_event`."""
    return f'{before}{{"type": "span_event_ok"{after}'


def span_link_ok(span: Span, before: str, after: str) -> str:
    """The answer to `span_link`."""
    return f'{before}{{"type": "span_link_ok"{after}'


def span_update_ok(span: Span, before: str, after: str) -> str:
    """The answer to `span_update`."""
    return f'{before}{{"type": "span_update_ok"{after}'


def get_span_ok(span: Span, before: str, after: str) -> str:
    """The answer to `get_span`."""
    return written({"type": "get_span_ok", "span": described(span)}, before, after)


def error(refused: RequestError, before: str, after: str) -> str:
    """The answer to a message that fails."""
    return written({"type": "error", "code": refused.code, "text": str(refused)}, before, after)


def described(span: Span) -> dict[str, Any]:
    """All that is known of a span, as `get_span_ok` has it."""
    described: dict[str, Any] = {
        "span_id": span.span_id,
        "traceparent": span.context.traceparent,
        "parent": None if span.parent is None else span.parent.traceparent,
        "name": span.name,
        "kind": span.kind,
        "status": span.status,
    }
    if span.error is not None:
        described["error"] = span.error
    return {
        **described,
        "start_us": span.start_us,
        "end_us": span.end_us,
        "duration_us": span.duration_us,
        "attributes": span.attributes or {},
        "events": [
            {"event": name, "timestamp_us": timestamp_us, "attributes": attributes or {}}
            for name, timestamp_us, attributes in span.events
        ],
        "links": [
            {"traceparent": context.traceparent, "attributes": attributes or {}}
            for context, attributes in span.links or ()
        ],
        "dropped_attributes": 0 if span.attributes is None else span.attributes.dropped,
        "dropped_events": span.dropped_events,
        "dropped_links": span.dropped_links,
    }

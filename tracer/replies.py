"""The text of every reply: bodies written by hand where it pays, by `json.dumps` where it does not.

Owns the wire format going out.  A reply is an opening (its fields), then `ending` (in_reply_to, msg_id), then an envelope.
The hand-written openings are the second place where the format stands; each is what `opening` makes of the same fields,
and a test holds them equal.  Strings are quoted by the function that `json.dumps` uses.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .span import Span


def opening(fields: dict[str, Any]) -> str:
    """Write the fields of a body, without its closing brace, as `json.dumps` does."""
    return json.dumps(fields)[:-1]


def envelope(src: str, dest: str) -> str:
    """Write what stands before the body; one brace closes it again."""
    return f'{{"src": {quote(src)}, "dest": {quote(dest)}, "body": '


def span_created(span: Span) -> str:
    """The plain way, as the task has it."""
    return f'{{"type": "span_created", "span_id": {quote(span.span_id)}, "kind": "{span.kind}"'


def span_created_in_trace(span: Span) -> str:
    """The Maelstrom way: with the identity that the sender passes on."""
    return f'{span_created(span)}, "traceparent": "{span.context.traceparent}"'


def span_ended(span: Span) -> str:
    """The answer to `span_end`."""
    end_us, status, error = span.ending  # type: ignore[misc]  # it has just ended
    text = (
        f'{{"type": "span_complete", "span_id": {quote(span.span_id)}, '
        f'"duration_us": {end_us - span.start_us}, "status": "{status}"'
    )
    return text if error is None else f'{text}, "error": {quote(error)}'


def span_failed(span: Span) -> str:
    """The answer to `span_error`; it has no duration, as the task shows."""
    return (
        f'{{"type": "span_complete", "span_id": {quote(span.span_id)}, '
        f'"status": "ERROR", "error": {quote(span.error or "")}'
    )


def echo_ok(value: Any) -> str:
    """The answer to `echo`."""
    return f'{{"type": "echo_ok", "echo": {quote(value) if type(value) is str else json.dumps(value)}'


def generate_ok(generated: str) -> str:
    """The answer to `generate`."""
    return f'{{"type": "generate_ok", "id": {quote(generated)}'


def init_ok(result: object) -> str:
    """The answer to `init`."""
    return '{"type": "init_ok"'


def span_event_ok(span: Span) -> str:
    """The answer to `span_event`."""
    return '{"type": "span_event_ok"'


def span_link_ok(span: Span) -> str:
    """The answer to `span_link`."""
    return '{"type": "span_link_ok"'


def span_update_ok(span: Span) -> str:
    """The answer to `span_update`."""
    return '{"type": "span_update_ok"'


def get_span_ok(span: Span) -> str:
    """The answer to `get_span`."""
    return opening({"type": "get_span_ok", "span": described(span)})


def error(code: int, text: str) -> str:
    """The answer to a message that fails."""
    return opening({"type": "error", "code": code, "text": text})


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

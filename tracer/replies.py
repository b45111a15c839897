"""The text of every reply: written by hand where it pays, by `json.dumps` where it does not.

Owns the fields of the bodies that go out.  A line is what stands before the body, the fields of the body, and what comes
after them (in_reply_to, msg_id, what closes the envelope); a writer puts a result between the two.  What is written by hand
is what `json.dumps` makes of the same fields; a test says so.  Strings are quoted by the function that `json.dumps` uses.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .errors import RequestError
    from .span import Span


def dumped(fields: dict[str, Any], before: str, after: str) -> str:
    """Write the fields of a body as `json.dumps` does; `after` closes its brace."""
    return f"{before}{json.dumps(fields)[:-1]}{after}"


def span_created(span: Span, before: str, after: str) -> str:
    """The plain way's answer to `create_span`; in the task it alone does not say what it replies to."""
    return f'{before}{{"type": "span_created", "span_id": {quote(span.span_id)}, "kind": "{span.kind}"{after}'


def span_created_in_trace(span: Span, before: str, after: str) -> str:
    """The Maelstrom way: with the identity that the sender passes on."""
    return span_created(span, before, f', "traceparent": "{span.context.traceparent}"{after}')


def span_ended(span: Span, before: str, after: str) -> str:
    """The answer to `span_end`."""
    # Not `span.duration_us`: a property is a call.
    duration_us = (span.end_us or 0) - span.start_us
    if span.error is not None:
        after = f', "error": {quote(span.error)}{after}'
    return (
        f'{before}{{"type": "span_complete", "span_id": {quote(span.span_id)}, '
        f'"duration_us": {duration_us}, "status": "{span.status}"{after}'
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


def acknowledgement(message_type: str) -> Callable[[object, str, str], str]:
    """Return the writer of an answer that says no more than that a message was served."""
    return lambda served, before, after: f'{before}{{"type": "{message_type}_ok"{after}'


def get_span_ok(span: Span, before: str, after: str) -> str:
    """The answer to `get_span`."""
    return dumped({"type": "get_span_ok", "span": described(span)}, before, after)


def error(refused: RequestError, before: str, after: str) -> str:
    """The answer to a message that fails."""
    return dumped({"type": "error", "code": refused.code, "text": str(refused)}, before, after)


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
        "attributes": span.attributes,
        "events": [
            {"event": event.name, "timestamp_us": event.timestamp_us, "attributes": event.attributes}
            for event in span.events
        ],
        "links": [{"traceparent": link.context.traceparent, "attributes": link.attributes} for link in span.links],
        "dropped_attributes": span.attributes.dropped,
        "dropped_events": span.dropped_events,
        "dropped_links": span.dropped_links,
    }

"""The text of every reply: written directly where it pays, by `json.dumps` where it does not.

Owns the fields of the bodies that go out, and the types of the replies.  A line is what stands before the body, the fields of
the body, and what comes after them (in_reply_to, msg_id, what closes the envelope); a writer puts a result between the two.
What is written directly is what `json.dumps` makes of the same fields; a test says so.  Strings are quoted by the function
that `json.dumps` uses.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quote_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .errors import RequestError
    from .span import Span


#: What each message is answered with.
TYPES = {
    "init": "init_ok",
    "echo": "echo_ok",
    "generate": "generate_ok",
    "create_span": "span_created",
    "span_event": "span_event_ok",
    "span_link": "span_link_ok",
    "span_update": "span_update_ok",
    "span_end": "span_complete",
    "span_error": "span_complete",
    "get_span": "get_span_ok",
}
ERROR = "error"


def write_fields(fields: dict[str, Any], before: str, after: str) -> str:
    """Write the fields of a body as `json.dumps` does; `after` closes its brace."""
    return f"{before}{json.dumps(fields)[:-1]}{after}"


def write_span_created(span: Span, before: str, after: str) -> str:
    """The plain way's answer to `create_span`; in the task it alone does not say what it replies to."""
    return f'{before}{{"type": "span_created", "span_id": {quote_json(span._span_id)}, "kind": "{span._kind}"{after}'


def write_span_created_in_trace(span: Span, before: str, after: str) -> str:
    """The Maelstrom way: with the identity that the sender passes on."""
    return write_span_created(span, before, f', "traceparent": "{span.context.traceparent}"{after}')


def write_span_ended(span: Span, before: str, after: str) -> str:
    """The answer to `span_end`."""
    # The slots, here and above: a property is a call.
    duration_us = (span._end_us or 0) - span._start_us
    if span._error is not None:
        after = f', "error": {quote_json(span._error)}{after}'
    return (
        f'{before}{{"type": "span_complete", "span_id": {quote_json(span._span_id)}, '
        f'"duration_us": {duration_us}, "status": "{span._status}"{after}'
    )


def write_span_failed(span: Span, before: str, after: str) -> str:
    """The answer to `span_error`; it has no duration, as the task shows."""
    return (
        f'{before}{{"type": "span_complete", "span_id": {quote_json(span.span_id)}, '
        f'"status": "ERROR", "error": {quote_json(span.error or "")}{after}'
    )


def write_echo_ok(value: Any, before: str, after: str) -> str:
    """The answer to `echo`."""
    return (
        f'{before}{{"type": "echo_ok", "echo": {quote_json(value) if type(value) is str else json.dumps(value)}{after}'
    )


def write_generate_ok(generated: str, before: str, after: str) -> str:
    """The answer to `generate`."""
    return f'{before}{{"type": "generate_ok", "id": {quote_json(generated)}{after}'


def make_acknowledgement(message_type: str) -> Callable[[object, str, str], str]:
    """Make the writer of an answer that says no more than that a message was served."""
    return lambda served, before, after: f'{before}{{"type": "{TYPES[message_type]}"{after}'


def write_own_fields(fields: dict[str, Any] | None, message_type: str) -> str:
    """Write what a handler of somebody's own returned, without the closing brace.

    Written before the reply is begun: what cannot be written takes no `msg_id`.

    Args:
        message_type: the type of the reply, unless the fields have one.
    Raises:
        TypeError, ValueError: it is no dict of JSON with a string for its type.
    """
    if not isinstance(fields, (dict, type(None))):
        raise TypeError(f"a handler must return a dict or None, not a {type(fields).__name__}")
    body = {"type": message_type, **(fields or {})}
    if not isinstance(body["type"], str):
        raise TypeError(f'"type" of a reply must be a string, not a {type(body["type"]).__name__}')
    # A handler may return the body that it was given, with the `msg_id` of its sender.
    for key in ("in_reply_to", "msg_id"):
        body.pop(key, None)
    return json.dumps(body, allow_nan=False)[:-1]


def write_own(fields: str, before: str, after: str) -> str:
    """The answer to a message of somebody's own."""
    return before + fields + after


def write_get_span_ok(span: Span, before: str, after: str) -> str:
    """The answer to `get_span`."""
    return write_fields({"type": "get_span_ok", "span": describe_span(span)}, before, after)


def write_error(refused: RequestError, before: str, after: str) -> str:
    """The answer to a message that fails."""
    return write_fields({"type": ERROR, "code": refused.code, "text": str(refused)}, before, after)


def describe_span(span: Span) -> dict[str, Any]:
    """Return all that is known of a span, as `get_span_ok` has it."""
    error = {} if span.error is None else {"error": span.error}
    return {
        "span_id": span.span_id,
        "traceparent": span.context.traceparent,
        "parent": None if span.parent is None else span.parent.traceparent,
        "name": span.name,
        "kind": span.kind,
        "status": span.status,
        **error,
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

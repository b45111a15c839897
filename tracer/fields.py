"""The checks of a body's fields: each returns the value or raises the sentence for the sender.

Owns the form of fields, one function a form; knows no span, clock or stream.
An absent field and a null one are the same.  Values are tested by exact class, for `true` passes as an int otherwise.
Read next: `manager.py`, whose handlers ask these.
"""

from __future__ import annotations

from .errors import MalformedRequestError, quoted
from .trace_context import SpanContext, parse_traceparent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Callable

    Body = dict[str, Any]

#: Microseconds since the epoch whose nanoseconds still fit a signed 64-bit integer.
MAX_TIMESTAMP_US = (2**63 - 1) // 1000

_JSON_TYPES = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a number with a fraction",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def text(body: Body, field: str) -> str:
    """Return a required non-empty string."""
    value = body.get(field)
    if type(value) is str and value:
        return value
    raise wrong(field, "a non-empty string", value)


def maybe_text(body: Body, field: str) -> str | None:
    """Return an optional non-empty string."""
    return None if body.get(field) is None else text(body, field)


def maybe_choice(body: Body, field: str, choices: Iterable[str]) -> str | None:
    """Return an optional string that is one of `choices`."""
    value = body.get(field)
    if value is None or (type(value) is str and value in choices):
        return value
    raise wrong(field, "one of " + ", ".join(choices), value)


def maybe_integer(body: Body, field: str) -> int | None:
    """Return an optional integer of any size."""
    value = body.get(field)
    if value is None or type(value) is int:
        return value
    raise wrong(field, "an integer", value)


def maybe_timestamp(body: Body, field: str) -> int | None:
    """Return an optional time, in microseconds since the Unix epoch."""
    value = body.get(field)
    if value is None or (type(value) is int and 0 <= value <= MAX_TIMESTAMP_US):
        return value
    raise wrong(field, f"an integer from 0 to {MAX_TIMESTAMP_US}", value)


def maybe_attributes(body: Body, field: str) -> dict[str, Any] | None:
    """Return an optional object whose keys are not empty."""
    value = body.get(field)
    if value is None or (type(value) is dict and "" not in value):
        return value
    raise wrong(field, "an object with non-empty keys", value)


def maybe_texts(body: Body, field: str) -> list[str] | None:
    """Return an optional list of strings."""
    value = body.get(field)
    if value is None or (type(value) is list and all(type(item) is str for item in value)):
        return value
    raise wrong(field, "a list of strings", value)


def maybe_traceparent(body: Body, field: str) -> SpanContext | None:
    """Return an optional W3C traceparent, parsed."""
    value = maybe_text(body, field)
    if value is None:
        return None
    context = parse_traceparent(value)
    if context is None:
        raise wrong(field, "a W3C traceparent such as 00-<32 hex digits>-<16 hex digits>-01", value)
    return context


class LinkRequest:
    """A link as a message asks for it: the span by its id or by its context, exactly one; and attributes."""

    __slots__ = ("attributes", "context", "field", "span_id")

    def __init__(self, value: Body, field: str) -> None:
        # Under their whole names, so that an error names the field where it stands.
        named = {f"{field}.{key}": item for key, item in value.items()}
        #: Where the span's id stood.
        self.field = f"{field}.span_id"
        self.span_id = maybe_text(named, self.field)
        self.context = maybe_traceparent(named, f"{field}.traceparent")
        self.attributes = maybe_attributes(named, f"{field}.attributes")
        if (self.span_id is None) == (self.context is None):
            raise MalformedRequestError(f'"{field}" must have exactly one of "span_id" and "traceparent"')


def maybe_links(body: Body, field: str) -> list[LinkRequest] | None:
    """Return an optional list of links."""
    value = body.get(field)
    if value is None:
        return None
    if type(value) is not list:
        raise wrong(field, "a list of links", value)
    return [_link(item, f"{field}[{index}]") for index, item in enumerate(value)]


def link(body: Body) -> LinkRequest:
    """Return the required link."""
    return _link(body.get("link"), "link")


def _link(value: object, field: str) -> LinkRequest:
    if isinstance(value, dict):
        return LinkRequest(value, field)
    raise wrong(field, 'an object with "span_id" or "traceparent"', value)


_CREATE_READERS: dict[str, Callable[[Body, str], Any]] = {
    "span_id": maybe_text,
    "parent_span_id": maybe_text,
    "traceparent": maybe_traceparent,
    "attributes": maybe_attributes,
    "links": maybe_links,
    "timestamp_us": maybe_timestamp,
}
#: The optional fields of a `create_span` but for `kind`, which is common: a body without any of them is known by one look.
CREATE_OPTIONS = frozenset(_CREATE_READERS)


class CreateOptions:
    """The optional fields of a `create_span` but for `kind`, by their names; None for each that is absent."""

    span_id: str | None = None
    parent_span_id: str | None = None
    traceparent: SpanContext | None = None
    attributes: dict[str, Any] | None = None
    links: list[LinkRequest] | None = None
    timestamp_us: int | None = None

    def __init__(self, body: Body) -> None:
        # In the table's order, not a set's: of several wrong fields the same one is named in every run.
        for field, read in _CREATE_READERS.items():
            if field in body:
                setattr(self, field, read(body, field))
        if self.parent_span_id is not None and self.traceparent is not None:
            raise MalformedRequestError('"parent_span_id" and "traceparent" exclude each other: give one of them')


def wrong(field: str, expected: str, value: object) -> MalformedRequestError:
    """Make the error for a field of the wrong form; it names the field, what was expected, and what came."""
    if value is None:
        return MalformedRequestError(f'"{field}" is missing; it must be {expected}')
    if type(value) is int:
        came = str(value)
        came = came if len(came) <= 20 else "an integer of many digits"
    elif type(value) is str:
        came = quoted(value)
    else:
        # A caller in Python may hand in what JSON does not have.
        came = _JSON_TYPES.get(type(value), f"a {type(value).__name__}")
    return MalformedRequestError(f'"{field}" must be {expected}, not {came}')

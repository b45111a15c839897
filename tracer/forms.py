"""The fields of each message, as data: which it must have, which it may have, and what each has to be.

Owns the forms and the checks that follow from them; knows no span that is kept, no clock and no stream.  An absent field and
a null one are the same, but in `echo`.
Values are tested by exact class, for `true` passes as an int otherwise.
Read next: `manager.py`, whose handlers read their bodies by these forms.
"""

from __future__ import annotations

from .errors import MalformedRequestError, form_error, missing
from .span import KINDS, STATUSES
from .trace_context import parse_traceparent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .address import Body
    from .trace_context import SpanContext

#: Microseconds since the epoch whose nanoseconds still fit a signed 64-bit integer.
MAX_TIMESTAMP_US = (2**63 - 1) // 1000


# -- what a field has to be --


class FieldForm:
    """What one field has to be.

    Args:
        expected: the same in words.
        take: returns what is made of a value, None where it is not of this form; takes the name of the field as well.
        words: what it may be, where those are a few words.
    """

    __slots__ = ("_take", "_words", "expected")

    def __init__(self, expected: str, take: Callable[[Any, str], Any], words: tuple[str, ...] = ()) -> None:
        self.expected = expected
        self._take = take
        self._words = words

    def read(self, value: object, field: str) -> Any:
        """Return what a value says; `field` is its name in an error."""
        taken = self._take(value, field)
        if taken is None:
            raise form_error(field, self.expected, value, self._words)
        return taken


class LinkRequest:
    """A link as a message asks for it: where it stands there, the span by its id or its context, and attributes."""

    __slots__ = ("attributes", "field", "target")

    def __init__(self, fields: Body, field: str) -> None:
        self.field = field
        self.target: str | SpanContext = fields["span_id"] or fields["traceparent"]
        self.attributes: dict[str, Any] | None = fields["attributes"]


def _one_of(words: tuple[str, ...]) -> FieldForm:
    return FieldForm("one of " + ", ".join(words), lambda value, _: value if value in words else None, words)


def _list_of(item: FieldForm, expected: str) -> FieldForm:
    def take(values: Any, field: str) -> Any:
        if type(values) is not list:
            return None
        return [item.read(value, f"{field}[{index}]") for index, value in enumerate(values)]

    return FieldForm(expected, take)


ANY_JSON = FieldForm("any JSON", lambda value, _: value)
TEXT = FieldForm("a non-empty string", lambda value, _: value if type(value) is str and value else None)
TEXTS = _list_of(FieldForm("a string", lambda value, _: value if type(value) is str else None), "a list of strings")
INTEGER = FieldForm("an integer", lambda value, _: value if type(value) is int else None)
TIMESTAMP = FieldForm(
    f"an integer from 0 to {MAX_TIMESTAMP_US}",
    lambda value, _: value if type(value) is int and 0 <= value <= MAX_TIMESTAMP_US else None,
)
ATTRIBUTES = FieldForm(
    "an object with non-empty keys", lambda value, _: value if type(value) is dict and "" not in value else None
)
KIND, STATUS = _one_of(KINDS), _one_of(STATUSES)
TRACEPARENT = FieldForm(
    "a W3C traceparent such as 00-<32 hex digits>-<16 hex digits>-01",
    lambda value, _: parse_traceparent(value) if type(value) is str else None,
)
#: The same in a `create_span`, where what an unset variable of a shell becomes is absence.
OWN_TRACEPARENT = FieldForm(
    TRACEPARENT.expected, lambda value, field: "" if value == "" else TRACEPARENT.read(value, field)
)
LINK = FieldForm(
    'an object with "span_id" or "traceparent"',
    lambda value, field: LinkRequest(_LINK.read(value, f"{field}."), field) if type(value) is dict else None,
)
LINKS = _list_of(LINK, "a list of links")


# -- what a message has --


class MessageForm:
    """The fields of a message.

    Args:
        required, optional: their forms, in the order in which they are checked.
        rule: says what is wrong with the fields together, None if nothing is; takes them as `read` returns them.
    """

    __slots__ = ("_rule", "optional", "required")

    def __init__(
        self,
        required: dict[str, FieldForm],
        optional: dict[str, FieldForm] | None = None,
        rule: Callable[[Body], str | None] = lambda fields: None,
    ) -> None:
        self.required = required
        self.optional = optional or {}
        self._rule = rule

    def read(self, body: Body, within: str = "") -> dict[str, Any]:
        """Check a body.

        Args:
            within: what stands before the name of a field in an error.
        Returns:
            What each field of the form says, None for an optional one that is absent.
        Raises:
            MalformedRequestError: a field is missing or of the wrong form; of several, the first one of this form.
        """
        try:
            fields = {field: form.read(body[field], within + field) for field, form in self.required.items()}
        except KeyError as absent:
            field = absent.args[0]
            raise missing(within + field, self.required[field].expected) from None
        for field, form in self.optional.items():
            value = body.get(field)
            fields[field] = None if value is None else form.read(value, within + field)
        wrong = self._rule(fields)
        if wrong is not None:
            raise MalformedRequestError(f'"{within[:-1]}" {wrong}' if within else wrong)
        return fields


def _one_parent(fields: Body) -> str | None:
    if fields["parent_span_id"] is None or not fields["traceparent"]:
        return None
    return '"parent_span_id" and "traceparent" exclude each other: give one of them'


def _one_span(fields: Body) -> str | None:
    if (fields["span_id"] is None) != (fields["traceparent"] is None):
        return None
    return 'must have exactly one of "span_id" and "traceparent"'


def _a_change(fields: Body) -> str | None:
    if fields["name"] is not None or fields["attributes"] is not None:
        return None
    return '"name" and "attributes" are both missing: give at least one of them'


def _error_of_status_error(fields: Body) -> str | None:
    if fields["error"] is None or fields["status"] == "ERROR":
        return None
    return f'"error" goes with the status "ERROR" only, not with "{fields["status"] or "OK"}"'


#: What every message has, besides its own fields.
EVERY_MESSAGE = MessageForm({"type": TEXT}, {"msg_id": INTEGER})
_LINK: MessageForm = MessageForm({}, {"span_id": TEXT, "traceparent": TRACEPARENT, "attributes": ATTRIBUTES}, _one_span)
_DETAILS = {"attributes": ATTRIBUTES, "timestamp_us": TIMESTAMP}

#: The messages by their types, in the README's order.
MESSAGES = {
    "init": MessageForm({"node_id": TEXT}, {"node_ids": TEXTS}),
    "echo": MessageForm({"echo": ANY_JSON}),
    "generate": MessageForm({}),
    "create_span": MessageForm(
        {"name": TEXT},
        {
            "kind": KIND,
            "span_id": TEXT,
            "parent_span_id": TEXT,
            "traceparent": OWN_TRACEPARENT,
            "context": OWN_TRACEPARENT,
            "attributes": ATTRIBUTES,
            "links": LINKS,
            "timestamp_us": TIMESTAMP,
        },
        _one_parent,
    ),
    "span_event": MessageForm({"span_id": TEXT, "event": TEXT}, _DETAILS),
    "span_link": MessageForm({"span_id": TEXT, "link": LINK}),
    "span_update": MessageForm({"span_id": TEXT}, {"name": TEXT, "attributes": ATTRIBUTES}, _a_change),
    "span_end": MessageForm(
        {"span_id": TEXT}, {"status": STATUS, "error": TEXT, "timestamp_us": TIMESTAMP}, _error_of_status_error
    ),
    "span_error": MessageForm({"span_id": TEXT, "error": TEXT}, _DETAILS),
    "get_span": MessageForm({"span_id": TEXT}),
}

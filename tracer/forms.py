"""The fields of each message, as data: which it must have, which it may have, and what each has to be.

Owns the forms and the checks that follow from them; knows no span that is kept, no clock and no stream.  Absent, wrong and
empty are three things: a form says which values count as absent, and raises an error for a wrong one.
Trap: values are tested by exact class, for `true` passes as an int otherwise.
Read next: `keeper.py`, whose handlers read their bodies by these forms.
"""

from __future__ import annotations

from .errors import MalformedRequestError, explain_form, explain_missing
from .span import KINDS, STATUSES, Span
from .trace_context import parse_traceparent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .trace_context import SpanContext

    #: What a message says.
    Body = dict[str, Any]

#: Microseconds since the epoch whose nanoseconds still fit a signed 64-bit integer.
MAX_TIMESTAMP_US = (2**63 - 1) // 1000


# -- what a field has to be --


class FieldForm:
    """What one field has to be.

    Args:
        expected: the same in words.
        take: returns what is made of a value; takes the name of the field as well.  It raises `ValueError` where the value is not
            of this form, and `MalformedRequestError` where it can say more about what is within it.
        absent: the values that count as absent where the field is optional.  Of a field that decides whether a message is answered
            (`node.py`) None alone may be one.
        default: what an absent field means.
        words: what it may be, where those are a few words.
    """

    __slots__ = ("_take", "_words", "absent", "default", "expected")

    def __init__(
        self,
        expected: str,
        take: Callable[[Any, str], Any],
        absent: tuple[object, ...] = (None,),
        default: Any = None,
        words: tuple[str, ...] = (),
    ) -> None:
        self.expected = expected
        self.absent = absent
        self.default = default
        self._take = take
        self._words = words

    def read(self, value: object, field: str) -> Any:
        """Return what a value says; `field` is its name in an error."""
        try:
            return self._take(value, field)
        except ValueError:
            raise explain_form(field, self.expected, value, self._words) from None


class LinkRequest:
    """A link as a message asks for it: where it stands there, the span by its id or its context, and attributes."""

    __slots__ = ("attributes", "field", "target")

    def __init__(self, fields: Body, field: str) -> None:
        self.field = field
        self.target: str | Span | SpanContext = fields["span_id"] or fields["traceparent"]
        self.attributes: dict[str, Any] | None = fields["attributes"]


def _take_where(is_right: Callable[[Any], bool]) -> Callable[[Any, str], Any]:
    """Make what takes the values for which this is true, as they are."""

    def take(value: Any, field: str) -> Any:
        if not is_right(value):
            raise ValueError
        return value

    return take


def _make_choice(words: tuple[str, ...], default: str | None = None) -> FieldForm:
    def take(value: Any, field: str) -> str:
        # The word of the table, not the peer's copy of it, which every open span would hold.
        return words[words.index(value)]

    return FieldForm("one of " + ", ".join(words), take, default=default, words=words)


def _make_list(item: FieldForm, expected: str) -> FieldForm:
    def take(values: Any, field: str) -> list[Any]:
        if type(values) is not list:
            raise ValueError
        return [item.read(value, f"{field}[{index}]") for index, value in enumerate(values)]

    return FieldForm(expected, take)


def _take_traceparent(value: Any, field: str) -> SpanContext:
    if type(value) is not str:
        raise ValueError
    return parse_traceparent(value)


def _take_link(value: Any, field: str) -> LinkRequest:
    if isinstance(value, Span):
        value = {"span_id": value}
    if type(value) is not dict:
        raise ValueError
    return LinkRequest(_LINK_FIELDS.read(value, f"{field}."), field)


ANY_JSON = FieldForm("any JSON", _take_where(lambda value: True), absent=())
TEXT = FieldForm("a non-empty string", _take_where(lambda value: type(value) is str and value != ""))
#: What names a parent or a linked span; Python code may give the span itself.
REFERENCE = FieldForm(
    TEXT.expected, _take_where(lambda value: isinstance(value, Span) or (type(value) is str and value != ""))
)
TEXTS = _make_list(FieldForm("a string", _take_where(lambda value: type(value) is str)), "a list of strings")
INTEGER = FieldForm("an integer", _take_where(lambda value: type(value) is int))
TIMESTAMP = FieldForm(
    f"an integer from 0 to {MAX_TIMESTAMP_US}",
    _take_where(lambda value: type(value) is int and 0 <= value <= MAX_TIMESTAMP_US),
)
ATTRIBUTES = FieldForm(
    "an object with non-empty keys", _take_where(lambda value: type(value) is dict and "" not in value)
)
KIND = _make_choice(KINDS)
#: A span that ends has gone well unless the message says otherwise.
STATUS = _make_choice(STATUSES, default="OK")
TRACEPARENT = FieldForm("a W3C traceparent such as 00-<32 hex digits>-<16 hex digits>-01", _take_traceparent)
#: The same in a `create_span`, where an empty one, which an unset variable of a shell becomes, counts as absent too.
OWN_TRACEPARENT = FieldForm(TRACEPARENT.expected, _take_traceparent, absent=(None, ""))
LINK = FieldForm('an object with "span_id" or "traceparent"', _take_link)
LINKS = _make_list(LINK, "a list of links")


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
            What each field of the form says; for an optional one that is absent its default, mostly None.
        Raises:
            MalformedRequestError: a field is missing or of the wrong form; of several, the first one of this form.
        """
        try:
            fields = {field: form.read(body[field], within + field) for field, form in self.required.items()}
        except KeyError as absent:
            field = absent.args[0]
            raise explain_missing(within + field, self.required[field].expected) from None
        for field, form in self.optional.items():
            is_absent = field not in body or body[field] in form.absent
            fields[field] = form.default if is_absent else form.read(body[field], within + field)
        wrong = self._rule(fields)
        if wrong is not None:
            raise MalformedRequestError(f'"{within[:-1]}" {wrong}' if within else wrong)
        return fields


def _check_parent(fields: Body) -> str | None:
    if fields["parent_span_id"] is None or fields["traceparent"] is None:
        return None
    return '"parent_span_id" and "traceparent" exclude each other: give one of them'


def _check_target(fields: Body) -> str | None:
    if (fields["span_id"] is None) != (fields["traceparent"] is None):
        return None
    return 'must have exactly one of "span_id" and "traceparent"'


def _check_change(fields: Body) -> str | None:
    if fields["name"] is not None or fields["attributes"] is not None:
        return None
    return '"name" and "attributes" are both missing: give at least one of them'


def _check_error(fields: Body) -> str | None:
    if fields["error"] is None or fields["status"] == "ERROR":
        return None
    return f'"error" goes with the status "ERROR" only, not with "{fields["status"]}"'


#: What every message has, besides its own fields.
EVERY_MESSAGE = MessageForm({"type": TEXT}, {"msg_id": INTEGER})
_LINK_FIELDS: MessageForm = MessageForm(
    {}, {"span_id": REFERENCE, "traceparent": TRACEPARENT, "attributes": ATTRIBUTES}, _check_target
)

#: The messages by their types, in the order of the docs.
MESSAGES = {
    "init": MessageForm({"node_id": TEXT}, {"node_ids": TEXTS}),
    "echo": MessageForm({"echo": ANY_JSON}),
    "generate": MessageForm({}),
    "create_span": MessageForm(
        {"name": TEXT},
        {
            "kind": KIND,
            "span_id": TEXT,
            "parent_span_id": REFERENCE,
            "traceparent": OWN_TRACEPARENT,
            "context": OWN_TRACEPARENT,
            "attributes": ATTRIBUTES,
            "links": LINKS,
            "timestamp_us": TIMESTAMP,
        },
        _check_parent,
    ),
    "span_event": MessageForm({"span_id": TEXT, "event": TEXT}, {"attributes": ATTRIBUTES, "timestamp_us": TIMESTAMP}),
    "span_link": MessageForm({"span_id": TEXT, "link": LINK}),
    "span_update": MessageForm({"span_id": TEXT}, {"name": TEXT, "attributes": ATTRIBUTES}, _check_change),
    "span_end": MessageForm(
        {"span_id": TEXT}, {"status": STATUS, "error": TEXT, "timestamp_us": TIMESTAMP}, _check_error
    ),
    "span_error": MessageForm({"span_id": TEXT, "error": TEXT}, {"attributes": ATTRIBUTES, "timestamp_us": TIMESTAMP}),
    "get_span": MessageForm({"span_id": TEXT}),
}

"""Every error of the node, each class one remedy and one Maelstrom code.

Owns the classes and their sentences; imports nothing of the package but the words, so that everything may import it.
Source of the codes: Maelstrom, doc/protocol.md, Errors.  Read next: `forms.py` and `span.py`, which raise most of them.
"""

from __future__ import annotations

from .words import count, guess, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_JSON_TYPES: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    float: "a number with a fraction or an exponent",
    list: "an array",
    dict: "an object",
}


class TracerError(Exception):
    """Root of what the core raises on purpose; anything else that escapes it is a bug."""


class MalformedLineError(TracerError):
    """A line that is no message; there is nobody to answer."""


class RequestError(TracerError):
    """A message that is refused; nothing was changed.  Its text is the sentence for the sender.

    A handler of somebody's own (`Node.handle`) may raise one of its subclasses, or one of its own with another of Maelstrom's codes.
    """

    #: The Maelstrom error code that the sender is answered.
    code = 13


class UnsupportedTypeError(RequestError):
    """No message of that `type` is known; `known` are those that are, `replies` the types of replies."""

    code = 10

    def __init__(self, message_type: str, known: Collection[str] = (), replies: Collection[str] = ()) -> None:
        instead = ""
        if message_type in replies:
            instead = ", which is a reply"
        elif known:
            instead = guess(message_type, known) or "; it knows " + ", ".join(known)
        super().__init__(f'"type" names no message that this node knows: {quote(message_type)}{instead}')


class TooManyOpenSpansError(RequestError):
    """The node holds as many open spans as it may; try again once some have ended."""

    code = 11

    def __init__(self, bound: int) -> None:
        super().__init__(f"{count(bound, 'span', 'is')} open, as many as this node may hold: end one first")


class MalformedRequestError(RequestError):
    """A field of the body is missing or has the wrong form."""

    code = 12


def explain_missing(field: str, expected: str) -> MalformedRequestError:
    """Make the error for a field that is not there."""
    return MalformedRequestError(f'"{field}" is missing; it must be {expected}')


def explain_form(field: str, expected: str, value: object, words: Collection[str] = ()) -> MalformedRequestError:
    """Make the error for a field of the wrong form; it names the field, what was expected, and what came.

    Args:
        words: what the field may be, where those are a few words.
    """
    instead = ""
    if type(value) is int:
        came = str(value) if abs(value) < 10**20 else "an integer of many digits"
    elif type(value) is str:
        came, instead = quote(value), guess(value, words)
    elif type(value) is dict and "" in value:
        came = "an object with an empty key"
    else:
        # A caller in Python may hand in what JSON does not have.
        came = _JSON_TYPES.get(type(value), f"a {type(value).__name__}")
    return MalformedRequestError(f'"{field}" must be {expected}, not {came}{instead}')


def explain_unknown(field: str, message_type: str, known: Collection[str]) -> MalformedRequestError:
    """Make the error for a field that no message of the type has; `known` are those that it has."""
    instead = guess(field, known) or f"; it has {', '.join(known)}"
    return MalformedRequestError(f"{quote(field)} is no field of {message_type}{instead}")


class SpanNotFoundError(RequestError):
    """No known span has that id; `field` says which field named it."""

    code = 20

    def __init__(self, span_id: str, field: str = "span_id", instead: str = "") -> None:
        super().__init__(f'"{field}" names no known span: {quote(span_id)}{instead}')
        self.span_id = span_id
        self.field = field


class SpanExistsError(RequestError):
    """A `create_span` chose the id of a known span."""

    code = 21

    def __init__(self, span_id: str) -> None:
        super().__init__(f'"span_id" is taken by a known span: {quote(span_id)}')


class PreconditionError(RequestError):
    """The message is well-formed, but the state of the node rules it out."""

    code = 22


class SpanEndedError(PreconditionError):
    """A change to a span that has ended."""

    def __init__(self, span_id: str) -> None:
        super().__init__(f'"span_id" names a span that has ended: {quote(span_id)}')


class TimeOrderError(PreconditionError):
    """The span would end before it started."""

    def __init__(self, span_id: str, start_us: int, end_us: int) -> None:
        super().__init__(f"span {quote(span_id)} cannot end at {end_us} us: it started at {start_us} us")


class NodeNameError(PreconditionError):
    """`init` under another name than the first one."""

    def __init__(self, node_id: str, named: str) -> None:
        super().__init__(f'"node_id" has been {quote(named)} since the first init, not {quote(node_id)}')

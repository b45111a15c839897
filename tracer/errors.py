"""Every error of the node, each class one remedy and one Maelstrom code.

Owns the classes and their sentences; imports nothing of the package, so that everything may import it.
Source of the codes: Maelstrom, doc/protocol.md, Errors.  Read next: `forms.py` and `span.py`, which raise most of them.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii

#: Longest piece of a peer's own text that a sentence repeats, in characters.
SHOWN_CHARACTERS = 60


def quoted(text: str) -> str:
    """Show a peer's text inside a sentence: quoted, ASCII, no control characters, cut when it is long."""
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + "..."
    return encode_basestring_ascii(text)


class TracerError(Exception):
    """Root of what the core raises on purpose; anything else that escapes it is a bug."""


class MalformedLineError(TracerError):
    """A line that is no message; there is nobody to answer."""


class RequestError(TracerError):
    """A message that is refused; nothing was changed.  Its text is the sentence for the sender."""

    #: The Maelstrom error code that the sender is answered.
    code = 13


class UnsupportedTypeError(RequestError):
    """No message of that `type` is known."""

    code = 10

    def __init__(self, message_type: str) -> None:
        super().__init__(f'"type" names no message that this node knows: {quoted(message_type)}')


class TooManyOpenSpansError(RequestError):
    """The node holds as many open spans as it may; try again once some have ended."""

    code = 11

    def __init__(self, bound: int) -> None:
        super().__init__(f"{bound} spans are open, as many as this node may hold: end one first")


class MalformedRequestError(RequestError):
    """A field of the body is missing or has the wrong form."""

    code = 12


class SpanNotFoundError(RequestError):
    """No known span has that id; `field` says which field named it."""

    code = 20

    def __init__(self, span_id: str, field: str = "span_id") -> None:
        super().__init__(f'"{field}" names no known span: {quoted(span_id)}')


class SpanExistsError(RequestError):
    """A `create_span` chose the id of a known span."""

    code = 21

    def __init__(self, span_id: str) -> None:
        super().__init__(f'"span_id" is taken by a known span: {quoted(span_id)}')


class PreconditionError(RequestError):
    """The message is well-formed, but the state of the node rules it out."""

    code = 22


class SpanEndedError(PreconditionError):
    """A change to a span that has ended."""

    def __init__(self, span_id: str) -> None:
        super().__init__(f'"span_id" names a span that has ended: {quoted(span_id)}')


class TimeOrderError(PreconditionError):
    """The span would end before it started."""

    def __init__(self, span_id: str, start_us: int, end_us: int) -> None:
        super().__init__(f"span {quoted(span_id)} cannot end at {end_us} us: it started at {start_us} us")


class NodeNameError(PreconditionError):
    """`init` under another name than the first one."""

    def __init__(self, node_id: str, named: str) -> None:
        super().__init__(f'"node_id" has been {quoted(named)} since the first init, not {quoted(node_id)}')

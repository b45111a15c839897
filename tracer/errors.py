"""Every error of the node, each class one remedy and one Maelstrom code.

Owns the classes and their sentences, and the guess at what a peer meant; imports nothing of the package, so that everything
may import it.
Source of the codes: Maelstrom, doc/protocol.md, Errors.  Read next: `forms.py` and `span.py`, which raise most of them.
"""

from __future__ import annotations

import re
from json.encoder import encode_basestring_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

#: Longest piece of a peer's own text that a sentence repeats, in characters; of a longer word nobody guesses what was meant.
SHOWN_CHARACTERS = 60
#: How much of a word must be the same for it to be near another one, as difflib counts it.
NEAR = 0.75
#: Fewest characters of an id that is near another one: of three, one is too much of it.
NEARABLE = 4
#: What a slip may put into an id.  No digits: an id with another number is another id.
_LETTERS = "abcdefghijklmnopqrstuvwxyz-_."

#: The replies that are not named after their request.
_REPLIES = ("span_created", "span_complete", "error")
_JSON_TYPES: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    float: "a number with a fraction or an exponent",
    list: "an array",
    dict: "an object",
}


def quoted(text: str) -> str:
    """Show a peer's text inside a sentence: quoted, ASCII, no control characters, cut when it is long."""
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + "..."
    return encode_basestring_ascii(text)


def quoted_path(path: str) -> str:
    """Show a path whole, since its end tells most; it is the user's own, so no peer makes it long."""
    return encode_basestring_ascii(path)


def named(span_id: str) -> str:
    """Show a span's id as its name, without quotes; otherwise as `quoted` does."""
    return quoted(span_id)[1:-1]


def counted(number: int, what: str) -> str:
    """Say a number of things, one thing or several."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def were(number: int, what: str) -> str:
    """Say a number of things that something was done to."""
    return f"{counted(number, what)} {'was' if number == 1 else 'were'}"


# -- what was meant --


def guess(word: str, words: Collection[str]) -> str:
    """Say which of some words was probably meant; nothing where none is near."""
    if not words or len(word) > SHOWN_CHARACTERS:
        return ""
    # Loaded when it is needed: a session without such a word starts sooner.
    from difflib import get_close_matches

    near = {folded: each for each in words for folded in _folded(each)}
    for folded in _folded(word):
        for match in get_close_matches(folded, near, 1, NEAR):
            return f"; did you mean {near[match]}?"
    return ""


def _folded(word: str) -> tuple[str, str]:
    """Write a word without case and marks, its parts in the order of the alphabet (end_span, spanEnd) and in their own."""
    parts = re.findall("[a-z0-9]+", re.sub("(?<=[a-z])(?=[A-Z])", "_", word).lower())
    return "".join(sorted(parts)), "".join(parts)


def guess_id(span_id: str, is_known: Callable[[str], object]) -> str:
    """Say which known id was probably meant, one slip away; nothing where there is none.

    Slips are tried, not spans: that takes about a millisecond for the longest id, however many spans are open.
    """
    if not NEARABLE <= len(span_id) <= SHOWN_CHARACTERS:
        return ""
    digits = re.sub(r"\D", "", span_id)
    for slip in _slips(span_id):
        if is_known(slip) and re.sub(r"\D", "", slip) == digits:
            return f"; did you mean {named(slip)}?"
    return ""


def _slips(word: str) -> Iterator[str]:
    yield from (word.lower(), word.upper(), word.strip(), word.replace("-", "_"), word.replace("_", "-"))
    for at in range(len(word) + 1):
        before, after = word[:at], word[at:]
        yield before + after[1:]
        yield before + after[1:2] + after[:1] + after[2:]
        for letter in _LETTERS:
            yield before + letter + after
            yield before + letter + after[1:]


# -- the errors --


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

    def __init__(self, message_type: str, known: Collection[str] = ()) -> None:
        instead = ""
        if message_type in (*_REPLIES, *[f"{name}_ok" for name in known]):
            instead = ", which is a reply"
        elif known:
            instead = guess(message_type, known) or "; it knows " + ", ".join(known)
        super().__init__(f'"type" names no message that this node knows: {quoted(message_type)}{instead}')


class TooManyOpenSpansError(RequestError):
    """The node holds as many open spans as it may; try again once some have ended."""

    code = 11

    def __init__(self, bound: int) -> None:
        are_open = counted(bound, "span") + (" is" if bound == 1 else " are")
        super().__init__(f"{are_open} open, as many as this node may hold: end one first")


class MalformedRequestError(RequestError):
    """A field of the body is missing or has the wrong form."""

    code = 12


def missing(field: str, expected: str) -> MalformedRequestError:
    """Make the error for a field that is not there."""
    return MalformedRequestError(f'"{field}" is missing; it must be {expected}')


def form_error(field: str, expected: str, value: object, words: Collection[str] = ()) -> MalformedRequestError:
    """Make the error for a field of the wrong form; it names the field, what was expected, and what came.

    Args:
        words: what the field may be, where those are a few words.
    """
    instead = ""
    if type(value) is int:
        came = str(value) if abs(value) < 10**20 else "an integer of many digits"
    elif type(value) is str:
        came, instead = quoted(value), guess(value, words)
    elif type(value) is dict and "" in value:
        came = "an object with an empty key"
    else:
        # A caller in Python may hand in what JSON does not have.
        came = _JSON_TYPES.get(type(value), f"a {type(value).__name__}")
    return MalformedRequestError(f'"{field}" must be {expected}, not {came}{instead}')


class SpanNotFoundError(RequestError):
    """No known span has that id; `field` says which field named it."""

    code = 20

    def __init__(self, span_id: str, field: str = "span_id", instead: str = "") -> None:
        super().__init__(f'"{field}" names no known span: {quoted(span_id)}{instead}')
        self.span_id = span_id
        self.field = field


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

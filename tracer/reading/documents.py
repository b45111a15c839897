"""Text cut into documents: JSON objects, whether each has a line of its own, or many lines, or stands in an array.

Owns what is a document and where it begins, and the bound on its length.
Strategy: between two documents commas, brackets of arrays and white space are ignored, so that objects in lines, one after
another, and in arrays that may be cut short are all read as they come.  Only whole lines are decoded, in which JSON has no
token that is cut: an error at their end then says that the rest of a document has not come, any other that it is broken.
Then the lines of what is broken are tried alone, up to the place of the error, where it is begun anew.
Traps: each character may be tried only a few times, however a file is broken; of very long lines only one bound is in memory.
"""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from typing import NamedTuple

from ..limits import MAX_DEPTH
from ..words import SHOWN_CHARACTERS, quote
from .fields import NUMBER_CHARACTERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .fields import Message

#: Characters of the longest document.
DOCUMENT_CHARACTERS = 1 << 24

_LINE_END = "\n"
#: Characters before the place of an error that are shown.
_SHOWN_BEFORE = 20
#: How much of a document of many lines is tried first, and how many times as much then.
_LEAST_CHARACTERS, _GROWTH = 1 << 12, 8
_BETWEEN = re.compile(r"[ \t\r\n,\[\]]*")
_BRACKET = re.compile(r"([\[{])|[\]}]")
#: How what Node.js prints of an object begins.
_NODE_JS = re.compile(r"\{\s*(?:resource|instrumentationScope|traceId): ")
_NODE_JS_SENTENCE = (
    "it is what OpenTelemetry's console exporter for JavaScript prints; only OpenTelemetry's JSON (OTLP) is read"
)
_TOO_LONG = f"it is longer than {DOCUMENT_CHARACTERS} characters"

# An integer that no field can have stays text, of which a field says what it has to be: to read it takes quadratic time.
# What JSON does not have is spelt as protobuf spells it.
_decode = JSONDecoder(
    parse_int=lambda literal: int(literal) if len(literal) <= NUMBER_CHARACTERS else literal, parse_constant=str
).raw_decode


class Document(NamedTuple):
    """An object, or why something is none."""

    value: Message | str
    #: The number of the line where it begins.
    line: int
    #: A "line", or a "document" of several.
    what: str
    characters: int


class _BrokenError(Exception):
    """There is no document; `at` is where that shows."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(reason)
        self.at = at


def read_documents(pieces: Iterable[str]) -> Iterator[Document]:
    """Read the documents in a text that comes in pieces of any size."""
    text = _Text()
    for piece in pieces:
        yield from text.feed(piece)
    yield from text.finish()


class _Text:
    """What has come of a text, and was not read yet."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._characters = 0
        #: How many have to be there until it is worth while to look at them again.
        self._wanted = 0
        #: The number of the line in which they begin.
        self._line = 1
        #: Whether what comes next is the rest of a line that is too long.
        self._is_skipping = False

    def feed(self, piece: str) -> Iterator[Document]:
        """Take the next piece; read the documents that it completes."""
        if self._is_skipping:
            _, line_end, piece = piece.partition("\n")
            self._is_skipping = not line_end
            self._line += len(line_end)
        self._pieces.append(piece)
        self._characters += len(piece)
        if self._characters < self._wanted:
            return
        text = "".join(self._pieces)
        yield from self._read(text, text.rfind("\n") + 1, is_last=False)
        if self._characters > DOCUMENT_CHARACTERS:
            yield Document(_TOO_LONG, self._line, "line", 0)
            self._keep("")
            self._is_skipping = True

    def finish(self) -> Iterator[Document]:
        """Read what is left."""
        text = "".join(self._pieces)
        return self._read(text, len(text), is_last=True)

    def _read(self, text: str, end: int, is_last: bool) -> Iterator[Document]:
        """Read the documents that begin before a place, the end of a line; keep what may be the beginning of one."""
        at = counted = alone = 0
        while (at := _BETWEEN.match(text, at).end()) < end:  # type: ignore[union-attr]  # it matches any text
            self._line += text.count("\n", counted, at)
            counted = at
            line_end = text.find("\n", at, end) + 1 or end
            if at < alone:
                value = _decode_alone(text, at, line_end)
                if value is not None:
                    yield Document(value, self._line, "line", line_end - at)
                at = line_end
                continue
            try:
                value, after = _decode_at(text, at, line_end)
            except _BrokenError as error:
                reason = str(error)
                if error.at >= end and not is_last:
                    # The rest may come.
                    if len(text) - at <= DOCUMENT_CHARACTERS:
                        break
                    reason = _TOO_LONG
                broken = text[at : min(error.at, end)]
                alone = end if error.at >= end else at + broken.rfind("\n") + 1
                what = "document" if "\n" in broken.rstrip() else "line"
                yield Document(reason or _explain_broken(text, at, self._line, error.at), self._line, what, 0)
                at = line_end
            else:
                yield Document(value, self._line, "line" if after <= line_end else "document", after - at)
                at = after
        self._line += text.count("\n", counted, at)
        self._keep(text[at:])

    def _keep(self, text: str) -> None:
        self._pieces = [text]
        self._characters = len(text)
        self._wanted = min(2 * len(text), DOCUMENT_CHARACTERS + 1)


def _decode_at(text: str, at: int, line_end: int) -> tuple[Message, int]:
    """Decode the object that begins at a place, in a line that ends at another; return it, and where the object ends.

    Raises:
        _BrokenError: there is none; the reason is empty for what is not JSON.
    """
    if text[at] != "{":
        begins = text[at : min(line_end, at + SHOWN_CHARACTERS + 1)].rstrip()
        raise _BrokenError(at, f'it does not begin with "{{": {quote(begins)}')
    characters = line_end - at
    while True:
        # Of more and more, since an error counts the lines before its place.
        piece = text[at : at + characters]
        try:
            value, after = _decode(piece)
            return value, at + after
        except JSONDecodeError as error:
            if error.pos <= piece.rfind("\n") or at + characters >= len(text):
                reason = _NODE_JS_SENTENCE if _NODE_JS.match(piece) else ""
                # Of a string that has no end the place is where it begins.
                place = len(piece) if error.msg.startswith("Unterminated") else error.pos
                raise _BrokenError(at + place, reason) from None
        except RecursionError:
            raise _BrokenError(_find_depth(text, at), "it has too many levels of lists and objects") from None
        characters = max(_GROWTH * characters, _LEAST_CHARACTERS)


def _decode_alone(text: str, at: int, line_end: int) -> Message | None:
    """Decode a line within what is broken; anything but a whole document, which is not indented, is a part of that."""
    if text[at] != "{" or text[at - 1] != "\n":
        return None
    try:
        value, after = _decode(text[at:line_end])
    except (JSONDecodeError, RecursionError):
        return None
    return value if _BETWEEN.fullmatch(text, at + after, line_end) else None


def _find_depth(text: str, at: int) -> int:
    """Return about where a document is deeper than any of ours, where Python's decoder gave up."""
    depth = 0
    for bracket in _BRACKET.finditer(text, at):
        depth += 1 if bracket[1] else -1
        if depth > MAX_DEPTH:
            return bracket.end()
    return len(text)


def _explain_broken(text: str, at: int, line: int, place: int) -> str:
    """Say where what begins at a place, in that line, is no JSON."""
    if "\n" in text[place - 1 : place + 1] or place >= len(text):
        before = text[max(at, place - _SHOWN_BEFORE) : place].rstrip()
        return f"it ends in the middle, after {quote(before.rpartition(_LINE_END)[2])}"
    line_start = text.rfind("\n", 0, place) + 1
    where = f"line {line + text.count(_LINE_END, at, place)}, " if line_start > at else ""
    shown = text[place : place + SHOWN_CHARACTERS + 1].partition("\n")[0]
    return f"it is no JSON from {where}column {place - line_start + 1} on, {quote(shown)}"

"""Lines: bytes cut into lines, and lines read as JSON objects.

Owns framing and strict JSON; knows nothing of what a message means.
Strategy: `decode` is the judge of a line, and slow.  Nearly every line is so short that it cannot break the bounds on nesting
and digits, and is JSON from its first byte to its last, so `read_ahead` gives lines to the C scanner, many at once, and
leaves to the judge what the scanner does not take whole.
Traps: the scanner ignores what follows a value, and says "no JSON here" with StopIteration.  Lines that are read as one
array may balance only together; see `_read_together`.
Read next: `node.py`, which gives each object its meaning.
"""

from __future__ import annotations

import json
from itertools import accumulate

from .errors import MalformedLineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable, Union

    #: A line without its end; bytes if it is not UTF-8.
    Line = Union[str, bytes]
    #: What a line says.
    Message = dict[str, Any]

#: Deepest nesting of a line; the outermost object is the first level.  Far below where Python's own recursion ends.
MAX_DEPTH = 200
#: Most digits of an integer: reading one takes quadratic time.  CPython's own default limit is the same.
MAX_DIGITS = 4300
#: Characters of a line that cannot nest deeper than MAX_DEPTH, since a level opens and closes.
SHORT_LINE = 2 * MAX_DEPTH
#: Lines that are read at once: with fewer, the scanner makes more copies of each key; with more, one bad line costs more.
LINES_AT_ONCE = 64
#: What is put between lines that are read at once: a word of JSON that has no other spelling.
_NULL = "null"

_BOM = b"\xef\xbb\xbf"


class LineBuffer:
    """Cut bytes that come in pieces of any size into lines.

    Args:
        max_line_bytes: what follows in a longer line is dropped but for two bytes, enough for `decode` to refuse it, so
            that a line without an end takes constant memory.
    """

    def __init__(self, max_line_bytes: int) -> None:
        # Two more: the \r of a \r\n is no part of the line, and the next byte shows that it was none.
        self._room = max_line_bytes + 2
        self._pending = bytearray()
        self._at_start = True

    def feed(self, data: bytes) -> list[Line]:
        """Take the next bytes; return the lines that they complete, without their `\\n`."""
        if self._at_start:
            data = self._skip_bom(data)
        try:
            text = data.decode()
            line, end, others = text.partition("\n")
            if end and not others and not self._pending:
                # Somebody may wait for the reply to this one; splitting takes twice as long.
                return [line]
            lines: list[Line] = text.split("\n")  # type: ignore[assignment]  # of text alone, so far
        except UnicodeDecodeError:
            lines = [as_text(line) for line in data.split(b"\n")]
        rest = lines.pop()
        if self._pending and lines:
            lines[0] = as_text(bytes(self._pending) + as_bytes(lines[0]))
            self._pending.clear()
        if rest:
            self._pending += as_bytes(rest)[: max(0, self._room - len(self._pending))]
        return lines

    def finish(self) -> list[Line]:
        """Return the last line, if the input ended without its end."""
        lines = [as_text(bytes(self._pending))] if self._pending else []
        self._pending.clear()
        return lines

    def _skip_bom(self, data: bytes) -> bytes:
        """Drop a byte order mark, which may come in pieces, from the very start of the input."""
        data = bytes(self._pending) + data
        self._pending.clear()
        self._at_start = len(data) < len(_BOM) and _BOM.startswith(data)
        return data[len(_BOM) :] if data.startswith(_BOM) else data


def as_text(line: bytes) -> Line:
    """Decode a line; what is not UTF-8 stays bytes."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line


def as_bytes(line: Line) -> bytes:
    """Give the bytes of a line."""
    return line.encode() if isinstance(line, str) else line


def read_ahead(lines: list[Line], max_line_bytes: int) -> Iterator[list[Message | Line]]:
    """Read lines, some at once, as far as that is quick.

    Args:
        lines: without their ends.
        max_line_bytes: the longest line.
    Returns:
        The lines again, a few at a time: each as its message or, for `decode` to judge, as it is.
    """
    for at in range(0, len(lines), LINES_AT_ONCE):
        some = lines[at : at + LINES_AT_ONCE]
        yield _read_together(some, max_line_bytes) or [
            line if (message := read_alone(line, max_line_bytes)) is None else message for line in some
        ]


def _read_together(lines: list[Line], max_line_bytes: int) -> list[Message | Line] | None:
    """Read lines as one array, nulls between them; None if that does not show what each of them is.

    No line holds the word null, so every null is one of those between.  As each is found between two values of the array
    and not within one, no line's value goes on into the next line, and each line is one value.
    """
    try:
        text = f"[{f',{_NULL},'.join(lines)}]"  # type: ignore[arg-type]  # the error that bytes raise is caught
        longest = max(map(len, lines))
        if 4 * longest > max_line_bytes or (longest > SHORT_LINE and not _is_harmless(text, longest)):
            return None
        if text.count(_NULL) != len(lines) - 1:
            return None
        values, end = scan(text, 0)
    except (StopIteration, TypeError, ValueError):
        return None
    messages, between = values[::2], values[1::2]
    if end != len(text) or len(messages) != len(lines) or between != [None] * len(between):
        return None
    return messages if set(map(type, messages)) == {dict} else None


def read_alone(line: Line, max_line_bytes: int) -> Message | None:
    """Read one line if that is quick; None if it is for `decode` to judge."""
    length = len(line)
    try:
        # No character takes more bytes than four.  The errors that bytes raise are caught.
        if 4 * length <= max_line_bytes and (length <= SHORT_LINE or _is_harmless(line, length)):  # type: ignore[arg-type]
            message, end = scan(line, 0)  # type: ignore[arg-type]
            if end == length and type(message) is dict:
                return message
    except (StopIteration, TypeError, ValueError):
        pass
    return None


def _is_harmless(text: str, longest_line: int) -> bool:
    """Tell whether no line in a text can nest too deep or hold too many digits."""
    return longest_line <= MAX_DIGITS and text.count("{") + text.count("[") <= MAX_DEPTH


def decode(line: Line, max_line_bytes: int) -> Message | None:
    """Read one line as a JSON object.

    Args:
        line: without its `\\n`.
        max_line_bytes: the longest line, its end not counted.
    Returns:
        The object, or None for a blank line.
    Raises:
        MalformedLineError: the line is no strict JSON object or breaks a bound.
    """
    data = as_bytes(line)
    if len(data) - data.endswith(b"\r") > max_line_bytes:
        raise MalformedLineError(f"the line is longer than {max_line_bytes} bytes and was skipped")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedLineError(f"the line is not UTF-8: byte {error.start + 1} fits nothing") from None
    text = text.strip(" \t\r")
    if not text:
        return None
    if _nests_too_deep(text):
        raise MalformedLineError(f"the line nests deeper than {MAX_DEPTH} levels")
    try:
        message = _STRICT.decode(text)
    except ValueError as error:
        raise MalformedLineError(f"the line is not strict JSON: {error}") from None
    if not isinstance(message, dict):
        raise MalformedLineError("the line is JSON, but not an object")
    return message


def _nests_too_deep(text: str) -> bool:
    """Count the brackets outside strings, without recursion; exact where the text is JSON."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    return max(accumulate((char in "[{") - (char in "]}") for char in outside), default=0) > MAX_DEPTH


def _finite(literal: str) -> float:
    value = float(literal)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is beyond the range of a double")
    return value


def _bounded(literal: str) -> int:
    if len(literal.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"an integer has more than {MAX_DIGITS} digits")
    return int(literal)


def _no_constant(literal: str) -> None:
    raise ValueError(f"{literal} is no JSON")


_STRICT = json.JSONDecoder(parse_float=_finite, parse_int=_bounded, parse_constant=_no_constant)
#: The same for text whose integers need no check: `scan(text, 0)` gives the value and where it ended.
scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
    parse_float=_finite, parse_constant=_no_constant
).scan_once  # type: ignore[attr-defined]  # the stubs leave it out

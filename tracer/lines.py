"""Lines: bytes cut into lines, and lines read as JSON objects.

Owns framing, the bound on a line's length, and strict JSON; knows nothing of what a message means.
Strategy: nearly every line is so short that it cannot break the bounds on nesting and digits, and is JSON from its first
byte to its last; so lines are given to the C scanner many at once, and a run of them that it does not take is read line
by line, with care.
Traps: the scanner ignores what follows a value, and says "no JSON here" with StopIteration.
What is wrong with a line that is no message is `malformed.py`'s matter.
Read next: `node.py`, which gives each object its meaning.
"""

from __future__ import annotations

import json
from itertools import accumulate

from .limits import MAX_DEPTH, MAX_DIGITS, MAX_LINE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    #: What a line says.
    Message = dict[str, Any]

#: Characters of a line that, if it is JSON, breaks no bound: a level takes two, one that opens it and one that closes it.
SHORT_LINE = 2 * MAX_DEPTH

#: Lines that are read at once: with fewer, the scanner makes more copies of each key; with more, one bad line costs more.
LINES_AT_ONCE = 64
#: What is put between lines that are read at once: a word of JSON that has no other spelling.
_NULL = "null"
_BOM = b"\xef\xbb\xbf"
#: What may stand around a message: the white space of JSON.
_WHITE_SPACE = " \t\r\n"


class Unreadable(str):
    """Stands for a line whose text is not there, and says why; no such sentence is a JSON object."""

    __slots__ = ()


class LineBuffer:
    """Cut bytes that come in pieces of any size into lines.

    Args:
        max_line_bytes: the longest line; of a longer one little more than that is kept until its end is found.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        # The beginning of a line whose end has not come.
        self._pending = bytearray()
        self._is_at_start = True

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes; return the lines that they complete, without their `\\n`."""
        whole, end, rest = data.rpartition(b"\n")
        if end and self._pending:
            whole = bytes(self._pending) + whole
            self._pending.clear()
        # Two bytes more show that the line is too long, a \r at its end not counted; three, for the byte order mark.
        if rest:
            self._pending += rest[: max(0, self._max_line_bytes + 5 - len(self._pending))]
        if not end:
            return []
        if self._is_at_start:
            self._is_at_start = False
            whole = whole.removeprefix(_BOM)
        # Where all of it is within the bound, so is each line.
        if len(whole) <= self._max_line_bytes:
            try:
                return whole.decode().split("\n")
            except UnicodeDecodeError:
                pass
        return [self._decode(line) for line in whole.split(b"\n")]

    def finish(self) -> list[str]:
        """Return the last line, if the input ended without its end."""
        return self.feed(b"\n") if self._pending else []

    def _decode(self, line: bytes) -> str:
        if len(line) - line.endswith(b"\r") > self._max_line_bytes:
            return Unreadable(
                f"the line is longer than {self._max_line_bytes} bytes and was skipped: --max-line-bytes sets the bound"
            )
        return decode_line(line)


def decode_line(line: bytes) -> str:
    """Return the text of a line; for one that is not UTF-8, an `Unreadable`."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        # Loaded when it is needed: a session without such a line starts sooner.
        from .malformed import explain_bytes

        return Unreadable(explain_bytes(line, error.start))


def read(lines: list[str]) -> list[Message | str | None]:
    """Read lines as JSON objects: in C, a run of them at once, where that shows what each one is.

    Args:
        lines: without their `\\n`.
    Returns:
        For each line its object, None if it is blank, or if it is no object the line itself, without white space at its end.
    """
    if len(lines) == 1:
        # Somebody may wait for the reply to this one.
        return [_read_line(lines[0])]
    messages: list[Message | str | None] = []
    for at in range(0, len(lines), LINES_AT_ONCE):
        run = lines[at : at + LINES_AT_ONCE]
        messages += _read_run(run) or map(_read_line, run)
    return messages


def _read_run(lines: list[str]) -> list[Any]:
    """Read lines as one array, nulls between them; return nothing if that does not show what each of them is.

    It is tried only where no line has the word null, so that every null is one of those between.  Where each of them is then
    found between two values of the array, none of them within one, no line's value goes on into the next line.
    """
    text = f"[{f',{_NULL},'.join(lines)}]"
    if text.count(_NULL) != len(lines) - 1:
        return []
    if max(map(len, lines)) > SHORT_LINE and not all(map(_is_harmless, lines)):
        return []
    try:
        values, end = _scan(text, 0)
    except (StopIteration, ValueError, RecursionError):
        # Of lines that open more than they close the levels add up.
        return []
    messages, between = values[::2], values[1::2]
    are_apart = end == len(text) and len(messages) == len(lines) and between == [None] * len(between)
    return messages if are_apart and set(map(type, messages)) == {dict} else []


def _is_harmless(line: str) -> bool:
    """Tell whether a line can neither nest too deep nor hold too many digits."""
    return len(line) <= MAX_DIGITS and line.count("{") + line.count("[") <= MAX_DEPTH


def _read_line(line: str) -> Message | str | None:
    """Read one line, whatever it is; a short one, which can break no bound, is first tried without care."""
    length = len(line)
    if length <= SHORT_LINE:
        try:
            message, end = _scan(line, 0)
            if end == length and type(message) is dict:
                return message
        except (StopIteration, ValueError, RecursionError):
            pass
    text = line.strip(_WHITE_SPACE)
    if not text:
        return None
    if not _nests_too_deep(text):
        try:
            message = _STRICT.decode(text)
            if type(message) is dict:
                return message
        except ValueError:
            pass
    # An `Unreadable` keeps its class, which says that it is no text.
    return line.rstrip(_WHITE_SPACE) if type(line) is str else line


def _nests_too_deep(text: str) -> bool:
    """Count the brackets outside strings, without recursion; exact where the text is JSON."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    return max(accumulate((char in "[{") - (char in "]}") for char in outside), default=0) > MAX_DEPTH


def _read_float(literal: str) -> float:
    value = float(literal)
    if value in (float("inf"), float("-inf")):
        raise ValueError
    return value


def _read_int(literal: str) -> int:
    if len(literal.lstrip("-")) > MAX_DIGITS:
        raise ValueError
    return int(literal)


def _refuse_constant(literal: str) -> None:
    raise ValueError


_STRICT = json.JSONDecoder(parse_float=_read_float, parse_int=_read_int, parse_constant=_refuse_constant)
#: The same for text whose integers need no check: `_scan(text, 0)` gives the value and where it ended.
_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
    parse_float=_read_float, parse_constant=_refuse_constant
).scan_once  # type: ignore[attr-defined]  # the stubs leave it out

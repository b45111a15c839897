"""Lines: bytes cut into lines, and one line read as one JSON object.

Owns framing and strict JSON; knows nothing of what a message means.
Strategy: nearly every line is short, so short that it cannot break the bounds on nesting and digits, and is JSON from its
first byte to its last.  Those go straight to the C scanner; whatever it does not take whole is judged again, slowly.
Traps: the scanner ignores what follows the value, and says "no JSON here" with StopIteration.
Read next: `node.py`, which gives each object its meaning.
"""

from __future__ import annotations

import json
from itertools import accumulate

from .errors import MalformedLineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

#: Deepest nesting of a line; the outermost object is the first level.  Far below where Python's own recursion ends.
MAX_DEPTH = 200
#: Most digits of an integer: reading one takes quadratic time.  CPython's own default limit is the same.
MAX_DIGITS = 4300
#: Bytes of a line that can neither nest deeper than MAX_DEPTH (a level opens and closes) nor hold more than MAX_DIGITS.
SHORT_LINE = 2 * MAX_DEPTH

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

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the lines that they complete, without their `\\n`."""
        if self._at_start:
            data = self._skip_bom(data)
        lines = data.split(b"\n")
        rest = lines.pop()
        if rest or self._pending:
            if lines:
                lines[0] = bytes(self._pending) + lines[0]
                self._pending.clear()
            self._pending += rest[: max(0, self._room - len(self._pending))]
        return lines

    def finish(self) -> list[bytes]:
        """Return the last line, if the input ended without its end."""
        lines = [bytes(self._pending)] if self._pending else []
        self._pending.clear()
        return lines

    def _skip_bom(self, data: bytes) -> bytes:
        """Drop a byte order mark, which may come in pieces, from the very start of the input."""
        data = bytes(self._pending) + data
        self._pending.clear()
        self._at_start = len(data) < len(_BOM) and _BOM.startswith(data)
        return data[len(_BOM) :] if data.startswith(_BOM) else data


def decode(line: bytes, max_line_bytes: int) -> dict[str, Any] | None:
    """Read one line as a JSON object.

    Args:
        line: its bytes, without the `\\n`.
        max_line_bytes: the longest line, its end not counted.
    Returns:
        The object, or None for a blank line.
    Raises:
        MalformedLineError: the line is no strict JSON object or breaks a bound.
    """
    if len(line) - line.endswith(b"\r") > max_line_bytes:
        raise MalformedLineError(f"the line is longer than {max_line_bytes} bytes and was skipped")
    try:
        text = line.decode()
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
#: The same for a SHORT_LINE, whose integers need no check: `scan(text, 0)` gives the value and where it ended.
scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
    parse_float=_finite, parse_constant=_no_constant
).scan_once  # type: ignore[attr-defined]  # the stubs leave it out

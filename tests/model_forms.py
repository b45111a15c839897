"""The forms that the model of the node accepts: JSON, envelopes, fields, traceparents.

Owns no state; like `tests/model.py`, whose other half it is, it imports nothing of the node.
"""

from __future__ import annotations

import json
import re
from typing import Any, Optional

LAST_TIMESTAMP_US = 9223372036854775


class Malformed(Exception):
    """A line that nobody can be answered about."""


class Refused(Exception):
    """A message that fails."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def check(holds: bool, code: int = 12) -> None:
    if not holds:
        raise Refused(code)


def is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def check_attributes(holder: dict[str, Any]) -> None:
    attributes = holder.get("attributes")
    check(attributes is None or (isinstance(attributes, dict) and "" not in attributes))


def check_timestamp(body: dict[str, Any]) -> None:
    stated = body.get("timestamp_us")
    check(stated is None or (is_integer(stated) and 0 <= stated <= LAST_TIMESTAMP_US))


def check_link(link: object) -> None:
    if not isinstance(link, dict):
        raise Refused(12)
    check((link.get("span_id") is None) != (link.get("traceparent") is None))
    check(link.get("span_id") is None or is_text(link["span_id"]))
    check(link.get("traceparent") is None or normal_traceparent(link["traceparent"]) is not None)
    check_attributes(link)


def normal_traceparent(value: object) -> Optional[str]:
    """Give a good traceparent in the form of version 00, and None for a bad one."""
    if not isinstance(value, str):
        return None
    version, first, rest = value[:2], value[:55], value[55:]
    if not re.fullmatch("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", first):
        return None
    if version == "ff" or first[3:35] == "0" * 32 or first[36:52] == "0" * 16:
        return None
    if rest and (version == "00" or rest[0] != "-"):
        return None
    return "00" + first[2:]


def cut(value: Any, characters: Optional[int]) -> Any:
    """Cut the strings in an attribute's value."""
    if isinstance(value, str) and characters is not None:
        return value[:characters]
    if isinstance(value, list):
        return [cut(each, characters) for each in value]
    if isinstance(value, dict):
        return {key: cut(each, characters) for key, each in value.items()}
    return value


# JSON


def parse(line: bytes, max_line_bytes: int) -> dict[str, Any]:
    """Read a line as a JSON object."""
    try:
        text = line.decode("utf-8")
        if len(line.removesuffix(b"\r")) > max_line_bytes or depth(text) > 200:
            raise Malformed
        value = json.loads(text, parse_float=finite, parse_int=short, parse_constant=finite)
    except ValueError:
        raise Malformed from None
    if not isinstance(value, dict):
        raise Malformed
    return value


def depth(text: str) -> int:
    """Count how many objects and lists are open at once."""
    level = deepest = 0
    for bracket in re.findall(r'[][{}]', re.sub(r'"(\\.|[^"\\])*"', "", text, flags=re.DOTALL)):
        level += 1 if bracket in "[{" else -1
        deepest = max(deepest, level)
    return deepest


def finite(literal: str) -> float:
    number = float(literal)
    if number in (float("inf"), float("-inf")) or number != number:
        raise Malformed
    return number


def short(literal: str) -> int:
    if len(literal.lstrip("-")) > 4300:
        raise Malformed
    return int(literal)


def open_envelope(outer: dict[str, Any]) -> tuple[dict[str, Any], Optional[tuple[str, str]]]:
    """Give a message's body, and who sent it to whom if it says so."""
    if "body" not in outer:
        return outer, None
    if not (isinstance(outer["body"], dict) and is_text(outer.get("src")) and is_text(outer.get("dest"))):
        raise Malformed
    return outer["body"], (outer["src"], outer["dest"])

"""The forms that the model of the node accepts: JSON, envelopes, fields, traceparents.

Owns no state; like `tests/model.py`, whose other half it is, it imports nothing of the node.
"""

from __future__ import annotations

import json
import re
from typing import Any

LAST_TIMESTAMP_US = 9223372036854775
KINDS = ("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")


class MalformedError(Exception):
    """A line that nobody can be answered about."""


class RefusedError(Exception):
    """A message that fails."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def check(holds: bool, code: int = 12) -> None:
    """Refuse a message unless something holds."""
    if not holds:
        raise RefusedError(code)


def is_text(value: object) -> bool:
    """Tell whether a value is a non-empty string."""
    return isinstance(value, str) and value != ""


def is_integer(value: object) -> bool:
    """Tell whether a value is an integer, which true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_attributes(holder: dict[str, Any]) -> None:
    """Refuse a body or a link with attributes of the wrong form."""
    attributes = holder.get("attributes")
    check(attributes is None or (isinstance(attributes, dict) and "" not in attributes))


def check_timestamp(body: dict[str, Any]) -> None:
    """Refuse a body with a timestamp of the wrong form."""
    stated = body.get("timestamp_us")
    check(stated is None or (is_integer(stated) and 0 <= stated <= LAST_TIMESTAMP_US))


def check_link(link: object) -> None:
    """Refuse a link of the wrong form."""
    if not isinstance(link, dict):
        raise RefusedError(12)
    check((link.get("span_id") is None) != (link.get("traceparent") is None))
    check(link.get("span_id") is None or is_text(link["span_id"]))
    check(link.get("traceparent") is None or normal_traceparent(link["traceparent"]) is not None)
    check_attributes(link)


def check_create_span(body: dict[str, Any]) -> None:
    """Refuse a `create_span` with a field of the wrong form."""
    check(is_text(body.get("name")))
    check(body.get("kind") is None or (isinstance(body["kind"], str) and body["kind"] in KINDS))
    for field in ("span_id", "parent_span_id"):
        check(body.get(field) is None or is_text(body[field]))
    for field in ("traceparent", "context"):
        check(body.get(field) in (None, "") or normal_traceparent(body[field]) is not None)
    check(body.get("parent_span_id") is None or body.get("traceparent") in (None, ""))
    check_attributes(body)
    check(body.get("links") is None or isinstance(body["links"], list))
    for link in body.get("links") or []:
        check_link(link)
    check_timestamp(body)


def normal_traceparent(value: object) -> str | None:
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


def cut(value: Any, characters: int | None) -> Any:
    """Cut the strings in an attribute's value."""
    if isinstance(value, str) and characters is not None:
        return value[:characters]
    if isinstance(value, list):
        return [cut(each, characters) for each in value]
    if isinstance(value, dict):
        return {key: cut(each, characters) for key, each in value.items()}
    return value


def bounded(old: dict[str, Any], new: dict[str, Any], bound: int, characters: int | None) -> tuple[dict[str, Any], int]:
    """Give the old attributes with the new ones set, and how many of those found no room."""
    result, dropped = dict(old), 0
    for key, value in new.items():
        if key in result or len(result) < bound:
            result[key] = cut(value, characters)
        else:
            dropped += 1
    return result, dropped


# JSON


def parse(line: bytes, max_line_bytes: int) -> dict[str, Any] | None:
    """Read a line as a JSON object; give None for a blank one."""
    if len(line.removesuffix(b"\r")) > max_line_bytes:
        raise MalformedError
    if not line.strip(b" \t\r"):
        return None
    try:
        text = line.decode("utf-8")
        if depth(text) > 200:
            raise MalformedError
        value = json.loads(text, parse_float=finite, parse_int=short, parse_constant=finite)
    except ValueError:
        raise MalformedError from None
    if not isinstance(value, dict):
        raise MalformedError
    return value


#: A string, or a comment that stands by itself: it is reported, and the message may go on behind it.
COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|(?<![^\s{}\[\]:,"])(?:(?://|#).*|/\*.*?(?:\*/|$))')


class Runs:
    """Lines in a row that go on with what the first of them began: a message that is spread over them, or UTF-16."""

    def __init__(self) -> None:
        self.last, self.begun, self.is_utf_16 = 0, "", False

    def goes_on(self, number: int, line: bytes, max_line_bytes: int) -> bool:
        """Tell whether a bad line only goes on; take note of what it begins or leaves unfinished."""
        if len(line.removesuffix(b"\r")) > max_line_bytes:
            return False
        begun, was_utf_16 = (self.begun, self.is_utf_16) if number == self.last + 1 else ("", False)
        self.last, self.begun, self.is_utf_16 = number, "", looks_like_utf_16(line)
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return self.is_utf_16 and was_utf_16
        self.is_utf_16 = self.is_utf_16 or (was_utf_16 and "\0" in text)
        if self.is_utf_16:
            return was_utf_16
        for run in [f"{begun}\n{text}", text] if begun else [text]:
            for read in (run, COMMENT.sub(lambda found: found[1] or "", run)):
                if can_be_finished(read):
                    self.begun = "" if is_whole(read) else read
                    return run is not text and read is run
        return False


def looks_like_utf_16(line: bytes) -> bool:
    """Tell whether a third of a line is zeros, but not all of it, or it begins with UTF-16's byte order mark.

    White space at the end does not count where the line is text.
    """
    try:
        text = line.decode().rstrip(" \t\r")
    except UnicodeDecodeError:
        return line[:2] in (b"\xff\xfe", b"\xfe\xff") or line.count(0) * 3 >= len(line)
    return text.count("\0") * 3 >= len(text) and text.strip("\0") != ""


def is_whole(text: str) -> bool:
    """Tell whether a text is a JSON object within the bounds, or what looks like an array of messages."""
    array = re.match(r"\s*\[[ \t\r]*(?:[\[\]{]|$)", text, re.MULTILINE)
    try:
        return parse((f'{{"": {text}}}' if array else text).encode(), len(text) * 4 + 8) is not None
    except MalformedError:
        return False


def can_be_finished(text: str) -> bool:
    """Tell whether more lines would make an object or an array of a text: a few tokens, and what closes its brackets."""
    closing = ""
    for bracket in re.findall(r"[][{}]", re.sub(r'"(\\.|[^"\\])*"', "", text, flags=re.DOTALL)):
        closing = {"{": "}", "[": "]"}[bracket] + closing if bracket in "{[" else closing[1:]
    return any(is_whole(f"{text}\n{rest}{closing}") for rest in ("", "0", ":0", '"":0'))


def depth(text: str) -> int:
    """Count how many objects and lists are open at once."""
    level = deepest = 0
    for bracket in re.findall(r"[][{}]", re.sub(r'"(\\.|[^"\\])*"', "", text, flags=re.DOTALL)):
        level += 1 if bracket in "[{" else -1
        deepest = max(deepest, level)
    return deepest


def finite(literal: str) -> float:
    """Read a number with a fraction or an exponent."""
    number = float(literal)
    if number in (float("inf"), float("-inf")) or number != number:
        raise MalformedError
    return number


def short(literal: str) -> int:
    """Read an integer."""
    if len(literal.lstrip("-")) > 4300:
        raise MalformedError
    return int(literal)


def open_envelope(outer: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, str] | None]:
    """Give a message's body, and who sent it to whom if it says so."""
    if "body" not in outer:
        return outer, None
    if not (isinstance(outer["body"], dict) and is_text(outer.get("src")) and is_text(outer.get("dest"))):
        raise MalformedError
    return outer["body"], (outer["src"], outer["dest"])

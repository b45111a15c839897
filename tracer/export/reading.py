"""Spans read back from files of OTLP JSON lines, of this node or of anybody's exporter, to be drawn.

Owns what such a line may say: every field under both of its names, whole numbers as numbers or strings, enums as numbers or
names, ids in hex of either case.  A field that is missing or null has its default, one that is not known is passed over.
Imported only where `--draw` asks for it.
Traps: files may be huge, torn and hostile, so lines, texts and spans are bounded; a span's parts go by the bounds of `Limits`.
Source: OTLP, JSON Protobuf Encoding; protobuf.dev, ProtoJSON Format.
"""

from __future__ import annotations

import re
import select
from functools import cache, lru_cache
from itertools import islice
from typing import Any

from ..address import ReturnAddress
from ..errors import MalformedLineError, quoted_path, were
from ..limits import Limits
from ..lines import LineBuffer, read
from ..malformed import Malformed
from ..span import KINDS, STATUSES, Span
from ..trace_context import SpanContext
from .otlp import MAX_INT64, MAX_UINT64, MIN_INT64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Callable

    from ..lines import Message

#: Most spans that are looked at, shared among the files: the picture draws far fewer, those that start first.
SPANS = 100_000
#: Longest line, far longer than those of a Collector.
LINE_BYTES = 1 << 24
#: Most characters of a name, an error and a string in an attribute: more than a picture has room for.
CHARACTERS = 4_096

_CHUNK_BYTES = 1 << 20
_LIMITS = Limits(value_characters=CHARACTERS)
_NUMBER_CHARACTERS = 40
_KIND_NAMES = ("UNSPECIFIED", *KINDS)
_WHAT: dict[type, str] = {str: "a string", list: "a list", dict: "an object"}


def spans_in(paths: list[str], say: Callable[[str], None]) -> list[Span]:
    """Read the spans in files, each once; where they are of several services, their names begin with them.

    Args:
        paths: the files; `-` is stdin.
        say: takes a sentence about each file that has lines without spans, or too many spans.
    Raises:
        OSError: one of the files cannot be read.
    """
    found: dict[tuple[object, ...], Span] = {}
    most = SPANS // len(paths)
    for path in paths:
        spans = _in_file(path, say)
        for span in islice(spans, most):
            # Simulated runs give the same ids to different spans, so these alone do not tell whether it is the same one.
            same = (span.trace_id, span.hex_id, span.start_us, span.end_us, span.name, span.return_address.src)
            found.setdefault(same, span)
        if next(spans, None):
            say(f"{quoted_path(path)}: only its first {most} spans are looked at")
    if len({span.return_address.src for span in found.values()}) > 1:
        for span in found.values():
            span.name = f"{span.return_address.src}: {span.name}"
    return list(found.values())


def _in_file(path: str, say: Callable[[str], None]) -> Iterator[Span]:
    """Read the spans in a file; at its end say how many of its lines have none to read, and why the first has not."""
    bad, first = 0, ""
    malformed = Malformed()
    for number, line in enumerate(_lines(path), 1):
        try:
            if isinstance(line, str):
                raise MalformedLineError(malformed.sentence(number, line) or "")
            yield from list(_spans(line))
        except MalformedLineError as error:
            bad += 1
            first = first or f"{number}: {error}"
    if bad:
        say(f"{quoted_path(path)}: {were(bad, 'line')} passed over, first line {first}")


def _lines(path: str) -> Iterator[Message | str | None]:
    buffer = LineBuffer(LINE_BYTES, advice="")
    try:
        for data in _pieces(path):
            yield from read(buffer.feed(data))
        yield from read(buffer.finish())
    except OSError as error:
        # That of a read names no file.
        error.filename = path
        raise


def _pieces(path: str) -> Iterator[bytes]:
    with open(0 if path == "-" else path, "rb", buffering=0, closefd=path != "-") as file:
        while (data := file.read(_CHUNK_BYTES)) != b"":
            if data is None:
                # Somebody has made stdin non-blocking, and nothing has come yet.
                select.select([file], [], [])
            else:
                yield data


# -- OTLP's messages --


def _spans(line: Message | None) -> Iterator[Span]:
    """Read the spans of a line; a blank one has none.

    Raises:
        MalformedLineError: it is no `TracesData`.
    """
    if line is None:
        return
    if _value_of(line, "resourceSpans") is None:
        raise MalformedLineError('it has no "resourceSpans"')
    for resource_spans in _messages(line, "resourceSpans"):
        resource = _attributes(_field(resource_spans, "resource", dict))
        address = _address(str(resource.get("service.name") or "unknown_service")[:CHARACTERS])
        for scope_spans in _messages(resource_spans, "scopeSpans"):
            for message in _messages(scope_spans, "spans"):
                yield _span(message, address)


@lru_cache(maxsize=256)
def _address(service: str) -> ReturnAddress:
    """Return the one that the spans of a service share."""
    return ReturnAddress(service)


def _span(message: Message, address: ReturnAddress) -> Span:
    trace_id, parent_id = _id(message, "traceId", 32), _id(message, "parentSpanId", 16)
    name = _field(message, "name", str)[:CHARACTERS]
    kind = KINDS[max(_enum(message, "kind", "SPAN_KIND_", _KIND_NAMES) - 1, 0)]
    start_us, end_us = _time_us(message, "startTimeUnixNano"), _time_us(message, "endTimeUnixNano")
    parent = SpanContext(trace_id, parent_id, 0) if parent_id else None
    span = Span("", name, kind, start_us, trace_id, _id(message, "spanId", 16), 0, parent)
    span.return_address = address
    status = _field(message, "status", dict)
    span.status = STATUSES[_enum(status, "code", "STATUS_CODE_", STATUSES)]
    # An end of 0 is one that is not known, but of a span that starts at 0 too, by a simulated clock.
    if end_us or not start_us:
        span.end_us = max(end_us, start_us)
    if span.status == "ERROR":
        span.error = _field(status, "message", str)[:CHARACTERS] or None
    span.set_attributes(_attributes(message), _LIMITS)
    for event in _messages(message, "events"):
        event_name = _field(event, "name", str)[:CHARACTERS]
        span.add_event(event_name, _time_us(event, "timeUnixNano"), _attributes(event) or None, _LIMITS)
    return span


def _attributes(message: Message, name: str = "attributes") -> dict[str, Any]:
    return {_field(pair, "key", str): _any_value(_field(pair, "value", dict)) for pair in _messages(message, name)}


def _any_value(message: Message) -> Any:
    """Read a value; bytes stay in base64, and of a kind that is not known there is none."""
    if _value_of(message, "arrayValue") is not None:
        return [_any_value(item) for item in _messages(_field(message, "arrayValue", dict), "values")]
    if _value_of(message, "kvlistValue") is not None:
        return _attributes(_field(message, "kvlistValue", dict), "values")
    if _value_of(message, "intValue") is not None:
        return _integer(message, "intValue", MIN_INT64, MAX_INT64)
    values = (_value_of(message, name) for name in ("stringValue", "boolValue", "doubleValue", "bytesValue"))
    return next((value for value in values if value is not None), None)


# -- the forms of a field --


def _value_of(message: Message, name: str) -> Any:
    """Return a field by its name in JSON or, where that is missing, in the `.proto` file; None for none."""
    value = message.get(name)
    return message.get(_original(name)) if value is None else value


@cache
def _original(name: str) -> str:
    return re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), name)


def _field(message: Message, name: str, kind: type) -> Any:
    """Return a field of that type, an empty one where it is missing."""
    value = _value_of(message, name)
    if value is None:
        return kind()
    if type(value) is not kind:
        raise MalformedLineError(f'"{name}" has to be {_WHAT[kind]}')
    return value


def _messages(message: Message, name: str) -> list[Message]:
    messages: list[Message] = _field(message, name, list)
    if not all(type(item) is dict for item in messages):
        raise MalformedLineError(f'"{name}" has to be a list of objects')
    return messages


def _integer(message: Message, name: str, least: int, most: int) -> int:
    """Return a whole number, which may be a string and have an exponent; 0 where it is missing."""
    value = _value_of(message, name)
    number = 0 if value is None else value
    if type(value) is str and len(value) <= _NUMBER_CHARACTERS:
        number = int(value) if re.fullmatch("-?[0-9]+", value) else _float(value)
    if type(number) is float and number.is_integer():
        number = int(number)
    if type(number) is not int or not least <= number <= most:
        raise MalformedLineError(f'"{name}" has to be a whole number from {least} to {most}')
    return number


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _time_us(message: Message, name: str) -> int:
    return _integer(message, name, 0, MAX_UINT64) // 1000


def _enum(message: Message, name: str, prefix: str, names: tuple[str, ...]) -> int:
    """Return the number of a value, which may be there by its name; one that is not known counts as 0."""
    value = _value_of(message, name)
    if type(value) is str and value.startswith(prefix) and value[len(prefix) :] in names:
        return names.index(value[len(prefix) :])
    number = _integer(message, name, -(1 << 31), (1 << 31) - 1)
    return number if 0 <= number < len(names) else 0


def _id(message: Message, name: str, digits: int) -> int:
    """Return an id; 0 for none."""
    text = _field(message, name, str)
    if text and not re.fullmatch(f"[0-9A-Fa-f]{{{digits}}}", text):
        raise MalformedLineError(f'"{name}" has to be {digits} hex digits')
    return int(text or "0", 16)

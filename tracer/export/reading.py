"""Spans read back from files of OTLP JSON lines, of this node or of any other exporter, to be drawn.

Owns what such a line may say: every field under both of its names, whole numbers as numbers or strings, enums as numbers or
names, ids in hex of either case.  A field that is missing or null has its default, one that is not known is ignored.
Imported only where `--draw` asks for it.
Traps: files may be huge, torn and hostile, so lines, texts and spans are bounded; a span's parts go by the bounds of `Limits`.
Source: OTLP, JSON Protobuf Encoding; protobuf.dev, ProtoJSON Format.
"""

from __future__ import annotations

import re
import select
from functools import cache
from itertools import islice
from typing import Any

from ..errors import MalformedLineError
from ..limits import Limits
from ..lines import LineBuffer, read
from ..malformed import Malformed
from ..span import KINDS, STATUSES, Span, make_attributes
from ..trace_context import SpanContext
from ..views import freeze_members
from ..words import count, quote_path
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
_LIMITS = Limits()
_NUMBER_CHARACTERS = 40
_KIND_NAMES = ("UNSPECIFIED", *KINDS)
_WHAT: dict[type, str] = {str: "a string", list: "a list", dict: "an object"}


def read_spans(paths: list[str], say: Callable[[str], None]) -> list[Span]:
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
        spans = _read_file(path, say)
        for span in islice(spans, most):
            # Simulated runs give the same ids to different spans, so these alone do not tell whether it is the same one.
            same = (span.trace_id, span.hex_id, span.start_us, span.end_us, span.name, span.service)
            found.setdefault(same, span)
        if next(spans, None):
            say(f"{quote_path(path)}: only its first {most} spans are looked at")
    if len({span.service for span in found.values()}) > 1:
        for span in found.values():
            span._name = f"{span.service}: {span.name}"
    return list(found.values())


def _read_file(path: str, say: Callable[[str], None]) -> Iterator[Span]:
    """Read the spans in a file; at its end say how many of its lines have none to read, and why the first has not."""
    bad, first = 0, ""
    malformed = Malformed()
    for number, line in enumerate(_read_lines(path), 1):
        try:
            if isinstance(line, str):
                raise MalformedLineError(malformed.explain(number, line) or "")
            yield from list(_read_line(line))
        except MalformedLineError as error:
            bad += 1
            first = first or f"{number}: {error}"
    if bad:
        say(f"{quote_path(path)}: {count(bad, 'line', 'was')} ignored, first line {first}")


def _read_lines(path: str) -> Iterator[Message | str | None]:
    buffer = LineBuffer(LINE_BYTES, advice="")
    try:
        for data in _read_pieces(path):
            yield from read(buffer.feed(data))
        yield from read(buffer.finish())
    except OSError as error:
        # That of a read names no file.
        error.filename = path
        raise


def _read_pieces(path: str) -> Iterator[bytes]:
    with open(0 if path == "-" else path, "rb", buffering=0, closefd=path != "-") as file:
        while (data := file.read(_CHUNK_BYTES)) != b"":
            if data is None:
                # Somebody has made stdin non-blocking, and nothing has come yet.
                select.select([file], [], [])
            else:
                yield data


# -- OTLP's messages --


def _read_line(line: Message | None) -> Iterator[Span]:
    """Read the spans of a line; a blank one has none.

    Raises:
        MalformedLineError: it is no `TracesData`.
    """
    if line is None:
        return
    if _get_value(line, "resourceSpans") is None:
        raise MalformedLineError('it has no "resourceSpans"')
    for resource_spans in _get_messages(line, "resourceSpans"):
        resource = _get_attributes(_get_field(resource_spans, "resource", dict))
        service = str(resource.get("service.name") or "unknown_service")[:CHARACTERS]
        for scope_spans in _get_messages(resource_spans, "scopeSpans"):
            for message in _get_messages(scope_spans, "spans"):
                yield _read_span(message, service)


def _read_span(message: Message, service: str) -> Span:
    trace_id, parent_id = _get_id(message, "traceId", 32), _get_id(message, "parentSpanId", 16)
    name = _get_field(message, "name", str)[:CHARACTERS]
    kind = KINDS[max(_get_enum(message, "kind", "SPAN_KIND_", _KIND_NAMES) - 1, 0)]
    start_us, end_us = _get_time_us(message, "startTimeUnixNano"), _get_time_us(message, "endTimeUnixNano")
    parent = SpanContext(trace_id, parent_id, 0) if parent_id else None
    span = Span("", name, kind, start_us, trace_id, _get_id(message, "spanId", 16), 0, parent)
    span._service = service
    status = _get_field(message, "status", dict)
    span._status = STATUSES[_get_enum(status, "code", "STATUS_CODE_", STATUSES)]
    # An end of 0 is one that is not known, but of a span that starts at 0 too, by a simulated clock.
    if end_us or not start_us:
        span._end_us = max(end_us, start_us)
    if span.status == "ERROR":
        span._error = _get_field(status, "message", str)[:CHARACTERS] or None
    span._set_attributes(freeze_members(_get_attributes(message), CHARACTERS), _LIMITS.attributes)
    for event in _get_messages(message, "events"):
        event_name = _get_field(event, "name", str)[:CHARACTERS]
        attributes = make_attributes(_get_attributes(event) or None, _LIMITS.event_attributes, CHARACTERS)
        span._add_event(event_name, _get_time_us(event, "timeUnixNano"), attributes, _LIMITS.events)
    return span


def _get_attributes(message: Message, name: str = "attributes") -> dict[str, Any]:
    return {
        _get_field(pair, "key", str): _read_any_value(_get_field(pair, "value", dict))
        for pair in _get_messages(message, name)
    }


def _read_any_value(message: Message) -> Any:
    """Read a value; bytes stay in base64, and of a kind that is not known there is none."""
    if _get_value(message, "arrayValue") is not None:
        return [_read_any_value(item) for item in _get_messages(_get_field(message, "arrayValue", dict), "values")]
    if _get_value(message, "kvlistValue") is not None:
        return _get_attributes(_get_field(message, "kvlistValue", dict), "values")
    if _get_value(message, "intValue") is not None:
        return _get_integer(message, "intValue", MIN_INT64, MAX_INT64)
    values = (_get_value(message, name) for name in ("stringValue", "boolValue", "doubleValue", "bytesValue"))
    return next((value for value in values if value is not None), None)


# -- the forms of a field --


def _get_value(message: Message, name: str) -> Any:
    """Return a field by its name in JSON or, where that is missing, in the `.proto` file; None for none."""
    value = message.get(name)
    return message.get(_spell_in_proto(name)) if value is None else value


@cache
def _spell_in_proto(name: str) -> str:
    return re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), name)


def _get_field(message: Message, name: str, kind: type) -> Any:
    """Return a field of that type, an empty one where it is missing."""
    value = _get_value(message, name)
    if value is None:
        return kind()
    if type(value) is not kind:
        raise MalformedLineError(f'"{name}" has to be {_WHAT[kind]}')
    return value


def _get_messages(message: Message, name: str) -> list[Message]:
    messages: list[Message] = _get_field(message, name, list)
    if not all(type(item) is dict for item in messages):
        raise MalformedLineError(f'"{name}" has to be a list of objects')
    return messages


def _get_integer(message: Message, name: str, least: int, most: int) -> int:
    """Return a whole number, which may be a string and have an exponent; 0 where it is missing."""
    value = _get_value(message, name)
    number = 0 if value is None else value
    if type(value) is str and len(value) <= _NUMBER_CHARACTERS:
        number = int(value) if re.fullmatch("-?[0-9]+", value) else _read_float(value)
    if type(number) is float and number.is_integer():
        number = int(number)
    if type(number) is not int or not least <= number <= most:
        raise MalformedLineError(f'"{name}" has to be a whole number from {least} to {most}')
    return number


def _read_float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _get_time_us(message: Message, name: str) -> int:
    return _get_integer(message, name, 0, MAX_UINT64) // 1000


def _get_enum(message: Message, name: str, prefix: str, names: tuple[str, ...]) -> int:
    """Return the number of a value, which may be there by its name; one that is not known counts as 0."""
    value = _get_value(message, name)
    if type(value) is str and value.startswith(prefix) and value[len(prefix) :] in names:
        return names.index(value[len(prefix) :])
    number = _get_integer(message, name, -(1 << 31), (1 << 31) - 1)
    return number if number in range(len(names)) else 0


def _get_id(message: Message, name: str, digits: int) -> int:
    """Return an id; 0 for none."""
    text = _get_field(message, name, str)
    if text and not re.fullmatch(f"[0-9A-Fa-f]{{{digits}}}", text):
        raise MalformedLineError(f'"{name}" has to be {digits} hex digits')
    return int(text or "0", 16)

"""What stands below a span: what went wrong, and, if asked for, all that it has, as lines of text.

Owns the words and how many are listed.  A line has text from outside, of any length, until a `Pen` has cut it.
"""

from __future__ import annotations

import json
from itertools import islice
from operator import attrgetter

from ..words import count
from .traces import format_offset, get_service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from ..span import Link, Span
    from .pen import Alphabet
    from .traces import Row, Trace

    Attributes = Mapping[str, object]
    #: The attributes of services, by their names.
    Resources = Mapping[str, Attributes]
    #: The names of spans, by the ids of their trace and their own.
    Names = Mapping[tuple[int, int], str]

#: Most attributes of a span, events and links of a span, and attributes of an event that are listed.
LISTED = 10
#: What says most of an exception: it has a line before the rest, such as its stack trace, which may be long.
_EXCEPTION = ("exception.type", "exception.message")
#: The attributes of what has none.
NOTHING: dict[str, Any] = {}


def explain_failure(span: Span) -> str | None:
    """Return what went wrong in a span: the message of its status, or the last exception that it recorded; None for nothing.

    The last one, because what a span still recorded as it ended was not caught in it.  A span that is OK has caught them all.
    Source: OpenTelemetry, trace/exceptions.
    """
    if span.error or span.status == "OK":
        return span.error
    texts = (_explain_exception(event.attributes) for event in reversed(span.events) if event.name == "exception")
    return next(filter(None, texts), None)


def _explain_exception(attributes: Attributes) -> str:
    values = [attributes[key] for key in _EXCEPTION if attributes.get(key)]
    return ": ".join([value if isinstance(value, str) else _write_value(value) for value in values])


class Details:
    """What is listed below each span of a picture.

    Args:
        signs: the marks for events.
        resources: the attributes of each service, which stand below its first span.
        names: of the spans that links lead to.
    """

    def __init__(self, signs: Alphabet, resources: Resources, names: Names) -> None:
        self._signs = signs
        #: Those that have not been listed yet.
        self._resources = dict(resources)
        self._names = names

    def list(self, row: Row, start_us: int) -> Iterator[tuple[str, str]]:
        """List the id of a span, its attributes and its links in their order, and its events in order of time.

        Args:
            start_us: when the trace began; times are counted from there, as in the bars.
        Returns:
            Pairs: the mark of the event on the bar, or a space for any other line, and the line.
        """
        span = row.span
        yield " ", _describe_identity(row)
        for line in _list_attributes(self._resources.pop(get_service(span), NOTHING)):
            yield " ", f"resource: {line}"
        for line in _list_attributes(span.attributes):
            yield " ", line
        for link in span.links[:LISTED]:
            yield " ", _add_attributes(self._describe_link(link, span), link.attributes)
        if len(span.links) > LISTED:
            yield " ", f"and {count(len(span.links) - LISTED, 'more link')}"
        events = sorted(span.events, key=attrgetter("timestamp_us"))
        for event in events[:LISTED]:
            line = f"{format_offset(event.timestamp_us - start_us)} {event.name}"
            first = {key: event.attributes[key] for key in _EXCEPTION if key in event.attributes}
            rest = {key: value for key, value in event.attributes.items() if key not in first}
            yield self._signs.mark_of(event.name), _add_attributes(line, first or rest)
            if first and rest:
                yield " ", ", ".join(_list_attributes(rest))
        if len(events) > LISTED:
            yield " ", f"and {count(len(events) - LISTED, 'more event')}"

    def _describe_link(self, link: Link, span: Span) -> str:
        """Write which span a link leads to: its name if it is known, its id, and its trace if that is another one."""
        context = link.context
        name = self._names.get((context.trace_id, context.hex_id))
        trace = "" if context.trace_id == span.trace_id else f", trace {context.trace_id:032x}"
        return f"link to {'' if name is None else f'{name}, '}span {context.hex_id:016x}{trace}"


def name_linked(drawn: Iterable[Trace], spans: Iterable[Span]) -> Names:
    """Find the names of those spans that the drawn ones have links to."""
    links = [link.context for trace in drawn for row in trace.rows for link in row.span.links]
    wanted = {(context.trace_id, context.hex_id) for context in links}
    found = (((span.trace_id, span.hex_id), span.name) for span in spans)
    return {identity: name for identity, name in found if identity in wanted}


def _describe_identity(row: Row) -> str:
    """Write the ids of a span: in its trace, at its node if it has one there, and its parent's if that is not drawn."""
    span = row.span
    parent = f", parent {span.parent.hex_id:016x} not here" if row.is_orphan and span.parent else ""
    return f"span {span.hex_id:016x}{parent}{', ' if span.span_id else ''}{span.span_id}"


def _add_attributes(line: str, attributes: Attributes) -> str:
    return f"{line}: {', '.join(_list_attributes(attributes))}" if attributes else line


def _list_attributes(attributes: Attributes) -> Iterator[str]:
    """Write the first attributes, each with its value as JSON, and how many more there are."""
    for key, value in islice(attributes.items(), LISTED):
        yield f"{key} = {_write_value(value)}"
    if len(attributes) > LISTED:
        yield f"and {count(len(attributes) - LISTED, 'more attribute')}"


def _write_value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

"""What is listed below a span: its attributes and its events, as lines of text.

Owns the words and how many are listed.  A line has text from outside, of any length, until a `Pen` has cut it.
"""

from __future__ import annotations

import json
from itertools import islice
from operator import attrgetter

from ..words import count
from .traces import format_offset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..span import Span
    from .pen import Alphabet

#: Most attributes of a span, events of a span, and attributes of an event that are listed.
LISTED = 10


def list_details(span: Span, start_us: int, signs: Alphabet) -> Iterator[tuple[str, str]]:
    """List the attributes of a span in their order, and its events in order of time.

    Args:
        start_us: when the trace began; times are counted from there, as in the bars.
        signs: the marks for events.
    Returns:
        Pairs: the mark of the event on the bar, or a space for an attribute, and the line.
    """
    for line in _list_attributes(span.attributes):
        yield " ", line
    events = sorted(span.events, key=attrgetter("timestamp_us"))
    for event in events[:LISTED]:
        attributes = ", ".join(_list_attributes(event.attributes))
        line = f"{format_offset(event.timestamp_us - start_us)} {event.name}"
        yield signs.mark_of(event.name), f"{line}: {attributes}" if attributes else line
    if len(events) > LISTED:
        yield " ", f"and {count(len(events) - LISTED, 'more event')}"


def _list_attributes(attributes: Mapping[str, object]) -> Iterator[str]:
    """Write the first attributes, each with its value as JSON, and how many more there are."""
    for key, value in islice(attributes.items(), LISTED):
        yield f"{key} = {json.dumps(value, ensure_ascii=False)}"
    if len(attributes) > LISTED:
        yield f"and {count(len(attributes) - LISTED, 'more attribute')}"

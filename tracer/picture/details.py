"""What a span tells besides its bar, as lines of text: its attributes and its events.

Owns the words and how many; a line is anybody's text, of any length, until a `Pen` has cut it.
"""

from __future__ import annotations

import json
from itertools import islice
from operator import attrgetter

from ..errors import counted
from .traces import offset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..span import Span
    from .pen import Alphabet

#: Most attributes of a span, events of a span, and attributes of an event that are listed.
LISTED = 10


def details(span: Span, start_us: int, signs: Alphabet) -> Iterator[tuple[str, str]]:
    """List the attributes of a span in their order, and its events in order of time.

    Args:
        start_us: when the trace began; times are told from there, as the bars are drawn.
        signs: the marks for events.
    Returns:
        Pairs: what is marked on the bar, or a space, and the line.
    """
    for line in _pairs(span.attributes):
        yield " ", line
    events = sorted(span.events, key=attrgetter("timestamp_us"))
    for event in events[:LISTED]:
        attributes = ", ".join(_pairs(event.attributes))
        line = f"{offset(event.timestamp_us - start_us)} {event.name}"
        yield signs.of_event(event.name), f"{line}: {attributes}" if attributes else line
    if len(events) > LISTED:
        yield " ", f"and {counted(len(events) - LISTED, 'more event')}"


def _pairs(attributes: Mapping[str, object]) -> Iterator[str]:
    """Write the first attributes, each with its value as JSON, and how many there are besides."""
    for key, value in islice(attributes.items(), LISTED):
        yield f"{key} = {json.dumps(value, ensure_ascii=False)}"
    if len(attributes) > LISTED:
        yield f"and {counted(len(attributes) - LISTED, 'more attribute')}"

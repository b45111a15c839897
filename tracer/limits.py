"""How much the node holds: the bounds, their defaults, and the environment variables that set them.

Source: OpenTelemetry, configuration/sdk-environment-variables, Attribute Limits, Span Limits, Event and Link Limits.
"""

from __future__ import annotations

from .words import WholeNumber, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Callable

#: Most spans that are open at once; at about 600 bytes each they take some 60 MB.
OPEN_SPANS = 100_000
#: Most ended spans that are kept for `get_span`.
ENDED_SPANS = 1_000
#: Most attributes of a span, an event or a link, most events and most links of a span; OpenTelemetry's default.
PARTS = 128
#: Longest line, its end not counted; larger than any message that a person or Maelstrom sends.
MAX_LINE_BYTES = 1 << 20
#: Deepest nesting of a line; the outermost object is the first level.  Far below where Python's own recursion ends.
MAX_DEPTH = 200
#: Most digits of an integer: reading one takes quadratic time.  CPython's own default limit is the same.
MAX_DIGITS = 4300
#: The ranges of protobuf's integers.
MIN_INT64, MAX_INT64, MAX_UINT64 = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1

_LIMIT = WholeNumber()
#: Which variables set which limit; the first that is usable counts.
_VARIABLES = {
    "attributes": ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    "event_attributes": ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",),
    "link_attributes": ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",),
    "events": ("OTEL_SPAN_EVENT_COUNT_LIMIT",),
    "links": ("OTEL_SPAN_LINK_COUNT_LIMIT",),
    "value_characters": ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
}


class Limits:
    """The bounds of one node.

    Args:
        open_spans: spans that are open at once.
        ended_spans: ended spans that are kept.
        attributes, event_attributes, link_attributes: attributes of one span, of one event, of one link.
        events, links: events and links of one span.
        value_characters: characters of a string in an attribute's value; None for no bound.
    """

    def __init__(
        self,
        open_spans: int = OPEN_SPANS,
        ended_spans: int = ENDED_SPANS,
        attributes: int = PARTS,
        event_attributes: int = PARTS,
        link_attributes: int = PARTS,
        events: int = PARTS,
        links: int = PARTS,
        value_characters: int | None = None,
    ) -> None:
        self.open_spans, self.ended_spans = open_spans, ended_spans
        self.attributes, self.event_attributes, self.link_attributes = attributes, event_attributes, link_attributes
        self.events, self.links, self.value_characters = events, links, value_characters


def read_limits(environment: Mapping[str, str], warn: Callable[[str], None]) -> dict[str, int]:
    """Read the limits that the environment sets, by the names of the arguments of `Limits`.

    Args:
        environment: the variables.
        warn: takes a sentence about each variable that is unusable; it is ignored.
    """
    found: dict[str, int] = {}
    for name, variables in _VARIABLES.items():
        for variable in variables:
            value = environment.get(variable, "")
            number = _LIMIT.read(value)
            if number is not None:
                found.setdefault(name, number)
            elif value:
                warn(f"{variable} is ignored: it must be {_LIMIT.expected}, not {quote(value)}")
    return found

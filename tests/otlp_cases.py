"""What the tests of the export share: hostile strings, random spans, and reading a file."""

from __future__ import annotations

import json
import random

from tracer import CountedIds, Limits, SimulatedClock, Span, SpanManager
from tracer.export.otlp import LEVELS
from tracer.span import KINDS, STATUSES

HOSTILE = (
    "plain",
    'a quote " a backslash \\ a slash / both \\"',
    "\x00\x08\t\n\r\x1f\x7f\x80",
    "é ß \u2028 \u202e \ufeff \uffff",
    "\U0001f600 \U00010000 \U0010ffff",
    "\ud800",
    "\udfff",
    "a \udc00 b \ud800",
    "\ud800\ud800\udc00\udc00",
    "\\ud800",
    "\\\ud800",
    "\\\\ud83d\\ude00",
    "\U0001f600\ud83d",
    "\udfff\U0001f600",
    "ud800",
)

NUMBERS = (0, -0.0, 1, -1, 1.5, 1e300, 5e-324, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**400)


def whole(text: str) -> str:
    """Put U+FFFD in the place of each lone surrogate."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def nested(levels: int, make: object = lambda value: [value], inmost: object = 0) -> object:
    """Put a value into so many levels of lists, or of what `make` makes."""
    for _ in range(levels):
        inmost = make(inmost)
    return inmost


def spans_of(path: str) -> list[dict]:
    """Read the spans in a file; every line has to be a whole one."""
    with open(path, "rb") as file:
        data = file.read()
    return [
        span
        for line in data.splitlines()
        for resource_spans in json.loads(line)["resourceSpans"]
        for span in resource_spans["scopeSpans"][0]["spans"]
    ]


def names_of(path: str) -> list[str]:
    """Read the names of the spans in a file."""
    return [span["name"] for span in spans_of(path)]


class RandomSpans:
    """Spans that a manager made at random, the same for the same seed.

    Args:
        seed: of the randomness.
        strings: what names, keys and values are made of.
    """

    def __init__(self, seed: int, strings: tuple[str, ...] = HOSTILE) -> None:
        self._random = random.Random(seed)
        self._strings = strings
        #: Every span that ended, in that order.
        self.ended: list[Span] = []
        limits = Limits(attributes=5, event_attributes=2, link_attributes=1, events=4, links=3)
        self.manager = SpanManager(limits, SimulatedClock(), CountedIds(), self.ended.append)

    def make(self, count: int) -> list[Span]:
        """Make and end so many spans; return them."""
        for _ in range(count):
            self.manager.clock.advance(self.manager.clock.now_us + 5_000)
            span = self._open()
            for _ in range(self._random.randrange(7)):
                self._change(span)
            self._end(span)
        return self.ended[-count:]

    def text(self) -> str:
        """Make a string that is not empty."""
        return "".join(self._random.choices(self._strings, k=self._random.randint(1, 3)))

    def value(self, levels: int = 3) -> object:
        """Make a JSON value."""
        makers = [lambda: None, lambda: self._random.random() < 0.5, lambda: self._random.choice(NUMBERS), self.text]
        if levels:
            makers += [
                lambda: [self.value(levels - 1) for _ in range(self._random.randrange(4))],
                lambda: {self.text(): self.value(levels - 1) for _ in range(self._random.randrange(4))},
                lambda: nested(self._random.randint(LEVELS - 3, LEVELS + 3), inmost=self.value(levels - 1)),
                lambda: nested(self._random.randint(1, 60), lambda value: {"k": value}, self.value(levels - 1)),
            ]
        return self._random.choice(makers)()

    def attributes(self) -> dict[str, object]:
        """Make attributes: often none, sometimes more than there is room for."""
        return {self.text(): self.value() for _ in range(self._random.choice((0, 0, 1, 2, 8)))}

    def _open(self) -> Span:
        body: dict[str, object] = {"name": self.text(), "kind": self._random.choice(KINDS)}
        if self._random.random() < 0.5:
            body["attributes"] = self.attributes()
        if self._random.random() < 0.3:
            body["timestamp_us"] = self._random.choice((0, 1, 1_700_000_000_000_000, 9_223_372_036_854_775))
        if self.ended and self._random.random() < 0.4:
            body["parent_span_id"] = self.ended[-1].span_id
        elif self._random.random() < 0.5:
            body["traceparent"] = self._traceparent()
        span = self.manager.create_span(body)
        src = self._random.choice((None, "a", "b", self.text()))
        span._service = src
        return span

    def _change(self, span: Span) -> None:
        body: dict[str, object] = {"span_id": span.span_id, "attributes": self.attributes()}
        message = self._random.choice(("event", "event", "update", "link"))
        if message == "event":
            self.manager.span_event({**body, "event": self.text()})
        elif message == "update":
            self.manager.span_update(body)
        else:
            link = {"traceparent": self._traceparent(), "attributes": body.pop("attributes")}
            self.manager.span_link({**body, "link": link})

    def _end(self, span: Span) -> None:
        # The clock is not behind the start: a time that a message names moves it.
        body: dict[str, object] = {"span_id": span.span_id}
        status = self._random.choice((*STATUSES, "span_error"))
        if status == "span_error":
            self.manager.span_error({**body, "error": self.text()})
        elif status == "ERROR" and self._random.random() < 0.5:
            self.manager.span_end({**body, "status": status, "error": self.text()})
        else:
            self.manager.span_end({**body, "status": status})

    def _traceparent(self) -> str:
        bits = self._random.getrandbits
        return f"00-{bits(128) | 1:032x}-{bits(64) | 1:016x}-{bits(8):02x}"

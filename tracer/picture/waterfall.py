"""Spans as a picture in a terminal: a waterfall of the traces, a line a span.

Owns the picture and its way to stderr.  `render` does no input or output; `draw` looks at stderr and writes to it.
Strategy: the spans become rows in the order of their lines, the rows decide the columns, then each line is written.
Traps: parents may name each other in a circle and chains may be a thousand deep, so the walk keeps its own stack; names
are anybody's text, so every one goes through `Pen`, which lets nothing out whose width is not known.
"""

from __future__ import annotations

import os
import sys
from itertools import chain, islice
from operator import attrgetter
from typing import NamedTuple

from ..process import write
from .pen import Pen, Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..manager import SpanManager
    from ..span import Span

#: Most spans that are drawn, twice those kept by default: nobody reads more, and 100,000 may be open.
DRAWN_SPANS = 2_000
#: Most lines that an error and the header of a trace take.
ERROR_LINES = HEADER_LINES = 3
#: The least and the most columns that are drawn over, and how many there are where nobody says.
NARROWEST, WIDEST, USUAL = 20, 500, 80
#: From which width on the columns of kind, status and duration are shown.
KIND_FROM, STATUS_FROM, DURATION_FROM = 60, 44, 28

#: Units of time, the largest first: microseconds and name.
_UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"), (1_000, "ms"), (1, "us"))

# How things look where there is colour: Select Graphic Rendition, ECMA-48.
_HEADER, _FAINT, _ERROR, _OPEN, _EVENT = "1", "2", "31", "33", "1"
_KINDS = {"INTERNAL": "32", "SERVER": "36", "CLIENT": "34", "PRODUCER": "35", "CONSUMER": "35"}


class Row(NamedTuple):
    """A span that is drawn, and what stands before its name and before a further line about it, to draw the tree."""

    span: Span
    before: str
    before_further: str


def render(
    ended: Sequence[Span], open_spans: Sequence[Span], now_us: int, width: int, unicode: bool, colour: bool
) -> str:
    """Draw spans.

    Args:
        ended, open_spans: the spans, in any order.
        now_us: up to when open ones are drawn, in microseconds since the epoch as every time here.
        width: columns, at least 20; no line is wider.
        unicode: draw with block characters, and let names have any that can be shown; else ASCII alone.
        colour: use escape sequences for colour; there is no other control character but the ends of the lines.
    Returns:
        Lines, each with its end.
    """
    traces = _by_trace(chain(ended, open_spans))
    if not traces:
        return "no spans to draw\n"
    pen = Pen(unicode, colour, right_to_left=width >= STATUS_FROM)
    drawn: list[Trace] = []
    left = DRAWN_SPANS
    for spans in traces:
        if left > 0:
            drawn.append(Trace(spans, list(islice(_rows(spans, pen, width // 8), left)), now_us))
            left -= len(drawn[-1].rows)
    lines = _Picture(width, pen, drawn).lines()
    hidden = len(ended) + len(open_spans) - (DRAWN_SPANS - left)
    if hidden:
        rest = f"not drawn: {_counted(hidden, 'more span')}"
        if len(traces) > len(drawn):
            rest += f", {_counted(len(traces) - len(drawn), 'more trace')}"
        lines += ["", *pen.wrapped(rest, width, HEADER_LINES)]
    return "\n".join(lines) + "\n"


def draw(manager: SpanManager) -> None:
    """Draw a manager's spans on stderr, as it is: terminal or not, wide or narrow, closed or of any encoding."""
    encoding = getattr(sys.stderr, "encoding", None) or "ascii"
    unicode = Pen.is_drawable(encoding)
    text = render(manager.ended_spans(), manager.open_spans(), manager.clock.now_us, _width(), unicode, _is_colourful())
    try:
        write(text.encode(encoding), 2)
    except OSError:
        pass


def _width() -> int:
    try:
        columns = os.get_terminal_size(2).columns
    except OSError:
        told = os.environ.get("COLUMNS", "")
        columns = int(told[:9]) if told.isascii() and told.isdigit() else 0
    return min(max(columns or USUAL, NARROWEST), WIDEST)


def _is_colourful() -> bool:
    """Tell whether stderr takes colour.

    Source: no-color.org: a variable NO_COLOR that is not empty rules it out.
    """
    return os.isatty(2) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _by_trace(spans: Iterable[Span]) -> list[list[Span]]:
    """Sort spans by trace, the traces and the spans of each in order of their start."""
    traces: dict[int, list[Span]] = {}
    for span in sorted(spans, key=attrgetter("start_us")):
        traces.setdefault(span.trace_id, []).append(span)
    return list(traces.values())


def _rows(spans: list[Span], pen: Pen, indent: int) -> Iterator[Row]:
    """Put the spans of a trace in the order of their lines: children under their parents, in order of start.

    Levels are indented by so many columns at most; beyond, deeper ones stand below each other.
    """
    signs = pen.alphabet
    children = _by_parent(spans)
    seen: set[Span] = set()
    # No top leads to parents in a circle, so all spans wait behind the tops: the first of a circle becomes one itself.
    # Each waits with what stands before it, and before everything below it.
    waiting = [(span, "", "") for span in reversed([*children.get(None, ()), *spans])]
    while waiting:
        span, before, guides = waiting.pop()
        if span in seen:
            continue
        seen.add(span)
        below = [child for child in children.get(span.hex_id, ()) if child not in seen]
        yield Row(span, before, guides + (signs.guide if below else "  "))
        for child in reversed(below):
            is_last = child is below[-1]
            further = guides + ("  " if is_last else signs.guide)
            if len(further) > indent:
                further = signs.deeper + further[3:]
            waiting.append((child, guides + (signs.corner if is_last else signs.branch), further))


def _by_parent(spans: list[Span]) -> dict[int | None, list[Span]]:
    """Sort spans by the hex id of their parent; None where that is not among them."""
    known = {span.hex_id for span in spans}
    children: dict[int | None, list[Span]] = {}
    for span in spans:
        parent_id = None if span.parent is None else span.parent.hex_id
        children.setdefault(parent_id if parent_id in known else None, []).append(span)
    return children


class Trace:
    """A trace: its rows, when it began and ended, and what its header says.

    Args:
        spans: its spans, in order of start.
        rows: those that are drawn, in the order of their lines.
        now_us: up to when it lasts if a span of it is open.
    """

    def __init__(self, spans: list[Span], rows: list[Row], now_us: int) -> None:
        self.rows = rows
        self.trace_id = f"{spans[0].trace_id:032x}"
        self.start_us = spans[0].start_us
        ends = [span.start_us if span.end_us is None else span.end_us for span in spans]
        open_count = sum(span.end_us is None for span in spans)
        #: When the last span ended; where one is open also not before now.
        self.end_us = max(*ends, now_us) if open_count else max(ends)
        errors = sum(span.status == "ERROR" for span in spans)
        facts = [_counted(len(spans), "span"), readable(self.end_us - self.start_us)]
        if errors:
            facts.append(_counted(errors, "error"))
        if open_count:
            facts.append(f"{open_count} open")
        #: How many spans, how long, how many errors, how many open.
        self.facts = ", ".join(facts)
        self.size = len(spans)

    def duration_us(self, span: Span) -> int:
        """How long a span of it took, an open one so far."""
        return (self.end_us if span.end_us is None else span.end_us) - span.start_us


class _Picture:
    """The lines of some traces, in columns that they share.

    Args:
        width: columns.
        pen: writes.
        traces: what is drawn.
    """

    def __init__(self, width: int, pen: Pen, traces: list[Trace]) -> None:
        self._width = width
        self._pen = pen
        self._traces = traces
        drawn = [(trace, row.span) for trace in traces for row in trace.rows]
        durations = [readable(trace.duration_us(span)) for trace, span in drawn]
        # The columns' widths; 0 for one that is left out.
        self._kind = max(len(span.kind) for _, span in drawn) if width >= KIND_FROM else 0
        self._status = max(len(_status(span)) for _, span in drawn) if width >= STATUS_FROM else 0
        self._duration = max(map(len, durations)) if width >= DURATION_FROM else 0
        # A space follows each column, two the name.
        room = width - 2 - sum(column + 1 for column in (self._kind, self._status, self._duration) if column)
        most = room * 9 // 20
        self._labels = [[pen.fitted(row.before, row.span.name, most) for row in trace.rows] for trace in traces]
        self._name = max(label.columns for label in chain(*self._labels))
        self._bar = room - self._name

    def lines(self) -> list[str]:
        """Write them all."""
        lines: list[str] = []
        size = 0
        for trace, labels in zip(self._traces, self._labels):
            # A trace of one span is told from the next one by its header.
            if size > 1 or (size and trace.size > 1):
                lines.append("")
            size = trace.size
            lines += self._header(trace)
            for row, label in zip(trace.rows, labels):
                lines.append(self._line(trace, row.span, label))
                if row.span.error is not None:
                    lines += self._error(row.before_further, row.span.error)
        return lines

    def _header(self, trace: Trace) -> list[str]:
        # Of an id that has no room the end tells more: ids that are counted begin with zeros.
        room = max(self._width - len(f"trace : {trace.facts}"), 4)
        header = f"trace {trace.trace_id[-room:]}: {trace.facts}"
        return [self._pen.painted(_HEADER, line) for line in self._pen.wrapped(header, self._width, HEADER_LINES)]

    def _line(self, trace: Trace, span: Span, label: Text) -> str:
        pen = self._pen
        status = _status(span)
        style = _style(span)
        parts = [label.shown + " " * (self._name - label.columns + 1)]
        if self._kind:
            parts.append(pen.painted(_FAINT, span.kind.ljust(self._kind)))
        if self._status:
            parts.append(pen.painted(style if status in ("ERROR", "open") else "", status.ljust(self._status)))
        if self._duration:
            parts.append(readable(trace.duration_us(span)).rjust(self._duration))
        return " ".join([*parts, self._marked(trace, span, style)])

    def _marked(self, trace: Trace, span: Span, style: str) -> str:
        """Draw the bar of a span, to scale, and its events as marks on it."""
        pen, total = self._pen, max(trace.end_us - trace.start_us, 1)
        end_us = span.start_us + trace.duration_us(span)
        # In halves of a column, and never without any.
        low = min((span.start_us - trace.start_us) * 2 * self._bar // total, 2 * self._bar - 1)
        high = max(-((trace.start_us - end_us) * 2 * self._bar // total), low + 1)
        cells = pen.bar(low, high, self._bar, span.end_us is None)
        exception = pen.alphabet.exception
        for event in span.events:
            cell = min(max((event.timestamp_us - trace.start_us) * self._bar // total, 0), self._bar - 1)
            if event.timestamp_us <= end_us:
                cell = min(cell, (high - 1) // 2)
            if cells[cell] != exception:
                cells[cell] = exception if event.name == "exception" else pen.alphabet.event
        return pen.marked(style, "".join(cells).rstrip(), _EVENT, _ERROR)

    def _error(self, before: str, error: str) -> list[str]:
        lines = self._pen.wrapped(error, self._width - len(before) - 2, ERROR_LINES)
        return [
            before + self._pen.painted(_ERROR, f"{' ' if number else '!'} {line}") for number, line in enumerate(lines)
        ]


def readable(duration_us: int) -> str:
    """Write a duration in the unit that a person reads, with three digits or as many as are before the point.

    It is cut, not rounded: nothing has lasted longer than it says.
    """
    size, unit = next(pair for pair in _UNITS if duration_us >= pair[0] or pair[0] == 1)
    whole, rest = divmod(duration_us, size)
    digits = max(0, 3 - len(str(whole)))
    fraction = f"{rest * 10**digits // size:0{digits}}".rstrip("0")
    return f"{whole}.{fraction} {unit}" if fraction else f"{whole} {unit}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _status(span: Span) -> str:
    return "open" if span.end_us is None else span.status


def _style(span: Span) -> str:
    if span.end_us is None:
        return _OPEN
    return _ERROR if span.status == "ERROR" else _KINDS[span.kind]

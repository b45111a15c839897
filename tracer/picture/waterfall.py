"""Spans as a picture in a terminal: a waterfall of the traces, a line a span.

Owns the picture.  `render` does no input or output; `drawn_for` looks at the screen.
Strategy: the spans become rows in the order of their lines, the rows decide the columns, then each line is written.
Trap: names are anybody's text, so every one goes through `Pen`, which lets nothing out whose width is not known.
"""

from __future__ import annotations

from itertools import chain, islice

from ..errors import counted
from .details import details
from .pen import Pen, Text
from .traces import Trace, by_trace, offset, readable, rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..process.screen import Screen
    from ..span import Span
    from .traces import Row

#: Most spans that are drawn, twice those kept by default: nobody reads more, and 100,000 may be open.
DRAWN_SPANS = 2_000
#: Most lines that an error and the header of a trace take.
ERROR_LINES = HEADER_LINES = 3
#: The least and the most columns that are drawn over, and how many there are where nobody says.
NARROWEST, WIDEST, USUAL = 20, 500, 80
#: From which width on the columns of start, kind, status and duration are shown.
START_FROM, KIND_FROM, STATUS_FROM, DURATION_FROM = 120, 60, 44, 28

# How things look where there is colour: Select Graphic Rendition, ECMA-48.
_HEADER, _FAINT, _ERROR, _OPEN, _EVENT = "1", "2", "31", "33", "1"
_KINDS = {"INTERNAL": "32", "SERVER": "36", "CLIENT": "34", "PRODUCER": "35", "CONSUMER": "35"}


def render(
    spans: Sequence[Span], now_us: int, width: int, unicode: bool, colour: bool, with_details: bool = False
) -> str:
    """Draw spans.

    Args:
        spans: in any order.
        now_us: up to when open ones are drawn, in microseconds since the epoch as every time here.
        width: columns, at least 20; no line is wider.
        unicode: draw with block characters, and let names have any that can be shown; else ASCII alone.
        colour: use escape sequences for colour; there is no other control character but the ends of the lines.
        with_details: list the attributes and events of each span below it.
    Returns:
        Lines, each with its end.
    """
    traces = by_trace(spans)
    if not traces:
        return "no spans to draw\n"
    pen = Pen(unicode, colour, right_to_left=width >= STATUS_FROM)
    drawn: list[Trace] = []
    left = DRAWN_SPANS
    for members in traces:
        if left > 0:
            drawn.append(Trace(members, list(islice(rows(members, pen, width // 8), left)), now_us))
            left -= len(drawn[-1].rows)
    lines = _Picture(width, pen, drawn, with_details).lines()
    hidden = len(spans) - (DRAWN_SPANS - left)
    if hidden:
        rest = f"not drawn: {counted(hidden, 'more span')}"
        if len(traces) > len(drawn):
            rest += f", {counted(len(traces) - len(drawn), 'more trace')}"
        lines += ["", *pen.wrapped(rest, width, HEADER_LINES)]
    return "\n".join(lines) + "\n"


def drawn_for(screen: Screen, spans: Sequence[Span], now_us: int, with_details: bool) -> str:
    """Draw spans for a screen as it is, terminal or not, wide or narrow, of any encoding; see `render`."""
    width = min(max(screen.columns() or USUAL, NARROWEST), WIDEST)
    unicode = Pen.is_drawable(screen.encoding)
    return render(spans, now_us, width, unicode, screen.is_colourful(), with_details)


class _Picture:
    """The lines of some traces, in columns that they share.

    Args:
        width: columns.
        pen: writes.
        traces: what is drawn.
        with_details: whether attributes and events are listed.
    """

    def __init__(self, width: int, pen: Pen, traces: list[Trace], with_details: bool) -> None:
        self._width = width
        self._with_details = with_details
        self._pen = pen
        self._traces = traces
        drawn = [(trace, row.span) for trace in traces for row in trace.rows]
        starts = [offset(span.start_us - trace.start_us) for trace, span in drawn]
        durations = [readable(trace.duration_us(span)) for trace, span in drawn]
        # The columns' widths; 0 for one that is left out.
        self._kind = max(len(span.kind) for _, span in drawn) if width >= KIND_FROM else 0
        self._status = max(len(_status(span)) for _, span in drawn) if width >= STATUS_FROM else 0
        self._start = max(map(len, starts)) if width >= START_FROM else 0
        self._duration = max(map(len, durations)) if width >= DURATION_FROM else 0
        columns = (self._kind, self._status, self._start, self._duration)
        # A space follows each column, two the name.
        room = width - 2 - sum(column + 1 for column in columns if column)
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
                lines += self._further(trace, row)
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
        if self._start:
            parts.append(offset(span.start_us - trace.start_us).rjust(self._start))
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
                cells[cell] = pen.alphabet.of_event(event.name)
        return pen.marked(style, "".join(cells).rstrip(), _EVENT, _ERROR)

    def _further(self, trace: Trace, row: Row) -> Iterator[str]:
        """Write what stands below a span: its error, and its details if they are asked for."""
        pen, span = self._pen, row.span
        room = self._width - len(row.before_further) - 2
        for number, line in enumerate(pen.wrapped(span.error, room, ERROR_LINES) if span.error is not None else ()):
            yield row.before_further + pen.painted(_ERROR, f"{' ' if number else '!'} {line}")
        for sign, text in details(span, trace.start_us, pen.alphabet) if self._with_details else ():
            yield row.before_further + pen.painted(_FAINT, pen.fitted(f"{sign} ", text, room + 2).shown)


def _status(span: Span) -> str:
    return "open" if span.end_us is None else span.status


def _style(span: Span) -> str:
    if span.end_us is None:
        return _OPEN
    return _ERROR if span.status == "ERROR" else _KINDS[span.kind]

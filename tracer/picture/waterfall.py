"""Spans as a picture in a terminal: a waterfall of the traces, a line a span.

Owns the picture.  `render` does no input or output; `render_for_screen` asks the screen and the environment.
Strategy: the spans become rows in the order of their lines, the rows decide how wide each column is, then each line is
written.  A column of text between the names and the bars is one entry of `_COLUMNS`.
Trap: names are text from outside, so every one goes through `Pen`, which returns only text whose width is known.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import NamedTuple

from ..words import WholeNumber, count
from .details import list_details
from .pen import Pen
from .traces import Trace, format_duration, format_offset, group_by_trace, order_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Callable

    from ..machine.screen import Screen
    from ..span import Span
    from .traces import Row

#: Most spans that are drawn, twice those kept by default: nobody reads more, and 100,000 may be open.
DRAWN_SPANS = 2_000
#: Most lines that an error and the header of a trace take.
ERROR_LINES = HEADER_LINES = 3
#: The smallest and the largest width of a picture, and the width where none is known.
NARROWEST, WIDEST, USUAL = 20, 500, 80

# How things look where there is colour: Select Graphic Rendition, ECMA-48.
_HEADER, _FAINT, _ERROR, _OPEN, _EVENT = "1", "2", "31", "33", "1"
_KINDS = {"INTERNAL": "32", "SERVER": "36", "CLIENT": "34", "PRODUCER": "35", "CONSUMER": "35"}


def _status_of(span: Span) -> str:
    return "open" if span.end_us is None else span.status


def _alarm_of(span: Span) -> str:
    """Return the style of a span that is open or has failed; nothing for any other."""
    if span.end_us is None:
        return _OPEN
    return _ERROR if span.status == "ERROR" else ""


class _Column(NamedTuple):
    """A column of text between the names and the bars."""

    #: The width of the narrowest picture that has it.
    shown_from: int
    #: Whether it has words, which are aligned left, or numbers, which are aligned right.
    is_word: bool
    #: What it says about a span.
    text_of: Callable[[Trace, Span], str]
    #: How that looks, as a style of `Pen.paint`.
    style_of: Callable[[Span], str] = lambda span: ""


#: The columns from left to right: the kind of a span, its status, when it starts and how long it takes.
_COLUMNS = (
    _Column(60, is_word=True, text_of=lambda trace, span: span.kind, style_of=lambda span: _FAINT),
    _Column(44, is_word=True, text_of=lambda trace, span: _status_of(span), style_of=_alarm_of),
    _Column(120, is_word=False, text_of=lambda trace, span: format_offset(span.start_us - trace.start_us)),
    _Column(28, is_word=False, text_of=lambda trace, span: format_duration(trace.end_us_of(span) - span.start_us)),
)


def render(spans: Sequence[Span], now_us: int, width: int, unicode: bool, colour: bool, with_details: bool) -> str:
    """Draw spans.

    Args:
        spans: in any order.
        now_us: up to when open ones are drawn, in microseconds since the epoch, as all times here.
        width: columns, at least 20; no line is wider.
        unicode: draw with block characters, and let names have any that can be shown; else ASCII alone.
        colour: use escape sequences for colour; there is no other control character but the ends of the lines.
        with_details: list the attributes and events of each span below it.
    Returns:
        Lines, each with its end.
    """
    traces = group_by_trace(spans)
    if not traces:
        return "no spans to draw\n"
    columns = [column for column in _COLUMNS if width >= column.shown_from]
    # What follows a name must be a word if the name may have text from right to left: see `pen.py`.
    pen = Pen(unicode, colour, right_to_left=bool(columns) and columns[0].is_word)
    drawn: list[Trace] = []
    left = DRAWN_SPANS
    for members in traces:
        if left > 0:
            drawn.append(Trace(members, list(islice(order_rows(members, pen.alphabet, width // 8), left)), now_us))
            left -= len(drawn[-1].rows)
    lines = _Picture(width, pen, columns, drawn, with_details).write_lines()
    hidden = len(spans) - (DRAWN_SPANS - left)
    if hidden:
        rest = f"not drawn: {count(hidden, 'more span')}"
        if len(traces) > len(drawn):
            rest += f", {count(len(traces) - len(drawn), 'more trace')}"
        lines += ["", *pen.wrap(rest, width, HEADER_LINES)]
    return "\n".join(lines) + "\n"


def render_for_screen(screen: Screen, spans: Sequence[Span], now_us: int, with_details: bool) -> str:
    """Draw spans with the width, the characters and the colours that a screen has; see `render`.

    Where the screen is no terminal, COLUMNS in the environment may say the width.
    """
    columns = screen.read_columns() or WholeNumber().read(os.environ.get("COLUMNS", "")) or USUAL
    width = min(max(columns, NARROWEST), WIDEST)
    unicode = Pen.is_drawable(screen.encoding)
    return render(spans, now_us, width, unicode, screen.is_colourful(), with_details)


class _Picture:
    """The lines of some traces, in columns that they share.

    Args:
        width: of the whole picture.
        pen: what they are written with.
        columns: those that are shown.
        traces: those that are drawn, each with its rows.
        with_details: whether attributes and events are listed.
    """

    def __init__(self, width: int, pen: Pen, columns: list[_Column], traces: list[Trace], with_details: bool) -> None:
        self._width = width
        self._with_details = with_details
        self._pen = pen
        self._traces = traces
        drawn = [(trace, row) for trace in traces for row in trace.rows]
        self._columns = columns
        #: What each span has in the columns, and how wide these are.
        self._texts = {row.span: [column.text_of(trace, row.span) for column in columns] for trace, row in drawn}
        self._widths = [max(map(len, texts)) for texts in zip(*self._texts.values())]
        # Two spaces follow the name, one each column.
        room = width - 2 - sum(self._widths) - len(columns)
        most = room * 9 // 20
        #: The name of each span, with the tree before it.
        self._labels = {row.span: pen.fit(row.tree, row.span.name, most) for _, row in drawn}
        self._label_width = max(label.columns for label in self._labels.values())
        self._bar_width = room - self._label_width

    def write_lines(self) -> list[str]:
        """Write all lines."""
        lines: list[str] = []
        size = 0
        for trace in self._traces:
            # Between two traces of one span each, the header is enough to set them apart.
            if size > 0 and max(size, trace.size) > 1:
                lines.append("")
            size = trace.size
            lines += self._write_header(trace)
            for row in trace.rows:
                lines.append(self._write_span(trace, row.span))
                lines += self._write_below(trace, row)
        return lines

    def _write_header(self, trace: Trace) -> list[str]:
        # Where an id does not fit, its end is shown: ids that are counted begin with zeros.
        room = max(self._width - len(f"trace : {trace.facts}"), 4)
        header = f"trace {trace.trace_id[-room:]}: {trace.facts}"
        return [self._pen.paint(_HEADER, line) for line in self._pen.wrap(header, self._width, HEADER_LINES)]

    def _write_span(self, trace: Trace, span: Span) -> str:
        label = self._labels[span]
        parts = [label.shown + " " * (self._label_width - label.columns + 1)]
        for column, text, width in zip(self._columns, self._texts[span], self._widths):
            aligned = text.ljust(width) if column.is_word else text.rjust(width)
            parts.append(self._pen.paint(column.style_of(span), aligned))
        return " ".join([*parts, self._draw_bar(trace, span)])

    def _draw_bar(self, trace: Trace, span: Span) -> str:
        """Draw the bar of a span, to scale, and its events as marks on it."""
        pen, width = self._pen, self._bar_width
        end_us, total_us = trace.end_us_of(span), max(trace.end_us - trace.start_us, 1)
        # In halves of a column, and at least one of them.
        low = min((span.start_us - trace.start_us) * 2 * width // total_us, 2 * width - 1)
        high = max(-((trace.start_us - end_us) * 2 * width // total_us), low + 1)
        cells = pen.draw_bar(low, high, width, span.end_us is None)
        exception = pen.alphabet.exception
        for event in span.events:
            cell = min(max((event.timestamp_us - trace.start_us) * width // total_us, 0), width - 1)
            if event.timestamp_us <= end_us:
                cell = min(cell, (high - 1) // 2)
            if cells[cell] != exception:
                cells[cell] = pen.alphabet.mark_of(event.name)
        return pen.paint_bar(_alarm_of(span) or _KINDS[span.kind], "".join(cells).rstrip(), _EVENT, _ERROR)

    def _write_below(self, trace: Trace, row: Row) -> Iterator[str]:
        """Write what stands below a span: its error, and its details if they are asked for."""
        pen, span = self._pen, row.span
        room = self._width - len(row.tree_below)
        if span.error is not None:
            for number, line in enumerate(pen.wrap(span.error, room - 2, ERROR_LINES)):
                yield row.tree_below + pen.paint(_ERROR, f"{' ' if number else '!'} {line}")
        if self._with_details:
            for mark, text in list_details(span, trace.start_us, pen.alphabet):
                yield row.tree_below + pen.paint(_FAINT, pen.fit(f"{mark} ", text, room).shown)

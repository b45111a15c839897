"""Spans as a picture in a terminal: a waterfall of the traces, a line a span.

Owns the picture.  `render` does no input or output; `render_for_screen` asks the screen and the environment.
Strategy: the spans become rows in the order of their lines, the rows decide how wide each column is, then each line is
written.  A column of text between the names and the bars is one entry of `_COLUMNS`.
Trap: names are text from outside, so every one goes through `Pen`, which returns only text whose width is known.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from ..words import WholeNumber
from .choice import choose_parts
from .details import NOTHING, Details, explain_failure, name_linked
from .pen import Pen
from .traces import Trace, find_new_service, format_duration, format_offset, get_service, has_failed, order_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Callable

    from ..machine.screen import Screen
    from ..span import Span
    from .choice import Choice
    from .details import Resources
    from .traces import Row

#: Most lines that an error and the header of a trace take.
ERROR_LINES, HEADER_LINES = 3, 4
#: How many digits of a trace's id are shown: as many as cost no line.
_ID_DIGITS = (32, 16, 8)
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
    return _ERROR if has_failed(span) else ""


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


def render(
    spans: Sequence[Span],
    now_us: int,
    width: int,
    unicode: bool,
    colour: bool,
    choice: Choice,
    resources: Resources = NOTHING,
) -> str:
    """Draw spans.

    Args:
        spans: in any order.
        now_us: up to when open ones are drawn, in microseconds since the epoch, as all times here.
        width: columns, at least 20; no line is wider.
        unicode: draw with block characters, and let names have any that can be shown; else ASCII alone.
        colour: use escape sequences for colour; there is no other control character but the ends of the lines.
        choice: what of the spans is drawn.
        resources: the attributes of services, by their names.
    Returns:
        Lines, each with its end.
    """
    traces = choice.choose_traces(spans)
    if not traces:
        return f"{choice.explain_nothing()}\n"
    columns = [column for column in _COLUMNS if width >= column.shown_from]
    # What follows a name must be a word if the name may have text from right to left: see `pen.py`.
    pen = Pen(unicode, colour, right_to_left=bool(columns) and columns[0].is_word)
    parts, left_out = choose_parts(traces, lambda tree: order_rows(tree, pen.alphabet, width // 8), choice.most)
    drawn = [Trace(part.spans, part.rows, now_us) for part in parts]
    details = Details(pen.alphabet, resources, name_linked(drawn, spans)) if choice.with_details else None
    lines = _Picture(width, pen, columns, drawn, details).write_lines()
    if left_out:
        lines += ["", *pen.wrap(f"not drawn: {left_out}", width, HEADER_LINES)]
    if any(row.is_orphan for trace in drawn for row in trace.rows):
        lines += ["", *pen.wrap(f"{pen.alphabet.orphan}parent not here", width, HEADER_LINES)]
    return "\n".join(lines) + "\n"


def render_for_screen(
    screen: Screen, spans: Sequence[Span], now_us: int, choice: Choice, resources: Resources = NOTHING
) -> str:
    """Draw spans with the width, the characters and the colours that a screen has; see `render`.

    Where the screen is no terminal, COLUMNS in the environment may say the width.
    """
    columns = screen.read_columns() or WholeNumber().read(os.environ.get("COLUMNS", "")) or USUAL
    width = min(max(columns, NARROWEST), WIDEST)
    unicode = Pen.is_drawable(screen.encoding)
    return render(spans, now_us, width, unicode, screen.is_colourful(), choice, resources)


class _Picture:
    """The lines of some traces, in columns that they share.

    Args:
        width: of the whole picture.
        pen: what they are written with.
        columns: those that are shown.
        traces: those that are drawn, each with its rows.
        details: what is listed below each span, if that is asked for.
    """

    def __init__(
        self, width: int, pen: Pen, columns: list[_Column], traces: list[Trace], details: Details | None
    ) -> None:
        self._width = width
        self._pen = pen
        self._traces = traces
        self._details = details
        drawn = [(trace, row) for trace in traces for row in trace.rows]
        self._columns = columns
        #: What each span has in the columns, and how wide these are.
        self._texts = {row.span: [column.text_of(trace, row.span) for column in columns] for trace, row in drawn}
        self._widths = [max(map(len, texts)) for texts in zip(*self._texts.values())]
        # Two spaces follow the name, one each column.
        room = width - 2 - sum(self._widths) - len(columns)
        most = room // 2
        has_services = len({get_service(row.span) for _, row in drawn}) > 1
        #: The name of each span, with the tree before it, and its service where that is another one than its parent's.
        self._labels = {
            row.span: pen.fit_label(row.tree, find_new_service(row) if has_services else "", row.span.name, most)
            for _, row in drawn
        }
        self._label_width = max(label.columns for label in self._labels.values())
        self._bar_width = room - self._label_width

    def write_lines(self) -> list[str]:
        """Write all lines."""
        lines: list[str] = []
        size = 0
        for trace in self._traces:
            # Between two traces of one line each, the header is enough to set them apart.
            if size > 0 and (max(size, trace.size) > 1 or self._details is not None):
                lines.append("")
            size = trace.size
            lines += self._write_header(trace)
            for row in trace.rows:
                lines.append(self._write_span(trace, row.span))
                lines += self._write_below(trace, row)
        return lines

    def _write_header(self, trace: Trace) -> list[str]:
        headers = [f"trace {self._shorten_id(trace.trace_id, digits)}: {trace.facts}" for digits in _ID_DIGITS]
        fitting = [header for header in headers if len(header) <= self._width]
        lines = fitting[:1] or min([self._pen.wrap(header, self._width, HEADER_LINES) for header in headers], key=len)
        return [self._pen.paint(_HEADER, line) for line in lines]

    def _shorten_id(self, trace_id: int, digits: int) -> str:
        """Write so many digits of an id: zeros before it are left out first, and what is shown names the trace to `--trace`."""
        shown = f"{trace_id:0{digits}x}"
        return shown if len(shown) == digits else f"{trace_id:032x}"[:digits] + self._pen.alphabet.ellipsis

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
        failure = explain_failure(span)
        if failure is not None:
            for number, line in enumerate(pen.wrap(failure, room - 2, ERROR_LINES)):
                yield row.tree_below + pen.paint(_ERROR, f"{' ' if number else '!'} {line}")
        if self._details is not None:
            for mark, text in self._details.list(row, trace.start_us):
                yield row.tree_below + pen.paint(_FAINT, pen.fit(f"{mark} ", text, room).shown)

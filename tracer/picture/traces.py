"""Spans as the lines of a picture: which trace they belong to, in which order they stand, and when they were.

Owns the order and the tree; knows no column and no colour.
Traps: parents may name each other in a circle and chains may be a thousand deep, so the walk keeps its own stack; and ids
may be there twice, in files that know nothing of each other.
"""

from __future__ import annotations

from operator import attrgetter
from typing import NamedTuple

from ..errors import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..span import Span
    from .pen import Pen

#: Units of time, the largest first: microseconds and name.
_UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"), (1_000, "ms"), (1, "us"))


class Row(NamedTuple):
    """A span that is drawn, and what stands before its name and before a further line about it, to draw the tree."""

    span: Span
    before: str
    before_further: str


def by_trace(spans: Iterable[Span]) -> list[list[Span]]:
    """Sort spans by trace, the traces and the spans of each in order of their start."""
    traces: dict[int, list[Span]] = {}
    for span in sorted(spans, key=attrgetter("start_us")):
        traces.setdefault(span.trace_id, []).append(span)
    return list(traces.values())


def rows(spans: list[Span], pen: Pen, indent: int) -> Iterator[Row]:
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
        # Of spans that share an id the first has the children: with many such spans, to look again for each takes for ever.
        below = [child for child in children.pop(span.hex_id, ()) if child not in seen]
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
        facts = [counted(len(spans), "span"), readable(self.end_us - self.start_us)]
        if errors:
            facts.append(counted(errors, "error"))
        if open_count:
            facts.append(f"{open_count} open")
        #: How many spans, how long, how many errors, how many open.
        self.facts = ", ".join(facts)
        self.size = len(spans)

    def duration_us(self, span: Span) -> int:
        """How long a span of it took, an open one so far."""
        return (self.end_us if span.end_us is None else span.end_us) - span.start_us


def readable(duration_us: int) -> str:
    """Write a duration in the unit that a person reads, with three digits or as many as are before the point.

    It is cut, not rounded: nothing has lasted longer than it says.
    """
    size, unit = next(pair for pair in _UNITS if duration_us >= pair[0] or pair[0] == 1)
    whole, rest = divmod(duration_us, size)
    digits = max(0, 3 - len(str(whole)))
    fraction = f"{rest * 10**digits // size:0{digits}}".rstrip("0")
    return f"{whole}.{fraction} {unit}" if fraction else f"{whole} {unit}"


def offset(time_us: int) -> str:
    """Write a time by its distance from the start of its trace, before or after it."""
    return f"{'-' if time_us < 0 else '+'}{readable(abs(time_us))}"

"""Spans as the lines of a picture: which trace they belong to, in which order they stand, and their times as text.

Owns the order and the tree; knows no column and no colour.
Traps: parents may form a circle, on which others hang, and chains may be a thousand deep, so the walk keeps its own stack.
Two spans may have the same id, because they come from different files.
"""

from __future__ import annotations

import time
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from ..clock import YEAR_US
from ..words import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from ..span import Span
    from .pen import Alphabet

#: Units of time, the largest first: its microseconds and its name.
_UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"), (1_000, "ms"), (1, "us"))


class Row(NamedTuple):
    """A span that is drawn, and the part of the tree that stands to the left of it."""

    span: Span
    #: The span that it hangs on; None at the top.
    parent: Span | None
    #: Whether it stands at the top because its parent is not here.
    is_orphan: bool
    #: Before its name.
    tree: str
    #: Before each line below that, such as its error.
    tree_below: str


def has_failed(span: Span) -> bool:
    """Return whether a span counts as an error."""
    return span._status == "ERROR"


def get_service(span: Span) -> str:
    """Return the service of a span; an empty name for none."""
    return span.service or ""


def find_new_service(row: Row) -> str:
    """Return the service of a span where its parent has another one, or where it has no parent; else nothing."""
    service = get_service(row.span)
    return "" if row.parent is not None and get_service(row.parent) == service else service


def group_by_trace(spans: Iterable[Span]) -> list[list[Span]]:
    """Group spans by trace; the traces, and the spans of each, are in order of start."""
    traces: dict[int, list[Span]] = {}
    for span in sorted(spans, key=attrgetter("_start_us")):
        traces.setdefault(span._trace_id, []).append(span)
    return list(traces.values())


class Tree:
    """The spans of a trace, each with those that hang on it.

    A span that is its own parent is a root.  Of spans that share an id the first has the children.

    Args:
        spans: in order of start.
        whole: the tree of the whole trace, where these are a part of it.
    """

    def __init__(self, spans: list[Span], whole: Tree | None = None) -> None:
        self._spans = spans
        known = {span._hex_id: span for span in reversed(spans)}
        self._ids: Container[int] = known if whole is None else whole._ids
        self._parents: dict[Span, Span | None] = {}
        self._children: dict[Span | None, list[Span]] = {}
        for span in spans:
            named = span._parent
            parent = None if named is None or named._hex_id == span._hex_id else known.get(named._hex_id)
            self._parents[span] = parent
            self._children.setdefault(parent, []).append(span)

    def is_orphan(self, span: Span) -> bool:
        """Return whether a span has a parent that is not in the trace."""
        return span.parent is not None and span.parent.hex_id not in self._ids

    def walk(self) -> Iterator[tuple[Span, Span | None, list[Span]]]:
        """Visit each span, its parent before it, in order of start; with the span that it hangs on, and those that hang on it."""
        seen: set[Span] = set()
        # What is not reached from the top hangs on a circle of parents, which is opened.
        for top in chain(self._children.get(None, ()), self._spans):
            waiting: list[tuple[Span, Span | None]] = []
            if top not in seen:
                waiting.append((top if self._parents[top] is None else self._find_circle(top), None))
            while waiting:
                span, parent = waiting.pop()
                seen.add(span)
                below = [child for child in self._children.get(span, ()) if child not in seen]
                yield span, parent, below
                waiting += [(child, span) for child in reversed(below)]

    def add_above(self, spans: Iterable[Span]) -> set[Span]:
        """Return these spans with all that they hang on."""
        found: set[Span] = set()
        for span in spans:
            at: Span | None = span
            while at is not None and at not in found:
                found.add(at)
                at = self._parents[at]
        return found

    def _find_circle(self, span: Span) -> Span:
        """Return the span that starts first in the circle of parents above a span."""
        passed: dict[Span, int] = {}
        while span not in passed:
            passed[span] = len(passed)
            span = self._parents[span] or span
        return min(list(passed)[passed[span] :], key=attrgetter("start_us"))


def order_rows(tree: Tree, signs: Alphabet, indent: int) -> Iterator[Row]:
    """Put the spans of a trace in the order of their lines: children below their parents, in order of start.

    Args:
        signs: the characters of the tree.
        indent: by how many columns a level is indented at most; deeper ones are not indented further.
    """
    #: The tree before the name of a span, and before all that is below it.
    before: dict[Span, tuple[str, str]] = {}
    for span, parent, below in tree.walk():
        is_orphan = parent is None and tree.is_orphan(span)
        own, guides = before.pop(span, (signs.orphan, "  ") if is_orphan else ("", ""))
        yield Row(span, parent, is_orphan, own, guides + (signs.guide if below else "  "))
        for child in below:
            is_last = child is below[-1]
            child_guides = guides + ("  " if is_last else signs.guide)
            if len(child_guides) > indent:
                child_guides = signs.deeper + child_guides[3:]
            before[child] = guides + (signs.corner if is_last else signs.branch), child_guides


class Trace:
    """A trace: its rows, when it began and ended, and what its header says.

    Args:
        spans: its spans, in order of start.
        rows: the spans that are drawn, in the order of their lines.
        now_us: the trace lasts at least until then if one of its spans is open.
    """

    def __init__(self, spans: list[Span], rows: list[Row], now_us: int) -> None:
        self.rows = rows
        self.trace_id = spans[0].trace_id
        self.start_us = spans[0].start_us
        #: When the last span ended.  An open one counts as ending now, or at its start if that is later.
        self.end_us = max([max(span.start_us, now_us) if span.end_us is None else span.end_us for span in spans])
        open_count = sum(span.end_us is None for span in spans)
        errors = sum(map(has_failed, spans))
        facts = [
            format_when(self.start_us),
            count_many(len(spans), "span"),
            f"{len(rows):,} drawn" if len(rows) < len(spans) else "",
            format_duration(self.end_us - self.start_us),
            count_many(errors, "error") if errors else "",
            f"{open_count:,} open" if open_count else "",
        ]
        #: When it began, how many spans, how many of them are drawn, how long, how many errors, how many open.
        self.facts = ", ".join(filter(None, facts))
        self.size = len(rows)

    def end_us_of(self, span: Span) -> int:
        """Return when a span of it ended; an open one lasts as long as the trace."""
        return self.end_us if span.end_us is None else span.end_us


def format_duration(duration_us: int) -> str:
    """Write a duration in the largest unit that it fills, with three digits or more.

    It is cut, not rounded: the span has lasted at least as long as the text says.
    """
    size, unit = next(pair for pair in _UNITS if duration_us >= pair[0] or pair[0] == 1)
    whole, rest = divmod(duration_us, size)
    digits = max(0, 3 - len(str(whole)))
    fraction = f"{rest * 10**digits // size:0{digits}}".rstrip("0")
    return f"{whole}.{fraction} {unit}" if fraction else f"{whole} {unit}"


def format_offset(time_us: int) -> str:
    """Write a time as its distance from the start of its trace, with a sign."""
    return f"{'-' if time_us < 0 else '+'}{format_duration(abs(time_us))}"


def format_when(time_us: int) -> str:
    """Write a time as the day and the time of day where this runs; nothing for a simulated one, or where that is not known."""
    if time_us < YEAR_US:
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time_us // 1_000_000))
    except (OSError, OverflowError, ValueError):
        # Which times are too far away differs between systems.
        return ""


def count_many(number: int, noun: str) -> str:
    """Write a number of things, with commas between thousands."""
    return count(number, noun).replace(str(number), f"{number:,}", 1)

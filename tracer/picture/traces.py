"""Spans as the lines of a picture: which trace they belong to, in which order they stand, and their times as text.

Owns the order and the tree; knows no column and no colour.
Traps: parents may form a circle, and chains may be a thousand deep, so the walk keeps its own stack.  Two spans may have
the same id, because they come from different files.
"""

from __future__ import annotations

from operator import attrgetter
from typing import NamedTuple

from ..words import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..span import Span
    from .pen import Alphabet

#: Units of time, the largest first: its microseconds and its name.
_UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"), (1_000, "ms"), (1, "us"))


class Row(NamedTuple):
    """A span that is drawn, and the part of the tree that stands to the left of it."""

    span: Span
    #: Before its name.
    tree: str
    #: Before each line below that, such as its error.
    tree_below: str


def group_by_trace(spans: Iterable[Span]) -> list[list[Span]]:
    """Group spans by trace; the traces, and the spans of each, are in order of start."""
    traces: dict[int, list[Span]] = {}
    for span in sorted(spans, key=attrgetter("start_us")):
        traces.setdefault(span.trace_id, []).append(span)
    return list(traces.values())


def order_rows(spans: list[Span], signs: Alphabet, indent: int) -> Iterator[Row]:
    """Put the spans of a trace in the order of their lines: children below their parents, in order of start.

    Args:
        spans: in order of start.
        signs: the characters of the tree.
        indent: by how many columns a level is indented at most; deeper ones are not indented further.
    """
    children = _group_by_parent(spans)
    seen: set[Span] = set()
    # First come the spans without a known parent.  From them no circle of parents is reached, so all spans wait behind
    # them: the first span of a circle is then drawn as if it had no parent.
    # Each waits with the tree before its name, and the tree before all that is below it.
    waiting = [(span, "", "") for span in reversed([*children.get(None, ()), *spans])]
    while waiting:
        span, tree, guides = waiting.pop()
        if span in seen:
            continue
        seen.add(span)
        # Of spans that share an id the first takes the children: to look through them again for each would be slow.
        below = [child for child in children.pop(span.hex_id, ()) if child not in seen]
        yield Row(span, tree, guides + (signs.guide if below else "  "))
        for child in reversed(below):
            is_last = child is below[-1]
            child_tree = guides + (signs.corner if is_last else signs.branch)
            child_guides = guides + ("  " if is_last else signs.guide)
            if len(child_guides) > indent:
                child_guides = signs.deeper + child_guides[3:]
            waiting.append((child, child_tree, child_guides))


def _group_by_parent(spans: list[Span]) -> dict[int | None, list[Span]]:
    """Group spans by the id of their parent; by None where the parent is not among them."""
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
        rows: the spans that are drawn, in the order of their lines.
        now_us: the trace lasts at least until then if one of its spans is open.
    """

    def __init__(self, spans: list[Span], rows: list[Row], now_us: int) -> None:
        self.rows = rows
        self.trace_id = f"{spans[0].trace_id:032x}"
        self.start_us = spans[0].start_us
        #: When the last span ended.  An open one counts as ending now, or at its start if that is later.
        self.end_us = max([max(span.start_us, now_us) if span.end_us is None else span.end_us for span in spans])
        open_count = sum(span.end_us is None for span in spans)
        errors = sum(span.status == "ERROR" for span in spans)
        facts = [count(len(spans), "span"), format_duration(self.end_us - self.start_us)]
        if errors:
            facts.append(count(errors, "error"))
        if open_count:
            facts.append(f"{open_count} open")
        #: How many spans, how long, how many errors, how many open.
        self.facts = ", ".join(facts)
        self.size = len(spans)

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

"""Which spans are drawn: the traces that were asked for, and what of them has room.

Owns the bound on a picture, and what comes first where not everything has room: the traces in which something failed, then the
latest; in a trace what failed, with all that it hangs on, then what stands at the top.
"""

from __future__ import annotations

import sys
from itertools import islice
from typing import NamedTuple

from .traces import Tree, count_many, group_by_trace, has_failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Callable

    from ..span import Span
    from .traces import Row

    Order = Callable[[Tree], Iterable[Row]]

#: Most spans that are drawn, twice those kept by default: nobody reads more, and 100,000 may be open.
DRAWN_SPANS = 2_000


class Choice:
    """What is asked for.

    Args:
        with_details: list below each span what it has.
        trace: hex digits, to draw that trace alone: the first ones of its id, or all but the zeros before them; None for all.
        last: how many traces, the latest; None for all.
    """

    def __init__(self, with_details: bool = False, trace: str | None = None, last: int | None = None) -> None:
        self.with_details = with_details
        self._trace, self._last = trace, last
        #: Says of the id of a trace whether it is asked for; None where each is.
        self.keep = None if trace is None else _match_trace(trace)
        #: Most spans that are drawn: of a trace that is asked for all.
        self.most = DRAWN_SPANS if trace is None else sys.maxsize

    def choose_traces(self, spans: Iterable[Span]) -> list[list[Span]]:
        """Return the traces that are asked for; they, and the spans of each, are in order of start."""
        traces = group_by_trace(spans if self.keep is None else [span for span in spans if self.keep(span.trace_id)])
        return traces if self._last is None else traces[-self._last :]

    def explain_nothing(self) -> str:
        """Say that there is nothing to draw."""
        return "no spans to draw" if self._trace is None else f"no trace has an id that begins with {self._trace}"


def _match_trace(digits: str) -> Callable[[int], bool]:
    number, shift = int(digits, 16), 4 * (32 - len(digits))
    return lambda trace_id: trace_id >> shift == number or trace_id == number


class Part(NamedTuple):
    """A trace, and the rows of it that are drawn."""

    spans: list[Span]
    rows: list[Row]


def choose_parts(traces: list[list[Span]], order: Order, most: int) -> tuple[list[Part], str]:
    """Choose what is drawn of some traces, which are in order of start, as the parts are.

    Args:
        traces: each with its spans in order of start.
        order: puts a trace in the order of its lines.
        most: spans that have room.
    Returns:
        The parts, and what is left out, in words; nothing where all is drawn.
    """
    failed = {span for spans in traces for span in spans if has_failed(span)}
    alarming = {span.trace_id for span in failed}
    parts: dict[int, Part] = {}
    for place in sorted(
        range(len(traces)), key=lambda place: (traces[place][0].trace_id in alarming, place), reverse=True
    ):
        if most == 0:
            break
        parts[place] = Part(traces[place], _choose_rows(traces[place], failed, order, most))
        most -= len(parts[place].rows)
    drawn = [parts[place] for place in sorted(parts)]
    return drawn, _count_left_out(traces, drawn, failed)


def _choose_rows(spans: list[Span], failed: set[Span], order: Order, most: int) -> list[Row]:
    tree = Tree(spans)
    if len(spans) > most:
        first = tree.add_above(failed.intersection(spans))
        walk = (span for span, *_ in tree.walk())
        drawn = set(sorted(walk, key=first.__contains__, reverse=True)[:most] if first else islice(walk, most))
        # Without the others the branches are not the same.
        tree = Tree([span for span in spans if span in drawn], tree)
    return list(order(tree))


def _count_left_out(traces: list[list[Span]], parts: list[Part], failed: set[Span]) -> str:
    drawn = [row.span for part in parts for row in part.rows]
    left_out = (
        (len(traces) - len(parts), "more trace"),
        (sum(map(len, traces)) - len(drawn), "more span"),
        (len(failed.difference(drawn)), "error"),
    )
    return ", ".join([count_many(number, noun) for number, noun in left_out if number])

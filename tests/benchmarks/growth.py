"""How cost grows: it should not, with the messages served, the spans open, or the events of a span.

Owns the rows on growth.  CPU is read from a running process between two steps, which leaves out its start and the opening
of the spans.
"""

from __future__ import annotations

import statistics

from . import inputs
from .measuring import Bench, Conversation
from .rows import Row, costs, counts, legible, ratios

#: A message may cost this much more after many than after few, and be called the same.
SAME = 1.20
#: As `SAME`, for instructions, which no other process disturbs.
SAME_INSTRUCTIONS = 1.05
#: As `SAME`, for CPU where the spans no longer fit into the processor's caches: waiting for memory counts too.
COLD = 1.50
COUNTS = (1_000, 10_000, 100_000, 1_000_000)
FEW_OPEN, MANY_OPEN = 10, 50_000


def messages(bench: Bench) -> list[Row]:
    """Serve ever more messages, with few and with many spans open."""
    counts = [count // bench.scale for count in COUNTS]
    runs: dict[int, list[list[float]]] = {FEW_OPEN: [], MANY_OPEN: []}
    for _ in range(bench.runs):
        for open_spans, measured in runs.items():
            measured.append(_cost_after(bench, open_spans, counts))
    rows = [row for open_spans, measured in runs.items() for row in _against_first(open_spans, measured, counts)]
    pairs = [(many[-1], few[-1]) for few, many in zip(*runs.values())]
    what = f"CPU a message over {counts[-1]:,} messages, {MANY_OPEN:,} spans open"
    return [*rows, Row(what, f"{FEW_OPEN} spans open", ratios(pairs), COLD, detail=costs(pairs, "a message"))]


def instructions(bench: Bench) -> list[Row]:
    """Count what the node does for a message with few and with many spans open, wherever these lie in memory."""
    rounds = 20_000 // bench.scale

    def cost(open_spans: int) -> float:
        opened, first = inputs.opened(open_spans), open_spans + 1
        few, many = (opened + inputs.relayed(count, open_spans, first) for count in (rounds, 2 * rounds))
        return bench.instructions_each(bench.node(), few, many, 3 * rounds)

    few, many = cost(FEW_OPEN), cost(MANY_OPEN)
    what = f"instructions a message, {MANY_OPEN:,} spans open"
    return [Row(what, f"{FEW_OPEN} spans open", [many / few], SAME_INSTRUCTIONS, detail=counts(many, few))]


def _cost_after(bench: Bench, open_spans: int, counts: list[int]) -> list[float]:
    """Return the CPU seconds a message, averaged over as many as each count says."""
    after = []
    with Conversation(bench.node()) as node:
        node.feed(inputs.opened(open_spans))
        start, fed, first = node.cpu(), 0, open_spans + 1
        for count in counts:
            rounds = (count - fed) // 3
            node.feed(inputs.relayed(rounds, open_spans, first))
            fed, first = fed + 3 * rounds, first + rounds
            after.append((node.cpu() - start) / fed)
    return after


def _against_first(open_spans: int, measured: list[list[float]], counts: list[int]) -> list[Row]:
    rows = []
    for place in range(1, len(counts)):
        values = [after[place] / after[0] for after in measured]
        ours, first = (legible(statistics.median(after[at] for after in measured)) for at in (place, 0))
        what = f"CPU a message over {counts[place]:,} messages, {open_spans:,} spans open"
        detail = f"{ours} a message, the reference {first}"
        rows.append(Row(what, f"over the first {counts[0]:,}", values, SAME, detail=detail))
    return rows


def events(bench: Bench) -> list[Row]:
    """Tell few spans many events, and many spans one each; as many spans are open either way."""
    each = 128
    spans = each * 400 // bench.scale

    def cost(data: bytes) -> float:
        with Conversation(bench.node()) as node:
            node.feed("".join(map(inputs.create, range(1, spans + 1))).encode())
            start = node.cpu()
            node.feed(data)
            return node.cpu() - start

    few, many = inputs.events(spans // each, each), inputs.events(spans, 1)
    pairs = bench.pairs(lambda: cost(few), lambda: cost(many))
    what = f"CPU an event, {each} on each span"
    return [Row(what, "1 on each span", ratios(pairs), SAME, detail=costs(pairs, "an event", spans))]

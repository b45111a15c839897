"""What is measured: a row for each promise about the node's cost.

Owns what each row runs, its reference and its aim.  Beside it, `growth.py` has the rows on how cost grows, `peers.py`
those on exporting and on the OpenTelemetry SDK.
"""

from __future__ import annotations

import os
import statistics
from typing import NamedTuple

from . import inputs
from .measuring import Bench, CannotRunError, Conversation, Pairs

MIB = 1 << 20


class Row(NamedTuple):
    """A line of the table."""

    what: str
    reference: str
    #: One figure a run; the median counts.
    values: list[float]
    #: The median may be this at most; None where there is nothing to reach.
    aim: float | None = None
    #: How a figure is printed.
    form: str = "{:.2f}"
    #: What each side took, in units that a person knows.
    detail: str = ""

    @property
    def median(self) -> float:
        """The middle of the values."""
        return statistics.median(self.values)

    @property
    def missed(self) -> bool:
        """Whether it should cost less."""
        return self.aim is not None and self.median > self.aim


def ratios(pairs: Pairs) -> list[float]:
    """Divide ours by theirs."""
    return [ours / theirs for ours, theirs in pairs]


def costs(pairs: Pairs, what: str, number: int = 1) -> str:
    """Say what one of a number of things took on each side."""
    ours, theirs = (legible(statistics.median(side) / number) for side in zip(*pairs))
    return f"{ours} {what}, the reference {theirs}"


def counts(ours: float, theirs: float) -> str:
    """Say how many instructions one thing took on each side."""
    return f"{ours:,.0f} instructions, the reference {theirs:,.0f}"


def legible(seconds: float) -> str:
    """Write a time in a unit that a person reads."""
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.2f} us"


def lifecycles(bench: Bench) -> list[Row]:
    """Serve one span after the other."""
    spans = 100_000 // bench.scale
    pairs = bench.cpu_pairs(bench.node(), bench.loop("lifecycles", "10000"), inputs.lifecycles(spans))
    what = f"span lifecycles ({spans:,} of three lines, piped), CPU"
    return [Row(what, "`loads` and `dumps` loop", ratios(pairs), 0.75, detail=costs(pairs, "a span", spans))]


def lifecycle_instructions(bench: Bench) -> list[Row]:
    """Count what the same lifecycles take, whatever else the machine does."""
    few, many = (inputs.lifecycles(spans // bench.scale) for spans in (5_000, 15_000))
    number = 10_000 // bench.scale
    commands = bench.node(), bench.loop("lifecycles", "10000")
    ours, theirs = (bench.instructions_each(command, few, many, number) for command in commands)
    what = f"instructions a span lifecycle, over {number:,}"
    return [Row(what, "the same loop", [ours / theirs], 0.84, detail=counts(ours, theirs))]


def at_once(bench: Bench) -> list[Row]:
    """Hold many spans open."""
    spans = 60_000 // bench.scale
    duration_us = str(2 * spans * 5_000)
    pairs = bench.cpu_pairs(bench.node(), bench.loop("lifecycles", duration_us), inputs.all_at_once(spans))
    what = f"the same, {spans:,} spans all open before the first ends"
    return [Row(what, "the same loop", ratios(pairs), 0.90, detail=costs(pairs, "a span", spans))]


def echo(bench: Bench) -> list[Row]:
    """Answer Maelstrom's echo."""
    count = 200_000 // bench.scale
    pairs = bench.cpu_pairs(bench.node(), bench.loop("echo"), inputs.echoes(count))
    what = f"Maelstrom echo ({count:,}, piped), CPU"
    return [Row(what, "the same loop for echo", ratios(pairs), 0.45, detail=costs(pairs, "an echo", count))]


def many_runs(bench: Bench) -> int:
    """Return how often to measure what is short, whose spread is wide and whose runs are cheap."""
    return max(bench.runs, 41 // bench.scale)


def start(bench: Bench) -> list[Row]:
    """Start, answer one message, end."""
    path = bench.input(inputs.echo(1), "echo")
    bare = [bench.python, "-c", "import json"]
    runs = many_runs(bench)
    pairs = bench.pairs(lambda: bench.cpu(bench.node(), path), lambda: bench.cpu(bare, path), runs)
    what = "start, one message, exit, CPU"
    return [Row(what, "`python3 -c 'import json'`", ratios(pairs), 1.10, detail=costs(pairs, "a run"))]


def round_trip(bench: Bench) -> list[Row]:
    """Wait for one reply after the other, on one core, so that no time goes into waking another."""
    if not hasattr(os, "sched_setaffinity"):
        raise CannotRunError("this system cannot pin a process to a core")
    times = 5_000 // bench.scale

    def trip(command: list[str]) -> float:
        with Conversation(command) as process:
            process.median_round_trip(inputs.INIT, 1)
            return process.median_round_trip(inputs.echo(1), times)

    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        runs = many_runs(bench)
        pairs = bench.pairs(lambda: trip(bench.node()), lambda: trip(bench.loop("same_bytes")), runs)
    finally:
        os.sched_setaffinity(0, cores)
    what = f"one request, one reply over pipes, median of {times:,}, one core"
    return [Row(what, "a loop that sends bytes back unread", ratios(pairs), 1.90, detail=costs(pairs, "a round trip"))]


def open_memory(bench: Bench) -> list[Row]:
    """Weigh open spans that state a kind, at the peak: while the dict of spans grows, there are two of it."""
    kind = ',"kind":"SERVER"'
    few, many = 1_000, 1_000 + 80_000 // bench.scale
    values = []
    for _ in range(bench.runs):
        with Conversation(bench.node()) as node:
            node.feed(inputs.opened(few, 1, kind))
            before = node.peak_bytes()
            node.feed(inputs.opened(many - few, few + 1, kind))
            values.append((node.peak_bytes() - before) / (many - few))
    what = f"memory of an open span with a kind and one event ({many - few:,} of them, at the peak)"
    return [Row(what, "", values, 600, "{:.0f} bytes")]


def ended_memory(bench: Bench) -> list[Row]:
    """Weigh what ended spans leave."""
    few, many = 50_000 // bench.scale, 400_000 // bench.scale
    values = []
    for _ in range(bench.runs):
        with Conversation(bench.node()) as node:
            node.feed(inputs.lifecycles(few))
            before = node.resident_bytes()
            node.feed(inputs.lifecycles(many - few, few + 1))
            values.append((node.resident_bytes() - before) / MIB)
    return [Row(f"memory after {many:,} spans that ended", f"after {few:,}", values, 2, "{:+.2f} MiB")]


def bash(bench: Bench) -> list[Row]:
    """Trace a bash script's commands; the node's own CPU does not count."""
    times = 5_000 // bench.scale
    rows = []
    for kind, command in (("builtin", ":"), ("function", "function_")):
        pairs = [bench.script_cpu("script", str(times), command) for _ in range(bench.runs)]
        what = f"CPU of a bash script with {times:,} spans of a {kind}"
        detail = costs(pairs, "a span", times)
        rows.append(Row(what, "a plain wrapper function", ratios(pairs), 20, "{:.0f}", detail))
    return rows

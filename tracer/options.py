"""The command line.

Owns its options; argparse, which is slow to import, is loaded when there is one.
"""

from __future__ import annotations

import sys

from .clock import TICK_US
from .fields import MAX_TIMESTAMP_US
from .limits import ENDED_SPANS, OPEN_SPANS
from .node import MAX_LINE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable


class Options:
    """What was asked for; these are the defaults."""

    clock = "auto"
    tick_us = TICK_US
    export: str | None = None
    timeline = False
    max_open_spans = OPEN_SPANS
    keep_ended = ENDED_SPANS
    max_line_bytes = MAX_LINE_BYTES
    verbose = False


def parse_options(arguments: list[str], version: str) -> Options:
    """Read the command line.

    Raises:
        SystemExit: 2 after a bad option, with usage on stderr; 0 after `--help` and `--version`.
    """
    options = Options()
    if not arguments:
        return options
    import argparse

    parser = argparse.ArgumentParser(
        prog="main.py",
        description="Keeps spans for others: one JSON message a line on stdin, one JSON reply a line on stdout.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--clock",
        choices=("auto", "simulated", "real"),
        help="where time comes from; auto is real if the first message is an init, else simulated (default)",
    )
    parser.add_argument(
        "--tick-us",
        type=_whole(0, MAX_TIMESTAMP_US),
        metavar="N",
        help=f"microseconds that the simulated clock adds a line (default {TICK_US})",
    )
    parser.add_argument("--export", metavar="FILE", help="append ended spans to FILE as OpenTelemetry JSON lines")
    parser.add_argument("--timeline", action="store_true", help="draw the traces on stderr at the end of input")
    parser.add_argument(
        "--max-open-spans",
        type=_whole(1),
        metavar="N",
        help=f"spans that may be open at once (default {OPEN_SPANS})",
    )
    parser.add_argument(
        "--keep-ended",
        type=_whole(0),
        metavar="N",
        help=f"ended spans that are kept for get_span (default {ENDED_SPANS})",
    )
    parser.add_argument(
        "--max-line-bytes",
        type=_whole(1),
        metavar="N",
        help=f"longest line that is read (default {MAX_LINE_BYTES})",
    )
    parser.add_argument("--verbose", action="store_true", help="tell of every bad line in full")
    parser.add_argument("--version", action="version", version=f"tracer {version}")
    # argparse sets a default only where the namespace has none, so those of Options stand.
    return parser.parse_args(arguments, options)


def _whole(least: int, most: int = sys.maxsize) -> Callable[[str], int]:
    """Make the reader of an option that is a whole number."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and least <= int(text) <= most:
            return int(text)
        raise ValueError

    read.__name__ = f"whole number from {least} to {most}"
    return read

"""The command line.

Owns its options; argparse, which is slow to import, is loaded when there is one.
"""

from __future__ import annotations

import os
import sys

from ..clock import TICK_US
from ..forms import MAX_TIMESTAMP_US
from ..limits import ENDED_SPANS, OPEN_SPANS
from ..lines import MAX_LINE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

#: The options that are whole numbers: the least, the most, and what they say.
_NUMBERS = {
    "--tick-us": (0, MAX_TIMESTAMP_US, f"microseconds that the simulated clock adds a line (default {TICK_US})"),
    "--max-open-spans": (1, sys.maxsize, f"spans that may be open at once (default {OPEN_SPANS})"),
    "--keep-ended": (0, sys.maxsize, f"ended spans that are kept for get_span (default {ENDED_SPANS})"),
    "--max-line-bytes": (1, sys.maxsize, f"longest line that is read (default {MAX_LINE_BYTES})"),
}


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
    if not arguments:
        return Options()
    import argparse

    parser = argparse.ArgumentParser(
        prog=_program(),
        description="Keeps spans for others: one JSON message a line on stdin, one JSON reply a line on stdout.",
        allow_abbrev=False,
    )
    clock = "where time comes from; auto (default) is real if the first message is an init, else simulated"
    parser.add_argument("--clock", choices=("auto", "simulated", "real"), help=clock)
    parser.add_argument("--export", metavar="FILE", help="append ended spans to FILE as OpenTelemetry JSON lines")
    parser.add_argument("--timeline", action="store_true", help="draw the traces on stderr at the end of input")
    for option, (least, most, text) in _NUMBERS.items():
        parser.add_argument(option, type=_whole(least, most), metavar="N", help=text)
    parser.add_argument(
        "--verbose", action="store_true", help="tell of every bad line in full, and how many lines came"
    )
    parser.add_argument("--version", action="version", version=f"tracer {version}")
    # argparse sets a default only where the namespace has none, so those of Options stand.
    return parser.parse_args(arguments, Options())


def _program() -> str:
    """Return what was typed to start the node."""
    name = os.path.basename(sys.argv[0])
    return "python -m tracer" if name == "__main__.py" else name


def _whole(least: int, most: int) -> Callable[[str], int]:
    """Make the reader of an option that is a whole number."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and least <= int(text) <= most:
            return int(text)
        raise ValueError

    read.__name__ = f"whole number from {least} to {most}"
    return read

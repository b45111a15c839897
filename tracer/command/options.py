"""What was asked for on the command line.

Owns the defaults, which are all there is without arguments.  Read next: `command_line.py`, which reads these.
"""

from __future__ import annotations

from ..clock import TICK_US
from ..limits import ENDED_SPANS, MAX_LINE_BYTES, OPEN_SPANS


class Options:
    """What was asked for; these are the defaults."""

    clock = "auto"
    tick_us = TICK_US
    export: list[str] | None = None
    timeline = False
    draw: list[str] | None = None
    trace: str | None = None
    last: int | None = None
    max_open_spans = OPEN_SPANS
    keep_ended = ENDED_SPANS
    max_line_bytes = MAX_LINE_BYTES
    verbose = False
    #: A text that is written on stdout, in place of all else.
    printed: str | None = None

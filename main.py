#!/usr/bin/env python3
"""A node that keeps spans for others: one JSON message a line on stdin, one JSON reply a line on stdout.

Owns the process: its options, the loop over its lines, its exit code.  What a message means is in `tracer/node.py`.
"""

from __future__ import annotations

import signal

# Until the node can end in order, a signal ends it at once, and without a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import gc
import os
import sys

from tracer import CountedIds, Limits, LineBuffer, Node, SimulatedClock, SpanManager, __version__
from tracer.complaints import Complaints
from tracer.limits import limits_in
from tracer.options import parse_options
from tracer.streams import Input, occupy_standard_descriptors, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Callable

    from tracer.options import Options

#: sysexits.h: an input or output error.
EX_IOERR = 74
#: What a shell adds to the number of the signal that ended a process.
SIGNALLED = 128
#: Replies are written before more than this has gathered: `get_span` answers a short line with a long one.
GATHERED_CHARACTERS = 1 << 18


def main(arguments: list[str]) -> int:
    """Run the node over stdin and stdout; return the exit code."""
    occupy_standard_descriptors()
    options = parse_options(arguments, __version__)
    complaints = Complaints(options.verbose)
    manager = build_manager(options, complaints.say)
    node = Node(manager, complaints.complain, options.max_line_bytes, auto_clock=options.clock == "auto")
    source = Input()

    def send(text: str) -> None:
        write(1, text.encode())

    try:
        serve(source, send, node, complaints, options.max_line_bytes)
    except BrokenPipeError:
        return SIGNALLED + signal.SIGPIPE
    except OSError as error:
        complaints.say(f"stdin or stdout failed: {error.strerror}")
        return EX_IOERR
    complaints.summarize([span.span_id for span in manager.open_spans()])
    return SIGNALLED + source.signal if source.signal else 0


def build_manager(options: Options, say: Callable[[str], None]) -> SpanManager:
    """Make the manager that the options and the environment ask for."""
    limits = Limits(options.max_open_spans, options.keep_ended, **limits_in(os.environ, say))
    manager = SpanManager(limits, SimulatedClock(options.tick_us), CountedIds())
    if options.clock == "real":
        manager.use_real_time()
    return manager


def serve(
    source: Input, send: Callable[[str], None], node: Node, complaints: Complaints, max_line_bytes: int
) -> None:
    """Answer every line, and send the answers before waiting for more."""
    buffer = LineBuffer(max_line_bytes)
    data = b"\n"
    while data:
        data = source.read()
        for text in answers(node, buffer.feed(data) if data else buffer.finish(), complaints):
            send(text)


def answers(node: Node, lines: list[bytes], complaints: Complaints) -> Iterator[str]:
    """Answer lines; yield the replies, each with its end of line, as few texts of a bounded size."""
    replies: list[str] = []
    size = 0
    for complaints.line, line in enumerate(lines, complaints.line + 1):
        reply = node.answer(line)
        if reply is None:
            continue
        replies.append(reply)
        size += len(reply)
        if size > GATHERED_CHARACTERS:
            yield "\n".join(replies) + "\n"
            replies.clear()
            size = 0
    if replies:
        yield "\n".join(replies) + "\n"


if __name__ == "__main__":
    # No cycles are built, so references alone free everything; looking for cycles among many open spans takes a fifth of
    # the time.  The digits of an integer are bounded by the node itself.
    gc.disable()
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)
    # Not sys.exit: there is nothing to flush, and taking a hundred thousand spans apart takes time.
    os._exit(main(sys.argv[1:]))

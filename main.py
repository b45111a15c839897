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

from tracer import (
    CountedIds,
    FastNode,
    Limits,
    LineBuffer,
    SimulatedClock,
    SpanManager,
    __version__,
    read_ahead,
    read_alone,
)
from tracer.complaints import Complaints
from tracer.errors import quoted
from tracer.limits import limits_in
from tracer.options import parse_options
from tracer.streams import Input, occupy_standard_descriptors, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from tracer.exporter import FileExporter
    from tracer.messages import Line
    from tracer.options import Options

#: A bad option, as argparse has it.
EX_OPTION = 2
#: sysexits.h: an input or output error.
EX_IOERR = 74
#: What a shell adds to the number of the signal that ended a process.
SIGNALLED = 128
#: How a shell shows the end of a program whose reader has gone.
EX_PIPE = SIGNALLED + signal.SIGPIPE
#: What ended the input, by the code that `serve_to_the_end` returns.
ENDINGS = {0: "the input ended", EX_PIPE: "stdout was closed", EX_IOERR: "stdin or stdout failed"}
#: Replies are written before more than this has gathered: `get_span` answers a short line with a long one.
GATHERED_CHARACTERS = 1 << 18


def main(arguments: list[str]) -> int:
    """Run the node over stdin and stdout; return the exit code."""
    occupy_standard_descriptors()
    options = parse_options(arguments, __version__)
    complaints = Complaints(options.verbose)
    try:
        exporter = None if options.export is None else open_exporter(options.export, complaints.say)
    except OSError as error:
        complaints.say(f"cannot export to {quoted(str(options.export))}: {error.strerror}")
        return EX_OPTION
    manager = build_manager(options, complaints.say, exporter)
    node = FastNode(manager, complaints.complain, options.max_line_bytes, auto_clock=options.clock == "auto")
    lost = 0
    with Input() as source:
        failure = serve_to_the_end(source, node, exporter, complaints, options.max_line_bytes)
        if exporter is not None:
            ending = signal.Signals(source.signal).name + " came" if source.signal else ENDINGS[failure]
            lost = exporter.close(manager.open_spans(), manager.clock.now_us, f"still open when {ending}")
        if not failure:
            complaints.summarize([span.span_id for span in manager.open_spans()])
            if options.timeline:
                draw_timeline(manager)
    return failure or (SIGNALLED + source.signal if source.signal else min(lost, 1))


def open_exporter(path: str, say: Callable[[str], None]) -> FileExporter:
    """Open the file that ended spans go to."""
    from tracer.exporter import FileExporter

    return FileExporter(path, os.environ, say)


def draw_timeline(manager: SpanManager) -> None:
    """Draw the kept spans on stderr."""
    # Imported when it is asked for: the tables of Unicode take time to load.
    from tracer.timeline import draw

    draw(manager)


def build_manager(options: Options, say: Callable[[str], None], exporter: FileExporter | None = None) -> SpanManager:
    """Make the manager that the options and the environment ask for."""
    limits = Limits(options.max_open_spans, options.keep_ended, **limits_in(os.environ, say))
    on_end = None if exporter is None else exporter.add
    manager = SpanManager(limits, SimulatedClock(options.tick_us), CountedIds(), on_end)
    if options.clock == "real":
        manager.use_real_time()
    return manager


def serve_to_the_end(
    source: Input, node: FastNode, exporter: FileExporter | None, complaints: Complaints, max_line_bytes: int
) -> int:
    """Serve until the input ends or stdout fails; return 0 or the exit code of the failure."""

    def flush_and_write(data: bytes) -> None:
        # A span is in the file before anybody is told of its end.
        exporter.flush()  # type: ignore[union-attr]  # called only where there is one
        write(data)

    try:
        serve(source, write if exporter is None else flush_and_write, node, complaints, max_line_bytes)
    except BrokenPipeError:
        return EX_PIPE
    except OSError as error:
        complaints.say(f"stdin or stdout failed: {error.strerror}")
        return EX_IOERR
    return 0


def serve(
    source: Input, send: Callable[[bytes], None], node: FastNode, complaints: Complaints, max_line_bytes: int
) -> None:
    """Answer every line, and send the answers before waiting for more."""
    buffer = LineBuffer(max_line_bytes)
    # Not `while data := ...`: CPython 3.11 never specialises the code of a loop that has its condition at the bottom.
    while True:
        data = source.read()
        if not data:
            break
        lines = buffer.feed(data)
        message = read_alone(lines[0], max_line_bytes) if len(lines) == 1 else None
        if message is None:
            serve_many(lines, send, node, complaints, max_line_bytes)
            continue
        # Somebody may wait for this one: what only many lines pay for is left out.
        complaints.lines += 1
        reply = node.reply(message)
        if reply is not None:
            send(reply.encode())
    serve_many(buffer.finish(), send, node, complaints, max_line_bytes)


def serve_many(
    lines: list[Line], send: Callable[[bytes], None], node: FastNode, complaints: Complaints, max_line_bytes: int
) -> None:
    """Answer lines, and send the answers together."""
    replies: list[str] = []
    gathered = 0
    for some in read_ahead(lines, max_line_bytes):
        for reply in node.answers(complaints.follow(some)):
            replies.append(reply)
            gathered += len(reply)
            if gathered > GATHERED_CHARACTERS:
                send("".join(replies).encode())
                replies.clear()
                gathered = 0
    if replies:
        send("".join(replies).encode())


if __name__ == "__main__":
    # No cycles are built, so references alone free everything; looking for cycles among many open spans takes a fifth of
    # the time.
    gc.disable()
    # The node bounds the digits of an integer itself, whatever the environment says.
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # novm: asked for above
    # Not sys.exit: nothing is left to flush, and taking a hundred thousand spans apart takes time.
    os._exit(main(sys.argv[1:]))

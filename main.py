#!/usr/bin/env python3
"""A node that keeps spans for others: one JSON message a line on stdin, one JSON reply a line on stdout.

Owns the process: its options, the one loop over its input, its exit code.  What a message means is in `tracer/node.py`.
"""

from __future__ import annotations

import signal


def end_at_once(number: int, frame: object) -> None:
    """Handle a signal before the node can end in order: without a traceback."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


# One that is ignored stays so.  Not SIG_DFL itself: Python loses a signal that comes while that takes a handler's place.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, end_at_once)

import os
import sys

from tracer import CountedIds, Limits, LineBuffer, Node, SimulatedClock, SpanManager, __version__
from tracer.limits import limits_in
from tracer.process import Streams, set_up_interpreter
from tracer.process.complaints import Complaints
from tracer.process.options import Options
from tracer.process.streams import occupy_standard_descriptors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from tracer.export import Exporter

#: Spans were lost on their way out.
EX_LOST = 1
#: A bad option, as argparse has it.
EX_OPTION = 2
#: sysexits.h: an input or output error.
EX_IOERR = 74
#: What a shell adds to the number of the signal that ended a process.
SIGNALLED = 128
#: How a shell shows the end of a program whose reader has gone: by SIGPIPE, which Windows does not have.
EX_PIPE = SIGNALLED + 13
#: What ended the input, by the code that `serve_to_the_end` returns.
ENDINGS = {0: "the input ended", EX_PIPE: "stdout was closed", EX_IOERR: "stdin or stdout failed"}
#: Replies are written before more than this has gathered: `get_span` answers a short line with a long one.
GATHERED_CHARACTERS = 1 << 18
#: Microseconds of a year: a clock that has not come so far stands in 1970.
YEAR_US = 365 * 86_400 * 1_000_000


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; return the exit code."""
    occupy_standard_descriptors()
    options = Options()
    if arguments:
        # argparse takes time to load.
        from tracer.process.command_line import parse_options

        options = parse_options(arguments, __version__)
    at_terminal = os.isatty(0) and os.isatty(2)
    complaints = Complaints(options.verbose, in_full=at_terminal)
    exporter = None
    # What is asked for is loaded then: each of these takes time to load.
    try:
        if options.bash:
            from tracer.process.command_line import bash_library

            return write_out(os.fsencode(bash_library()) + b"\n", complaints.say)
        if options.draw is not None:
            from tracer.picture import picture_of_files

            return write_out(picture_of_files(options.draw, options.verbose, complaints.say), complaints.say)
        if options.export is not None:
            from tracer.export import opened

            exporter = opened(options.export, os.environ, complaints.say)
    except ValueError as error:
        complaints.say(str(error))
        return EX_OPTION
    if at_terminal:
        complaints.greet(__version__)
    return keep_spans(options, complaints, exporter, is_watched=options.verbose or at_terminal)


def keep_spans(options: Options, complaints: Complaints, exporter: Exporter | None, is_watched: bool) -> int:
    """Run the node over stdin and stdout; return the exit code."""
    limits = Limits(options.max_open_spans, options.keep_ended, **limits_in(os.environ, complaints.say))
    on_end = None if exporter is None else exporter.add
    manager = SpanManager(limits, SimulatedClock(options.tick_us), CountedIds(), on_end)
    if options.clock == "real":
        manager.use_real_time()
    if is_watched:
        from tracer.watched import WatchedNode

        node: Node = WatchedNode(manager, complaints.complain, complaints.notice, options.clock == "auto")
    else:
        node = Node(manager, complaints.complain, options.clock == "auto")
    lost = 0
    streams = Streams()
    with streams:
        failure = serve_to_the_end(streams, node, LineBuffer(options.max_line_bytes), exporter, complaints.say)
        if exporter is not None:
            ending = signal.Signals(streams.signal).name + " came" if streams.signal else ENDINGS[failure]
            lost = exporter.close(manager.open_spans(), manager.clock.now_us, f"still open when {ending}")
        # Whoever reads stdout may have stalled, so the spans go first.
        failure = failure or failure_of(lambda: streams.finish(complaints.say), complaints.say)
        if not failure:
            tell(node, manager, complaints, options)
    if failure:
        return failure
    if streams.signal:
        return SIGNALLED + streams.signal
    return EX_LOST if lost else 0


def tell(node: Node, manager: SpanManager, complaints: Complaints, options: Options) -> None:
    """Tell on stderr what there is to tell at the end."""
    open_ids = [span.span_id for span in manager.open_spans()]
    if options.export is not None and manager.clock.now_us < YEAR_US and (open_ids or manager.ended_spans()):
        complaints.say("the times in the export are of 1970, the simulated clock's: --clock real gives today's")
    complaints.summarize(node.lines, open_ids)
    if options.timeline:
        from tracer.picture import draw_kept

        draw_kept(manager, complaints.screen, options.verbose)


def serve_to_the_end(
    streams: Streams, node: Node, buffer: LineBuffer, exporter: Exporter | None, say: Callable[[str], None]
) -> int:
    """Serve until the input ends or a stream fails; return 0 or the exit code of the failure."""

    def send(replies: list[str]) -> None:
        if exporter is not None:
            # A span is in its file before anybody is told of its end.
            exporter.flush()
        streams.write("".join(replies).encode())

    return failure_of(lambda: serve(streams, node, buffer, send), say)


def write_out(data: bytes, say: Callable[[str], None]) -> int:
    """Write to stdout what is no reply; return the exit code."""
    return failure_of(lambda: Streams().write(data), say)


def failure_of(step: Callable[[], None], say: Callable[[str], None]) -> int:
    """Take a step that needs the streams; return 0, or the exit code if one of them fails."""
    try:
        step()
    except BrokenPipeError:
        return EX_PIPE
    except OSError as error:
        say(f"stdin or stdout failed: {error.strerror}")
        return EX_IOERR
    return 0


def serve(streams: Streams, node: Node, buffer: LineBuffer, send: Callable[[list[str]], None]) -> None:
    """Answer every line, and send the answers before waiting for more."""
    # Not `while data := ...`: CPython 3.11 never specialises the code of a loop that has its condition at the bottom.
    while True:
        data = streams.read()
        replies, gathered = [], 0
        for reply in node.answers(buffer.feed(data) if data else buffer.finish()):
            replies.append(reply)
            gathered += len(reply)
            if gathered > GATHERED_CHARACTERS:
                send(replies)
                replies, gathered = [], 0
        if replies:
            send(replies)
        if not data:
            return


def run() -> None:
    """Be the process: run the node and exit."""
    set_up_interpreter()
    # Not sys.exit: nothing is left to flush, and taking a hundred thousand spans apart takes time.
    os._exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()

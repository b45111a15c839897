"""The session of one process: what the command line asks for is made, run and taken down, and the exit code is chosen.

Owns the order of these steps and the exit codes.  What is asked for is loaded then, since each part takes time to load.
Read next: `main.py`, which has the loop that this one starts, `options.py` for what can be asked for.
"""

from __future__ import annotations

import os
import signal
import sys

from ..clock import YEAR_US, SimulatedClock
from ..limits import Limits, read_limits
from ..lines import LineBuffer
from ..machine import Streams
from ..machine.streams import occupy_standard_descriptors
from ..manager import SpanManager
from ..node import Node
from ..trace_context import CountedIds
from ..version import __version__
from .complaints import Complaints
from .options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ..export import Exporter

    Say = Callable[[str], None]
    #: Answers every line of the input.
    Serve = Callable[[Streams, Node, LineBuffer, Say], None]
    #: Gives a node messages of somebody's own, before it reads any line.
    SetUp = Callable[[Node, SpanManager], object]

#: Spans were lost on their way out.
EX_LOST = 1
#: No trace is the one that was asked for, as grep has it.
EX_NO_TRACE = 1
#: A bad option, as argparse has it.
EX_OPTION = 2
#: sysexits.h: an input or output error.
EX_IOERR = 74
#: What a shell adds to the number of the signal that ended a process.
SIGNALLED = 128
#: How a shell shows the end of a program whose reader has gone: by SIGPIPE, which Windows does not have.
EX_PIPE = SIGNALLED + 13
#: What ended the input, by the code that `run_step` returns.
ENDINGS = {0: "the input ended", EX_PIPE: "stdout was closed", EX_IOERR: "stdin or stdout failed"}


def run_session(arguments: list[str], serve: Serve, set_up: SetUp | None = None) -> int:
    """Do what the command line asks for; return the exit code."""
    occupy_standard_descriptors()
    options = Options()
    if arguments:
        # argparse takes time to load.
        from .command_line import parse_options

        options = parse_options(arguments, __version__)
    at_terminal = os.isatty(0) and os.isatty(2)
    complaints = Complaints(options.verbose, in_full=at_terminal)
    exporter = None
    try:
        if options.printed is not None:
            return write_out(os.fsencode(options.printed), complaints.say)
        if options.draw is not None:
            return draw_files(options.draw, options, complaints.say)
        if options.export is not None:
            from ..export import open_exporter

            exporter = open_exporter(options.export, os.environ, complaints.say)
    except ValueError as error:
        complaints.say(str(error))
        return EX_OPTION
    if at_terminal:
        complaints.greet(__version__, options.clock != "real", options.tick_us)
    is_watched = options.verbose or at_terminal
    if is_watched and options.export is None:
        complaints.notice_endpoint(os.environ)
    manager = make_manager(options, exporter, complaints.say)
    node = make_node(options, manager, complaints, is_watched)
    if set_up is not None:
        set_up(node, manager)
    return keep_spans(options, complaints, exporter, manager, node, open_streams(at_terminal), serve)


def open_streams(at_terminal: bool) -> Streams:
    """Open stdin and stdout; at a terminal lines can be edited."""
    if at_terminal and sys.platform != "win32":
        from ..machine.keyboard import open_keyboard

        return open_keyboard()
    return Streams()


def keep_spans(
    options: Options,
    complaints: Complaints,
    exporter: Exporter | None,
    manager: SpanManager,
    node: Node,
    streams: Streams,
    serve: Serve,
) -> int:
    """Run the node over stdin and stdout; return the exit code."""
    buffer = LineBuffer(options.max_line_bytes)
    lost = 0

    def send(replies: str) -> None:
        if exporter is not None:
            # A span is in its file before its sender reads that it has ended.
            exporter.flush()
        streams.write(replies.encode())

    with streams:
        failure = run_step(lambda: serve(streams, node, buffer, send), complaints.say)
        now_us = manager.clock.now_us
        if exporter is not None:
            ending = signal.Signals(streams.signal).name + " came" if streams.signal else ENDINGS[failure]
            lost = exporter.close(manager.open_spans(), now_us, f"still open when {ending}")
        # Whoever reads stdout may have stalled, so the spans go first; a backend comes last, for it may be dead.
        failure = failure or run_step(lambda: streams.finish(complaints.say), complaints.say)
        if not failure:
            report_end(node, manager, now_us, complaints, options)
        if exporter is not None:
            lost += exporter.wait()
    if failure:
        return failure
    if streams.signal:
        return SIGNALLED + streams.signal
    return EX_LOST if lost else 0


def make_manager(options: Options, exporter: Exporter | None, say: Say) -> SpanManager:
    """Make what keeps the spans, within the bounds of the options and the environment."""
    limits = Limits(options.max_open_spans, options.keep_ended, **read_limits(os.environ, say))
    on_end = None if exporter is None else exporter.add
    manager = SpanManager(limits, SimulatedClock(options.tick_us), CountedIds(), on_end)
    if options.clock == "real":
        manager.use_real_time()
    return manager


def make_node(options: Options, manager: SpanManager, complaints: Complaints, is_watched: bool) -> Node:
    """Make the node; one that a person watches says more."""
    is_auto = options.clock == "auto"
    if not is_watched:
        return Node(manager, complaints.complain, is_auto)
    from ..watched import WatchedNode

    return WatchedNode(manager, complaints.complain, complaints.notice, is_auto)


def report_end(node: Node, manager: SpanManager, now_us: int, complaints: Complaints, options: Options) -> None:
    """Say on stderr what there is to say at the end, which came at that time of the manager's clock."""
    open_spans = manager.open_spans()
    if options.export is not None and now_us < YEAR_US and manager.has_created:
        complaints.say("the times in the export are of 1970, the simulated clock's: --clock real gives today's")
    complaints.summarize(node.lines, open_spans)
    draw_timeline(manager, now_us, complaints, options)


def draw_timeline(manager: SpanManager, now_us: int, complaints: Complaints, options: Options) -> None:
    """Draw the spans on stderr where that is asked for, the open ones up to a time."""
    if options.timeline:
        from ..picture import Choice, draw_kept

        draw_kept(manager, now_us, complaints.screen, Choice(options.verbose, options.trace, options.last))


def draw_files(paths: list[str], options: Options, say: Say) -> int:
    """Draw the spans in files on stdout; return the exit code.

    Raises:
        ValueError: one of the files cannot be read.
    """
    from ..picture import Choice, render_files

    picture = render_files(paths, Choice(options.verbose, options.trace, options.last), say)
    return write_out(picture, say) if picture else EX_NO_TRACE


def write_out(data: bytes, say: Say) -> int:
    """Write to stdout what is no reply; return the exit code."""
    streams = Streams()
    return run_step(lambda: streams.write(data), say) or run_step(lambda: streams.finish(say), say)


def run_step(step: Callable[[], None], say: Say) -> int:
    """Take a step that needs the streams; return 0, or the exit code if one of them fails."""
    try:
        step()
    except BrokenPipeError:
        return EX_PIPE
    except OSError as error:
        say(f"stdin or stdout failed: {error.strerror}")
        return EX_IOERR
    return 0

#!/usr/bin/env python3
"""A node that keeps spans for others: one JSON message a line on stdin, one JSON reply a line on stdout.

Owns the loop over the input, and what has to come before anything else.  Kept short: Python compiles it at every start; and so
that Python 2.7 can compile it too, which then reads in `tracer/__init__.py` that it is too old.
Read next: `tracer/command/session.py` for the session around the loop, `tracer/node.py` for what a message means.
"""

import gc

# First of all, for the imports make no garbage either; `set_up_interpreter` says why, and puts it right where it is wrong.
gc.disable()

import signal


def end_at_once(number, frame):
    # type: (int, object) -> None
    """Handle a signal before the node can end in order: without a traceback."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


# One that is ignored stays so.  Not SIG_DFL itself: Python loses a signal that comes while that takes a handler's place.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, end_at_once)

import os
import sys

from tracer.command.session import run_session
from tracer.machine.interpreter import set_up_interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional

    from tracer import LineBuffer, Node
    from tracer.command.session import SetUp
    from tracer.machine import Streams


def serve(streams, node, buffer, send):
    # type: (Streams, Node, LineBuffer, Callable[[str], None]) -> None
    """Answer every line, and send the answers before waiting for more."""
    # Not `while data := ...`: CPython 3.11 never specialises the code of a loop that has its condition at the bottom.
    while True:
        data = streams.read()
        node.serve(buffer.feed(data) if data else buffer.finish(), send)
        if not data:
            return


def main(arguments, set_up=None):
    # type: (list[str], Optional[SetUp]) -> int
    """Do what the command line asks for; return the exit code."""
    return run_session(arguments, serve, set_up)


def run():
    # type: () -> None
    """Be the process: run the node and exit."""
    set_up_interpreter()
    # Not sys.exit: nothing is left to flush, and taking a hundred thousand spans apart takes time.
    os._exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()

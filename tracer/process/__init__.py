"""What touches the machine: the command line, the streams and signals, and what is said on stderr.

`unix.py` and `windows.py` have the same names: all that differs between machines.  What differs between Pythons is here.
"""

from __future__ import annotations

import gc
import sys

if sys.platform == "win32":
    from .windows import END_OF_INPUT, Streams, leave_signals_to_others, open_to_append, takes_escapes, write_at_once
else:
    from .unix import END_OF_INPUT, Streams, leave_signals_to_others, open_to_append, takes_escapes, write_at_once

__all__ = [
    "END_OF_INPUT",
    "Streams",
    "leave_signals_to_others",
    "open_to_append",
    "set_up_interpreter",
    "takes_escapes",
    "write_at_once",
]


def set_up_interpreter() -> None:
    """Set the interpreter up for a process that is the node and nothing else."""
    # No cycles are built, so references alone free everything; looking for cycles among many open spans takes a fifth of
    # the time.  PyPy counts no references: its collector is all that frees anything.
    if hasattr(sys, "getrefcount"):
        gc.disable()
    # The node bounds the digits of an integer itself, whatever the environment says.
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # novm: asked for above

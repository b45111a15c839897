"""All that differs between Pythons."""

from __future__ import annotations

import gc
import sys


def set_up_interpreter() -> None:
    """Set the interpreter up for a process that is the node and nothing else; `main.py` has disabled the collector of cycles.

    No cycles are built, so references alone free everything; looking for cycles among many open spans takes a fifth of the
    time.  PyPy counts no references: its collector is all that frees anything.
    """
    if not hasattr(sys, "getrefcount"):
        gc.enable()
    # The node bounds the digits of an integer itself, whatever the environment says.
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # novm: asked for above

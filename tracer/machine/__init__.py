"""What touches the machine: the streams and the signals, stderr, and all that differs between systems and Pythons.

Knows nothing of the rest of the package.  `unix.py` and `windows.py` have the same names: all that differs between systems.
What differs between Pythons is in `interpreter.py`.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from .windows import (
        END_OF_INPUT,
        Streams,
        append_at_once,
        leave_signals_to_others,
        open_to_append,
        takes_escapes,
        write_at_once,
    )
else:
    from .unix import (
        END_OF_INPUT,
        Streams,
        append_at_once,
        leave_signals_to_others,
        open_to_append,
        takes_escapes,
        write_at_once,
    )

__all__ = [
    "END_OF_INPUT",
    "Streams",
    "append_at_once",
    "leave_signals_to_others",
    "open_to_append",
    "takes_escapes",
    "write_at_once",
]

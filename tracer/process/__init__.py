"""What touches the machine: the command line, the streams and signals, and what is said on stderr.

`unix.py` and `windows.py` have the same names: all that differs between machines.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from .windows import END_OF_INPUT, Streams, leave_signals_to_others, open_to_append, takes_escapes, write_at_once
else:
    from .unix import END_OF_INPUT, Streams, leave_signals_to_others, open_to_append, takes_escapes, write_at_once

__all__ = ["END_OF_INPUT", "Streams", "leave_signals_to_others", "open_to_append", "takes_escapes", "write_at_once"]

"""What touches the machine: the streams and the signals, stderr, and all that differs between systems and Pythons.

Knows nothing of the rest of the package.  `unix.py` and `windows.py` have the same names: all that differs between systems.
What differs between Pythons is in `interpreter.py`.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from . import windows as system
else:
    from . import unix as system

END_OF_INPUT = system.END_OF_INPUT
Streams = system.Streams
append_at_once = system.append_at_once
expand_pattern = system.expand_pattern
leave_signals_to_others = system.leave_signals_to_others
open_to_append = system.open_to_append
takes_escapes = system.takes_escapes
write_at_once = system.write_at_once

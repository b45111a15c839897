"""What a person types at a terminal, with the keys and the history of the library readline.

Loaded only there, and of use where Python has that library: CPython on Unix.  PyPy's `readline` is another one, which reads a
terminal its own way; a console of Windows edits lines itself.
Traps: readline shows what is typed on descriptor 1, so that becomes the terminal, and the replies keep a descriptor of their
own.  A signal puts an empty file in the place of stdin, as in `unix.py`, so readline cannot set the terminal back itself.
Source: `PyOS_Readline` in CPython.
"""

from __future__ import annotations

import os
import sys
import termios

from . import Streams, takes_escapes

# For type checkers, which skip what cannot be reached.
assert sys.platform != "win32"  # noqa: S101

#: What stands before a line; README and docs mark by it what is typed.
PROMPT = "> "


def open_keyboard() -> Streams:
    """Open stdin and stdout, where stdin and stderr are terminals; let lines be edited where that is possible."""
    try:
        if sys.implementation.name == "cpython" and takes_escapes(2) and os.ttyname(0) == os.ttyname(2):
            return Keyboard()
    except (ImportError, OSError):
        # There is no readline, or a terminal without a path.
        pass
    return Streams()


class Keyboard(Streams):
    """Lines that are edited at a terminal, which stdin and stderr are; and bytes to stdout, wherever that goes.

    Raises:
        ImportError: this Python has no readline.
    """

    def __init__(self) -> None:
        import readline

        # What is pasted is read line by line, as without readline: each line is answered before the next one is shown.
        readline.parse_and_bind("set enable-bracketed-paste off")
        # A Ctrl-D that was typed while no line was read has become a NUL.  Source: Linux, n_tty.c.
        readline.parse_and_bind(r'"\C-@": "\C-d"')
        self._modes = termios.tcgetattr(2)
        super().__init__(stdout=os.dup(1))
        os.dup2(2, 1)
        # What `input` looks at.  Each stays open; what is typed is read as the bytes that it is.
        sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115

    def read(self) -> bytes:
        """Wait for a line; none means the end, or a signal."""
        try:
            return f"{input(PROMPT)}\n".encode("utf-8", "surrogateescape")
        except EOFError:
            if not self.signal and not os.isatty(0):
                # The terminal is closed, and its SIGHUP is on its way.
                return super().read()
            self._leave_line()
            return b""

    def _leave_line(self) -> None:
        """Begin a new line behind what was typed; after a signal, have the terminal edit lines itself again."""
        try:
            os.write(2, b"\n")
            if self.signal:
                termios.tcsetattr(2, termios.TCSADRAIN, self._modes)
        except (OSError, termios.error):
            # The terminal is closed.
            pass

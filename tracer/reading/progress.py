"""How far the reading of files is, for a person who waits; nothing of it is left behind.

Owns when it is shown and how it looks.  Only a terminal has it, after two seconds.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..machine.screen import Screen

#: After how long it is shown for the first time, and how often then.
FIRST_SECONDS, NEXT_SECONDS = 2.0, 0.2
_MEGABYTE = 1_000_000
#: The width where a terminal does not know its own.
_USUAL_COLUMNS = 80


class Progress:
    """Shows how far the reading is, on one line of a screen that is a terminal."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._is_wanted = screen.is_terminal()
        # In the last column some terminals begin the next line.
        self._room = (screen.read_columns() or _USUAL_COLUMNS) - 1
        self._next = time.monotonic() + FIRST_SECONDS
        #: How wide what is shown is.
        self._shown = 0

    def show(self, done: int, total: int, spans: int) -> None:
        """Show how many bytes of how many were read, 0 for a total that is not known, and how many spans there are."""
        now = time.monotonic()
        if not self._is_wanted or now < self._next:
            return
        self._next = now + NEXT_SECONDS
        of = f" of {total // _MEGABYTE:,}" if total else ""
        text = f"reading: {done // _MEGABYTE:,}{of} MB, spans so far: {spans:,}"[: self._room]
        self._screen.write("\r" + text.ljust(self._shown))
        self._shown = len(text)

    def clear(self) -> None:
        """Take away what is shown."""
        if self._shown:
            self._screen.write("\r" + " " * self._shown + "\r")
            self._shown = 0

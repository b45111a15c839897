"""stderr, or stdout, as a person sees it: its characters, its colours, its columns; and every write to stderr.

Nothing that happens to stderr stops the node.  So it is written to directly, for a stream object keeps what it could not
write; and `PatientWriter` has the rule for how long its reader is waited for.
Source: PEP 538, the C locale; no-color.org; force-color.org.
"""

from __future__ import annotations

import os
import sys

from . import takes_escapes, write_at_once
from .streams import PatientWriter


class Screen:
    """What a person reads.

    Args:
        descriptor: 2, where stderr is, or 1 for stdout.
    """

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._writer = PatientWriter(lambda data: write_at_once(data, descriptor))
        stated = getattr(sys.stdout if descriptor == 1 else sys.stderr, "encoding", None) or "ascii"
        #: The encoding of what is written.
        self.encoding = "ascii" if _is_c_locale() else stated

    def encode(self, text: str) -> bytes:
        """Return the bytes of a text; what they do not have is shown by escapes."""
        return text.encode(self.encoding, "backslashreplace")

    def write(self, text: str) -> bool:
        """Write a text; return whether all of it was taken, else the rest is dropped."""
        data = self.encode(text)
        try:
            while data:
                data = data[self._writer.write(data) :]
        except OSError:
            return False
        return True

    def wait_again(self) -> None:
        """Wait for the reader once more, even one who took nothing for a second."""
        self._writer.wait_again()

    def is_terminal(self) -> bool:
        """Return whether it is one, even if it does not know how wide it is."""
        return os.isatty(self._descriptor)

    def read_columns(self) -> int:
        """Return how wide it is; 0 if it is no terminal."""
        try:
            return os.get_terminal_size(self._descriptor).columns
        except OSError:
            return 0

    def is_colourful(self) -> bool:
        """Return whether it takes colour; who asks for none is heard before who asks for it, as CPython does."""
        if os.environ.get("NO_COLOR"):
            return False
        return bool(os.environ.get("FORCE_COLOR")) or takes_escapes(self._descriptor)


def _is_c_locale() -> bool:
    """Return whether somebody chose the C locale, of whose characters only ASCII is known.

    Python takes it for UTF-8, as it takes having chosen none, and then sets LC_CTYPE to a locale with UTF-8 itself.
    """
    if os.environ.get("PYTHONIOENCODING") or os.environ.get("PYTHONUTF8"):
        return False
    chosen = "" if sys.flags.utf8_mode else os.environ.get("LC_CTYPE")
    return (os.environ.get("LC_ALL") or chosen or os.environ.get("LANG")) in ("C", "POSIX")

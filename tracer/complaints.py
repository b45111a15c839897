"""What the node says to a person: sentences on stderr, each with the line of input that it is about.

Owns stderr.  A flood of bad lines does not drown the person: the first are told in full, the others counted.
Nothing that happens to stderr stops the node, so it is written to directly: a stream object keeps what it could not write.
"""

from __future__ import annotations

import os
import sys
from operator import length_hint

from .errors import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .messages import Line, Message

#: How many lines are complained of in full.
TOLD_IN_FULL = 20
#: How many open spans are named at the end.
NAMED = 10


class Complaints:
    """Say sentences on stderr.

    Args:
        verbose: tell of every line in full, and of what went on at the end.
        descriptor: where stderr is.
    """

    def __init__(self, verbose: bool, descriptor: int = 2) -> None:
        self._verbose = verbose
        self._descriptor = descriptor
        self._encoding = getattr(sys.stderr, "encoding", None) or "ascii"
        self._count = 0
        self._next_count = 10 * TOLD_IN_FULL
        #: How many lines were handed out; who serves one line alone counts it here instead.
        self.lines = 0
        self._to_come: Iterator[Message | Line] = iter(())

    def follow(self, lines: list[Message | Line]) -> Iterator[Message | Line]:
        """Hand out the next lines of the input, and know from then on which one is being served."""
        # How many are left is known without counting each.
        self.lines += len(lines)
        self._to_come = iter(lines)
        return self._to_come

    @property
    def line(self) -> int:
        """The number of the line that is being served; blank ones count."""
        return self.lines - length_hint(self._to_come)

    def complain(self, sentence: str) -> None:
        """Say what is wrong with the line that is being served."""
        self._count += 1
        if self._verbose or self._count <= TOLD_IN_FULL:
            self.say(f"line {self.line}: {sentence}")
        if self._verbose:
            return
        if self._count == TOLD_IN_FULL:
            self.say("from here on, bad lines are only counted (--verbose tells of each)")
        elif self._count == self._next_count:
            self._next_count *= 10
            self.say(f"{self._count} bad lines so far, the last one is line {self.line}")

    def summarize(self, open_ids: list[str]) -> None:
        """Say at the end what was only counted, and name the spans that are still open."""
        if self._count > TOLD_IN_FULL:
            self.say(f"{self._count} bad lines in all")
        if open_ids:
            names = ", ".join(quoted(span_id)[1:-1] for span_id in open_ids[:NAMED])
            more = f" and {len(open_ids) - NAMED} more" if len(open_ids) > NAMED else ""
            self.say(f"{len(open_ids)} {'span is' if len(open_ids) == 1 else 'spans are'} still open: {names}{more}")
        if self._verbose:
            self.say(f"{self.line} lines read")

    def say(self, sentence: str) -> None:
        """Write one sentence; what cannot be written is dropped."""
        data = f"tracer: {sentence}\n".encode(self._encoding, "backslashreplace")
        try:
            os.write(self._descriptor, data)
        except OSError:
            pass

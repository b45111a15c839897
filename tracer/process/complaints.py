"""What the node says to a person: sentences on stderr, each with the line of input that it is about.

Owns the sentences there.  A flood of bad lines does not drown the person: the first are told in full, the others counted.
Nothing that happens to stderr stops the node, so it is written to directly: a stream object keeps what it could not write.
"""

from __future__ import annotations

import os
import sys

from ..errors import quoted

#: How many lines are complained of in full.
TOLD_IN_FULL = 20
#: How many open spans are named at the end.
NAMED = 10


class Complaints:
    """Say sentences on stderr.

    Args:
        verbose: tell of every line in full, and at the end how many came.
        descriptor: where stderr is.
    """

    def __init__(self, verbose: bool, descriptor: int = 2) -> None:
        self._verbose = verbose
        self._descriptor = descriptor
        self._encoding = getattr(sys.stderr, "encoding", None) or "ascii"
        self._count = 0
        self._next_count = 10 * TOLD_IN_FULL

    def complain(self, line: int, sentence: str) -> None:
        """Say what is wrong with the line of that number; blank lines count."""
        self._count += 1
        if self._verbose or self._count <= TOLD_IN_FULL:
            self.say(f"line {line}: {sentence}")
        if self._verbose:
            return
        if self._count == TOLD_IN_FULL:
            self.say("from here on, bad lines are only counted (--verbose tells of each)")
        elif self._count == self._next_count:
            self._next_count *= 10
            self.say(f"{self._count} bad lines so far, the last one is line {line}")

    def summarize(self, lines: int, open_ids: list[str]) -> None:
        """Say at the end what was only counted, and name the spans that are still open; `lines` have come in all."""
        if self._count > TOLD_IN_FULL:
            self.say(f"{self._count} bad lines in all")
        if open_ids:
            names = ", ".join(quoted(span_id)[1:-1] for span_id in open_ids[:NAMED])
            more = f" and {len(open_ids) - NAMED} more" if len(open_ids) > NAMED else ""
            self.say(f"{len(open_ids)} {'span is' if len(open_ids) == 1 else 'spans are'} still open: {names}{more}")
        if self._verbose:
            self.say(f"{lines} lines read")

    def say(self, sentence: str) -> None:
        """Write one sentence; what cannot be written is dropped."""
        data = f"tracer: {sentence}\n".encode(self._encoding, "backslashreplace")
        try:
            os.write(self._descriptor, data)
        except OSError:
            pass

"""What the node says to a person: sentences on stderr, each with the line of input that it is about.

Owns the sentences there.  A flood of bad lines does not drown the person: the first are told in full, the others counted;
and so are the sentences that nobody took.  Read next: `screen.py`, which writes them.
"""

from __future__ import annotations

from ..errors import counted, named
from . import END_OF_INPUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .screen import Screen

#: How many lines are complained of in full.
TOLD_IN_FULL = 20
#: How many open spans are named at the end.
NAMED = 10
#: What a person may paste who sees the node for the first time.
EXAMPLE = """\
{"type": "create_span", "name": "GET /api/data", "kind": "CLIENT"}
{"type": "span_end", "span_id": "span1"}"""


class Complaints:
    """Say sentences on stderr.

    Args:
        verbose: tell of every line in full, and at the end how many came.
        descriptor: where stderr is.
        in_full: tell of every line in full.
    """

    def __init__(self, verbose: bool, descriptor: int = 2, in_full: bool = False) -> None:
        self._verbose = verbose
        self._in_full = verbose or in_full
        self._descriptor = descriptor
        self._screen: Screen | None = None
        self._dropped = 0
        self._count = 0
        self._next_count = 10 * TOLD_IN_FULL

    @property
    def screen(self) -> Screen:
        """Where they are written, and the picture of the traces; loaded when there is something to say."""
        if self._screen is None:
            from .screen import Screen

            self._screen = Screen(self._descriptor)
        return self._screen

    def complain(self, line: int, sentence: str) -> None:
        """Say what is wrong with the line of that number; blank lines count."""
        self._count += 1
        if self._in_full or self._count <= TOLD_IN_FULL:
            self.notice(line, sentence)
        if self._in_full:
            return
        if self._count == TOLD_IN_FULL:
            self.say("from here on, bad lines are only counted (--verbose tells of each)")
        elif self._count == self._next_count:
            self._next_count *= 10
            self.say(f"{self._count} bad lines so far, the last one is line {line}")

    def notice(self, line: int, sentence: str) -> None:
        """Say something about the line of that number, which may be a good one."""
        self.say(f"line {line}: {sentence}")

    def greet(self, version: str) -> None:
        """Tell a person at a terminal what this is, and what to type."""
        what = f"span tracer {version}: one JSON message a line; {END_OF_INPUT} the input"
        self.say(f"{what}.  To begin with, paste this:\n{EXAMPLE}")

    def summarize(self, lines: int, open_ids: list[str]) -> None:
        """Say at the end what was only counted, and name the spans that are still open; `lines` have come in all."""
        if self._screen is not None:
            self._screen.wait_again()
        if self._count > TOLD_IN_FULL:
            self.say(f"{self._count} bad lines in all")
        if open_ids:
            names = ", ".join(map(named, open_ids[:NAMED]))
            more = f" and {len(open_ids) - NAMED} more" if len(open_ids) > NAMED else ""
            are = "is" if len(open_ids) == 1 else "are"
            self.say(f"{counted(len(open_ids), 'span')} {are} still open: {names}{more}")
        if self._verbose or self._dropped:
            self.say(f"{counted(lines, 'line')} read")

    def say(self, sentence: str) -> None:
        """Write one sentence; what is not taken is dropped, and the next one that is says so."""
        text = f"tracer: {sentence}\n"
        if self._dropped:
            # On a line of its own, for the last sentence may have been taken in part.
            text = f"\ntracer: sentences dropped before this one, for nobody read them: {self._dropped}\n{text}"
        self._dropped = 0 if self.screen.write(text) else self._dropped + 1

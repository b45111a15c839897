"""What the node says to a person: sentences on stderr, each with the line of input that it is about.

Owns the sentences there.  A flood of bad lines does not drown the person: the first are reported in full, the others counted;
and so are the sentences that nobody took.  Read next: `machine/screen.py`, which writes them.
"""

from __future__ import annotations

from ..machine import END_OF_INPUT
from ..words import count, show_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..machine.screen import Screen
    from ..span import Span

#: How many bad lines are reported in full.
REPORTED_IN_FULL = 20
#: How many open spans are named at the end.
NAMED = 10
#: What a person may paste who sees the node for the first time.
EXAMPLE = """\
{"type": "create_span", "name": "GET /api/data", "kind": "CLIENT"}
{"type": "span_end", "span_id": "span1"}"""


class Complaints:
    """Say sentences on stderr.

    Args:
        verbose: report every bad line in full, and at the end how many lines came.
        descriptor: where stderr is.
        in_full: report every bad line in full.
    """

    def __init__(self, verbose: bool, descriptor: int = 2, in_full: bool = False) -> None:
        self._verbose = verbose
        self._in_full = verbose or in_full
        self._descriptor = descriptor
        self._screen: Screen | None = None
        self._dropped = 0
        self._count = 0
        self._next_count = 10 * REPORTED_IN_FULL

    @property
    def screen(self) -> Screen:
        """Where they are written, and the picture of the traces; loaded when there is something to say."""
        if self._screen is None:
            from ..machine.screen import Screen

            self._screen = Screen(self._descriptor)
        return self._screen

    def complain(self, line: int, sentence: str) -> None:
        """Say what is wrong with the line of that number; blank lines count."""
        self._count += 1
        if self._in_full or self._count <= REPORTED_IN_FULL:
            self.notice(line, sentence)
        if self._in_full:
            return
        if self._count == REPORTED_IN_FULL:
            self.say("from here on, bad lines are only counted (--verbose reports each)")
        elif self._count == self._next_count:
            self._next_count *= 10
            self.say(f"{self._count} bad lines so far, the last one is line {line}")

    def notice(self, line: int, sentence: str) -> None:
        """Say something about the line of that number, which may be a good one."""
        self.say(f"line {line}: {sentence}")

    def greet(self, version: str, is_simulated: bool, tick_us: int) -> None:
        """Say to a person at a terminal what this is, what time it is by, and what to type."""
        self.say(f"span tracer {version}: one JSON message a line; {END_OF_INPUT} the input")
        if is_simulated:
            self.say(f"time is simulated, {tick_us} microseconds a line: --clock real gives the real time")
        self.say(f"to begin with, paste this:\n{EXAMPLE}")

    def notice_endpoint(self, environment: Mapping[str, str]) -> None:
        """Say that the variables that name an endpoint export nothing, where one is set; what it holds may be a secret."""
        for variable in ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
            if environment.get(variable):
                self.say(f"{variable} is not used: spans go where --export says")
                return

    def summarize(self, lines: int, open_spans: Sequence[Span]) -> None:
        """Say at the end what was only counted, and name the spans that are still open; `lines` have come in all."""
        if self._screen is not None:
            self._screen.wait_again()
        if self._count > REPORTED_IN_FULL:
            self.say(f"{self._count} bad lines in all")
        if open_spans:
            names = ", ".join([show_id(span.span_id) for span in open_spans[:NAMED]])
            more = f" and {len(open_spans) - NAMED} more" if len(open_spans) > NAMED else ""
            self.say(f"{count(len(open_spans), 'span', 'is')} still open: {names}{more}")
        # Something has to be said where sentences were dropped, for the next one says so.
        if self._verbose or self._dropped:
            self.say(f"{count(lines, 'line')} read")

    def say(self, sentence: str) -> None:
        """Write one sentence; what is not taken is dropped, and the next one that is says so."""
        text = f"tracer: {sentence}\n"
        if self._dropped:
            # On a line of its own, for the last sentence may have been taken in part.
            text = f"\ntracer: sentences dropped before this one, for nobody read them: {self._dropped}\n{text}"
        self._dropped = 0 if self.screen.write(text) else self._dropped + 1

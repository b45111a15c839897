"""What of a file is not read: counted by what it is, and of each sort the first one reported with its line and the reason."""

from __future__ import annotations

from ..words import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Problems:
    """Counts what of a file is not read."""

    def __init__(self) -> None:
        #: Where what is being read begins.
        self.line = 0
        #: By what it is: how many, and the sentence about the first.
        self._ignored: dict[str, tuple[int, str]] = {}
        self._other_signals: dict[str, int] = {}

    def add(self, what: str, reason: str) -> None:
        """Count something that is ignored; `what` is a noun."""
        number, first = self._ignored.get(what, (0, ""))
        self._ignored[what] = (number + 1, first or f"first line {self.line}: {reason}")

    def add_other_signal(self, what: str) -> None:
        """Count a line or a document of logs or metrics."""
        self._other_signals[what] = self._other_signals.get(what, 0) + 1

    def list_sentences(self) -> Iterator[str]:
        """Say what was counted."""
        for what, number in self._other_signals.items():
            yield f"{count(number, what)} {'holds' if number == 1 else 'hold'} no spans, but logs or metrics"
        for what, (number, first) in self._ignored.items():
            yield f"{count(number, what, 'was')} ignored, {first}"

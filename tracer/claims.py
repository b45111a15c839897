"""Claims: whose id nobody knows, and which of these spans may take over an id that a message names.

The task's second sample ends `span2` though it created one span only, and no reply has named that.  So the plain way an
unknown id means the one span whose id nobody can know.  Read next: `keeper.py`, which asks.
"""

from __future__ import annotations

from .words import WholeNumber

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional

    from .span import Span

    OnClaim = Optional[Callable[[str, str], None]]

#: What stands before the number in the ids that the node chooses.
PREFIX = "span"


class Claims:
    """The open spans whose ids nobody knows: no reply has named them, and no message has.

    Args:
        spans: all known spans by their ids.
    """

    def __init__(self, spans: dict[str, Span]) -> None:
        self._spans = spans
        #: Whether an unknown id may claim a span; a `Node` says so as long as it answers the plain way.
        self.are_allowed = False
        #: Called with the old id and the new one of a span that is claimed; it must not raise, for the rest of the change follows.
        self.on_claim: OnClaim = None
        #: How many spans are unclaimed; the manager counts one that it opens.
        self.count = 0
        # The only one, where it has been looked for.
        self._sole: Span | None = None

    def find(self, span_id: str, numbered: int, linked_id: object = None) -> Span | None:
        """Return the span that an unknown id may claim: the only unclaimed one, if there is just one.

        Args:
            numbered: how many numbers the node has used up.
            linked_id: what the message links to; that span is not claimed by the same message.
        """
        if not self.are_allowed or self.count != 1 or _may_be_given(span_id, numbered):
            return None
        sole = self._sole
        if sole is None or not sole._is_unclaimed:
            # Kept, for the next look-up would pass all spans that were opened since.
            sole = self._sole = next(span for span in reversed(self._spans.values()) if span._is_unclaimed)
        return None if sole._span_id == linked_id else sole

    def settle(self, span: Span, span_id: str) -> None:
        """Note that an accepted message has named an unclaimed span, by an id that the span takes over if it is not its own."""
        span._is_unclaimed = False
        self.count -= 1
        own_id = span._span_id
        if span_id != own_id:
            self._spans[span_id] = self._spans.pop(own_id)
            span._span_id = span_id
            if self.on_claim is not None:
                self.on_claim(own_id, span_id)


def _may_be_given(span_id: str, numbered: int) -> bool:
    """Return whether the node may have given this id to another span, which its sender would mean."""
    number = WholeNumber(1, numbered).read(span_id[len(PREFIX) :])
    # It writes no zeros before a number.
    return number is not None and span_id == f"{PREFIX}{number}"

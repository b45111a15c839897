"""A node that a person watches: it also says what it does in silence.

Owns those sentences; a node that nobody watches does not load it, and pays nothing for it.  Replies are the same to the byte.
Read next: `node.py`, whose table of messages it wraps.
"""

from __future__ import annotations

from .forms import EVERY_MESSAGE, MESSAGES
from .node import Node
from .words import count, guess, quote, show_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .forms import Body
    from .keeper import SpanKeeper
    from .node import Row, Serve

#: How many unknown fields of a message are reported; to guess what each was meant for takes time.
REPORTED_FIELDS = 3


class WatchedNode(Node):
    """A node that answers line by line, and gives notice of what a person may have meant otherwise.

    Args:
        manager, complain, auto_clock: see `Node`.
        notice: takes the number of a line, from 1 on, and a sentence about what the node did in silence.
    """

    def __init__(
        self,
        manager: SpanKeeper,
        complain: Callable[[int, str], None],
        notice: Callable[[int, str], None],
        auto_clock: bool,
    ) -> None:
        super().__init__(manager, complain, auto_clock)
        self._notice = notice
        manager.claims.on_claim = self._report_claim
        for message_type, row in self._rows.items():
            row.serve = self._watch(message_type, row, row.serve)

    def _watch(self, message_type: str, row: Row, serve: Serve) -> Serve:
        """Make what serves a message and reports what that did in silence."""

        def serve_and_report(body: Body) -> Any:
            self._report_unknown_fields(message_type, body)
            result = serve(body)
            if row.makes_span and row.needs is not None and body.get(row.needs) is None:
                lacks = "states no kind" if row.needs == "kind" else f"has no {row.needs}"
                self._report(f"{show_id(result.span_id)} is open; not answered, for it {lacks}")
            return result

        return serve_and_report

    def _report_unknown_fields(self, message_type: str, body: Body) -> None:
        form = MESSAGES[message_type]
        known = [*form.required, *form.optional, *EVERY_MESSAGE.required, *EVERY_MESSAGE.optional, "in_reply_to"]
        unknown = [field for field in body if field not in known]
        for field in unknown[:REPORTED_FIELDS]:
            instead = guess(field, known) or f"; it has {', '.join(known)}"
            self._report(f"{quote(field)} is no field of {message_type} and is ignored{instead}")
        if len(unknown) > REPORTED_FIELDS:
            self._report(f"ignored as well: {count(len(unknown) - REPORTED_FIELDS, 'more field')}")

    def _report_claim(self, own_id: str, span_id: str) -> None:
        self._report(f"{show_id(own_id)} is called {show_id(span_id)} from now on: nobody knew that name")

    def _report(self, sentence: str) -> None:
        self._notice(self.lines, sentence)

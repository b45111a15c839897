"""A node that a person watches: it also tells what it passes over in silence.

Owns those sentences; a node that nobody watches does not load it, and pays nothing for it.  Replies are the same to the byte.
Read next: `node.py`, whose table of messages it wraps.
"""

from __future__ import annotations

from .errors import counted, guess, named, quoted
from .forms import EVERY_MESSAGE, MESSAGES
from .node import Node, Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable

    from .address import Body
    from .manager import SpanManager

#: How many unknown fields of a message are told of; to guess what each was meant for takes time.
TOLD_FIELDS = 3


class WatchedNode(Node):
    """A node that answers line by line, and gives notice of what a person may have meant otherwise.

    Args:
        manager, complain, auto_clock: see `Node`.
        notice: takes the number of a line, from 1 on, and a sentence about what the node passed over.
    """

    def __init__(
        self,
        manager: SpanManager,
        complain: Callable[[int, str], None],
        notice: Callable[[int, str], None],
        auto_clock: bool = False,
    ) -> None:
        self._notice = notice
        super().__init__(manager, complain, auto_clock)

    def answers(self, lines: list[str]) -> Iterator[str]:
        """Serve lines as any node does, one at a time, so that `lines` is the number of the one being served."""
        for line in lines:
            yield from super().answers([line])

    def _table(self, is_plain: bool) -> dict[str, Row]:
        rows = super()._table(is_plain)
        for message_type, row in rows.items():
            row.serve = self._watched(message_type, row, row.serve)
        return rows

    def _watched(self, message_type: str, row: Row, serve: Callable[[Body], Any]) -> Callable[[Body], Any]:
        """Make what serves a message and tells what that passed over."""

        def watched(body: Body) -> Any:
            self._tell_fields(message_type, body)
            claimed = self._manager.addressee(body) if row.names else None
            own_id = None if claimed is None else claimed.span_id
            result = serve(body)
            if row.opens and row.needs is not None and body.get(row.needs) is None:
                lacks = "states no kind" if row.needs == "kind" else f"has no {row.needs}"
                self._say(f"{named(result.span_id)} is open; not answered, for it {lacks}")
            if own_id is not None and result.span_id != own_id:
                self._say(f"{named(own_id)} is called {named(result.span_id)} from now on: nobody knew that name")
            return result

        return watched

    def _tell_fields(self, message_type: str, body: Body) -> None:
        form = MESSAGES[message_type]
        known = [*form.required, *form.optional, *EVERY_MESSAGE.required, *EVERY_MESSAGE.optional, "in_reply_to"]
        unknown = [field for field in body if field not in known]
        for field in unknown[:TOLD_FIELDS]:
            instead = guess(field, known) or f"; it has {', '.join(known)}"
            self._say(f"{quoted(field)} is no field of {message_type} and is passed over{instead}")
        if len(unknown) > TOLD_FIELDS:
            self._say(f"passed over as well: {counted(len(unknown) - TOLD_FIELDS, 'more field')}")

    def _say(self, sentence: str) -> None:
        self._notice(self.lines, sentence)

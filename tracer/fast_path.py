"""The fast path: a node that serves the messages that most sessions are made of without a detour.

Owns what speed costs in beauty, and decides nothing: whatever is not as plain as expected goes the way that `node.py` and
`manager.py` have for every message, and a test holds the two ways equal.
Strategy: one loop, and long, because a call costs up to a tenth of what a whole line does.  A body of just the three fields
that are looked up has no other field that would need a check.  Each of the three messages is looked up, checked, and done;
what the look-up or the check does not find is left to the way for all.  Nothing else in here can fail and no code of others
is called, so that none of it needs the guard that `Node._serve` has.
Read next: `node.py` and `manager.py`, whose state this shares.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quote

from .node import Node
from .span import STATUSES, Span
from .trace_context import SAMPLED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .messages import Line, Message


class FastNode(Node):
    """A `Node` that gives the same answers sooner."""

    def answers(self, lines: Iterable[Message | Line]) -> Iterator[str]:
        """Serve lines in turn, as `read_ahead` gives them; give each reply before the next line is taken."""
        manager, origins = self._manager, self._origins
        clock, tick_us, plain = self._clock, self._clock.tick_us, self._is_plain
        if plain:
            spans, ended, names, limits = manager._spans, manager._ended, manager._names, manager.limits
        message: Message | Line | None
        for message in lines:
            if not isinstance(message, dict) and (message := self._judged(message)) is None:
                continue
            if tick_us:
                clock.now_us += tick_us  # type: ignore[misc]  # a clock with a tick is set
            body, origin = message, None
            if "body" in message:
                body = message["body"]
                try:
                    known = origins[message["src"]]
                    origin = known if known.dest == message["dest"] and type(body) is dict else None
                except (KeyError, TypeError):
                    pass
                if origin is None and (origin := self._origin(message)) is None:
                    continue
            if plain and len(body) == 3:
                now_us = clock.now_us
                try:
                    kind = body["type"]
                    if kind == "span_event":
                        span, event = spans[body["span_id"]], body["event"]
                        if span.ending is None and type(event) is str and event:
                            if span.unclaimed:
                                span.unclaimed = False
                                manager._unclaimed -= 1
                            event = names.get(event) or manager._one_copy(event)
                            if span._events is None and limits.events:
                                span._events = [event, now_us, None]
                            else:
                                span.add_event(event, now_us, None, limits)
                            continue
                    elif kind == "span_end" and manager._on_end is None:
                        span, status = spans[body["span_id"]], body["status"]
                        if span.ending is None and status in STATUSES and now_us >= span.start_us:
                            if span.unclaimed:
                                span.unclaimed = False
                                manager._unclaimed -= 1
                            span.ending = now_us, status, None
                            ended.append(span)
                            if len(ended) > limits.ended_spans:
                                del spans[ended.popleft().span_id]
                            origin = origin or span.origin
                            before, after = ("", "}\n") if origin is None else (origin.opening, "}}\n")
                            yield (
                                f'{before}{{"type": "span_complete", "span_id": {quote(span.span_id)}, '
                                f'"duration_us": {now_us - span.start_us}, "status": "{status}"{after}'
                            )
                            continue
                    elif kind == "create_span":
                        name, msg_id = body["name"], body["msg_id"]
                        if type(name) is str and name and type(msg_id) is int:
                            number = manager._number + 1
                            span_id = f"{manager._stem}{number}"
                            if span_id not in spans and len(spans) - len(ended) < limits.open_spans:
                                manager._number = number
                                manager._unclaimed += 1
                                trace_id, own_id = manager._ids.root(number)
                                spans[span_id] = Span(
                                    span_id, name, "INTERNAL", now_us, trace_id, own_id, SAMPLED, origin, True
                                )
                                continue
                except (KeyError, TypeError):
                    # A field is missing, or of a type that cannot be looked up; nothing was done yet.
                    pass
            reply = self._serve(body, origin)
            clock, plain = self._clock, plain and self._is_plain
            tick_us = clock.tick_us
            if reply is not None:
                yield reply

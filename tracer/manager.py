"""All spans of a node: their ids, who knows them, and one handler for each message about them.

Owns the dict of spans, numbering and claiming; knows no JSON text, no address, no stream.
A handler checks everything first and changes something only then, so that a refused message leaves no trace.
Strategy: a plain `create_span`, `span_event` or `span_end` is checked in line, by what its form says; any other body is read
by its form, which gives the optional fields or the error.  A test sends every field of the forms, right and wrong.
Read next: `span.py` for what one span holds, `forms.py` for the fields, `node.py` for who calls this.
"""

from __future__ import annotations

from collections import deque

from .clock import RealClock
from .errors import MalformedRequestError, SpanNotFoundError, TimeOrderError, TooManyOpenSpansError
from .forms import MESSAGES
from .limits import Limits
from .span import OPEN, STATUSES, SharedNames, Span, refusal
from .trace_context import INHERITED_FLAGS, SAMPLED, RandomIds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from .address import Body
    from .clock import Clock
    from .forms import LinkRequest
    from .trace_context import Ids, SpanContext

    OnEnd = Optional[Callable[[Span], None]]

#: What stands before the number in the ids that the node chooses.
_PREFIX = "span"
_CREATE_OPTIONS = frozenset(MESSAGES["create_span"].optional)


class SpanManager:
    """Keeps spans for others.  Nothing here is safe to share between threads.

    Each handler takes the body of its message, a dict as the README's message reference has it, and returns the span.
    What refuses it is one of these, and nothing was changed: `MalformedRequestError`, a field of the wrong form;
    `SpanNotFoundError`, a span, a parent or a linked span that nobody knows; `SpanExistsError`, a chosen id that is taken;
    `SpanEndedError`, a change after the end; `TimeOrderError`, an end before the start; `TooManyOpenSpansError`.

    Args:
        limits: how much it holds.
        clock, ids: where time and the identity in a trace come from; left out, the real clock and random ids.
        on_end: called with each span that has ended.
    """

    def __init__(
        self, limits: Limits | None = None, clock: Clock | None = None, ids: Ids | None = None, on_end: OnEnd = None
    ) -> None:
        self.limits = Limits() if limits is None else limits
        self.clock = RealClock() if clock is None else clock
        #: Whether an unknown id is taken for that of the only span whose id nobody knows; a plain `Node` asks for it.
        self.claims = False
        self._ids = RandomIds() if ids is None else ids
        self._on_end = on_end
        self._spans: dict[str, Span] = {}
        self._ended: deque[Span] = deque()
        # How many open spans are unclaimed, and the one of them that was found when there was only one.
        self._unclaimed = 0
        self._sole_unclaimed: Span | None = None
        self._names = SharedNames()
        self._number = 0

    # -- the messages --

    def create_span(self, body: Body) -> Span:
        """Open a span."""
        name: Any = body.get("name")
        kind = chosen_id = parent = at_us = fields = None
        linked: list[SpanContext] = []
        if type(name) is not str or not name or not _CREATE_OPTIONS.isdisjoint(body):
            fields, parent, linked = self._read_create_span(body)
            kind, chosen_id, at_us = fields["kind"], fields["span_id"], fields["timestamp_us"]
        if len(self._spans) - len(self._ended) >= self.limits.open_spans:
            raise TooManyOpenSpansError(self.limits.open_spans)

        start_us = self.clock.now_us if at_us is None else self.clock.advance(at_us)
        span_id = self.take_id()
        if parent is None:
            (trace_id, hex_id), flags = self._ids.root(self._number), SAMPLED
        else:
            trace_id, hex_id, flags = parent.trace_id, self._ids.child(self._number), parent.flags & INHERITED_FLAGS
        span = Span(chosen_id or span_id, name, kind or "INTERNAL", start_us, trace_id, hex_id, flags, parent)
        if fields is not None:
            self._fill(span, fields, linked)
        self._spans[span.span_id] = span
        if self.claims and kind is None and chosen_id is None:
            span.is_unclaimed = True
            self._unclaimed += 1
        return span

    def span_event(self, body: Body) -> Span:
        """Record an event of an open span."""
        attributes = at_us = None
        try:
            span, event = self._spans[body["span_id"]], body["event"]
            is_plain = type(event) is str and event and span.end_us is None
        except (KeyError, TypeError):
            is_plain = False
        if not is_plain or "attributes" in body or "timestamp_us" in body:
            fields, span = self._read("span_event", body)
            event, attributes, at_us = fields["event"], fields["attributes"], fields["timestamp_us"]

        if span.is_unclaimed:  # asked here too, for a call is dear
            self._note_named(span, body["span_id"])
        at_us = self.clock.now_us if at_us is None else self.clock.advance(at_us)
        span.add_event(self._names[event], at_us, attributes, self.limits)
        return span

    def span_link(self, body: Body) -> Span:
        """Link an open span to another one."""
        request = MESSAGES["span_link"].read(body)["link"]
        # Before any claim: a message cannot name one span both by its own id and by the id it is claimed under.
        linked = self._linked(request)
        span = self._find_open(body["span_id"], request.target)
        self._note_named(span, body["span_id"])
        self._add_link(span, request, linked)
        return span

    def span_update(self, body: Body) -> Span:
        """Rename an open span or set attributes of it."""
        fields, span = self._read("span_update", body)
        self._note_named(span, fields["span_id"])
        span.name = fields["name"] or span.name
        span.set_attributes(fields["attributes"] or {}, self.limits)
        return span

    def span_end(self, body: Body) -> Span:
        """End an open span, with status OK where the body names none."""
        status, error, at_us = body.get("status", "OK"), None, None
        try:
            span = self._spans[body["span_id"]]
            is_plain = span.end_us is None and status in STATUSES
        except (KeyError, TypeError):
            is_plain = False
        if not is_plain or "error" in body or "timestamp_us" in body:
            fields, span = self._read("span_end", body)
            status, error, at_us = fields["status"] or "OK", fields["error"], fields["timestamp_us"]
        return self._end(span, body["span_id"], at_us, status, error)

    def span_error(self, body: Body) -> Span:
        """Record an exception as an event of an open span, and end it with status ERROR.

        Source: OpenTelemetry, trace/exceptions.
        """
        fields, span = self._read("span_error", body)
        exception = {"exception.message": fields["error"], **(fields["attributes"] or {})}
        return self._end(span, fields["span_id"], fields["timestamp_us"], "ERROR", fields["error"], exception)

    def get_span(self, body: Body) -> Span:
        """Return a known span."""
        span_id = MESSAGES["get_span"].read(body)["span_id"]
        span = self._spans.get(span_id)
        if span is None:
            raise refusal("get", span, span_id)
        self._note_named(span, span_id)
        return span

    # -- what the node needs besides --

    def take_id(self) -> str:
        """Use up the next number whose name no known span has; return that name."""
        while True:
            self._number += 1
            span_id = f"{_PREFIX}{self._number}"
            if span_id not in self._spans:
                return span_id

    def generate(self, node_id: str) -> str:
        """Use up a number, as `take_id` does; return an id with it that no node gives twice."""
        self.take_id()
        return self._ids.generated(node_id, self._number)

    def use_real_time(self) -> None:
        """Change to the real clock and to random ids."""
        self.clock = RealClock()
        self._ids = RandomIds()

    def addressee(self, body: Body) -> Span | None:
        """Return the known span that a failed message names or would have claimed; any of its fields may be wrong."""
        span_id, request = body.get("span_id"), body.get("link")
        if type(span_id) is not str or not span_id:
            return None
        linked_id = request.get("span_id") if body["type"] == "span_link" and isinstance(request, dict) else None
        return self._spans.get(span_id) or (None if body["type"] == "get_span" else self._claimable(span_id, linked_id))

    def open_spans(self) -> list[Span]:
        """Return the spans that are open."""
        return [span for span in self._spans.values() if span.state == OPEN]

    def ended_spans(self) -> list[Span]:
        """Return the ended spans that are still kept, the first that ended first."""
        return list(self._ended)

    # -- look-ups; they change nothing --

    def _read(self, message_type: str, body: Body) -> tuple[dict[str, Any], Span]:
        """Return the fields of a message and the open span that it names or claims."""
        fields = MESSAGES[message_type].read(body)
        return fields, self._find_open(fields["span_id"])

    def _find_open(self, span_id: str, linked_id: object = None) -> Span:
        """Return the open span that an id names or claims; `linked_id` is what the message links it to."""
        span = self._spans.get(span_id) or self._claimable(span_id, linked_id)
        if span is not None and span.end_us is None:
            return span
        raise refusal("change", span, span_id)

    def _claimable(self, span_id: str, linked_id: object) -> Span | None:
        """Return the span that takes over an unknown id: the only open one whose id nobody knows, if it is the only one."""
        if not self.claims or self._unclaimed != 1 or self._may_have_given(span_id):
            return None
        sole = self._sole_unclaimed
        if sole is None or not sole.is_unclaimed:
            # Kept, for the next such look-up would walk past all spans that were opened since.
            sole = self._sole_unclaimed = next(span for span in reversed(self._spans.values()) if span.is_unclaimed)
        return None if sole.span_id == linked_id else sole

    def _may_have_given(self, span_id: str) -> bool:
        """Tell whether the node may have given this id to another span, which its sender would mean."""
        digits = span_id[len(_PREFIX) :]
        may_be = span_id.startswith(_PREFIX) and digits.isdecimal() and len(digits) <= len(str(self._number))
        return may_be and 0 < int(digits) <= self._number and span_id == f"{_PREFIX}{int(digits)}"

    def _read_create_span(self, body: Body) -> tuple[dict[str, Any], SpanContext | None, list[SpanContext]]:
        """Read a `create_span` by its form; return its fields, and what its parent and its links name."""
        fields = MESSAGES["create_span"].read(body)
        parent, parent_id, span_id = fields["traceparent"], fields["parent_span_id"], fields["span_id"]
        if parent_id is not None:
            parent = self._known(parent_id, "parent_span_id").context
        if parent and fields["context"] and fields["context"].trace_id != parent.trace_id:
            raise MalformedRequestError(f'"context" must be of its parent\'s trace, {parent.trace_id:032x}')
        linked = [self._linked(request) for request in fields["links"] or ()]
        if span_id in self._spans:
            raise refusal("create", self._spans[span_id], span_id)
        return fields, parent or None, linked

    def _linked(self, request: LinkRequest) -> SpanContext:
        target = request.target
        return self._known(target, f"{request.field}.span_id").context if isinstance(target, str) else target

    def _known(self, span_id: str, field: str) -> Span:
        span = self._spans.get(span_id)
        if span is None:
            raise SpanNotFoundError(span_id, field)
        return span

    # -- changes; their message has been accepted --

    def _fill(self, span: Span, fields: dict[str, Any], linked: list[SpanContext]) -> None:
        """Give a new span what its `create_span` asks for besides."""
        if fields["context"]:
            span.context = fields["context"]
        span.set_attributes(fields["attributes"] or {}, self.limits)
        for request, context in zip(fields["links"] or (), linked):
            self._add_link(span, request, context)
        if fields["parent_span_id"] is not None:
            self._note_named(self._spans[fields["parent_span_id"]], fields["parent_span_id"])

    def _add_link(self, span: Span, request: LinkRequest, linked: SpanContext) -> None:
        span.add_link(linked, request.attributes, self.limits)
        if isinstance(request.target, str):
            self._note_named(self._spans[request.target], request.target)

    def _note_named(self, span: Span, span_id: str) -> None:
        """Note that a message has named a span, by an id that it takes over if it is not its own."""
        if not span.is_unclaimed:
            return
        span.is_unclaimed = False
        self._unclaimed -= 1
        if span_id != span.span_id:
            self._spans[span_id] = self._spans.pop(span.span_id)
            span.span_id = span_id

    def _end(
        self, span: Span, span_id: str, at_us: int | None, status: str, error: str | None, exception: Body | None = None
    ) -> Span:
        """End a span and keep it, or refuse an end before its start; forget the one that ended first if too many are kept."""
        end_us = self.clock.now_us if at_us is None else at_us
        if end_us < span.start_us:
            raise TimeOrderError(span_id, span.start_us, end_us)

        if span.is_unclaimed:  # as in `span_event`
            self._note_named(span, span_id)
        if at_us is not None:
            self.clock.advance(at_us)
        if exception is not None:
            span.add_event("exception", end_us, exception, self.limits)
        span.end_us, span.status, span.error = end_us, status, error
        if self._on_end is not None:
            self._on_end(span)
        ended = self._ended
        ended.append(span)
        if len(ended) > self.limits.ended_spans:
            del self._spans[ended.popleft().span_id]
        return span

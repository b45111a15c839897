"""All spans of a node: their names, who knows them, and one handler for each message about them.

Owns the dict of spans, numbering and claiming; knows no JSON text, no address, no stream.
A handler checks everything first and changes something only then, so that a refused message leaves no trace.
Read next: `span.py` for what one span holds, `node.py` for who calls this.
"""

from __future__ import annotations

from collections import deque

from .clock import RealClock
from .errors import MalformedRequestError, SpanNotFoundError, TimeOrderError, TooManyOpenSpansError
from .fields import (
    CREATE_OPTIONS,
    CreateOptions,
    link,
    maybe_attributes,
    maybe_choice,
    maybe_text,
    maybe_timestamp,
    text,
)
from .limits import Limits
from .span import KINDS, OPEN, STATUSES, UNKNOWN, Span, step
from .trace_context import INHERITED_FLAGS, SAMPLED, RandomIds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Union

    from .clock import SimulatedClock
    from .fields import Body, LinkRequest
    from .trace_context import CountedIds, SpanContext

    Clock = Union[RealClock, SimulatedClock]
    Ids = Union[CountedIds, RandomIds]

#: How many event names are kept as one copy, and the longest: a peer may send a new one on every line.
_COPIED_NAMES, _COPIED_CHARACTERS = 1024, 100


class SpanManager:
    """Keeps spans for others.

    Each handler takes the body of its message, a dict as the README's message reference has it, and returns the span.
    All raise `MalformedRequestError` for a field of the wrong form and `SpanNotFoundError` for a span nobody knows.

    Args:
        limits: how much it holds.
        clock, ids: where time and the identity in a trace come from; left out, the real clock and random ids.
        on_end: called with each span that has ended.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
        on_end: Callable[[Span], None] | None = None,
    ) -> None:
        self.limits = Limits() if limits is None else limits
        self.clock = RealClock() if clock is None else clock
        self._ids = RandomIds() if ids is None else ids
        self._on_end = on_end
        self._max_ended = self.limits.ended_spans
        self._names: dict[str, str] = {}
        self._spans: dict[str, Span] = {}
        self._ended: deque[Span] = deque()
        # How many open spans are unclaimed, and the one that was found when it was alone.
        self._unclaimed = 0
        self._alone: Span | None = None
        self._may_claim = True
        self._stem = "span"
        self._number = 0

    # -- the messages --

    def create_span(self, body: Body) -> Span:
        """Open a span.

        Raises:
            SpanExistsError: its `span_id` is a known span's.  TooManyOpenSpansError: see `Limits`.
        """
        name = text(body, "name")
        kind = maybe_choice(body, "kind", KINDS)
        if CREATE_OPTIONS.isdisjoint(body):
            self._check_room()
            return self._open(name, kind)
        options = CreateOptions(body)
        parent, linked = self._relations(options)
        self._check_room()

        start_us = self._take_time(options.timestamp_us)
        span = self._open(name, kind, options.span_id, parent, start_us)
        if options.attributes is not None:
            span.set_attributes(options.attributes, self.limits)
        for request, context in zip(options.links or (), linked):
            self._add_link(span, request, context)
        if options.parent_span_id is not None:
            self._heard(self._spans[options.parent_span_id], options.parent_span_id)
        return span

    def span_event(self, body: Body) -> Span:
        """Record an event of an open span.

        Raises:
            SpanEndedError: the span has ended.
        """
        event = text(body, "event")
        attributes = maybe_attributes(body, "attributes")
        timestamp_us = maybe_timestamp(body, "timestamp_us")
        span = self._find(body, "change")

        self._heard(span, body["span_id"])
        self._record(span, event, self._take_time(timestamp_us), attributes)
        return span

    def span_link(self, body: Body) -> Span:
        """Link an open span to another one.

        Raises:
            SpanEndedError: the span has ended.
        """
        text(body, "span_id")
        request = link(body)
        # Before any claim: a message cannot name one span both by its own id and by the id it is claimed under.
        linked = self._linked(request)
        span = self._find(body, "change", request.span_id)

        self._heard(span, body["span_id"])
        self._add_link(span, request, linked)
        return span

    def span_update(self, body: Body) -> Span:
        """Rename an open span or set attributes of it.

        Raises:
            SpanEndedError: the span has ended.
        """
        name = maybe_text(body, "name")
        attributes = maybe_attributes(body, "attributes")
        if name is None and attributes is None:
            raise MalformedRequestError('"name" and "attributes" are both missing: give at least one of them')
        span = self._find(body, "change")

        self._heard(span, body["span_id"])
        if name is not None:
            span.name = name
        if attributes is not None:
            span.set_attributes(attributes, self.limits)
        return span

    def span_end(self, body: Body) -> Span:
        """End an open span, with status OK where the body names none.

        Raises:
            SpanEndedError: it has ended.  TimeOrderError: it would end before it started.
        """
        status = maybe_choice(body, "status", STATUSES) or "OK"
        error = maybe_text(body, "error")
        if error is not None and status != "ERROR":
            raise MalformedRequestError(f'"error" goes with the status "ERROR" only, not with "{status}"')
        span, end_us = self._find_to_end(body)

        self._heard(span, body["span_id"])
        self.clock.advance(end_us)
        self._end(span, end_us, status, error)
        return span

    def span_error(self, body: Body) -> Span:
        """Record an exception as an event of an open span, and end it with status ERROR.

        Raises:
            SpanEndedError: it has ended.  TimeOrderError: it would end before it started.
        Source: OpenTelemetry, trace/exceptions.
        """
        error = text(body, "error")
        attributes = {"exception.message": error, **(maybe_attributes(body, "attributes") or {})}
        span, end_us = self._find_to_end(body)

        self._heard(span, body["span_id"])
        self.clock.advance(end_us)
        self._record(span, "exception", end_us, attributes)
        self._end(span, end_us, "ERROR", error)
        return span

    def get_span(self, body: Body) -> Span:
        """Return a known span."""
        span_id = text(body, "span_id")
        step("get", self._state(span_id), span_id)

        span = self._spans[span_id]
        self._heard(span, span_id)
        return span

    # -- what the node needs besides --

    def generate(self) -> str:
        """Use up the next span id."""
        return self._take_id()

    def use_name(self, node_id: str) -> None:
        """Put the node's name before the ids of new spans; from now on everybody is told them, so nothing is claimed."""
        self._stem = f"{node_id}-span"
        self._may_claim = False

    def use_real_time(self) -> None:
        """Change to the real clock and to random ids."""
        self.clock = RealClock()
        self._ids = RandomIds()

    def addressee(self, body: Body, claims: bool) -> Span | None:
        """Return the span that a message which failed was about.

        Args:
            body: the message; any of its fields may be wrong.
            claims: whether a message of its type may claim a span.
        Returns:
            The span that its `span_id` names or would have claimed; None if there is none.
        """
        span_id, request = body.get("span_id"), body.get("link")
        if type(span_id) is not str or not span_id:
            return None
        linked_id = request.get("span_id") if isinstance(request, dict) and body["type"] == "span_link" else None
        return self._spans.get(span_id) or (self._claimable(span_id, linked_id) if claims else None)

    def open_spans(self) -> list[Span]:
        """Return the spans that are open."""
        return [span for span in self._spans.values() if span.state == OPEN]

    def ended_spans(self) -> list[Span]:
        """Return the ended spans that are still kept, the first that ended first."""
        return list(self._ended)

    # -- look-ups; they change nothing --

    def _state(self, span_id: str) -> str:
        span = self._spans.get(span_id)
        return UNKNOWN if span is None else span.state

    def _find(self, body: Body, trigger: str, linked_id: str | None = None) -> Span:
        """Find the open span that a message names or claims, or raise what the lifecycle says of it."""
        span_id = text(body, "span_id")
        span = self._spans.get(span_id) or self._claimable(span_id, linked_id)
        step(trigger, UNKNOWN if span is None else span.state, span_id)
        return span  # type: ignore[return-value]  # the lifecycle refuses an unknown one

    def _claimable(self, span_id: str, linked_id: str | None) -> Span | None:
        """Return the span that takes over an unknown id: the only open one whose id nobody knows, if it is the only one."""
        if self._unclaimed != 1 or not self._may_claim or self._may_have_given(span_id):
            return None
        if self._alone is None or not self._alone.unclaimed:
            # Cheap, for whatever is passed here came after the span that is found, and that one after any found before it.
            self._alone = next(span for span in reversed(self._spans.values()) if span.unclaimed)
        return None if self._alone.span_id == linked_id else self._alone

    def _may_have_given(self, span_id: str) -> bool:
        """Tell whether the node may have given this id to another span, which its sender would mean."""
        digits = span_id[len(self._stem) :]
        if not (span_id.startswith(self._stem) and digits.isascii() and digits.isdigit()):
            return False
        return digits[0] != "0" and len(digits) <= len(str(self._number)) and int(digits) <= self._number

    def _relations(self, options: CreateOptions) -> tuple[SpanContext | None, list[SpanContext]]:
        """Look up the parent and the linked spans; refuse an id that is taken."""
        parent = options.traceparent
        if options.parent_span_id is not None:
            parent = self._known(options.parent_span_id, "parent_span_id").context
        linked = [self._linked(request) for request in options.links or ()]
        if options.span_id is not None:
            step("create", self._state(options.span_id), options.span_id)
        return parent, linked

    def _linked(self, request: LinkRequest) -> SpanContext:
        if request.span_id is None:
            return request.context  # type: ignore[return-value]  # a request has one of the two
        return self._known(request.span_id, request.field).context

    def _known(self, span_id: str, field: str) -> Span:
        span = self._spans.get(span_id)
        if span is None:
            raise SpanNotFoundError(span_id, field)
        return span

    def _find_to_end(self, body: Body) -> tuple[Span, int]:
        """Find the open span that a message ends, and when it does."""
        timestamp_us = maybe_timestamp(body, "timestamp_us")
        span = self._find(body, "end")
        end_us = self.clock.now_us if timestamp_us is None else timestamp_us
        if end_us < span.start_us:
            raise TimeOrderError(body["span_id"], span.start_us, end_us)
        return span, end_us

    def _check_room(self) -> None:
        if len(self._spans) - len(self._ended) >= self.limits.open_spans:
            raise TooManyOpenSpansError(self.limits.open_spans)

    # -- changes; their message has been accepted --

    def _take_time(self, timestamp_us: int | None) -> int:
        if timestamp_us is None:
            return self.clock.now_us
        self.clock.advance(timestamp_us)
        return timestamp_us

    def _take_id(self) -> str:
        """Use up the next number whose name no known span has."""
        self._number += 1
        while (span_id := f"{self._stem}{self._number}") in self._spans:
            self._number += 1
        return span_id

    def _open(
        self,
        name: str,
        kind: str | None,
        chosen_id: str | None = None,
        parent: SpanContext | None = None,
        start_us: int | None = None,
    ) -> Span:
        span_id = self._take_id()
        if parent is None:
            (trace_id, own_id), flags = self._ids.root(self._number), SAMPLED
        else:
            trace_id, own_id, flags = parent.trace_id, self._ids.child(self._number), parent.flags & INHERITED_FLAGS
        if start_us is None:
            start_us = self.clock.now_us
        span = Span(chosen_id or span_id, name, kind or "INTERNAL", start_us, trace_id, own_id, flags)
        span.parent = parent
        self._spans[span.span_id] = span
        if self._may_claim and kind is None and chosen_id is None:
            span.unclaimed = True
            self._unclaimed += 1
        return span

    def _record(self, span: Span, event: str, at_us: int, attributes: dict[str, Any] | None) -> None:
        span.add_event(self._names.get(event) or self._one_copy(event), at_us, attributes, self.limits)

    def _add_link(self, span: Span, request: LinkRequest, linked: SpanContext) -> None:
        span.add_link(linked, request.attributes, self.limits)
        if request.span_id is not None:
            self._heard(self._spans[request.span_id], request.span_id)

    def _heard(self, span: Span, span_id: str) -> None:
        """Note that a message has named a span, by an id that it takes over if it is not its own."""
        if not span.unclaimed:
            return
        span.unclaimed = False
        self._unclaimed -= 1
        if span_id != span.span_id:
            del self._spans[span.span_id]
            span.span_id = span_id
            self._spans[span_id] = span

    def _one_copy(self, name: str) -> str:
        """Keep one copy of a name that many events have: a tenth of the memory of an open span."""
        if len(name) <= _COPIED_CHARACTERS:
            if len(self._names) >= _COPIED_NAMES:
                self._names.clear()
            self._names[name] = name
        return name

    def _end(self, span: Span, end_us: int, status: str, error: str | None) -> None:
        """End a span and keep it; forget the one that ended first when too many are kept."""
        span.ending = end_us, status, error
        if self._on_end is not None:
            self._on_end(span)
        ended = self._ended
        ended.append(span)
        if len(ended) > self._max_ended:
            del self._spans[ended.popleft().span_id]

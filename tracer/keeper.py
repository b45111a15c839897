"""All spans of a node: their ids and numbers, and one handler for each message about them.

Owns the dict of spans and numbering; knows no JSON text, no address, no stream.
A handler checks and copies everything first and changes something only then, so that a refused message leaves no trace.
Strategy: a plain `create_span`, `span_event` or `span_end` is checked in line, by what its form and the table of a span's life
say; any other body is read by its form, and the table is asked.  Tests send every field of the forms, right and wrong, and walk
every cell of the table.
Read next: `span.py` for what one span holds, `claims.py` for unknown ids, `forms.py` for the fields; `node.py` and, for Python
code, `manager.py` for who calls.
"""

from __future__ import annotations

from collections import deque

from .claims import PREFIX, Claims
from .clock import RealClock
from .errors import MalformedRequestError, SpanNotFoundError, TimeOrderError, TooManyOpenSpansError
from .forms import MESSAGES, STATUS
from .limits import Limits
from .span import STATUSES, Link, SharedNames, Span, check_life, make_attributes
from .trace_context import INHERITED_FLAGS, SAMPLED, RandomIds, SpanContext
from .views import freeze_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Callable, Optional

    from .clock import Clock
    from .forms import Body, LinkRequest
    from .span import Attributes
    from .trace_context import Ids

    OnEnd = Optional[Callable[[Span], None]]


#: Whether a `create_span` states none of its optional fields.
_is_plain = frozenset(MESSAGES["create_span"].optional).isdisjoint
# Of fewer optional fields each is looked for by its name, which is quicker.  Where a form gets one more, Python stops here.
_EVENT_ATTRIBUTES, _EVENT_TIMESTAMP = MESSAGES["span_event"].optional
_END_STATUS, _END_ERROR, _END_TIMESTAMP = MESSAGES["span_end"].optional


class SpanKeeper:
    """Keeps spans for others; each handler takes the body of its message and returns the span.

    Where it raises, nothing was changed.

    Args, Raises: see `SpanManager`.
    """

    def __init__(
        self, limits: Limits | None = None, clock: Clock | None = None, ids: Ids | None = None, on_end: OnEnd = None
    ) -> None:
        self.limits = Limits() if limits is None else limits
        self.clock = RealClock() if clock is None else clock
        #: Whether a span has ever been created.
        self.has_created = False
        #: Each is called with each span that has ended.
        self.listeners = [] if on_end is None else [on_end]
        self._ids = RandomIds() if ids is None else ids
        self._spans: dict[str, Span] = {}
        self._ended: deque[Span] = deque()
        #: Which spans may be claimed; none are, unless a plain `Node` allows it.
        self.claims = Claims(self._spans)
        self._names = SharedNames()
        self._number = 0

    # -- the messages --

    def create(self, body: Body) -> Span:
        """Open a span."""
        name: Any = body.get("name")
        kind = chosen_id = parent = at_us = fields = None
        if type(name) is not str or not name or not _is_plain(body):
            fields = self._read_creation(body)
            kind, chosen_id, parent, at_us = (fields[key] for key in ("kind", "span_id", "parent", "timestamp_us"))
        if len(self._spans) - len(self._ended) >= self.limits.open_spans:
            raise TooManyOpenSpansError(self.limits.open_spans)

        start_us = self.clock.now_us if at_us is None else self.clock.advance(at_us)
        span_id = self.take_id()
        if parent is None:
            (trace_id, hex_id), flags = self._ids.start_trace(self._number), SAMPLED
        else:
            trace_id, hex_id = parent.trace_id, self._ids.choose_hex_id(self._number)
            flags = parent.flags & INHERITED_FLAGS
        span = Span(chosen_id or span_id, name, kind or "INTERNAL", start_us, trace_id, hex_id, flags, parent)
        if fields is not None:
            self._fill(span, fields)
        self._spans[span._span_id] = span
        self.has_created = True
        if kind is None and chosen_id is None and self.claims.are_allowed:
            span._is_unclaimed = True
            self.claims.count += 1
        return span

    def add_event(self, body: Body) -> Span:
        """Record an event of an open span."""
        attributes = at_us = None
        try:
            span, event = self._spans[body["span_id"]], body["event"]
            is_plain = type(event) is str and event and span._end_us is None
        except (KeyError, TypeError):
            is_plain = False
        if not is_plain or _EVENT_ATTRIBUTES in body or _EVENT_TIMESTAMP in body:
            fields, span = self._read("span_event", "change", body)
            event, at_us = fields["event"], fields["timestamp_us"]
            attributes = self._make_event_attributes(fields["attributes"])

        if span._is_unclaimed:  # `_settle` in line, for a call is expensive
            self.claims.settle(span, body["span_id"])
        at_us = self.clock.now_us if at_us is None else self.clock.advance(at_us)
        span._add_event(self._names[event], at_us, attributes, self.limits.events)
        return span

    def add_link(self, body: Body) -> Span:
        """Link an open span to another one."""
        request = MESSAGES["span_link"].read(body)["link"]
        # Before any claim: a message cannot name one span both by its own id and by the id it is claimed under.
        link = self._make_link(request)
        span = self._find("change", body["span_id"], request.target)

        self._settle(span, body["span_id"])
        self._settle_named([request.target])
        span._add_link(link, self.limits.links)
        return span

    def update(self, body: Body) -> Span:
        """Rename an open span or set attributes of it."""
        fields, span = self._read("span_update", "change", body)
        frozen = freeze_members(fields["attributes"] or {}, self.limits.value_characters)

        self._settle(span, fields["span_id"])
        span._name = fields["name"] or span._name
        span._set_attributes(frozen, self.limits.attributes)
        return span

    def end(self, body: Body) -> Span:
        """End an open span, with status OK where the body names none."""
        status, error, at_us = body.get(_END_STATUS, STATUS.default), None, None
        try:
            span = self._spans[body["span_id"]]
            is_plain = span._end_us is None and type(status) is str and status in STATUSES
        except (KeyError, TypeError):
            is_plain = False
        if not is_plain or _END_ERROR in body or _END_TIMESTAMP in body:
            fields, span = self._read("span_end", "end", body)
            status, error, at_us = fields["status"], fields["error"], fields["timestamp_us"]
        return self._end(span, body["span_id"], at_us, status, error)

    def fail(self, body: Body) -> Span:
        """Record an exception as an event of an open span, and end it with status ERROR.

        Source: OpenTelemetry, trace/exceptions.
        """
        fields, span = self._read("span_error", "end", body)
        exception = {"exception.message": fields["error"], **(fields["attributes"] or {})}
        attributes = self._make_event_attributes(exception)
        return self._end(span, fields["span_id"], fields["timestamp_us"], "ERROR", fields["error"], attributes)

    def get(self, body: Body) -> Span:
        """Return a known span."""
        span_id = MESSAGES["get_span"].read(body)["span_id"]
        span = self._find("get", span_id)
        self._settle(span, span_id)
        return span

    # -- what the node needs besides --

    def take_id(self) -> str:
        """Use up the next number whose name no known span has; return that name."""
        while True:
            self._number += 1
            span_id = f"{PREFIX}{self._number}"
            if span_id not in self._spans:
                return span_id

    def make_unique_id(self, node_id: str, ids: Ids | None = None) -> str:
        """Use up a number, as `take_id` does; return an id with it that no node gives twice.

        Args:
            node_id: who gives it.
            ids: what makes it; left out, what chooses the identities of spans.
        """
        self.take_id()
        return (ids or self._ids).make_unique(node_id, self._number)

    def use_real_time(self) -> None:
        """Change to the real clock and to random ids."""
        self.clock = RealClock()
        self._ids = RandomIds()

    def knows(self, span_id: str) -> bool:
        """Return whether a span has that id: an open one, or an ended one that is still kept."""
        return span_id in self._spans

    def find_addressee(self, body: Body) -> Span | None:
        """Return the known span that a failed message names or would have claimed; any of its fields may be wrong."""
        span_id, request = body.get("span_id"), body.get("link")
        if type(span_id) is not str or not span_id:
            return None
        linked_id = request.get("span_id") if body["type"] == "span_link" and isinstance(request, dict) else None
        return self._look_up(span_id, body["type"] != "get_span", linked_id)

    def open_spans(self) -> list[Span]:
        """List the open spans."""
        return [span for span in self._spans.values() if span._end_us is None]

    def ended_spans(self) -> list[Span]:
        """List the ended spans that are still kept, the first that ended first."""
        return list(self._ended)

    # -- checks; nothing is changed by them --

    def _read(self, message_type: str, trigger: str, body: Body) -> tuple[dict[str, Any], Span]:
        """Read a body by its form, and find the open span that it names or claims."""
        fields = MESSAGES[message_type].read(body)
        return fields, self._find(trigger, fields["span_id"])

    def _find(self, trigger: str, span_id: str, linked_id: object = None) -> Span:
        """Return the span that an id names or claims (a look claims none); refuse what the table of its life does not allow."""
        span = self._look_up(span_id, trigger != "get", linked_id)
        check_life(trigger, span, span_id)
        return span  # type: ignore[return-value]  # of an unknown id the table allows nothing but `create`

    def _look_up(self, span_id: str, may_claim: bool, linked_id: object) -> Span | None:
        """Return the span of that id, or else the one that the id may claim."""
        span = self._spans.get(span_id)
        return self.claims.find(span_id, self._number, linked_id) if span is None and may_claim else span

    def _read_creation(self, body: Body) -> dict[str, Any]:
        """Read a `create_span` by its form; return its fields, with `parent`, `attributes` and `links` ready and whom it `named`."""
        fields = MESSAGES["create_span"].read(body)
        parent_id, context, span_id = fields["parent_span_id"], fields["context"], fields["span_id"]
        frozen = freeze_members(fields["attributes"] or {}, self.limits.value_characters)
        parent = fields["traceparent"] if parent_id is None else self._get_context(parent_id, "parent_span_id")
        if parent is not None and context is not None and context.trace_id != parent.trace_id:
            raise MalformedRequestError(f'"context" must be of its parent\'s trace, {parent.trace_id:032x}')
        requests: list[LinkRequest] = fields["links"] or []
        links = list(map(self._make_link, requests))
        if span_id is not None:
            check_life("create", self._spans.get(span_id), span_id)
        named = [parent_id, *[request.target for request in requests]]
        return {**fields, "parent": parent, "attributes": frozen, "links": links, "named": named}

    def _make_link(self, request: LinkRequest) -> Link:
        """Make the link that a message asks for; it must name a known span, or be named by a context."""
        limits, target = self.limits, request.target
        attributes = make_attributes(request.attributes, limits.link_attributes, limits.value_characters)
        if not isinstance(target, SpanContext):
            target = self._get_context(target, f"{request.field}.span_id")
        return Link(target, attributes)

    def _get_context(self, named: str | Span, field: str) -> SpanContext:
        """Return the identity of the span that `field` names as somebody's parent or link: a known one by its id, or any itself."""
        span = named if isinstance(named, Span) else self._spans.get(named)
        if span is None:
            raise SpanNotFoundError(str(named), field)
        return span.context

    def _make_event_attributes(self, values: dict[str, Any] | None) -> Attributes | None:
        return make_attributes(values, self.limits.event_attributes, self.limits.value_characters)

    # -- changes; their message has been accepted --

    def _settle(self, span: Span, span_id: str) -> None:
        """Note that an accepted message has named a span, which takes over the id if it was unclaimed under another one."""
        if span._is_unclaimed:
            self.claims.settle(span, span_id)

    def _settle_named(self, targets: Iterable[object]) -> None:
        """Note that an accepted message has named spans as a parent or by links; what is no id names none."""
        for span_id in targets:
            if isinstance(span_id, str):
                self._settle(self._spans[span_id], span_id)

    def _fill(self, span: Span, fields: dict[str, Any]) -> None:
        """Give a new span what its `create_span` states, as `_read_creation` returns it."""
        context = fields["context"]
        if context is not None:
            span._trace_id, span._hex_id, span._flags = context.trace_id, context.hex_id, context.flags
        span._set_attributes(fields["attributes"], self.limits.attributes)
        for link in fields["links"]:
            span._add_link(link, self.limits.links)
        self._settle_named(fields["named"])

    def _end(
        self,
        span: Span,
        span_id: str,
        at_us: int | None,
        status: str,
        error: str | None,
        exception: Attributes | None = None,
    ) -> Span:
        """End a span and keep it, or refuse an end before its start; forget the one that ended first if too many are kept.

        Args:
            exception: the attributes of the event that says what went wrong.
        """
        end_us = self.clock.now_us if at_us is None else at_us
        if end_us < span._start_us:
            raise TimeOrderError(span_id, span._start_us, end_us)

        if span._is_unclaimed:  # as in `span_event`
            self.claims.settle(span, span_id)
        if at_us is not None:
            self.clock.advance(at_us)
        if exception is not None:
            span._add_event("exception", end_us, exception, self.limits.events)
        span._end_us, span._status, span._error = end_us, status, error
        ended = self._ended
        ended.append(span)
        if len(ended) > self.limits.ended_spans:
            del self._spans[ended.popleft()._span_id]
        # Last, for it is another one's code and may fail.
        for listener in self.listeners:
            listener(span)
        return span

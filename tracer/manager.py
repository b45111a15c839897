"""The keeper of spans as Python code uses it: fields by keyword, spans in place of their ids, and blocks of code as spans.

Owns how a call becomes the body of a message; what the message does, and what is wrong with it, `keeper.py` and `forms.py` say.
Trap: code between two blocks may run in any order, for a generator stops within its block; so a block that is left restores
nothing, and whoever looks for the block around skips those that were left.
"""

from __future__ import annotations

from functools import cache

from .errors import SpanNotFoundError, explain_unknown
from .forms import MESSAGES
from .keeper import SpanKeeper
from .span import Attributes, Link, Span
from .trace_context import SpanContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import ContextVar
    from typing import Any, Union

    from .forms import Body

    #: What a call begins with: the whole body, or the first field of its message.
    First = Union[Body, Span, str, None]


class SpanManager(SpanKeeper):
    """Keeps spans for others.  Nothing here is safe to share between threads; tasks of one event loop may share it.

    Each method takes the body of its message as a dict, or its fields by keyword, or both, where a keyword counts first; the
    first required field may also come first, without its name.  A span may be given wherever an id is asked.  It returns the span.
    What refuses a call is one of these, and nothing was changed: `MalformedRequestError`, a field of the wrong form, or a
    keyword that is no field; `SpanNotFoundError`, a span, a parent or a linked span that is not known; `SpanExistsError`, a
    chosen id that is taken; `SpanEndedError`, a change after the end; `TimeOrderError`, an end before the start;
    `TooManyOpenSpansError`.

    Args:
        limits: how much it holds.
        clock, ids: where time and the identity in a trace come from; left out, the real clock and random ids.
        on_end: called with each span that has ended; what it raises comes out of the method, the span being ended all the same.
    """

    def create_span(self, name: First = None, /, **fields: Any) -> Span:
        """Open a span.

        Args:
            name: what it does.
            kind: INTERNAL, which is the default, SERVER, CLIENT, PRODUCER or CONSUMER.
            span_id: its id here; left out, the next of span1, span2, ...
            parent_span_id: its parent, a span or the id of a known one.
            traceparent: its parent, in W3C's form, where that is at another node.
            context: its own identity, in the same form, if it is not to be chosen here.
            attributes: a dict with any JSON values.
            links: a list of what `span_link` takes.
            timestamp_us: when it starts, in microseconds since the Unix epoch; left out, now.
        """
        span = self.create(self._make_body("create_span", name, fields))
        # Whoever has the span has its id: no message to a `Node` may claim it.
        self._settle(span, span._span_id)
        return span

    def span_event(self, span_id: First = None, /, **fields: Any) -> Span:
        """Record something that happened at a point in time within an open span.

        Args:
            span_id: the span, or its id.
            event: what happened.
            attributes: a dict with any JSON values.
            timestamp_us: when; left out, now.
        """
        return self.add_event(self._make_body("span_event", span_id, fields))

    def span_link(self, span_id: First = None, /, **fields: Any) -> Span:
        """Link an open span to another one.

        Args:
            span_id: the span, or its id.
            link: the other span, or a dict with its `span_id` or its `traceparent`, and `attributes` if there are any.
        """
        return self.add_link(self._make_body("span_link", span_id, fields))

    def span_update(self, span_id: First = None, /, **fields: Any) -> Span:
        """Rename an open span, set attributes of it, or both.

        Args:
            span_id: the span, or its id.
            name: its new name.
            attributes: a dict with any JSON values; of a key that it has the value is replaced.
        """
        return self.update(self._make_body("span_update", span_id, fields))

    def span_end(self, span_id: First = None, /, **fields: Any) -> Span:
        """End an open span.

        Args:
            span_id: the span, or its id.
            status: OK, which is the default, ERROR or UNSET.
            error: what went wrong, with the status ERROR.
            timestamp_us: when it ends; left out, now.
        """
        return self.end(self._make_body("span_end", span_id, fields))

    def span_error(self, span_id: First = None, /, **fields: Any) -> Span:
        """Record an exception as an event of an open span, and end it with status ERROR.

        Args:
            span_id: the span, or its id.
            error: what went wrong.
            attributes: a dict with any JSON values, for the event.
            timestamp_us: when it ends; left out, now.
        """
        return self.fail(self._make_body("span_error", span_id, fields))

    def get_span(self, span_id: First = None, /, **fields: Any) -> Span:
        """Return a known span: an open one, or one that ended lately.

        Args:
            span_id: its id.
        """
        return self.get(self._make_body("get_span", span_id, fields))

    def span(self, name: First = None, /, **fields: Any) -> Block:
        """Make a span of a block of code: `with spans.span("work", kind="CLIENT") as span:`.

        The span opens with the block and ends with it: with status OK, or with the exception that leaves the block, which
        goes on.  One that was ended within the block stays as it is.  Within another block of this thread or task it is
        that block's child, unless a parent is given; `parent_span_id=None` gives none.

        Args: see `create_span`.
        """
        return Block(self, self._make_body("create_span", name, fields))

    def _make_body(self, message_type: str, first: First, fields: Body) -> Body:
        """Make the body of a message of what a call was given.

        Raises:
            MalformedRequestError: a keyword is no field of the message.
            SpanNotFoundError: the span that the message is about is not kept here.
        """
        form = MESSAGES[message_type]
        known = [*form.required, *form.optional]
        for field in fields:
            if field not in known:
                raise explain_unknown(field, message_type, known)
        if isinstance(first, dict):
            fields = {**first, **fields}
        elif first is not None:
            fields = {known[0]: first, **fields}
        for field, value in fields.items():
            plain = _make_plain(value)
            if plain is not value:
                fields = {**fields, field: plain}
        span = fields.get("span_id")
        if isinstance(span, Span):
            # Another manager may have a span of the same id.
            if self._spans.get(span._span_id) is not span:
                raise SpanNotFoundError(span._span_id)
            fields = {**fields, "span_id": span._span_id}
        return fields


def _make_plain(value: Any) -> Any:
    """Return what a message has for something that a span shows: its attributes, its links, an identity."""
    if isinstance(value, Attributes):
        return dict(value)
    if isinstance(value, SpanContext):
        return value.traceparent
    if isinstance(value, Link):
        return {"traceparent": value.context.traceparent, "attributes": dict(value.attributes)}
    return [_make_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


class Block:
    """A block of code that is a span.

    Args:
        spans: keeps the span.
        body: of its `create_span`.
    """

    __slots__ = ("__weakref__", "_body", "_outer", "_span", "_spans")

    def __init__(self, spans: SpanManager, body: Body) -> None:
        self._spans = spans
        self._body = body
        #: The block around it, and its span while it is entered.
        self._outer: Block | None = None
        self._span: Span | None = None

    def __enter__(self) -> Span:
        if self._span is not None:
            raise RuntimeError("this block is entered already: call span() for each block")
        body, self._outer = self._body, _find_entered(_load_latest().get())
        if self._outer is not None and "parent_span_id" not in body and "traceparent" not in body:
            body = {**body, "parent_span_id": self._outer._span}
        self._span = self._spans.create_span(body)
        _load_latest().set(self)
        return self._span

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        span, self._span = self._span, None
        # Blocks that were left are of no more use, and a chain of them would grow.
        self._outer = _find_entered(self._outer)
        # Where another context leaves the block, as it may that of a generator, the latest block there is another one.
        latest = _load_latest()
        if latest.get() is self:
            latest.set(self._outer)
        if span is None or span.end_us is not None:
            return
        # One that was said to start later ends when it starts: leaving a block is not refused.
        fields = {"timestamp_us": span.start_us} if self._spans.clock.now_us < span.start_us else {}
        if error is None or _is_success(error):
            self._spans.span_end(span, **fields)
        else:
            self._spans.span_error(span, **_describe(error), **fields)


@cache
def _load_latest() -> ContextVar[Block | None]:
    """Load what holds the block that was entered last in this thread or task; it may have been left."""
    # It takes time to load, and no message needs it.
    from contextvars import ContextVar

    return ContextVar("latest", default=None)


def _find_entered(block: Block | None) -> Block | None:
    """Return the innermost of a block and those around it that was not left."""
    while block is not None and block._span is None:
        block = block._outer
    return block


def _is_success(error: BaseException) -> bool:
    """Return whether an exception is how a program ends well, or a generator that is closed and has done what was asked of it."""
    return isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and error.code in (None, 0))


def _describe(error: BaseException) -> Body:
    """Return what a `span_error` says of an exception.

    Source: OpenTelemetry, semantic conventions, exceptions; the sentence is that of its SDK for Python.
    """
    kind = type(error)
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - what it says is foreign code, and its failure would hide the exception itself
        message = ""
    full_name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return {
        "error": f"{kind.__name__}: {message}" if message else kind.__name__,
        "attributes": {"exception.type": full_name, "exception.message": message},
    }

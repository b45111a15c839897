"""The node: which message goes to whom, which replies are sent, and where to.

Owns the addresses, `init`, `echo` and `generate`, the two ways of answering, and the making of errors into replies; knows
no stream and no part of a span.  One line in, at most one line out.
Read next: `messages.py` before it, `manager.py` and `replies.py` behind it.
"""

from __future__ import annotations

from . import replies
from .errors import (
    MalformedLineError,
    MalformedRequestError,
    NodeNameError,
    RequestError,
    UnsupportedTypeError,
)
from .fields import maybe_integer, maybe_texts, text, wrong
from .messages import SHORT_LINE, decode, scan
from .span import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from .fields import Body
    from .manager import SpanManager
    from .span import Origin

    #: Who serves a message; the field that must be there for it to be answered, None if it always is; who writes the opening
    #: of the answer, None if there is none.
    Action = tuple[Callable[[Body], Any], Optional[str], Optional[Callable[[Any], str]]]

#: Longest line, its end not counted; larger than any message that a person or Maelstrom sends.
MAX_LINE_BYTES = 1 << 20
#: Most addresses whose envelopes are remembered, and the longest: a peer may use a new one on every line.
_ADDRESSES, _ADDRESS_CHARACTERS = 256, 200

#: The messages about one span, and whether one of that type may claim it.
_ABOUT_A_SPAN = {
    "span_event": True,
    "span_link": True,
    "span_update": True,
    "span_end": True,
    "span_error": True,
    "get_span": False,
}


class Node:
    """A node that answers line by line.

    Args:
        manager: keeps the spans.
        complain: takes one sentence about a line that was refused or a bug that it met.
        max_line_bytes: the longest line.
        auto_clock: change to the real clock if the first message is an `init`.
    """

    def __init__(
        self,
        manager: SpanManager,
        complain: Callable[[str], None],
        max_line_bytes: int = MAX_LINE_BYTES,
        auto_clock: bool = False,
    ) -> None:
        self._manager = manager
        self._clock = manager.clock
        self._complain = complain
        self._max_line_bytes = max_line_bytes
        self._short_line = min(SHORT_LINE, max_line_bytes)
        self._auto_clock = auto_clock
        #: The name that `init` gave; None the plain way.
        self.node_id: str | None = None
        # How many messages were sent the Maelstrom way; the next one's msg_id.
        self._sent = 0
        # The envelopes sent lately: the addresses, one copy for all spans created under them, and the opening text.
        self._envelopes: dict[Origin, tuple[Origin, str]] = {}
        self._actions = self._table(maelstrom=False)
        # Only the plain way, and not before the clock is chosen.
        self._takes_shortcuts = not auto_clock

    def answer(self, line: bytes) -> str | None:
        """Serve one line.

        Args:
            line: without its `\\n`.
        Returns:
            The reply, without an end of line; None if there is none.
        """
        try:
            # Nearly every line is short and JSON from its first byte to its last; any other is read with more care.
            text = line.decode()
            message, end = scan(text, 0) if len(line) <= self._short_line else (None, 0)
            if end != len(text) or type(message) is not dict:
                message = self._read_carefully(line)
        except (ValueError, StopIteration):
            message = self._read_carefully(line)
        if message is None:
            return None
        clock = self._clock
        if clock.tick_us:
            clock.now_us += clock.tick_us  # type: ignore[misc]  # a clock with a tick is set
        if len(message) == 3 and self._takes_shortcuts:
            # The plain way's most common messages, which need few checks; the span is None if it is none of them.
            if "body" in message:
                if self._create_plain_span(message) is not None:
                    return None
            elif (message_type := message.get("type")) == "span_event":
                if self._manager.plain_span_event(message) is not None:
                    return None
            elif message_type == "span_end":
                span = self._manager.plain_span_end(message)
                if span is not None:
                    return self._send(replies.span_ended(span), None, span.origin)
        if "body" not in message:
            return self._serve(message, None)
        body, src, dest = message["body"], message.get("src", ""), message.get("dest", "")
        if type(body) is dict and type(src) is type(dest) is str and src and dest:
            return self._serve(body, (src, dest))
        self._complain('an envelope needs "src" and "dest", non-empty strings, and "body", an object')
        return None

    def _create_plain_span(self, envelope: Body) -> Span | None:
        """Open a span for an envelope with a `create_span` of just a name and a msg_id, which the plain way leaves unanswered."""
        try:
            body, known = envelope["body"], self._envelopes.get((envelope["src"], envelope["dest"]))
            name = body["name"]
            if known is None or len(body) != 3 or body["type"] != "create_span" or type(body["msg_id"]) is not int:
                return None
        except (KeyError, TypeError):
            return None
        return self._manager.create_plain_span(name, known[0]) if type(name) is str and name else None

    def _serve(self, body: Body, origin: Origin | None) -> str | None:
        """Serve a message; `origin` is None for a bare one."""
        if "in_reply_to" in body and body["in_reply_to"] is not None:
            return None
        if self._auto_clock:
            self._choose_clock(body)
        msg_id = body["msg_id"] if "msg_id" in body else None
        try:
            if msg_id is not None and type(msg_id) is not int:
                raise self._refusal(body)
            try:
                serve, answered_if, write = self._actions[body["type"]]
            except (KeyError, TypeError):
                raise self._refusal(body) from None
            result = serve(body)
            if write is None:
                return None
            if origin is None:
                if type(result) is Span:
                    origin = result.origin
            elif body["type"] == "create_span":
                result.origin = (self._envelopes.get(origin) or self._envelope(origin))[0]
            if answered_if is not None and body.get(answered_if) is None:
                return None
            # The plain way's `span_created` does not say what it replies to: the task's third example.
            return self._send(write(result), None if write is replies.span_created else msg_id, origin)
        except Exception as error:  # noqa: BLE001 - a bug in a handler must not end the node
            return self._refuse(error, body, origin)

    def _read_carefully(self, line: bytes) -> dict[str, Any] | None:
        """Read a line that is not plain and short; None if there is no message on it."""
        try:
            return decode(line, self._max_line_bytes)
        except MalformedLineError as refused:
            self._complain(str(refused))
            return None

    def _table(self, maelstrom: bool) -> dict[str, Action]:
        """List the messages: who serves each, when it is answered, and how."""
        spans = self._manager
        table: dict[str, Action] = {
            "init": (self._init, None, replies.init_ok),
            "echo": (self._echo, None, replies.echo_ok),
            "generate": (self._generate, None, replies.generate_ok),
            "create_span": (spans.create_span, "kind", replies.span_created),
            "span_event": (spans.span_event, None, None),
            "span_link": (spans.span_link, None, None),
            "span_update": (spans.span_update, None, None),
            "span_end": (spans.span_end, None, replies.span_ended),
            "span_error": (spans.span_error, None, replies.span_failed),
            "get_span": (spans.get_span, None, replies.get_span_ok),
        }
        if maelstrom:
            table["create_span"] = (spans.create_span, "msg_id", replies.span_created_in_trace)
            table["span_event"] = (spans.span_event, "msg_id", replies.span_event_ok)
            table["span_link"] = (spans.span_link, "msg_id", replies.span_link_ok)
            table["span_update"] = (spans.span_update, "msg_id", replies.span_update_ok)
        return table

    def _init(self, body: Body) -> None:
        node_id = text(body, "node_id")
        maybe_texts(body, "node_ids")
        if self.node_id is None:
            self.node_id = node_id
            self._manager.use_name(node_id)
            self._actions = self._table(maelstrom=True)
            self._takes_shortcuts = False
            self._envelopes.clear()
        elif self.node_id != node_id:
            raise NodeNameError(node_id, self.node_id)

    def _echo(self, body: Body) -> Any:
        if body.get("echo") is None:
            raise wrong("echo", "any JSON", None)
        return body["echo"]

    def _generate(self, body: Body) -> str:
        return self._manager.generate()

    def _choose_clock(self, body: Body) -> None:
        """Take the real clock if the first message is an `init`, whether it is accepted or not."""
        self._auto_clock = False
        self._takes_shortcuts = True
        if body.get("type") == "init":
            self._manager.use_real_time()
            self._clock = self._manager.clock

    def _refusal(self, body: Body) -> RequestError:
        """Make the error for a message that nobody serves: its type or msg_id is wrong, or the type unknown."""
        try:
            message_type = text(body, "type")
            maybe_integer(body, "msg_id")
        except MalformedRequestError as error:
            return error
        return UnsupportedTypeError(message_type)

    def _refuse(self, error: Exception, body: Body, origin: Origin | None) -> str | None:
        """Complain about a message that failed, and answer it if it can be."""
        if isinstance(error, RequestError):
            code, sentence = error.code, str(error)
            self._complain(sentence)
        else:
            code, sentence = RequestError.code, f"this node has a bug: {type(error).__name__}"
            self._complain(_traceback(error))
        msg_id = body.get("msg_id")
        if type(msg_id) is not int:
            return None
        message_type = body.get("type")
        if origin is None and type(message_type) is str and message_type in _ABOUT_A_SPAN:
            span = self._manager.addressee(body, claims=_ABOUT_A_SPAN[message_type])
            origin = None if span is None else span.origin
        return self._send(replies.error(code, sentence), msg_id, origin)

    def _send(self, opening: str, in_reply_to: int | None, origin: Origin | None) -> str:
        """Put the end to a body, and the envelope around it if it goes back to an envelope."""
        if in_reply_to is not None:
            opening = f'{opening}, "in_reply_to": {in_reply_to}'
        if self.node_id is not None:
            opening = f'{opening}, "msg_id": {self._sent}'
            self._sent += 1
        if origin is None:
            return opening + "}"
        return f"{(self._envelopes.get(origin) or self._envelope(origin))[1]}{opening}}}}}"

    def _envelope(self, origin: Origin) -> tuple[Origin, str]:
        """Return addresses and the opening of the envelope that answers them."""
        src, dest = origin
        made = (origin, replies.envelope(self.node_id or dest, src))
        if len(src) + len(dest) <= _ADDRESS_CHARACTERS:
            if len(self._envelopes) >= _ADDRESSES:
                self._envelopes.clear()
            self._envelopes[origin] = made
        return made


def _traceback(error: Exception) -> str:
    import traceback

    return "a bug in this node: " + "".join(traceback.format_exception(type(error), error, error.__traceback__)).strip()

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
from .messages import as_text, decode, read_alone
from .replies import Origin
from .span import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Callable, Optional

    from .fields import Body
    from .manager import SpanManager
    from .messages import Line, Message

    #: Makes a line of a result, what stands before the body, and what comes after its fields.
    Writer = Callable[[Any, str, str], str]
    #: Who serves a message; the field that must be there for it to be answered, None if it always is; who writes the answer,
    #: None if there is none.
    Action = tuple[Callable[[Body], Any], Optional[str], Optional[Writer]]

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
        # Whether a line moves the clock: asked for every line, and a real clock takes longer to tell.
        self._ticks = self._clock.tick_us > 0
        self._complain = complain
        self._max_line_bytes = max_line_bytes
        self._auto_clock = auto_clock
        #: The name that `init` gave; None the plain way.
        self.node_id: str | None = None
        # The msg_id of the next message, the Maelstrom way.
        self._sent = 0
        # The origins of late, by src, the last dest of each: one copy for all spans that come from there.
        self._origins: dict[str, Origin] = {}
        # Whether messages are served the plain way, by the clock that was chosen.
        self._is_plain = not auto_clock
        self._actions = self._table(maelstrom=False)

    def answer(self, line: bytes) -> str | None:
        """Serve one line, without its `\\n`; return its reply, a whole line, or None if there is none."""
        text = as_text(line)
        return next(self.answers([read_alone(text, self._max_line_bytes) or text]), None)

    def answers(self, lines: Iterable[Message | Line]) -> Iterator[str]:
        """Serve lines in turn, as `read_ahead` gives them; give each reply before the next line is taken."""
        for line in lines:
            message = line if isinstance(line, dict) else self._judged(line)
            if message is not None and (reply := self.reply(message)) is not None:
                yield reply

    def reply(self, message: Message) -> str | None:
        """Serve one message; return its reply, a whole line, or None if there is none."""
        if self._ticks:
            self._clock.tick()
        if "body" not in message:
            return self._serve(message, None)
        body = message["body"]
        try:
            known = self._origins[message["src"]]
            origin = known if known.dest == message["dest"] and type(body) is dict else None
        except (KeyError, TypeError):
            origin = None
        if origin is None and (origin := self._origin(message)) is None:
            return None
        return self._serve(body, origin)

    def _judged(self, line: Line) -> Message | None:
        """Return the message that is on a line; None if there is none, and complain unless the line is blank."""
        try:
            return decode(line, self._max_line_bytes)
        except MalformedLineError as refused:
            self._complain(str(refused))
            return None

    def _origin(self, envelope: dict[str, Any]) -> Origin | None:
        """Return where an envelope came from; None, and complain, if it is unusable."""
        body, src, dest = envelope["body"], envelope.get("src"), envelope.get("dest")
        if type(body) is dict and type(src) is type(dest) is str and src and dest:
            return self._new_origin(src, dest)
        self._complain('an envelope needs "src" and "dest", non-empty strings, and "body", an object')
        return None

    def _new_origin(self, src: str, dest: str) -> Origin:
        origin = Origin(src, dest, self.node_id)
        if len(src) + len(dest) <= _ADDRESS_CHARACTERS:
            if len(self._origins) >= _ADDRESSES:
                self._origins.clear()
            self._origins[src] = origin
        return origin

    def _serve(self, body: Body, origin: Origin | None) -> str | None:
        """Serve a message; `origin` is None for a bare one."""
        if "in_reply_to" in body and body["in_reply_to"] is not None:
            return None
        if self._auto_clock:
            self._choose_clock(body)
        try:
            msg_id = body.get("msg_id")
            if type(msg_id) is not int and msg_id is not None:
                raise self._refusal(body)
            try:
                serve, answered_if, write = self._actions[body["type"]]
            except (KeyError, TypeError):
                raise self._refusal(body) from None
            result = serve(body)
            if type(result) is Span:
                if origin is None:
                    origin = result.origin
                elif body["type"] == "create_span":
                    result.origin = origin
            if write is None or (answered_if is not None and body.get(answered_if) is None):
                return None
            if msg_id is None or origin is None or origin.node_id is None:
                return self._send(write, result, msg_id, origin)
            # Nearly every request the Maelstrom way: what `_send` does, for a call less.
            sent = self._sent
            self._sent = sent + 1
            return write(result, origin.opening, f', "in_reply_to": {msg_id}, "msg_id": {sent}}}}}\n')
        except Exception as error:  # noqa: BLE001 - a bug in a handler must not end the node
            return self._refuse(error, body, origin)

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
            self._origins.clear()
            self._is_plain = False
        elif self.node_id != node_id:
            raise NodeNameError(node_id, self.node_id)

    def _echo(self, body: Body) -> Any:
        value = body.get("echo")
        if value is None:
            raise wrong("echo", "any JSON", None)
        return value

    def _generate(self, body: Body) -> str:
        return self._manager.generate()

    def _choose_clock(self, body: Body) -> None:
        """Take the real clock if the first message is an `init`, whether it is accepted or not."""
        self._auto_clock = False
        self._is_plain = True
        if body.get("type") == "init":
            self._manager.use_real_time()
            self._clock = self._manager.clock
            self._ticks = False

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
            self._complain(str(error))
        else:
            self._complain(_traceback(error))
            error = RequestError(f"this node has a bug: {type(error).__name__}")
        msg_id = body.get("msg_id")
        if type(msg_id) is not int:
            return None
        message_type = body.get("type")
        if origin is None and type(message_type) is str and message_type in _ABOUT_A_SPAN:
            span = self._manager.addressee(body, claims=_ABOUT_A_SPAN[message_type])
            origin = None if span is None else span.origin
        return self._send(replies.error, error, msg_id, origin)

    def _send(self, write: Writer, result: Any, in_reply_to: int | None, origin: Origin | None) -> str:
        """Write a reply, in an envelope if it goes back to one."""
        before, after = "", "}\n"
        if origin is not None:
            if origin.node_id is not self.node_id:
                # It was met before the `init`.
                origin = self._new_origin(origin.src, origin.dest)
            before, after = origin.opening, "}}\n"
        if self.node_id is not None:
            after = f', "msg_id": {self._sent}{after}'
            self._sent += 1
        # The plain way's `span_created` does not say what it replies to: the task's third example.
        if in_reply_to is not None and write is not replies.span_created:
            after = f', "in_reply_to": {in_reply_to}{after}'
        return write(result, before, after)


def _traceback(error: Exception) -> str:
    import traceback

    return "a bug in this node: " + "".join(traceback.format_exception(type(error), error, error.__traceback__)).strip()

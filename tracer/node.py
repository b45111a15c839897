"""The node: who serves a message, whether it is answered, and where the reply goes.

Owns the loop over lines, the table of messages, the two ways of answering, `init`, `echo` and `generate`; knows no stream
and no part of a span.  One line in, at most one line out.
Read next: `lines.py` and `address.py` for what comes in, `manager.py` for who serves, `replies.py` for what goes out.
"""

from __future__ import annotations

from . import replies
from .address import BARE, Addresses
from .errors import (
    MalformedLineError,
    NodeNameError,
    RequestError,
    SpanNotFoundError,
    UnsupportedTypeError,
    form_error,
    guess_id,
    missing,
)
from .forms import ANY_JSON, EVERY_MESSAGE, MESSAGES, TEXT
from .lines import decoded, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable

    from .address import Body, ReturnAddress
    from .malformed import Malformed
    from .manager import SpanManager

    #: Makes a line of a result, what stands before the body, and what comes after its fields.
    Writer = Callable[[Any, str, str], str]
    Serve = Callable[[Body], Any]


#: A field that no message has.
_NEVER = object()


class Row:
    """A row of the table of messages.

    Args:
        serve: does what a body asks; returns the span that it is about, or whatever `write` takes.
        write: writes the reply.
        needs: the field that must be there for the message to be answered; None if it always is.
        opens, names: whether it makes a span, and whether it is about one that was made before.
    """

    __slots__ = ("names", "needs", "opens", "serve", "write")

    def __init__(
        self, serve: Serve, write: Writer, needs: Any = None, opens: bool = False, names: bool = False
    ) -> None:
        self.serve = serve
        self.write = write
        self.needs = needs
        self.opens = opens
        self.names = names


class Node:
    """A node that answers line by line.  Nothing here is safe to share between threads.

    Args:
        manager: keeps the spans.
        complain: takes the number of a line, from 1 on, and a sentence about why it was refused, or a bug that it met.
        auto_clock: change to the real clock if the first message is an `init`.
    """

    def __init__(
        self,
        manager: SpanManager,
        complain: Callable[[int, str], None] = lambda line, sentence: None,
        auto_clock: bool = False,
    ) -> None:
        self._manager = manager
        self._complain = complain
        self._auto_clock = auto_clock
        self._addresses = Addresses()
        #: How many lines have come.
        self.lines = 0
        #: The name that `init` gave; None the plain way.
        self.node_id: str | None = None
        # The msg_id of the next message, the Maelstrom way.
        self._sent = 0
        self._rows: dict[str, Row] = {}
        # What says what is wrong with lines that are no messages; made when one comes.
        self._malformed: Malformed | None = None
        self._answer_as(None)

    def answer(self, line: str | bytes) -> str | None:
        """Serve one line, without its `\\n`; return its reply, a whole line, or None if there is none."""
        return next(self.answers([line if isinstance(line, str) else decoded(line)]), None)

    def answers(self, lines: list[str]) -> Iterator[str]:
        """Serve lines in turn, as far as their replies are taken; give each, a whole line, before serving the next line."""
        rows, manager, addresses = self._rows, self._manager, self._addresses
        first, self.lines = self.lines + 1, self.lines + len(lines)
        for number, body in enumerate(read(lines), first):
            if not isinstance(body, dict):
                if body is not None:
                    self._refuse_line(body, number)
                continue
            address = BARE
            try:
                manager.clock.tick()
                if "body" in body:
                    address, body = addresses.opened(body)
                if "in_reply_to" in body and body["in_reply_to"] is not None:
                    continue
                if self._auto_clock:
                    self._choose_clock(body)
                msg_id = body.get("msg_id")
                if msg_id is not None and type(msg_id) is not int:
                    EVERY_MESSAGE.read(body)  # which says what is wrong
                row = rows[body["type"]]
                result = row.serve(body)
                if row.opens:
                    result.return_address = address
                if row.needs is not None and body.get(row.needs) is None:
                    continue
                if row.names and address is BARE:
                    address = result.return_address
                reply: str | None = self._reply(row.write, result, msg_id, address)
            except Exception as error:  # noqa: BLE001 - a bug in a handler must not end the node
                reply = self._refuse(error, body, address, number)
            if reply is not None:
                yield reply

    def _reply(self, write: Writer, result: Any, in_reply_to: int | None, address: ReturnAddress) -> str:
        """Write a reply, with what the body of every reply has."""
        after = address.closing
        if self.node_id is not None:
            after = f', "msg_id": {self._sent}{after}'
            self._sent += 1
        # The plain way's `span_created` does not say what it replies to: the task's third example.
        if in_reply_to is not None and write is not replies.span_created:
            after = f', "in_reply_to": {in_reply_to}{after}'
        return write(result, address.opening, after)

    def _answer_as(self, node_id: str | None) -> None:
        """Answer the plain way from now on, or under a name the Maelstrom way."""
        self.node_id = node_id
        self._manager.claims = node_id is None
        self._addresses.answer_as(node_id)
        for span in (*self._manager.open_spans(), *self._manager.ended_spans()):
            span.return_address.answer_as(node_id)
        # In place, for `answers`, which may be running, holds this very dict.
        self._rows.update(self._table(is_plain=node_id is None))

    def _table(self, is_plain: bool) -> dict[str, Row]:
        """List the messages: who serves each, how it is answered, and when."""
        spans, acknowledgement = self._manager, replies.acknowledgement
        created = replies.span_created if is_plain else replies.span_created_in_trace
        creation_needs, change_needs = ("kind", _NEVER) if is_plain else ("msg_id", "msg_id")
        return {
            "init": Row(self._init, acknowledgement("init")),
            "echo": Row(self._echo, replies.echo_ok),
            "generate": Row(self._generate, replies.generate_ok),
            "create_span": Row(spans.create_span, created, creation_needs, opens=True),
            "span_event": Row(spans.span_event, acknowledgement("span_event"), change_needs, names=True),
            "span_link": Row(spans.span_link, acknowledgement("span_link"), change_needs, names=True),
            "span_update": Row(spans.span_update, acknowledgement("span_update"), change_needs, names=True),
            "span_end": Row(spans.span_end, replies.span_ended, names=True),
            "span_error": Row(spans.span_error, replies.span_failed, names=True),
            "get_span": Row(spans.get_span, replies.get_span_ok, names=True),
        }

    def _init(self, body: Body) -> None:
        node_id = MESSAGES["init"].read(body)["node_id"]
        if self.node_id is None:
            self._answer_as(node_id)
        elif self.node_id != node_id:
            raise NodeNameError(node_id, self.node_id)

    def _echo(self, body: Body) -> Any:
        if "echo" not in body:
            # Not by the form, to which null is absence: here it is a value like any other.
            raise missing("echo", ANY_JSON.expected)
        return body["echo"]

    def _generate(self, body: Body) -> str:
        return self._manager.take_id() if self.node_id is None else self._manager.generate(self.node_id)

    def _choose_clock(self, body: Body) -> None:
        """Take the real clock if the first message is an `init`, whether it is accepted or not."""
        self._auto_clock = False
        if body.get("type") == "init":
            self._manager.use_real_time()

    def _refuse_line(self, line: str, number: int) -> None:
        """Complain about a line that is no message."""
        if self._malformed is None:
            # Loaded when it is needed: a session without such a line starts sooner.
            from .malformed import Malformed

            self._malformed = Malformed()
        sentence = self._malformed.sentence(number, line)
        if sentence is not None:
            self._complain(number, sentence)

    def _refuse(self, error: Exception, body: Body, address: ReturnAddress, number: int) -> str | None:
        """Complain about a message that failed; return the answer to its sender, None where nobody can be told.

        Args:
            error: what serving it raised.
            address: where it came from.
            number: the line's.
        """
        if isinstance(error, MalformedLineError):
            self._complain(number, str(error))
            return None
        told = self._told(error, body)
        self._complain(number, _traceback(error) if type(told) is RequestError else str(told))
        message_type, msg_id = body.get("type"), body.get("msg_id")
        if type(msg_id) is not int:
            return None
        if (
            address is BARE
            and type(message_type) is str
            and message_type in self._rows
            and self._rows[message_type].names
        ):
            span = self._manager.addressee(body)
            address = address if span is None else span.return_address
        return self._reply(replies.error, told, msg_id, address)

    def _told(self, error: Exception, body: Body) -> RequestError:
        """Return what a sender is told of an error."""
        if isinstance(error, SpanNotFoundError):
            return SpanNotFoundError(error.span_id, error.field, guess_id(error.span_id, self._is_known))
        if isinstance(error, RequestError):
            return error
        # Not raised by the form: an error that is raised and returned makes a cycle, and cycles are not looked for.
        if "type" not in body:
            return missing("type", TEXT.expected)
        message_type = body["type"]
        if type(message_type) is not str or not message_type:
            return form_error("type", TEXT.expected, message_type)
        if message_type not in self._rows:
            return UnsupportedTypeError(message_type, self._rows)
        return RequestError(f"this node has a bug: {type(error).__name__}")

    def _is_known(self, span_id: str) -> bool:
        return self._manager.addressee({"type": "get_span", "span_id": span_id}) is not None


def _traceback(error: Exception) -> str:
    import traceback

    return "a bug in this node: " + "".join(traceback.format_exception(type(error), error, error.__traceback__)).strip()

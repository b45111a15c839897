"""The node: who serves a message, whether it is answered, and where the reply goes.

Owns the loop over lines, the table of messages, the two ways of answering, `init`, `echo` and `generate`; knows no stream
and no part of a span.  One line in, at most one line out.
Read next: `lines.py` and `address.py` for what comes in, `keeper.py` for who serves, `replies.py` for what goes out.
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
    explain_form,
    explain_missing,
)
from .forms import EVERY_MESSAGE, MESSAGES, TEXT
from .lines import decode_line, read
from .trace_context import RandomIds
from .words import guess_id, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from .address import ReturnAddress
    from .forms import Body
    from .keeper import SpanKeeper
    from .malformed import Malformed

    #: Makes a line of a result, what stands before the body, and what comes after its fields.
    Writer = Callable[[Any, str, str], str]
    Serve = Callable[[Body], Any]
    #: Serves a message of somebody's own: takes its body, returns that of the reply.
    Handler = Callable[[Body], Optional[Body]]
    #: What writes the reply, None if there is none; and the field that must be there for it, None if it always comes.
    Way = tuple[Optional[Writer], Optional[str]]

#: Replies are sent before more characters than these have gathered: `get_span` answers a short line with a long one.
GATHERED_CHARACTERS = 1 << 18
_UNANSWERED: Way = (None, None)


class Row:
    """A row of the table of messages.

    Args:
        serve: does what a body asks; returns the span that it is about, or whatever the writer takes.
        plain, maelstrom: how it is answered until an `init`, and after it; the same way where only one is given.
        makes_span, is_about_span: whether it makes a span, or is about one that was made before.
    """

    __slots__ = ("_maelstrom", "is_about_span", "makes_span", "needs", "serve", "write")

    def __init__(
        self,
        serve: Serve,
        plain: Way,
        maelstrom: Way | None = None,
        *,
        makes_span: bool = False,
        is_about_span: bool = False,
    ) -> None:
        self.serve = serve
        self.write, self.needs = plain
        self._maelstrom = maelstrom or plain
        self.makes_span = makes_span
        self.is_about_span = is_about_span

    def use_maelstrom(self) -> None:
        """Answer the Maelstrom way from now on."""
        self.write, self.needs = self._maelstrom


class Node:
    """A node that answers line by line.  Nothing here is safe to share between threads.

    Args:
        manager: keeps the spans.
        complain: takes the number of a line, from 1 on, and a sentence about why it was refused, or a bug that it met.
        auto_clock: what `--clock auto` means: the real clock from the first accepted `init` on, if no span has been created before it;
            and ids of `generate` that no node gives twice, also where the clock stays simulated.
    """

    def __init__(
        self,
        manager: SpanKeeper,
        complain: Callable[[int, str], None] = lambda line, sentence: None,
        auto_clock: bool = False,
    ) -> None:
        self._manager = manager
        self._complain = complain
        self._auto_ids = RandomIds() if auto_clock else None
        self._addresses = Addresses()
        #: How many lines have come; while one is served, its number.
        self.lines = 0
        #: The name that `init` gave; None the plain way.
        self.node_id: str | None = None
        # The msg_id of the next message, the Maelstrom way.
        self._sent = 0
        self._rows = self._list_messages()
        # What says what is wrong with lines that are no messages; made when one comes.
        self._malformed: Malformed | None = None
        manager.claims.are_allowed = True

    def handle(self, message_type: str, handler: Handler) -> None:
        """Serve messages of a type of one's own; each is answered, bare or in an envelope as it came.

        Args:
            message_type: one that the node does not serve yet.
            handler: takes the body, which it may change; returns the fields of the reply, None for none.  The reply's `type` is
                `<message_type>_ok` unless the fields have one; its `in_reply_to` and `msg_id` are the node's.  A `RequestError`
                refuses the message, and its `code` and text are answered.  Anything else that it raises, and fields that are no
                JSON, are a bug in it: error 13, and `complain` gets the traceback.
        Raises:
            ValueError: the type is no non-empty string, or is served already.
        """
        if type(message_type) is not str or not message_type:
            raise ValueError(f"the type of a message must be {TEXT.expected}")
        if message_type in self._rows:
            raise ValueError(f"this node serves messages of the type {quote(message_type)} already")

        def serve(body: Body) -> str:
            try:
                # A copy: what refuses a message reads the body again.
                fields = handler({**body})
            except RequestError as refusal:
                _check_refusal(refusal)
                raise
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                # What would end the node would lose replies that have gathered, and spans that were not exported.
                if isinstance(error, Exception) and not isinstance(error, MalformedLineError):
                    raise
                raise RuntimeError(f"a handler cannot raise {type(error).__name__}") from error
            return replies.write_own_fields(fields, f"{message_type}_ok")

        self._rows[message_type] = Row(serve, (replies.write_own, None))

    def answer(self, line: str | bytes) -> str | None:
        """Serve one line, without its `\\n`; return its reply, a whole line, or None if there is none."""
        sent: list[str] = []
        self.serve([line if isinstance(line, str) else decode_line(line)], sent.append)
        return sent[0] if sent else None

    def serve(self, lines: list[str], send: Callable[[str], None]) -> None:
        """Serve lines in turn.

        Args:
            lines: without their `\\n`.
            send: takes the replies, whole lines, many at once.
        """
        rows, manager, addresses = self._rows, self._manager, self._addresses
        gathered: list[str] = []
        characters = 0
        for number, body in enumerate(read(lines), self.lines + 1):
            self.lines = number
            if not isinstance(body, dict):
                if body is not None:
                    self._refuse_line(body)
                continue
            address = BARE
            try:
                manager.clock.tick()
                if "body" in body:
                    address, body = addresses.open(body)
                if "in_reply_to" in body and body["in_reply_to"] is not None:
                    continue
                msg_id = body.get("msg_id")
                if msg_id is not None and type(msg_id) is not int:
                    EVERY_MESSAGE.read(body)  # which says what is wrong
                row = rows[body["type"]]
                serve = row.serve
                result = serve(body)
                if row.makes_span:
                    result._service, result._return_address = address.src, address
                if row.write is None or (row.needs is not None and body.get(row.needs) is None):
                    continue
                if row.is_about_span and address is BARE:
                    address = result._return_address or BARE
                reply = self._reply(row.write, result, msg_id, address)
            except Exception as error:  # noqa: BLE001 - a bug in a handler must not end the node
                refusal = self._refuse(error, body, address)
                if refusal is None:
                    continue
                reply = refusal
            gathered.append(reply)
            characters += len(reply)
            if characters > GATHERED_CHARACTERS:
                send("".join(gathered))
                gathered, characters = [], 0
        if gathered:
            send("".join(gathered))

    def _reply(self, write: Writer, result: Any, in_reply_to: int | None, address: ReturnAddress) -> str:
        """Write a reply, with what the body of every reply has."""
        after = address.closing
        if self.node_id is not None:
            after = f', "msg_id": {self._sent}{after}'
            self._sent += 1
        # The plain way's `span_created` does not say what it replies to: the task's third example.
        if in_reply_to is not None and write is not replies.write_span_created:
            after = f', "in_reply_to": {in_reply_to}{after}'
        return write(result, address.opening, after)

    def _list_messages(self) -> dict[str, Row]:
        """List the messages: who serves each, how it is answered the plain way and the Maelstrom way."""
        spans = self._manager

        def acknowledge(message_type: str, needs: str | None = None) -> Way:
            return replies.make_acknowledgement(message_type), needs

        return {
            "init": Row(self._init, acknowledge("init")),
            "echo": Row(self._echo, (replies.write_echo_ok, None)),
            "generate": Row(self._generate, (replies.write_generate_ok, None)),
            "create_span": Row(
                spans.create,
                (replies.write_span_created, "kind"),
                (replies.write_span_created_in_trace, "msg_id"),
                makes_span=True,
            ),
            "span_event": Row(spans.add_event, _UNANSWERED, acknowledge("span_event", "msg_id"), is_about_span=True),
            "span_link": Row(spans.add_link, _UNANSWERED, acknowledge("span_link", "msg_id"), is_about_span=True),
            "span_update": Row(spans.update, _UNANSWERED, acknowledge("span_update", "msg_id"), is_about_span=True),
            "span_end": Row(spans.end, (replies.write_span_ended, None), is_about_span=True),
            "span_error": Row(spans.fail, (replies.write_span_failed, None), is_about_span=True),
            "get_span": Row(spans.get, (replies.write_get_span_ok, None), is_about_span=True),
        }

    def _init(self, body: Body) -> None:
        node_id = MESSAGES["init"].read(body)["node_id"]
        if self.node_id is None:
            self._take_name(node_id)
        elif self.node_id != node_id:
            raise NodeNameError(node_id, self.node_id)

    def _take_name(self, node_id: str) -> None:
        """Answer the Maelstrom way from now on, under this name, also to messages about the spans that there are."""
        self.node_id = node_id
        manager = self._manager
        if self._auto_ids is not None and not manager.has_created:
            manager.use_real_time()
        manager.claims.are_allowed = False
        self._addresses.answer_as(node_id)
        for span in (*manager.open_spans(), *manager.ended_spans()):
            (span._return_address or BARE).answer_as(node_id)
        for row in self._rows.values():
            row.use_maelstrom()

    def _echo(self, body: Body) -> Any:
        # In line: its form takes any value.
        if "echo" in body:
            return body["echo"]
        return MESSAGES["echo"].read(body)["echo"]  # which says that it is missing

    def _generate(self, body: Body) -> str:
        if self.node_id is None:
            return self._manager.take_id()
        return self._manager.make_unique_id(self.node_id, self._auto_ids)

    def _refuse_line(self, line: str) -> None:
        """Complain about a line that is no message."""
        if self._malformed is None:
            # Loaded when it is needed: a session without such a line starts sooner.
            from .malformed import Malformed

            self._malformed = Malformed()
        sentence = self._malformed.explain(self.lines, line)
        if sentence is not None:
            self._complain(self.lines, sentence)

    def _refuse(self, error: Exception, body: Body, address: ReturnAddress) -> str | None:
        """Complain about a message that failed; return the answer to its sender, None where there is nobody to answer.

        Args:
            error: what serving it raised.
            address: where it came from.
        """
        if isinstance(error, MalformedLineError):
            self._complain(self.lines, str(error))
            return None
        refusal = self._explain(error, body)
        # A handler of somebody's own may raise any error, the plain one too.
        is_bug = not isinstance(error, RequestError) and type(refusal) is RequestError
        self._complain(self.lines, _format_traceback(error) if is_bug else str(refusal))
        message_type, msg_id = body.get("type"), body.get("msg_id")
        if type(msg_id) is not int:
            return None
        row = self._rows.get(message_type) if type(message_type) is str else None
        if address is BARE and row is not None and row.is_about_span:
            span = self._manager.find_addressee(body)
            if span is not None:
                address = span._return_address or BARE
        return self._reply(replies.write_error, refusal, msg_id, address)

    def _explain(self, error: Exception, body: Body) -> RequestError:
        """Return the error that its sender is answered."""
        if isinstance(error, SpanNotFoundError):
            return SpanNotFoundError(error.span_id, error.field, guess_id(error.span_id, self._manager.knows))
        if isinstance(error, RequestError):
            return error
        # Not raised by the form: an error that is raised and returned makes a cycle, and cycles are not looked for.
        if "type" not in body:
            return explain_missing("type", TEXT.expected)
        message_type = body["type"]
        if type(message_type) is not str or not message_type:
            return explain_form("type", TEXT.expected, message_type)
        if message_type not in self._rows:
            return UnsupportedTypeError(message_type, self._rows, (*replies.TYPES.values(), replies.ERROR))
        return RequestError(f"this node has a bug: {type(error).__name__}")


def _check_refusal(refusal: RequestError) -> None:
    """Check that an error of somebody's own can be answered.

    Raises:
        TypeError: its code is no integer; and whatever its `str()` raises.
    """
    if type(refusal.code) is not int:
        raise TypeError(f"the code of {type(refusal).__name__} must be an integer")
    str(refusal)


def _format_traceback(error: Exception) -> str:
    import traceback

    return "a bug in this node: " + "".join(traceback.format_exception(type(error), error, error.__traceback__)).strip()

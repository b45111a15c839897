"""Ended spans sent to an OpenTelemetry backend as they end: OTLP over HTTP, in JSON.

Owns the queue between the node and the thread that sends, what is tried again, and what is lost.  `add` is on the node's
way and only puts a span into the queue; an ended span changes no more, so the thread writes it as JSON.
Imported only where `--export` names a URL.
Read next: `connection.py` for one request, `environment.py` for the variables.
Source: OTLP 1.x, OTLP/HTTP, Failures and Partial Success; OpenTelemetry, trace/sdk, Batching processor.
"""

from __future__ import annotations

import json
import math
from collections import deque
from threading import Condition, Thread
from time import monotonic

from ..machine import leave_signals_to_others
from ..words import count, quote, show_seconds
from .connection import Connection, read_url
from .otlp import end_copy, write_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Callable

    from ..span import Span
    from .connection import Answer
    from .environment import Settings
    from .otlp import Line, Resources

#: A request has no more bytes before it is compressed, unless one span has.
REQUEST_BYTES = 1 << 20
#: What is tried again: no answer (0), and what OTLP calls retryable.
TRANSIENT = {0, 429, 502, 503, 504}
#: Seconds before the first further try; see `choose_delay`.
RETRY_SECONDS = 0.5
#: What the program gzip takes, too; Python would take 9, which is slow.
GZIP_LEVEL = 6
#: The end says that it waits after so many seconds.
SILENT_SECONDS = 1.0


class HttpExporter:
    """Send ended spans to a URL.

    Args:
        url: where to.
        settings: how they are sent.
        resources: of the services.
        say: takes a sentence about what is wrong.
    Raises:
        ValueError: the URL is none, a certificate cannot be read, or this Python lacks what the settings need.
    """

    def __init__(self, url: str, settings: Settings, resources: Resources, say: Callable[[str], None]) -> None:
        target = read_url(url)
        self._name = quote(target.shown)
        self._say = say
        self._settings = settings
        self._compress = _load_gzip() if settings.gzip else bytes
        self._batch_size = min(settings.batch_size, settings.queue_size)
        self._connection = Connection(target, settings)
        self._resources = resources
        self._queue: deque[Span] = deque()
        # Guards the queue, and is notified of what somebody may wait for.
        self._changed = Condition()
        # Spans that came, and spans that the backend has taken.
        self._came = self._taken = 0
        # Whether the backend does not answer, so that nobody waits for it.
        self._is_out = False
        # How many tries in a row have failed; times of the monotonic clock: when to try again, and when to give up the line
        # that is being sent, and all.
        self._failures = 0
        self._next_try = -math.inf
        self._deadline = self._end = math.inf
        self._last_said: str | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, span: Span) -> None:
        """Take an ended span; wait for room if there is none but a backend that answers, else the span is lost."""
        self._came += 1
        with self._changed:
            if self._is_full():
                self._changed.wait_for(lambda: self._is_out or not self._is_full())
                if self._is_full():
                    return
            self._queue.append(span)
            if len(self._queue) in (1, self._batch_size):
                self._changed.notify_all()

    def flush(self) -> None:
        """Do nothing: spans are under way as soon as they are added, and nobody waits for a backend."""

    def close(self, open_spans: Iterable[Span], now_us: int, why: str) -> int:
        """Have what is left sent, and the spans that are still open as ended by an error; see `Exporter`."""
        left = [end_copy(span, now_us, why) for span in open_spans]
        self._came += len(left)
        with self._changed:
            self._queue.extend(left)
            self._end = monotonic() + self._settings.timeout
            self._changed.notify_all()
        return 0

    def wait(self) -> int:
        """Wait until all is sent, as far as time allows; say so where that takes long.  Return how many spans were lost."""
        self._thread.join(min(SILENT_SECONDS, self._settings.timeout))
        left = self._end - monotonic()
        if self._thread.is_alive() and left > 0:
            self._say(f"waiting for {self._name} to take spans, for {show_seconds(left)} at most")
        # A little longer: the thread says what became of the last request.
        self._thread.join(max(left, 0) + 1)
        lost = self._came - self._taken
        if lost:
            self._say(f"{count(lost, 'span', 'was')} lost on the way to {self._name}")
        return lost

    def _is_full(self) -> bool:
        return len(self._queue) >= self._settings.queue_size

    # -- the thread --

    def _run(self) -> None:
        leave_signals_to_others()
        try:
            while batch := self._next_batch():
                for line in write_lines(batch, self._resources, self._batch_size, REQUEST_BYTES):
                    self._deliver(line)
        finally:
            # Nobody waits for a thread that has ended, also where a bug has ended it.
            self._note_outage(True)
            self._connection.close()

    def _next_batch(self) -> list[Span]:
        """Wait until spans are to be sent; none mean the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_closing())
            self._changed.wait_for(
                lambda: len(self._queue) >= self._batch_size or self._is_closing(), self._settings.delay
            )
            batch = [self._queue.popleft() for _ in range(min(self._batch_size, len(self._queue)))]
            self._changed.notify_all()
        return batch

    def _is_closing(self) -> bool:
        return self._end < math.inf

    def _deliver(self, line: Line) -> None:
        """Send a line, and again as long as that may help: it has the timeout, from its first try on.

        A backend that cannot even be connected to has seen no line, and takes no time from it.
        """
        body = self._compress(line.data)
        self._deadline = math.inf
        while self._wait_for_next_try():
            deadline = min(self._deadline, monotonic() + self._settings.timeout)
            answer = self._connection.post(body, min(deadline, self._end))
            if answer.status not in TRANSIENT:
                self._settle(answer, line.spans)
                return
            self._deadline = deadline if answer.was_reached else math.inf
            self._failures += 1
            self._next_try = monotonic() + (answer.retry_after or choose_delay(self._failures))
            if not (answer.status and self._is_next_try_in_time()):
                self._begin_outage(answer)

    def _wait_for_next_try(self) -> bool:
        """Wait until the backend may be asked again; return whether that is in time."""
        with self._changed:
            while monotonic() < self._next_try and self._is_next_try_in_time():
                self._changed.wait(self._next_try - monotonic())
        return self._is_next_try_in_time()

    def _is_next_try_in_time(self) -> bool:
        return self._next_try < min(self._deadline, self._end)

    def _settle(self, answer: Answer, spans: int) -> None:
        """Take note of an answer that is final."""
        self._failures = 0
        if self._is_out:
            self._note_outage(False)
            self._say(f"{self._name} answers again")
        taken, reason = judge(answer, spans)
        self._taken += taken
        sentence = f"{self._name} took {taken} of {spans} spans" + (f": {reason}" if reason else "")
        # Once, as long as there is nothing else to say.
        if (reason or taken < spans) and sentence != self._last_said:
            self._say(sentence)
            self._last_said = sentence

    def _begin_outage(self, answer: Answer) -> None:
        if not self._is_out:
            self._note_outage(True)
            pause = f"; not to be asked again for {show_seconds(answer.retry_after)}" if answer.retry_after else ""
            self._say(f"cannot send spans to {self._name}: {_explain_answer(answer)}{pause}")

    def _note_outage(self, is_out: bool) -> None:
        with self._changed:
            self._is_out = is_out
            self._changed.notify_all()


def choose_delay(failures: int) -> float:
    """Return how many seconds to wait after so many failures in a row: twice as long each time, up to eight times.

    Plus or minus 20 %, so that many nodes do not come back at the same moment.
    """
    # Loaded when it is needed: a node whose backend answers starts sooner.
    from random import uniform

    return RETRY_SECONDS * (1 << min(failures - 1, 3)) * uniform(0.8, 1.2)  # noqa: S311 - no secret


def judge(answer: Answer, spans: int) -> tuple[int, str]:
    """Return how many of so many spans a backend has taken, and what there is to say about that; nothing is empty."""
    if not 200 <= answer.status < 300:
        return 0, _explain_answer(answer)
    if not is_otlp(answer):
        return 0, f"{answer.reason}, but what came back is no OTLP; is the port right? OTLP over HTTP is mostly at 4318"
    rejected, message = read_partial_success(answer.body, spans)
    return spans - rejected, quote(message) if message else ""


def is_otlp(answer: Answer) -> bool:
    """Return whether the body of an answer may be OTLP's: JSON, of which there may be the beginning alone, protobuf, or empty."""
    content_type, body = answer.content_type.lower(), answer.body.strip()
    if content_type.startswith("text/html"):
        return False
    return "protobuf" in content_type or body[:1] in (b"", b"{") or body == b"null" or _read_json(body) is not None


def read_partial_success(body: bytes, spans: int) -> tuple[int, str]:
    """Read what a backend says of the spans that it took: how many of them it rejected, and its message."""
    said = _get(_read_json(body), "partialSuccess", "partial_success")
    rejected, message = _get(said, "rejectedSpans", "rejected_spans"), _get(said, "errorMessage", "error_message")
    try:
        rejected = min(max(int(rejected), 0), spans)
    except (ValueError, TypeError, OverflowError):
        # Nothing that it has to say.
        rejected = 0
    return rejected, message if isinstance(message, str) else ""


def _get(message: Any, name: str, proto_name: str) -> Any:
    """Return a field of a message by its name in JSON or in the `.proto` file; None for none."""
    if not isinstance(message, dict):
        return None
    value = message.get(name)
    return message.get(proto_name) if value is None else value


def _read_json(body: bytes) -> Any:
    """Read JSON; None is null, or none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _load_gzip() -> Callable[[bytes], bytes]:
    try:
        import gzip
    except ImportError:
        raise ValueError("OTEL_EXPORTER_OTLP_COMPRESSION=gzip needs zlib, which this Python lacks") from None
    return lambda data: gzip.compress(data, GZIP_LEVEL)


def _explain_answer(answer: Answer) -> str:
    text = answer.body.decode(errors="replace").strip()
    return f"{answer.reason}: {quote(text)}" if text else answer.reason

"""Ended spans in a file, for OpenTelemetry's backends.

Owns the exported file: a span is in it, in a whole line, before anybody is told of its end.  Its text is `otlp.py`'s.
Imported only where `--export` asks for it.  Trap: a disk can fill up in the middle of a line.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque

from .errors import quoted
from .otlp import Resources, lines, span_message
from .trace_context import SAMPLED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Callable

    from .otlp import Exported
    from .span import Span

#: Spans that the file did not take are kept up to this many bytes of lines; past it the newcomers are lost.
UNSAVED_BYTES = 1 << 23


class FileExporter:
    """Append ended spans to a file.

    Args:
        path: the file; made if there is none.
        environment: see `Resources`.
        say: takes a sentence about what is wrong.
    Raises:
        OSError: it cannot be opened, or is stdout.
    """

    def __init__(self, path: str, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        status = os.fstat(self._descriptor)
        if not stat.S_ISCHR(status.st_mode) and os.path.samestat(status, os.fstat(1)):
            os.close(self._descriptor)
            raise OSError(errno.EBUSY, "it is stdout, which carries the replies alone")
        # Where the last whole line that is known of ends, and whether something torn stands behind it.
        self._size = status.st_size
        self._torn = stat.S_ISREG(status.st_mode) and not _ends_whole(path, status.st_size)
        self._resources = Resources(environment, say)
        self._ended: list[Span] = []
        # Lines that the file did not take, each with its number of spans.
        self._unsaved: deque[tuple[bytes, int]] = deque()
        self._unsaved_bytes = 0
        self._lost = 0
        self._complained = False

    def add(self, span: Span) -> None:
        """Take an ended span, for the next flush; one whose trace is not sampled is passed over."""
        if span.flags & SAMPLED:
            self._ended.append(span)

    def flush(self) -> None:
        """Write the spans that were added; what the file does not take is kept and tried again with the next ones."""
        if self._ended:
            spans, self._ended = self._ended, []
            self._save((_service(span), span_message(span)) for span in spans)

    def close(self, open_spans: list[Span], now_us: int, why: str) -> int:
        """Write what is left, with the spans that are still open as ended now by an error, and close the file.

        Args:
            open_spans: they stay as they are.
            now_us: the time; a span that starts later ends when it starts.
            why: the message of their status.
        Returns:
            How many spans were lost, which is also said.
        """
        self.flush()
        self._save(
            (_service(span), span_message(span, (max(now_us, span.start_us), "ERROR", why)))
            for span in open_spans
            if span.flags & SAMPLED
        )
        self._write_unsaved()
        os.close(self._descriptor)
        lost = self._lost + sum([count for _, count in self._unsaved])
        if lost:
            self._say(f"{lost} {'span was' if lost == 1 else 'spans were'} lost: {quoted(self._path)} took no more")
        return lost

    def _save(self, exported: Iterable[Exported]) -> None:
        for line, count in lines(exported, self._resources):
            self._unsaved.append((line, count))
            self._unsaved_bytes += len(line)
            self._write_unsaved()

    def _write_unsaved(self) -> None:
        try:
            while self._unsaved:
                self._append(self._unsaved[0][0])
                self._unsaved_bytes -= len(self._unsaved.popleft()[0])
        except OSError as error:
            if not self._complained:
                self._complained = True
                self._say(f"cannot write {quoted(self._path)}: {error.strerror}; trying again with the next spans")
            while self._unsaved_bytes > UNSAVED_BYTES and len(self._unsaved) > 1:
                line, count = self._unsaved.pop()
                self._unsaved_bytes -= len(line)
                self._lost += count

    def _append(self, line: bytes) -> None:
        data = memoryview(b"\n" + line if self._torn else line)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            if written:
                self._take_back(written)
            raise
        self._torn = False
        self._size += written

    def _take_back(self, written: int) -> None:
        """Cut off the beginning of a line; where that cannot be, the next one starts afresh."""
        try:
            # Of another size, it is no plain file, or somebody else writes to it too.
            if os.fstat(self._descriptor).st_size == self._size + written:
                os.ftruncate(self._descriptor, self._size)
                return
        except OSError:
            pass
        self._torn = True


def _service(span: Span) -> str | None:
    return None if span.origin is None else span.origin.src


def _ends_whole(path: str, size: int) -> bool:
    """Tell whether a file's last line has its end; one that may not be read might have none."""
    if not size:
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.pread(descriptor, 1, size - 1) == b"\n"
    finally:
        os.close(descriptor)

"""Ended spans in a file, for OpenTelemetry's backends.

Owns the exported file: a span is in it, in a whole line, before anybody is told of its end.  What the line says is up to
`otlp.py`.  Imported only where `--export` asks for it.  Trap: a disk can fill up in the middle of a line.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from copy import copy

from ..errors import quoted
from ..trace_context import SAMPLED
from .otlp import Resources, lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Callable

    from ..span import Span
    from .otlp import Line

#: Windows alone would write other ends of lines.
_BINARY = getattr(os, "O_BINARY", 0)
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
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _BINARY, 0o666)
        status = os.fstat(self._descriptor)
        if not stat.S_ISCHR(status.st_mode) and os.path.samestat(status, os.fstat(1)):
            os.close(self._descriptor)
            raise OSError(errno.EBUSY, "it is stdout, which carries the replies alone")
        # The size of the file up to the end of its last whole line, and whether a piece of another one follows.
        self._size = status.st_size
        self._torn = stat.S_ISREG(status.st_mode) and not _ends_whole(path, status.st_size)
        self._resources = Resources(environment, say)
        self._ended: list[Span] = []
        # Lines that the file did not take, and the bytes in them.
        self._unsaved: deque[Line] = deque()
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
            self._save(spans)

    def close(self, open_spans: Iterable[Span], now_us: int, why: str) -> int:
        """Write what is left, and the spans that are still open as ended by an error; close the file.

        Args, Returns: see `Exporter`.
        """
        self.flush()
        self._save(_ended(span, now_us, why) for span in open_spans if span.flags & SAMPLED)
        self._write_unsaved()
        os.close(self._descriptor)
        lost = self._lost + sum([line.spans for line in self._unsaved])
        if lost:
            self._say(f"{lost} {'span was' if lost == 1 else 'spans were'} lost: {quoted(self._path)} took no more")
        return lost

    def _save(self, spans: Iterable[Span]) -> None:
        for line in lines(spans, self._resources):
            self._unsaved.append(line)
            self._unsaved_bytes += len(line.data)
            self._write_unsaved()

    def _write_unsaved(self) -> None:
        try:
            while self._unsaved:
                self._append(self._unsaved[0].data)
                self._unsaved_bytes -= len(self._unsaved.popleft().data)
        except OSError as error:
            if not self._complained:
                self._complained = True
                self._say(f"cannot write {quoted(self._path)}: {error.strerror}; trying again with the next spans")
            while self._unsaved_bytes > UNSAVED_BYTES and len(self._unsaved) > 1:
                line = self._unsaved.pop()
                self._unsaved_bytes -= len(line.data)
                self._lost += line.spans

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
        """Cut off the beginning of a line; where that is impossible, the next line starts with an end of line."""
        try:
            # A file of any other size is no plain file, or somebody else writes to it too.
            if os.fstat(self._descriptor).st_size == self._size + written:
                os.ftruncate(self._descriptor, self._size)
                return
        except OSError:
            pass
        self._torn = True


def _ended(span: Span, now_us: int, why: str) -> Span:
    """Return a copy of an open span that has ended by an error: the span itself is still listed and drawn as open."""
    ended = copy(span)
    ended.end_us = max(now_us, span.start_us)
    ended.status, ended.error = "ERROR", why
    return ended


def _ends_whole(path: str, size: int) -> bool:
    """Tell whether a file ends with a whole line; one that may not be read is taken not to."""
    if not size:
        return True
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(size - 1)
            return file.read(1) == b"\n"
    except OSError:
        return False

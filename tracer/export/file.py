"""Ended spans in a file, for OpenTelemetry's backends.

Owns the exported file: a span is in it, in a whole line, before its sender reads that it has ended.  What the line says
is decided in `otlp.py`.  Imported only where `--export` asks for it.
Traps: a disk can fill up in the middle of a line, and a pipe's reader stop there; the file can be moved away or cut to
nothing while it is written to.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque

from ..machine import append_at_once, open_to_append
from ..machine.streams import PatientWriter
from ..words import count, quote_path
from .otlp import end_copy, write_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Callable

    from ..span import Span
    from .otlp import Line, Resources

#: Spans that the file did not take are kept up to this many bytes of lines; past it new spans are lost.
UNSAVED_BYTES = 1 << 23

_STREAMS = ("stdin, which is read", "stdout, which carries the replies alone", "stderr, which is for sentences")


class FileExporter:
    """Append ended spans to a file.

    Args:
        path: the file; made if there is none.
        resources: of the services.
        say: takes a sentence about what is wrong.
    Raises:
        OSError: it cannot be opened, or is stdin, stdout or stderr.
    """

    def __init__(self, path: str, resources: Resources, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self._resources = resources
        self._take(_open_for_reader(path, say))
        self._ended: list[Span] = []
        # Lines that the file did not take, and the bytes in them.
        self._unsaved: deque[Line] = deque()
        self._unsaved_bytes = 0
        self._lost = 0
        # How many spans were written to a file that could not be closed.
        self._doubtful = 0
        self._is_failing = False

    def add(self, span: Span) -> None:
        """Take an ended span, for the next flush."""
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
        self._save(end_copy(span, now_us, why) for span in open_spans)
        self._write_unsaved()
        self._close()
        lost = self._lost + sum([line.spans for line in self._unsaved])
        if lost:
            self._say(f"{count(lost, 'span', 'was')} lost: {quote_path(self._path)} took no more")
        return lost + self._doubtful

    def is_at(self, path: str) -> bool:
        """Return whether a path leads to this file, by whatever name."""
        try:
            return os.path.samestat(os.stat(path), self._status)
        except OSError:
            return False

    def wait(self) -> int:
        """Wait for nothing: all is written."""
        return 0

    def _save(self, spans: Iterable[Span]) -> None:
        for line in write_lines(spans, self._resources):
            self._unsaved.append(line)
            self._unsaved_bytes += len(line.data)
            self._write_unsaved()

    def _write_unsaved(self) -> None:
        try:
            if self._unsaved:
                self._follow()
            while self._unsaved:
                line = self._unsaved[0]
                self._append(line.data)
                self._written += line.spans
                self._unsaved_bytes -= len(self._unsaved.popleft().data)
        except OSError as error:
            if not self._is_failing:
                self._say(f"cannot write {quote_path(self._path)}: {error.strerror}; trying again with the next spans")
            self._is_failing = True
            while self._unsaved_bytes > UNSAVED_BYTES and len(self._unsaved) > 1:
                line = self._unsaved.pop()
                self._unsaved_bytes -= len(line.data)
                self._lost += line.spans
        else:
            if self._is_failing:
                self._say(f"{quote_path(self._path)} takes spans again")
            self._is_failing = False

    def _follow(self) -> None:
        """Open the file again if its name has come to mean another one, or none: it was moved away or removed."""
        try:
            status = os.stat(self._path)
            if os.path.samestat(status, self._status):
                # It may have been cut to nothing, and others may write to it too.
                self._size = status.st_size
                return
        except OSError:
            pass
        descriptor = _open(self._path)
        self._close()
        self._take(descriptor)

    def _take(self, descriptor: int) -> None:
        """Write to this file from now on."""
        self._descriptor = descriptor
        self._writer = PatientWriter(lambda data: append_at_once(data, descriptor))
        # How much of the first unsaved line a pipe has taken: a reader who goes on gets the rest.
        self._begun = 0
        self._status = os.fstat(descriptor)
        # The size of the file up to the end of its last whole line, and whether a piece of another one follows.
        self._size = self._status.st_size
        self._torn = stat.S_ISREG(self._status.st_mode) and self._size > 0 and not _ends_whole(self._path)
        # How many spans have been written to it.
        self._written = 0

    def _close(self) -> None:
        """Close the file; where that fails, nobody knows which of its spans it keeps."""
        try:
            os.close(self._descriptor)
        except OSError as error:
            self._doubtful += self._written
            self._say(
                f"cannot close {quote_path(self._path)}: {error.strerror}; {self._written} of its spans may be lost"
            )

    def _append(self, line: bytes) -> None:
        data = memoryview(b"\n" + line if self._torn else line)
        try:
            while self._begun < len(data):
                self._begun += self._writer.write(data[self._begun :])
        except OSError as error:
            if self._begun and not isinstance(error, BlockingIOError):
                self._take_back()
            raise
        self._torn = False
        self._size += self._begun
        self._begun = 0

    def _take_back(self) -> None:
        """Cut off the beginning of a line; where that is impossible, the next line starts with an end of line."""
        begun, self._begun = self._begun, 0
        try:
            # A file of any other size is no plain file, or somebody else writes to it too.
            if os.fstat(self._descriptor).st_size == self._size + begun:
                os.ftruncate(self._descriptor, self._size)
                return
        except OSError:
            pass
        self._torn = True


def _open_for_reader(path: str, say: Callable[[str], None]) -> int:
    """Open a file as `_open` does, but wait for the reader of a named pipe, and say so."""
    try:
        return _open(path)
    except OSError as error:
        if error.errno != errno.ENXIO or not stat.S_ISFIFO(os.stat(path).st_mode):
            raise
    say(f"waiting until somebody reads {quote_path(path)}, which is a named pipe")
    return _open(path, waits=True)


def _open(path: str, waits: bool = False) -> int:
    """Open a file to append to, and return its descriptor.

    Raises:
        OSError: it cannot be opened, or is stdin, stdout or stderr; or it is a named pipe that nobody reads, which is not
            to be waited for.
    """
    descriptor = open_to_append(path, waits)
    status = os.fstat(descriptor)
    for standard, what in enumerate(_STREAMS):
        # A terminal may show them all, and nothing is mixed up in the null device.
        if not stat.S_ISCHR(status.st_mode) and os.path.samestat(status, os.fstat(standard)):
            os.close(descriptor)
            raise OSError(errno.EBUSY, f"it is {what}")
    return descriptor


def _ends_whole(path: str) -> bool:
    """Return whether a file ends with a whole line; one that may not be read is taken not to."""
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    except OSError:
        return False

"""Files of spans read back, to be drawn: OTLP's JSON in any of the forms that people have.

Imported only where `--draw` asks for it.  On the way of a file: `text.py` makes text of its bytes, `documents.py` cuts that
into JSON objects, `shapes.py` finds the spans of an object, `spans.py` reads one by the rules of `fields.py`, `keeping.py` keeps
it.  What is not read is counted by `problems.py`.
"""

from __future__ import annotations

import errno
import os
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple

from ..words import quote_path
from .documents import read_documents
from .keeping import KeptSpans
from .problems import Problems
from .shapes import SpanReader
from .text import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Callable

    from ..span import Span
    from .progress import Progress

    Say = Callable[[str], None]


class Found(NamedTuple):
    """What was found in files."""

    #: Each once, in the order in which they were read.
    spans: list[Span]
    #: The attributes of each service's resource, by its name; of several the first one.
    resources: dict[str, Mapping[str, object]]


def read_files(
    paths: list[str], say: Say, keep: Callable[[int], bool] | None = None, progress: Progress | None = None
) -> Found:
    """Read the spans in files.

    Args:
        paths: the files; `-` is stdin.
        say: takes a sentence about each sort of what is not read.
        keep: tells by its id whether a trace is wanted; None for all.
        progress: shows how far the reading is.
    Raises:
        OSError: one of the files cannot be read.
    """
    reading = _Reading(paths, say, keep, progress)
    try:
        for path in paths:
            reading.read(path)
        return reading.finish()
    finally:
        reading.clear_progress()


class _Reading:
    def __init__(
        self, paths: list[str], say: Say, keep: Callable[[int], bool] | None, progress: Progress | None
    ) -> None:
        self._say_last, self._progress = say, progress
        self._reader, self._kept = SpanReader(keep), KeptSpans()
        self._bytes, self._total, self._spans = 0, _measure(paths), 0

    def read(self, path: str) -> None:
        """Read a file; say what of it was not read."""
        problems = Problems()

        def say(sentence: str) -> None:
            self._say(f"{quote_path(path)}: {sentence}")

        for document in read_documents(read_text(path, say, self._count_bytes)):
            problems.line = document.line
            spans = self._reader.read(document, problems)
            self._spans += len(spans)
            for span in spans:
                if span is not None:
                    self._kept.add(span, document.characters // len(spans))
        for sentence in problems.list_sentences():
            say(sentence)

    def finish(self) -> Found:
        """Return what was found."""
        found = Found(self._kept.finish(), self._reader.resources)
        for sentence in self._kept.list_sentences():
            self._say(sentence)
        return found

    def clear_progress(self) -> None:
        """Leave nothing of the progress behind."""
        if self._progress is not None:
            self._progress.clear()

    def _say(self, sentence: str) -> None:
        self.clear_progress()
        self._say_last(sentence)

    def _count_bytes(self, number: int) -> None:
        self._bytes += number
        if self._progress is not None:
            self._progress.show(self._bytes, self._total, self._spans)


def _measure(paths: list[str]) -> int:
    """Return how many bytes there are in all; 0 where that is not known."""
    total = 0
    for path in paths:
        if path == "-":
            return 0
        status = os.stat(path)
        if S_ISDIR(status.st_mode):
            # Windows would say that it is not permitted to read it.
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not S_ISREG(status.st_mode):
            return 0
        total += status.st_size
    return total

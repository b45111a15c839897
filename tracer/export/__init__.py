"""Ended spans for OpenTelemetry's backends: the format, and where it goes.

`export_spans` is for Python code; the command uses `open_exporter`.  An exporter is whatever has the methods of `Exporter`.
Read next: `otlp.py` for the format, `file.py` for a file, `http.py` for a URL.
"""

from __future__ import annotations

import os
import re
import sys

from ..trace_context import SAMPLED
from ..words import quote_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Callable, Protocol

    from ..keeper import SpanKeeper
    from ..span import Span
    from .environment import Settings
    from .file import FileExporter
    from .otlp import Resources

    class Exporter(Protocol):
        """Takes ended spans, of sampled traces alone, somewhere."""

        def add(self, span: Span) -> None:
            """Take an ended span, for the next flush."""

        def flush(self) -> None:
            """Send the spans that were added; it is called before their senders read that they have ended."""

        def close(self, open_spans: Iterable[Span], now_us: int, why: str) -> int:
            """Send what is left, and the spans that are still open as ended by an error; nothing is added after this.

            No backend is waited for.

            Args:
                open_spans: these objects stay open; what is sent says otherwise.
                now_us: when they end; one that starts later ends when it starts.
                why: the message of their status.
            Returns:
                How many spans were lost, as far as that is known; the exporter has said so itself.
            """

        def wait(self) -> int:
            """Wait until what is under way has come to its end; return how many more spans were lost."""


# What is meant for a URL, right or wrong; a file of such a name is called ./http:...
_URL = re.compile(r"https?:|[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# What was probably meant for a URL: localhost, host:port and //host.  But one letter before a colon is a drive of Windows, and
# //tmp/file is a path.
_ADDRESS = re.compile(r"localhost|//[^/\\]+|(//)?([\w.-]{2,}|\[[^/]+\]):(?P<port>[0-9]+)(/.*)?", re.IGNORECASE)


def _say(sentence: str) -> None:
    sys.stderr.write(f"tracer: {sentence}\n")


def export_spans(
    spans: SpanKeeper,
    *destinations: str | os.PathLike[str],
    environment: Mapping[str, str] | None = None,
    say: Callable[[str], None] = _say,
) -> Export:
    """Export the spans of a manager, each when it ends, until the export is closed; best used as a `with` block.

    Args:
        spans: a `SpanManager`.
        destinations: files, which are appended to, and URLs of OpenTelemetry backends, `http://localhost:4318` for one.
        environment: what OpenTelemetry's variables are read from, `OTEL_SERVICE_NAME` among them; None for this process's own.
        say: takes a sentence about what is wrong; left out, stderr has it.  A backend's thread calls it too.
    Raises:
        ValueError: one of the destinations cannot be opened, and it says which and why; or there is none.
    """
    if not destinations:
        raise ValueError("export_spans needs a destination, a file or a URL")
    variables = os.environ if environment is None else environment
    return Export(spans, open_exporter([os.fspath(place) for place in destinations], variables, say))


class Export:
    """What a manager keeps, on its way out from the end of each span on; `close`, or the end of a `with` block, ends that."""

    def __init__(self, spans: SpanKeeper, exporter: Exporter) -> None:
        self._spans = spans
        self._exporter = exporter
        self._is_open = True
        spans.listeners.append(self._export)

    def __enter__(self) -> Export:
        if not self._is_open:
            raise ValueError("this export is closed")
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> int:
        """Send what is left, and the spans that are still open as ended by an error, though here they stay open.

        Returns:
            How many spans were lost; `say` was given the reasons.  From the second call on 0.
        """
        if not self._is_open:
            return 0
        self._is_open = False
        spans, exporter = self._spans, self._exporter
        spans.listeners.remove(self._export)
        lost = exporter.close(spans.open_spans(), spans.clock.now_us, "still open when the export ended")
        return lost + exporter.wait()

    def _export(self, span: Span) -> None:
        self._exporter.add(span)
        self._exporter.flush()


def open_exporter(
    destinations: list[str], environment: Mapping[str, str], say: Callable[[str], None], folder: str = ""
) -> Exporter:
    """Open what ended spans go to.

    Args:
        destinations: files and URLs.
        environment: what OpenTelemetry's variables are read from.
        say: takes a sentence about what is wrong.
        folder: where relative files are; left out, the current one.
    Raises:
        ValueError: one of them cannot be opened; it says so in a sentence.
    """
    from .otlp import Resources

    urls = [place for place in destinations if _URL.match(place)]
    paths = [place for place in destinations if place not in urls]
    for path in paths:
        _refuse_address(path)
    resources = Resources(environment, say)
    # Files first: they have their spans before anybody waits for a backend.
    exporters: list[Exporter] = [*_open_files([os.path.join(folder, path) for path in paths], resources, say)]
    if urls:
        from .environment import read_settings

        settings = read_settings(environment, say)
        exporters += [_open_url(url, settings, resources, say) for url in urls]
    return Exporters(exporters)


def _refuse_address(path: str) -> None:
    """Raise a `ValueError` for a path that was probably meant for a URL."""
    found = _ADDRESS.fullmatch(path)
    if found is None:
        return
    url = "http://" + path.lstrip("/") + ("" if found["port"] else ":4318")
    # Two slashes at the beginning are one.
    file = path[1:] if path.startswith("/") else "./" + path
    advice = quote_path(f"write {url}; a file of that name is {file}")[1:-1]
    raise ValueError(f"cannot export to {quote_path(path)}: {advice}")


def _open_files(paths: list[str], resources: Resources, say: Callable[[str], None]) -> list[FileExporter]:
    """Open files, each once by whatever names it is given."""
    files: list[FileExporter] = []
    for path in paths:
        if not any(file.is_at(path) for file in files):
            files.append(_open_file(path, resources, say))
    return files


def _open_file(path: str, resources: Resources, say: Callable[[str], None]) -> FileExporter:
    from .file import FileExporter

    try:
        return FileExporter(path, resources, say)
    except OSError as error:
        raise ValueError(f"cannot export to {quote_path(path)}: {error.strerror}") from None


def _open_url(url: str, settings: Settings, resources: Resources, say: Callable[[str], None]) -> Exporter:
    from .http import HttpExporter

    try:
        return HttpExporter(url, settings, resources, say)
    except ValueError as error:
        # A URL may hold a password, so it is not shown.
        raise ValueError(f"cannot export to the URL: {error}") from None


class Exporters:
    """Several exporters, or one, as one; each method does what it does in `Exporter`, with each of them.

    A span whose trace is not sampled goes no further.
    """

    def __init__(self, exporters: list[Exporter]) -> None:
        self._exporters = exporters

    def add(self, span: Span) -> None:
        """Take an ended span."""
        if span._flags & SAMPLED:
            for exporter in self._exporters:
                exporter.add(span)

    def flush(self) -> None:
        """Send the spans that were added."""
        for exporter in self._exporters:
            exporter.flush()

    def close(self, open_spans: Iterable[Span], now_us: int, why: str) -> int:
        """Send what is left; return how many spans were lost, once for each way that one was lost on."""
        spans = [span for span in open_spans if span.flags & SAMPLED]
        return sum([exporter.close(spans, now_us, why) for exporter in self._exporters])

    def wait(self) -> int:
        """Wait for all; each has its own thread and began its end with the others, so a dead one takes no time from another."""
        return sum([exporter.wait() for exporter in self._exporters])

"""Ended spans for OpenTelemetry's backends: the format, and where it goes.

An exporter is whatever has the three methods of `Exporter`.  Read next: `otlp.py` for the format, `file.py` for a file.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from ..span import Span

    class Exporter(Protocol):
        """Takes ended spans somewhere."""

        def add(self, span: Span) -> None:
            """Take an ended span, for the next flush."""

        def flush(self) -> None:
            """Send the spans that were added; the node calls it before it tells anybody that they have ended."""

        def close(self, open_spans: Iterable[Span], now_us: int, why: str) -> int:
            """Send what is left, and the spans that are still open as ended by an error; nothing comes after this.

            Args:
                open_spans: these objects stay open; what is sent says otherwise.
                now_us: when they end; one that starts later ends when it starts.
                why: the message of their status.
            Returns:
                How many spans were lost; the exporter has said so itself.
            """

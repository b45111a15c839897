"""Spans as pictures in a terminal; loaded only where one is asked for, for the tables of Unicode take time to load."""

from __future__ import annotations

from ..errors import quoted_path
from .waterfall import drawn_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ..manager import SpanManager
    from ..process.screen import Screen


def draw_kept(manager: SpanManager, screen: Screen, with_details: bool) -> None:
    """Draw the spans that a manager keeps, the open ones up to now."""
    spans = [*manager.ended_spans(), *manager.open_spans()]
    screen.write(drawn_for(screen, spans, manager.clock.now_us, with_details))


def picture_of_files(paths: list[str], with_details: bool, say: Callable[[str], None]) -> bytes:
    """Draw the spans in files of OTLP JSON lines, for stdout; open ones last up to the latest time there is.

    Raises:
        ValueError: one of the files cannot be read; it says so in a sentence.
    """
    from ..export.reading import spans_in
    from ..process.screen import Screen

    try:
        spans = spans_in(paths, say)
    except OSError as error:
        raise ValueError(f"cannot read {quoted_path(str(error.filename))}: {error.strerror}") from None
    screen = Screen(1)
    now_us = max([span.end_us or span.start_us for span in spans], default=0)
    return screen.encoded(drawn_for(screen, spans, now_us, with_details))

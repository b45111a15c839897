"""Spans as pictures in a terminal; loaded only where one is asked for, because the tables of Unicode load slowly."""

from __future__ import annotations

from ..words import quote_path
from .waterfall import render_for_screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ..machine.screen import Screen
    from ..manager import SpanManager


def draw_kept(manager: SpanManager, now_us: int, screen: Screen, with_details: bool) -> None:
    """Draw the spans that a manager keeps on a screen, the open ones up to a time."""
    spans = [*manager.ended_spans(), *manager.open_spans()]
    screen.write(render_for_screen(screen, spans, now_us, with_details))


def render_files(paths: list[str], with_details: bool, say: Callable[[str], None]) -> bytes:
    """Draw the spans in files of OTLP JSON lines; return the picture in bytes for stdout.

    Spans without an end are drawn up to the latest time in the files.

    Raises:
        ValueError: one of the files cannot be read; the message is a sentence that says which and why.
    """
    from ..export.reading import read_spans
    from ..machine.screen import Screen

    try:
        spans = read_spans(paths, say)
    except OSError as error:
        raise ValueError(f"cannot read {quote_path(str(error.filename))}: {error.strerror}") from None
    screen = Screen(1)
    now_us = max([span.end_us or span.start_us for span in spans], default=0)
    return screen.encode(render_for_screen(screen, spans, now_us, with_details))

"""Spans as pictures in a terminal; loaded only where one is asked for, because the tables of Unicode load slowly.

`draw` is for Python code; the command uses the others.
"""

from __future__ import annotations

import os
from operator import attrgetter

from ..words import quote_path
from .choice import Choice
from .waterfall import NARROWEST, USUAL, render, render_for_screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Callable

    from ..keeper import SpanKeeper
    from ..machine.screen import Screen
    from ..span import Span

__all__ = ["Choice", "draw", "draw_kept", "render_files"]


def draw(
    spans: Iterable[Span],
    *,
    now_us: int | None = None,
    width: int = USUAL,
    unicode: bool = True,
    colour: bool = False,
    details: bool = False,
) -> str:
    """Draw spans, those of a `SpanManager` for one: `print(draw(spans.ended_spans()), end="")`.

    Args:
        spans: in any order, of any number of traces.
        now_us: up to when open spans are drawn, in microseconds since the Unix epoch; left out, up to the latest time in them all.
        width: columns; no line is wider, but no picture is narrower than 20.
        unicode: draw with block characters; else in ASCII alone.
        colour: draw with the colours of a terminal.
        details: list below each span what it has.
    Returns:
        Lines, each with its end.
    """
    spans = list(spans)
    until_us = _find_latest(spans) if now_us is None else now_us
    return render(spans, until_us, max(width, NARROWEST), unicode, colour, Choice(details))


def draw_kept(manager: SpanKeeper, now_us: int, screen: Screen, choice: Choice) -> None:
    """Draw the spans that a manager keeps on a screen, the open ones up to a time."""
    spans = [*manager.ended_spans(), *manager.open_spans()]
    screen.write(render_for_screen(screen, spans, now_us, choice))


def render_files(paths: list[str], choice: Choice, say: Callable[[str], None]) -> bytes:
    """Draw the spans in files of OTLP's JSON; return the picture in bytes for stdout, none where no trace is the one that was asked for.

    Spans without an end are drawn up to the latest time in the files.

    Raises:
        ValueError: one of the files cannot be read; the message is a sentence that says which and why.
    """
    from ..machine.screen import Screen
    from ..reading import read_files
    from ..reading.progress import Progress

    paths = [found for path in paths for found in _expand(path)]
    try:
        found = read_files(paths, say, choice.keep, Progress(Screen(2)))
        elsewhere = _read_linked(paths, found.spans) if choice.with_details and choice.keep else []
    except OSError as error:
        raise ValueError(f"cannot read {quote_path(str(error.filename))}: {error.strerror}") from None
    if choice.keep is not None and not found.spans:
        say(choice.explain_nothing())
        return b""
    screen = Screen(1)
    spans = [*found.spans, *elsewhere]
    return screen.encode(render_for_screen(screen, spans, _find_latest(found.spans), choice, found.resources))


def _expand(path: str) -> list[str]:
    from ..machine import expand_pattern

    found = expand_pattern(path)
    if not found:
        raise ValueError(f"cannot read {quote_path(path)}: no file matches this pattern")
    return found


def _read_linked(paths: list[str], spans: Sequence[Span]) -> list[Span]:
    """Read the other traces that some spans have links to, for their names; a pipe cannot be read again."""
    from ..reading import read_files

    linked = {link.context.trace_id for span in spans for link in span.links} - {span.trace_id for span in spans}
    files = [path for path in paths if os.path.isfile(path)]
    return read_files(files, lambda sentence: None, linked.__contains__).spans if linked and files else []


def _find_latest(spans: Sequence[Span]) -> int:
    """Return the latest time of some spans, in microseconds; 0 where none is open, for then nobody asks."""
    if None not in map(attrgetter("_end_us"), spans):
        return 0
    # Each third part of the events is a time.
    latest: int = max([max(span._start_us, span._end_us or 0, *span._events[1::3]) for span in spans])
    return latest

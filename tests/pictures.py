"""Pictures of the spans that a node keeps after some messages: what the tests of pictures share."""

from __future__ import annotations

import re
from unicodedata import category, east_asian_width

from tests import helpers
from tracer.picture.choice import Choice
from tracer.picture.waterfall import render


def draw(
    *messages: dict,
    width: int = 60,
    unicode: bool = True,
    colour: bool = False,
    details: bool = False,
    trace: str | None = None,
    last: int | None = None,
) -> str:
    """Draw the spans that a fresh node keeps after some messages; each must be accepted."""
    session = helpers.Session()
    for message in messages:
        session.tell(**message)
    if session.complaints:
        raise ValueError(session.complaints)
    spans = [*session.manager.ended_spans(), *session.manager.open_spans()]
    return render(spans, session.manager.clock.now_us, width, unicode, colour, Choice(details, trace, last))


def create(span_id: str, name: str | None = None, at: int | None = None, **fields: object) -> dict:
    """Make a `create_span`; its name is its id unless given."""
    return {"type": "create_span", "span_id": span_id, "name": name or span_id, "timestamp_us": at, **fields}


def end(span_id: str, at: int | None = None) -> dict:
    """Make a `span_end`."""
    return {"type": "span_end", "span_id": span_id, "timestamp_us": at}


def event(span_id: str, at: int, name: str = "e") -> dict:
    """Make a `span_event`."""
    return {"type": "span_event", "span_id": span_id, "event": name, "timestamp_us": at}


def strip_colour(text: str) -> str:
    """Take the escape sequences for colour out."""
    return re.sub(r"\x1b\[[0-9;]+m", "", text)


def count_columns(text: str) -> int:
    """Count the columns that a text takes in a terminal."""
    return sum(0 if category(char) in ("Mn", "Me") else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def split_lines(text: str) -> list[str]:
    """Split a picture at the ends of its lines, and at nothing else."""
    return text.split("\n")[:-1]


def make_chain(count: int, own_trace: bool = False) -> list[dict]:
    """Make spans, each the child of the one before, or each a trace of its own."""
    spans = [create("s0", at=0)]
    spans += [create(f"s{i}", at=i, parent_span_id=None if own_trace else f"s{i - 1}") for i in range(1, count)]
    return spans + [end(f"s{i}", at=2 * count) for i in range(count)]

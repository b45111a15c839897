"""What goes in: the task's lifecycle and Maelstrom's echo, as many as wanted.

Owns the lines and nothing else.  Every function makes whole lines, as bytes; span numbers go on from `first`, since the
node counts all spans that it has made.
"""

from __future__ import annotations

NAME = "GET /api/users/123"

INIT = b'{"id":0,"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0"],"msg_id":1}}\n'
#: Bare and of any node's understanding; its reply shows that everything before it has been served.
MARK = b'{"type":"echo","echo":"mark"}\n'
#: What the reply to `MARK` holds, and no other reply.
MARK_ANSWERED = b'"echo": "mark"'


def create(number: int, fields: str = "") -> str:
    """Create the span of that number; `fields` are more of its, as JSON has them after a comma."""
    body = f'{{"type":"create_span","msg_id":{number},"name":"{NAME}"{fields}}}'
    return f'{{"src":"service","dest":"tracer","body":{body}}}\n'


def event(number: int) -> str:
    """Tell it one event."""
    return f'{{"type":"span_event","span_id":"span{number}","event":"db.query"}}\n'


def end(number: int) -> str:
    """End it."""
    return f'{{"type":"span_end","span_id":"span{number}","status":"OK"}}\n'


def lifecycles(spans: int, first: int = 1) -> bytes:
    """Make one span after the other: the task's three lines each."""
    return "".join(create(n) + event(n) + end(n) for n in range(first, first + spans)).encode()


def opened(spans: int, first: int = 1, fields: str = "") -> bytes:
    """Open spans, an event each; `fields` are more of each creation's, as JSON has them after a comma."""
    return "".join(create(n, fields) + event(n) for n in range(first, first + spans)).encode()


def all_at_once(spans: int) -> bytes:
    """Create all, then tell each its event, then end all."""
    numbers = range(1, spans + 1)
    return "".join(step(n) for step in (create, event, end) for n in numbers).encode()


def relayed(rounds: int, open_spans: int, first: int) -> bytes:
    """Keep as many spans open: each round of three lines opens one, tells it an event, and ends the oldest."""
    numbers = range(first, first + rounds)
    return "".join(create(n) + event(n) + end(n - open_spans) for n in numbers).encode()


def events(spans: int, each: int, first: int = 1) -> bytes:
    """Tell open spans several events each."""
    return "".join(event(n) * each for n in range(first, first + spans)).encode()


def echo(number: int) -> bytes:
    """Make one of Maelstrom's echo requests."""
    return (
        f'{{"id":{number},"src":"c1","dest":"n0","body":'
        f'{{"type":"echo","echo":"Please echo {number % 128}","msg_id":{number}}}}}\n'
    ).encode()


def echoes(count: int) -> bytes:
    """Make an `init` and echo requests after it."""
    return INIT + b"".join(map(echo, range(1, count + 1)))

"""Hostile input, made from a seed, and the check of what may come back; for the fuzzers of both rings."""

from __future__ import annotations

import json
from random import Random

from tests.sessions import BAD_LINES, random_session
from tracer import replies

#: What a reply may be.
TYPES = (*replies.TYPES.values(), replies.ERROR)
CODES = (10, 11, 12, 20, 21, 22)
#: Pieces of JSON and of what is nearly JSON.
TOKENS = (
    *b'{}[],:"\\0-.eE \t\r', b"true", b"null", b"NaN", b"1e999", b"\xff", b"\xc3\xa9", b"\xed\xa0\x80",
    b"\xf0\x9f\x98", b"\x00",
    b"\xef\xbb\xbf", b"\\ud83d", b"\\u0000", b'"type"', b'"msg_id":', b'"span_id":', b'"body":', b'"span1"',
    b'"in_reply_to":',
    b"[" * 150, b"]" * 150, b"9" * 5000,
)  # fmt: skip


def random_line(random: Random) -> bytes:
    """Make a line of any bytes, none of them its end."""
    if random.random() < 0.5:
        pieces = [random.choice(TOKENS) for _ in range(random.randrange(12))]
        line = b"".join(bytes([piece]) if isinstance(piece, int) else piece for piece in pieces)
    else:
        line = random.getrandbits(8 * 40).to_bytes(40, "big")[: random.randrange(41)]
    return line.replace(b"\n", b"")


def mutated_line(random: Random, line: bytes) -> bytes:
    """Spoil a good line in one to three places."""
    spoilt = bytearray(line)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(spoilt) + 1)
        way = random.randrange(4)
        if way == 0:
            del spoilt[at : at + random.randrange(1, 9)]
        elif way == 1:
            token = random.choice(TOKENS)
            spoilt[at:at] = bytes([token]) if isinstance(token, int) else token
        elif way == 2:
            spoilt[at : at + 1] = bytes([random.randrange(256)])
        else:
            start = random.randrange(len(spoilt) + 1)
            spoilt[at:at] = spoilt[start : start + 20]
    return bytes(spoilt).replace(b"\n", b"")


def good_lines(seed: int) -> list[bytes]:
    """Give the lines of a random session, for a fuzzer to spoil."""
    return [line for line in random_session(seed).data.split(b"\n") if line not in BAD_LINES]


def fault_of(reply: str) -> str | None:
    """Say what is wrong with a line that the node wrote; None if it is a message that a node may write."""
    try:
        message = json.loads(reply, parse_constant=_refused, object_pairs_hook=_once)
    except ValueError as error:
        return f"not strict JSON: {error}"
    if not reply.isascii() or reply != json.dumps(message):
        return "not written as json.dumps writes"
    body = message.get("body", message)
    if body is not message and list(message) != ["src", "dest", "body"]:
        return f"the envelope has the keys {list(message)}"
    if body.get("type") not in TYPES:
        return f"of no known type: {body.get('type')}"
    if body["type"] == "error" and (body["code"] not in CODES or not body["text"]):
        return f"no error that a message can cause: {body}"
    return None


def _refused(literal: str) -> None:
    raise ValueError(literal)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key is given twice")
    return dict(pairs)

"""Two million messages of every kind through the real process: its memory is flat at the end."""

from __future__ import annotations

import unittest
from itertools import count

from tests.oracles import skip_unless_outer
from tests.oracles.flood import Flood, skip_unless_proc

skip_unless_outer()
skip_unless_proc()

MESSAGES = 2_000_000
FEW, MANY = 50_000, 400_000
#: What memory may grow by where it is flat; allocators are never quite still.
SLACK_BYTES = 2 << 20

#: The lives of three spans, and messages that fail or are about no span; `%(n)d` makes each unlike any other.
ROUND = """\
{"src": "c%(n)d", "dest": "t", "body": {"type": "create_span", "msg_id": %(n)d, "name": "name %(n)d", "kind": "SERVER", "span_id": "a%(n)d", "attributes": {"k%(n)d": "v%(n)d"}}}
{"type": "create_span", "name": "child %(n)d", "span_id": "b%(n)d", "parent_span_id": "a%(n)d", "links": [{"span_id": "a%(n)d"}]}
{"type": "span_event", "span_id": "a%(n)d", "event": "event %(n)d", "attributes": {"e%(n)d": [%(n)d, "x"]}}
{"type": "span_event", "span_id": "b%(n)d", "event": "event %(n)d"}
{"type": "span_link", "span_id": "b%(n)d", "link": {"traceparent": "00-%(n)032x-%(n)016x-01", "attributes": {"l%(n)d": %(n)d}}}
{"type": "span_update", "span_id": "a%(n)d", "name": "renamed %(n)d", "attributes": {"u%(n)d": 1.5}}
{"type": "get_span", "span_id": "a%(n)d", "msg_id": %(n)d}
{"type": "span_update", "span_id": "unknown %(n)d", "name": "x", "msg_id": %(n)d}
{"type": "unknown %(n)d", "msg_id": 1}
{"type": "span_event", "span_id": "b%(n)d", "event": "", "msg_id": %(n)d}
malformed %(n)d
{"type": "echo", "echo": {"k%(n)d": "v%(n)d"}, "msg_id": %(n)d}
{"type": "generate", "msg_id": %(n)d}
{"src": "c%(n)d", "dest": "t", "body": {"type": "echo", "in_reply_to": %(n)d}}
{"type": "span_end", "span_id": "a%(n)d", "status": "OK", "msg_id": %(n)d}
{"type": "span_event", "span_id": "a%(n)d", "event": "late %(n)d", "msg_id": %(n)d}
{"type": "span_error", "span_id": "b%(n)d", "error": "error %(n)d", "attributes": {"x%(n)d": null}}
{"type": "create_span", "name": "open for long %(n)d", "span_id": "c%(n)d"}
{"type": "span_end", "span_id": "c%(long_ago)d"}
{"type": "get_span", "span_id": "b%(n)d", "msg_id": %(n)d}
"""  # noqa: E501 - a message is one line
PER_ROUND = ROUND.count("\n")
ROUNDS_AT_ONCE = 1000
#: For how many rounds the third span of a round stays open.
LONG = 5_000


class SoakTests(unittest.TestCase):
    """Memory does not depend on how much has gone through."""

    def setUp(self):
        self.replies = 0
        self.flood = Flood(self.count)
        self.addCleanup(self.flood.close)

    def count(self, reply: bytes) -> None:
        """Count a reply, and look at a few of them."""
        self.replies += 1
        if not (reply.startswith(b"{") and reply.endswith(b"}")):
            raise AssertionError(f"no message: {reply!r}")

    def test_two_million_mixed_messages_leave_memory_flat(self):
        """Over the last third of two million messages of every kind the memory grows by less than 2 MiB."""
        numbers = count(1)
        sizes = []
        for _ in range(MESSAGES // PER_ROUND // ROUNDS_AT_ONCE):
            rounds = (ROUND % {"n": n, "long_ago": n - LONG} for n in (next(numbers) for _ in range(ROUNDS_AT_ONCE)))
            self.flood.send("".join(rounds).encode())
            self.flood.catch_up()
            sizes.append(self.flood.memory_bytes())
        code, said = self.flood.finish()
        last_third = sizes[len(sizes) * 2 // 3 :]

        self.assertLess(max(last_third) - last_third[0], SLACK_BYTES, [size >> 10 for size in sizes])
        self.assertEqual(code, 0)
        self.assertNotIn(b"Traceback", said)
        self.assertGreater(self.replies, MESSAGES // 2)

    def test_many_ended_spans_leave_no_more_memory_than_few(self):
        """400,000 spans that ended take at most 2 MiB more than 50,000 of them."""
        sizes = {}
        for number in range(1, MANY + 1):
            self.flood.send(
                b'{"type": "create_span", "name": "name %d", "span_id": "s%d"}\n'
                b'{"type": "span_event", "span_id": "s%d", "event": "event %d", "attributes": {"k%d": 1}}\n'
                b'{"type": "span_end", "span_id": "s%d"}\n' % ((number,) * 6)
            )
            if number in (FEW, MANY):
                self.flood.catch_up()
                sizes[number] = self.flood.memory_bytes()

        self.assertEqual(self.replies, MANY)
        self.assertLess(sizes[MANY] - sizes[FEW], SLACK_BYTES)

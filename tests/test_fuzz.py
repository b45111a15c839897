"""Fuzzing in process, seeded and bounded: whatever comes in, the node lives on and what it keeps stays sound.

Owns the short runs; longer ones, millions of lines through the real process, and Hypothesis, are in `tests/oracles/`.
"""

from __future__ import annotations

import gc
import json
import sys
import unittest
from random import Random
from typing import Any

from tests.fuzzing import fault_of, good_lines, mutated_line, random_line
from tests.helpers import Session, serve_lines, without_end
from tests.sessions import BAD_LINES
from tracer import CountedIds, Limits, LineBuffer, Node, SimulatedClock, Span, SpanManager
from tracer.replies import describe_span

PROBE = b'{"type": "echo", "echo": "alive", "msg_id": 1}'
BOUND = 3


class Fuzzed:
    """A node with small bounds that is judged after each line."""

    def __init__(self, case: unittest.TestCase, max_line_bytes: int = 1 << 20) -> None:
        limits = Limits(
            open_spans=5, ended_spans=5, attributes=BOUND, event_attributes=BOUND, link_attributes=BOUND,
            events=BOUND, links=BOUND
        )  # fmt: skip
        self.case = case
        self.complaints: list[str] = []
        self.manager = SpanManager(limits, SimulatedClock(), CountedIds())
        self.node = Node(self.manager, lambda line, sentence: self.complaints.append(sentence))
        self.buffer = LineBuffer(max_line_bytes)
        #: What each ended span was when it ended.
        self.ended: dict[int, tuple[Span, dict[str, Any]]] = {}
        self.answered = 0

    def feed(self, data: bytes) -> None:
        """Take bytes, and judge the reply to each line in them."""
        lines = self.buffer.feed(data)
        for reply in serve_lines(self.node, lines):
            self.answered += 1
            self.case.assertIsNone(fault_of(without_end(reply)), f"{lines!r}: {reply}")

    def judge(self) -> None:
        """Check that the node answers, that nothing was a bug, and that every span obeys its life."""
        alive = json.loads(self.node.answer(PROBE))
        self.case.assertEqual(alive.get("body", alive)["echo"], "alive")
        self.case.assertNotIn("Traceback", "".join(self.complaints))
        self.complaints.clear()
        opened, ended = self.manager.open_spans(), self.manager.ended_spans()
        self.case.assertLessEqual(max(len(opened), len(ended)), 5)
        self.case.assertEqual(len({span.span_id for span in opened + ended}), len(opened + ended))
        for span in opened:
            shown = self.picture(span)
            self.case.assertEqual((shown["status"], shown["end_us"], "error" in shown), ("UNSET", None, False))
        for span in ended:
            shown = self.picture(span)
            self.case.assertEqual(shown["duration_us"], shown["end_us"] - shown["start_us"])
            self.case.assertGreaterEqual(shown["duration_us"], 0)
            # The span is kept beside its picture, so that no other can have its address.
            self.case.assertEqual(self.ended.setdefault(id(span), (span, shown))[1], shown)

    def picture(self, span: Span) -> dict[str, Any]:
        """Describe a span as `get_span_ok` does, and check its bounds."""
        shown: dict[str, Any] = json.loads(json.dumps(describe_span(span)))
        self.case.assertLessEqual(max(len(shown[part]) for part in ("attributes", "events", "links")), BOUND)
        return shown


class FuzzTests(unittest.TestCase):
    """Any input leaves the node whole."""

    #: How many hundreds of lines of any bytes come, and the sessions that are spoilt.
    HUNDREDS, SEEDS = 30, 6

    def test_any_bytes_get_a_message_or_nothing(self):
        """Any bytes: at most one reply a line, strict JSON of a known type, never an exception; spans stay sound."""
        random = Random(1)
        fuzzed = Fuzzed(self)
        for _ in range(self.HUNDREDS):
            fuzzed.feed(b"".join(random_line(random) + b"\n" for _ in range(100)))
            fuzzed.judge()

        self.assertEqual(fuzzed.manager.ended_spans(), [])

    def test_spoilt_messages_get_a_message_or_nothing(self):
        """Good messages with a few wrong bytes: as for any bytes, and the good ones among them are served."""
        random = Random(2)
        kept = 0
        for seed in range(self.SEEDS):
            fuzzed = Fuzzed(self)
            for line in good_lines(seed) * 2:
                fuzzed.feed((mutated_line(random, line) if random.random() < 0.4 else line) + b"\n")
                fuzzed.judge()
            kept += len(fuzzed.manager.open_spans()) + len(fuzzed.manager.ended_spans())

        self.assertGreater(kept, self.SEEDS)

    def test_bytes_in_pieces_leave_no_line_behind(self):
        """Any bytes in pieces of any size, under a short bound: a good line after them is the next one answered."""
        random = Random(3)
        fuzzed = Fuzzed(self, max_line_bytes=100)
        for number in range(1, 301):
            data = b"".join(random_line(random) + random.choice((b"", b"\n")) for _ in range(10)) + b"\n"
            while data:
                size = random.choice((1, 2, 30, 1000))
                fuzzed.feed(data[:size])
                data = data[size:]
            fuzzed.answered = 0
            fuzzed.feed(PROBE + b"\r\n")

            self.assertEqual(fuzzed.answered, 1, f"round {number}")
        fuzzed.judge()


class DeepCallerTests(unittest.TestCase):
    """A node that is called from deep within a program."""

    def answer(self, line: str, frames: int) -> list[str]:
        """Have a line served from so many frames further down; return what is said of it."""
        if frames:
            return self.answer(line, frames - 1)
        talk = Session()
        talk.line(line)
        return talk.complaints

    def test_brackets_beyond_the_stack_are_refused(self) -> None:
        """Brackets that never close are refused, also where the scanner has no room to follow them."""
        frames = sys.getrecursionlimit() - 350

        self.assertTrue(self.answer("[" * 399, frames)[0].startswith("an array at column 1"))


@unittest.skipUnless(hasattr(sys, "getrefcount"), "this Python counts no references: its collector frees cycles too")
class CycleTests(unittest.TestCase):
    """The process runs with the collector of cycles off, so a message that left one would leak."""

    SEEDS = 10

    def test_no_line_leaves_a_cycle(self):
        """After good, spoilt and malformed lines the collector finds nothing to free."""
        random, fuzzed = Random(4), [Fuzzed(self) for _ in range(self.SEEDS)]
        fuzzed[0].feed(b"x\n")  # loads what only a bad line needs
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        for seed, each in enumerate(fuzzed):
            lines = [mutated_line(random, line) if random.random() < 0.4 else line for line in good_lines(seed)]
            # Some bad line ends what is read at once, where the last error would live on.
            each.feed(b"\n".join([*lines, random.choice(BAD_LINES), b""]))

        self.assertEqual(gc.collect(), 0)


class FaultTests(unittest.TestCase):
    """The judge of a reply sees what is wrong with one."""

    def test_fault_of_a_wrong_line_is_told(self):
        """What no node may write is called a fault, and a good reply is not."""
        wrong = {
            "not JSON": "{",
            "NaN": '{"type": "echo_ok", "echo": NaN}',
            "a key twice": '{"type": "init_ok", "type": "init_ok"}',
            "no space": '{"type":"init_ok"}',
            "not ASCII": '{"type": "echo_ok", "echo": "\u00e9"}',
            "unknown": '{"type": "x"}',
            "a bug": '{"type": "error", "code": 13, "text": "x"}',
            "no text": '{"type": "error", "code": 12, "text": ""}',
            "a key too many": '{"src": "a", "dest": "b", "id": 1, "body": {"type": "init_ok"}}',
        }
        for name, line in wrong.items():
            with self.subTest(name):
                self.assertIsNotNone(fault_of(line))
        self.assertIsNone(fault_of('{"src": "a", "dest": "b", "body": {"type": "echo_ok", "echo": "\\u00e9"}}'))

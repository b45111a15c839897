"""What is wrong with a line: a spread message is reported once, every cut of a good line, and no other verdict than JSON's.

The words of each sentence are in `test_sentences.py`.
"""

from __future__ import annotations

import json
import re
import time
import unittest
from random import Random

from tests.fuzzing import good_lines, mutated_line, random_line
from tracer import Node, SpanManager
from tracer.lines import read
from tracer.malformed import Malformed

GOES_ON, ARROW, COMMENT, AN_ARRAY = "the message goes on after", "an arrow at", "a comment at", "an array at"
GOOD = '{"type": "echo", "echo": 1}'


def complaints_about(*lines: str | bytes) -> list[tuple[int, str]]:
    """Return the numbers of the lines that a node complains of, and how each sentence begins."""
    complaints: list[tuple[int, str]] = []
    node = Node(SpanManager(), lambda *complaint: complaints.append(complaint))
    for line in lines:
        node.answer(line)
    return complaints


class RunTests(unittest.TestCase):
    """Lines that belong together are reported once."""

    def check(self, lines: list[str] | list[bytes], *expected: tuple[int, str]) -> None:
        """Hold that these lines, and no others, are complained of in sentences that begin so."""
        complaints = complaints_about(*lines)

        self.assertEqual([number for number, _ in complaints], [number for number, _ in expected], complaints)
        for (_, sentence), (_, beginning) in zip(complaints, expected):
            self.assertTrue(sentence.startswith(beginning), sentence)

    def test_spread_message_is_reported_once(self) -> None:
        """Whatever the lines are that a message is spread over, only its first one is reported."""
        for indent in (0, 1, "\t"):
            message = {
                "src": "a",
                "dest": "b",
                "body": {"type": "x", "links": [{"a": [], "b": 1}, [None, "{"]], "c": {}},
            }
            lines = json.dumps(message, indent=indent).split("\n")
            self.check([*lines, GOOD, *lines], (1, GOES_ON), (len(lines) + 2, GOES_ON))
        self.check(["{", '"type"\r', ":", ' "echo"', "}"], (1, GOES_ON))
        self.check(['{"type": "echo"', "}"], (1, "the line stops"))

    def test_spread_array_is_reported_once(self) -> None:
        """An array of messages that is spread over lines is reported in its first line alone, but what is wrong in it."""
        lines = json.dumps([{"type": "x", "links": [{}, []]}, {"type": "y"}], indent=2).split("\n")
        self.check([*lines, GOOD, *lines], (1, AN_ARRAY), (len(lines) + 2, AN_ARRAY))
        self.check(["[", "  {", "    'type': 1"], (1, AN_ARRAY), (3, "a single quote at column 5"))
        self.check(['[{"type": "x"}]', "]"], (1, AN_ARRAY), (2, "expected a message"))

    def test_message_over_many_lines_takes_time_in_proportion(self) -> None:
        """A message over 50,000 lines is reported once, and each of them is read once."""
        lines = ['{"a": [', *['{"b": [1, "c"],', '"d": 2},'] * 25_000, "0]}"]
        start = time.process_time()
        self.check([*lines, GOOD, "x"], (1, GOES_ON), (len(lines) + 2, "expected a message"))

        self.assertLess(time.process_time() - start, 6)

    def test_reply_in_an_example_may_be_spread(self) -> None:
        """What an arrow or a comment stands before or in goes on in the next line."""
        self.check(
            ['-> { "type": "span_complete",', '    "span_id": "span1" }', "TASK"], (1, ARROW), (3, "expected a message")
        )
        self.check(["{ // one", '"a": 1, # two', '"b": 2', "}"], (1, COMMENT), (2, COMMENT))
        self.check(["-> {'type': 1,", '"a": 1}'], (1, ARROW), (2, "expected a message"))
        self.check(["// text", '"a": 1}'], (1, COMMENT), (2, "expected a message"))

    def test_other_lines_are_not_swallowed(self) -> None:
        """Only what goes on with JSON, in the very next line, goes on; a bad message after a cut one is reported."""
        self.check(['{"type": "echo",', "{'type': 1}"], (1, GOES_ON), (2, "a single quote at column 2"))
        self.check(['{"type": "echo",', "-> {}"], (1, GOES_ON), (2, ARROW))
        self.check(['{"type": "echo",', 'type: "echo"}'], (1, GOES_ON), (2, "a key without quotes at column 1"))
        self.check(['{"a": 1#', '{"b": 1'], (1, COMMENT), (2, "the line stops"))
        self.check(["{", GOOD, "}"], (1, GOES_ON), (3, "expected a message"))
        self.check(["{", "", "}"], (1, GOES_ON), (3, "expected a message"))
        self.check(['{"a": "x', 'y"}'], (1, "the line stops"), (2, "expected a message"))
        self.check(["{", "} {", "}"], (1, GOES_ON), (2, "a second message at column 3"), (3, "expected a message"))
        self.check(["{", "}", "}"], (1, GOES_ON), (3, "expected a message"))
        self.check(["nonsense"] * 3, *[(number, "expected a message") for number in (1, 2, 3)])

    def test_utf_16_is_reported_once(self) -> None:
        """Each run of lines in UTF-16, of either order, with a byte order mark or not, is reported once."""
        for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
            data = f'{GOOD}\r\n\r\n{GOOD}\r\n{{"a": "\u00e9\u4e2d"}}\r\n'.encode(encoding)
            lines = [*data.split(b"\n"), GOOD.encode(), *data.split(b"\n")]
            with self.subTest(encoding):
                self.check(lines, (1, "the line looks like UTF-16"), (7, "the line looks like UTF-16"))
        self.check(["\0", "\0\0\0", "a\0"], (1, "a NUL"), (2, "a NUL"), (3, "the line looks"))
        self.check(["X\0", "{'a'}"], (1, "the line looks"), (2, "a single quote"))
        self.check(["aa\0", GOOD, "bbb\0"], (1, "the line looks"), (3, "a NUL byte at column 4"))

    def test_long_integers_are_read_over(self) -> None:
        """An integer within the bound on digits is right, however large, and what is wrong comes behind it."""
        for number in ("-" + "1" * 400, "1" * 4_300, "-" + "1" * 4_300):
            with self.subTest(number[:3], digits=len(number)):
                self.check([f'{{"a": {number}, "b": x}}'], (1, f"a text without quotes at column {len(number) + 14}"))

    def test_page_of_the_task_is_reported_in_its_own_terms(self) -> None:
        """The task's examples, comments and arrows included: one sentence for each comment, arrow and spread message."""
        self.check(
            [
                "// Full lifecycle: create -> event -> end",
                '{ "type": "create_span", "msg_id": 1, "name": "GET /api/users/123" }',
                '{ "type": "span_end", "span_id": "span1", "status": "OK" }',
                '-> { "type": "span_complete",',
                '    "span_id": "span1", "duration_us": 10000, "status": "OK" }',
                "",
                "// CLIENT kind for outbound calls",
                '{ "type": "create_span", "msg_id": 3,',
                '  "name": "GET /api/data", "kind": "CLIENT" }',
                '-> { "type": "span_created", "span_id": "span1", "kind": "CLIENT" }',
            ],
            *((1, COMMENT), (4, ARROW), (7, COMMENT), (8, GOES_ON), (10, ARROW)),
        )


class VerdictTests(unittest.TestCase):
    """What is said of any line at all."""

    #: The sessions that are spoilt, how many lines of any bytes come, and the length of the long ones.
    SEEDS, ANY, LONG = 10, 500, 1 << 15

    def test_every_cut_of_a_message_is_reported_as_one(self) -> None:
        """Wherever a line stops, it is said to stop or to go on, in the column where it does."""
        message = json.dumps({"type": "x", "n": [1, -2.5e-3, True, None, False, {"a": '\\\u1234"'}], "k": {}})
        for length in range(1, len(message)):
            (_, sentence), *others = complaints_about(message[:length])
            with self.subTest(message[:length]):
                column = len(message[:length].rstrip())
                self.assertRegex(
                    sentence, rf"^the (message goes on|line stops in the middle of a message,) after column {column},"
                )
                self.assertEqual(others, [])

    def test_spoilt_lines_are_given_a_cause_and_a_place(self) -> None:
        """Whatever is no JSON object has something wrong with it, in a column of the line, in one short printable sentence."""
        random = Random(1)
        lines = [mutated_line(random, line) for seed in range(self.SEEDS) for line in good_lines(seed)]
        judged = 0
        for line in [*lines, *(random_line(random) for _ in range(self.ANY))]:
            text = line.decode("utf-8", "replace")
            if isinstance(read([text])[0], str):
                sentence = Malformed().explain(1, text)
                columns = [int(column) for column in re.findall(r"column (\d+),", sentence)[:1]]
                judged += 1

                self.assertTrue(sentence.isascii() and sentence.isprintable() and len(sentence) < 600, sentence)
                self.assertTrue(all(0 < column <= len(text) for column in columns), (text, sentence))
        self.assertGreater(judged, 2 * self.ANY // 3)

    def test_long_lines_are_judged_in_time(self) -> None:
        """A long line of anything takes time in proportion to its length, whatever is wrong at its end."""
        for part in (r"\n", "[],", "1", "x", "1,", "/", "-", "\u201c", "/*", "9e", " ", "tru"):
            for line in ('{"a":"' + part * (self.LONG // len(part)), '{"a":[' + part * (self.LONG // len(part))):
                with self.subTest(line=line[:12]):
                    start = time.process_time()
                    self.assertIsNotNone(Malformed().explain(1, line))
                    self.assertLess(time.process_time() - start, 3)

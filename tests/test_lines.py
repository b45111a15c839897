"""Lines: cutting bytes into lines, and what is strict JSON."""

from __future__ import annotations

import json
import random
import unittest

from tests.helpers import Session, feed
from tests.sessions import SPLICES
from tracer import LineBuffer
from tracer.limits import MAX_DEPTH, MAX_DIGITS
from tracer.lines import LINES_AT_ONCE, SHORT_LINE, Unreadable, decode_line, read

BOM = b"\xef\xbb\xbf"
ECHO = b'{"type":"echo","echo":%d}'
#: Lines of every sort, some blank, some malformed; the last has no end.
SESSION = b"".join(
    [
        BOM + b'{"type":"echo","msg_id":1,"echo":"\xc3\xa9\xf0\x9f\x98\x80"}\r\n',
        b"\n \t\r\n",
        b'{"src":"a","dest":"b","body":{"type":"create_span","name":"n"}}\n',
        b'\xff\n{"broken\n',
        BOM + b"{}\n",
        b'{"type":"span_end","span_id":"mine"}\r\n',
        b'{"type":"get_span","span_id":"mine"}',
    ]
)


def cut_at_random(data: bytes, seed: int) -> list[bytes]:
    """Cut bytes into pieces of random sizes, some of them empty."""
    chance = random.Random(seed)
    pieces = []
    while data:
        size = chance.randrange(0, 40)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def with_care(line: str | bytes) -> object:
    """Read a line beside a blank one, which makes nobody read the two at once."""
    return read(["", line if isinstance(line, str) else decode_line(line)])[1]


class LineBufferTests(unittest.TestCase):
    """Bytes into lines."""

    def test_pieces_of_any_size_give_the_same_session(self) -> None:
        """Input fed whole, in single bytes and in random pieces gives the same replies and complaints."""
        whole = feed([SESSION])
        self.assertEqual(len([reply for reply in whole[0] if reply]), 3)
        for pieces in ([bytes([byte]) for byte in SESSION], *(cut_at_random(SESSION, seed) for seed in range(50))):
            with self.subTest(pieces=len(pieces)):
                self.assertEqual(feed(pieces), whole)

    def test_lines_come_without_their_newline(self) -> None:
        """Only \\n ends a line; \\r stays in it, and so does every other character that ends lines elsewhere."""
        buffer = LineBuffer(100)

        self.assertEqual(buffer.feed(b"a\nb\r\nc\rd\x0b\xe2\x80\xa8\n\ne"), ["a", "b\r", "c\rd\x0b\u2028", ""])
        self.assertEqual(buffer.finish(), ["e"])
        self.assertEqual(buffer.finish(), [])
        self.assertEqual([buffer.feed(data) for data in (b"a\n", b"b", b"c\n", b"XX\nXX")], [["a"], [], ["bc"], ["XX"]])

    def test_byte_order_mark_at_the_start_is_skipped_in_pieces_too(self) -> None:
        """A byte order mark is dropped from the very start only, however it is cut; a part of one is kept."""
        cases = [
            ([BOM + b"a\n" + BOM + b"b\n"], ["a", "\ufeffb"]),
            ([b"\xef", b"\xbb", b"\xbf", b"a\n"], ["a"]),
            ([b"\xef\xbb", b"\xbfa\n"], ["a"]),
            ([BOM, BOM + b"a\n"], ["\ufeffa"]),
            ([b"\xef", b"\xbba\n"], ["byte 0xef at column 1 is not UTF-8: save the input as UTF-8"]),
            ([b"", b"\xef\xbb"], ["byte 0xef at column 1 is not UTF-8: save the input as UTF-8"]),
            ([b"\n", BOM + b"a\n"], ["", "\ufeffa"]),
            ([BOM], [""]),
            ([], []),
        ]
        for pieces, expected in cases:
            with self.subTest(pieces=pieces):
                buffer = LineBuffer(100)
                lines = [line for piece in pieces for line in buffer.feed(piece)]

                self.assertEqual(lines + buffer.finish(), expected)

    def test_line_without_end_takes_constant_memory(self) -> None:
        """Of a line beyond the bound no more is kept than shows that it is too long."""
        buffer = LineBuffer(10)
        for _ in range(1000):
            buffer.feed(b"x" * 1000)
        self.assertLess(len(buffer._pending), 20)
        (line,) = buffer.feed(b"\n")

        self.assertEqual(line, "the line is longer than 10 bytes and was skipped: --max-line-bytes sets the bound")
        self.assertIsInstance(line, Unreadable)

    def test_line_that_is_not_utf_8_says_so(self) -> None:
        """One bad line keeps no other from being text; a character may come in pieces."""
        buffer = LineBuffer(100)

        refused = "byte 0x{} at column 1 is not UTF-8: save the input as UTF-8"
        self.assertEqual(buffer.feed(b"a\n\xff\n\xc3\xa9\n\xc3"), ["a", refused.format("ff"), "\u00e9"])
        self.assertEqual(buffer.feed(b"\xa9\n\xc3"), ["\u00e9"])
        self.assertEqual(buffer.finish(), [refused.format("c3")])


class ReadTests(unittest.TestCase):
    """Lines that are read together, held to each line read by itself."""

    SEEDS = 60

    def check(self, lines: list[str]) -> list[bool]:
        """Compare lines read together with each read with care; return for each whether it is a message."""
        together = read(lines)

        self.assertEqual(list(map(repr, together)), [repr(with_care(line)) for line in lines])
        self.assertEqual([repr(message) for line in lines for message in read([line])], list(map(repr, together)))
        return [isinstance(message, dict) for message in together]

    def test_splices_are_read_as_alone(self) -> None:
        """Lines that would be good messages, were they joined by commas and nulls, are read as each by itself."""
        for splice in SPLICES:
            lines = splice.decode(errors="replace").split("\n")
            for together in (lines, ["{}", *lines], [*lines, "{}"], ["{}", *lines, "{}", "{}"]):
                with self.subTest(together):
                    self.check(together)

    def test_every_sort_of_line_is_read_as_alone(self) -> None:
        """Good and bad lines, in any order, are read together as each by itself."""
        good = ['{"a":1}', ' {"a":1}\t', '{"a":null}', '{"null":"\\ud800"}', '{"a":' + "9" * 4000 + "}", "{}", "{}\r"]
        good += ['{"a":' + "[" * depth + "]" * depth + "}" for depth in (150, 199)] + ['{"a":"' + "x" * 5000 + '"}']
        bad = [
            "",
            " ",
            "[1]",
            "1",
            '"x"',
            "null",
            "{",
            "}",
            "{}{}",
            "{},{}",
            "NaN",
            '{"a":NaN}',
            '{"a":1e999}',
            "{}\x0b",
        ]
        bad += [decode_line(b"\xff"), '{"a":' + "9" * 4301 + "}", '{"a":' + "[" * 200 + "]" * 200 + "}", "[" * 300]
        for seed in range(self.SEEDS):
            chance = random.Random(seed)
            with self.subTest(seed=seed):
                self.check(chance.choices(good + bad, k=chance.randrange(1, 9)))
        self.assertEqual(self.check(good + bad), [True] * len(good) + [False] * len(bad))

    def test_good_lines_are_read_whatever_they_are_among(self) -> None:
        """Lines before and after a bad one are read, however many there are."""
        for count in (0, 1, 2, LINES_AT_ONCE - 1, LINES_AT_ONCE, LINES_AT_ONCE + 1, 5 * LINES_AT_ONCE):
            lines = [json.dumps({"n": number}) for number in range(count)]
            with self.subTest(count=count):
                self.assertEqual(read(lines), [{"n": number} for number in range(count)])
                self.assertEqual(self.check([*lines, "{", *lines]), [True] * count + [False] + [True] * count)

    def test_lines_that_balance_only_together_are_refused(self) -> None:
        """Lines that make one array of objects only when joined are no messages, nulls among them or not."""
        cases = [
            ['{"a":[1', "2]}"],
            ['{"a":[{}', "{}]},{}"],
            ['{"a":"x', 'y"}'],
            ['{"a":[{}', "{}]},null,{}"],
            ['{"a":[{}', '{}]},{"a":null}'],
            ['{"a":1', '"b":2}'],
            ["{},{}", "{"],
            ['{"a":[[{}', "{}]]}", "{},{}"],
            ['{"a":{}', '"a":{}}', "{},{}"],
            ["{}]", "[{}"],
            ["{", "}"],
            ["{}", "", "{},null,{}"],
            ["[" * 20 + "1"] * 64,
            ['{"a":' + "[" * 199 + "1"] * 64,
        ]
        for lines in cases:
            with self.subTest(lines=lines):
                self.assertEqual(self.check(lines), [line == "{}" for line in lines])

    def test_bounds_hold_among_plain_lines(self) -> None:
        """A line that breaks a bound is refused among plain lines, one at the bound is read."""

        def padded(fields: str, length: int) -> str:
            return "{" + fields.ljust(length - 2) + "}"

        lists = '"a":[' + "[]," * 20 + "[]]"
        for line, is_read in [
            (padded(lists, SHORT_LINE), True),
            (padded(lists, SHORT_LINE + 1), True),
            (padded('"a":' + "[" * 199 + "]" * 199, SHORT_LINE + 4), True),
            (padded('"a":' + "[" * 200 + "]" * 200, SHORT_LINE + 6), False),
            (padded('"a":' + "1" * MAX_DIGITS, MAX_DIGITS + 6), True),
            (padded('"a":' + "1" * (MAX_DIGITS + 1), MAX_DIGITS + 7), False),
            (padded('"a":1', MAX_DIGITS), True),
            (padded('"a":1', MAX_DIGITS + 1), True),
        ]:
            with self.subTest(length=len(line), is_read=is_read):
                self.assertEqual(self.check(["{}", line, "{}"]), [True, is_read, True])


class LineBoundTests(unittest.TestCase):
    """The longest line."""

    def lines_with(self, line: bytes, bound: int) -> tuple[list, list]:
        """Feed a line between two good ones, under a bound, in single bytes."""
        data = line + b'{"type":"generate"}\n'
        return feed([bytes([byte]) for byte in data], bound)

    def test_line_of_exactly_the_bound_is_served(self) -> None:
        """The bound counts the bytes before the line's end, be it \\n or \\r\\n; one byte more is too long."""
        line = ECHO % 12345
        for end, length, served in [(b"\n", 0, True), (b"\r\n", 0, True), (b"\n", 1, False), (b"\r\n", 1, False)]:
            with self.subTest(end=end, over=length):
                replies, complaints = self.lines_with(line + b" " * length + end, len(line))
                expected = ['{"type": "echo_ok", "echo": 12345}' if served else None]

                self.assertEqual(replies, [*expected, '{"type": "generate_ok", "id": "span1"}'])
                self.assertEqual(len(complaints), 0 if served else 1)

    def test_last_line_without_end_is_held_to_the_bound(self) -> None:
        """A last line with no end may be as long as any other, with \\r as without."""
        line = ECHO % 1
        for data, served in [(line, True), (line + b"\r", True), (line + b" ", False), (line + b" \r", False)]:
            with self.subTest(data=data):
                replies, complaints = feed([data], len(line))

                self.assertEqual((replies != [None], len(complaints)), (served, 0 if served else 1))

    def test_bound_counts_bytes_not_characters(self) -> None:
        """A line of two-byte characters is as long as its bytes are."""
        line = '{"type":"echo","echo":"éééé"}'.encode()
        for bound, served in [(len(line), True), (len(line) - 1, False), (len(line) - 4, False)]:
            with self.subTest(bound=bound):
                self.assertEqual(feed([line + b"\n"], bound)[0] != [None], served)

    def test_tiny_bounds_skip_every_longer_line(self) -> None:
        """Under a bound of one byte and of two, short lines are read and longer ones skipped, whole and in pieces."""
        for bound, refused in [(1, ["{}", "[1]"]), (2, ["[1]"])]:
            for data in ([b"\n \n{}\n[1]\n"], [bytes([byte]) for byte in b"\n \n{}\n[1]\n"]):
                with self.subTest(bound=bound, pieces=len(data)):
                    _, complaints = feed(data, bound)

                    too_long = [text for text in complaints if "longer than" in text]
                    self.assertEqual(len(too_long), len(refused))

    def test_complaint_names_the_bound(self) -> None:
        """The sentence about a line that is too long says how long a line may be."""
        _, complaints = feed([b"x" * 100 + b"\n"], 64)

        self.assertEqual(
            complaints, ["the line is longer than 64 bytes and was skipped: --max-line-bytes sets the bound"]
        )

    def test_carriage_returns_do_not_stretch_the_bound(self) -> None:
        """Only the one \\r before the \\n is no part of the line."""
        _, complaints = feed([b"{}\r\r\n"], 2)

        self.assertEqual(len(complaints), 1)
        self.assertIn("longer than 2 bytes", complaints[0])


class JsonTests(unittest.TestCase):
    """What is a JSON object and what is malformed."""

    #: Levels of nesting, up to the most that a line can have and beyond them.
    DEPTHS = (1, 2, 199, 200, 201, 202, 500, 5_000, 50_000)

    def refusal(self, line: bytes) -> str:
        """Return the sentence about a malformed line, whose text comes out of the reading."""
        self.assertEqual(with_care(line), decode_line(line))
        talk = Session()
        self.assertIsNone(talk.line(line))
        self.assertEqual(len(talk.complaints), 1)
        return talk.complaints[0]

    def test_blank_line_is_none(self) -> None:
        """A line of nothing, spaces, tabs or \\r is blank."""
        for line in (b"", b" ", b"\t \r", b"\r", b"\r\r"):
            with self.subTest(line=line):
                self.assertIsNone(with_care(line))

    def test_line_that_is_no_object_comes_without_space_at_its_end(self) -> None:
        """Its columns stay as they were sent; what stands for a line that has no text stays what it is."""
        self.assertEqual(with_care(" \t{'a': 1} \r\t"), " \t{'a': 1}")
        self.assertEqual(with_care("[1]\xa0 \r"), "[1]\xa0")
        self.assertIsInstance(with_care(decode_line(b"\xff \r")), Unreadable)

    def test_object_is_read_with_space_around_it(self) -> None:
        """White space around and inside an object is JSON's."""
        self.assertEqual(with_care(b' \t{"a" :\t[1 , 2]}\r'), {"a": [1, 2]})

    def test_malformed_line_is_refused(self) -> None:
        """What is not UTF-8, not JSON, beyond a bound or not an object is refused."""
        number = [b"NaN", b"Infinity", b"-Infinity", b"01", b"+1", b".5", b"1.", b"1e999", b"-1e999", b"1.0e309"]
        for line in [
            *(b"\xff", b'{"a":"\xc3"}', b'{"a":"\xed\xa0\x80"}', '{"a":1}'.encode("utf-16"), b"\xc0\x80"),
            *(b"{", b"}", b"nonsense", b"{'a':1}", b'{"a":1,}', b'{"a":1}x', b'{"a":1}{"b":2}', b"{}\x00", b"\x00"),
            *(b'{"a":%s}' % literal for literal in [*number, b'"\x00"', b'"\t"', b'"\\x41"', b'"\\u12"', b"tru"]),
            *(b"{1:2}", BOM + b"{}", b"\x0b{}", b"\xc2\xa0{}", b'{"a":1', b'{"a"', b"//{}", b"[]" * 201 + b"X" * 201),
            *(
                b"[]",
                b"1",
                b'"text"',
                b"null",
                b"true",
                b"[{}]",
                b"1e5",
                b"[" * 200 + b"]" * 200,
                b"X" * 201 + b"[" * 201,
            ),
        ]:
            with self.subTest(line=line[:40]):
                self.refusal(line)

    def test_strings_before_do_not_hide_or_add_levels(self) -> None:
        """Quotes and backslashes in strings, and brackets between them, are no levels and hide none."""
        for text in ("", "\\\\", '\\"', '\\\\\\"', "[[", "]]", '\\"[[', "[[\\\\", "}{"):
            for levels in (199, 200):
                line = '{"b":"' + text + '","a":' + "[" * levels + "]" * levels + "}"
                with self.subTest(text=text, levels=levels):
                    if levels == 199:
                        self.assertEqual(with_care(line), json.loads(line))
                    else:
                        self.assertIn("more than 200 levels", self.refusal(line.encode()))

    def test_many_brackets_are_not_deep(self) -> None:
        """A line may have more brackets than levels, of each kind, in strings too; the deepest counts."""
        for inner in (b"[" * 199 + b"]" * 199, b"[]," * 300 + b"[]", b"{}," * 300 + b"{}", b'"%s"' % (b"[{" * 300)):
            for rest in (b"", b',"b":[[]]', b',"b":"\\\\[\\"["'):
                line = b'{"a":' + (inner if inner[:2] == b"[[" else b"[" + inner + b"]") + rest + b"}"
                with self.subTest(line=line[:30], rest=rest):
                    self.assertEqual(with_care(line), json.loads(line))

    def test_nesting_is_bounded_at_200_levels(self) -> None:
        """The outermost object is the first level of at most 200; deeper lines are refused, never a RecursionError."""
        for depth in self.DEPTHS:
            for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
                inner = depth - 1
                line = b'{"a":' + opening * inner + b"0" + closing * inner + b"}"
                with self.subTest(depth=depth, opening=opening):
                    if depth <= MAX_DEPTH:
                        self.assertEqual(json.dumps(with_care(line)).encode().replace(b" ", b""), line)
                    else:
                        self.assertIn("more than 200 levels", self.refusal(line))

    def test_deep_line_that_is_no_json_is_refused(self) -> None:
        """Brackets that never close, close too soon or stand after junk are refused without recursion."""
        for line in (
            b"[" * 300_000,
            b"{" * 1000,
            b"]" * 1000,
            b'{"a":' * 300,
            b'\\"' + b"[" * 9000,
            b'"' + b"[" * 9000,
        ):
            with self.subTest(line=line[:10]):
                self.refusal(line)

    def test_brackets_in_strings_are_no_levels(self) -> None:
        """Brackets, quotes and backslashes inside strings do not count as nesting."""
        for value in ("[" * 1000, "\\" * 999 + "[" * 300, '"[' * 300, '\\"' * 300 + "{" * 300):
            with self.subTest(value=value[:6]):
                self.assertEqual(with_care(json.dumps({"a": [value]}).encode()), {"a": [value]})

    def test_numbers_are_bounded_by_digits_and_range(self) -> None:
        """An integer of 4,300 digits is exact, one more is refused; a double must be finite."""
        digits = "9" * MAX_DIGITS
        for literal in (digits, "-" + digits, "0", "-0", "1.5", "1e308", "-1.7976931348623157e308", "5e-324", "1e-999"):
            with self.subTest(literal[:9]):
                self.assertEqual(with_care(f'{{"a":{literal}}}'.encode()), {"a": json.loads(literal)})
        self.assertIn("4300 digits", self.refusal(f'{{"a":{digits}9}}'.encode()))
        self.assertIn("4300 digits", self.refusal(f'{{"a":-{"1" * 5000}}}'.encode()))
        self.assertIn("double", self.refusal(b'{"a":1e309}'))

    def test_key_given_twice_counts_last(self) -> None:
        """Of a key given twice the last value counts, on the quick way and on the slow one."""
        for line in (b'{"a":1,"b":2,"a":3}', b' {"a":1,"b":2,"a":3}'):
            self.assertEqual(with_care(line), {"a": 3, "b": 2})

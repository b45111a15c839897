"""Which spans are drawn: those that are asked for, and what is left out where not all have room."""

from __future__ import annotations

import unittest
from unittest import mock

from tests.pictures import create, draw, end, make_chain, split_lines
from tracer.picture.choice import DRAWN_SPANS, Choice


def read_names(picture: str) -> list[str]:
    """Return the names in a picture of spans whose names have no spaces."""
    return [line.partition(" INTERNAL")[0].strip("…│├└┄ ") for line in split_lines(picture) if "INTERNAL" in line]


def fail(span_id: str) -> dict:
    """Make a `span_error`."""
    return {"type": "span_error", "span_id": span_id, "error": "why"}


class AskedTests(unittest.TestCase):
    """`--trace` and `--last`."""

    def test_trace_is_named_by_its_first_digits_or_its_number(self) -> None:
        """A trace is meant by digits that its id begins with, and by all of them but the zeros in front."""
        ids = (0, 1, 0x4BF9, 0x4BF91, 0xFFF << 112, 0x4BF9 << 112, (0x4BF9 << 112) + 1, (1 << 128) - 1)
        for digits, meant in (
            ("4bf9", [0x4BF9, 0x4BF9 << 112, (0x4BF9 << 112) + 1]),
            ("0", [0, 1, 0x4BF9, 0x4BF91, 0xFFF << 112]),
            ("4bf9".zfill(32), [0x4BF9]),
            ("f" * 32, [(1 << 128) - 1]),
        ):
            with self.subTest(digits):
                self.assertEqual(list(filter(Choice(trace=digits).keep, ids)), meant)

    def test_trace_is_drawn_alone_and_whole(self) -> None:
        """The trace that is asked for is drawn alone, also beyond the bound on a picture."""
        chain = make_chain(DRAWN_SPANS + 1)[: DRAWN_SPANS + 1]
        picture = draw(create("other", at=0), *chain, trace="2")

        self.assertEqual(len(read_names(picture)), DRAWN_SPANS + 1)
        self.assertNotIn("other", picture)
        self.assertNotIn("not drawn", picture)

    def test_last_traces_are_drawn(self) -> None:
        """Of the traces those that began last are drawn, in order of start; there may be fewer."""
        spans = [create("b", at=2), create("c", at=3), create("a", at=1)]
        for last, names in ((1, ["c"]), (2, ["b", "c"]), (3, ["a", "b", "c"]), (4, ["a", "b", "c"])):
            picture = draw(*spans, last=last)

            self.assertEqual(read_names(picture), names)
            self.assertNotIn("not drawn", picture)

    def test_both_are_the_last_of_those_that_are_meant(self) -> None:
        """With `--trace` and `--last` the latest traces with these digits are drawn."""
        spans = [create(f"s{k}", at=k, context=f"00-{'ab'[k % 2] * 31}{k}-{'b' * 16}-01") for k in range(4)]

        self.assertEqual(read_names(draw(*spans, trace="a", last=1)), ["s2"])

    def test_nothing_is_explained(self) -> None:
        """Where no trace is meant, a sentence has the digits."""
        self.assertEqual(draw(create("a"), trace="4bf9"), "no trace has an id that begins with 4bf9\n")
        self.assertEqual(draw(last=1), "no spans to draw\n")


@mock.patch("tracer.picture.choice.DRAWN_SPANS", 4)
class LeftOutTests(unittest.TestCase):
    """More spans than there is room for."""

    def draw(self, *messages: dict) -> tuple[list[str], str]:
        """Draw spans; return their names, and what is left out."""
        picture = draw(*messages, width=80)
        return read_names(picture), split_lines(picture)[-1]

    def test_oldest_traces_are_left_out(self) -> None:
        """The latest traces are drawn, in order of start; the others are counted with their spans."""
        pairs = [create(f"p{k}", at=k) for k in range(3)]
        pairs += [create(f"c{k}", at=9, parent_span_id=f"p{k}") for k in range(3)]

        self.assertEqual(self.draw(*pairs), (["p1", "c1", "p2", "c2"], "not drawn: 1 more trace, 2 more spans"))

    def test_errors_are_kept_before_what_is_right(self) -> None:
        """A trace with an error is drawn though it is the oldest; of several with errors, the latest are."""
        spans = [create(f"s{k}", at=k) for k in range(9)]

        self.assertEqual(
            self.draw(*spans, fail("s0")), (["s0", "s6", "s7", "s8"], "not drawn: 5 more traces, 5 more spans")
        )
        self.assertEqual(
            self.draw(*spans, *(fail(f"s{k}") for k in (0, 1, 2, 3, 5, 8))),
            (["s2", "s3", "s5", "s8"], "not drawn: 5 more traces, 5 more spans, 2 errors"),
        )

    def test_long_trace_shows_its_errors_with_all_above_them(self) -> None:
        """Of a trace that has no room, its errors and all that they hang on are drawn, then what stands first; it is still a tree."""
        spans = [create("root", at=0), *(create(f"s{k}", at=k + 1, parent_span_id="root") for k in range(6))]
        spans += [create("leaf", at=9, parent_span_id="s5"), fail("leaf"), end("s1", 20)]
        picture = split_lines(draw(*spans, width=80))

        self.assertEqual(picture[0], "trace 00000000000000000000000000000001: 8 spans, 4 drawn, 45 ms, 1 error, 6 open")
        self.assertEqual(
            [line.partition(" INTERNAL")[0].rstrip() for line in picture if "INTERNAL" in line],
            ["root", "├ s0", "└ s5", "  └ leaf"],
        )
        self.assertEqual(picture[-1], "not drawn: 4 more spans")

    def test_errors_too_deep_to_be_drawn_are_counted(self) -> None:
        """What stands too deep has no room with all that is above it, and is counted."""
        self.assertEqual(
            self.draw(*make_chain(9)[:9], fail("s8")), (["s0", "s1", "s2", "s3"], "not drawn: 5 more spans, 1 error")
        )

    def test_part_of_a_circle_has_no_parent_that_is_not_here(self) -> None:
        """Where a circle is opened and its last member has no room, its first is not marked."""
        circle = [
            create(
                f"s{k}",
                at=k,
                traceparent=f"00-{'a' * 32}-{(k - 1) % 6 + 1:016x}-01",
                context=f"00-{'a' * 32}-{k + 1:016x}-01",
            )
            for k in range(6)
        ]

        self.assertEqual(self.draw(*circle), (["s0", "s1", "s2", "s3"], "not drawn: 2 more spans"))

    def test_thousands_are_set_apart(self) -> None:
        """Numbers of four digits and more have commas."""
        names, left_out = self.draw(*make_chain(1_004, own_trace=True)[:1_004])

        self.assertEqual((len(names), left_out), (4, "not drawn: 1,000 more traces, 1,000 more spans"))

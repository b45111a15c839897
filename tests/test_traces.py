"""The order of a picture's lines, the tree beside them, and times as text."""

from __future__ import annotations

import unittest

from tests.pictures import create, draw, make_chain, split_lines
from tracer.picture.traces import format_duration, format_offset


class OrderTests(unittest.TestCase):
    """Spans in the order of their lines, whatever the shape of the tree."""

    def test_parents_in_a_circle_lose_no_span(self) -> None:
        """Spans that are parents of each other or of themselves are drawn once; of two with one id the first has the children."""

        def parent(number: int) -> dict[str, str]:
            return {"traceparent": f"00-{'a' * 32}-{number:016x}-01"}

        picture = draw(
            create("one", at=0, **parent(2)),
            create("two", at=1, **parent(1)),
            create("self", at=2, **parent(3)),
            create("child", at=3, parent_span_id="two"),
            create("twin", at=4, context=parent(3)["traceparent"], **parent(3)),
            create("last", at=5, **parent(3)),
        )

        self.assertEqual(
            [line.split("  INTERNAL")[0].rstrip() for line in split_lines(picture)[1:]],
            ["one", "└ two", "  └ child", "self", "├ twin", "└ last"],
        )

    def test_deep_chain_is_indented_up_to_a_bound(self) -> None:
        """A thousand levels are a thousand lines; all names are visible, and a mark stands for the levels left out."""
        picture = split_lines(draw(*make_chain(1_000), width=80))

        self.assertEqual(len(picture), 1_001)
        labels = [line.split("  INTERNAL")[0].rstrip() for line in (*picture[1:4], picture[-1])]
        self.assertEqual(labels, ["s0", "└ s1", "  └ s2", "…         └ s999"])
        self.assertEqual({line.index("└") for line in picture[7:]}, {10})


class TimeTests(unittest.TestCase):
    """Durations and distances in time as a person reads them."""

    def test_durations_are_cut_to_three_digits(self) -> None:
        """A duration is in the largest unit that it fills, cut to three digits, never rounded up."""
        for duration_us, expected in {
            0: "0 us",
            999: "999 us",
            1_000: "1 ms",
            1_005: "1 ms",
            1_059: "1.05 ms",
            10_500: "10.5 ms",
            999_999: "999 ms",
            1_500_000: "1.5 s",
            59_999_999: "59.9 s",
            60_000_000: "1 min",
            5_400_000_000: "1.5 h",
            86_400_000_000: "1 d",
            9_223_372_036_854_775: "106751 d",
        }.items():
            with self.subTest(duration_us):
                self.assertEqual(format_duration(duration_us), expected)

    def test_offsets_have_a_sign(self) -> None:
        """A time before the start of its trace has a minus, any other a plus."""
        for time_us, expected in {0: "+0 us", 1_500: "+1.5 ms", -1: "-1 us", -59_999_999: "-59.9 s"}.items():
            with self.subTest(time_us):
                self.assertEqual(format_offset(time_us), expected)

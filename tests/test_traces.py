"""The order of a picture's lines, the tree beside them, and times as text."""

from __future__ import annotations

import os
import time
import unittest
from unittest import mock

from tests.helpers import on_unix
from tests.pictures import create, draw, end, make_chain, split_lines
from tracer.clock import YEAR_US
from tracer.picture.traces import format_duration, format_offset, format_when


class OrderTests(unittest.TestCase):
    """Spans in the order of their lines, whatever the shape of the tree."""

    def test_parents_in_a_circle_lose_no_span(self) -> None:
        """A circle opens at its first member, with all that hangs on it below; of two spans with one id the first has the children."""

        def parent(number: int) -> dict[str, str]:
            return {"traceparent": f"00-{'a' * 32}-{number:016x}-01"}

        picture = draw(
            create("one", at=1, **parent(2)),
            create("two", at=2, **parent(1)),
            create("self", at=3, **parent(3)),
            create("child", at=4, parent_span_id="two"),
            create("twin", at=5, context=parent(3)["traceparent"], **parent(3)),
            create("last", at=6, **parent(3)),
            create("early", at=0, parent_span_id="child"),
        )

        self.assertEqual(
            [line.split("  INTERNAL")[0].rstrip() for line in split_lines(picture)[1:]],
            ["self", "└ last", "twin", "one", "└ two", "  └ child", "    └ early"],
        )

    def test_deep_chain_is_indented_up_to_a_bound(self) -> None:
        """A thousand levels are a thousand lines; all names are visible, and a mark stands for the levels left out."""
        picture = split_lines(draw(*make_chain(1_000), width=80))

        self.assertEqual(len(picture), 1_001)
        labels = [line.split("  INTERNAL")[0].rstrip() for line in (*picture[1:4], picture[-1])]
        self.assertEqual(labels, ["s0", "└ s1", "  └ s2", "…         └ s999"])
        self.assertEqual({line.index("└") for line in picture[7:]}, {10})

    def test_children_of_what_has_no_parent_here_are_indented(self) -> None:
        """What stands at the top for its parent is not here has a mark, once explained, and its children stand to the right of that."""
        remote = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
        for unicode, labels, note in (
            (True, ["┄ a", "  └ b"], "┄ parent not here"),
            (False, ["- a", "  `-b"], "- parent not here"),
        ):
            picture = draw(create("a", at=0, **remote), create("b", at=1, parent_span_id="a"), unicode=unicode)
            lines = split_lines(picture)

            self.assertEqual([line.split("  INTERNAL")[0].rstrip() for line in lines[1:3]], labels)
            self.assertEqual(lines[3:], ["", note])


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

    @on_unix("variable that chooses the time zone of a process")
    def test_day_is_the_one_where_this_runs(self) -> None:
        """A time is written in local time, to the second, up to the latest that a file may have; a simulated one is not."""
        self.addCleanup(time.tzset)
        for zone, time_us, expected in (
            ("UTC0", 1_795_701_785_999_999, "2026-11-26 14:03:05"),
            ("XYZ-5:30", 1_795_701_785_000_000, "2026-11-26 19:33:05"),
            ("UTC0", YEAR_US, "1971-01-01 00:00:00"),
            ("UTC0", (2**64 - 1) // 1_000, "2554-07-21 23:34:33"),
            ("UTC0", YEAR_US - 1, ""),
            ("UTC0", -1, ""),
            ("UTC0", 10**40, ""),
        ):
            with self.subTest(time_us, zone=zone), mock.patch.dict(os.environ, {"TZ": zone}):
                time.tzset()

                self.assertEqual(format_when(time_us), expected)

    def test_header_says_when_a_trace_began(self) -> None:
        """The time of its first span is the first that the header of a trace says."""
        started = 1_795_701_785_000_000
        header = split_lines(draw(create("a", at=started), end("a", started + 10), width=80))[0]

        self.assertEqual(header, f"trace {'1':0>32}: {format_when(started)}, 1 span, 10 us")

"""The picture of the traces: its columns, its bars, its colours and its bounds."""

from __future__ import annotations

import unittest

from tests.pictures import create, draw, end, event, make_chain, split_lines, strip_colour
from tracer.clock import YEAR_US
from tracer.picture.choice import DRAWN_SPANS, Choice
from tracer.picture.waterfall import render
from tracer.span import KINDS, Span

#: A tree of two spans that failed.
FAILED = (
    create("root", at=0),
    create("child", at=10, parent_span_id="root"),
    {"type": "span_error", "span_id": "child", "error": "no such user", "timestamp_us": 15},
    {"type": "span_end", "span_id": "root", "status": "ERROR", "error": "gave up", "timestamp_us": 20},
)


#: The colour of the bar of a span that is right, by its kind.
COLOURS = {"INTERNAL": 32, "SERVER": 36, "CLIENT": 34, "PRODUCER": 35, "CONSUMER": 35}


class PictureTests(unittest.TestCase):
    """Small pictures, to the character."""

    def test_one_span_fills_the_width(self) -> None:
        """A single span has the header of its trace, and its bar takes all the rest of the width."""
        self.assertEqual(
            draw(create("a", "GET /", 0, kind="SERVER"), end("a", 10_000)),
            "trace 00000000000000000000000000000001: 1 span, 10 ms\n"
            "GET /  SERVER OK 10 ms █████████████████████████████████████\n",
        )

    def test_children_stand_under_their_parents_in_order_of_start(self) -> None:
        """A tree is drawn by start, whatever the order of creation and end, with bars to scale to half a column."""
        messages = [
            create("root", at=0),
            create("late", at=60, parent_span_id="root"),
            create("early", at=20, parent_span_id="root", kind="CLIENT"),
            create("leaf", at=21, parent_span_id="early"),
            end("late", 80),
            end("leaf", 31),
            end("root", 80),
            end("early", 50),
        ]

        self.assertEqual(
            draw(*messages, width=68),
            "trace 00000000000000000000000000000001: 4 spans, 80 us\n"
            "root      INTERNAL OK 80 us ████████████████████████████████████████\n"
            "├ early   CLIENT   OK 30 us           ███████████████\n"
            "│ └ leaf  INTERNAL OK 10 us           ▐████▌\n"
            "└ late    INTERNAL OK 20 us                               ██████████\n",
        )

    def test_error_stands_below_its_span(self) -> None:
        """An error stands on its own line under the span, within the tree, and is counted in the header."""
        self.assertEqual(
            draw(*FAILED, width=70),
            "trace 00000000000000000000000000000001: 2 spans, 20 us, 2 errors\n"
            "root     INTERNAL ERROR 20 us ████████████████████████████████████████\n"
            "│ ! gave up\n"
            "└ child  INTERNAL ERROR  5 us                     █████████×\n"
            "    ! no such user\n",
        )

    def test_without_block_characters_it_is_ascii(self) -> None:
        """The same picture in ASCII has the same columns."""
        self.assertEqual(
            draw(*FAILED, width=70, unicode=False),
            "trace 00000000000000000000000000000001: 2 spans, 20 us, 2 errors\n"
            "root     INTERNAL ERROR 20 us ========================================\n"
            "| ! gave up\n"
            "`-child  INTERNAL ERROR  5 us                     =========x\n"
            "    ! no such user\n",
        )

    def test_colour_adds_nothing_but_colour(self) -> None:
        """Without its escape sequences the coloured picture is the plain one; no colour lasts beyond its line."""
        messages = [*FAILED, create("open", at=0), event("open", 15)]
        coloured = draw(*messages, width=70, colour=True)

        self.assertEqual(strip_colour(coloured), draw(*messages, width=70))
        self.assertEqual([line for line in split_lines(coloured) if "\x1b" in line.rpartition("\x1b[0m")[2]], [])
        self.assertIn("\x1b[31mERROR\x1b[0m", coloured)
        self.assertIn("\x1b[31m! gave up\x1b[0m", coloured)
        self.assertIn("\x1b[33mopen \x1b[0m", coloured)

    def test_bar_has_the_colour_of_its_kind(self) -> None:
        """The header is bold, the kind faint, and the bar has a colour for its kind where nothing is wrong."""
        self.assertEqual(list(COLOURS), list(KINDS))
        header = "\x1b[1mtrace 00000000000000000000000000000001: 1 span, 10 us\x1b[0m"
        for kind, colour in COLOURS.items():
            with self.subTest(kind):
                picture = draw(create("a", at=0, kind=kind), end("a", 10), width=60, colour=True)
                bar = "█" * (47 - len(kind))

                self.assertEqual(
                    split_lines(picture), [header, f"a  \x1b[2m{kind}\x1b[0m OK 10 us \x1b[{colour}m{bar}\x1b[0m"]
                )

    def test_open_span_is_drawn_up_to_now(self) -> None:
        """An open span is marked and drawn up to the clock's time."""
        messages = [
            create("a", at=0),
            create("b", at=10_000, parent_span_id="a"),
            event("b", 20_000),
            end("b", 40_000),
        ]

        self.assertIn(": 1 span, 30 ms, 1 open\n", draw(create("a", at=0), event("a", 30_000)))
        self.assertEqual(
            draw(*messages, width=65),
            "trace 00000000000000000000000000000001: 2 spans, 40 ms, 1 open\n"
            "a    INTERNAL open 40 ms ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░\n"
            "└ b  INTERNAL OK   30 ms           ██████████◆███████████████████\n",
        )

    def test_bar_begins_and_ends_within_the_width(self) -> None:
        """A span at the very end of its trace has half a column there; one that lasts a microsecond is drawn to scale."""
        messages = [create("a", at=0), create("b", at=1, parent_span_id="a"), end("b", 1), end("a", 1)]

        self.assertEqual(
            split_lines(draw(*messages, width=64))[1:],
            ["a    INTERNAL OK 1 us ██████████████████████████████████████████", f"└ b  INTERNAL OK 0 us {' ' * 41}▐"],
        )

    def test_event_at_the_end_of_a_span_is_marked_on_its_bar(self) -> None:
        """The mark is on the last column of the bar, also if that is half a column; at the start it is on the first."""
        for end_us, bar in ((31, "◆██████████████◆"), (30, "◆█████████████◆"), (0, "◆")):
            with self.subTest(end_us):
                messages = [create("a", at=0), create("b", at=0, parent_span_id="a"), end("a", 80)]
                picture = draw(*messages, event("b", 0), event("b", end_us), end("b", end_us), width=63)

                self.assertEqual(split_lines(picture)[2].partition(" us ")[2], bar)

    def test_times_out_of_order_stay_within_the_trace(self) -> None:
        """A child may start before its parent; events before and after the trace are marked at its edges."""
        messages = [
            create("a", at=100),
            event("a", 0),
            event("a", 150),
            event("a", 150, "exception"),
            event("a", 150),
            event("a", 200),
            create("b", at=50, parent_span_id="a"),
            event("b", 999),
            end("b", 75),
            end("a", 250),
        ]

        self.assertEqual(
            draw(*messages, width=64),
            "trace 00000000000000000000000000000001: 2 spans, 200 us\n"
            "a    INTERNAL OK 150 us ◆         ██████████×█████████◆█████████\n"
            "└ b  INTERNAL OK  25 us █████                                  ◆\n",
        )

    def test_traces_stand_in_order_of_start_orphans_at_their_top(self) -> None:
        """A span whose parent is unknown stands at the top level of its trace, with a mark; one that took no time is visible, too."""
        remote = f"00-{'a' * 32}-{'b' * 16}-01"
        messages = [
            create("x", at=5, traceparent=remote),
            create("z", at=2),
            create("y", at=1, traceparent=remote),
            end("x", 9),
            end("y", 1),
            end("z", 2),
        ]

        self.assertEqual(
            draw(*messages, width=64),
            "trace aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 2 spans, 8 us\n"
            "┄ y  INTERNAL OK 0 us ▌\n"
            "┄ x  INTERNAL OK 4 us                      █████████████████████\n"
            "\n"
            "trace 00000000000000000000000000000001: 1 span, 0 us\n"
            "z    INTERNAL OK 0 us ▌\n"
            "\n"
            "┄ parent not here\n",
        )


class ServiceTests(unittest.TestCase):
    """Which spans have their service before their name."""

    def draw(self, *services: str | None) -> list[str]:
        """Draw spans of these services, each the child of the one before; return their labels."""
        spans = [Span("", f"s{place}", "SERVER", place, 1, place + 1, 1, None) for place in range(len(services))]
        for span, parent, service in zip(spans, [None, *spans], services):
            span._service, span._parent, span._end_us = service, parent and parent.context, 9
        picture = render(spans, 9, 80, True, False, Choice())
        return [line.partition("SERVER")[0].strip("│├└ ") for line in split_lines(picture)[1:]]

    def test_service_stands_where_it_is_another_than_the_parent_s(self) -> None:
        """The root has its service, a child only another one than its parent's; none is shown where none is known."""
        self.assertEqual(
            self.draw("shop", "shop", "bank", "bank", "", "bank"),
            ["shop: s0", "s1", "bank: s2", "s3", "s4", "bank: s5"],
        )

    def test_only_service_is_not_shown(self) -> None:
        """Where all spans are of one service, or of none, names stand alone."""
        for services in (("shop", "shop"), (None, "", None)):
            self.assertEqual(self.draw(*services), [f"s{place}" for place in range(len(services))])


class ManySpansTests(unittest.TestCase):
    """Any number of spans and traces, from none to more than are drawn."""

    def test_a_thousand_traces_take_two_lines_each(self) -> None:
        """Traces of one span follow each other without blank lines, in order."""
        picture = split_lines(draw(*make_chain(1_000, own_trace=True)))

        self.assertEqual(len(picture), 2_000)
        self.assertEqual([line.split()[0] for line in picture[1::2]], [f"s{i}" for i in range(1_000)])

    def test_spans_beyond_the_bound_are_counted(self) -> None:
        """Spans beyond the bound are not drawn but counted; of a trace a part may be drawn."""
        chain = [create("root", at=0)]
        chain += [create(f"s{i}", at=1, parent_span_id="root") for i in range(DRAWN_SPANS)]
        for more, expected in (
            ([], "not drawn: 1 more span"),
            ([create("p", at=2)], "not drawn: 2 more spans"),
        ):
            with self.subTest(expected):
                picture = split_lines(draw(*chain, *more, width=80))

                self.assertEqual(sum("INTERNAL" in line for line in picture), DRAWN_SPANS)
                self.assertEqual(picture[-2:], ["", expected])

    def test_spans_up_to_the_bound_are_drawn(self) -> None:
        """As many spans as the bound allows are all drawn, also where the last of them is a trace of its own."""
        chain = [create("root", at=0)]
        chain += [create(f"s{i}", at=1, parent_span_id="root") for i in range(DRAWN_SPANS - 2)]
        picture = split_lines(draw(*chain, create("last", at=2), width=80))

        self.assertEqual(sum("INTERNAL" in line for line in picture), DRAWN_SPANS)
        self.assertEqual((picture[-1][:4], picture[-3]), ("last", ""))

    def test_blank_lines_set_traces_of_several_spans_apart(self) -> None:
        """Such a trace has one before it and one after it, but none is at the edges of the picture."""
        pair = [create("a", at=2), create("b", at=2, parent_span_id="a")]
        picture = split_lines(draw(create("x", at=1), *pair, create("y", at=3), create("z", at=4)))

        self.assertEqual([line[:1] for line in picture], ["t", "x", "", "t", "a", "└", "", "t", "y", "t", "z"])

    def test_blank_lines_set_details_apart(self) -> None:
        """With details each trace has several lines, and a blank one before the next."""
        picture = split_lines(draw(create("x", at=1), create("y", at=3), details=True))

        self.assertEqual([line[:1] for line in picture], ["t", "x", " ", "", "t", "y", " "])

    def test_no_spans_are_reported(self) -> None:
        """Where there is nothing to draw, a sentence says so."""
        self.assertEqual(draw(), "no spans to draw\n")


class WidthTests(unittest.TestCase):
    """Narrow and wide pictures: which columns they have, and where long lines are broken."""

    def test_narrow_pictures_leave_columns_out(self) -> None:
        """Below 60 columns there is no kind, below 44 no status, below 28 no duration; of an id zeros are left out."""
        messages = [create("a", at=0), end("a", 10)]
        for width, expected in {
            60: ["trace 00000000000000000000000000000001: 1 span, 10 us", "a  INTERNAL OK 10 us " + "█" * 39],
            59: ["trace 00000000000000000000000000000001: 1 span, 10 us", "a  OK 10 us " + "█" * 47],
            44: ["trace 0000000000000001: 1 span, 10 us", "a  OK 10 us " + "█" * 32],
            43: ["trace 0000000000000001: 1 span, 10 us", "a  10 us " + "█" * 34],
            28: ["trace 0000000000000001: 1", "span, 10 us", "a  10 us " + "█" * 19],
            27: ["trace 0000000000000001: 1", "span, 10 us", "a  " + "█" * 24],
            20: ["trace 00000001: 1", "span, 10 us", "a  " + "█" * 17],
        }.items():
            with self.subTest(width):
                self.assertEqual(split_lines(draw(*messages, width=width)), expected)

    def test_id_is_cut_at_its_end_where_that_saves_a_line(self) -> None:
        """Of an id as many digits are shown as cost no line, with an ellipsis where any are left out but zeros in front."""
        span = create("a", at=YEAR_US, context=f"00-{'0123456789abcdef' * 2}-{'b' * 16}-01")
        zeros = create("a", at=YEAR_US, context=f"00-{'0' * 16}{'a' * 16}-{'b' * 16}-01")
        for message, width, shown in (
            (span, 80, "0123456789abcdef0123456789abcdef: "),
            (span, 72, "0123456789abcdef…: "),
            (span, 52, "01234567…: "),
            (span, 40, "0123456789abcdef0123456789abcdef:\n"),
            (zeros, 72, "aaaaaaaaaaaaaaaa: "),
        ):
            with self.subTest(shown, width=width):
                header = draw(message, end("a", YEAR_US), width=width)

                self.assertTrue(header.startswith(f"trace {shown}"), header)

    def test_wide_pictures_say_when_a_span_starts(self) -> None:
        """From 120 columns on a line says when its span starts, counted from the start of its trace; below 120 it does not."""
        messages = [create("a", at=70), create("b", at=1_570, parent_span_id="a"), end("b", 2_070), end("a", 2_070)]
        header = "trace 00000000000000000000000000000001: 2 spans, 2 ms"

        self.assertEqual(
            split_lines(draw(*messages, width=120)),
            [
                header,
                "a    INTERNAL OK   +0 us   2 ms " + "█" * 88,
                "└ b  INTERNAL OK +1.5 ms 500 us " + " " * 66 + "█" * 22,
            ],
        )
        self.assertEqual(split_lines(draw(*messages, width=119))[1], "a    INTERNAL OK   2 ms " + "█" * 95)

    def test_long_error_is_broken_between_words_and_cut(self) -> None:
        """An error takes three lines at most; lines are broken between words, and the last one is cut."""
        error = {"type": "span_error", "span_id": "a", "error": "the quick brown fox jumps over the lazy dog " * 4}

        self.assertEqual(
            split_lines(draw(create("a"), error, width=44))[2:],
            [
                "  ! the quick brown fox jumps over the lazy",
                "    dog the quick brown fox jumps over the",
                "    lazy dog the quick brown fox jumps over…",
            ],
        )

"""The picture of the traces: its columns, its bars, its colours and its bounds."""

from __future__ import annotations

import re
import unittest
from unicodedata import category, east_asian_width

from tests import helpers
from tracer.picture.traces import readable
from tracer.picture.waterfall import DRAWN_SPANS, render


def drawn(*messages: dict, width: int = 60, unicode: bool = True, colour: bool = False, details: bool = False) -> str:
    """Draw the spans that a fresh node keeps after some messages; each must be accepted."""
    session = helpers.Session()
    for message in messages:
        session.tell(**message)
    if session.complaints:
        raise ValueError(session.complaints)
    spans = [*session.manager.ended_spans(), *session.manager.open_spans()]
    return render(spans, session.manager.clock.now_us, width, unicode, colour, details)


def create(span_id: str, name: str | None = None, at: int | None = None, **fields: object) -> dict:
    """Make a `create_span`; its name is its id unless given."""
    return {"type": "create_span", "span_id": span_id, "name": name or span_id, "timestamp_us": at, **fields}


def end(span_id: str, at: int | None = None) -> dict:
    """Make a `span_end`."""
    return {"type": "span_end", "span_id": span_id, "timestamp_us": at}


def event(span_id: str, at: int, name: str = "e") -> dict:
    """Make a `span_event`."""
    return {"type": "span_event", "span_id": span_id, "event": name, "timestamp_us": at}


#: A tree of two spans that failed.
FAILED = (
    create("root", at=0),
    create("child", at=10, parent_span_id="root"),
    {"type": "span_error", "span_id": "child", "error": "no such user", "timestamp_us": 15},
    {"type": "span_end", "span_id": "root", "status": "ERROR", "error": "gave up", "timestamp_us": 20},
)


def without_colour(text: str) -> str:
    """Take the escape sequences for colour out."""
    return re.sub(r"\x1b\[[0-9;]+m", "", text)


def columns(text: str) -> int:
    """Count the columns that a text takes in a terminal."""
    return sum(0 if category(char) in ("Mn", "Me") else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def lines(text: str) -> list[str]:
    """Split a picture at the ends of its lines, and at nothing else."""
    return text.split("\n")[:-1]


def chain_of(count: int, own_trace: bool = False) -> list[dict]:
    """Make spans, each the child of the one before, or each a trace of its own."""
    spans = [create("s0", at=0)]
    spans += [create(f"s{i}", at=i, parent_span_id=None if own_trace else f"s{i - 1}") for i in range(1, count)]
    return spans + [end(f"s{i}", at=2 * count) for i in range(count)]


class PictureTests(unittest.TestCase):
    """Small pictures, to the character."""

    def test_one_span_fills_the_width(self) -> None:
        """A single span has its trace's header and a bar over all of the rest of the width."""
        self.assertEqual(
            drawn(create("a", "GET /", 0, kind="SERVER"), end("a", 10_000)),
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
            *(end("late", 80), end("leaf", 31), end("root", 80), end("early", 50)),
        ]

        self.assertEqual(
            drawn(*messages, width=68),
            "trace 00000000000000000000000000000001: 4 spans, 80 us\n"
            "root      INTERNAL OK 80 us ████████████████████████████████████████\n"
            "├ early   CLIENT   OK 30 us           ███████████████\n"
            "│ └ leaf  INTERNAL OK 10 us           ▐████▌\n"
            "└ late    INTERNAL OK 20 us                               ██████████\n",
        )

    def test_error_is_spelt_out_below_its_span(self) -> None:
        """An error stands on its own line under the span, within the tree, and is counted in the header."""
        self.assertEqual(
            drawn(*FAILED, width=70),
            "trace 00000000000000000000000000000001: 2 spans, 20 us, 2 errors\n"
            "root     INTERNAL ERROR 20 us ████████████████████████████████████████\n"
            "│ ! gave up\n"
            "└ child  INTERNAL ERROR  5 us                     █████████×\n"
            "    ! no such user\n",
        )

    def test_without_block_characters_it_is_ascii(self) -> None:
        """The same picture in ASCII has the same columns."""
        self.assertEqual(
            drawn(*FAILED, width=70, unicode=False),
            "trace 00000000000000000000000000000001: 2 spans, 20 us, 2 errors\n"
            "root     INTERNAL ERROR 20 us ========================================\n"
            "| ! gave up\n"
            "`-child  INTERNAL ERROR  5 us                     =========x\n"
            "    ! no such user\n",
        )

    def test_colour_adds_nothing_but_colour(self) -> None:
        """Without its escape sequences the coloured picture is the plain one; each line ends without colour."""
        messages = [*FAILED, create("open", at=0), event("open", 15)]
        coloured = drawn(*messages, width=70, colour=True)

        self.assertEqual(without_colour(coloured), drawn(*messages, width=70))
        self.assertEqual([line for line in lines(coloured) if "\x1b" in line.rpartition("\x1b[0m")[2]], [])
        self.assertIn("\x1b[31mERROR\x1b[0m", coloured)
        self.assertIn("\x1b[31m! gave up\x1b[0m", coloured)
        self.assertIn("\x1b[33mopen \x1b[0m", coloured)

    def test_colours_tell_kinds_and_troubles(self) -> None:
        """The header is bold, the kind faint, the bar in its kind's colour; red and yellow are for errors and open spans."""
        header = "\x1b[1mtrace 00000000000000000000000000000001: 1 span, 10 us\x1b[0m"
        for kind, colour in (("INTERNAL", 32), ("SERVER", 36), ("CLIENT", 34), ("PRODUCER", 35), ("CONSUMER", 35)):
            with self.subTest(kind):
                picture = drawn(create("a", at=0, kind=kind), end("a", 10), width=60, colour=True)
                bar = "█" * (47 - len(kind))

                self.assertEqual(
                    lines(picture), [header, f"a  \x1b[2m{kind}\x1b[0m OK 10 us \x1b[{colour}m{bar}\x1b[0m"]
                )

    def test_open_span_is_drawn_up_to_now(self) -> None:
        """An open span is marked and drawn up to the clock's time."""
        messages = [create("a", at=0), create("b", at=10_000, parent_span_id="a"), event("b", 20_000), end("b", 40_000)]

        self.assertIn(": 1 span, 30 ms, 1 open\n", drawn(create("a", at=0), event("a", 30_000)))
        self.assertEqual(
            drawn(*messages, width=65),
            "trace 00000000000000000000000000000001: 2 spans, 40 ms, 1 open\n"
            "a    INTERNAL open 40 ms ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░\n"
            "└ b  INTERNAL OK   30 ms           ██████████◆███████████████████\n",
        )

    def test_bar_begins_and_ends_within_the_width(self) -> None:
        """A span at the very end of its trace has half a column there; one of a microsecond fills what it lasts."""
        messages = [create("a", at=0), create("b", at=1, parent_span_id="a"), end("b", 1), end("a", 1)]

        self.assertEqual(
            lines(drawn(*messages, width=64))[1:],
            ["a    INTERNAL OK 1 us ██████████████████████████████████████████", f"└ b  INTERNAL OK 0 us {' ' * 41}▐"],
        )

    def test_event_at_the_end_of_a_span_is_marked_on_its_bar(self) -> None:
        """The mark is on the last column that the bar has, be it whole or half of one, and on its first at the start."""
        for end_us, bar in ((31, "◆██████████████◆"), (30, "◆█████████████◆"), (0, "◆")):
            with self.subTest(end_us):
                messages = [create("a", at=0), create("b", at=0, parent_span_id="a"), end("a", 80)]
                picture = drawn(*messages, event("b", 0), event("b", end_us), end("b", end_us), width=63)

                self.assertEqual(lines(picture)[2].partition(" us ")[2], bar)

    def test_times_out_of_order_stay_within_the_trace(self) -> None:
        """A child may start before its parent; events before and after the trace are marked at its edges."""
        messages = [
            *(create("a", at=100), event("a", 0), event("a", 150), event("a", 150, "exception"), event("a", 150)),
            *(event("a", 200), create("b", at=50, parent_span_id="a"), event("b", 999), end("b", 75), end("a", 250)),
        ]

        self.assertEqual(
            drawn(*messages, width=64),
            "trace 00000000000000000000000000000001: 2 spans, 200 us\n"
            "a    INTERNAL OK 150 us ◆         ██████████×█████████◆█████████\n"
            "└ b  INTERNAL OK  25 us █████                                  ◆\n",
        )

    def test_traces_stand_in_order_of_start_orphans_at_their_top(self) -> None:
        """A span whose parent is unknown is a top line of its trace; nothing that took no time is invisible."""
        remote = f"00-{'a' * 32}-{'b' * 16}-01"
        messages = [create("x", at=5, traceparent=remote), create("z", at=2), create("y", at=1, traceparent=remote)]

        self.assertEqual(
            drawn(*messages, end("x", 9), end("y", 1), end("z", 2), width=64),
            "trace aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 2 spans, 8 us\n"
            "y  INTERNAL OK 0 us ▌\n"
            "x  INTERNAL OK 4 us                       ██████████████████████\n"
            "\n"
            "trace 00000000000000000000000000000001: 1 span, 0 us\n"
            "z  INTERNAL OK 0 us ▌\n",
        )


class ShapeTests(unittest.TestCase):
    """Trees of any shape and size."""

    def test_parents_in_a_circle_lose_no_span(self) -> None:
        """Spans that are each other's or their own parents are drawn once each; children are the first one's of their id."""

        def parent(number: int) -> dict[str, str]:
            return {"traceparent": f"00-{'a' * 32}-{number:016x}-01"}

        picture = drawn(
            *(create("one", at=0, **parent(2)), create("two", at=1, **parent(1)), create("self", at=2, **parent(3))),
            create("child", at=3, parent_span_id="two"),
            *(create("twin", at=4, context=parent(3)["traceparent"], **parent(3)), create("last", at=5, **parent(3))),
        )

        self.assertEqual(
            [line.split("  INTERNAL")[0].rstrip() for line in lines(picture)[1:]],
            ["one", "└ two", "  └ child", "self", "├ twin", "└ last"],
        )

    def test_deep_chain_is_indented_up_to_a_bound(self) -> None:
        """A thousand levels are a thousand lines; the names stay in view, and lost levels are marked."""
        picture = lines(drawn(*chain_of(1_000), width=80))

        self.assertEqual(len(picture), 1_001)
        labels = [line.split("  INTERNAL")[0].rstrip() for line in (*picture[1:4], picture[-1])]
        self.assertEqual(labels, ["s0", "└ s1", "  └ s2", "…         └ s999"])
        self.assertEqual({line.index("└") for line in picture[7:]}, {10})

    def test_a_thousand_traces_take_two_lines_each(self) -> None:
        """Traces of one span follow each other without blank lines, in order."""
        picture = lines(drawn(*chain_of(1_000, own_trace=True)))

        self.assertEqual(len(picture), 2_000)
        self.assertEqual([line.split()[0] for line in picture[1::2]], [f"s{i}" for i in range(1_000)])

    def test_what_is_too_much_is_counted(self) -> None:
        """Past the bound, spans and traces are left out and counted, the last trace in part."""
        chain = [create("root", at=0)]
        chain += [create(f"s{i}", at=1, parent_span_id="root") for i in range(DRAWN_SPANS)]
        for more, expected in (
            ([], "not drawn: 1 more span"),
            ([create("p", at=2)], "not drawn: 2 more spans, 1 more trace"),
        ):
            with self.subTest(expected):
                picture = lines(drawn(*chain, *more, width=80))

                self.assertEqual(sum("INTERNAL" in line for line in picture), DRAWN_SPANS)
                self.assertEqual(picture[-2:], ["", expected])

    def test_what_just_fits_is_drawn(self) -> None:
        """As many spans as are drawn leave nothing to say, also where the last of them is a trace of its own."""
        chain = [create("root", at=0)]
        chain += [create(f"s{i}", at=1, parent_span_id="root") for i in range(DRAWN_SPANS - 2)]
        picture = lines(drawn(*chain, create("last", at=2), width=80))

        self.assertEqual(sum("INTERNAL" in line for line in picture), DRAWN_SPANS)
        self.assertEqual((picture[-1][:4], picture[-3]), ("last", ""))

    def test_blank_lines_set_traces_of_several_spans_apart(self) -> None:
        """Such a trace has one before it and one behind it, within the picture."""
        pair = [create("a", at=2), create("b", at=2, parent_span_id="a")]
        picture = lines(drawn(create("x", at=1), *pair, create("y", at=3), create("z", at=4)))

        self.assertEqual([line[:1] for line in picture], ["t", "x", "", "t", "a", "└", "", "t", "y", "t", "z"])

    def test_no_spans_are_said(self) -> None:
        """Where there is nothing to draw, that is said."""
        self.assertEqual(drawn(), "no spans to draw\n")

    def test_narrow_pictures_leave_columns_out(self) -> None:
        """Below 60 columns there is no kind, below 44 no status, below 28 no duration; the id is cut from its front."""
        messages = [create("a", at=0), end("a", 10)]
        for width, expected in {
            60: ["trace 00000000000000000000000000000001: 1 span, 10 us", "a  INTERNAL OK 10 us " + "█" * 39],
            59: ["trace 00000000000000000000000000000001: 1 span, 10 us", "a  OK 10 us " + "█" * 47],
            44: ["trace 00000000000000000000001: 1 span, 10 us", "a  OK 10 us " + "█" * 32],
            43: ["trace 0000000000000000000001: 1 span, 10 us", "a  10 us " + "█" * 34],
            28: ["trace 0000001: 1 span, 10 us", "a  10 us " + "█" * 19],
            27: ["trace 000001: 1 span, 10 us", "a  " + "█" * 24],
            20: ["trace 0001: 1 span,", "10 us", "a  " + "█" * 17],
        }.items():
            with self.subTest(width):
                self.assertEqual(lines(drawn(*messages, width=width)), expected)

    def test_wide_pictures_say_when_a_span_starts(self) -> None:
        """From 120 columns on a row has its start, from that of its trace; below it is drawn as ever."""
        messages = [create("a", at=70), create("b", at=1_570, parent_span_id="a"), end("b", 2_070), end("a", 2_070)]
        header = "trace 00000000000000000000000000000001: 2 spans, 2 ms"

        self.assertEqual(
            lines(drawn(*messages, width=120)),
            [
                header,
                "a    INTERNAL OK   +0 us   2 ms " + "█" * 88,
                "└ b  INTERNAL OK +1.5 ms 500 us " + " " * 66 + "█" * 22,
            ],
        )
        self.assertEqual(lines(drawn(*messages, width=119))[1], "a    INTERNAL OK   2 ms " + "█" * 95)

    def test_long_error_is_broken_between_words_and_cut(self) -> None:
        """An error takes three lines at most, broken between words, in the end cut."""
        error = {"type": "span_error", "span_id": "a", "error": "the quick brown fox jumps over the lazy dog " * 4}

        self.assertEqual(
            lines(drawn(create("a"), error, width=44))[2:],
            [
                "  ! the quick brown fox jumps over the lazy",
                "    dog the quick brown fox jumps over the",
                "    lazy dog the quick brown fox jumps over…",
            ],
        )

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
                self.assertEqual(readable(duration_us), expected)


class DetailsTests(unittest.TestCase):
    """Attributes and events below their span."""

    def drawn(self, *messages: dict, **options: object) -> list[str]:
        """Return the lines below the first header."""
        return lines(drawn(*messages, details=True, **{"width": 70, **options}))[1:]

    def test_attributes_and_events_stand_below_their_span(self) -> None:
        """Attributes in their order, events in order of time, within the tree, with times from the trace's start."""
        messages = [
            create("root", at=100, attributes={"user": 7, "tags": ["é", None, {"k": True}]}),
            create("child", at=110, parent_span_id="root"),
            {**event("root", 115, "late"), "attributes": {"n": 1, "text": "x"}},
            event("root", 95, "early"),
            {"type": "span_error", "span_id": "child", "error": "gone", "timestamp_us": 120},
            end("root", 120),
        ]

        self.assertEqual(
            self.drawn(*messages),
            [
                "root     INTERNAL OK    20 us ◆█████████████████████████████◆█████████",
                "│   user = 7",
                '│   tags = ["é", null, {"k": true}]',
                "│ ◆ -5 us early",
                '│ ◆ +15 us late: n = 1, text = "x"',
                "└ child  INTERNAL ERROR 10 us                     ███████████████████×",
                "    ! gone",
                '    × +20 us exception: exception.message = "gone"',
            ],
        )
        self.assertIn('| * +15 us late: n = 1, text = "x"', self.drawn(*messages, unicode=False))

    def test_details_are_few(self) -> None:
        """Ten attributes, ten events and ten attributes of an event are listed, the others counted."""
        for count, more in ((10, ()), (11, ("1 more {}",)), (13, ("3 more {}s",))):
            attributes = {f"k{i}": i for i in range(count)}
            listed = [f"k{i} = {i}" for i in range(10)]
            events = [event("a", i, f"e{i}") for i in range(count)]
            events[0]["attributes"] = attributes
            with self.subTest(count):
                expected = [f"    {line}" for line in [*listed, *(f"and {text.format('attribute')}" for text in more)]]
                first = ", ".join([*listed, *(f"and {text.format('attribute')}" for text in more)])
                expected += [f"  ◆ +0 us e0: {first}", *(f"  ◆ +{i} us e{i}" for i in range(1, 10))]
                expected += [f"    and {text.format('event')}" for text in more]

                self.assertEqual(self.drawn(create("a", at=0, attributes=attributes), *events, width=200)[1:], expected)

    def test_hostile_details_cannot_break_the_picture(self) -> None:
        """A detail is one line, no wider than the picture, without control characters, and cut in its middle."""
        text = "x\x1b[2J\n\u202e" + "\u6f22" * 500 + "\ud800.end"
        messages = [create("a", at=0, attributes={text: [text]}), {**event("a", 0, text), "attributes": {text: text}}]
        for width, unicode in ((20, True), (20, False), (80, True), (500, False)):
            with self.subTest(width=width, unicode=unicode):
                details = self.drawn(*messages, width=width, unicode=unicode)[-2:]

                self.assertEqual([line[:5] for line in details], ["    x", f"  {'◆' if unicode else '*'} +"])
                self.assertEqual([line[-2:] for line in details], ['"]', 'd"'])
                self.assertEqual([line for line in details if columns(line) > width], [])
                self.assertEqual({char for line in details for char in line if category(char)[0] == "C"}, set())

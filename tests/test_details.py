"""The attributes and events that are listed below a span."""

from __future__ import annotations

import unittest
from unicodedata import category

from tests.pictures import count_columns, create, draw, end, event, split_lines


class DetailsTests(unittest.TestCase):
    """Attributes and events below their span."""

    def draw(self, *messages: dict, **options: object) -> list[str]:
        """Draw with details; return the lines below the first header."""
        return split_lines(draw(*messages, details=True, **{"width": 70, **options}))[1:]

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
            self.draw(*messages),
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
        self.assertIn('| * +15 us late: n = 1, text = "x"', self.draw(*messages, unicode=False))

    def test_details_are_few(self) -> None:
        """Ten attributes, ten events and ten attributes of an event are listed, the others counted."""
        for count, more_attributes, more_events in (
            (10, [], []),
            (11, ["and 1 more attribute"], ["and 1 more event"]),
            (13, ["and 3 more attributes"], ["and 3 more events"]),
        ):
            attributes = {f"k{i}": i for i in range(count)}
            listed = [*(f"k{i} = {i}" for i in range(10)), *more_attributes]
            events = [event("a", i, f"e{i}") for i in range(count)]
            events[0]["attributes"] = attributes
            with self.subTest(count):
                self.assertEqual(
                    self.draw(create("a", at=0, attributes=attributes), *events, width=200)[1:],
                    [
                        *(f"    {line}" for line in listed),
                        f"  ◆ +0 us e0: {', '.join(listed)}",
                        *(f"  ◆ +{i} us e{i}" for i in range(1, 10)),
                        *(f"    {line}" for line in more_events),
                    ],
                )

    def test_details_are_faint(self) -> None:
        """Where there is colour, an attribute and an event are faint, with the mark and without the tree."""
        messages = [create("a", at=0, attributes={"k": 1}), event("a", 0)]

        self.assertEqual(
            self.draw(*messages, colour=True)[1:], ["  \x1b[2m  k = 1\x1b[0m", "  \x1b[2m◆ +0 us e\x1b[0m"]
        )

    def test_hostile_details_cannot_break_the_picture(self) -> None:
        """A detail is one line, no wider than the picture, without control characters, and cut in its middle."""
        text = "x\x1b[2J\n\u202e" + "\u6f22" * 500 + "\ud800.end"
        messages = [create("a", at=0, attributes={text: [text]}), {**event("a", 0, text), "attributes": {text: text}}]
        for width, unicode in ((20, True), (20, False), (80, True), (500, False)):
            with self.subTest(width=width, unicode=unicode):
                details = self.draw(*messages, width=width, unicode=unicode)[-2:]

                self.assertEqual([line[:5] for line in details], ["    x", f"  {'◆' if unicode else '*'} +"])
                self.assertEqual([line[-2:] for line in details], ['"]', 'd"'])
                self.assertEqual([line for line in details if count_columns(line) > width], [])
                self.assertEqual({char for line in details for char in line if category(char)[0] == "C"}, set())

"""The attributes and events that are listed below a span."""

from __future__ import annotations

import unittest
from unicodedata import category

from tests.pictures import count_columns, create, draw, end, event, split_lines
from tracer.picture.choice import Choice
from tracer.picture.details import explain_failure
from tracer.picture.waterfall import render
from tracer.span import Span, make_attributes


def link(span_id: str, traceparent: str) -> dict:
    """Make a `span_link`."""
    return {"type": "span_link", "span_id": span_id, "link": {"traceparent": traceparent}}


class FailureTests(unittest.TestCase):
    """What went wrong, where the status does not say it."""

    def explain(self, status: str, *exceptions: dict, error: str | None = None, name: str = "exception") -> str | None:
        """Say what went wrong in a span with these exceptions."""
        span = Span("", "n", "SERVER", 0, 1, 1, 1, None)
        span._status, span._error = status, error
        for attributes in exceptions:
            span._add_event(name, 0, make_attributes(attributes, 9, None), 9)
        span._add_event("later", 0, None, 9)
        return explain_failure(span)

    def test_exception_says_what_the_status_does_not(self) -> None:
        """It is the type and the message of the last exception that has one, unless the status has a message or is OK."""
        old, new = ({"exception.type": f"E{i}", "exception.message": f"no {i}", "k": "v"} for i in range(2))
        for status, exceptions, expected in (
            ("ERROR", [old, new], "E1: no 1"),
            ("UNSET", [old], "E0: no 0"),
            ("OK", [old], None),
            ("ERROR", [old, {"k": "v"}], "E0: no 0"),
            ("ERROR", [old, {"exception.type": "", "exception.message": None}, {}], "E0: no 0"),
            ("ERROR", [{"exception.type": "E"}], "E"),
            ("ERROR", [{"exception.message": "why"}], "why"),
            ("ERROR", [{"exception.type": ["E", 1], "exception.message": 7}], '["E", 1]: 7'),
            ("ERROR", [{"exception.stacktrace": "at"}], None),
            ("ERROR", [], None),
        ):
            with self.subTest(status, exceptions=exceptions):
                self.assertEqual(self.explain(status, *exceptions), expected)
        self.assertEqual(self.explain("ERROR", old, error="why"), "why")
        self.assertEqual(self.explain("ERROR", old, error=""), "E0: no 0")
        self.assertIsNone(self.explain("ERROR", old, name="other"))

    def test_exception_stands_below_its_span(self) -> None:
        """The picture has it where the message of a status stands."""
        attributes = {"exception.type": "E", "exception.message": "two\nlines"}
        failed = {**end("a", 9), "status": "ERROR"}
        picture = draw(create("a", at=0), {**event("a", 5, "exception"), "attributes": attributes}, failed)

        self.assertEqual(split_lines(picture)[2:], ["  ! E: two lines"])


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
                "│   span 0000000000000001, root",
                "│   user = 7",
                '│   tags = ["é", null, {"k": true}]',
                "│ ◆ -5 us early",
                '│ ◆ +15 us late: n = 1, text = "x"',
                "└ child  INTERNAL ERROR 10 us                     ███████████████████×",
                "    ! gone",
                "      span 0000000000000002, child",
                '    × +20 us exception: exception.message = "gone"',
            ],
        )
        self.assertIn('| * +15 us late: n = 1, text = "x"', self.draw(*messages, unicode=False))

    def test_details_are_few(self) -> None:
        """Ten attributes, links and events, and ten attributes of an event, are listed, the others counted."""
        for count, more_attributes, more_links, more_events in (
            (10, [], [], []),
            (11, ["and 1 more attribute"], ["and 1 more link"], ["and 1 more event"]),
            (13, ["and 3 more attributes"], ["and 3 more links"], ["and 3 more events"]),
        ):
            attributes = {f"k{i}": i for i in range(count)}
            listed = [*(f"k{i} = {i}" for i in range(10)), *more_attributes]
            links = [link("a", f"00-{'a' * 32}-{i + 16:016x}-01") for i in range(count)]
            events = [event("a", i, f"e{i}") for i in range(count)]
            events[0]["attributes"] = attributes
            with self.subTest(count):
                self.assertEqual(
                    self.draw(create("a", at=0, attributes=attributes), *links, *events, width=200)[1:],
                    [
                        "    span 0000000000000001, a",
                        *(f"    {line}" for line in listed),
                        *(f"    link to span {i + 16:016x}, trace {'a' * 32}" for i in range(10)),
                        *(f"    {line}" for line in more_links),
                        f"  ◆ +0 us e0: {', '.join(listed)}",
                        *(f"  ◆ +{i} us e{i}" for i in range(1, 10)),
                        *(f"    {line}" for line in more_events),
                    ],
                )

    def test_links_name_the_span_that_they_lead_to(self) -> None:
        """A link has the name of its span if that is here, its id, its trace if that is another one, and its attributes."""
        messages = [
            create("a", at=0),
            create("b", at=1, parent_span_id="a"),
            create("far", "pay", at=2),
            {"type": "span_link", "span_id": "b", "link": {"span_id": "a", "attributes": {"k": 1}}},
            {"type": "span_link", "span_id": "b", "link": {"span_id": "far"}},
            link("b", f"00-{'a' * 32}-{'b' * 16}-01"),
        ]
        for options in ({}, {"trace": "1"}):
            shown = self.draw(*messages, width=100, **options)

            self.assertEqual(
                [line.strip() for line in shown if "link" in line],
                [
                    "link to a, span 0000000000000001: k = 1",
                    f"link to pay, span 0000000000000003, trace {3:032x}".replace(f"{3:032x}", f"{2:032x}"),
                    f"link to span {'b' * 16}, trace {'a' * 32}",
                ],
            )

    def test_parent_that_is_not_here_is_named(self) -> None:
        """Of a span whose parent is not here its parent's id stands beside its own."""
        shown = self.draw(create("a", at=0, traceparent=f"00-{'a' * 32}-{'b' * 16}-01"))

        self.assertEqual(shown[1], f"      span 0000000000000001, parent {'b' * 16} not here, a")

    def test_exception_has_its_message_before_the_rest(self) -> None:
        """Type and message of an exception have a line, and the rest, such as a stack trace, has the next one."""
        stack = {"exception.stacktrace": "at\nat", "exception.message": "no", "exception.type": "E", "k": 1}
        for attributes, lines in (
            (stack, ['exception.type = "E", exception.message = "no"', r'exception.stacktrace = "at\nat", k = 1']),
            ({"exception.type": "E"}, ['exception.type = "E"']),
            ({"exception.stacktrace": "at"}, ['exception.stacktrace = "at"']),
        ):
            messages = [create("a", at=0), {**event("a", 0, "exception"), "attributes": attributes}]
            shown = [line.strip() for line in self.draw(*messages, width=100)][-len(lines) :]

            self.assertEqual(shown, [f"× +0 us exception: {lines[0]}", *lines[1:]])

    def test_resource_is_listed_once_a_service(self) -> None:
        """The attributes of a resource stand below the first span of its service, ten at most."""
        spans = [Span("", f"s{place}", "SERVER", place, 1, place + 1, 1, None) for place in range(3)]
        for span, service in zip(spans, ("shop", None, "shop")):
            span._service = service
        resources = {"shop": {f"k{i}": i for i in range(11)}, "": {"host": "h"}, "other": {"k": 1}}
        picture = render(spans, 9, 80, True, False, Choice(with_details=True), resources)
        lines = split_lines(picture)

        self.assertEqual(
            [line.strip() for line in lines if "resource" in line],
            [*(f"resource: k{i} = {i}" for i in range(10)), "resource: and 1 more attribute", 'resource: host = "h"'],
        )
        self.assertEqual((lines[2].strip(), lines[3].strip()), ("span 0000000000000001", "resource: k0 = 0"))

    def test_details_are_faint(self) -> None:
        """Where there is colour, an attribute and an event are faint, with the mark and without the tree."""
        messages = [create("a", at=0, attributes={"k": 1}), event("a", 0)]

        self.assertEqual(
            self.draw(*messages, colour=True)[2:], ["  \x1b[2m  k = 1\x1b[0m", "  \x1b[2m◆ +0 us e\x1b[0m"]
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

"""What a pen writes: names and errors that cannot break the picture or the terminal."""

from __future__ import annotations

import unittest
from itertools import product
from unicodedata import category

from tests.pictures import count_columns, create, draw, end, event, split_lines
from tracer.picture.pen import Pen

#: Names that attack a terminal, or that terminals show in different ways.
HOSTILE = {
    "control characters": "bell\x07 null\x00 delete\x7f",
    "escapes": "\x1b[2J\x1b[31m\x1b]0;title\x07\x9b5A",
    "ends of lines": "one\ntwo\rthree\x85four\u2028five\u2029six\x0bseven",
    "tabs": "a\tb\tc",
    "overrides": "\u202egnp.exe\u202c \u2066\u2067\u2068\u2069 \u200e\u200f",
    "right to left": "\u05e9\u05dc\u05d5\u05dd 123 \u0645\u0631\u062d\u0628\u0627",
    "marks": "e" + "\u0301" * 10_000 + "x",
    "a leading mark": "\u0301\u20ddlead",
    "full width": "\uff21\uff22" * 100,
    "wide": "\u6f22\u5b57" * 5_000,
    "emoji": "\U0001f680 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd \u2764\ufe0f" * 30,
    "flags": "\U0001f1e9\U0001f1ea \U0001f1e9",
    "10,000 characters": "x" * 10_000,
    "10,000 joiners": "\u200d" * 10_000,
    "lone surrogates": "\ud800 \udfff",
    "no characters": "\ufffe\uffff\U0010ffff\ue000",
    "other spaces": "a\u3000b\u00a0c\u2003d",
    "syllables in parts": "\u1112\u1161\u11ab \u1161\u3164",
    "invisible": "a\u200bb\u00adc\ufeff\u2060",
}


def make_failing(text: str) -> list[dict]:
    """Make a span and its child, both of that name and failing with that error."""
    spans = [create("a", text), create("b", text, parent_span_id="a"), event("b", 7, text)]
    return spans + [{"type": "span_error", "span_id": span_id, "error": text} for span_id in ("a", "b")]


class HostileNamesTests(unittest.TestCase):
    """Names and errors that cannot break the picture or the terminal."""

    WIDTHS = (28, 60)

    def test_no_line_is_too_wide_or_has_control_characters(self) -> None:
        """At any width, in either alphabet, no line is wider than asked or has a character that controls anything."""
        for (name, text), width, unicode in (
            (item, width, unicode) for item in HOSTILE.items() for width in self.WIDTHS for unicode in (True, False)
        ):
            with self.subTest(name, width=width, unicode=unicode):
                picture = split_lines(draw(*make_failing(text), width=width, unicode=unicode))

                self.assertEqual([line for line in picture if count_columns(line) > width], [])
                self.assertEqual({char for line in picture for char in line if category(char)[0] == "C"}, set())
                self.assertTrue(unicode or "".join(picture).isascii())
                self.assertLessEqual(len("".join(picture)), 4 * width * len(picture))

    def test_columns_stay_in_line(self) -> None:
        """What follows a name begins in the column where it begins after any other."""
        for name, text in HOSTILE.items():
            with self.subTest(name):
                rows = [line for line in split_lines(draw(*make_failing(text), width=80)) if "INTERNAL" in line]

                self.assertEqual(len({count_columns(line.partition("INTERNAL")[0]) for line in rows}), 1)
                self.assertEqual(len(rows), 2)

    def test_what_cannot_be_shown_is_escaped(self) -> None:
        """Control characters become escapes, ends of lines spaces, flags letters; joiners and further marks are left out."""
        for text, shown in {
            "\x1b[2J": "\\x1b[2J",
            "a\nb": "a b",
            "\u202eabc": "\\u202eabc",
            "\ud800": "\\ud800",
            "\U0001f468\u200d\U0001f469": "\U0001f468\U0001f469",
            "\U0001f1e9\U0001f1ea": "DE",
            "e\u0301\u0302\u0303\u0304x": "\u00e9\u0302\u0303x",
            "\u0301x": "\\u0301x",
            "\u202e\u0301x": "\\u202ex",
            "\u6f22\x1bx": "\u6f22\\x1bx",
            "a\u20ddx": "a\\u20ddx",
            "\u05d0\u05d1": "\u05d0\u05d1",
            "\u6f22": "\u6f22",
        }.items():
            with self.subTest(shown):
                line = split_lines(draw(create("a", text), end("a"), width=80))[1]

                self.assertEqual(line.partition("  INTERNAL")[0], shown)

    def test_right_to_left_is_escaped_where_digits_would_follow(self) -> None:
        """A terminal that writes from right to left would draw the duration into such a name."""
        for name, text in {"Hebrew": "\u05d0", "Arabic": "\u0645", "Arabic digits": "\u0660"}.items():
            with self.subTest(name):
                self.assertIn(f"\\u{ord(text):04x} ", draw(create("a", text), end("a"), width=43))
                self.assertIn(f"{text} ", draw(create("a", text), end("a"), width=44))

    def test_wide_character_is_not_cut_in_half(self) -> None:
        """Where only one column is left for a wide character, a space stands there instead."""
        picture = draw(create("a", "x" + "\u6f22" * 40, 0), end("a", 10), width=80)
        label = split_lines(picture)[1].partition(" INTERNAL")[0]

        self.assertEqual(label, "x" + "\u6f22" * 10 + "…" + "\u6f22" * 4 + " ")
        self.assertEqual(count_columns(split_lines(picture)[1]), 80)

    def test_text_is_cut_in_its_middle_to_its_room(self) -> None:
        """A text that fits with what stands before it stays whole; else two thirds of what is kept are from its front."""
        for before, text, shown in (
            ("", "12345678", "12345678"),
            ("", "123456789", "12345…89"),
            ("├ ", "123456", "├ 123456"),
            ("├ ", "1234567", "├ 1234…7"),
            ("", "\u6f22" * 4, "\u6f22" * 4),
            ("", "\u6f22" * 4 + "5", "\u6f22" * 3 + "…5"),
            ("", "é" * 9, "é" * 5 + "…" + "é" * 2),
            ("", "12345" + "e\u0323" * 4, "12345…" + "\u1eb9" * 2),
            ("", "\x1b" * 2, "\\x1b\\x1b"),
            ("", "\x1b" * 3, "\\x1b…"),
            ("", "12345678\x1b", "1234567…"),
            ("", "12345" + "\u200d" * 1_000 + "67", "12345…67"),
            ("", "12345" + "\u200d" * 1_000 + "678", "12345…78"),
            ("", "12345" + "\u200d" * 150 + "67", "12345…67"),
            ("", "1" + "\u200d" * 50 + "2", "12"),
            ("", "1234567\u6f229", "123456…9"),
        ):
            with self.subTest(before + text):
                self.assertEqual(Pen(True, False, True).fit(before, text, 8), (shown, count_columns(shown)))

    def test_service_is_cut_before_its_name(self) -> None:
        """A name that fits stays whole, and its service has what is left, if that says something; else it has a third at most."""
        for tree, service, name, shown in (
            ("", "shop", "pay", "shop: pay"),
            ("├ ", "", "pay", "├ pay"),
            ("", "checkout", "POST /pay", "checkout: POST /pay"),
            ("├ ", "checkou", "POST /pay", "├ checkou: POST /pay"),
            ("├ ", "checkout", "POST /pay", "├ checko…: POST /pay"),
            ("", "checkout", "POST /payments", "che…: POST /payments"),
            ("", "checkout", "POST /payments/", "POST /payments/"),
            ("", "db", "POST /payments/a", "db: POST /payments/a"),
            ("", "db", "POST /payments/ab", "POST /payments/ab"),
            ("", "checkout", "POST /payments/{id}/lines", "che…: POST /pay…ines"),
            ("", "\u6f22" * 9, "POST /payments/{id}/lines", "\u6f22…: POST /paym…ines"),
            ("", "\x1b" * 9_000, "pay", "\\x1b\\x1b\\x1b…: pay"),
            ("│ │ │ ├ ", "checkout", "POST /payments", "│ │ │ ├ POST /pa…nts"),
        ):
            with self.subTest(service, name=name):
                self.assertEqual(
                    Pen(True, False, True).fit_label(tree, service, name, 20), (shown, count_columns(shown))
                )
        self.assertEqual(Pen(False, False, True).fit_label("", "checkout", "POST /pays", 16).shown, "POST /pays")

    def test_hostile_service_has_the_columns_that_are_counted(self) -> None:
        """A label fits its room and is as wide as it says, whatever the service and the name are."""
        for service, name in product(HOSTILE.values(), repeat=2):
            for unicode, room in ((True, 30), (False, 30), (True, 7)):
                label = Pen(unicode, False, True).fit_label("\u251c " if unicode else "|-", service, name, room)

                self.assertEqual(label.columns, count_columns(label.shown))
                self.assertLessEqual(label.columns, room)

    def test_ellipsis_is_cut_to_its_room(self) -> None:
        """Where there is no room for all of it, there is as much as fits."""
        pen = Pen(False, False, True)
        for room, shown in enumerate(("", ".", "..", "...", "1...")):
            with self.subTest(room):
                self.assertEqual(pen.fit("", "123456789", room), (shown, room))
                self.assertEqual(pen.wrap("123456789", room, 1), [shown])

    def test_text_is_broken_between_words(self) -> None:
        """A line ends after a space; only a word that is longer than a line is broken."""
        for text, lines in {
            "": [""],
            "one two three": ["one two", "three"],
            "1234567 9": ["1234567", "9"],
            "12345678 0": ["12345678", "0"],
            "123456789": ["12345678", "9"],
            " 123456789": ["", "12345678", "9"],
            "one two three four five six": ["one two", "three", "four fi…"],
        }.items():
            with self.subTest(text):
                self.assertEqual(Pen(True, False, True).wrap(text, 8, 3), lines)

    def test_long_commands_look_different(self) -> None:
        """Names that begin alike and end otherwise look different, in either alphabet."""
        databases = ("users", "orders", "orders_old", "stock", "mail", "log")
        spans = [create(f"s{i}", f"pg_dump --format=custom {name}") for i, name in enumerate(databases)]
        for unicode in (True, False):
            with self.subTest(unicode=unicode):
                rows = [
                    line.split("  INTERNAL")[0]
                    for line in split_lines(draw(*spans, unicode=unicode))
                    if "INTERNAL" in line
                ]

                self.assertEqual(len(set(rows)), len(databases))

    def test_bar_is_drawn_to_half_a_column(self) -> None:
        """A bar begins and ends in either half of a column; without halves, and while open, a column is whole."""
        blocks, ascii = Pen(True, False, True), Pen(False, False, True)
        for low, high, expected in (
            (0, 8, "████"),
            (1, 7, "▐██▌"),
            (2, 3, " ▌  "),
            (3, 4, " ▐  "),
            (3, 5, " ▐▌ "),
            (7, 8, "   ▐"),
        ):
            with self.subTest(low=low, high=high):
                whole = "".join(" " if cell == " " else "=" for cell in expected)

                self.assertEqual("".join(blocks.draw_bar(low, high, 4, False)), expected)
                self.assertEqual("".join(blocks.draw_bar(low, high, 4, True)), whole.replace("=", "░"))
                self.assertEqual("".join(ascii.draw_bar(low, high, 4, False)), whole)

    def test_blocks_need_an_encoding_that_has_them(self) -> None:
        """An encoding that lacks one of the block characters is not enough."""
        for encoding, expected in {
            "utf-8": True,
            "gb18030": True,
            "ascii": False,
            "latin-1": False,
            "cp437": False,
        }.items():
            with self.subTest(encoding):
                self.assertEqual(Pen.is_drawable(encoding), expected)

"""The words of sentences: what a number has to be, and which slips are seen in a word or an id.

What whole sentences say is in `test_sentences.py`.
"""

from __future__ import annotations

import unittest

from tracer.words import NEARABLE, SHOWN_CHARACTERS, WholeNumber, guess, guess_id, show_seconds


class WholeNumberTests(unittest.TestCase):
    """Numbers from outside."""

    def test_bounds_are_in_the_range_and_in_words(self) -> None:
        """Both bounds can be read, and what lies beyond is none; without an upper bound none is spoken of."""
        number = WholeNumber(2, 9)

        self.assertEqual(
            [number.read(text) for text in ("1", "2", "9", "10", "+2", "²")], [None, 2, 9, None, None, None]
        )
        self.assertEqual(WholeNumber().read("0" * 5_000 + "7"), 7)
        self.assertEqual((number.expected, WholeNumber().expected), ("a whole number from 2 to 9", "a whole number"))


class SecondsTests(unittest.TestCase):
    """A time of some length."""

    def test_seconds_are_in_the_largest_unit_that_fits(self) -> None:
        """It is rounded up to whole seconds, and nothing of it is left out."""
        for seconds, shown in [
            (0.1, "1 second"),
            (59.5, "1 minute"),
            (61, "61 seconds"),
            (120.0, "2 minutes"),
            (3_599.2, "1 hour"),
            (5_400, "90 minutes"),
            (86_400, "24 hours"),
        ]:
            with self.subTest(seconds):
                self.assertEqual(show_seconds(seconds), shown)


class GuessTests(unittest.TestCase):
    """What was probably meant."""

    def test_near_word_is_guessed(self) -> None:
        """Case, marks and the order of the parts do not count, and little else may differ."""
        for word, meant in [
            ("SPAN END", "span_end"),
            ("end_span", "span_end"),
            ("idSpanParent", "parent_span_id"),
            ("cdAb", "ab_cd"),
            ("spnend", "span_end"),
            ("x" * SHOWN_CHARACTERS, "x" * (SHOWN_CHARACTERS + 1)),
        ]:
            with self.subTest(word):
                self.assertEqual(guess(word, ["other", meant]), f"; did you mean {meant}?")

    def test_other_word_is_not_guessed(self) -> None:
        """A word that shares two thirds of its letters, or only the letters, is another one; a long one is not looked at."""
        for word, known in [
            ("abc", "abd"),
            ("naps_den", "span_end"),
            ("x" * (SHOWN_CHARACTERS + 1), "x" * SHOWN_CHARACTERS),
        ]:
            with self.subTest(word):
                self.assertEqual(guess(word, [known]), "")

    def test_id_one_slip_away_is_guessed(self) -> None:
        """A slip is a letter too many, too few, wrong or swapped, anywhere; or another case, other marks, spaces around."""
        longest = "x" * (SHOWN_CHARACTERS - 1)
        for span_id, known in [
            *[("jobb-1", "job-1"), ("job-1s", "job-1"), ("ob-1", "job-1"), ("job-1", "job-1s")],
            *[("jab-1", "job-1"), ("job-1_", "job-1-"), ("ojb-1", "job-1"), ("jo-b1", "job-1")],
            *[
                ("JOB-A1", "job-a1"),
                ("job-a1", "JOB-A1"),
                ("a-b-c1", "a_b_c1"),
                ("a_b_c1", "a-b-c1"),
                (" job-1\n", "job-1"),
            ],
            ("a" * NEARABLE, "a" * (NEARABLE - 1)),
            (longest + "a", longest + "b"),
        ]:
            with self.subTest(span_id):
                self.assertEqual(guess_id(span_id, [known].__contains__), f"; did you mean {known}?")

    def test_other_id_is_not_guessed(self) -> None:
        """An id with other digits is another one, and so is what two slips make; short and long ones are not looked at."""
        longest = "x" * SHOWN_CHARACTERS
        for span_id, known in [
            *[("job-1", "job-2"), ("job-12", "job-21"), ("job-1", "job-11"), ("jobbb-1", "job-1"), ("jaab-1", "job-1")],
            ("a" * (NEARABLE - 1), "a" * NEARABLE),
            (longest + "a", longest),
        ]:
            with self.subTest(span_id):
                self.assertEqual(guess_id(span_id, [known].__contains__), "")

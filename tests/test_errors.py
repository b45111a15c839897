"""The errors: each has its code and one sentence that says what was wrong with which field."""

from __future__ import annotations

import unittest

from tracer import (
    NodeNameError,
    SpanEndedError,
    SpanExistsError,
    SpanNotFoundError,
    TimeOrderError,
    TooManyOpenSpansError,
    UnsupportedTypeError,
)
from tracer.words import quote, quote_path


class SentenceTests(unittest.TestCase):
    """What the sender of a message is told."""

    def test_each_error_has_its_code_and_sentence(self) -> None:
        """The code is Maelstrom's; the sentence names the field or the span, and shows what came."""
        cases = [
            (UnsupportedTypeError("spam"), 10, '"type" names no message that this node knows: "spam"'),
            (TooManyOpenSpansError(7), 11, "7 spans are open, as many as this node may hold: end one first"),
            (TooManyOpenSpansError(1), 11, "1 span is open, as many as this node may hold: end one first"),
            (SpanNotFoundError("s"), 20, '"span_id" names no known span: "s"'),
            (SpanNotFoundError("s", "links[1].span_id"), 20, '"links[1].span_id" names no known span: "s"'),
            (SpanExistsError("s"), 21, '"span_id" is taken by a known span: "s"'),
            (SpanEndedError("s"), 22, '"span_id" names a span that has ended: "s"'),
            (TimeOrderError("s", 9, 5), 22, 'span "s" cannot end at 5 us: it started at 9 us'),
            (NodeNameError("n2", "n1"), 22, '"node_id" has been "n1" since the first init, not "n2"'),
        ]
        for error, code, sentence in cases:
            with self.subTest(type(error).__name__):
                self.assertEqual((error.code, str(error)), (code, sentence))

    def test_path_is_quoted_whole(self) -> None:
        """Of a path the end tells most, so it is shown however long it is."""
        self.assertEqual(quote_path(r"C:\Users\me"), r'"C:\Users\me"')
        self.assertEqual(quote_path("\x1b/" + "d" * 300 + "/spans.jsonl"), '"\\u001b/' + "d" * 300 + '/spans.jsonl"')

    def test_text_of_a_peer_is_quoted_and_cut(self) -> None:
        """A peer's text is shown as JSON would, DEL escaped too; up to 60 characters it is whole, and longer ones say so."""
        for text, shown in {
            'a"\n\x7f': '"a\\"\\n\\u007f"',
            "é\ud800": '"\\u00e9\\ud800"',
            "x" * 60: f'"{"x" * 60}"',
            "x" * 61: f'"{"x" * 60}..."',
        }.items():
            with self.subTest(ascii(text)):
                self.assertEqual(quote(text), shown)

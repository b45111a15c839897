"""What the node says when it refuses a message: the whole sentence, each naming the field or the span."""

from __future__ import annotations

import unittest

from tests.helpers import Session, envelope, line_of

ABOUT = {"span_id": "s"}
CONTEXT = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
UNKNOWN = {"span_id": "x"}

#: Messages, and what is said of each by a node that was asked for the span `s`, starting at 10 us, and no other.
SENTENCES = [
    ({"type": "echo"}, '"echo" is missing; it must be any JSON'),
    ({"type": "nonsense"}, '"type" names no message that this node knows: "nonsense"'),
    ({"type": "generate", "msg_id": "1"}, '"msg_id" must be an integer, not "1"'),
    ({"type": "create_span", "name": ""}, '"name" must be a non-empty string, not ""'),
    ({"type": "create_span", "name": "n", **ABOUT}, '"span_id" is taken by a known span: "s"'),
    (
        {"type": "create_span", "name": "n", "parent_span_id": "x"},
        '"parent_span_id" names no known span: "x"',
    ),
    (
        {"type": "create_span", "name": "n", "parent_span_id": "s", **CONTEXT},
        '"parent_span_id" and "traceparent" exclude each other: give one of them',
    ),
    (
        {"type": "create_span", "name": "n", "links": [CONTEXT, UNKNOWN]},
        '"links[1].span_id" names no known span: "x"',
    ),
    ({"type": "span_link", **ABOUT, "link": UNKNOWN}, '"link.span_id" names no known span: "x"'),
    (
        {"type": "span_link", **ABOUT, "link": {}},
        '"link" must have exactly one of "span_id" and "traceparent"',
    ),
    ({"type": "span_event", "span_id": "x", "event": "e"}, '"span_id" names no known span: "x"'),
    (
        {"type": "span_update", **ABOUT},
        '"name" and "attributes" are both missing: give at least one of them',
    ),
    (
        {"type": "span_end", **ABOUT, "error": "e"},
        '"error" goes with the status "ERROR" only, not with "OK"',
    ),
    ({"type": "span_end", **ABOUT, "timestamp_us": 9}, 'span "s" cannot end at 9 us: it started at 10 us'),
    (
        envelope([], "a", "b"),
        'an envelope needs "src" and "dest", non-empty strings, and "body", an object',
    ),
]


class SentenceTests(unittest.TestCase):
    """One sentence each, to the sender and on stderr."""

    def test_each_refusal_says_what_was_wrong(self) -> None:
        """The sentence is whole, the same one for the sender and for the person, and the span stays as it was."""
        for message, sentence in SENTENCES:
            with self.subTest(message=message):
                talk = Session()
                talk.tell("create_span", name="n", timestamp_us=10, **ABOUT)
                before = talk.span("s")
                reply = talk.line(line_of({"msg_id": 1, **message}))

                self.assertEqual(talk.complaints, [sentence])
                self.assertEqual(talk.span("s"), before)
                if "body" not in message and type(message.get("msg_id", 1)) is int:
                    self.assertIn(line_of(sentence).decode(), reply)

    def test_other_name_is_refused_by_both_names(self) -> None:
        """A second `init` under another name is told the first one."""
        talk = Session()
        talk.start("n1")
        talk.send("init", msg_id=2, node_id="n2")

        self.assertEqual(talk.complaints, ['"node_id" has been "n1" since the first init, not "n2"'])

"""Every place that lists the messages, or their fields, lists all of them: whoever adds one and forgets a place is told which."""

from __future__ import annotations

import re
import unittest

from tests import model, sessions, test_routing, test_sentences
from tests.helpers import MESSAGES, marked
from tracer import Node, SpanManager, replies
from tracer.forms import EVERY_MESSAGE
from tracer.forms import MESSAGES as FORMS

#: Random sessions that make every message, and spoil every field.
SESSIONS = 100


class EveryMessageTests(unittest.TestCase):
    """What `tracer/forms.py` lists is what all others list."""

    def test_no_place_forgets_a_message(self) -> None:
        """Each place has every message, and no other one."""
        (sentence,) = (said for line, said in test_sentences.MESSAGES_THAT_FAIL if line == '{"type": "nonsense"}')
        drawn = "".join(sessions.random_session(seed).data.decode(errors="replace") for seed in range(SESSIONS))
        about_a_span = {message["type"] for trigger in MESSAGES.values() for message in trigger}
        form_of_a_span = {name for name, form in FORMS.items() if "span_id" in {**form.required, **form.optional}}
        ways = "".join(row.split(" | ")[0] for row in marked("ways").splitlines())
        places = {
            "tracer/replies.py, TYPES": set(replies.TYPES),
            "tracer/node.py, Node._list_messages": set(Node(SpanManager())._rows),
            "tracer/manager.py, SpanManager": (set(vars(SpanManager)) & set(FORMS)) | (set(FORMS) - form_of_a_span),
            "tests/helpers.py, MESSAGES": about_a_span | (set(FORMS) - form_of_a_span),
            "tests/test_routing.py, OTHERS": {message["type"] for message in test_routing.ALL},
            "tests/test_routing.py, EXPECTED": set(test_routing.AnswerTests.EXPECTED) - {"nonsense"},
            "tests/test_sentences.py, the row of nonsense": set(sentence.rpartition("it knows ")[2].split(", ")),
            "tests/model.py, TYPES": set(model.TYPES),
            "tests/sessions.py, the makers that _Maker.line calls": set(re.findall(r'"type"[\s:]+"(\w+)"', drawn))
            & set(FORMS),
            "docs/messages.md, the table of the two ways": set(re.findall(r"`(\w+)`", ways)),
            "docs/messages.md, the table of messages": set(re.findall(r"^\| `(\w+)`", marked("messages"), re.M)),
        }
        for place, listed in places.items():
            with self.subTest(place):
                self.assertEqual(listed, set(FORMS))

    def test_no_reply_is_forgotten(self) -> None:
        """The types of replies are those that come back."""
        expected = {reply for row in test_routing.AnswerTests.EXPECTED.values() for reply in row if reply is not None}

        self.assertEqual({*replies.TYPES.values(), replies.ERROR}, expected, "tests/test_routing.py, EXPECTED")

    def test_no_place_forgets_a_field(self) -> None:
        """Random sessions spoil every field of the messages."""
        fields = {field for form in [*FORMS.values(), EVERY_MESSAGE] for field in (*form.required, *form.optional)}

        self.assertLessEqual(fields, set(sessions.FIELDS), "tests/sessions.py, FIELDS")

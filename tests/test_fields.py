"""The form of every field: what each takes, and the sentence that refuses the rest."""

from __future__ import annotations

import unittest

from tests.helpers import Session
from tracer import MalformedRequestError
from tracer.fields import MAX_TIMESTAMP_US, wrong

TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"
#: What is no string, no integer, no object, no list: one value of each kind of JSON, by the kinds it is not.
STRINGS = ["text", "0", "\ud800", "é"]
NUMBERS = [0, 1, -1, 10**30]
OTHERS = [True, False, 1.5, 0.0, [], {}, [1], {"a": 1}]

#: For each required string: the message around it.
REQUIRED_TEXTS = {
    ("create_span", "name"): {},
    ("span_event", "span_id"): {"event": "e"},
    ("span_event", "event"): {"span_id": "span1"},
    ("span_link", "span_id"): {"link": {"traceparent": TRACEPARENT}},
    ("span_update", "span_id"): {"name": "n"},
    ("span_end", "span_id"): {},
    ("span_error", "span_id"): {"error": "e"},
    ("span_error", "error"): {"span_id": "span1"},
    ("get_span", "span_id"): {},
    ("init", "node_id"): {},
}
#: For each optional field: the message around it, what it takes and what it does not.
OPTIONAL = {
    ("create_span", "kind"): (
        {"name": "n"},
        ["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"],
        ["", "client", "INTERNAL ", "UNSET", *NUMBERS, *OTHERS],
    ),
    ("create_span", "span_id"): ({"name": "n"}, ["mine", " ", "span0"], ["", *NUMBERS, *OTHERS]),
    ("create_span", "parent_span_id"): ({"name": "n"}, ["span1"], ["", *NUMBERS, *OTHERS]),
    ("create_span", "traceparent"): ({"name": "n"}, [TRACEPARENT], ["", "00", TRACEPARENT + " ", *NUMBERS, *OTHERS]),
    ("create_span", "attributes"): ({"name": "n"}, [{}, {"a": None}], [{"": 1}, "a", [], [["a", 1]], 0, True, 1.5]),
    ("create_span", "links"): ({"name": "n"}, [[], [{"span_id": "span1"}]], [{}, "a", 0, True, 1.5]),
    ("create_span", "timestamp_us"): (
        {"name": "n"},
        [0, 1, MAX_TIMESTAMP_US],
        [-1, MAX_TIMESTAMP_US + 1, 10**30, *STRINGS, *OTHERS],
    ),
    ("span_event", "attributes"): ({"span_id": "span1", "event": "e"}, [{}, {"a": [{}]}], [{"": 1}, "a", [], 0, False]),
    ("span_event", "timestamp_us"): ({"span_id": "span1", "event": "e"}, [0, MAX_TIMESTAMP_US], [-1, 1.0, "1", True]),
    ("span_update", "name"): ({"span_id": "span1", "attributes": {}}, ["n"], ["", *NUMBERS, *OTHERS]),
    ("span_update", "attributes"): ({"span_id": "span1", "name": "n"}, [{}, {"a": 1}], [{"": 1}, "a", [], 0, True]),
    ("span_end", "status"): ({"span_id": "span1"}, ["OK", "ERROR", "UNSET"], ["", "ok", "INTERNAL", *NUMBERS, *OTHERS]),
    ("span_end", "error"): ({"span_id": "span1", "status": "ERROR"}, ["e", " "], ["", *NUMBERS, *OTHERS]),
    ("span_end", "timestamp_us"): ({"span_id": "span1"}, [0, MAX_TIMESTAMP_US], [-1, "1", False, 1.5]),
    ("span_error", "attributes"): ({"span_id": "span1", "error": "e"}, [{}, {"a": 1}], [{"": 1}, "a", [], 0, True]),
    ("span_error", "timestamp_us"): ({"span_id": "span1", "error": "e"}, [0, MAX_TIMESTAMP_US], [-1, "1", False, 1.5]),
    ("init", "node_ids"): ({"node_id": "n1"}, [[], ["n1", ""]], ["n1", [1], ["a", None], {}, 0, True]),
    ("generate", "msg_id"): ({}, [0, -1, 10**400], [True, False, 1.0, 1.5, "1", [], {}]),
}


def session() -> Session:
    """Return a session with one span, which started at 0."""
    made = Session()
    made.tell("create_span", name="first", timestamp_us=0)
    return made


class FieldTests(unittest.TestCase):
    """Each field of each message, through a whole node."""

    def check_refused(self, message: dict, field: str) -> None:
        """Hold that the message is refused with 12 and a sentence naming the field, the span being untouched."""
        talk = session()
        reply = talk.body({"msg_id": 7, **message})

        self.assertEqual((reply["type"], reply["code"], reply.get("in_reply_to", 7)), ("error", 12, 7))
        self.assertIn(f'"{field}"', reply["text"])
        self.assertEqual(talk.span("span1")["events"], [])

    def test_required_text_must_be_a_non_empty_string(self) -> None:
        """A required string is refused when it is missing, null, empty or of another kind."""
        for (message_type, field), rest in REQUIRED_TEXTS.items():
            for value in ([], [None], [""], *([value] for value in NUMBERS + OTHERS)):
                with self.subTest(type=message_type, field=field, value=value):
                    given = {field: value[0]} if value else {}
                    self.check_refused({"type": message_type, **rest, **given}, field)

    def test_optional_field_of_the_wrong_form_is_refused(self) -> None:
        """An optional field, where it is given, must have its form."""
        for (message_type, field), (rest, _, refused) in OPTIONAL.items():
            for value in refused:
                with self.subTest(type=message_type, field=field, value=value):
                    message = {"type": message_type, **rest, field: value}
                    if field != "msg_id":
                        self.check_refused(message, field)
                    else:
                        talk = session()
                        self.assertIsNone(talk.tell(**message))
                        self.assertIn('"msg_id"', talk.complaints[0])

    def test_optional_field_of_the_right_form_is_taken(self) -> None:
        """An optional field may be given, be null or be left out."""
        for (message_type, field), (rest, taken, _) in OPTIONAL.items():
            for value in [*taken, None]:
                with self.subTest(type=message_type, field=field, value=value):
                    talk = session()
                    talk.tell(message_type, **rest, **{field: value})

                    self.assertEqual(talk.complaints, [])

    def test_type_must_be_a_non_empty_string(self) -> None:
        """`type` is refused with 12 unless it is a non-empty string."""
        for value in [None, "", 0, True, [], {}, 1.5]:
            with self.subTest(value=value):
                reply = session().tell(value, msg_id=1)

                self.assertEqual((reply["code"], reply["in_reply_to"]), (12, 1))
                self.assertIn('"type"', reply["text"])
        self.assertEqual(session().body({"msg_id": 1})["code"], 12)

    def test_echo_must_be_there(self) -> None:
        """`echo` is required: missing and null are refused, every other value comes back as it was."""
        for fields in ({}, {"echo": None}):
            self.assertEqual(session().tell("echo", msg_id=1, **fields)["code"], 12)
        for value in (0, False, "", [], {}, 1.5, 10**40, [None, {"a": "\ud800é😀\x7f"}]):
            with self.subTest(value=value):
                self.assertEqual(session().tell("echo", echo=value), {"type": "echo_ok", "echo": value})

    def test_unknown_fields_are_passed_over(self) -> None:
        """Keys that no message has change nothing, whatever they hold."""
        talk = session()

        self.assertEqual(talk.tell("generate", kind=1, name=[], extra={"": None})["id"], "span2")


class ExcludingFieldTests(unittest.TestCase):
    """Fields that rule each other out."""

    def code(self, type: str, **fields: object) -> tuple[int, str]:
        """Send a message with a msg_id; return the error's code and sentence."""
        reply = session().tell(type, msg_id=1, **fields)
        return reply["code"], reply["text"]

    def test_parent_by_id_and_by_traceparent_exclude_each_other(self) -> None:
        """A span has one parent: naming it both ways is refused."""
        code, sentence = self.code("create_span", name="n", parent_span_id="span1", traceparent=TRACEPARENT)

        self.assertEqual(code, 12)
        self.assertIn('"parent_span_id" and "traceparent"', sentence)

    def test_error_goes_with_the_status_error_only(self) -> None:
        """`span_end` takes an error only with the status ERROR."""
        for status in ("OK", "UNSET", None):
            with self.subTest(status=status):
                code, sentence = self.code("span_end", span_id="span1", status=status, error="e")

                self.assertEqual(code, 12)
                self.assertIn('"error"', sentence)

    def test_update_needs_a_name_or_attributes(self) -> None:
        """A `span_update` that changes nothing is refused, null being absence."""
        for fields in ({}, {"name": None}, {"attributes": None, "name": None}):
            with self.subTest(fields=fields):
                code, sentence = self.code("span_update", span_id="span1", **fields)

                self.assertEqual(code, 12)
                self.assertIn('"name" and "attributes"', sentence)

    def test_link_names_exactly_one_span(self) -> None:
        """A link has exactly one of `span_id` and `traceparent`, each of its form, and is an object."""
        context = {"traceparent": TRACEPARENT}
        cases = [
            (None, '"link"'),
            ("span1", '"link"'),
            ([], '"link"'),
            (0, '"link"'),
            ({}, '"link"'),
            ({"span_id": None, "traceparent": None}, '"link"'),
            ({"span_id": "span1", **context}, '"link"'),
            ({"span_id": ""}, '"link.span_id"'),
            ({"span_id": 1, **context}, '"link.span_id"'),
            ({"traceparent": "00-xyz"}, '"link.traceparent"'),
            ({"traceparent": 0}, '"link.traceparent"'),
            ({**context, "attributes": {"": 1}}, '"link.attributes"'),
            ({**context, "attributes": []}, '"link.attributes"'),
        ]
        for link, named in cases:
            with self.subTest(link=link):
                code, sentence = self.code("span_link", span_id="span1", link=link)
                self.assertEqual(code, 12)
                self.assertIn(named, sentence)
                if link is not None:
                    code, sentence = self.code("create_span", name="n", links=[context, link])
                    self.assertEqual(code, 12)
                    self.assertIn(named.replace("link", "links[1]", 1), sentence)

    def test_link_s_optional_fields_may_be_null(self) -> None:
        """In a link, too, null is absence."""
        talk = session()
        talk.tell("span_link", span_id="span1", link={"span_id": None, "traceparent": TRACEPARENT, "attributes": None})

        self.assertEqual(talk.span("span1")["links"], [{"traceparent": TRACEPARENT, "attributes": {}}])


class SentenceTests(unittest.TestCase):
    """What a refusal says about the value that came."""

    def test_sentence_shows_what_came(self) -> None:
        """Strings are quoted and cut, numbers shown, everything else named by its kind, also what JSON does not have."""
        cases = {
            '"f" is missing; it must be x': None,
            '"f" must be x, not "a\\n\\u00e9\\ud800\\u007f"': "a\né\ud800\x7f",
            f'"f" must be x, not "{"a" * 60}..."': "a" * 100,
            '"f" must be x, not -5': -5,
            '"f" must be x, not 99999999999999999999': 10**20 - 1,
            '"f" must be x, not an integer of many digits': 10**20,
            '"f" must be x, not a boolean': True,
            '"f" must be x, not a number with a fraction': 1.5,
            '"f" must be x, not an array': [],
            '"f" must be x, not an object': {},
            '"f" must be x, not a tuple': (),
        }
        for sentence, value in cases.items():
            with self.subTest(value=value):
                error = wrong("f", "x", value)

                self.assertIsInstance(error, MalformedRequestError)
                self.assertEqual(str(error), sentence)

    def test_first_of_several_wrong_fields_is_named(self) -> None:
        """Whichever way Python hashes strings, it is always the same field that a refusal names."""
        fields = ["name", "kind", "span_id", "parent_span_id", "traceparent", "attributes", "links", "timestamp_us"]
        while fields:
            wrong_ones = dict.fromkeys(reversed(fields), 1.5)
            with self.subTest(fields[0]):
                reply = session().body({"type": "create_span", "msg_id": 1, "name": "n", **wrong_ones})

                self.assertTrue(reply["text"].startswith(f'"{fields.pop(0)}" must be '), reply["text"])

    def test_sentence_says_what_was_expected(self) -> None:
        """Each form has its words, under the name of the field where it stands."""
        create = {"type": "create_span", "name": "n"}
        link = 'an object with "span_id" or "traceparent"'
        for message, sentence in [
            ({**create, "name": ""}, '"name" must be a non-empty string, not ""'),
            ({**create, "kind": "x"}, '"kind" must be one of INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER, not "x"'),
            ({**create, "timestamp_us": -1}, '"timestamp_us" must be an integer from 0 to 9223372036854775, not -1'),
            ({**create, "attributes": []}, '"attributes" must be an object with non-empty keys, not an array'),
            (
                {**create, "traceparent": "x"},
                '"traceparent" must be a W3C traceparent such as 00-<32 hex digits>-<16 hex digits>-01, not "x"',
            ),
            (
                {**create, "traceparent": TRACEPARENT, "parent_span_id": "span1"},
                '"parent_span_id" and "traceparent" exclude each other: give one of them',
            ),
            ({**create, "links": {}}, '"links" must be a list of links, not an object'),
            ({**create, "links": [1]}, f'"links[0]" must be {link}, not 1'),
            ({**create, "links": [{}]}, '"links[0]" must have exactly one of "span_id" and "traceparent"'),
            ({**create, "links": [{"span_id": 1}]}, '"links[0].span_id" must be a non-empty string, not 1'),
            ({"type": "span_link", "span_id": "span1"}, f'"link" is missing; it must be {link}'),
            (
                {"type": "init", "node_id": "n1", "node_ids": [0]},
                '"node_ids" must be a list of strings, not an array',
            ),
        ]:
            with self.subTest(sentence):
                self.assertEqual(session().body({"msg_id": 1, **message})["text"], sentence)

        talk = session()
        talk.tell("generate", msg_id="x")

        self.assertIn('"msg_id" must be an integer, not "x"', talk.complaints[0])

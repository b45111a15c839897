"""The form of every field: the table, what each field takes, and the sentence that refuses the rest."""

from __future__ import annotations

import unittest

from tests.helpers import TRACEPARENT, Session, marked, session
from tracer import MalformedRequestError, forms
from tracer.errors import explain_form
from tracer.forms import EVERY_MESSAGE, MAX_TIMESTAMP_US, MESSAGES

#: A span that there is, from the start of the clock on.
FIRST = {"type": "create_span", "name": "first", "timestamp_us": 0}
NUMBERS, STRINGS, OTHERS = [0, -1, 10**30], ["text", "0", "\ud800"], [True, False, 1.5, [], {}, [1], {"a": 1}]
#: For each form, values that have it and values that have not.
VALUES = {
    forms.ANY_JSON: ([None, 0, False, "", [], {}, 10**40, [None, {"a": "\ud800é\x7f"}]], []),
    forms.TEXT: (["span1", " "], ["", *NUMBERS, *OTHERS]),
    forms.REFERENCE: (["span1"], ["", *NUMBERS, *OTHERS]),
    forms.TEXTS: ([[], ["n1", ""]], ["n1", [1], ["a", None], {}, 0, True]),
    forms.INTEGER: ([0, -1, 10**400], [*STRINGS, *OTHERS]),
    forms.TIMESTAMP: ([0, 1, MAX_TIMESTAMP_US], [-1, MAX_TIMESTAMP_US + 1, 10**30, *STRINGS, *OTHERS]),
    forms.ATTRIBUTES: ([{}, {"a": None}, {"a": [{}]}], [{"": 1}, [["a", 1]], *STRINGS, *NUMBERS, True, 1.5, []]),
    forms.KIND: (["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"], ["", "client", "OK", *NUMBERS, *OTHERS]),
    forms.STATUS: (["OK", "ERROR", "UNSET"], ["", "ok", "INTERNAL", *NUMBERS, *OTHERS]),
    forms.TRACEPARENT: ([TRACEPARENT], ["", "00", TRACEPARENT + " ", *NUMBERS, *OTHERS]),
    forms.OWN_TRACEPARENT: (["", TRACEPARENT], ["00", TRACEPARENT + " ", *NUMBERS, *OTHERS]),
    forms.LINK: ([{"span_id": "span1"}, {"traceparent": TRACEPARENT}], [*STRINGS, *NUMBERS, True, 1.5, []]),
    forms.LINKS: ([[], [{"span_id": "span1"}]], [{}, {"a": 1}, *STRINGS, *NUMBERS, True, 1.5]),
}
#: What a message needs besides its required fields for one of its fields to be taken.
COMPANY = {
    ("span_update", "name"): {"attributes": {}},
    ("span_update", "attributes"): {"name": "n"},
    ("span_end", "error"): {"status": "ERROR"},
}


def whole(message_type: str, **fields: object) -> dict:
    """Return a message about the first span that is good but for these fields, and what goes with them."""
    required = {
        field: VALUES[form][0][-1 if form is forms.ANY_JSON else 0]
        for field, form in MESSAGES[message_type].required.items()
    }
    company = COMPANY.get(
        (message_type, next(iter(fields), "")), {"name": "n"} if message_type == "span_update" else {}
    )
    return {"type": message_type, "msg_id": 7, **required, **company, **fields}


class TableTests(unittest.TestCase):
    """Every field of every message, through a whole node."""

    def check_refused(self, message: dict, field: str) -> None:
        """Hold that the message is refused with 12 and a sentence that names the field, the span being untouched."""
        talk = session(FIRST)
        reply = talk.body(message)

        self.assertEqual((reply["type"], reply["code"], reply["in_reply_to"]), ("error", 12, 7))
        self.assertIn(f'"{field}', reply["text"])
        self.assertEqual((talk.span("span1")["events"], talk.span("span1")["end_us"]), ([], None))

    def check_taken(self, message: dict) -> None:
        """Hold that nobody complains of the message."""
        talk = session(FIRST)
        talk.tell(**message)

        self.assertEqual(talk.complaints, [])

    def check_values(self, message_type: str, field: str, taken: list, refused: list) -> None:
        """Hold that a message is taken with these values of a field, and refused with those."""
        for value in taken:
            with self.subTest(type=message_type, field=field, value=value):
                self.check_taken(whole(message_type, **{field: value}))
        for value in refused:
            with self.subTest(type=message_type, field=field, value=value):
                self.check_refused(whole(message_type, **{field: value}), field)

    def test_required_field_has_to_be_there_in_its_form(self) -> None:
        """A required field is refused when it is absent, null or of another form, and taken in its own."""
        for message_type, form in MESSAGES.items():
            for field, needs in form.required.items():
                right, wrong = VALUES[needs]
                absent = whole(message_type, **{field: None})
                del absent[field]
                with self.subTest(type=message_type, field=field):
                    self.check_refused(absent, field)
                taken = [value for value in right if field != "span_id" or value == "span1"]
                self.check_values(message_type, field, taken, wrong if needs is forms.ANY_JSON else [None, *wrong])

    def test_optional_field_may_be_absent_but_not_of_another_form(self) -> None:
        """An optional field may be absent, be null or have its form; any other value is refused."""
        for message_type, form in MESSAGES.items():
            with self.subTest(type=message_type):
                self.check_taken(whole(message_type))
            for field, needs in form.optional.items():
                right, wrong = VALUES[needs]
                # A span that is made may not take the first one's id, and its parent must be known.
                usable = {"span_id": "mine", "parent_span_id": "span1"}
                taken = [usable.get(field, value) if value else value for value in right]
                self.check_values(message_type, field, [None, *taken], wrong)

    def test_type_and_msg_id_have_their_forms(self) -> None:
        """A `type` of the wrong form is refused with 12; so is a `msg_id`, which leaves nobody to tell."""
        self.assertEqual(
            (EVERY_MESSAGE.required, EVERY_MESSAGE.optional), ({"type": forms.TEXT}, {"msg_id": forms.INTEGER})
        )
        for value in [None, *VALUES[forms.TEXT][1]]:
            with self.subTest(type=value):
                self.check_refused({"type": value, "msg_id": 7}, "type")
        self.check_refused({"msg_id": 7}, "type")
        for message in map(whole, MESSAGES):
            for value in VALUES[forms.INTEGER][1]:
                with self.subTest(type=message["type"], msg_id=value):
                    talk = session(FIRST)

                    self.assertIsNone(talk.tell(**{**message, "msg_id": value}))
                    self.assertIn('"msg_id" must be an integer, not ', talk.complaints[0])

    def test_echo_gives_back_what_it_got(self) -> None:
        """`echo` may be null, and every value comes back as it was."""
        for value in VALUES[forms.ANY_JSON][0]:
            with self.subTest(value=value):
                self.assertEqual(Session().tell("echo", echo=value), {"type": "echo_ok", "echo": value})

    def test_unknown_fields_are_ignored(self) -> None:
        """Keys that no message has change nothing, whatever they hold."""
        self.assertEqual(Session().tell("generate", kind=1, name=[], extra={"": None})["id"], "span1")

    def test_docs_has_the_fields_and_the_forms(self) -> None:
        """The docs' message reference is the table: each message's fields, and what each has to be."""
        rows = [line.split(" | ") for line in marked("messages").splitlines()[2:]]
        fields = {row[0].strip("| `"): row[1] for row in rows}
        for message_type, form in MESSAGES.items():
            names = [f"`{field}`" for field in form.required] + [f"`{field}`?" for field in form.optional]
            self.assertEqual(fields.pop(message_type), ", ".join(names))
        self.assertEqual(fields, {})

        said = dict(line.strip("| ").split(" | ") for line in marked("forms").splitlines()[2:])
        for form in [*MESSAGES.values(), EVERY_MESSAGE]:
            for field, needs in [*form.required.items(), *form.optional.items()]:
                self.assertEqual([words for names, words in said.items() if f"`{field}`" in names], [needs.expected])


class ExcludingFieldTests(unittest.TestCase):
    """Fields that rule each other out."""

    def code(self, type: str, **fields: object) -> tuple[int, str]:
        """Send a message with a msg_id; return the error's code and sentence."""
        reply = session(FIRST).tell(type, msg_id=1, **fields)
        return reply["code"], reply["text"]

    def test_parent_by_id_and_by_traceparent_exclude_each_other(self) -> None:
        """A span has one parent: naming it both ways is refused."""
        code, sentence = self.code("create_span", name="n", parent_span_id="span1", traceparent=TRACEPARENT)

        self.assertEqual(code, 12)
        self.assertIn('"parent_span_id" and "traceparent"', sentence)
        self.assertIsNone(
            session(FIRST).tell("create_span", msg_id=1, name="n", parent_span_id="span1", traceparent="")
        )

    def test_error_goes_with_the_status_error_only(self) -> None:
        """`span_end` takes an error only with the status ERROR."""
        for status in ("OK", "UNSET", None):
            with self.subTest(status=status):
                code, sentence = self.code("span_end", span_id="span1", status=status, error="e")

                self.assertEqual(code, 12)
                self.assertIn('"error"', sentence)

    def test_update_needs_a_name_or_attributes(self) -> None:
        """A `span_update` that changes nothing is refused, null counting as absent."""
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
        """In a link, too, null counts as absent."""
        talk = session(FIRST)
        talk.tell("span_link", span_id="span1", link={"span_id": None, "traceparent": TRACEPARENT, "attributes": None})

        self.assertEqual(talk.span("span1")["links"], [{"traceparent": TRACEPARENT, "attributes": {}}])


class SentenceTests(unittest.TestCase):
    """What a refusal says about the value that came."""

    def test_sentence_shows_what_came(self) -> None:
        """Strings are quoted and cut, numbers shown, everything else named by its kind, also what JSON does not have."""
        cases = {
            '"f" must be x, not null': None,
            '"f" must be x, not "a\\n\\u00e9\\ud800\\u007f"': "a\né\ud800\x7f",
            f'"f" must be x, not "{"a" * 60}..."': "a" * 100,
            '"f" must be x, not -5': -5,
            '"f" must be x, not 99999999999999999999': 10**20 - 1,
            '"f" must be x, not an integer of many digits': 10**20,
            '"f" must be x, not a boolean': True,
            '"f" must be x, not a number with a fraction or an exponent': 1.5,
            '"f" must be x, not an array': [],
            '"f" must be x, not an object': {"a": 1},
            '"f" must be x, not an object with an empty key': {"": 1},
            '"f" must be x, not a tuple': (),
        }
        for sentence, value in cases.items():
            with self.subTest(value=value):
                error = explain_form("f", "x", value)

                self.assertIsInstance(error, MalformedRequestError)
                self.assertEqual(str(error), sentence)

    def test_first_of_several_wrong_fields_is_named(self) -> None:
        """Whichever way Python hashes strings, it is always the same field that a refusal names."""
        fields = ["name", "kind", "span_id", "parent_span_id", "traceparent", "context"]
        fields += ["attributes", "links", "timestamp_us"]
        while fields:
            wrong_ones = dict.fromkeys(reversed(fields), 1.5)
            with self.subTest(fields[0]):
                reply = session(FIRST).body({"type": "create_span", "msg_id": 1, "name": "n", **wrong_ones})

                self.assertTrue(reply["text"].startswith(f'"{fields.pop(0)}" must be '), reply["text"])

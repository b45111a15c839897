"""Claiming: an unknown id may name the one open span whose id nobody knows."""

from __future__ import annotations

import json
import unittest

from tests.helpers import MESSAGES, Session, envelope, line_of
from tracer import CountedIds, Limits, SimulatedClock, SpanManager

CLAIMING = [message for trigger in ("change", "end") for message in MESSAGES[trigger]]


def session(*creations: dict, envelopes: bool = False) -> Session:
    """Return a session with a span for each set of fields."""
    talk = Session()
    for fields in creations:
        (talk.send if envelopes else talk.tell)("create_span", name="n", **fields)
    return talk


def code(talk: Session, message: dict) -> int | None:
    """Send a message with a msg_id; return the error's code, or None if it was accepted."""
    reply = talk.line(line_of({"msg_id": 1, **message}))
    reply = {} if reply is None else json.loads(reply)
    return reply.get("body", reply).get("code")


class ClaimTests(unittest.TestCase):
    """Who claims what."""

    def test_each_message_claims_the_one_unclaimed_span(self) -> None:
        """Every message about a span but `get_span` gives the one unclaimed span the named id; it loses its own."""
        for message in CLAIMING:
            with self.subTest(type=message["type"]):
                talk = session({})

                self.assertIsNone(code(talk, {**message, "span_id": "mine"}))
                self.assertEqual(talk.span("mine")["span_id"], "mine")
                self.assertEqual(code(talk, {"type": "get_span", "span_id": "span1"}), 20)
                self.assertEqual(talk.span("mine")["traceparent"][36:52], f"{1:016x}")

    def test_claims_in_turn_take_the_right_spans(self) -> None:
        """However old the one unclaimed span is, and whatever was claimed before, it is the one that is claimed."""
        for later in ([], [{"kind": "SERVER"}] * 50):
            talk = session(*({"kind": "SERVER"} for _ in range(50)))
            for number in range(3):
                talk.tell("create_span", name=f"n{number}")
                for fields in later:
                    talk.tell("create_span", name="other", **fields)
                talk.tell("span_event", span_id=f"mine{number}", event="e")
            with self.subTest(later=len(later)):
                self.assertEqual([talk.span(f"mine{number}")["name"] for number in range(3)], ["n0", "n1", "n2"])

    def test_last_id_that_was_given_is_not_claimed(self) -> None:
        """The id that `generate` gave last may be meant, and so is refused; the one after it was never given."""
        talk = session({})
        talk.tell("generate")

        self.assertEqual(code(talk, {"type": "span_event", "span_id": "span2", "event": "e"}), 20)
        self.assertIsNone(code(talk, {"type": "span_event", "span_id": "span3", "event": "e"}))

    def test_unclaimed_span_that_is_named_keeps_its_id(self) -> None:
        """A span that a link, a child or a `get_span` names is known by its own id from then on."""
        for message in (
            {"type": "span_link", "span_id": "own", "link": {"span_id": "span1"}},
            {"type": "create_span", "name": "n", "parent_span_id": "span1"},
            {"type": "create_span", "name": "n", "links": [{"span_id": "span1"}]},
            {"type": "get_span", "span_id": "span1"},
        ):
            talk = session({}, {"span_id": "own"})
            talk.line(line_of(message))
            with self.subTest(message=message):
                self.assertEqual(talk.span("span1")["span_id"], "span1")
                self.assertEqual(talk.span("span1")["span_id"], "span1")

    def test_get_span_claims_nothing(self) -> None:
        """`get_span` of an unknown id is refused, and the span can still be claimed."""
        talk = session({})

        self.assertEqual(code(talk, {"type": "get_span", "span_id": "mine"}), 20)
        self.assertIsNone(code(talk, {"type": "span_update", "span_id": "mine", "name": "m"}))

    def test_none_and_several_are_refused(self) -> None:
        """With no unclaimed span, or with two, an unknown id is an error 20."""
        for creations in ([], [{"kind": "SERVER"}], [{"span_id": "own"}], [{}, {}], [{}, {}, {}]):
            for message in CLAIMING:
                with self.subTest(creations=creations, type=message["type"]):
                    talk = session(*creations)

                    self.assertEqual(code(talk, {**message, "span_id": "mine"}), 20)

    def test_span_whose_id_is_known_is_not_claimed(self) -> None:
        """Who was told, who chose, and who was named by an accepted message is no candidate."""
        context = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
        namings = [
            {"type": "get_span", "span_id": "span1"},
            {"type": "span_event", "span_id": "span1", "event": "e"},
            {"type": "span_update", "span_id": "span1", "name": "m"},
            {"type": "span_link", "span_id": "span1", "link": context},
            {"type": "span_link", "span_id": "other", "link": {"span_id": "span1"}},
            {"type": "create_span", "name": "n", "span_id": "child", "parent_span_id": "span1"},
            {"type": "create_span", "name": "n", "span_id": "child", "links": [context, {"span_id": "span1"}]},
        ]
        for naming in namings:
            with self.subTest(naming=naming):
                talk = session({}, {"span_id": "other"})
                self.assertIsNone(code(talk, naming))

                self.assertEqual(code(talk, {"type": "span_end", "span_id": "mine"}), 20)

    def test_refused_naming_leaves_it_unclaimed(self) -> None:
        """A message that names the span and fails has told nobody anything."""
        for naming in [
            {"type": "span_event", "span_id": "span1"},
            {"type": "span_end", "span_id": "span1", "status": "bad"},
            {"type": "span_link", "span_id": "other", "link": {"span_id": "span1", "attributes": 1}},
            {"type": "create_span", "name": "n", "span_id": "other", "parent_span_id": "span1"},
            {"type": "create_span", "name": "n", "links": [{"span_id": "span1"}, {"span_id": "nobody"}]},
        ]:
            with self.subTest(naming=naming):
                talk = session({}, {"span_id": "other"})
                self.assertIsNotNone(code(talk, naming))

                self.assertIsNone(code(talk, {"type": "span_end", "span_id": "mine"}))

    def test_claimed_span_is_not_claimed_again(self) -> None:
        """A span that has taken an id keeps it."""
        talk = session({})
        self.assertIsNone(code(talk, {"type": "span_event", "span_id": "mine", "event": "e"}))

        self.assertEqual(code(talk, {"type": "span_event", "span_id": "yours", "event": "e"}), 20)
        self.assertIsNone(code(talk, {"type": "span_end", "span_id": "mine"}))

    def test_ended_span_is_not_claimed(self) -> None:
        """Only open spans are candidates: an ended one leaves the choice to the next."""
        talk = session({}, {})
        talk.tell("span_end", span_id="span1")

        self.assertIsNone(code(talk, {"type": "span_end", "span_id": "mine"}))
        self.assertEqual(talk.span("mine")["traceparent"][36:52], f"{2:016x}")

    def test_naming_one_of_two_leaves_the_other(self) -> None:
        """Of two unclaimed spans the second is claimed once the first is named."""
        talk = session({}, {})
        self.assertEqual(code(talk, {"type": "span_end", "span_id": "mine"}), 20)
        talk.tell("span_event", span_id="span2", event="e")
        talk.tell("span_end", span_id="mine")

        self.assertEqual(talk.span("mine")["traceparent"][36:52], f"{1:016x}")

    def test_id_that_the_node_may_have_given_is_refused(self) -> None:
        """`spanN`, N not above the counter, written as the node writes it, claims nothing; every other id may."""
        given = ["span1", "span2", "span3"]
        free = [
            *("span4", "span10", "span0", "span01", "span", "span-1", "span1 ", "Span1", "span1x", "span+1"),
            *("span１", "span²", "span1\n", "n1-span1", " span1", "span1_0", "spanspan1", "x", "span" + "9" * 5000),
        ]
        for span_id, expected in [*((span_id, 20) for span_id in given), *((span_id, None) for span_id in free)]:
            with self.subTest(span_id=span_id[:20]):
                talk = Session(SpanManager(Limits(ended_spans=0), SimulatedClock(), CountedIds()))
                talk.tell("generate")
                talk.tell("create_span", name="n", kind="SERVER")
                talk.tell("span_end", span_id="span2")
                talk.tell("create_span", name="n", span_id="own")
                talk.tell("create_span", name="unclaimed")  # number 4
                talk.tell("span_end", span_id="own")
                expected = None if span_id == "span4" else expected  # that one is its own

                self.assertEqual(code(talk, {"type": "span_end", "span_id": span_id}), expected)

    def test_own_link_is_looked_up_before_the_claim(self) -> None:
        """The span that a message's own link names is not claimed by it, and stays unclaimed if it is refused."""
        link = {"type": "span_link", "span_id": "mine", "link": {"span_id": "span1"}}
        talk = session({})
        self.assertEqual(code(talk, link), 20)
        self.assertIsNone(code(talk, {"type": "span_end", "span_id": "mine"}))

        talk = session({}, {})
        self.assertEqual(code(talk, link), 20)
        self.assertEqual(code(talk, {"type": "span_end", "span_id": "mine"}), 20)

    def test_link_cannot_name_the_id_being_claimed(self) -> None:
        """The claimed id is known only once the message is accepted."""
        talk = session({})

        self.assertEqual(code(talk, {"type": "span_link", "span_id": "mine", "link": {"span_id": "mine"}}), 20)

    def test_claim_by_a_link_names_both(self) -> None:
        """A `span_link` that claims one span and names another leaves none unclaimed."""
        talk = session({}, {"span_id": "other"})
        self.assertIsNone(code(talk, {"type": "span_link", "span_id": "mine", "link": {"span_id": "other"}}))

        self.assertEqual(
            talk.span("mine")["links"], [{"traceparent": talk.span("other")["traceparent"], "attributes": {}}]
        )
        self.assertEqual(code(talk, {"type": "span_end", "span_id": "yours"}), 20)

    def test_message_that_fails_claims_nothing(self) -> None:
        """A message that would have claimed a span but fails leaves it with its own id."""
        talk = session({"timestamp_us": 100})
        for message in [
            {"type": "span_event", "event": ""},
            {"type": "span_end", "timestamp_us": 99},
            {"type": "span_error", "error": "e", "timestamp_us": 99},
            {"type": "span_link", "link": {"span_id": "nobody"}},
        ]:
            self.assertIsNotNone(code(talk, {**message, "span_id": "mine"}))

        self.assertIsNone(code(talk, {"type": "span_event", "span_id": "yours", "event": "e"}))

    def test_nothing_is_claimed_after_init(self) -> None:
        """The Maelstrom way an unknown id is an error, also for a span of before."""
        for message in CLAIMING:
            with self.subTest(type=message["type"]):
                talk = session({}, envelopes=True)
                talk.start()
                talk.send("create_span", name="n")

                self.assertEqual(code(talk, {**message, "span_id": "mine"}), 20)
                self.assertEqual(talk.span("span1")["events"], [])

    def test_refused_init_ends_no_claiming(self) -> None:
        """Only an `init` that is accepted changes the way."""
        talk = session({})
        talk.send("init", node_id="")

        self.assertIsNone(code(talk, {"type": "span_end", "span_id": "mine"}))

    def test_claim_by_an_envelope_answers_its_sender(self) -> None:
        """Whoever claims in an envelope is answered; a bare claim is answered the way of the creation."""
        talk = session({}, envelopes=True)
        reply = talk._parsed(envelope({"type": "span_end", "span_id": "mine"}, "c9", "n9"))
        self.assertEqual((reply["src"], reply["dest"]), ("n9", "c9"))
        talk = session({}, envelopes=True)

        self.assertEqual(talk.tell("span_end", span_id="mine")["dest"], "c1")

    def test_id_of_a_claimed_span_is_free_again(self) -> None:
        """The lost id names nobody, but another span may choose it."""
        talk = session({})
        talk.tell("span_event", span_id="mine", event="e")

        self.assertEqual(talk.tell("create_span", name="n", kind="SERVER", span_id="span1")["span_id"], "span1")

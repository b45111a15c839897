"""Where a reply goes and whether there is one: envelopes and bare messages, before `init` and after."""

from __future__ import annotations

import json
import unittest

from tests.helpers import MESSAGES, Session, envelope, line_of, serve_lines, session
from tracer.forms import MESSAGES as MESSAGE_FORMS

ABOUT_A_SPAN = [message for trigger in ("change", "end", "get") for message in MESSAGES[trigger]]
OTHERS = [
    {"type": "echo", "echo": 1},
    {"type": "generate"},
    {"type": "create_span", "name": "n", "kind": "SERVER"},
    {"type": "init", "node_id": "n1"},
]
#: Every message once, with "mine" as the span it is about.
ALL = [*OTHERS, *({**message, "span_id": "mine"} for message in ABOUT_A_SPAN)]


def with_mine(*, bare: bool = False, maelstrom: bool = False) -> Session:
    """Return a session with the span "mine", made in an envelope from c1 to n1 unless it is `bare`."""
    creation = {"type": "create_span", "name": "n", "span_id": "mine"}
    return session(creation if bare else envelope(creation), maelstrom=maelstrom)


def wrong_fields(message: dict) -> list[str]:
    """Return the fields of a message that an empty list is wrong for, but for the one that names its span."""
    form = MESSAGE_FORMS[message["type"]]
    return [field for field in (*form.required, *form.optional) if field != "span_id"]


def reply_to(talk: Session, message: dict) -> dict | None:
    """Send a message as it stands; return the reply, parsed."""
    reply = talk.line(line_of(message))
    return None if reply is None else json.loads(reply)


class RouteTests(unittest.TestCase):
    """The three rules of where a reply goes."""

    def test_envelope_is_answered_in_an_envelope(self) -> None:
        """To an envelope goes an envelope: to its `src`, from its `dest`, whoever made the span."""
        for bare in (False, True):
            for message in ALL:
                with self.subTest(type=message["type"], bare=bare):
                    reply = reply_to(with_mine(bare=bare), envelope(message, "c7", "tracer"))
                    if message["type"] == "init":
                        self.assertEqual(list(reply.items())[:2], [("src", "n1"), ("dest", "c7")])
                    elif reply is not None:
                        self.assertEqual(list(reply.items())[:2], [("src", "tracer"), ("dest", "c7")])

    def test_error_to_an_envelope_goes_back_too(self) -> None:
        """An error goes the way that the answer would have gone."""
        for message in [{"type": "nonsense"}, {"type": "create_span"}, {"type": "span_end", "span_id": "nobody"}, {}]:
            with self.subTest(message=message):
                reply = reply_to(with_mine(bare=True), envelope({**message, "msg_id": 1}, "c7", "tracer"))

                self.assertEqual((reply["src"], reply["dest"], reply["body"]["type"]), ("tracer", "c7", "error"))

    def test_bare_message_about_a_span_goes_its_creation_s_way(self) -> None:
        """A bare message about a known span is answered as the span's creation came."""
        for message in ABOUT_A_SPAN:
            for maelstrom in (False, True):
                with self.subTest(type=message["type"], maelstrom=maelstrom):
                    ask = {**message, "span_id": "mine", "msg_id": 5}
                    reply = reply_to(with_mine(maelstrom=maelstrom), ask)
                    bare = reply_to(with_mine(maelstrom=maelstrom, bare=True), ask)
                    if reply is not None:
                        self.assertEqual((reply["src"], reply["dest"]), ("n1", "c1"))
                        self.assertEqual(bare, reply["body"])
                    else:
                        self.assertIsNone(bare)

    def test_bare_error_about_a_span_goes_its_creation_s_way(self) -> None:
        """Also where the message fails for another reason than the span: a field of the wrong form."""
        for message in ABOUT_A_SPAN:
            for field in wrong_fields(message):
                with self.subTest(type=message["type"], field=field):
                    ask = {**message, field: [], "span_id": "mine", "msg_id": 5}
                    reply, bare = reply_to(with_mine(), ask), reply_to(with_mine(bare=True), ask)

                    self.assertEqual((reply["src"], reply["dest"], reply["body"]), ("n1", "c1", bare))
                    self.assertEqual(bare["code"], 12)

    def test_bare_error_about_an_ended_span_goes_its_creation_s_way(self) -> None:
        """An ended span is known while it is kept; once forgotten, the answer is bare."""
        for kept, keys in [(1, ["src", "dest", "body"]), (0, ["type", "code", "text", "in_reply_to"])]:
            with self.subTest(kept=kept):
                talk = session(ended_spans=kept)
                talk.send("create_span", name="n", span_id="mine")
                talk.tell("span_end", span_id="mine")

                self.assertEqual(list(talk.tell("span_end", span_id="mine", msg_id=1)), keys)

    def test_bare_error_of_a_would_be_claim_goes_the_span_s_way(self) -> None:
        """A bare message that fails, but whose `span_id` would have claimed a span, is answered that span's way."""
        for message in ABOUT_A_SPAN:
            for field in wrong_fields(message):
                with self.subTest(type=message["type"], field=field):
                    talk = session(envelope({"type": "create_span", "name": "n"}))
                    reply = reply_to(talk, {**message, field: [], "span_id": "theirs", "msg_id": 1})

                    self.assertEqual((reply["dest"], reply["body"]["code"]), ("c1", 12))

    def test_bare_error_that_claims_nothing_is_bare(self) -> None:
        """`get_span` claims nothing, and neither does a link that names the only candidate or an id the node gave."""
        for message in [
            {"type": "get_span", "span_id": "theirs"},
            {"type": "span_link", "span_id": "theirs", "link": {"span_id": "span2"}},
            {"type": "span_event", "span_id": "span1", "event": "e"},
            {"type": "span_event", "span_id": ["mine"], "event": "e"},
            {"type": "span_event", "span_id": "", "event": "e"},
        ]:
            with self.subTest(message=message):
                talk = Session()
                talk.tell("generate")
                talk.send("create_span", name="n")

                self.assertNotIn("body", reply_to(talk, {**message, "msg_id": 1}))

    def test_other_bare_messages_are_answered_bare(self) -> None:
        """A bare message about no span is answered bare, as is its error, even with a known span's id in it."""
        for message in [*OTHERS, {"type": "nonsense"}, {"type": "create_span"}, {}]:
            for fields in ({}, {"span_id": "mine"}):
                with self.subTest(message=message, fields=fields):
                    reply = reply_to(with_mine(), {**message, **fields, "msg_id": 1})

                    self.assertNotIn("body", reply)

    def test_bare_creation_of_a_known_id_is_refused_bare(self) -> None:
        """`create_span` is about no known span: its error is bare, although its `span_id` names one."""
        reply = reply_to(with_mine(), {"type": "create_span", "name": "n", "span_id": "mine", "msg_id": 1})

        self.assertEqual((reply["type"], reply["code"]), ("error", 21))

    def test_error_12_of_type_or_msg_id_takes_no_route(self) -> None:
        """Without a usable `msg_id` nobody is answered; with a bad `type` the message is about no span."""
        self.assertIsNone(reply_to(with_mine(), {"type": "span_end", "span_id": "mine", "msg_id": "1"}))
        self.assertNotIn("body", reply_to(with_mine(), {"type": ["span_end"], "span_id": "mine", "msg_id": 1}))

    def test_node_s_name_is_the_src_after_init(self) -> None:
        """After `init` every envelope comes from the node's name, also for spans made before it."""
        talk = Session()
        talk.send("create_span", "c1", "old name", name="n", span_id="mine")
        self.assertEqual(talk.send("echo", "c1", "old name", echo=1)["src"], "old name")
        self.assertEqual(talk.send("init", "c0", "old name", node_id="n5")["src"], "n5")

        for number in ({}, {"msg_id": 7}):
            self.assertEqual(talk.send("echo", "c1", "old name", echo=1, **number)["src"], "n5")
            self.assertEqual(talk.tell("get_span", span_id="mine", **number)["src"], "n5")

    def test_many_addresses_are_kept_apart(self) -> None:
        """Replies find their senders among thousands, whatever the length of their names."""
        talk = Session()
        names = [f"c{number}" for number in range(1000)] + ["c" * 5000, 'd\n\ud800"\\']
        for name in names:
            talk.send("create_span", name, name + "!", name="n", span_id=name)
        for name in names + names:
            reply = talk.tell("get_span", span_id=name)

            self.assertEqual((reply["src"], reply["dest"], reply["body"]["span"]["span_id"]), (name + "!", name, name))

    def test_sender_may_call_the_node_by_several_names(self) -> None:
        """A reply comes from the name that its request went to, and a span stays with the name that it was created at."""
        talk = Session()
        names = ["a", "b", "a", "c"]
        for number, name in enumerate(names, 1):
            with self.subTest(name=name):
                self.assertEqual(talk.send("echo", "c1", name, echo=1)["src"], name)
                self.assertIsNone(talk.send("create_span", "c1", name, name="n", msg_id=1))
                self.assertIsNone(talk.tell("span_event", span_id=f"span{number}", event="e"))
        for number, name in enumerate(names, 1):
            reply = talk.tell("span_end", span_id=f"span{number}", status="OK")

            self.assertEqual((reply["src"], reply["dest"]), (name, "c1"))

    def test_spans_of_forgotten_senders_are_renamed_too(self) -> None:
        """After `init` the node's name is the src also where the sender of a span is not remembered any more."""
        talk = Session()
        for number in range(1000):
            talk.send("create_span", f"c{number}", "old name", name="n", span_id=f"s{number}")
        talk.tell("span_end", span_id="s0")
        talk.start("n5")

        self.assertEqual({talk.tell("get_span", span_id=f"s{number}")["src"] for number in range(1000)}, {"n5"})


class AnswerTests(unittest.TestCase):
    """The two ways of answering."""

    #: For each message, the reply's type: plain without a msg_id, plain with one, Maelstrom without, Maelstrom with.
    EXPECTED = {
        "init": ("init_ok",) * 4,
        "echo": ("echo_ok",) * 4,
        "generate": ("generate_ok",) * 4,
        "get_span": ("get_span_ok",) * 4,
        "span_end": ("span_complete",) * 4,
        "span_error": ("span_complete",) * 4,
        "create_span": (None, None, None, "span_created"),
        "span_event": (None, None, None, "span_event_ok"),
        "span_link": (None, None, None, "span_link_ok"),
        "span_update": (None, None, None, "span_update_ok"),
        "nonsense": (None, "error", None, "error"),
    }

    def replies(self, message: dict) -> tuple:
        """Return the replies' bodies to a message in the four cases."""
        return tuple(
            (reply_to(with_mine(maelstrom=maelstrom), {**message, **msg_id}) or {"type": None})
            for maelstrom in (False, True)
            for msg_id in ({}, {"msg_id": 42})
        )

    def test_each_message_is_answered_as_its_way_has_it(self) -> None:
        """Whether there is a reply depends on the way, the message and its `msg_id`; 0 is one, null is none."""
        create = {"type": "create_span", "name": "n"}
        for message in [message for message in ALL if message["type"] != "create_span"] + [
            create,
            {"type": "nonsense"},
        ]:
            with self.subTest(type=message["type"]):
                bodies = [reply.get("body", reply) for reply in self.replies(message)]

                self.assertEqual(tuple(body["type"] for body in bodies), self.EXPECTED[message["type"]])
        for maelstrom in (False, True):
            talk = with_mine(maelstrom=maelstrom)
            self.assertIsNone(reply_to(talk, {"type": "nonsense", "msg_id": None}))
            self.assertEqual(reply_to(talk, {"type": "nonsense", "msg_id": 0})["in_reply_to"], 0)

    def test_plain_creation_is_answered_when_it_states_a_kind(self) -> None:
        """The plain way's `span_created` comes for a stated kind, and without `in_reply_to`; null states none."""
        for fields, expected in [
            ({"kind": "INTERNAL", "msg_id": 3}, {"type": "span_created", "span_id": "span1", "kind": "INTERNAL"}),
            ({"kind": "CONSUMER"}, {"type": "span_created", "span_id": "span1", "kind": "CONSUMER"}),
            ({"kind": None, "msg_id": 3}, None),
            ({"span_id": "mine", "msg_id": 3}, None),
        ]:
            with self.subTest(fields=fields):
                self.assertEqual(Session().tell("create_span", name="n", **fields), expected)

    def test_maelstrom_creation_tells_the_traceparent(self) -> None:
        """The Maelstrom way's `span_created` has the span's traceparent, and every key in its order."""
        talk = Session()
        talk.start()
        reply = talk.line(line_of(envelope({"type": "create_span", "name": "n", "msg_id": 7}, "c3")))

        self.assertEqual(
            reply,
            '{"src": "n1", "dest": "c3", "body": {"type": "span_created", "span_id": "span1", "kind": "INTERNAL", '
            f'"traceparent": "00-{1:032x}-{1:016x}-01", "in_reply_to": 7, "msg_id": 1}}}}',
        )

    def test_maelstrom_messages_are_numbered(self) -> None:
        """The first `init_ok` has msg_id 0, every message sent takes the next, errors and bare replies included."""
        talk = Session()
        self.assertEqual(talk.start()["body"], {"type": "init_ok", "in_reply_to": 1, "msg_id": 0})
        self.assertEqual(talk.tell("generate"), {"type": "generate_ok", "id": "n1-1", "msg_id": 1})
        self.assertIsNone(talk.tell("nonsense"))
        error = talk.send("span_end", span_id="nobody", msg_id=9)["body"]
        self.assertEqual(list(error), ["type", "code", "text", "in_reply_to", "msg_id"])
        self.assertEqual(error["msg_id"], 2)

        self.assertEqual(talk.send("init", node_id="n1")["body"], {"type": "init_ok", "msg_id": 3})

    def test_plain_messages_have_no_number(self) -> None:
        """The plain way a reply has no msg_id, and `in_reply_to` only where there is something to reply to."""
        talk = Session()

        self.assertEqual(talk.tell("generate"), {"type": "generate_ok", "id": "span1"})
        self.assertEqual(talk.tell("generate", msg_id=-5), {"type": "generate_ok", "id": "span2", "in_reply_to": -5})
        self.assertEqual(talk.tell("echo", echo=1, msg_id=10**4000)["in_reply_to"], 10**4000)

    def test_init_under_another_name_is_refused(self) -> None:
        """`init` again is answered again; under another name it is an error 22 and the name stays."""
        talk = Session()
        talk.start("n1")
        error = talk.send("init", node_id="n2", msg_id=4)
        self.assertEqual((error["src"], error["body"]["code"]), ("n1", 22))
        self.assertIn('"n2"', error["body"]["text"])

        self.assertEqual(talk.start("n1")["body"]["type"], "init_ok")
        self.assertEqual(talk.body({"type": "generate"})["id"], "n1-1")

    def test_refused_init_keeps_the_plain_way(self) -> None:
        """An `init` that is refused changes nothing: the next replies are plain."""
        talk = Session()
        self.assertEqual(talk.send("init", node_id="n1", node_ids="n1", msg_id=1)["body"]["code"], 12)

        self.assertEqual(talk.tell("generate", msg_id=1), {"type": "generate_ok", "id": "span1", "in_reply_to": 1})

    def test_somebody_s_reply_is_ignored(self) -> None:
        """A body with `in_reply_to` gets no answer and no complaint, whatever else is in it; null counts as absent."""
        talk = Session()
        for body in [
            {"type": "echo", "echo": 1, "msg_id": 1, "in_reply_to": 0},
            {"type": 5, "msg_id": True, "in_reply_to": "x"},
            {"in_reply_to": False},
            {"type": "init", "node_id": "n1", "in_reply_to": []},
        ]:
            self.assertIsNone(reply_to(talk, body))
            self.assertIsNone(reply_to(talk, envelope(body)))
        self.assertEqual(talk.complaints, [])

        self.assertEqual(talk.tell("echo", echo=1, in_reply_to=None), {"type": "echo_ok", "echo": 1})

    def test_line_after_somebody_s_reply_is_served(self) -> None:
        """Lines that come together with somebody's reply, or with one that is refused, are served."""
        for line in ('{"in_reply_to": 1}', '{"body": 1}', '{"type": 1}', "nonsense", ""):
            with self.subTest(line):
                sent = serve_lines(Session().node, [line, '{"type": "generate"}'])

                self.assertEqual(sent, ['{"type": "generate_ok", "id": "span1"}\n'])

    def test_malformed_envelope_is_answered_by_nobody(self) -> None:
        """Without a usable `src`, `dest` or `body` there is nobody to answer: one sentence, no reply."""
        good = envelope({"type": "echo", "echo": 1, "msg_id": 1})
        bad = [{**good, "body": body} for body in (None, [], "x", 1, True)]
        bad += [{**good, key: value} for key in ("src", "dest") for value in (None, "", 1, [], {}, True)]
        bad += [{key: value for key, value in good.items() if key != gone} for gone in ("src", "dest")]
        bad += [{"body": {"in_reply_to": 1}}]
        for message in bad:
            with self.subTest(message=message):
                talk = Session()

                self.assertIsNone(reply_to(talk, message))
                self.assertEqual(len(talk.complaints), 1)
                self.assertIn("envelope", talk.complaints[0])

    def test_envelope_s_other_keys_are_ignored(self) -> None:
        """Maelstrom's own `id`, and a `type` beside the body, mean nothing."""
        talk = Session()
        message = {"id": 5, "type": "generate", "in_reply_to": 1, **envelope({"type": "echo", "echo": 1})}

        self.assertEqual(reply_to(talk, message)["body"], {"type": "echo_ok", "echo": 1})

"""The fast path, held equal to the way that serves every message."""

from __future__ import annotations

import itertools
import json
import random
import unittest
from unittest import mock

from tests.helpers import Session, envelope, line_of
from tracer import CountedIds, FastNode, Limits, Node, SimulatedClock, SpanManager

IDS = ["span1", "span2", "span3", "span4", "span9", "mine", "", 1, None, ["span1"]]
STATUSES = ["OK", "OK", "ERROR", "UNSET", "bad", "", None, 1, ["OK"]]
ADDRESSES = ["a", "a", "b", "", None, ["a"]]


def message(chance: random.Random) -> dict:
    """Return a message that is one of the three shapes, or nearly so."""
    kind = chance.randrange(10)
    if kind < 4:
        body = {
            "type": "create_span",
            "msg_id": chance.choice([1, 1, 1, "x", None, True]),
            "name": chance.choice(["n", "n", "", 5]),
        }
        if chance.random() < 0.1:
            body["span_id"] = chance.choice(IDS[:6])
        return envelope(chance.choice([body] * 9 + [[], None, "body"]), chance.choice(ADDRESSES), "n")
    span_id = chance.choice(IDS[:4] if chance.random() < 0.7 else IDS)
    if kind < 7:
        return {"type": "span_event", "span_id": span_id, "event": chance.choice(["e", "f", "g" * 100, "", 1, None])}
    if kind < 9:
        return {"type": "span_end", "span_id": span_id, "status": chance.choice(STATUSES)}
    return {"type": chance.choice(["get_span", "nonsense", "generate"]), "span_id": span_id, "in_reply_to": None}


def told(
    messages: list[dict], limits: Limits, node_class: type[Node], start: bool = False, ends: list | None = None
) -> list:
    """Return all that a session says: replies, complaints, ends that were heard of, and every span at the end.

    Args:
        start: whether an `init` comes first.
        ends: where the ends of spans are told; None for nobody to be told.
    """
    on_end = None if ends is None else lambda span: ends.append(span.span_id)
    talk = Session(SpanManager(limits, SimulatedClock(), CountedIds(), on_end), node_class)
    if start:
        talk.start()
    replies = [reply for reply in map(talk.line, map(line_of, messages)) if reply is not None]
    asked = [talk.line(line_of({"type": "get_span", "span_id": span_id})) for span_id in IDS[:6]]
    return [replies, talk.complaints, ends, asked, talk.tell("generate")]


class FastPathTests(unittest.TestCase):
    """The same sessions both ways."""

    def check(self, messages: list[dict], limits: Limits, start: bool = False, heard: bool = False) -> list:
        """Compare what is said both ways; return it."""
        fast, plain = (
            told(messages, limits, node_class, start, [] if heard else None) for node_class in (FastNode, Node)
        )
        self.assertEqual(fast, plain)
        return fast

    def test_random_sessions_are_the_same_both_ways(self) -> None:
        """Under narrow bounds as under wide ones, before `init` as after it, heard or not, the same is said and kept."""
        for seed in range(400):
            chance = random.Random(seed)
            limits = Limits(chance.choice([0, 2, 100]), chance.choice([0, 1, 100]), events=chance.choice([0, 1, 128]))
            messages = [message(chance) for _ in range(40)]
            with self.subTest(seed=seed):
                self.check(messages, limits, seed % 10 == 0, seed % 3 == 0)

    def test_plainest_messages_take_no_detour(self) -> None:
        """Lifecycles, bare and in envelopes, are served without the way for every message; an exporter hears each end."""
        for origin, auto_clock, tick_us in itertools.product((True, False), (True, False), (5_000, 0)):
            # With the first, which stays open, there are as many open spans as there may be.
            manager = SpanManager(Limits(open_spans=2), SimulatedClock(tick_us), CountedIds())
            talk = Session(manager, auto_clock=auto_clock)
            lives = [
                message
                for number in (2, 3)
                for message in (
                    {"type": "create_span", "msg_id": 1, "name": "n"},
                    {"type": "span_event", "span_id": f"span{number}", "event": "e"},
                    {"type": "span_event", "span_id": f"span{number}", "event": "f"},
                    {"type": "span_end", "span_id": f"span{number}", "status": "OK"},
                )
            ]
            messages = [envelope(message) if origin else message for message in lives]
            talk.line(line_of(envelope({"type": "create_span", "name": "first"})))
            with (
                self.subTest(envelopes=origin, auto_clock=auto_clock, tick_us=tick_us),
                mock.patch.multiple(talk.node, _serve=mock.DEFAULT, _origin=mock.DEFAULT) as detours,
            ):
                replies = [json.loads(reply) for reply in talk.node.answers(messages)]

                self.assertEqual([detour.call_count for detour in detours.values()], [0, 0])
                self.assertEqual(len(replies), 2)
                self.assertEqual("body" in replies[0], origin)
                self.assertEqual([event[0] for event in talk.manager.ended_spans()[0].events], ["e", "f"])

    def test_bad_lines_among_good_ones_are_passed(self) -> None:
        """Blank, malformed and unusable lines end nothing: the lines after them in the same reading are served."""
        good = {"type": "generate"}
        lines = [
            "",
            "{",
            {"src": "a", "dest": "b", "body": 1},
            good,
            {"in_reply_to": 1},
            {"body": good},
            good,
            b"\xff",
            good,
        ]
        for node_class in (FastNode, Node):
            with self.subTest(node_class):
                replies = [json.loads(reply) for reply in Session(None, node_class).node.answers(lines)]

                self.assertEqual([reply["id"] for reply in replies], ["span1", "span2", "span3"])

    def test_lifecycles_are_the_same_both_ways(self) -> None:
        """The task's lifecycle, many times over, gives the durations that it should."""
        lives = [
            [
                envelope({"type": "create_span", "msg_id": number, "name": "n"}, "service", "tracer"),
                {"type": "span_event", "span_id": f"span{number}", "event": f"e{number}"},
                {"type": "span_end", "span_id": f"span{number}", "status": "OK"},
            ]
            for number in range(1, 301)
        ]
        messages = [sent for life in lives for sent in life]
        said = self.check(messages, Limits())

        self.assertEqual({json.loads(reply)["body"]["duration_us"] for reply in said[0]}, {10_000})
        self.assertEqual(len(said[0]), 300)

    def test_name_that_is_taken_is_passed_over_both_ways(self) -> None:
        """Where the next number's name is a known span's, the creation takes the one after it."""
        create = envelope({"type": "create_span", "msg_id": 1, "name": "n"})
        taken = {"type": "create_span", "name": "n", "span_id": "span3", "kind": "SERVER"}
        messages = [create, taken, create, create]
        said = self.check(messages, Limits())

        self.assertEqual(said[-1], {"type": "generate_ok", "id": "span6"})

    def test_events_of_ever_new_names_are_kept(self) -> None:
        """Many event names, long ones too, come back as they were."""
        names = [f"event {number}" for number in range(3000)] + ["e" * 5000]
        talk = Session(SpanManager(Limits(events=4000), SimulatedClock(), CountedIds()))
        talk.tell("create_span", name="n", span_id="s")
        for name in names:
            talk.tell("span_event", span_id="s", event=name)

        self.assertEqual([event["event"] for event in talk.span("s")["events"]], names)

"""More random sessions against the model: thousands in process, some hundred through the real process; and where they lead."""

from __future__ import annotations

import json
import unittest
from random import Random
from typing import Any

from tests.fuzzing import mutated_line
from tests.helpers import child_environment, run
from tests.model import REAL_START_DIGITS, Model, Record, Settings
from tests.model_forms import MalformedError, parse
from tests.oracles import skip_unless_outer
from tests.sessions import Session, random_session
from tests.test_model import PIECES, SESSIONS, disagreement, hold_to_one_output, served
from tracer import replies

skip_unless_outer()

#: The sessions that together lead to every reply and every rare case.
LEADING = range(500)
IN_PROCESS = range(SESSIONS, 12_000)
CUT = range(0, 12_000, 20)
SPOILT = range(200_000, 205_000)
THROUGH_THE_PROCESS = range(100_000, 100_300)


class Watched(Model):
    """A model that notes what a session leads it to."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.met: set[str] = set()

    def answer(self, line: bytes) -> str | None:
        """Note lines of the forms that are read in different ways."""
        reply = super().answer(line)
        if reply is not None and '"echo": null' in reply:
            self.met.add("an echo of null")
        try:
            if parse(line, self.settings.max_line_bytes) is None:
                self.met.add("a blank line")
            elif 400 < len(line) < 5000:
                self.met.add("a long line with null" if b"null" in line else "a long line")
        except MalformedError:
            self.met.add("a bad line")
        return reply

    def claimable(self, body: dict[str, Any]) -> Record | None:
        """Note what is claimed, and what an init has kept from being claimed."""
        found = super().claimable(body)
        if found is not None:
            self.met.add("claimed")
        elif self.node_id is not None:
            node_id, self.node_id = self.node_id, None
            if super().claimable(body) is not None:
                self.met.add("not claimed after an init")
            self.node_id = node_id
        return found

    def open_span(self, body: dict[str, Any], ends: bool = False) -> Record:
        """Note a span that a message names though nobody was told its id."""
        named = self.spans.get(body["span_id"])
        if named is not None and named.unclaimed:
            self.met.add("named untold after an init" if self.node_id is not None else "named untold")
        return super().open_span(body, ends)


class SessionsTests(unittest.TestCase):
    """The random sessions lead everywhere."""

    @classmethod
    def setUpClass(cls):
        """Run all sessions through the model."""
        cls.replies, cls.met = [], set()
        for session in map(random_session, LEADING):
            # The end of the last line would pass for a blank line of its own.
            model, data = Watched(session.settings), session.data.rstrip()
            replies = model.run(data)
            cls.replies += map(json.loads, replies)
            cls.met |= model.met
            if "".join(replies).count(f"-{REAL_START_DIGITS}-") > 1:
                cls.met.add("several ids of one start")
            if model.lines >= 20 and not model.met & {"a bad line", "a blank line"} and b"null" not in data:
                cls.met.add("all lines at once" if b"}\n" in data else "all lines at once, CRLF")

    def test_sessions_draw_every_reply_both_ways(self):
        """Every type of reply and every error code turns up, plain and after an init, bare and in an envelope."""
        seen = set()
        for reply in self.replies:
            body = reply.get("body", reply)
            seen.add((body["type"], body.get("code"), "msg_id" in body, "body" in reply))

        answered = [("echo_ok", None), ("generate_ok", None), ("get_span_ok", None), ("span_complete", None)]
        answered += [("span_created", None)] + [("error", code) for code in (10, 11, 12, 20, 21, 22)]
        wanted = {(*reply, way, routed) for reply in answered for way in (False, True) for routed in (False, True)}
        changes = set(replies.TYPES.values()) - {reply for reply, _ in answered}
        wanted |= {(change, None, True, routed) for change in changes for routed in (False, True)}
        self.assertEqual(seen, wanted)

    def test_sessions_lead_to_the_rare_cases(self):
        """Claims and what is no claim, long, blank and bad lines turn up, and sessions without a bad line or a null."""
        wanted = {"claimed", "not claimed after an init", "named untold", "named untold after an init"}
        wanted |= {"a long line", "a long line with null", "a bad line", "a blank line", "an echo of null"}
        wanted |= {"several ids of one start"}
        self.assertEqual(self.met, wanted | {"all lines at once", "all lines at once, CRLF"})


class LongAgreementTests(unittest.TestCase):
    """The node and the model say the same, for longer."""

    def test_sessions_in_process_come_out_as_the_model_says(self):
        """However the input is cut, the node writes and complains as the model says, and nothing is a bug."""
        for seed in IN_PROCESS:
            session = random_session(seed)

            self.assertIsNone(disagreement(session, *served(session, PIECES[seed % len(PIECES)])), f"seed {seed}")

    def test_cut_of_the_input_changes_nothing(self) -> None:
        """All at once, in small pieces and byte by byte a session gives the same lines and the same complaints."""
        hold_to_one_output(self, CUT)

    def test_spoilt_sessions_come_out_as_the_model_says(self):
        """With wrong bytes in half of its lines a session still gives what the model says, line for line."""
        for seed in SPOILT:
            random, session = Random(seed), random_session(seed)
            lines = [
                mutated_line(random, line) if random.random() < 0.5 else line for line in session.data.split(b"\n")
            ]
            session = session._replace(data=b"\n".join(lines))

            self.assertIsNone(disagreement(session, *served(session, PIECES[seed % len(PIECES)])), f"seed {seed}")

    def test_sessions_through_the_process_come_out_as_the_model_says(self):
        """Told by options and environment variables, the process writes what the model says and exits 0."""
        for seed in THROUGH_THE_PROCESS:
            session = random_session(seed)
            done = run(session.data, *session.arguments(), env=child_environment(**session.environment()))

            self.assertIsNone(disagreement(session, done.stdout.decode("ascii").splitlines()), f"seed {seed}")
            self.assertEqual((done.returncode, done.stdout[-1:]), (0, b"\n" if done.stdout else b""), f"seed {seed}")
            self.assertNotIn(b"Traceback", done.stderr, f"seed {seed}")

    def test_default_bounds_are_those_of_the_model(self):
        """One part or ended span too many, the longest line and one byte more come out as the model says."""
        attributes = {f"k{number}": number for number in range(129)}
        links = [{"traceparent": f"00-{'1' * 32}-{'2' * 16}-01", "attributes": attributes} for _ in range(129)]
        messages = [{"type": "create_span", "name": "x", "span_id": "s", "attributes": attributes, "links": links}]
        messages += [{"type": "span_event", "span_id": "s", "event": "e", "attributes": attributes} for _ in range(129)]
        messages += [{"type": "get_span", "span_id": "s"}, {"type": "span_end", "span_id": "s"}]
        messages += [
            {"type": kind, "name": "x", "span_id": f"s{number}"}
            for number in range(1000)
            for kind in ("create_span", "span_end")
        ]
        messages += [{"type": "get_span", "span_id": span_id, "msg_id": 1} for span_id in ("s", "s0", "s999")]
        lines = [json.dumps(message).encode() for message in messages]
        lines += [b'{"type": "generate"}'.ljust((1 << 20) + more) for more in (-1, 0, 1)]
        session = Session(Settings(), b"\n".join(lines))
        done = run(session.data)

        self.assertIsNone(disagreement(session, done.stdout.decode("ascii").splitlines()))
        self.assertEqual(done.returncode, 0)

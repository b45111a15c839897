"""More random sessions against the model: twenty thousand in process, and some hundred through the real process."""

from __future__ import annotations

import json
import unittest
from random import Random

from tests.fuzzing import mutated_line
from tests.helpers import child_environment, run
from tests.model import Settings
from tests.oracles import skip_unless_outer
from tests.sessions import Session, random_session
from tests.test_model import PIECES, SESSIONS, disagreement, served

skip_unless_outer()

IN_PROCESS = range(SESSIONS, 12_000)
SPOILT = range(200_000, 205_000)
THROUGH_THE_PROCESS = range(100_000, 100_300)


class LongAgreementTests(unittest.TestCase):
    """The node and the model say the same, for longer."""

    def test_sessions_in_process_come_out_as_the_model_says(self):
        """However the input is cut, the node writes and complains as the model says, and nothing is a bug."""
        for seed in IN_PROCESS:
            session = random_session(seed)

            self.assertIsNone(disagreement(session, *served(session, PIECES[seed % len(PIECES)])), f"seed {seed}")

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

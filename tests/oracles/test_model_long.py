"""More random sessions against the model: ten thousand in process, and some hundred through the real process."""

from __future__ import annotations

import unittest

from tests.helpers import child_environment, run
from tests.oracles import skip_unless_outer
from tests.sessions import random_session
from tests.test_model import PIECES, SESSIONS, disagreement, served

skip_unless_outer()

IN_PROCESS = range(SESSIONS, 10_000)
THROUGH_THE_PROCESS = range(100_000, 100_300)


class LongAgreementTests(unittest.TestCase):
    """The node and the model say the same, for longer."""

    def test_sessions_in_process_come_out_as_the_model_says(self):
        """However the input is cut, the node's lines are the model's, and nothing is a bug."""
        for seed in IN_PROCESS:
            complaints: list[str] = []
            session = random_session(seed)
            got = served(session, PIECES[seed % len(PIECES)], complaints)

            self.assertIsNone(disagreement(session, got), f"seed {seed}")
            self.assertNotIn("Traceback", "".join(complaints), f"seed {seed}")

    def test_sessions_through_the_process_come_out_as_the_model_says(self):
        """Told by options and environment variables, the process writes what the model says and exits 0."""
        for seed in THROUGH_THE_PROCESS:
            session = random_session(seed)
            done = run(session.data, *session.arguments(), env=child_environment(**session.environment()))

            self.assertIsNone(disagreement(session, done.stdout.decode("ascii").splitlines()), f"seed {seed}")
            self.assertEqual((done.returncode, done.stdout[-1:]), (0, b"\n" if done.stdout else b""), f"seed {seed}")
            self.assertNotIn(b"Traceback", done.stderr, f"seed {seed}")

"""Two million lines of anything through the real process: it answers, stays small, and exits as it should."""

from __future__ import annotations

import unittest
from random import Random

from tests.fuzzing import fault_of, good_lines, mutated_line, random_line
from tests.oracles import skip_unless_outer
from tests.oracles.flood import Flood, skip_unless_proc

skip_unless_outer()
skip_unless_proc()

LINES = 2_000_000
#: Lines between two questions whether the node still answers.
STRETCH = 5_000
MOST_MEMORY_BYTES = 64 << 20
BOUNDS = ("--max-open-spans", "50", "--keep-ended", "50", "--max-line-bytes", "100000")


class BytesTests(unittest.TestCase):
    """The node outlives any input."""

    def test_two_million_lines_of_anything_leave_the_node_whole(self):
        """Any lines: replies are messages only, memory stays small, good lines are answered, the exit code is 0."""
        random = Random(5)
        judged = 0

        def judge(reply: bytes) -> None:
            nonlocal judged
            judged += 1
            # Nearly all replies are short; taking the long ones apart again would take most of the time.
            fault = fault_of(reply.decode("ascii")) if len(reply) < 2000 or judged % 10 == 0 else None
            if fault:
                raise AssertionError(f"{fault}: {reply!r}")

        flood = Flood(judge, *BOUNDS)
        self.addCleanup(flood.close)
        good = [line for seed in range(300) for line in good_lines(seed) if b'"init"' not in line and len(line) < 2000]
        for stretch in range(LINES // STRETCH):
            flood.send(b"".join(_line(random, good) + b"\n" for _ in range(STRETCH)))
            flood.send(b"x" * random.randrange(300_000) + b"\n")
            flood.catch_up()
            if stretch == LINES // STRETCH // 2:
                flood.send(b'{"type": "init", "node_id": "n1"}\n')
        most = flood.memory_bytes(most=True)
        code, said = flood.finish()

        self.assertEqual(code, 0)
        self.assertNotIn(b"Traceback", said)
        self.assertLess(most, MOST_MEMORY_BYTES)
        self.assertGreater(judged, LINES // 20)


def _line(random: Random, good: list[bytes]) -> bytes:
    way = random.random()
    if way < 0.3:
        return random_line(random)
    line = good[int(random.random() * len(good))]
    return mutated_line(random, line) if way < 0.7 else line

"""OpenTelemetry's W3C propagator as a judge of the node's traceparents.

Differences on purpose, each with its reason; everything else must be read alike:

- space around: an HTTP header may have it, and the propagator takes it off.  In JSON nothing puts it there by chance.
- an end of line after the last part of version 00: the propagator's `$` lets one pass.  W3C has exactly four parts.
- an end of line within what follows a higher version: the propagator's `.` stops there.  W3C says to read no further
  than the flags.
- more than 512 characters: the propagator gives up.  The node bounds whole lines instead.
"""

from __future__ import annotations

import logging
import unittest
from random import Random

try:
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as error:
    raise unittest.SkipTest("opentelemetry-api is not installed") from error

from tests.sessions import BAD_TRACEPARENTS, TRACEPARENTS
from tracer.trace_context import parse_traceparent

CASES = 40_000
#: What a mutation puts somewhere: every letter of a good one, and what only looks like one.
LETTERS = "0123456789abcdef-0123456789abcdef-gGAF xX_+.\n\t\r\u0660\u00b2\uff10\u2010\x00"


def judged(text: str) -> tuple[int, int, int] | None:
    """Read a traceparent with the propagator."""
    context = TraceContextTextMapPropagator().extract({"traceparent": text})
    found = trace.get_current_span(context).get_span_context()
    return (found.trace_id, found.span_id, int(found.trace_flags)) if found.is_valid else None


def ours(text: str) -> tuple[int, int, int] | None:
    """Read a traceparent with the node."""
    try:
        found = parse_traceparent(text)
    except ValueError:
        return None
    return found.trace_id, found.hex_id, found.flags


def is_different_on_purpose(text: str) -> bool:
    """Tell whether a traceparent is one of those that the two read differently by intent."""
    return text != text.strip(" \t\n") or "\n" in text[55:] or len(text) > 512


def random_traceparent(random: Random) -> str:
    """Make a traceparent that is good, or spoilt in up to two places."""
    version = random.choice(("00", "00", "01", "7f", "fe", "ff", f"{random.randrange(256):02x}"))
    trace_bits, own_bits = random.choice((0, 1, *[128] * 8)), random.choice((0, *[64] * 9))
    identity = f"{random.getrandbits(trace_bits):032x}-{random.getrandbits(own_bits):016x}"
    rest = random.choice(("", "", "", "", "", "-", "-x", "-00-\u00e9", "x", "0"))
    letters = list(f"{version}-{identity}-{random.randrange(256):02x}{rest}")
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        at = random.randrange(len(letters) + 1)
        letters[at : at + random.randrange(2)] = random.choice(LETTERS) if random.random() < 0.8 else ""
    return "".join(letters)


class PropagatorTests(unittest.TestCase):
    """Both read the same traceparents."""

    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_traceparents_are_read_as_the_propagator_reads_them(self):
        """Thousands of good and bad traceparents give the same ids and flags, or nothing, in both."""
        random = Random(1)
        cases = [*TRACEPARENTS, *BAD_TRACEPARENTS, *(random_traceparent(random) for _ in range(CASES))]
        cases = [text for text in cases if not is_different_on_purpose(text)]
        good = 0
        for text in cases:
            good += ours(text) is not None

            self.assertEqual(ours(text), judged(text), ascii(text))
        self.assertGreater(len(cases), CASES * 0.9)
        self.assertTrue(CASES * 0.2 < good < CASES * 0.8, good)

    def test_listed_differences_are_real(self):
        """Each difference that is listed above is one, so that the list cannot go stale."""
        good = TRACEPARENTS[0]
        higher = "01" + good[2:]
        differences = {
            "space": (f" {good}\t", False), "last end of line": (f"{good}\n", False),
            "end of line within": (f"{higher}-a\nb", True),
            "long": (higher + "-" + "x" * 600, True),
        }  # fmt: skip
        for name, (text, is_good) in differences.items():
            with self.subTest(name):
                self.assertTrue(is_different_on_purpose(text))
                self.assertEqual((ours(text) is not None, judged(text) is not None), (is_good, not is_good))

    def test_traceparent_written_is_read_back_by_the_propagator(self):
        """What the node writes for a context is what the propagator understands by it."""
        for text in TRACEPARENTS:
            found = parse_traceparent(text)

            self.assertEqual(judged(found.traceparent), ours(text))

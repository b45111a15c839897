"""The spans that are kept: each once, and of too many the latest traces."""

from __future__ import annotations

import unittest
from unittest import mock

from tracer import Span
from tracer.reading.keeping import KeptSpans


def make(trace: int, start: int, name: str = "n", status: str = "UNSET") -> Span:
    """Make a span of a trace."""
    span = Span("", name, "INTERNAL", start, trace, start, 0, None)
    span._status = status
    return span


def keep(spans: list[Span], characters: int = 1) -> tuple[list[int], list[str]]:
    """Keep spans, 4 of them or those of 40 characters; return their starts, and what is said."""
    with mock.patch("tracer.reading.keeping.SPANS", 4), mock.patch("tracer.reading.keeping.CHARACTERS", 40):
        kept = KeptSpans()
        for span in spans:
            kept.add(span, characters)
        return [span.start_us for span in kept.finish()], [each.partition(":")[0] for each in kept.list_sentences()]


class KeepingTests(unittest.TestCase):
    """Each test keeps spans."""

    def test_same_span_is_kept_once(self) -> None:
        """Another span of the same ids is another one."""
        kept = KeptSpans()
        for span in (make(1, 5, "a"), make(1, 5, "a"), make(1, 5, "b"), make(2, 5, "a")):
            kept.add(span, 1)

        self.assertEqual([(span.trace_id, span.name) for span in kept.finish()], [(1, "a"), (1, "b"), (2, "a")])
        self.assertEqual(list(kept.list_sentences()), [])

    def test_latest_traces_are_kept(self) -> None:
        """Whatever the order in which they come, the oldest traces are left out, each whole."""
        traces = [make(start // 10, start) for start in (10, 11, 20, 30, 31, 40)]
        for spans in (traces, traces[::-1]):
            starts, said = keep(spans)

            self.assertEqual((sorted(starts), said), ([20, 30, 31, 40], ["2 spans of the oldest traces left out"]))
        self.assertEqual(sorted(keep([*traces, make(5, 50)])[0]), [30, 31, 40, 50])
        self.assertEqual(
            sorted(keep([make(9, start) for start in (5, 6, 7)] + [make(8, start) for start in (1, 90)])[0]), [5, 6, 7]
        )

    def test_traces_with_errors_are_kept_before_others(self) -> None:
        """An old one with an error stays; among them the oldest goes."""
        starts, said = keep(
            [make(1, 10, status="ERROR"), make(1, 11), *(make(start, start) for start in (20, 30, 40, 50))]
        )
        self.assertEqual((starts, said), ([10, 11, 40, 50], ["2 spans of the oldest traces left out"]))

        starts, said = keep([make(start, start, status="ERROR") for start in range(7)])
        self.assertEqual((starts, said), ([3, 4, 5, 6], ["3 spans of the oldest traces left out, 3 errors among them"]))

    def test_trace_that_is_too_large_keeps_its_first(self) -> None:
        """Of one trace by itself those that were read first are kept, and of all others none."""
        starts, said = keep([make(1, 3), *(make(2, start) for start in (9, 8, 7, 6, 5, 4))])

        self.assertEqual((starts, said), ([9, 8, 7, 6], ["3 spans of the oldest traces left out"]))

    def test_characters_are_bounded_too(self) -> None:
        """Spans of much text are fewer; one alone is none if it is too much by itself."""
        self.assertEqual(keep([make(start, start) for start in (1, 2, 3)], 15)[0], [2, 3])
        self.assertEqual(keep([make(1, 1)], 41)[0], [])

    def test_sentence_names_the_bounds(self) -> None:
        """How many spans there may be, and how much JSON."""
        kept = KeptSpans()
        kept.add(make(1, 1), 1 << 30)

        self.assertEqual(kept.finish(), [])
        self.assertEqual(
            list(kept.list_sentences()),
            ["1 span of the oldest traces left out: only 100,000 spans are kept, or those of 96 MiB of JSON"],
        )


if __name__ == "__main__":
    unittest.main()

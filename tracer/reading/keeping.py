"""The spans that were read and are kept: each once, and of too many the latest traces, those with errors before those without.

Owns the bounds on what is in memory.  The oldest traces go whole, since a piece of one misleads; only of a trace that
is too large by itself the spans that were read first are kept.
"""

from __future__ import annotations

from ..words import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..span import Span

#: Most spans that are kept: the picture draws far fewer.
SPANS = 100_000
#: Most characters of JSON that they may have come from, which take up to three times as many bytes of memory.
CHARACTERS = 96 << 20
#: How many times as much is held before the oldest traces go: to choose them takes time.
_SLACK = 1.25


class KeptSpans:
    """Keeps spans within a bound."""

    def __init__(self) -> None:
        # Simulated runs give the same ids to different spans, so these alone do not tell whether it is the same one.
        self._spans: dict[tuple[object, ...], tuple[Span, int]] = {}
        self._characters = 0
        self._dropped = self._dropped_errors = 0

    def add(self, span: Span, characters: int) -> None:
        """Keep a span that came from so many characters, unless it is kept already."""
        same = (span._trace_id, span._hex_id, span._start_us, span._end_us, span._name, span._service)
        if same in self._spans:
            return
        self._spans[same] = (span, characters)
        self._characters += characters
        if len(self._spans) > SPANS * _SLACK or self._characters > CHARACTERS * _SLACK:
            self._drop_oldest()

    def finish(self) -> list[Span]:
        """Return what is kept, within the bounds."""
        self._drop_oldest()
        return [span for span, _ in self._spans.values()]

    def list_sentences(self) -> Iterator[str]:
        """Say what was not kept."""
        if self._dropped:
            errors = f", {count(self._dropped_errors, 'error')} among them" if self._dropped_errors else ""
            yield (
                f"{count(self._dropped, 'span')} of the oldest traces left out{errors}: "
                f"only {SPANS:,} spans are kept, or those of {CHARACTERS >> 20} MiB of JSON"
            )

    def _is_full(self) -> bool:
        return len(self._spans) > SPANS or self._characters > CHARACTERS

    def _drop_oldest(self) -> None:
        """Leave traces out, the oldest without errors first, until the rest is within the bounds."""
        if not self._is_full():
            return
        traces: dict[int, list[tuple[object, ...]]] = {}
        starts: dict[int, tuple[bool, int]] = {}
        for same, (span, _) in self._spans.items():
            trace_id = span._trace_id
            traces.setdefault(trace_id, []).append(same)
            has_error, start_us = starts.get(trace_id, (False, span._start_us))
            starts[trace_id] = (has_error or span._status == "ERROR", min(start_us, span._start_us))
        *oldest, last = sorted(starts, key=starts.__getitem__)
        for trace_id in oldest:
            if not self._is_full():
                return
            for same in traces[trace_id]:
                self._drop(same)
        for same in reversed(traces[last]):
            if not self._is_full():
                return
            self._drop(same)

    def _drop(self, same: tuple[object, ...]) -> None:
        span, characters = self._spans.pop(same)
        self._characters -= characters
        self._dropped += 1
        self._dropped_errors += span._status == "ERROR"

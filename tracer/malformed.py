"""What is wrong with a line that is text but no message, in its sender's terms.

Owns those sentences; imported when the first such line comes, so that good lines start and run without it.
"""

from __future__ import annotations

from .errors import MalformedLineError


def malformed(problem: ValueError | None) -> MalformedLineError:
    """Make the error for a line; `problem` is what reading it met, None where it is JSON, but no object."""
    if problem is None:
        return MalformedLineError("the line is JSON, but not an object")
    return MalformedLineError(f"the line is not strict JSON: {problem}")

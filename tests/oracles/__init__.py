"""The outer ring of tests: what takes minutes, and other people's implementations as judges.

`TRACER_OUTER=1 python -m unittest discover -s tests/oracles -t .`, with the dev group of `pyproject.toml` installed,
runs all of it.  Without the variable the long runs are skipped, without a package those that need it.
"""

from __future__ import annotations

import os
import unittest


def skip_unless_outer() -> None:
    """Skip the module that asks, unless the outer ring was asked for."""
    if not os.environ.get("TRACER_OUTER"):
        raise unittest.SkipTest("runs in the outer ring only: TRACER_OUTER is not set")

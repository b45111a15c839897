"""A node that keeps spans for others; the names below are its public ones.

`Node` answers lines, `SpanManager` keeps spans; both do no input or output of their own, and nothing of them is safe to
share between threads.  What does some is public too: `tracer.export.export_spans`, `tracer.picture.draw`,
`tracer.run.run_node`.
"""

import sys

if sys.version_info < (3, 9):  # noqa: UP036 - what asks for it cannot be installed, but a checkout can be started
    # Python 2.7 can compile all that comes before this.  Not an ImportError: a command shows no traceback.
    sys.stderr.write("span tracer needs Python 3.9 or newer, this is %d.%d\n" % sys.version_info[:2])  # noqa: UP031 - as above
    sys.exit(2)

from .clock import RealClock, SimulatedClock
from .errors import (
    MalformedLineError,
    MalformedRequestError,
    NodeNameError,
    PreconditionError,
    RequestError,
    SpanEndedError,
    SpanExistsError,
    SpanNotFoundError,
    TimeOrderError,
    TooManyOpenSpansError,
    TracerError,
    UnsupportedTypeError,
)
from .limits import Limits
from .lines import LineBuffer
from .manager import SpanManager
from .node import Node
from .span import Attributes, Event, Link, Span
from .trace_context import CountedIds, RandomIds, SpanContext
from .version import __version__

__all__ = [
    "Attributes",
    "CountedIds",
    "Event",
    "Limits",
    "LineBuffer",
    "Link",
    "MalformedLineError",
    "MalformedRequestError",
    "Node",
    "NodeNameError",
    "PreconditionError",
    "RandomIds",
    "RealClock",
    "RequestError",
    "SimulatedClock",
    "Span",
    "SpanContext",
    "SpanEndedError",
    "SpanExistsError",
    "SpanManager",
    "SpanNotFoundError",
    "TimeOrderError",
    "TooManyOpenSpansError",
    "TracerError",
    "UnsupportedTypeError",
    "__version__",
]

"""A node that keeps spans for others; the names below are its public ones.

`Node` answers lines, `SpanManager` keeps spans; both do no input or output of their own.
"""

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
from .fast_path import FastNode
from .limits import Limits
from .manager import SpanManager
from .messages import LineBuffer, read_ahead, read_alone
from .node import Node
from .span import Attributes, Span
from .trace_context import CountedIds, RandomIds, SpanContext

__version__ = "1.0.0"

__all__ = [
    "Attributes",
    "CountedIds",
    "FastNode",
    "Limits",
    "LineBuffer",
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
    "read_ahead",
    "read_alone",
]

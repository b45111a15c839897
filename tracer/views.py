"""What code outside of the package may look at and cannot change: fields, and objects of JSON.

A value that is set is copied and frozen: lists become tuples, objects become `FrozenDict`s.  So whatever is handed out can be
handed out as it is.  Source: OpenTelemetry's SDK for Python, whose spans hand out their attributes in the same way.
"""

from __future__ import annotations

from math import isfinite
from operator import attrgetter

from .errors import MalformedRequestError
from .limits import MAX_DEPTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def expose(slot: str) -> Any:
    """Make a property that gives what a slot holds; nothing can be assigned to it."""
    return property(attrgetter(slot))


class FrozenDict(dict[str, object]):
    """An object of JSON that can only be read, and so can its copies; `dict()` makes a plain one."""

    __slots__ = ()

    def _refuse(self, *arguments: object, **named: object) -> Any:
        raise TypeError("what a span holds can only be read; span_update sets attributes")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


def freeze_members(values: dict[Any, Any], characters: int | None) -> dict[str, object]:
    """Copy attributes, each frozen; see `freeze`."""
    return {str(key): freeze(value, characters) for key, value in values.items()}


def freeze(value: Any, characters: int | None, within: tuple[int, ...] = ()) -> Any:
    """Copy a value so that it can only be read; what JSON does not have becomes its `str()`.

    Args:
        characters: longest string, at any depth, which is cut to it, keys whole; None for any length.
        within: the ids of the lists and objects that hold it: what holds itself has no place in JSON either.
    Raises:
        MalformedRequestError: it is nested too deep.
    """
    if isinstance(value, str):
        return value[:characters]
    if value is None or isinstance(value, bool):
        return value
    # Of a member of an enum the number.
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and isfinite(value):
        return float(value)
    if not isinstance(value, (list, tuple, dict)) or id(value) in within:
        return str(value)[:characters]
    if len(within) == MAX_DEPTH:
        raise MalformedRequestError(f"attributes must not have more than {MAX_DEPTH} levels of lists and objects")
    within = (*within, id(value))
    if isinstance(value, dict):
        return FrozenDict({str(key): freeze(item, characters, within) for key, item in value.items()})
    return tuple([freeze(item, characters, within) for item in value])

"""The fields of OTLP's messages as JSON may write them: under either name, numbers as strings, enums as names, ids in two codings.

Owns what one field may be; knows no message.  A field that is missing or null has its default.
Source: OTLP, JSON Protobuf Encoding; protobuf.dev, ProtoJSON Format, by which bytes are base64, of both alphabets.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from functools import cache

from ..limits import MAX_UINT64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable, TypeVar

    from .problems import Problems

    Read = TypeVar("Read")
    #: An OTLP message as JSON has it.
    Message = dict[str, Any]

#: Characters of the longest number that is looked at.
NUMBER_CHARACTERS = 40

_WHAT: dict[type, str] = {str: "a string", list: "a list", dict: "an object"}
_MIN_INT32, _MAX_INT32 = -(1 << 31), (1 << 31) - 1
#: An id of so many hex digits, and the same in base64, whose padding may be left out.
_IDS = {digits: re.compile(f"[0-9A-Fa-f]{{{digits}}}") for digits in (16, 32)}
_BASE64_IDS = {16: re.compile("[A-Za-z0-9+/_-]{11}=?"), 32: re.compile("[A-Za-z0-9+/_-]{22}(?:==)?")}


class OddFieldError(Exception):
    """A field is not what it has to be; the message is a sentence that names it."""


def get_value(message: Message, name: str) -> Any:
    """Return a field by its name in JSON or, where that is missing, in the `.proto` file; None for none."""
    value = message.get(name)
    return message.get(_spell_in_proto(name)) if value is None else value


@cache
def _spell_in_proto(name: str) -> str:
    return re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), name)


def get_field(message: Message, name: str, kind: type) -> Any:
    """Return a field of that type, an empty one where it is missing."""
    value = get_value(message, name)
    if value is None:
        return kind()
    if type(value) is not kind:
        raise OddFieldError(f'"{name}" has to be {_WHAT[kind]}')
    return value


def read_each(
    message: Message, name: str, read: Callable[[Message], Read], what: str, problems: Problems
) -> Iterator[Read]:
    """Read each message of a list; one that is odd costs itself alone.

    Args:
        what: such a message in a sentence, for `problems`.
    """
    try:
        items = get_field(message, name, list)
    except OddFieldError as error:
        problems.add(what, str(error))
        return
    for item in items:
        try:
            if type(item) is not dict:
                raise OddFieldError(f'"{name}" has to be a list of objects')
            yield read(item)
        except OddFieldError as error:
            problems.add(what, str(error))


def get_integer(message: Message, name: str, least: int, most: int) -> int:
    """Return a whole number, which may be a string and have an exponent; 0 where it is missing."""
    value = get_value(message, name)
    number = 0 if value is None else value
    if type(value) is str and len(value) <= NUMBER_CHARACTERS:
        number = int(value) if re.fullmatch("-?[0-9]+", value) else _read_float(value)
    if type(number) is float and number.is_integer():
        number = int(number)
    if type(number) is not int or not least <= number <= most:
        raise OddFieldError(f'"{name}" has to be a whole number from {least} to {most}')
    return number


def _read_float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def get_time_us(message: Message, name: str) -> int:
    """Return a time in microseconds, which the field has in nanoseconds."""
    return get_integer(message, name, 0, MAX_UINT64) // 1000


def get_enum(message: Message, name: str, prefix: str, names: tuple[str, ...]) -> int:
    """Return the number of a value, which may be there by its name; one that is not known counts as 0."""
    value = get_value(message, name)
    if type(value) is str:
        word = value.upper().removeprefix(prefix)
        if word in names:
            return names.index(word)
    number = get_integer(message, name, _MIN_INT32, _MAX_INT32)
    return number if number in range(len(names)) else 0


def get_id(message: Message, name: str, digits: int) -> int:
    """Return an id of so many hex digits; 0 for none."""
    text = get_field(message, name, str)
    if _IDS[digits].fullmatch(text):
        return int(text, 16)
    if not text:
        return 0
    if _BASE64_IDS[digits].fullmatch(text):
        data = text.translate(_TO_URL_ALPHABET).rstrip("=") + "=="
        return int.from_bytes(urlsafe_b64decode(data), "big")
    raise OddFieldError(f'"{name}" has to be {digits} hex digits, or {digits // 2} bytes in base64')


_TO_URL_ALPHABET = str.maketrans("+/", "-_")

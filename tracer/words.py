"""The words of sentences: text from outside made fit to show, numbers read and counted, and the guess at what was meant.

Owns how these look in every sentence; imports nothing of the package, so that everything may import it.
"""

from __future__ import annotations

import re
from json.encoder import encode_basestring_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

#: Longest piece of text from outside that a sentence repeats, in characters; for a longer word nobody guesses what was meant.
SHOWN_CHARACTERS = 60
#: How much of a word must be the same for it to be near another one, as difflib counts it.
NEAR = 0.75
#: Fewest characters of an id that is near another one: of three, one is too much of it.
NEARABLE = 4
#: What a slip may put into an id.  No digits: an id with another number is another id.
_LETTERS = "abcdefghijklmnopqrstuvwxyz-_."
#: Digits of a whole number that are looked at; Python reads no more, and a number that has more is too large either way.
_MOST_DIGITS = 4_300
_UNITS = ((3_600, "hour"), (60, "minute"), (1, "second"))
_PLURALS = {"": "", "is": " are", "was": " were"}


# -- text and numbers --


def quote(text: str) -> str:
    """Show text from outside within a sentence: quoted, ASCII, no control characters, cut where it is long."""
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + "..."
    return encode_basestring_ascii(text)


def quote_path(path: str) -> str:
    """Show a path whole, since its end says most; it is the user's own, so no peer makes it long.

    The backslashes of Windows stand as they were typed.
    """
    return encode_basestring_ascii(path).replace(r"\\", "\\")


def show_id(span_id: str) -> str:
    """Show a span's id as its name, without quotes; otherwise as `quote` does."""
    return quote(span_id)[1:-1]


def count(number: int, noun: str, verb: str = "") -> str:
    """Write a number of things, one or several; `verb`, "is" or "was", follows in the same number."""
    if number == 1:
        return f"1 {noun} {verb}".rstrip()
    return f"{number} {noun}s{_PLURALS[verb]}"


def show_seconds(seconds: float) -> str:
    """Write a time of some length, rounded up to whole seconds, in the largest unit that fits."""
    whole = -int(-seconds // 1)
    size, unit = next((size, unit) for size, unit in _UNITS if whole % size == 0)
    return count(whole // size, unit)


class WholeNumber:
    """What a whole number in an option, a variable or a header has to be: ASCII digits alone, within a range if there is one."""

    def __init__(self, least: int = 0, most: int | None = None) -> None:
        self._least, self._most = least, most
        #: The same in words.
        self.expected = "a whole number" if most is None else f"a whole number from {least} to {most}"

    def read(self, text: str) -> int | None:
        """Read one; return None if the text is none."""
        if not (text.isascii() and text.isdigit()):
            return None
        number = int(text.lstrip("0")[:_MOST_DIGITS] or "0")
        return number if self._least <= number and (self._most is None or number <= self._most) else None


# -- what was meant --


def guess(word: str, words: Collection[str]) -> str:
    """Say which of some words was probably meant; nothing where none is near."""
    if not words or len(word) > SHOWN_CHARACTERS:
        return ""
    # Loaded when it is needed: a session without such a word starts sooner.
    from difflib import get_close_matches

    near = {folded: each for each in words for folded in _fold(each)}
    for folded in _fold(word):
        for match in get_close_matches(folded, near, 1, NEAR):
            return f"; did you mean {near[match]}?"
    return ""


def _fold(word: str) -> tuple[str, str]:
    """Write a word without case and marks, its parts in the order of the alphabet (end_span, spanEnd) and in their own."""
    parts = re.findall("[a-z0-9]+", re.sub("(?<=[a-z])(?=[A-Z])", "_", word).lower())
    return "".join(sorted(parts)), "".join(parts)


def guess_id(span_id: str, is_known: Callable[[str], bool]) -> str:
    """Say which known id was probably meant, one slip away; nothing where there is none.

    Slips are tried, not spans: that takes about a millisecond for the longest id, however many spans are open.
    """
    if not NEARABLE <= len(span_id) <= SHOWN_CHARACTERS:
        return ""
    digits = re.sub(r"\D", "", span_id)
    for slip in _make_slips(span_id):
        if is_known(slip) and re.sub(r"\D", "", slip) == digits:
            return f"; did you mean {show_id(slip)}?"
    return ""


def _make_slips(word: str) -> Iterator[str]:
    yield from (word.lower(), word.upper(), word.strip(), word.replace("-", "_"), word.replace("_", "-"))
    for at in range(len(word) + 1):
        before, after = word[:at], word[at:]
        yield before + after[1:]
        yield before + after[1:2] + after[:1] + after[2:]
        for letter in _LETTERS:
            yield before + letter + after
            yield before + letter + after[1:]

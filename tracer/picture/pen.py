"""What a picture in a terminal is drawn with: characters, colours, and anybody's text made safe and cut to columns.

Owns how wide text is and which of it is shown; knows no span.
A column is what a narrow character takes; wide ones (CJK, emoji) take two, combining ones none.
Traps: terminals disagree about joined emoji and variation selectors, so the parts are shown and the joints left out;
text from right to left is shown only where a word from left to right follows, which keeps a terminal from turning the
rest of the line round.
Source: Unicode Standard Annexes 9 (bidirectional text) and 11 (East Asian width).
"""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple
from unicodedata import bidirectional, category, east_asian_width, normalize


class Text(NamedTuple):
    """Text that is safe to show, and the columns that it takes."""

    shown: str
    columns: int


class Alphabet(NamedTuple):
    """The characters that pictures are drawn with."""

    #: Bars: a whole column, its left and its right half, and a column of the bar of an open span.
    full: str
    left: str
    right: str
    open: str
    #: Marks on a bar.
    event: str
    exception: str
    #: Before a child, before the last one, before what is below a child that is not the last one, and in place of the
    #: outermost of many levels.
    branch: str
    corner: str
    guide: str
    deeper: str
    #: In place of what was cut out.
    ellipsis: str

    def of_event(self, name: str) -> str:
        """Return the mark of an event."""
        return self.exception if name == "exception" else self.event


_BLOCKS = Alphabet("█", "▌", "▐", "░", "◆", "×", branch="├ ", corner="└ ", guide="│ ", deeper="…", ellipsis="…")
_ASCII = Alphabet("=", "=", "=", ".", "*", "x", branch="|-", corner="`-", guide="| ", deeper="~", ellipsis="...")

#: Most combining marks that are shown on one character: more of them run into the lines above and below.
_MARKS = 2
#: Left out: joiners, variation selectors, skin tones.  Spelt out: flags, by their two letters.
_SIMPLER = {
    **dict.fromkeys([0x200C, 0x200D, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x1F3FB, 0x1F400)]),
    **{0x1F1E6 + letter: chr(0x41 + letter) for letter in range(26)},
}
#: Characters that terminals give different columns to: parts of Hangul syllables, fillers, what Unicode 16 widened.
_UNSURE = frozenset(
    chain(
        *(range(0x1160, 0x1200), range(0xD7B0, 0xD800), (0x115F, 0x3164, 0xFFA0, 0x302E, 0x302F, 0x16FF0, 0x16FF1)),
        *(range(0x2630, 0x2638), range(0x268A, 0x2690), range(0x4DC0, 0x4E00), range(0x1D300, 0x1D380)),
    )
)
#: Characters looked at for each column of text: the marks that are shown, and as many that are left out.
_LOOKED_AT = 8


class Pen:
    """Writes text and bars.

    Args:
        unicode: use block characters and any other that can be shown; else ASCII alone.
        colour: use escape sequences for colour.
        right_to_left: show characters that are written from right to left, too.
    """

    def __init__(self, unicode: bool, colour: bool, right_to_left: bool) -> None:
        self._unicode = unicode
        self._colour = colour
        self._right_to_left = right_to_left
        #: What it draws with.
        self.alphabet = _BLOCKS if unicode else _ASCII

    @staticmethod
    def is_drawable(encoding: str) -> bool:
        """Tell whether an encoding has the characters that a pen draws with beyond ASCII."""
        try:
            "".join(_BLOCKS).encode(encoding)
        except UnicodeEncodeError:
            return False
        return True

    def painted(self, style: str, text: str) -> str:
        """Return text in a style, which is the parameters of Select Graphic Rendition; an empty style is none."""
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour and style else text

    def bar(self, low: int, high: int, columns: int, is_open: bool) -> list[str]:
        """Draw a bar from one half of a column to before another; return the characters of the columns."""
        first, last = low // 2, (high - 1) // 2
        cells = [" "] * columns
        cells[first : last + 1] = [self.alphabet.open if is_open else self.alphabet.full] * (last + 1 - first)
        if not is_open and low % 2:
            cells[first] = self.alphabet.right
        if not is_open and high % 2:
            cells[last] = self.alphabet.left
        return cells

    def marked(self, style: str, bar: str, event_style: str, exception_style: str) -> str:
        """Return a bar in a style, and the marks on it in theirs."""
        if not self._colour:
            return bar
        for mark, own_style in ((self.alphabet.event, event_style), (self.alphabet.exception, exception_style)):
            bar = bar.replace(mark, f"\x1b[0;{own_style}m{mark}\x1b[0;{style}m")
        return self.painted(style, bar)

    def fitted(self, before: str, text: str, room: int) -> Text:
        """Cut a text in its middle to columns, those of what stands before it and of the ellipsis included.

        Args:
            before: known to be safe, and a column a character.
            text: anybody's.
        Returns:
            Both together.
        """
        room -= len(before)
        if len(text) <= room and text.isascii() and text.isprintable():
            return Text(before + text, len(before) + len(text))
        most = _LOOKED_AT * room
        pieces = self._pieces(text[:most]) + self._pieces(text[most:][-most:])
        if len(text) > 2 * most or _filled(pieces, room) < len(pieces):
            ellipsis = self._ellipsis(room)
            tail = len(pieces) - _filled(pieces[::-1], (room - ellipsis.columns) // 3)
            head = _filled(pieces[:tail], room - ellipsis.columns - _joined(pieces[tail:]).columns)
            pieces[head:tail] = [ellipsis]
        line = _joined(pieces)
        return Text(before + line.shown, len(before) + line.columns)

    def wrapped(self, text: str, room: int, most: int) -> list[str]:
        """Break a text into at most so many lines of so many columns; a word is broken only where it must be."""
        looked_at = _LOOKED_AT * room * most
        rest = self._pieces(text[:looked_at])
        lines: list[Text] = []
        while len(lines) + 1 < most and rest:
            end = _filled(rest, room)
            if end < len(rest):
                end = _word_end(rest, end)
            lines.append(_joined(rest[:end]))
            rest = rest[end:]
        if _filled(rest, room) < len(rest) or len(text) > looked_at:
            ellipsis = self._ellipsis(room)
            rest = [*rest[: _filled(rest, room - ellipsis.columns)], ellipsis]
        if rest or not lines:
            lines.append(_joined(rest))
        return [line.shown.rstrip() for line in lines]

    def _ellipsis(self, room: int) -> Text:
        shown = self.alphabet.ellipsis[:room]
        return Text(shown, len(shown))

    def _pieces(self, text: str) -> list[Text]:
        """Split a text into characters, each with the marks that combine with it; what cannot be shown is escaped."""
        if not self._unicode or text.isascii():
            return _escaped(text)
        pieces: list[Text] = []
        marks = _MARKS
        for character in normalize("NFC", text).translate(_SIMPLER):
            if category(character) == "Mn" and pieces:
                if marks < _MARKS:
                    pieces[-1] = Text(pieces[-1].shown + character, pieces[-1].columns)
                    marks += 1
            elif self._is_shown(character):
                pieces.append(Text(character, 2 if east_asian_width(character) in ("W", "F") else 1))
                marks = 0
            else:
                pieces += _escaped(character)
                marks = _MARKS
        return pieces

    def _is_shown(self, character: str) -> bool:
        if not character.isprintable() or category(character) in ("Mn", "Me") or ord(character) in _UNSURE:
            return False
        return self._right_to_left or bidirectional(character) not in ("R", "AL", "AN")


def _escaped(text: str) -> list[Text]:
    """Write a text in ASCII, with escapes like those of Python; an escape is one piece."""
    return [Text(shown, len(shown)) for shown in map(_in_ascii, text)]


def _in_ascii(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    # A break of a line, or a space of another kind, has nothing to hide.
    return " " if character.isspace() else character.encode("unicode_escape").decode()


def _filled(pieces: list[Text], room: int) -> int:
    """Return the index of the first piece that no longer fits the room."""
    for index, piece in enumerate(pieces):
        room -= piece.columns
        if room < 0:
            return index
    return len(pieces)


def _word_end(pieces: list[Text], end: int) -> int:
    """Return where the last whole word before `end` ends, with the space behind it; `end` if there is none."""
    for index in range(end + 1, 0, -1):
        if pieces[index - 1].shown == " ":
            return index
    return end


def _joined(pieces: list[Text]) -> Text:
    return Text("".join([piece.shown for piece in pieces]), sum([piece.columns for piece in pieces]))

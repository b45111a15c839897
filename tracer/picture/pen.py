"""What a picture in a terminal is drawn with: characters, colours, and text from outside, made safe and cut to columns.

Owns how wide text is and which of it is shown; knows no span.
A column is what a narrow character takes; wide ones (CJK, emoji) take two, combining ones none.
Traps: terminals disagree about joined emoji and variation selectors, so the parts are shown and the joiners left out.
Text from right to left is shown only where a word from left to right follows: without that word, a terminal would write
the rest of the line from right to left, too.
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
    #: The tree: before a child, before the last child, before what is below a child that is not the last one, and in place
    #: of the outermost of many levels.
    branch: str
    corner: str
    guide: str
    deeper: str
    #: Before what stands at the top because its parent is not here.
    orphan: str
    #: In place of text that was cut out.
    ellipsis: str

    def mark_of(self, event_name: str) -> str:
        """Return the mark of an event."""
        return self.exception if event_name == "exception" else self.event


_BLOCKS = Alphabet(
    "█", "▌", "▐", "░", "◆", "×", branch="├ ", corner="└ ", guide="│ ", deeper="…", orphan="┄ ", ellipsis="…"
)
_ASCII = Alphabet(
    "=", "=", "=", ".", "*", "x", branch="|-", corner="`-", guide="| ", deeper="~", orphan="- ", ellipsis="..."
)

#: Most combining marks that are shown on one character: more of them reach into the lines above and below.
_MARKS = 2
#: Characters that are left out: joiners, variation selectors, skin tones.  Flags are written as their two letters.
_SIMPLER = {
    **dict.fromkeys([0x200C, 0x200D, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x1F3FB, 0x1F400)]),
    **{0x1F1E6 + letter: chr(0x41 + letter) for letter in range(26)},
}
#: Characters that are wide in some terminals only: parts of Hangul syllables, fillers, what Unicode 16 made wide.
_UNSURE = frozenset(
    chain(
        *(range(0x1160, 0x1200), range(0xD7B0, 0xD800), (0x115F, 0x3164, 0xFFA0, 0x302E, 0x302F, 0x16FF0, 0x16FF1)),
        *(range(0x2630, 0x2638), range(0x268A, 0x2690), range(0x4DC0, 0x4E00), range(0x1D300, 0x1D380)),
    )
)
#: How many characters are read for each column of text: enough for the marks that are shown, and for some that are left out.
_LOOKED_AT = 8

#: What stands between a service and a name, and fewest characters that say something of a service.
_AFTER_SERVICE, _LEAST_SERVICE = ": ", 3


class Pen:
    """The writer of text and bars.

    Args:
        unicode: use block characters and any other that can be shown; else ASCII alone.
        colour: use escape sequences for colour.
        right_to_left: show characters that are written from right to left, too.
    """

    def __init__(self, unicode: bool, colour: bool, right_to_left: bool) -> None:
        self._unicode = unicode
        self._colour = colour
        self._right_to_left = right_to_left
        #: The characters that it draws with.
        self.alphabet = _BLOCKS if unicode else _ASCII

    @staticmethod
    def is_drawable(encoding: str) -> bool:
        """Return whether an encoding has all block characters that a pen draws with."""
        try:
            "".join(_BLOCKS).encode(encoding)
        except UnicodeEncodeError:
            return False
        return True

    def paint(self, style: str, text: str) -> str:
        """Return text in a style: the parameters of Select Graphic Rendition, or nothing for plain text."""
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour and style else text

    def draw_bar(self, low: int, high: int, columns: int, is_open: bool) -> list[str]:
        """Draw a bar; return its characters, one a column.

        Args:
            low, high: where it begins and ends, in halves of a column; `high` no longer belongs to it.
            columns: how many there are, bar and spaces together.
            is_open: draw the bar of an open span, which has no half columns.
        """
        first, last = low // 2, (high - 1) // 2
        cells = [" "] * columns
        cells[first : last + 1] = [self.alphabet.open if is_open else self.alphabet.full] * (last + 1 - first)
        if not is_open and low % 2:
            cells[first] = self.alphabet.right
        if not is_open and high % 2:
            cells[last] = self.alphabet.left
        return cells

    def paint_bar(self, style: str, bar: str, event_style: str, exception_style: str) -> str:
        """Return a bar in a style, and the marks on it in their own styles."""
        if not self._colour:
            return bar
        for mark, mark_style in ((self.alphabet.event, event_style), (self.alphabet.exception, exception_style)):
            bar = bar.replace(mark, f"\x1b[0;{mark_style}m{mark}\x1b[0;{style}m")
        return self.paint(style, bar)

    def fit(self, before: str, text: str, room: int) -> Text:
        """Cut a text in its middle, so that it fits the room together with what stands before it.

        Args:
            before: known to be safe, and a column a character.
            text: from outside, of any length.
            room: columns.
        Returns:
            Both together.
        """
        room -= len(before)
        if len(text) <= room and text.isascii() and text.isprintable():
            return Text(before + text, len(before) + len(text))
        most = _LOOKED_AT * room
        pieces = self._split(text[:most]) + self._split(text[most:][-most:])
        if len(text) > 2 * most or _count_fitting(pieces, room) < len(pieces):
            ellipsis = self._cut_ellipsis(room)
            tail = len(pieces) - _count_fitting(pieces[::-1], (room - ellipsis.columns) // 3)
            head = _count_fitting(pieces[:tail], room - ellipsis.columns - _join(pieces[tail:]).columns)
            pieces[head:tail] = [ellipsis]
        line = _join(pieces)
        return Text(before + line.shown, len(before) + line.columns)

    def fit_label(self, tree: str, service: str, name: str, room: int) -> Text:
        """Cut a name with its service before it, so that both fit the room: the service first, so that no name is cut for it.

        Args:
            tree: stands before both; see `before` of `fit`.
            service, name: from outside; an empty service is none.
            room: columns.
        """
        spare = room - len(tree) - self.fit("", name, 2 * room).columns
        # A name that is too long in any case leaves a third.
        share = (spare if spare >= 0 else (room - len(tree)) // 3) - len(_AFTER_SERVICE)
        if not service or share < min(len(service), _LEAST_SERVICE + len(self.alphabet.ellipsis)):
            return self.fit(tree, name, room)
        looked_at = _LOOKED_AT * share
        shown = _join(self._cut_end(self._split(service[:looked_at]), share, len(service) > looked_at))
        label = self.fit(_AFTER_SERVICE, name, room - len(tree) - shown.columns)
        return Text(tree + shown.shown + label.shown, len(tree) + shown.columns + label.columns)

    def wrap(self, text: str, room: int, most: int) -> list[str]:
        """Break a text into lines, between words where that is possible.

        Args:
            text: from outside, of any length.
            room: columns of a line.
            most: lines; what does not fit in them is cut off.
        """
        looked_at = _LOOKED_AT * room * most
        rest = self._split(text[:looked_at])
        lines: list[Text] = []
        while len(lines) + 1 < most and rest:
            end = _count_fitting(rest, room)
            if end < len(rest):
                end = _find_word_end(rest, end)
            lines.append(_join(rest[:end]))
            rest = rest[end:]
        rest = self._cut_end(rest, room, len(text) > looked_at)
        if rest or not lines:
            lines.append(_join(rest))
        return [line.shown.rstrip() for line in lines]

    def _cut_end(self, pieces: list[Text], room: int, has_more: bool) -> list[Text]:
        """Cut the end off where the pieces do not fit, or where there is more than them."""
        if _count_fitting(pieces, room) == len(pieces) and not has_more:
            return pieces
        ellipsis = self._cut_ellipsis(room)
        return [*pieces[: _count_fitting(pieces, room - ellipsis.columns)], ellipsis]

    def _cut_ellipsis(self, room: int) -> Text:
        """Return the ellipsis, or as much of it as fits."""
        shown = self.alphabet.ellipsis[:room]
        return Text(shown, len(shown))

    def _split(self, text: str) -> list[Text]:
        """Split a text into characters, each with its combining marks; a character that cannot be shown is escaped."""
        if not self._unicode or text.isascii():
            return _escape(text)
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
                pieces += _escape(character)
                marks = _MARKS
        return pieces

    def _is_shown(self, character: str) -> bool:
        if not character.isprintable() or category(character) in ("Mn", "Me") or ord(character) in _UNSURE:
            return False
        return self._right_to_left or bidirectional(character) not in ("R", "AL", "AN")


def _escape(text: str) -> list[Text]:
    """Split a text into characters; one that is not printable ASCII becomes an escape, as in Python, in one piece."""
    return [Text(shown, len(shown)) for shown in map(_escape_character, text)]


def _escape_character(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    # Ends of lines and other kinds of space: the text says the same with a plain space, so no escape is needed.
    return " " if character.isspace() else character.encode("unicode_escape").decode()


def _count_fitting(pieces: list[Text], room: int) -> int:
    """Return how many of the pieces fit the room, counted from the first."""
    for index, piece in enumerate(pieces):
        room -= piece.columns
        if room < 0:
            return index
    return len(pieces)


def _find_word_end(pieces: list[Text], end: int) -> int:
    """Return where the last whole word before `end` ends, with the space after it; `end` if there is none."""
    for index in range(end + 1, 0, -1):
        if pieces[index - 1].shown == " ":
            return index
    return end


def _join(pieces: list[Text]) -> Text:
    return Text("".join([piece.shown for piece in pieces]), sum([piece.columns for piece in pieces]))

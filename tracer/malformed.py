"""What is wrong with a line that is no message, in its sender's terms: what, in which column, and what to do about it.

Owns those sentences; imported when the first such line comes, so that good lines start and run without it.
Strategy: a reader of its own, because Python's decoder gives other words and places in other versions, and cannot stop at
the end of a line and go on in the next one.  Where the reader stops, the first row of a table that fits says why.
"""

from __future__ import annotations

import re

from .limits import MAX_DEPTH, MAX_DIGITS
from .words import quote

#: What may come next, in the words of a sentence.
START = 'a message, which begins with "{",'
KEY_OR_END, KEY, COLON = 'a key in double quotes or "}"', "another key in double quotes", '":"'
VALUE, ITEM_OR_END, ITEM = "a value", 'a value or "]"', "another value"
COMMA_OR_BRACE, COMMA_OR_BRACKET, END = '"," or "}"', '"," or "]"', "the end of the line"
STRING = "the rest of a string"
_KEYS, _VALUES = (KEY_OR_END, KEY), (VALUE, ITEM_OR_END, ITEM)

_AFTER_VALUE = "what the innermost open bracket asks for"
_CLOSING = str.maketrans("{[", "}]")
_NEXT = {"": END, "{": COMMA_OR_BRACE, "[": COMMA_OR_BRACKET}
#: What comes next after a sign: a bracket, a comma, a colon, " for a string, 0 for a number or a word.
_STEPS = {
    (START, "{"): KEY_OR_END,
    **{(key, '"'): COLON for key in _KEYS},
    (COLON, ":"): VALUE,
    **{(value, sign): _AFTER_VALUE for value in _VALUES for sign in '"0'},
    **{(value, "{"): KEY_OR_END for value in _VALUES},
    **{(value, "["): ITEM_OR_END for value in _VALUES},
    (COMMA_OR_BRACE, ","): KEY,
    (COMMA_OR_BRACKET, ","): ITEM,
    **{(last, "}"): _AFTER_VALUE for last in (KEY_OR_END, COMMA_OR_BRACE)},
    **{(last, "]"): _AFTER_VALUE for last in (ITEM_OR_END, COMMA_OR_BRACKET)},
}

_IN_STRING = re.compile(r'[^"\\\x00-\x1f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_INTEGER = "-?(?:0|[1-9][0-9]*)"
_NUMBER = rf"{_INTEGER}(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
#: A character of a word, good or bad; not \w, which has more characters in newer Pythons.
_LETTER = r'[^\s"{}\[\]:,]'
_TOKEN = re.compile(rf"[ \t\r\n]*(?P<token>(?P<word>{_LETTER}+)|[^ \t\r\n])")
_WORD = "true|false|null"
_LITERAL = re.compile(f"{_WORD}|(?P<number>{_NUMBER})")
_BEGUN_WORD = rf"(?:t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|-|{_INTEGER}(?:\.[0-9]*)?(?:[eE][-+]?)?)(?<![0-9])\Z"
#: The end of a line that stops in the middle of a string or a word, by where it stands.
_CUT_SHORT = {
    STRING: re.compile(r"(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z"),
    **dict.fromkeys(_VALUES, re.compile(_BEGUN_WORD)),
}
#: How a line begins that is a message of its own, or an example of one.
_BEGINNING = re.compile(r"\s*(?:[{>\u2192]|[-=]+>)")

#: Characters of a line that are shown where it is what follows that is wrong.
_SHOWN_BEFORE = 20
#: Bytes that a terminal keeps of a line.  Source: Linux, N_TTY_BUF_SIZE.
CUT_BYTES = 4_095
CUT = f"a terminal cuts lines at {CUT_BYTES:,} bytes, so send it from a file"
UTF_16 = "the line looks like UTF-16: save the input as UTF-8, in PowerShell with | Out-File -Encoding utf8 FILE"

#: What may come before a cause: a word that is right, or letters of any word, in which nobody sees the cause.
_AFTER_WORD, _IN_WORD = f"(?:{_WORD}|{_NUMBER})?", f"{_LETTER}*?"
#: Where a word ends.
_ENDS = f"(?!{_LETTER})"
#: The beginning of what somebody may mean as a text.
_TEXT = rf"(?![();=]|\.\.\.){_LETTER}"
_LONG_INTEGER = f"-?[1-9][0-9]{{{MAX_DIGITS},}}"
_TYPOGRAPHIC = "\u00ab\u00bb\u2018-\u201f"
#: Control characters, none of them JSON's white space; the last row is for all others.
_CONTROLS = {
    "\x00": "a NUL byte",
    "\x08": "a backspace",
    "\x0b": "a vertical tab",
    "\x0c": "a form feed",
    "\x1a": "an end-of-file character (Ctrl-Z)",
    "\x1b": "an escape character",
    "\x1c": "a file separator",
    "\x1d": "a group separator",
    "\x1e": "a record separator",
    "\x1f": "a unit separator",
    "\x7f": "a delete character",
    "\x85": "a next-line character",
    "[\x01-\x07\x0e-\x19\x80-\x9f]": "a control character",
}
#: What follows a word that somebody types to a shell or an interpreter.
_TYPED = r"(?:\(\))?;?\Z"

#: What stops the reader: what it expected (None for anything), what it met, what that is, and what to do about it.  The column
#: is that of the group, if there is one.  What the rows of `_SKIPPED` describe can be skipped, and the reader goes on.
_SKIPPED = [
    (None, f"{_AFTER_WORD}((?://|#).*|/[*].*?(?:[*]/|\\Z))", "a comment", "JSON has none, leave it out"),
    ((START,), "[-=]+>|\u2192", "an arrow", "it marks a reply in examples and is not sent, leave the line out"),
    ((START,), ">", "a prompt", "leave out the > that marks what is typed"),
    (
        (START,),
        r"\[(?=\s*(?:[\[\]{]|\Z))",
        "an array",
        "send each message on a line of its own, as jq -c '.[]' writes it",
    ),
]
_CAUSES = [
    ((STRING,), r"\\", "not a JSON escape", r"a backslash in a string is written \\"),
    ((STRING,), r"[^\x00]", "a control character in a string", r"write it as an escape, such as \t or \u0009"),
    ((END,), r"(?<=\r).", "a second line after a carriage return alone", "end each line with a line feed"),
    ((START,), "```", "a Markdown fence", "leave the line out"),
    # Around a message, it says more what is expected than which quotes are missing or wrong.
    ((START, END), f"[\"'`{_TYPOGRAPHIC}]", "", ""),
    *_SKIPPED,
    ((START,), "(?i:help)" + _TYPED, "a command", "only messages are read here, and the option --help lists them"),
    ((START,), "(?i:quit|exit)" + _TYPED, "a command", "the end of the input is Ctrl-D, on Windows Ctrl-Z and Enter"),
    *[(None, f"{_IN_WORD}({control})", name, "take it out") for control, name in _CONTROLS.items()],
    (None, f"{_IN_WORD}(\ufeff)", "a byte order mark", "it may stand at the very start of the input only"),
    (None, f"{_IN_WORD}([\u200b-\u200d\u2060])", "an invisible character", "take it out"),
    (None, "[\u00a0\u202f]", "a no-break space", "write a plain space"),
    (None, r"[^\S \t\r\n]", "a space that is not JSON's", "write a plain space"),
    (None, f"[{_TYPOGRAPHIC}]", "a typographic quote", 'write plain double quotes (")'),
    (None, "'", "a single quote", 'write double quotes (")'),
    (None, "`", "a backtick", 'write double quotes (")'),
    (None, rf"{_AFTER_WORD}(\\)", "a backslash outside of a string", "leave it out"),
    (_KEYS, _TEXT, "a key without quotes", "write it in double quotes"),
    ((KEY,), "}", "a comma before the end", 'leave out the comma before "}"'),
    ((ITEM,), "]", "a comma before the end", 'leave out the comma before "]"'),
    (_VALUES, "(?i:true|false|none|null|nil|undefined)" + _ENDS, "not a JSON word", "write true, false or null"),
    (_VALUES, "[-+]?(?i:nan|inf|infinity)" + _ENDS, "not a JSON number", "write null or a string"),
    (_VALUES, _LONG_INTEGER + _ENDS, f"an integer of more than {MAX_DIGITS} digits", "write it as a string"),
    (_VALUES, _NUMBER + _ENDS, "a number beyond the range of a double", "write it as a string"),
    (_VALUES, "[-+.]*[0-9]", "not a JSON number", "write it like 5, -0.5 or 1e9, or as a string"),
    (_VALUES, r"[{\[]", f"more than {MAX_DEPTH} levels of nesting", "no message needs so many"),
    (_VALUES, _TEXT, "a text without quotes", "write it in double quotes"),
    ((END,), "{", "a second message", "each message needs a line of its own"),
    ((END,), ",", "a comma after the message", "leave it out"),
]


class Malformed:
    """Says what is wrong with one line after another; a message that is spread over lines is reported once."""

    def __init__(self) -> None:
        # The line that may go on with what the last one began, and what that is: the reader that waits for the rest, or UTF_16.
        self._next = 0
        self._begun: _Reader | str | None = None

    def explain(self, number: int, line: str) -> str | None:
        """Say what is wrong with a line; None if it only goes on with one that was reported.

        Args:
            number: the line's.
            line: its text as `lines.read` gives it, or an `Unreadable`, which says itself what is wrong.
        """
        begun = self._begun if number == self._next else None
        self._next, self._begun = number + 1, None
        if type(line) is not str and line != UTF_16:
            return str(line)
        if type(line) is not str or _looks_like_utf_16(line) or (begun == UTF_16 and "\0" in line):
            self._begun = UTF_16
            return None if begun == UTF_16 else UTF_16
        return self._read(line, begun if isinstance(begun, _Reader) else None)

    def _read(self, line: str, begun: _Reader | None) -> str | None:
        reader = _Reader() if begun is None else begun
        at = reader.read(line, 0)
        if at is None:
            self._await_rest(reader)
            return _explain_end(line, reader.lacks) if begun is None else None
        if begun is not None and _BEGINNING.match(line):
            # Not the rest of that message, but the next one.
            return self._read(line, None)
        if reader.expects in _CUT_SHORT and _CUT_SHORT[reader.expects].match(line, at):
            return _explain_end(line)
        sentence, end = _explain_rest(line, at, reader.expects)
        if end is not None:
            if line[at] == "[":
                reader.enter_array()
            if reader.read(line, end) is None:
                self._await_rest(reader)
        return sentence

    def _await_rest(self, reader: _Reader) -> None:
        if reader.expects not in (START, END):
            self._begun = reader


class _Reader:
    """Reads JSON as far as a line is JSON, and goes on in the next line."""

    def __init__(self) -> None:
        self.expects = START
        self._open = ""

    @property
    def lacks(self) -> str:
        """The brackets that are all that the message lacks; nothing where it lacks more."""
        return self._open[::-1].translate(_CLOSING) if self.expects in (COMMA_OR_BRACE, COMMA_OR_BRACKET) else ""

    def enter_array(self) -> None:
        """Read on in an array of messages."""
        self._open, self.expects = "[", ITEM_OR_END

    def read(self, line: str, at: int) -> int | None:
        """Read on; return the place of what should not stand there, None if all of the line may be part of a message."""
        while True:
            token = _TOKEN.match(line, at)
            if token is None:
                return None
            sign = "0" if token["word"] else token["token"]
            after = _STEPS.get((self.expects, sign))
            if after is None or (sign == "0" and not _is_literal(token["word"])):
                return token.start("token")
            if sign in ("{", "["):
                if len(self._open) == MAX_DEPTH:
                    return token.start("token")
                self._open += sign
            elif sign in ("}", "]"):
                self._open = self._open[:-1]
            self.expects = _NEXT[self._open[-1:]] if after is _AFTER_VALUE else after
            at = token.end()
            if sign == '"':
                at = _skip_string(line, at)
                if line[at : at + 1] != '"':
                    self.expects = STRING
                    return at
                at += 1


def _skip_string(line: str, at: int) -> int:
    """Return where a string ends, or where something stands that no string may have."""
    # One pattern for all of it would take a hundred bytes of memory for each escape.
    while piece := _IN_STRING.match(line, at):
        at = piece.end()
    return at


def _is_literal(word: str) -> bool:
    """Tell whether a word is one of JSON's, or a number within the bounds."""
    literal = _LITERAL.fullmatch(word)
    if literal is None or literal["number"] is None:
        return literal is not None
    digits = word.lstrip("-")
    return len(digits) <= MAX_DIGITS if digits.isdigit() else abs(float(word)) != float("inf")


def _explain_rest(line: str, at: int, expects: str) -> tuple[str, int | None]:
    """Say what stands at a place and what to do about it; return also where reading can go on behind it, if it can."""
    for cause in _CAUSES:
        states, pattern, what, remedy = cause
        found = re.compile(pattern).match(line, at) if states is None or expects in states else None
        if found is None:
            continue
        if not what:
            break
        place = found.start(found.lastindex or 0)
        sentence = f"{what} at column {place + 1}, {quote(line[place:])}: {remedy}"
        return sentence, found.end() if cause in _SKIPPED and place == at else None
    return f"expected {expects} at column {at + 1}, not {quote(line[at:])}", None


def _explain_end(line: str, lacks: str = "") -> str:
    """Say where a line ends that is the beginning of a message, and what to do about the rest.

    Args:
        lacks: the brackets that are all that is missing, if they are.
    """
    end = f"column {len(line)}, {quote(line[-_SHOWN_BEFORE:])}"
    # White space at the cut, which is a space at most, is not part of the line any more.
    is_cut = len(line.encode("utf-8", "surrogatepass")) in (CUT_BYTES - 1, CUT_BYTES)
    if line.endswith(("{", "[", ",")) and not is_cut:
        return f"the message goes on after {end}: a message must stand on one line"
    remedy = (
        CUT if is_cut else f"{quote(lacks)} is missing at its end" if lacks else "send the whole message on one line"
    )
    return f"the line stops in the middle of a message, after {end}: {remedy}"


def explain_bytes(line: bytes, at: int) -> str:
    """Say that a line is not UTF-8 at a place, or that it looks like UTF-16."""
    if line.startswith((b"\xff\xfe", b"\xfe\xff")) or _looks_like_utf_16(line.decode("latin-1")):
        return UTF_16
    if len(line) == CUT_BYTES and at > len(line) - 4:
        return f"the line stops in the middle of a character: {CUT}"
    before = line[:at].decode()
    after = f", after {quote(before[-_SHOWN_BEFORE:])}" if before else ""
    return f"byte 0x{line[at]:02x} at column {len(before) + 1}{after} is not UTF-8: save the input as UTF-8"


def _looks_like_utf_16(text: str) -> bool:
    """Tell whether a third of a text, read as if each byte were a character, is NULs, but not all of it."""
    return text.count("\0") * 3 >= len(text) and text.strip("\0") != ""

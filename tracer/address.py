"""Envelopes: whom one came from, and how the one that goes back opens and closes.

Owns `src` and `dest`, coming in and going out; knows no body.
Read next: `node.py`, which asks for the address of each envelope, and `replies.py`, which writes what stands in one.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quote

from .errors import MalformedLineError, form_error, missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .errors import MalformedRequestError

    #: What a message says.
    Body = dict[str, Any]

#: Most addresses that are remembered, and the longest: a peer may use a new one on every line.
_REMEMBERED, _REMEMBERED_CHARACTERS = 256, 200
#: The parts of an envelope, and what each must be, in words too.
_PARTS = {"src": (str, "a non-empty string"), "dest": (str, "a non-empty string"), "body": (dict, "an object")}


class ReturnAddress:
    """Where replies go, and the JSON around their bodies.

    Args:
        src, dest: the addresses of the envelope that came; src is None where a message came bare.
        node_id: who answers; None for whoever `dest` names.
    """

    __slots__ = ("closing", "dest", "opening", "src")

    def __init__(self, src: str | None = None, dest: str = "", node_id: str | None = None) -> None:
        self.src = src
        self.dest = dest
        #: What stands before a body, and what closes the body, the envelope and the line.
        self.opening, self.closing = "", "}\n"
        self.answer_as(node_id)

    def answer_as(self, node_id: str | None) -> None:
        """Write the node's name on the envelopes from now on."""
        if self.src is not None:
            self.opening = f'{{"src": {quote(node_id or self.dest)}, "dest": {quote(self.src)}, "body": '
            self.closing = "}}\n"


#: Where replies go to a message that came bare: to whoever reads, without an envelope.
BARE = ReturnAddress()


class Addresses:
    """The return addresses that were used recently, each shared by all spans that come from there."""

    def __init__(self) -> None:
        self._node_id: str | None = None
        self._known: dict[tuple[str, str], ReturnAddress] = {}
        # The newest one: too long to be known, it may still be that of the `init`.
        self._latest = BARE

    def opened(self, envelope: Body) -> tuple[ReturnAddress, Body]:
        """Open an envelope; return where the replies to it go, and the body.

        Raises:
            MalformedLineError: its `src`, `dest` or `body` is unusable.
        """
        body = envelope["body"]
        try:
            if type(body) is dict:
                return self._known[envelope["src"], envelope["dest"]], body
        except (KeyError, TypeError):
            pass
        return self._remember(envelope), body

    def answer_as(self, node_id: str | None) -> None:
        """Write the node's name on the envelopes from now on."""
        self._node_id = node_id
        for address in (*self._known.values(), self._latest):
            address.answer_as(node_id)

    def _remember(self, envelope: Body) -> ReturnAddress:
        """Check an address that is not known, and remember it unless it is long."""
        body, src, dest = envelope["body"], envelope.get("src"), envelope.get("dest")
        if type(body) is not dict or not (type(src) is type(dest) is str and src and dest):
            raise MalformedLineError(f'a message with "body" is an envelope: {_wrong_part(envelope)}')
        address = self._latest = ReturnAddress(src, dest, self._node_id)
        if len(src) + len(dest) <= _REMEMBERED_CHARACTERS:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[src, dest] = address
        return address


def _wrong_part(envelope: Body) -> MalformedRequestError:
    """Say which part of an envelope is unusable, and what it must be."""
    parts = ((part, type(envelope.get(part)) is kind and envelope[part] != "") for part, (kind, _) in _PARTS.items())
    wrong = next(part for part, is_usable in parts if not is_usable)
    expected = _PARTS[wrong][1]
    return form_error(wrong, expected, envelope[wrong]) if wrong in envelope else missing(wrong, expected)

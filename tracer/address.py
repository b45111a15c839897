"""Envelopes: whom one came from, and how the one that goes back opens and closes.

Owns `src` and `dest`, coming in and going out; knows no body.
Read next: `node.py`, which asks for the address of each envelope, and `replies.py`, which writes what stands in one.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quote_json

from .errors import MalformedLineError, explain_form, explain_missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .forms import Body

#: Most addresses that are remembered, and the longest: a peer may use a new one on every line.
_REMEMBERED, _REMEMBERED_CHARACTERS = 256, 200
_ADDRESS = (str, "a non-empty string")
#: The parts of an envelope that comes, and what each must be, in words too.
_PARTS = {"src": _ADDRESS, "dest": _ADDRESS, "body": (dict, "an object")}
_IS_ENVELOPE = 'a message with "body" is an envelope'


class ReturnAddress:
    """Where replies go, and the JSON around their bodies.

    Args:
        src, dest: the addresses of the envelope that came; src is None where a message came bare.
        node_id: who answers; None for whoever `dest` names.
    """

    __slots__ = ("closing", "dest", "opening", "src")

    def __init__(self, src: str | None, dest: str, node_id: str | None) -> None:
        self.src = src
        self.dest = dest
        #: What stands before a body, and what closes the body, the envelope and the line.
        self.opening, self.closing = "", "}\n"
        self.answer_as(node_id)

    def answer_as(self, node_id: str | None) -> None:
        """Write the node's name on the envelopes from now on."""
        if self.src is not None:
            self.opening = f'{{"src": {quote_json(node_id or self.dest)}, "dest": {quote_json(self.src)}, "body": '
            self.closing = "}}\n"


#: Where replies go to a message that came bare: to whoever reads, without an envelope.
BARE = ReturnAddress(None, "", None)


class Addresses:
    """The return addresses that were used recently, each shared by all spans that come from there."""

    def __init__(self) -> None:
        self._node_id: str | None = None
        self._known: dict[tuple[str, str], ReturnAddress] = {}
        # The newest one: too long to be known, it may still be that of the `init`.
        self._latest = BARE

    def open(self, envelope: Body) -> tuple[ReturnAddress, Body]:
        """Open an envelope; return where the replies to it go, and the body.

        Raises:
            MalformedLineError: its `src`, `dest` or `body` is unusable.
        """
        try:
            src, dest, body = envelope["src"], envelope["dest"], envelope["body"]
            if type(body) is dict:
                return self._known[src, dest], body
        except (KeyError, TypeError):
            pass
        _check_parts(envelope)
        return self._remember(src, dest), body

    def answer_as(self, node_id: str | None) -> None:
        """Write the node's name on the envelopes from now on."""
        self._node_id = node_id
        for address in (*self._known.values(), self._latest):
            address.answer_as(node_id)

    def _remember(self, src: str, dest: str) -> ReturnAddress:
        """Make an address that is not known, and remember it unless it is long."""
        address = self._latest = ReturnAddress(src, dest, self._node_id)
        if len(src) + len(dest) <= _REMEMBERED_CHARACTERS:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[src, dest] = address
        return address


def _check_parts(envelope: Body) -> None:
    for part, (kind, expected) in _PARTS.items():
        if part not in envelope:
            raise MalformedLineError(f"{_IS_ENVELOPE}: {explain_missing(part, expected)}")
        if type(envelope[part]) is not kind or envelope[part] == "":
            raise MalformedLineError(f"{_IS_ENVELOPE}: {explain_form(part, expected, envelope[part])}")

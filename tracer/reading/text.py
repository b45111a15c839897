"""The bytes of a file as text, whatever they are packed in: gzip is unpacked, UTF-8 and UTF-16 are decoded.

Owns what the first bytes of a file say, and the reads.
Traps: stdin may not block; a few bytes of gzip may hold very many, so they are unpacked in pieces of bounded size.
Source: RFC 1952, gzip, whose members may follow each other; the formats' own magic numbers.
"""

from __future__ import annotations

import codecs
import select
from functools import partial
from itertools import chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Callable

#: Most bytes that are read, or unpacked, at once.
CHUNK_BYTES = 1 << 20
#: Most bytes that are unpacked of a file, which may have been made to hold more than anybody can wait for.
UNPACKED_BYTES = 1 << 32

_GZIP = b"\x1f\x8b"
#: Compressions by their first bytes, and the command that unpacks them.
_UNREAD = {
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -d"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ\x00": ("xz", "unxz"),
    b"PK\x03\x04": ("zip", "unzip"),
}
_LONGEST_MAGIC = 6


class UnreadableError(Exception):
    """A file cannot be read, or not further; the message is a sentence that says why."""


def read_text(path: str, say: Callable[[str], None], count_bytes: Callable[[int], None]) -> Iterator[str]:
    """Read the text of a file in pieces.

    Args:
        path: `-` is stdin.
        say: takes a sentence about what is not read, or not as it is.
        count_bytes: takes how many bytes were read of the file, each time.
    Raises:
        OSError: it cannot be read.
    """
    try:
        yield from _decode(_unpack(_read_bytes(path, count_bytes)), say)
    except UnreadableError as error:
        say(str(error))
    except OSError as error:
        # That of a read names no file.
        error.filename = path
        raise


def _read_bytes(path: str, count_bytes: Callable[[int], None]) -> Iterator[bytes]:
    with open(0 if path == "-" else path, "rb", buffering=0, closefd=path != "-") as file:
        while (data := file.read(CHUNK_BYTES)) != b"":
            if data is None:
                # Somebody has made stdin non-blocking, and nothing has come yet.
                select.select([file], [], [])
            else:
                count_bytes(len(data))
                yield data


def _take_beginning(pieces: Iterator[bytes]) -> bytes:
    """Take as many pieces as it needs to see what the first bytes say."""
    data = b""
    while len(data) < _LONGEST_MAGIC and (piece := next(pieces, b"")):
        data += piece
    return data


def _unpack(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack what is in gzip.

    Raises:
        UnreadableError: it is packed otherwise, damaged, or too long.
    """
    beginning = _take_beginning(pieces)
    for magic, (name, command) in _UNREAD.items():
        if beginning.startswith(magic):
            raise UnreadableError(f"it is compressed with {name}: unpack it first ({command})")
    pieces = chain([beginning], pieces)
    return _gunzip(pieces) if beginning.startswith(_GZIP) else pieces


def _gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    try:
        import zlib
    except ImportError:
        raise UnreadableError("it is compressed with gzip, which needs zlib, and this Python has none") from None
    begin_member = partial(zlib.decompressobj, wbits=zlib.MAX_WBITS | 16)
    unpacked = 0
    member = begin_member()
    is_begun = False
    for piece in pieces:
        while True:
            # Zeros may stand between members.
            piece = piece if is_begun else piece.lstrip(b"\0")
            is_begun = is_begun or bool(piece)
            try:
                data = member.decompress(piece, CHUNK_BYTES)
            except zlib.error:
                raise UnreadableError("its gzip is damaged: the rest of it is ignored") from None
            if data:
                yield data
            unpacked += len(data)
            if unpacked > UNPACKED_BYTES:
                raise UnreadableError(f"only the first {UNPACKED_BYTES} bytes that its gzip holds are read")
            piece = member.unconsumed_tail
            if member.eof:
                piece, member, is_begun = member.unused_data, begin_member(), False
            if not piece and len(data) < CHUNK_BYTES:
                break
    if is_begun:
        raise UnreadableError("its gzip is cut short: what it holds up to there is read")


def _decode(pieces: Iterator[bytes], say: Callable[[str], None]) -> Iterator[str]:
    """Decode UTF-16 that has a byte order mark, or UTF-8, of which bytes that are none become lone surrogates."""
    beginning = _take_beginning(pieces)
    is_utf_16 = beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    decoder = codecs.getincrementaldecoder("utf-16" if is_utf_16 else "utf-8")("replace" if is_utf_16 else "strict")
    first = beginning.removeprefix(codecs.BOM_UTF8)
    decoded = len(beginning) - len(first)
    for piece in chain([first], pieces, [b""]):
        try:
            yield decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            at = decoded - len(decoder.getstate()[0]) + error.start
            say(
                f"byte 0x{error.object[error.start]:02x}, {at} bytes into it, is not UTF-8: such bytes are shown as escapes"
            )
            decoder.errors = "surrogateescape"
            yield decoder.decode(piece, final=not piece)
        decoded += len(piece)

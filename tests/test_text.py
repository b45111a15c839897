"""The bytes of a file as text: gzip, UTF-8, UTF-16, and what is only named."""

from __future__ import annotations

import codecs
import gzip
import os
import sys
import unittest
from unittest import mock

from tests.otlp_files import ReadingTests, line, named
from tracer.reading.text import CHUNK_BYTES, read_text

TEXT = '{"k": "é \U0001f600"}\n' * 3
PACKED = gzip.compress(TEXT.encode())


class TextTests(ReadingTests):
    """Each test reads a file."""

    def text(self, data: bytes) -> str:
        """Return the text of a file of these bytes."""
        self.said.clear()
        self.counted = 0

        def count(number: int) -> None:
            self.counted += number

        return "".join(read_text(self.written(data), self.said.append, count))

    def test_encodings_are_decoded(self) -> None:
        """UTF-8 with a byte order mark or without, UTF-16 of either order; each in gzip too."""
        for data in (
            TEXT.encode(),
            codecs.BOM_UTF8 + TEXT.encode(),
            codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
            codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        ):
            for packed in (data, gzip.compress(data)):
                with self.subTest(packed[:8]):
                    self.assertEqual((self.text(packed), self.said, self.counted), (TEXT, [], len(packed)))

    def test_pieces_may_be_of_any_size(self) -> None:
        """However little is read or unpacked at once, the text is the same."""
        for size in (1, 3):
            with mock.patch("tracer.reading.text.CHUNK_BYTES", size):
                for data in (TEXT.encode(), TEXT.encode("utf-16"), PACKED, PACKED + b"\0\0" + PACKED, b"", b"5"):
                    with self.subTest(data[:8], size=size):
                        expected = {PACKED + b"\0\0" + PACKED: TEXT * 2, b"": "", b"5": "5"}.get(data, TEXT)

                        self.assertEqual((self.text(data), self.said), (expected, []))

    def test_members_of_gzip_follow_each_other(self) -> None:
        """Files that were appended to each other are one, with zeros between them or behind."""
        self.assertEqual(self.text(PACKED + PACKED + bytes(9) + PACKED + bytes(500)), TEXT * 3)
        self.assertEqual(self.said, [])

    def test_gzip_that_is_cut_short_is_read_so_far(self) -> None:
        """What it holds up to there is text."""
        lines = os.urandom(3_000).hex()
        packed = gzip.compress(lines.encode())
        for length in (10, 1_000, len(packed) - 1):
            text = self.text(packed[:length])

            self.assertTrue(lines.startswith(text))
            self.assertEqual(self.said, ["its gzip is cut short: what it holds up to there is read"])
        self.assertEqual(text, lines)

    def test_gzip_that_is_damaged_is_read_so_far(self) -> None:
        """What stands before anything that is no gzip is text."""
        self.assertEqual(self.text(PACKED + b"more"), TEXT)
        self.assertEqual(self.said, ["its gzip is damaged: the rest of it is ignored"])

    def test_python_may_lack_zlib(self) -> None:
        """What is in gzip is named then; all else is read."""
        with mock.patch.dict(sys.modules, {"zlib": None}):
            self.assertEqual((self.text(TEXT.encode()), self.said), (TEXT, []))
            self.assertEqual(self.text(PACKED), "")
        self.assertEqual(self.said, ["it is compressed with gzip, which needs zlib, and this Python has none"])

    def test_gzip_may_hold_so_much(self) -> None:
        """It is unpacked in pieces, up to a bound."""
        packed = gzip.compress(bytes(5 * CHUNK_BYTES))
        self.assertLess(len(packed), CHUNK_BYTES)
        with mock.patch("tracer.reading.text.UNPACKED_BYTES", 3 * CHUNK_BYTES):
            pieces = [len(piece) for piece in read_text(self.written(packed), self.said.append, lambda number: None)]

        self.assertEqual((max(pieces), sum(pieces)), (CHUNK_BYTES, 4 * CHUNK_BYTES))
        self.assertEqual(self.said, [f"only the first {3 * CHUNK_BYTES} bytes that its gzip holds are read"])

    def test_other_compressions_are_named(self) -> None:
        """The sentence has the command that unpacks them."""
        for data, name, command in (
            (b"\x28\xb5\x2f\xfd", "zstd", "zstd -d"),
            (b"BZh9", "bzip2", "bunzip2"),
            (b"\xfd7zXZ\x00", "xz", "unxz"),
            (b"PK\x03\x04", "zip", "unzip"),
        ):
            self.assertEqual(self.text(data + bytes(range(256))), "")
            self.assertEqual(self.said, [f"it is compressed with {name}: unpack it first ({command})"])

    def test_bytes_that_are_no_utf_8_are_kept(self) -> None:
        """The first is said with its place, wherever it stands; each becomes a lone surrogate."""
        for size in (1, 1 << 20):
            with mock.patch("tracer.reading.text.CHUNK_BYTES", size):
                for data, text, byte, place in (
                    (b"0123456\xe9 \xff", "0123456\udce9 \udcff", "e9", 7),
                    (codecs.BOM_UTF8 + b"0123456789\xc3", "0123456789\udcc3", "c3", 13),
                ):
                    self.assertEqual(self.text(data), text)
                    self.assertEqual(
                        self.said,
                        [f"byte 0x{byte}, {place} bytes into it, is not UTF-8: such bytes are shown as escapes"],
                    )
        (span,) = self.read(b'{"spans": [{"spanId": "", "name": "caf\xe9"}]}')
        self.assertEqual(span.name, "caf\udce9")

    def test_utf_16_that_is_odd_is_read(self) -> None:
        """What is no character becomes U+FFFD."""
        self.assertEqual(self.text(codecs.BOM_UTF16_LE + "abc".encode("utf-16-le") + b"\x00"), "abc\ufffd")

    def test_file_is_read_in_pieces(self) -> None:
        """However long it is, only a piece of it is in memory."""
        with mock.patch("tracer.reading.text.CHUNK_BYTES", 4):
            pieces = list(read_text(self.written(b"1234567890123"), self.fail, lambda number: None))

        self.assertEqual([piece for piece in pieces if piece], ["12345678", "9012", "3"])

    def test_binary_files_end_in_sentences(self) -> None:
        """Random bytes are no lines of JSON."""
        self.assertEqual(self.read(bytes(range(128, 256)) * 100 + b"\n", line(named("a")))[0].name, "a")
        self.assertIn("is not UTF-8", self.said[0])
        self.assertIn("1 line was ignored, first line 1: it does not begin with", self.said[1])


if __name__ == "__main__":
    unittest.main()

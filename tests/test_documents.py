"""Text cut into documents: lines, documents of many lines, arrays, and what is broken."""

from __future__ import annotations

import json
import time
import unittest
from unittest import mock

from tests.helpers import PATIENCE_SECONDS
from tracer.reading.documents import DOCUMENT_CHARACTERS, Document, read_documents

A, B, C = {"a": [1, {"x": '}{\\"'}]}, {"b": {}}, {"c": 1.5}
#: Documents as they may stand in a text, and the lines where they begin.
WHOLE = {
    "lines": ('{A}\n{B}\n\n{C}\n', (1, 2, 4)),
    "no end of the last line": ("{A}\r\n{B}\r\n{C}", (1, 2, 3)),
    "one after another": ("{A}{B} {C}", (1, 1, 1)),
    "commas": ("{A},\n{B},\n{C}", (1, 2, 3)),
    "an array": ("[{A},{B},{C}]", (1, 1, 1)),
    "an array of many lines": ("[\n  {A},\n  {B},\n  {C}\n]\n", (2, 3, 4)),
    "an array without its end": ("[{A},\n{B},\n{C},\n", (1, 2, 3)),
    "arrays": ("[{A}]\n[[{B}],\n[{C}]]", (1, 2, 3)),
}  # fmt: skip


def read(text: str, size: int = 1 << 20) -> list[Document]:
    """Read the documents of a text that comes in pieces of that size."""
    return list(read_documents(text[at : at + size] for at in range(0, len(text), size)))


def fill(text: str, indent: int | None = None) -> str:
    """Put the documents into a text."""
    for name, value in (("{A}", A), ("{B}", B), ("{C}", C)):
        text = text.replace(name, json.dumps(value, indent=indent))
    return text


class DocumentTests(unittest.TestCase):
    """Each test reads a text."""

    def test_every_form_is_read(self) -> None:
        """In lines, one after another and in arrays all documents are found, in pieces of any size."""
        for form, (text, lines) in WHOLE.items():
            for size in (1, 2, 7, 1_000):
                with self.subTest(form, size=size):
                    found = read(fill(text), size)

                    self.assertEqual([document.value for document in found], [A, B, C])
                    self.assertEqual(tuple(document.line for document in found), lines)
                    self.assertEqual({document.what for document in found}, {"line"})

    def test_documents_of_many_lines_are_read(self) -> None:
        """The same forms with documents that take many lines; each says where it begins and how long it is."""
        for form, (text, _) in WHOLE.items():
            for size in (1, 7, 1_000):
                with self.subTest(form, size=size):
                    whole = fill(text, indent=1)
                    found = read(whole, size)

                    self.assertEqual([document.value for document in found], [A, B, C])
                    for document in found:
                        self.assertIn("{", whole.split("\n")[document.line - 1])
                    self.assertEqual(
                        [document.characters for document in found],
                        [len(json.dumps(each, indent=1)) for each in (A, B, C)],
                    )
                    self.assertEqual(found[0].what, "document")

    def test_long_document_of_many_lines_is_read(self) -> None:
        """One that is longer than what is tried at first is found whole."""
        long = {"k": list(range(50_000))}

        self.assertEqual([document.value for document in read(json.dumps(long, indent=1) + "\n{}", 1_000)], [long, {}])

    def test_what_is_no_document_is_said(self) -> None:
        """The reason names the place and shows what stands there; what is before and behind it is read."""
        for text, reason in (
            ('2026-11-26 INFO {"a": 1}', 'it does not begin with "{": "2026-11-26 INFO {\\"a\\": 1}"'),
            ("5", 'it does not begin with "{": "5"'),
            ('{"a": 1 "b": 2}', 'it is no JSON from column 9 on, "\\"b\\": 2}"'),
            ('{"resource', 'it ends in the middle, after "{\\"resource"'),
            ('{"a":' * 100_000, "it has too many levels of lists and objects"),
            ('{"]]":' * 100_000, "it has too many levels of lists and objects"),
        ):
            with self.subTest(text[:80]):
                self.assertEqual(read(text), [Document(reason, 1, "line", 0)])
                self.assertEqual([each.value for each in read(f"{{}}\n{text}\n{{}}")], [{}, reason, {}])

    def test_place_of_an_error_in_many_lines_is_said(self) -> None:
        """Of a document of many lines the line and the column."""
        (found,) = read('{}\n{\n "a": 1,\n "b": x\n}\n')[1:2]

        self.assertEqual(found, Document('it is no JSON from line 4, column 7 on, "x"', 2, "document", 0))

    def test_torn_document_costs_itself(self) -> None:
        """Whatever of a document is there, those before it and the lines behind it are read."""
        torn = json.dumps({"a": [{"b": {"c": ["d", 1]}}]})
        for length in range(1, len(torn)):
            with self.subTest(torn[:length]):
                text = f'{{"k": 1}}\n{torn[:length]}\n{{"k": 2}}\n{{"k": 3}}\n'
                values = [document.value for document in read(text)]

                self.assertEqual([value for value in values if isinstance(value, dict)], [{"k": 1}, {"k": 2}, {"k": 3}])
                self.assertEqual(len(values), 4)

    def test_torn_document_of_many_lines_costs_itself(self) -> None:
        """A file that is still being written ends in the middle of one; what is within it is no document."""
        text = json.dumps({"k": [{"l": {}}, {"m": {}}]}, indent=1)
        for length in range(3, len(text)):
            with self.subTest(text[:length]):
                first, second = read(text + "\n" + text[:length])

                self.assertEqual(
                    (first.value, first.what, second.what),
                    (json.loads(text), "document", "document" if "\n" in text[:length].rstrip() else "line"),
                )
                self.assertIn("it ends in the middle, after", second.value)

    def test_document_behind_a_torn_one_is_read(self) -> None:
        """Where the next one cannot be a part of it, it is begun anew."""
        text = json.dumps({"k": [{"l": {}}]}, indent=1)
        first, second = read('{\n "k": 1,\n' + text)

        self.assertEqual((first.what, second.value, second.line), ("document", json.loads(text), 3))

    def test_numbers_of_any_length_are_read_quickly(self) -> None:
        """An integer that no field can have is its text; what JSON does not have is as protobuf spells it."""
        digits = "9" * 1_000_000
        text = f'{{"a": {digits}, "b": NaN, "c": -Infinity, "d": {"1" * 40}}}'

        self.assertEqual(read(text)[0].value, {"a": digits, "b": "NaN", "c": "-Infinity", "d": int("1" * 40)})


class BoundTests(unittest.TestCase):
    """How long a document may be, and how long reading takes."""

    def test_documents_are_read_up_to_a_bound(self) -> None:
        """A line or a document that is longer is said and skipped, wherever the pieces end."""
        with mock.patch("tracer.reading.documents.DOCUMENT_CHARACTERS", 40):
            for size in (1, 7, 30):
                for long, what in (
                    ('{"k": "' + "x" * 90 + '"}', "line"),
                    ('{"k":\n[\n' + "1,\n" * 30 + "1]}", "document"),
                ):
                    found = read(f'{{"a": 1}}\n{long}\n{{"b": 2}}\n', size)

                    self.assertEqual([found[0].value, found[-1].value], [{"a": 1}, {"b": 2}])
                    self.assertEqual(
                        found[1], Document(f"it is longer than {DOCUMENT_CHARACTERS} characters", 2, what, 0)
                    )

    def test_broken_texts_take_linear_time(self) -> None:
        """However a text is broken, each character is looked at a few times."""
        size = 100_000
        for piece in (
            "[",
            "{",
            "{\n",
            '{"a":',
            '{"a":\n',
            '{"a":[\n',
            '{"\n',
            '"',
            '{"a":1,\n',
            '{"a":[1,\n{}\n',
            "}",
            "[\n",
            '{"a":"\\',
        ):
            with self.subTest(piece):
                start = time.process_time()
                list(read_documents([piece * (size // len(piece))] * 2))

                self.assertLess(time.process_time() - start, PATIENCE_SECONDS)


if __name__ == "__main__":
    unittest.main()

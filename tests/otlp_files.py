"""What the tests of reading share: files of OTLP's JSON, and reading them."""

from __future__ import annotations

import json
import os
import tempfile
import unittest

from tracer import Span
from tracer.reading import read_files

TRACE, SPAN, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "00000000000000ab"


def line(*spans: dict, service: object = "s") -> dict:
    """Put spans of a service into a line; its resource has no attributes where the service is None."""
    attributes = [] if service is None else [{"key": "service.name", "value": {"stringValue": service}}]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": list(spans)}]}]}


def named(name: str, **fields: object) -> dict:
    """Make a span with a name and these fields."""
    return {"traceId": TRACE, "spanId": SPAN, "name": name, **fields}


class ReadingTests(unittest.TestCase):
    """Each test has a directory for its files."""

    def setUp(self) -> None:
        """Make the directory."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "spans.jsonl")
        self.said: list[str] = []

    def written(self, *parts: object, path: str | None = None) -> str:
        """Write a file, bytes and text as they are, anything else as a line of JSON; return its path."""
        path = path or self.path
        with open(path, "wb") as file:
            for part in parts:
                text = part if isinstance(part, (bytes, str)) else json.dumps(part) + "\n"
                file.write(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return path

    def read(self, *parts: object) -> list[Span]:
        """Read the spans of a file; `said` is what is said of it, without its path."""
        self.said.clear()
        path = self.written(*parts)
        spans = read_files([path], self.said.append).spans
        self.said[:] = [sentence.replace(f'"{path}": ', "") for sentence in self.said]
        return spans

    def names(self, *parts: object) -> list[str]:
        """Return the names of the spans of a file."""
        return [span.name for span in self.read(*parts)]

    def one(self, **fields: object) -> Span:
        """Read the only span of a file, which has these fields; nothing is said."""
        (span,) = self.read(line({"name": "n", **fields}))
        self.assertEqual(self.said, [])
        return span

"""README and docs: what they show is what happens, they are short, and they are plain."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import unittest

from tests.helpers import (
    PATIENCE_SECONDS,
    SAMPLES,
    TOP,
    TRACEPARENT,
    child_environment,
    marked,
    on_unix,
    read_pages,
    rendered_lifecycle,
    run,
    session,
)
from tracer import errors

#: Most lines of a page, and most words of a sentence.
README_LINES, PAGE_LINES, WORDS = 160, 150, 25
#: By what a reader sees within the first lines.
FIRST_LINES = 25
#: Commands that are not run here: they need an installer, a server or Maelstrom, or run the tests.
ELSEWHERE = ("python3 -m unittest", "python3 -m tests", "python3 -m venv", "pipx ", "uv ", "docker ", "./maelstrom ")
#: What plain English says otherwise.
HARD_WORDS = ("lest", "told of", "passed over", "serve nobody", "is absence", "say so", "says so", "an outage is said")


def list_blocks(kind: str) -> list[tuple[str, str]]:
    """List the code blocks of a kind: the page and the text of each."""
    block = re.compile(rf"^```{kind}\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    return [(path, text) for path, page in read_pages().items() for text in block.findall(page)]


def list_sentences(page: str) -> list[str]:
    """List the sentences of a page: no code, no tables, no headings."""
    prose = re.sub(r"^```.*?^```$|^(?:#|\||<!--|- \*\*$).*?$", "", page, flags=re.DOTALL | re.MULTILINE)
    prose = re.sub(r"\]\([^)]*\)", "]", prose)
    paragraphs = re.split(r"\n\n|\n- ", prose)
    return [words for each in paragraphs for words in re.split(r"(?<=[.:?!*])\s", " ".join(each.split())) if words]


class PageTests(unittest.TestCase):
    """What every page has to be."""

    def test_pages_are_short(self) -> None:
        """No page has more lines than somebody reads."""
        for path, page in read_pages().items():
            with self.subTest(path):
                most = README_LINES if path == "README.md" else PAGE_LINES
                self.assertLessEqual(page.count("\n"), most)

    def test_pages_begin_with_an_example(self) -> None:
        """On each page code is near the top, and in the README the picture is."""
        for path, page in read_pages().items():
            with self.subTest(path):
                first = "".join(page.splitlines(keepends=True)[:FIRST_LINES])
                self.assertIn("```", first.partition("\n## ")[0])
        self.assertIn("██", "".join(read_pages()["README.md"].splitlines(keepends=True)[:FIRST_LINES]))

    def test_links_lead_somewhere(self) -> None:
        """Each link within the repository names a file, and a heading of it."""
        pages = read_pages()
        for path, page in pages.items():
            for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page):
                with self.subTest(path, target=target):
                    name, _, heading = target.partition("#")
                    found = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
                    self.assertTrue(os.path.exists(os.path.join(TOP, found)))
                    if heading:
                        self.assertIn(heading, list_anchors(pages[found.replace(os.sep, "/")]))

    def test_sentences_are_short_and_plain(self) -> None:
        """No sentence is longer than a reader of English as a second language wants, and none has a hard word."""
        for path, page in read_pages().items():
            for sentence in list_sentences(page):
                with self.subTest(path, sentence=sentence):
                    self.assertLessEqual(len(sentence.split()), WORDS)
                    self.assertEqual([words for words in HARD_WORDS if re.search(rf"\b{words}\b", sentence)], [])


def list_anchors(page: str) -> list[str]:
    """List what links to the headings of a page are called, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


class ExampleTests(unittest.TestCase):
    """What the pages show is what happens."""

    @on_unix("shell that reads these commands")
    def test_commands_give_what_is_shown(self) -> None:
        """Each block of commands runs, exits 0, and prints what stands below each command, if anything does."""
        for path, block in list_blocks("console"):
            commands = re.findall(r"^\$ (.*)$", block, re.MULTILINE)
            if any(command.startswith(ELSEWHERE) for command in commands):
                continue
            with self.subTest(path, commands=commands), tempfile.TemporaryDirectory() as folder:
                os.symlink(os.path.join(TOP, "main.py"), os.path.join(folder, "main.py"))
                os.symlink(os.path.join(TOP, "tests"), os.path.join(folder, "tests"))
                done = subprocess.run(
                    ["sh", "-ec", "\n".join(commands).replace("python3", f'"{sys.executable}"')],
                    capture_output=True,
                    cwd=folder,
                    env=child_environment(),
                    timeout=PATIENCE_SECONDS,
                )
                shown = re.sub(r"^\$ .*\n", "", block, flags=re.MULTILINE)

                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(shown, ("", done.stdout.decode()))

    def test_talk_is_what_is_typed(self) -> None:
        """A session that is typed gets the replies that stand between the lines."""
        talks = [text for _, text in list_blocks("text") if text.startswith("$ python3 main.py\n> ")]
        self.assertNotEqual(talks, [])
        for talk in talks:
            _, *lines = talk.splitlines(keepends=True)
            typed = "".join(line[2:] for line in lines if line.startswith("> "))
            replies = "".join(line for line in lines if not line.startswith("> "))
            with self.subTest(typed):
                self.assertEqual(run(typed.encode()).stdout.decode(), replies)

    def test_python_prints_what_is_shown(self) -> None:
        """Each Python example prints the text behind it, but the one that is a sample."""
        code = r"((?:(?!```).*\n)*)```"
        pages = "\n".join(read_pages().values())
        examples = re.findall(rf"^```python\n{code}\n\n```text\n{code}", pages, re.MULTILINE)
        with open(os.path.join(SAMPLES, "counter.py"), encoding="utf-8") as file:
            self.assertEqual(marked("counter"), f"```python\n{file.read()}```\n")
        self.assertEqual(len(examples), len(list_blocks("python")) - 1)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        for example, shown in examples:
            with self.subTest(example), contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(example, "docs", "exec"), {"__name__": "docs"})

                self.assertEqual(printed.getvalue(), shown)

    def test_replies_are_what_a_session_gives(self) -> None:
        """The error and the span that are shown are the node's, to the byte."""
        talk = session(
            {"type": "create_span", "name": "GET /api/users", "kind": "SERVER", "attributes": {"user": 123}},
            {"type": "span_link", "span_id": "span1", "link": {"traceparent": TRACEPARENT}},
            {"type": "generate"},
            {"type": "span_error", "span_id": "span1", "error": "gone"},
        )
        replies = [
            talk.line(b'{"type": "span_end", "span_id": "span7", "msg_id": 4}'),
            talk.line(b'{"type": "get_span", "span_id": "span1"}'),
        ]

        self.assertEqual([text for _, text in list_blocks("json")], [f"{reply}\n" for reply in replies])


class TableTests(unittest.TestCase):
    """Tables that no other test holds to the code."""

    def test_lifecycle_table_is_the_code_s(self) -> None:
        """The table of a span's life equals the one rendered from the code's."""
        self.assertEqual(marked("lifecycle").strip(), rendered_lifecycle().strip())

    def test_error_table_has_every_code(self) -> None:
        """The table of errors names the codes that a message may get, and no others."""
        codes = {error.code for error in vars(errors).values() if isinstance(error, type) and hasattr(error, "code")}

        self.assertEqual({int(code) for code in re.findall(r"^\| (\d+) ", marked("errors"), re.MULTILINE)}, codes)


if __name__ == "__main__":
    unittest.main()

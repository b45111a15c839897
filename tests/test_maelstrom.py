"""A stand-in for Maelstrom's bench: real nodes, spoken to as the bench speaks, their replies held to its schemas.

Source: Maelstrom 0.2.4, doc/protocol.md and doc/workloads.md.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tempfile
import time
import unittest

from tests.helpers import COMMAND, ON_WINDOWS, PATIENCE_SECONDS, TOP, child_environment, on_unix, read_piece

#: The closed schemas: the keys that each reply must have besides `type` and `in_reply_to`; it may have `msg_id`.
SCHEMAS = {"init_ok": set(), "echo_ok": {"echo"}, "generate_ok": {"id"}}
NODES = ("n0", "n1", "n2")
#: Seconds that the bench gives a node to answer its `init`.
INIT_SECONDS = 10


def wrong_with(line: bytes, dests: set[str]) -> str | None:
    """Return why the bench would reject a line of a node's stdout; None if it would take it."""
    try:
        message = json.loads(line)
    except ValueError:
        return "no JSON"
    if type(message) is not dict or set(message) != {"src", "dest", "body"}:
        return "top level"
    body = message["body"]
    if message["dest"] not in dests or message["src"] not in NODES or type(body) is not dict:
        return "address"
    required = SCHEMAS.get(body.get("type"))
    if required is None:
        return "type"
    keys = set(body) - {"msg_id"}
    return None if keys == required | {"type", "in_reply_to"} and line.endswith(b"}\n") else "body"


class BenchNode:
    """One node as the bench runs it: executed directly, in another directory, killed at the end."""

    def __init__(self, node_id: str, directory: str) -> None:
        self.node_id = node_id
        self._received = b""
        self.process = subprocess.Popen(
            # Windows does not execute a file by its first line.
            COMMAND if ON_WINDOWS else [os.path.join(TOP, "main.py")],
            cwd=directory,
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def send(self, number: int, src: str, **body: object) -> None:
        """Send a message with the bench's own `id`, and nothing after its end."""
        message = {"id": number, "src": src, "dest": self.node_id, "body": body}
        self.process.stdin.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        self.process.stdin.flush()

    def receive(self, seconds: float = PATIENCE_SECONDS) -> bytes:
        """Return the next line, for which the bench waits so long."""
        while b"\n" not in self._received:
            piece = read_piece(self.process.stdout, seconds)
            if not piece:
                raise EOFError(self.node_id)
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        return line + b"\n"

    def kill(self) -> int:
        """End it as the bench does; return how it ended."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.returncode


@unittest.skipUnless(ON_WINDOWS or shutil.which("python3"), "main.py is executed by the python3 on the PATH")
class BenchTests(unittest.TestCase):
    """Three nodes under the bench."""

    @classmethod
    def setUpClass(cls) -> None:
        """Start three nodes and have them answer their `init`."""
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.nodes = [BenchNode(node_id, cls.directory.name) for node_id in NODES]
        cls.started = time.monotonic()
        for node in cls.nodes:
            cls.addClassCleanup(node.kill)
            node.send(0, "c0", type="init", node_id=node.node_id, node_ids=list(NODES), msg_id=1)
        cls.init_replies = [node.receive(INIT_SECONDS) for node in cls.nodes]

    def setUp(self) -> None:
        """Hold that the nodes live."""
        self.assertEqual([node.process.poll() for node in self.nodes], [None] * 3)

    def tearDown(self) -> None:
        """Hold that the nodes live on."""
        self.assertEqual([node.process.poll() for node in self.nodes], [None] * 3)

    @on_unix("run bits")
    def test_file_is_executable(self) -> None:
        """`main.py` has its run bits and a first line that names the interpreter."""
        path = os.path.join(TOP, "main.py")
        with open(path, "rb") as file:
            self.assertEqual(file.readline(), b"#!/usr/bin/env python3\n")

        self.assertTrue(os.stat(path).st_mode & stat.S_IXUSR)

    def test_init_is_answered(self) -> None:
        """Each node answers its `init` by its own name."""
        for node, line in zip(self.nodes, self.init_replies):
            self.assertIsNone(wrong_with(line, {"c0"}))
            self.assertEqual(
                line.decode(),
                f'{{"src": "{node.node_id}", "dest": "c0", '
                '"body": {"type": "init_ok", "in_reply_to": 1, "msg_id": 0}}\n',
            )

    def test_echoes_come_back(self) -> None:
        """The echo workload: every reply fits the closed schema and holds what was sent; clients share `msg_id`s."""
        for number in range(50):
            for client in ("c3", "c4"):
                for node in self.nodes:
                    node.send(number, client, type="echo", echo=f"Please echo {number}", msg_id=number)
                    line = node.receive()
                    body = json.loads(line)["body"]

                    self.assertIsNone(wrong_with(line, {client}), line)
                    self.assertEqual((body["echo"], body["in_reply_to"]), (f"Please echo {number}", number))

    def test_ids_never_repeat(self) -> None:
        """The unique-ids workload: over three nodes, requests sent without waiting, no id comes twice."""
        ids = []
        # As many at once as fit the pipes of Windows.
        for numbers in (range(first, first + 20) for first in range(0, 300, 20)):
            for number in numbers:
                for node in self.nodes:
                    node.send(number, f"c{number % 7}", type="generate", msg_id=number)
            for number in numbers:
                for node in self.nodes:
                    line = node.receive()
                    self.assertIsNone(wrong_with(line, {f"c{number % 7}"}), line)
                    ids.append(json.loads(line)["body"]["id"])

        self.assertEqual(len(set(ids)), 900)

    def test_bench_s_oddities_put_nothing_on_stdout(self) -> None:
        """Somebody's reply, blank and broken lines get no line in return; the next request is answered."""
        for node in self.nodes:
            node.send(1, "c1", type="echo_ok", echo="late", in_reply_to=3)
            node.process.stdin.write(b'\n{"id":2,"src":"c1"\n')
            node.send(3, "c1", type="echo", echo=[], msg_id=2)

            self.assertEqual(json.loads(node.receive())["body"]["in_reply_to"], 2)


class SchemaTests(unittest.TestCase):
    """The stand-in rejects what the bench rejects."""

    def test_rejected_lines(self) -> None:
        """Lines for which the bench stops listening are found, good ones pass."""
        good = {"src": "n0", "dest": "c1", "body": {"type": "echo_ok", "echo": 1, "in_reply_to": 1}}
        numbered = {**good, "body": {**good["body"], "msg_id": 7}}
        for message in (good, numbered):
            self.assertIsNone(wrong_with(json.dumps(message).encode() + b"\n", {"c1"}))
        for line, reason in [
            (b"\n", "no JSON"),
            (b"[]\n", "top level"),
            (json.dumps({**good, "id": 1}).encode() + b"\n", "top level"),
            (json.dumps({**good, "dest": "c9"}).encode() + b"\n", "address"),
            (json.dumps({**good, "body": {"type": "error"}}).encode() + b"\n", "type"),
            (json.dumps({**good, "body": {**good["body"], "extra": 1}}).encode() + b"\n", "body"),
            (json.dumps(good).encode(), "body"),
        ]:
            with self.subTest(line=line):
                self.assertEqual(wrong_with(line, {"c1"}), reason)

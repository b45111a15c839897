"""What several tests share: a session in process, the node as a process, the pages of the docs, and their table of a span's life.

Owns how the node is started and spoken to; a test says what it says and what has to come back.
"""

from __future__ import annotations

import errno
import gc
import io
import json
import os
import queue
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from collections.abc import Sequence
from contextlib import contextmanager
from unittest import mock

import main
from tracer import CountedIds, Limits, LineBuffer, Node, SimulatedClock, SpanManager
from tracer.machine.streams import PAUSE_SECONDS, STALL_SECONDS
from tracer.span import ENDED, OPEN, REFUSALS, UNKNOWN

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SAMPLES = os.path.join(TOP, "tests", "samples")
#: How the node is started where nothing is installed.
COMMAND = (sys.executable, os.path.join(TOP, "main.py"))
#: Python without what is installed beside it, which may take longer to load than the node, and which it needs none of.
#: What mutmut has changed needs mutmut, though, and a `sitecustomize` is there to be loaded.
INTERPRETER = (sys.executable, *(() if {"mutmut", "sitecustomize"} & set(sys.modules) else ("-S",)))
#: The node, started so.
ALONE = (*INTERPRETER, os.path.join(TOP, "main.py"))
#: An identity that somebody else gave.
TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"
#: Longest that a test waits for a process before it gives up on it.
PATIENCE_SECONDS = 20
ON_WINDOWS = sys.platform == "win32"
#: Without this variable Windows finds neither its sockets nor its random numbers.
SYSTEM = {"SYSTEMROOT": os.environ["SYSTEMROOT"]} if ON_WINDOWS else {}
#: How often a reader who takes nothing is asked again.
PAUSES = round(STALL_SECONDS / PAUSE_SECONDS)

#: Lines and what they get.
ECHO = b'{"type":"echo","echo":%d}\n'
ECHO_OK = b'{"type": "echo_ok", "echo": %d}\n'
CREATE = b'{"type":"create_span","name":"n","span_id":"left-open","kind":"SERVER"}\n'
CREATED = b'{"type": "span_created", "span_id": "left-open", "kind": "SERVER"}\n'
#: What is said at the end of an export on the simulated clock.
OF_1970 = b"tracer: the times in the export are of 1970, the simulated clock's: --clock real gives today's\n"
# A node alone in its process wants none; the tests share theirs with much that makes cycles.
gc.enable()
#: The signals that the node handles.
HANDLED = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGALRM") if hasattr(signal, name)]
# Whoever runs the tests in the background or under `nohup` has some of them ignored, which the node would respect.
for _number in HANDLED:
    signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

#: The messages of each trigger of a span's life; the first is the plainest.
MESSAGES = {
    "create": [{"type": "create_span", "name": "again"}],
    "change": [
        {"type": "span_event", "event": "e", "attributes": {"k": 1}},
        {"type": "span_link", "link": {"traceparent": TRACEPARENT}},
        {"type": "span_update", "name": "renamed", "attributes": {"k": 2}},
    ],
    "end": [
        {"type": "span_end", "status": "ERROR", "error": "late"},
        {"type": "span_error", "error": "late", "attributes": {"k": 3}},
    ],
    "get": [{"type": "get_span"}],
}


def envelope(body: object, src: str = "c1", dest: str = "n1") -> dict:
    """Put a body into an envelope."""
    return {"src": src, "dest": dest, "body": body}


def line_of(message: object) -> bytes:
    """Write a message as one line, without its end."""
    return json.dumps(message).encode()


class Session:
    """A node in process, on the simulated clock unless told.

    Args:
        manager: keeps the spans; left out, a fresh one with counted ids.
        node: further arguments of the node.
    """

    def __init__(self, manager: SpanManager | None = None, **node: object) -> None:
        self.manager = SpanManager(None, SimulatedClock(), CountedIds()) if manager is None else manager
        #: Every sentence that the node said.
        self.complaints: list[str] = []
        self.node = Node(self.manager, lambda line, sentence: self.complaints.append(sentence), **node)

    def line(self, line: bytes) -> str | None:
        """Serve a line; return the reply as it is written, without its end."""
        return without_end(self.node.answer(line))

    def tell(self, type: object, **fields: object) -> dict | None:
        """Send a bare message; return the reply, parsed."""
        return self._parsed({"type": type, **fields})

    def send(self, type: object, src: str = "c1", dest: str = "n1", **fields: object) -> dict | None:
        """Send a message in an envelope; return the reply, parsed, with its envelope."""
        return self._parsed(envelope({"type": type, **fields}, src, dest))

    def body(self, message: dict) -> dict:
        """Send a bare message and return the reply's body, whichever way it came."""
        reply = self._parsed(message)
        return reply.get("body", reply)

    def span(self, span_id: str) -> dict:
        """Return what `get_span` answers of a known span."""
        return self.body({"type": "get_span", "span_id": span_id})["span"]

    def start(self, node_id: str = "n1") -> dict:
        """Send `init`; from then on the node answers the Maelstrom way."""
        return self.send("init", dest=node_id, msg_id=1, node_id=node_id, node_ids=[node_id])

    def _parsed(self, message: dict) -> dict | None:
        reply = self.line(line_of(message))
        return None if reply is None else json.loads(reply)


def session(*messages: dict, maelstrom: bool = False, **limits: int) -> Session:
    """Return a session under some bounds, after an `init` if it is `maelstrom`, in which these messages were sent."""
    made = Session(SpanManager(Limits(**limits), SimulatedClock(), CountedIds()))
    if maelstrom:
        made.start()
    for message in messages:
        made.line(line_of(message))
    return made


def serve_lines(node: Node, lines: list[str]) -> list[str]:
    """Have a node serve lines; return its replies, whole lines."""
    sent: list[str] = []
    node.serve(lines, sent.append)
    return "".join(sent).splitlines(keepends=True)


def without_end(reply: str | None) -> str | None:
    """Return a reply, which is a whole line or None, without the line's end."""
    assert reply is None or (reply.endswith("}\n") and reply.count("\n") == 1), reply
    return None if reply is None else reply[:-1]


def feed(pieces: list[bytes], max_line_bytes: int = 1 << 20) -> tuple[list[str | None], list[str]]:
    """Feed pieces of input to a fresh node; return its replies (None where there is none) and its complaints."""
    session = Session()
    buffer = LineBuffer(max_line_bytes)
    lines = [line for complete in [*map(buffer.feed, pieces), buffer.finish()] for line in complete]
    return [without_end(session.node.answer(line)) for line in lines], session.complaints


def on_unix(what: str) -> object:
    """Skip a test or a class on Windows; say what it needs that Windows does not have."""
    return unittest.skipIf(ON_WINDOWS, f"Windows has no {what}")


#: For a test that needs a pipe which does not wait.
with_pipes_that_do_not_wait = unittest.skipUnless(
    hasattr(os, "set_blocking"), "before Python 3.12 a pipe of Windows always waits"
)
#: For a test that needs a disk which is full.
with_full_device = unittest.skipUnless(os.path.exists("/dev/full"), "this system has no device that is always full")


def symlink(path: str, link: str) -> None:
    """Make a symbolic link; skip the test where Windows lets administrators alone do so."""
    try:
        os.symlink(path, link)
    except OSError:
        if not ON_WINDOWS:
            raise
    # Wine makes one that leads nowhere.
    if not os.path.islink(link):
        raise unittest.SkipTest("no symbolic link can be made here")


def open_terminal(columns: int = 100) -> tuple[int, int]:
    """Make a pseudo-terminal of so many columns; return the descriptors of its two sides, the node's last."""
    # Unix alone has these.
    import pty
    from fcntl import ioctl
    from termios import TIOCSWINSZ

    reading, writing = pty.openpty()
    ioctl(writing, TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    return reading, writing


def child_environment(**variables: str) -> dict[str, str]:
    """Return an environment for a child: nothing that hides a missing flush or sets a bound, and `variables`.

    Nor does anything keep a child from writing byte code: a node that compiles itself takes twice as long to start.
    """
    # PyPy else takes half of the processor's cache at once, and frees what is old the later for it.
    always = {"PYPY_GC_NURSERY": "4M"}
    return {"PATH": os.environ.get("PATH", os.defpath), **SYSTEM, **always, **variables}


def start(*arguments: str, command: Sequence[str] = ALONE, **options: object) -> subprocess.Popen:
    """Start the node as a process with three pipes, by another command if need be; `options` are `subprocess.Popen`'s."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*command, *arguments], **{"env": child_environment(), **pipes, **options})


def run(data: bytes, *arguments: str, **options: object) -> subprocess.CompletedProcess:
    """Run the node as a process over some input until it exits."""
    with running(*arguments, **options) as process:
        out, err = process.communicate(data, timeout=PATIENCE_SECONDS)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@contextmanager
def running(*arguments: str, **options: object) -> object:
    """Start the node as a process; kill it and close its pipes at the end."""
    process = start(*arguments, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_SECONDS)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except OSError as error:
                    # So Windows says that a pipe has no reader any more.
                    if error.errno not in (errno.EPIPE, errno.EINVAL):
                        raise


def run_here(data: bytes, *arguments: str, **variables: str) -> tuple[int, bytes, bytes]:
    """Run `main.main` in this process over temporary files; return its exit code, its stdout and its stderr."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(data)
        stdin.seek(0)
        # argparse speaks through the stream objects.
        streams = mock.patch.multiple(sys, argv=["main.py"], stdout=io.StringIO(), stderr=io.StringIO())
        environment = mock.patch.dict(os.environ, {**SYSTEM, **variables}, clear=True)
        with descriptors(stdin.fileno(), stdout.fileno(), stderr.fileno()), streams, environment:
            try:
                code = main.main(list(arguments))
            except SystemExit as stopped:
                code = stopped.code
            said = sys.stdout.getvalue().encode(), sys.stderr.getvalue().encode()
        for stream in (stdout, stderr):
            stream.seek(0)
        return code, stdout.read() + said[0], stderr.read() + said[1]


@contextmanager
def quick_pauses() -> object:
    """Let time pass by the pauses for a slow reader alone, and let them take none; give what stands for `time.sleep`."""
    with mock.patch("time.sleep") as sleep, mock.patch("time.monotonic", lambda: sleep.call_count * PAUSE_SECONDS):
        yield sleep


@contextmanager
def descriptors(*replacements: int | None) -> object:
    """Put other files on stdin, stdout and stderr (None: closed); bring them and the signal handlers back."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    saved = [os.dup(descriptor) for descriptor in (0, 1, 2)]
    handlers = {number: signal.getsignal(number) for number in HANDLED}
    try:
        for descriptor, replacement in enumerate(replacements):
            os.close(descriptor) if replacement is None else os.dup2(replacement, descriptor)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for descriptor, copy in enumerate(saved):
            os.dup2(copy, descriptor)
            os.close(copy)


def read_until(stream: object, end: bytes) -> bytes:
    """Read from a pipe until some bytes have come."""
    got = b""
    while not got.endswith(end):
        piece = read_piece(stream)
        if not piece:
            raise EOFError(got)
        got += piece
    return got


def read_piece(stream: object, seconds: float = PATIENCE_SECONDS) -> bytes:
    """Read what has come through a pipe; none is its end.

    A thread waits for it: on Windows `select` knows sockets alone.

    Raises:
        queue.Empty: nothing came in that time.
    """
    pieces: queue.Queue = queue.Queue()
    threading.Thread(target=lambda: pieces.put(os.read(stream.fileno(), 1 << 16)), daemon=True).start()
    return pieces.get(timeout=seconds)


def wait_for(condition: object) -> None:
    """Wait, within bounds, for a condition."""
    for _ in range(PATIENCE_SECONDS * 100):
        if condition():
            return
        # A test may have put something else in the place of `time.sleep`.
        threading.Event().wait(0.01)
    raise TimeoutError("the process did not get there")


def fill(descriptor: int) -> None:
    """Write into a pipe until it takes no more."""
    os.set_blocking(descriptor, False)
    try:
        while True:
            os.write(descriptor, b"\n" * 4096)
    except BlockingIOError:
        os.set_blocking(descriptor, True)


def read_pages() -> dict[str, str]:
    """Return the texts of the README and of all pages in `docs/`, by their paths in the repository."""
    paths = [
        "README.md",
        *sorted(f"docs/{name}" for name in os.listdir(os.path.join(TOP, "docs")) if name.endswith(".md")),
    ]
    pages = {}
    for path in paths:
        with open(os.path.join(TOP, path), encoding="utf-8") as file:
            pages[path] = file.read()
    return pages


def marked(name: str) -> str:
    """Return what stands between `<!-- name -->` and `<!-- /name -->` on one of the pages."""
    (part,) = re.findall(f"<!-- {name} -->\n(.*?)<!-- /{name} -->", "".join(read_pages().values()), re.DOTALL)
    return part


def rendered_lifecycle() -> str:
    """Write the table of a span's life as the docs have it."""
    names = {
        trigger: ", ".join([each["type"].partition("_")[2] for each in MESSAGES[trigger]])
        for trigger in ("change", "end")
    }
    #: What a column's trigger, where it is not refused, makes of a span that was open and of any other.
    columns = {
        "create": ("create", "", "open"),
        names["change"]: ("change", "stays open", ""),
        names["end"]: ("end", "ended", ""),
        "get": ("get", "answered", "answered"),
    }
    rows = [" | ".join(["| state", *columns]) + " |", "|---" * (len(columns) + 1) + "|"]
    for state in (UNKNOWN, OPEN, ENDED):
        cells = [
            str(REFUSALS[trigger][state].code) if state in REFUSALS[trigger] else of_open if state == OPEN else of_other
            for trigger, of_open, of_other in columns.values()
        ]
        rows.append("| " + " | ".join([state, *cells]) + " |")
    return "\n".join(rows) + "\n"

"""A person's lines at a terminal: what edits them, what shows where, and how they end."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

try:
    import pty
    import termios
except ImportError:
    raise unittest.SkipTest("Windows has no pseudo-terminals") from None

import main
from tests.helpers import ECHO, ECHO_OK, INTERPRETER, PATIENCE_SECONDS, descriptors, running
from tracer.machine import Streams
from tracer.machine.keyboard import PROMPT, Keyboard, open_keyboard

UP, LEFT, END = b"\x1b[A", b"\x1b[D", b"\x04"
IS_EDITED = sys.implementation.name == "cpython"
try:
    import readline  # noqa: F401 - whether there is one
except ImportError:
    IS_EDITED = False


class Terminal:
    """A pseudo-terminal, which remembers what it has shown."""

    def __enter__(self) -> Terminal:
        self._keyboard, self.descriptor = pty.openpty()
        self.shown = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self._reader.join(PATIENCE_SECONDS)
        os.close(self._keyboard)

    def _read(self) -> None:
        try:
            while piece := os.read(self._keyboard, 1 << 16):
                self.shown += piece
        except OSError:  # how Linux says that nobody has the terminal any more
            pass

    def await_shown(self, text: bytes, number: int = 1) -> None:
        """Wait until a text has been shown so many times."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.shown.count(text) < number:
            if time.monotonic() > until:
                raise TimeoutError(self.shown)
            time.sleep(0.01)

    def type(self, lines: tuple[bytes, ...], interrupts: bool) -> None:
        """Type each of the lines, with its keys, when it is asked for; interrupt when the last one is there."""
        for number, line in enumerate(lines, 1):
            self.await_shown(b"\r\n" + PROMPT.encode(), number)
            os.write(self._keyboard, line)
        if interrupts:
            self.await_shown(PROMPT.encode() + lines[-1])
            os.kill(os.getpid(), signal.SIGINT)


@unittest.skipUnless(IS_EDITED, "this Python has no readline, or one of its own")
class KeyboardTests(unittest.TestCase):
    """stdin and stderr are one terminal, stdout is a file."""

    def hold_session(self, *lines: bytes, interrupts: bool = False) -> tuple[int, bytes, bytes]:
        """Type lines, key by key, to a node in this process; return its exit code, stdout, and what the terminal showed."""
        with Terminal() as terminal, tempfile.TemporaryFile() as stdout:
            modes = termios.tcgetattr(terminal.descriptor)
            typist = threading.Thread(target=terminal.type, args=(lines, interrupts))
            streams = mock.patch.multiple(sys, stdin=sys.stdin, stdout=sys.stdout)
            with descriptors(terminal.descriptor, stdout.fileno(), terminal.descriptor), streams:
                typist.start()
                with mock.patch.dict(os.environ, {"TERM": "xterm"}):
                    code = main.main([])
            typist.join()
            self.assertEqual(termios.tcgetattr(terminal.descriptor), modes)
            stdout.seek(0)
            out = stdout.read()
        return code, out, terminal.shown

    def test_lines_are_edited_and_come_again(self) -> None:
        """Cursor keys move in a line and bring back the one before; Ctrl-D ends the input; stdout has replies alone."""
        code, out, shown = self.hold_session(ECHO % 1, UP + LEFT * 2 + b"2\n", END)

        self.assertEqual((code, out), (0, ECHO_OK % 1 + ECHO_OK % 21))
        self.assertIn(b"\r\n" + PROMPT.encode() + ECHO[:-4], shown)
        self.assertTrue(shown.endswith(PROMPT.encode() + b"\r\n"), shown)
        self.assertNotIn(b"echo_ok", shown)

    def test_bytes_are_read_as_they_are(self) -> None:
        """What is typed is UTF-8, whatever Python takes the terminal for, and what is none is reported."""
        text = "\u00e9\u4e2d".encode()
        code, out, shown = self.hold_session(b'{"type":"echo","echo":"%s"}\n' % text, b"\xff\n", END)

        self.assertEqual((code, out), (0, b'{"type": "echo_ok", "echo": "\\u00e9\\u4e2d"}\n'))
        self.assertIn(b"tracer: line 2: byte 0xff at column 1 is not UTF-8", shown)

    def test_long_line_is_not_cut(self) -> None:
        """A line may be longer than what a terminal keeps by itself."""
        _, out, _ = self.hold_session(b'{"type":"echo","echo":"%s"}\n' % (b"x" * 9_000), END)

        self.assertEqual(len(out), len('{"type": "echo_ok", "echo": ""}\n') + 9_000)

    def test_what_is_typed_ahead_counts(self) -> None:
        """Lines and a Ctrl-D that are typed at once are all heard."""
        self.assertEqual(self.hold_session(ECHO % 1 + ECHO % 2 + END)[:2], (0, ECHO_OK % 1 + ECHO_OK % 2))

    def test_signal_ends_the_input(self) -> None:
        """Ctrl-C ends the node in order in the middle of a line, which is dropped; the terminal is as it was before."""
        lines = b'{"type":"create_span","name":"n"}\n', b'{"type":"gen'
        code, out, shown = self.hold_session(*lines, interrupts=True)

        self.assertEqual((code, out), (130, b""))
        self.assertTrue(shown.endswith(b'{"type":"gen\r\ntracer: 1 span is still open: span1\r\n'), shown)

    def test_closed_terminal_is_read_once_more(self) -> None:
        """A terminal that is closed looks ended; reading it says that it failed, or waits for the signal."""
        streams = mock.patch.multiple(sys, stdin=sys.stdin, stdout=sys.stdout)
        with Terminal() as terminal, descriptors(terminal.descriptor, 1, terminal.descriptor), streams:
            keyboard = Keyboard()
            with (
                mock.patch("builtins.input", side_effect=EOFError),
                mock.patch("os.isatty", return_value=False),
                mock.patch.object(Streams, "read", return_value=b"") as read,
            ):
                self.assertEqual(keyboard.read(), b"")
                read.assert_called_once_with()
                keyboard.signal = signal.SIGHUP
                with mock.patch("os.write", side_effect=OSError):
                    self.assertEqual(keyboard.read(), b"")
                read.assert_called_once_with()


class WhereTests(unittest.TestCase):
    """Where lines are edited."""

    def opened(self, stdin: int, stderr: int, **variables: str) -> type:
        """Return what is opened where these are stdin and stderr."""
        environment = mock.patch.dict(os.environ, {"TERM": "xterm", **variables})
        with descriptors(stdin, 1, stderr), environment, mock.patch.multiple(sys, stdin=None, stdout=None):
            return type(open_keyboard())

    def test_one_terminal_that_takes_escapes_is_needed(self) -> None:
        """Lines are edited where stdin and stderr are one terminal, no dumb one, and this Python has GNU's readline."""
        with Terminal() as one, Terminal() as other:
            here, there = one.descriptor, other.descriptor
            self.assertIs(self.opened(here, here), Keyboard if IS_EDITED else Streams)
            self.assertIs(self.opened(here, there), Streams)
            self.assertIs(self.opened(here, here, TERM="dumb"), Streams)
            with mock.patch("os.ttyname", side_effect=OSError):
                self.assertIs(self.opened(here, here), Streams)
            with mock.patch.dict(sys.modules, readline=None):
                self.assertIs(self.opened(here, here), Streams)
            with mock.patch("sys.implementation", mock.Mock()):
                self.assertIs(self.opened(here, here), Streams)

    def test_node_at_a_pipe_does_not_load_it(self) -> None:
        """A node that nobody types to loads no readline: only a terminal does."""
        code = "import main, sys; main.main([]); sys.exit('readline' in sys.modules)"
        with running(command=(*INTERPRETER, "-c", code), cwd=os.path.dirname(os.path.dirname(__file__))) as process:
            process.communicate(b"", timeout=PATIENCE_SECONDS)

            self.assertEqual(process.returncode, 0)

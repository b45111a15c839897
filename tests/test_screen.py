"""The screen: whoever reads stderr gets what they can show, and holds nobody up."""

from __future__ import annotations

import io
import os
import select
import tempfile
import unittest
from types import SimpleNamespace
from unittest import mock

from tests.helpers import PAUSES, on_unix, open_terminal, quick_pauses, with_pipes_that_do_not_wait
from tests.test_complaints import Pipe
from tracer.machine.screen import Screen
from tracer.picture import Choice
from tracer.picture.waterfall import render_for_screen

#: More than any pipe or terminal holds.
FLOOD = "0123456789\n" * 50_000


def measure_picture(screen: Screen) -> int:
    """Return how wide a picture is drawn for a screen."""
    with mock.patch("tracer.picture.waterfall.render") as render:
        render_for_screen(screen, [], 0, Choice())
    return render.call_args.args[2]


class Terminal:
    """A terminal of 100 columns, and what its other side has got."""

    def __enter__(self) -> Terminal:
        self.reading, self.writing = open_terminal()
        os.set_blocking(self.reading, False)
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self.reading)
        os.close(self.writing)

    def read(self) -> str:
        """Return what came since the last time."""
        said = b""
        try:
            while data := os.read(self.reading, 1 << 16):
                said += data
        except BlockingIOError:
            return said.decode().replace("\r\n", "\n")


class EncodingTests(unittest.TestCase):
    """What is written can be read."""

    def test_encoding_is_that_of_the_stream(self) -> None:
        """The two streams may have different ones."""
        streams = {name: io.TextIOWrapper(io.BytesIO(), name) for name in ("latin-1", "utf-8")}
        patches = mock.patch.multiple("sys", stdout=streams["latin-1"], stderr=streams["utf-8"])
        with patches, mock.patch.dict(os.environ, {"PYTHONIOENCODING": "chosen"}):
            self.assertEqual((Screen(1).encoding, Screen(2).encoding), ("latin-1", "utf-8"))


@on_unix("pseudo-terminals, and no pipe that says whether it has room")
class WritingTests(unittest.TestCase):
    """Writing never waits for long."""

    def setUp(self) -> None:
        """Let no time pass: what happens meanwhile is up to each test."""
        pauses = quick_pauses()
        self.sleep = pauses.__enter__()
        self.addCleanup(pauses.__exit__, None, None, None)

    def test_slow_reader_gets_everything(self) -> None:
        """A pipe and a terminal whose reader comes whenever nothing more fits give all of a flood, in order."""
        got: list[str] = []
        for place in (Pipe(), Terminal()):
            with self.subTest(type(place).__name__), place:
                got.clear()
                self.sleep.side_effect = lambda seconds, place=place: got.append(place.read())

                self.assertTrue(Screen(place.writing).write(FLOOD))
                self.assertEqual("".join(got) + place.read(), FLOOD)

    def test_stalled_reader_is_waited_for_once(self) -> None:
        """A pipe and a terminal that nobody reads are waited for a second, then no more until they take something."""
        for place in (Pipe(), Terminal()):
            with self.subTest(type(place).__name__), place:
                # The system takes a moment to make room in a terminal, and then takes more: time enough for that, once.
                self.sleep.side_effect = lambda seconds: select.select([], [], [], seconds / 20)
                screen = Screen(place.writing)

                for is_waited_for in (True, False):
                    self.assertFalse(screen.write(FLOOD))
                    self.assertEqual(self.sleep.call_count >= PAUSES, is_waited_for)
                    self.sleep.reset_mock()
                screen.wait_again()
                for _ in range(2):
                    self.assertFalse(screen.write(FLOOD))
                    self.assertGreaterEqual(self.sleep.call_count, PAUSES)
                    self.sleep.reset_mock()
                    place.read()

    def test_stopped_terminal_is_not_waited_for(self) -> None:
        """Ctrl-S holds up nothing but what is said; after Ctrl-Q it is said again."""
        import termios

        with Terminal() as terminal:
            screen = Screen(terminal.writing)
            termios.tcflow(terminal.writing, termios.TCOOFF)
            self.assertFalse(screen.write("stopped\n"))
            termios.tcflow(terminal.writing, termios.TCOON)

            self.assertTrue(screen.write("on again\n"))
            self.assertEqual(terminal.read(), "on again\n")

    def test_terminal_stays_as_it_is(self) -> None:
        """Whoever shares the terminal or the pipe still waits when writing to it."""
        with Terminal() as terminal:
            Screen(terminal.writing).write(FLOOD)

            self.assertTrue(os.get_blocking(terminal.writing))

    def test_terminal_without_a_path_is_written_to_all_the_same(self) -> None:
        """A terminal of somebody else, which may not be opened, is taken as it is."""
        with Terminal() as terminal, mock.patch("os.open", side_effect=PermissionError):
            self.assertTrue(Screen(terminal.writing).write("hello\n"))
            self.assertEqual(terminal.read(), "hello\n")

    def test_failing_descriptor_takes_nothing(self) -> None:
        """A closed descriptor, a pipe whose reader has gone and one that is only read drop the text unawaited."""
        with Pipe() as pipe:
            closed = os.dup(pipe.writing)
            os.close(closed)
            reader, gone = os.pipe()
            os.close(reader)
            read_only = os.open(os.devnull, os.O_RDONLY)
            self.addCleanup(os.close, gone)
            self.addCleanup(os.close, read_only)
            for descriptor in (closed, gone, read_only):
                with self.subTest(descriptor):
                    self.assertFalse(Screen(descriptor).write("x"))
        self.sleep.assert_not_called()

    def test_descriptor_that_has_no_room_after_all_is_asked_again(self) -> None:
        """A non-blocking descriptor may be called writable and take nothing: a terminal with room for half a line's end."""
        with Pipe() as pipe, mock.patch("os.write", side_effect=[BlockingIOError, 1, 1]):
            self.assertTrue(Screen(pipe.writing).write("ab"))
        self.sleep.assert_called_once()

    def test_file_takes_everything(self) -> None:
        """A file is never waited for."""
        with tempfile.TemporaryFile() as file:
            self.assertTrue(Screen(file.fileno()).write(FLOOD))
            file.seek(0)

            self.assertEqual(file.read().decode(), FLOOD)
        self.sleep.assert_not_called()


class LookTests(unittest.TestCase):
    """What it shows."""

    def test_c_locale_is_ascii(self) -> None:
        """The C locale, where somebody chose it and no other for characters, is ASCII, whatever Python makes of it."""
        #: Whether Python is in its UTF-8 mode, the variables, and the encoding.
        for utf8_mode, variables, encoding in (
            (1, {"LC_ALL": "C"}, "ascii"),
            (1, {"LC_ALL": "POSIX"}, "ascii"),
            (1, {"LC_ALL": "C", "LC_CTYPE": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"}, "ascii"),
            (1, {"LANG": "C"}, "ascii"),
            (1, {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "ascii"),
            (0, {"LC_CTYPE": "C"}, "ascii"),
            (0, {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "utf-8"),
            (0, {"LANG": "C", "LC_ALL": "de_DE.UTF-8"}, "utf-8"),
            (1, {"LC_ALL": "", "LC_CTYPE": "C.UTF-8"}, "utf-8"),
            (1, {}, "utf-8"),
            (1, {"LC_ALL": "C", "PYTHONUTF8": "1"}, "utf-8"),
            (1, {"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"}, "utf-8"),
        ):
            stream = mock.patch("sys.stderr", io.TextIOWrapper(io.BytesIO(), "utf-8"))
            flags = mock.patch("sys.flags", SimpleNamespace(utf8_mode=utf8_mode, dev_mode=False))
            with self.subTest(variables), stream, flags, mock.patch.dict(os.environ, variables, clear=True):
                self.assertEqual(Screen().encoding, encoding)

    @with_pipes_that_do_not_wait
    def test_what_the_encoding_lacks_is_escaped(self) -> None:
        """Characters that stderr cannot show are written as escapes, lone surrogates too."""
        with Pipe() as pipe, mock.patch("sys.stderr", io.TextIOWrapper(io.BytesIO(), "latin-1")):
            Screen(pipe.writing).write("é € \ud800")

            self.assertEqual(os.read(pipe.reading, 100), b"\xe9 \\u20ac \\ud800")

    @on_unix("pseudo-terminals")
    def test_colour_is_for_terminals_and_who_asks(self) -> None:
        """NO_COLOR counts before FORCE_COLOR, that before what stderr is and TERM; an empty one is none."""
        for variables, at_terminal, elsewhere in (
            ({}, True, False),
            ({"NO_COLOR": "", "FORCE_COLOR": ""}, True, False),
            ({"NO_COLOR": "1"}, False, False),
            ({"TERM": "dumb"}, False, False),
            ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
            ({"FORCE_COLOR": "1"}, True, True),
            ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ):
            with self.subTest(variables), mock.patch.dict(os.environ, variables, clear=True):
                with Terminal() as terminal, Pipe() as pipe:
                    self.assertEqual(Screen(terminal.writing).is_colourful(), at_terminal)
                    self.assertEqual(Screen(pipe.writing).is_colourful(), elsewhere)

    @on_unix("pseudo-terminals")
    def test_columns_are_the_terminal_s(self) -> None:
        """A terminal knows its columns; elsewhere there are none, and `COLUMNS` says how wide a picture is."""
        for variable, width in {"": 80, "x": 80, "²": 80, "0": 80, "7": 20, "132": 132, "9" * 5000: 500}.items():
            with self.subTest(variable[:5]), mock.patch("tracer.picture.waterfall.os.environ", {"COLUMNS": variable}):
                with Terminal() as terminal, Pipe() as pipe:
                    screens = Screen(terminal.writing), Screen(pipe.writing)

                    self.assertEqual([screen.read_columns() for screen in screens], [100, 0])
                    self.assertEqual([measure_picture(screen) for screen in screens], [100, width])

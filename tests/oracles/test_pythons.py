"""The inner ring, with its samples, on every other Python from 3.9 on that is on this machine; PyPy's memory; older Pythons."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor

from tests.helpers import TOP
from tests.oracles import skip_unless_outer

skip_unless_outer()

#: Where version managers and installers put interpreters; `PATH` is looked through as well.
FOLDERS = [
    "~/.pyenv/versions/*/bin",
    "~/.asdf/installs/python/*/bin",
    "~/.local/share/mise/installs/python/*/bin",
    "~/.local/share/uv/python/*/bin",
    "~/.rye/py/*/bin",
    "/opt/*/bin",
    "/opt/*/*/bin",
    "/opt/hostedtoolcache/*/*/*/bin",
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/Library/Frameworks/Python.framework/Versions/*/bin",
]
#: An interpreter's name for itself, "cpython" or "pypy", and its version.
About = tuple[str, tuple[int, ...]]
ABOUT_THIS = sys.implementation.name, tuple(sys.version_info[:3])


def about(python: str) -> About:
    """Ask an interpreter what it is; what does not answer has the version ()."""
    code = "import sys; print(sys.implementation.name, *sys.version_info[:3])"
    name, *version = subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.split() or [""]
    return name, tuple(map(int, version))


def find(*names: str) -> list[str]:
    """Find the interpreters of these names, patterns as the shell's."""
    folders = [found for folder in FOLDERS for found in glob.glob(os.path.expanduser(folder))]
    paths = [
        os.path.realpath(path)
        for folder in [*os.get_exec_path(), *folders]
        for name in names
        for path in glob.glob(os.path.join(folder, name))
    ]
    return list(dict.fromkeys(paths))


def pythons() -> dict[About, str]:
    """Find one interpreter of each kind and version that can run the node and is not the one that asks."""
    found = {about(path): path for path in find("python3", "python3.[0-9]", "python3.[0-9][0-9]", "pypy3")}
    # PyPy comes first, for it takes longest.
    found = dict(sorted(found.items(), reverse=True))
    return {what: path for what, path in found.items() if what[1] >= (3, 9) and what != ABOUT_THIS}


def run_tests(python: str, *tests: str, outer: str = "") -> subprocess.CompletedProcess:
    """Run tests, or the whole inner ring, on an interpreter."""
    command, environment = [python, "-m", "unittest", *tests], {**os.environ, "TRACER_OUTER": outer}
    return subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True)


class PythonsTests(unittest.TestCase):
    """Each test is about each interpreter that is found."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.pythons = pythons()

    def hold_to_passing(self, what: About, done: subprocess.CompletedProcess) -> None:
        """Hold an interpreter to having passed tests, some at least."""
        with self.subTest(what):
            self.assertEqual(done.returncode, 0, done.stderr[-5000:])
            self.assertNotIn("Ran 0 tests", done.stderr)

    def test_inner_ring_holds_on_each(self) -> None:
        """Everything that the inner ring tests holds on each of them."""
        if not self.pythons:
            self.skipTest("there is no other Python from 3.9 on here")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for what, done in zip(self.pythons, pool.map(run_tests, self.pythons.values())):
                self.hold_to_passing(what, done)

    def test_older_python_is_told_which_one_is_needed(self) -> None:
        """An older Python says in one line which one is needed and which it is, and exits 2, however the node is started."""
        asked = {path: subprocess.run([path, "-V"], capture_output=True) for path in find("python2.7", "python3.[4-8]")}
        versions = {path: (done.stdout + done.stderr).decode().split() for path, done in asked.items()}
        older = {path: version[1] for path, version in versions.items() if version[:1] == ["Python"]}
        if not older:
            self.skipTest("there is no Python before 3.9 here")
        for path, version in older.items():
            for node in (["main.py"], ["-m", "tracer"]):
                with self.subTest(version, node=node):
                    done = subprocess.run([path, "-B", *node], cwd=TOP, input=b"", capture_output=True)
                    sentence = f"span tracer needs Python 3.9 or newer, this is {version.rpartition('.')[0]}"

                    self.assertEqual(
                        (done.returncode, done.stdout, done.stderr.decode()), (2, b"", f"{sentence}{os.linesep}")
                    )

    def test_pypy_s_memory_is_flat(self) -> None:
        """On PyPy, whose collector frees all that is freed, ended spans leave no memory behind either."""
        found = {what: path for what, path in self.pythons.items() if what[0] == "pypy"}
        if not found:
            self.skipTest("there is no PyPy from 3.9 on here")
        soak = "tests.oracles.test_soak.SoakTests.test_many_ended_spans_leave_no_more_memory_than_few"
        for what, path in found.items():
            self.hold_to_passing(what, run_tests(path, soak, outer="1"))

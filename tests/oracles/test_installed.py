"""The package as others get it: the sdist and the wheel are built, the wheel is installed, and what is there is the node."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest

from tests.helpers import TOP, child_environment, run
from tests.oracles import skip_unless_outer
from tests.scripts import BASH, VERSION, exported
from tests.test_handlers import COUNTER
from tests.test_samples import hold_to_samples
from tracer import __version__

skip_unless_outer()

try:
    # Windows Python for embedding has none.
    import venv

    import build.__main__  # noqa: F401 - as a command
    import hatchling  # noqa: F401 - the backend, asked for by build
    import twine.__main__  # noqa: F401
except ImportError as error:
    raise unittest.SkipTest(f"what builds and checks packages is not installed: {error}") from None


def call(*arguments: str, cwd: str) -> None:
    """Run a module of this Python in a folder; fail if it does.  What is tested there is the inner ring alone."""
    command, environment = [sys.executable, "-m", *arguments], {**os.environ, "TRACER_OUTER": ""}
    process = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    if process.returncode:
        raise AssertionError(f"{arguments}: {(process.stdout + process.stderr)[-5000:]}")


class InstalledTests(unittest.TestCase):
    """The sdist, the wheel made from it, and an environment with nothing but the wheel."""

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        call("build", "--no-isolation", "--outdir", cls.folder, cwd=TOP)
        (cls.sdist,), (cls.wheel,) = (glob.glob(os.path.join(cls.folder, end)) for end in ("*.tar.gz", "*.whl"))
        environment = os.path.join(cls.folder, "environment")
        venv.create(environment, symlinks=True)
        cls.python, cls.script = (os.path.join(environment, "bin", name) for name in ("python", "span-tracer"))
        install = ("install", "--quiet", "--no-index", "--no-deps", cls.wheel)
        call("pip", "--python", cls.python, *install, cwd=cls.folder)
        cls.commands = {"python -m tracer": [cls.python, "-m", "tracer"], "span-tracer": [cls.script]}

    def test_samples_give_their_outputs(self) -> None:
        """From any directory both commands answer each sample as `main.py` does."""
        for command in self.commands.values():
            hold_to_samples(self, command=command, cwd=self.folder)

    def test_options_are_the_same(self) -> None:
        """Both commands have the options of `main.py`; their usage says how they were started."""
        here = run(b"", "--help").stdout.decode()
        for name, command in self.commands.items():
            helped, bad = (run(b"", option, command=command, cwd=self.folder) for option in ("--help", "--nonsense"))

            self.assertTrue(helped.stdout.decode().startswith(f"usage: {name} [OPTION]... < FILE"), helped)
            self.assertEqual(helped.stdout.decode().replace(name, "main.py"), here)
            self.assertEqual((helped.returncode, bad.returncode, bad.stdout), (0, 2, b""))

    def test_nothing_else_is_installed(self) -> None:
        """The package, with its mark of being typed, and its metadata are all that is there: no module called main."""
        (site,) = glob.glob(os.path.join(self.folder, "environment", "lib", "python*", "site-packages"))

        self.assertEqual(set(os.listdir(site)), {"tracer", f"span_tracer_node-{__version__}.dist-info"})
        self.assertTrue(os.path.exists(os.path.join(site, "tracer", "py.typed")))

    def test_script_with_messages_of_its_own_runs(self) -> None:
        """A script that imports the package is a node, from any directory."""
        process = run(b'{"type": "add", "delta": 1}\n', command=[self.python, COUNTER], cwd=self.folder)

        self.assertEqual((process.returncode, process.stdout, process.stderr), (0, b'{"type": "add_ok"}\n', b""))

    @unittest.skipUnless(VERSION >= (4, 4), "there is no bash 4.4 or newer here")
    def test_bash_library_finds_its_node(self) -> None:
        """A script sources what both commands print, and is traced by the node beside it, whatever lies where the script runs."""
        for command in ("span-tracer", "python -m tracer"):
            with self.subTest(command), tempfile.TemporaryDirectory() as folder:
                for name in ("main.py", "tracer.py"):
                    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                        file.write("raise SystemExit('another')\n")
                text = f'. "$(cd / && {command} --bash)"; trace_start --export spans.jsonl; trace work true; trace_end'
                path = os.pathsep.join([os.path.dirname(self.script), os.environ["PATH"]])
                environment = child_environment(PATH=path, TMPDIR=folder)
                process = subprocess.run(
                    [BASH, "-c", text], cwd=folder, env=environment, capture_output=True, timeout=60
                )

                self.assertEqual((process.returncode, process.stdout, process.stderr), (0, b"", b""))
                self.assertEqual(
                    [span["name"] for span in exported(os.path.join(folder, "spans.jsonl"))], ["work", "bash"]
                )

    def test_archive_is_tested_by_its_own_tests(self) -> None:
        """The inner ring passes in the unpacked sdist."""
        with tarfile.open(self.sdist) as archive:
            archive.extractall(self.folder)
        call("unittest", cwd=self.sdist[: -len(".tar.gz")])

    def test_metadata_is_fit_for_pypi(self) -> None:
        """The metadata is complete and the README can be rendered."""
        call("twine", "check", "--strict", self.sdist, self.wheel, cwd=self.folder)

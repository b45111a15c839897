"""Shell scripts of other people's, of Debian's packages, do the same untraced and traced, on every bash that is there."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys

from tests.helpers import PATIENCE_SECONDS
from tests.oracles import skip_unless_outer
from tests.scripts import BashTestCase

skip_unless_outer()

#: By what each needs, scripts that are sourced in a span, with arguments: without, they would have those of `trace`.
SCRIPTS = {
    "/usr/bin/ldd": "trace s . /usr/bin/ldd /bin/ls | sed 's/0x[0-9a-f]*//'; echo ${PIPESTATUS[0]}",
    "/usr/bin/tzselect": "trace s . /usr/bin/tzselect --version; echo $?",
    "/usr/bin/zgrep": "echo line | gzip > l.gz; trace s . /usr/bin/zgrep -c line l.gz; echo $?",
    "/usr/bin/savelog": "echo a > log; trace s . /usr/bin/savelog -c 3 log | sed s/at.*//; ls log*",
    "/usr/lib/git-core/git-submodule": (
        "PATH=/usr/lib/git-core:$PATH; git init -q .; trace s . git-submodule status; trace s . git-submodule nonsense; echo $?"
    ),
    "/usr/bin/autoconf": (
        "echo 'AC_INIT([a], [1]) AC_PROG_CC AC_OUTPUT' > configure.ac; (trace s . /usr/bin/autoconf configure.ac > configure); "
        "(trace s . ./configure --quiet); (trace s . ./configure --nonsense=x); ls"
    ),
}


def bashes() -> list[str]:
    """Find one bash of each version, in `PATH`, and in what `TEST_BASHES` names, a list like it."""
    folders = [*os.environ.get("TEST_BASHES", "").split(os.pathsep), *os.get_exec_path()]
    paths = [path for folder in folders for path in glob.glob(os.path.join(folder, "bash")) if os.access(path, os.X_OK)]
    return list({_ask_version(path): path for path in reversed(paths)}.values())


def _ask_version(bash: str) -> bytes:
    command = [bash, "-c", "echo $BASH_VERSION"]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS).stdout


class DebianTests(BashTestCase):
    """Scripts that nobody wrote for this."""

    def test_scripts_do_not_notice(self) -> None:
        """Output, exit code, descriptors, options, traps, processes left and time are the same."""
        for path, text in SCRIPTS.items():
            for bash in bashes():
                with self.subTest(path, bash=bash):
                    if not os.path.exists(path):
                        self.skipTest(f"there is no {path} here")
                    self.check_same(text, bash=bash)


class EveryBashTests(BashTestCase):
    """The inner ring's tests of scripts, on every other bash."""

    def test_others_pass(self) -> None:
        """A bash from 4.4 on passes what the one in PATH passes."""
        for bash in bashes():
            if shutil.which("bash") != bash:
                with self.subTest(bash):
                    modules = [
                        "test_trace_bash",
                        "test_trace_bash_same",
                        "test_trace_bash_harm",
                        "test_trace_bash_edges",
                    ]
                    command = [sys.executable, "-m", "unittest", *(f"tests.{module}" for module in modules)]
                    done = subprocess.run(command, env={**os.environ, "TEST_BASH": bash}, capture_output=True)
                    self.assertEqual(done.returncode, 0, done.stderr.decode())

"""The example of the README that traces a bash script through a coprocess."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import unittest

from tests.helpers import PATIENCE_SECONDS, SAMPLES, child_environment

BASH = shutil.which("bash")


def has_coprocesses() -> bool:
    """Tell whether there is a bash with coprocesses, which came with version 4."""
    if BASH is None:
        return False
    version = subprocess.run([BASH, "-c", "echo $BASH_VERSINFO"], capture_output=True, timeout=PATIENCE_SECONDS)
    return int(version.stdout or b"0") >= 4


@unittest.skipUnless(has_coprocesses(), "there is no bash 4 here")
class BashTests(unittest.TestCase):
    """`tests/samples/trace.sh`."""

    def test_script_traces_its_commands(self) -> None:
        """Each command's span and the script's end in order, the failed one with its exit code, all in one trace."""
        environment = child_environment()
        environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + environment["PATH"]
        process = subprocess.run(
            [BASH, os.path.join(SAMPLES, "trace.sh")],
            capture_output=True,
            cwd="/",
            env=environment,
            timeout=PATIENCE_SECONDS,
        )
        self.assertEqual((process.stderr, process.returncode), (b"", 0))
        replies = [json.loads(line) for line in process.stdout.splitlines()]
        self.assertEqual(
            [reply.get("span_id") for reply in replies], ["script", "nap", "nap", "fail", "fail", "script", None]
        )
        _, _, nap, _, fail, script, asked = replies

        self.assertEqual((nap["status"], nap["duration_us"] >= 100_000), ("OK", True))
        self.assertEqual((fail["status"], fail["error"]), ("ERROR", "exit code 1"))
        self.assertGreaterEqual(script["duration_us"], nap["duration_us"])
        self.assertEqual(
            (asked["span"]["name"], asked["span"]["parent"][:35]), ("false", asked["span"]["traceparent"][:35])
        )
        self.assertGreater(asked["span"]["start_us"], 10**15)

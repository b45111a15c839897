"""The library that traces bash scripts does no harm: to what a script does, to its shell, at its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
import unittest

from tests.helpers import PATIENCE_SECONDS, TRACEPARENT, child_environment, wait_for
from tests.scripts import (
    BASH,
    LIBRARY,
    OK,
    SOURCE,
    START,
    VERSION,
    WHEN_SCRIPT_ENDED,
    WITHOUT,
    BashTestCase,
    Outcome,
    at_terminal,
    exported,
    lone_python,
    run_script,
    write_program,
)


class HarmTests(BashTestCase):
    """Whatever becomes of the node, and whatever the script has set, the script does what it does without tracing."""

    SCRIPT = r"""
echo() { builtin echo "said: $*"; }
set -euo pipefail
trap 'echo "exit trap $?"' EXIT
trace early echo early
trace_event early; trace_attributes a=1; trace_end; trace_start --export "$EXPORT"; trace_start
says() { trace inner echo "$1"; trace_event said n=1 "t=a b"; }
for i in 1 2 3; do trace outer says "$i"; done
echo "$(trace substituted echo hi | tr h H)" | trace piped cat
for i in {1..200}; do trace loop :; done
for i in {1..5}; do (trace subshell true); done
trace background sleep 0.01 & wait
if trace fails sh -c 'exit 3'; then :; else echo "code $?"; fi
trace_attributes retries=2
trace_end
trace late echo late
stops() { false; echo "not reached"; }
trace stops stops
"""
    NODES = {
        "is not there": None,
        "stalls": "exec sleep 60 2> /dev/null",
    }
    #: How many spans need no process.
    MANY = 300
    #: Descriptors that a script opens by number; the library's own is one.
    DESCRIPTORS = (10, "$mine")
    #: Scripts with traps, or that end at a failure.
    TRAPPING = (
        "set -E; trap 'echo err $?' ERR; trace n false; trace n sh -c 'exit 3'; echo end",
        "set -e; f() { false; echo on; }; trace n f || echo failed; trace n eval 'false; echo on'; echo end",
    )

    def test_script_does_not_depend_on_its_node(self) -> None:
        """Output and exit code are those without tracing, there is one message at most, and no waiting for a node that stalls."""
        wanted = run_script(WITHOUT + self.SCRIPT)
        with tempfile.TemporaryDirectory() as folder:
            for name, program in self.NODES.items():
                python = os.path.join(folder, name.replace(" ", "_"))
                if program:
                    write_program(python, program)
                with self.subTest(name):
                    self.check_script(wanted, 0 if program == "exit 3" else 1, 0, PYTHON=python)
        with self.subTest("is well"):
            self.check_script(wanted, 0, 216)

    def check_script(self, wanted: Outcome, messages: int, spans: int, **variables: str) -> None:
        """Hold the script to what comes of it without tracing, to that many messages at most, and to its spans."""
        began = time.monotonic()
        got = run_script(SOURCE + SOURCE + self.SCRIPT, **variables)

        self.assertEqual((got.code, got.out), (wanted.code, wanted.out))
        self.assertIn("said: exit trap 1", got.out)
        self.assertLessEqual(got.err.count("\n"), messages, got.err)
        self.assertEqual(len(got.spans), spans)
        self.assertLess(time.monotonic() - began, PATIENCE_SECONDS)

    def test_node_that_is_late_loses_nothing(self) -> None:
        """A Python that has not started at the script's end is not waited for, and what it was told is exported all the same."""
        with tempfile.TemporaryDirectory() as folder:
            python, path = os.path.join(folder, "late"), os.path.join(folder, "spans.jsonl")
            write_program(python, f'until [ -e "$EXPORT.go" ]; do sleep 0.02; done\nexec {lone_python()} "$@"')
            environment = child_environment(PYTHON=python, TRACE=LIBRARY, EXPORT=path, TMPDIR=folder)
            command = [BASH, "-c", START + "trace inside true; trace_end"]
            # No pipe, which the node would hold open.
            done = subprocess.run(command, stderr=subprocess.DEVNULL, env=environment, timeout=PATIENCE_SECONDS)

            self.assertEqual((done.returncode, os.path.exists(path)), (0, False))
            open(f"{path}.go", "w").close()
            wait_for(lambda: len(exported(path)) == 2)

    def test_older_bash_runs_the_script_untraced(self) -> None:
        """A bash that is too old gets one sentence, and functions that do nothing but run the command."""
        with open(LIBRARY, encoding="utf-8") as file:
            demanding = file.read().replace("4.[0-3].*", "*")
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as library:
            library.write(demanding)
            library.flush()
            got = run_script(SOURCE + self.SCRIPT, TRACE=library.name)
        wanted = run_script(WITHOUT + self.SCRIPT)

        self.assertEqual((got.code, got.out, got.spans), (wanted.code, wanted.out, []))
        self.assertEqual(got.err, "trace: the script is not traced: that takes bash 4.4 or newer\n")

    def test_no_fifo_no_trace(self) -> None:
        """Where no FIFO can be made the script is not traced, one sentence says so, and TRACEPARENT is left alone."""
        text = START + 'trace name "$env" TRACEPARENT; trace_event e; trace_end; echo "$TRACEPARENT"'
        for reason in (
            "TMPDIR=/nonexistent",
            "ulimit -n 10; set -o posix",
            'mkdir bin; for c in mkfifo dd rm sleep; do ln -s "$(type -P $c)" bin; done; PATH=$PWD/bin',
        ):
            with self.subTest(reason):
                got = run_script(f"env=$(type -P printenv); {reason}\n{text}", TRACEPARENT=TRACEPARENT)

                self.assertEqual((got.code, got.out, got.spans), (0, f"{TRACEPARENT}\n" * 2, []))
                self.assertRegex(got.err, r"^trace: the script is not traced: .*\n$")

    @unittest.skipIf(VERSION < (5,), "bash 4.4 may take back one such number itself")
    def test_descriptors_of_the_script_stay_its_own(self) -> None:
        """What a script opens by a number is there after tracing, also by the number that the library had."""
        for number in self.DESCRIPTORS:
            with self.subTest(number):
                swap = f'mine=$_trace_fd; eval "exec $mine>&-"; eval "exec {number}> kept"'
                got = run_script(f'{START} {swap}; trace n true; trace_end; eval "echo kept >&{number}"; cat kept')

                self.assertEqual(got.out, "kept\n")

    def test_shell_is_left_as_it_was(self) -> None:
        """Variables, options, traps, jobs and descriptors are the same after tracing as before it, RANDOM goes on in its sequence."""
        text = r"""
sleep 5 & background=$!
shopt -s nullglob extglob nocasematch; set -fu; IFS=,; trap 'echo usr1' USR1; trap 'echo err' ERR; RANDOM=42
state() { set -o; shopt; trap -p; jobs -l; echo "$! $* $RANDOM"; ls /dev/fd | wc -l; (set -o posix; set) | grep -vE "$ours"; }
ours='^(_|_trace_|BASH|EPOCH|FUNCNAME|LINENO|PIPESTATUS|PPID|RANDOM|SECONDS|SRANDOM|before|after)'
[[ abc =~ b ]]
[[ -z ${TRACE_IT-} ]] || { . "$TRACE"; trace_start --export "$EXPORT"; trace $'n\t"\xff' :; trace_event 'é"' é=é; trace_end; }
echo "${BASH_REMATCH[0]}"
state; kill "$background"
"""
        hide = re.compile(r"\b\d{3,}\b|^TRACE_IT=.*\n|/tmp\S*", re.MULTILINE)
        states = [run_script(text, **variables) for variables in ({}, {"TRACE_IT": "1"})]

        self.assertEqual(*(hide.sub("", state.out).splitlines() for state in states))
        self.assertEqual([state.err for state in states], ["", ""])
        self.assertEqual(len(states[1].spans), 2)

    def test_traps_run_as_often_as_without(self) -> None:
        """ERR, DEBUG and EXIT traps run as without, errexit acts in a traced function, and `||` turns it off."""
        for text in self.TRAPPING:
            with self.subTest(text):
                wanted, got = (
                    run_script(text.replace("trace n ", "").replace("trace_event", ":")),
                    run_script(f"{START}\n{text}"),
                )
                self.assertEqual((got.code, got.out), (wanted.code, wanted.out))

    def test_streams_pass_through(self) -> None:
        """A traced command has the script's stdin, stdout and stderr, its arguments as they are, and variables set before it."""
        text = (
            START
            + r"""echo in | A=1 trace n sh -c 'cat; echo "$A" "$@"; echo err >&2' sh 'a  b' '' '*' > "$EXPORT.out"; cat "$EXPORT.out" """
        )
        got = run_script(text)

        self.assertEqual((got.out, got.err.splitlines()[0]), ("in\n1 a  b  *\n", "err"))

    def test_no_process_is_started_for_a_span(self) -> None:
        """Spans, events and attributes need no other program, and take far less than a millisecond of CPU each."""
        text = (
            START
            + f"PATH=/nonexistent; for ((i = 0; i < {self.MANY}; i++)); do trace 'a span' :; done\n"
            + "trace_event e k=v; trace_attributes a=1; times"
        )
        got = run_script(text)
        minutes, seconds = re.findall(r"(\d+)m([\d.]+)s", got.out)[0]

        self.assertEqual(len(got.spans), self.MANY + 1)
        self.assertLess(60 * int(minutes) + float(seconds), self.MANY / 1000)


class EndTests(BashTestCase):
    """How a script ends that does not get as far as `trace_end`."""

    #: Ends, and their exit codes.
    ENDS = (("exit 5", 5), ("kill -KILL $$", -9))

    def test_exit_without_an_end_exports_open_spans(self) -> None:
        """Where the script exits, replaces itself or is killed, the node hears of it, and open spans are errors."""
        for end, code in self.ENDS:
            with self.subTest(end):
                got = run_script(f"{START} f() {{ {end}; }}; trace done true; trace f f")

                self.assertEqual((got.code, got.named("done")["status"]), (code, OK))
                self.assertEqual([got.named(name)["status"] for name in ("script", "f")], [WHEN_SCRIPT_ENDED] * 2)

    def test_daemon_does_not_keep_the_node(self) -> None:
        """A program that a script leaves behind inherits nothing by which the node would wait for it."""
        for end in ("trace_end", "exit"):
            with self.subTest(end):
                text = "daemon() { sleep 60 > /dev/null 2>&1 & echo $!; }; daemon; trace d daemon"
                got = run_script(f"{START} {text}; {end}")
                for process in got.out.split():
                    os.kill(int(process), signal.SIGKILL)

                self.assertEqual(len(got.spans), 2)

    def test_interrupt_reaches_the_script_alone(self) -> None:
        """Ctrl-C runs the script's own trap, or ends it, as without tracing; the node serves on, and open spans are errors."""
        body = "{} f() {{ sh -c 'echo ready; exec sleep 60'; }}; trace f f; echo not reached"
        # What is at the terminal when its last process ends may be lost.
        for trap in ("trap 'echo trapped; trace cleanup true; sleep 0.1; exit 5' INT;", ""):
            with self.subTest(trap), tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "spans.jsonl")
                code, said = at_terminal(START + body.format(trap), b"\x03", EXPORT=path, TMPDIR=folder)
                wanted = at_terminal(WITHOUT + body.format(trap), b"\x03")
                spans = {span["name"]: span["status"] for span in exported(path)}

                self.assertEqual((code, re.sub(r"tracer: .*\r\n", "", said)), wanted)
                self.assertEqual(
                    spans, {"bash": WHEN_SCRIPT_ENDED, "f": WHEN_SCRIPT_ENDED, **({"cleanup": OK} if trap else {})}
                )

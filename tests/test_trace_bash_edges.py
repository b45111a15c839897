"""The library that traces bash scripts at its edges: how it is sourced, what ends a script or a span, what its callers see of it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

from tests.helpers import PATIENCE_SECONDS, TRACEPARENT, child_environment, marked, wait_for
from tests.scripts import (
    BASH,
    LIBRARY,
    OK,
    SOURCE,
    START,
    WHEN_SCRIPT_ENDED,
    BashTestCase,
    Outcome,
    exported,
    lone_python,
    run_script,
    run_watched,
    write_program,
)

#: What a script says when nobody reads.
GIVEN_UP = "trace: nobody has read for a second: the script goes on untraced\n"


class SourceTests(BashTestCase):
    """Whoever sources it, whatever is there of it: the script runs, and one sentence says why it is not traced."""

    #: Other shells, by the words that start them.
    SHELLS = ("dash", "busybox sh", "mksh", "ksh", "yash", "zsh", f"{BASH} --posix")
    SCRIPT = """
trace_start --export "$EXPORT"; f() { echo "saw $?"; return 3; }
(exit 7); trace f f; echo $?; trace n; trace_event e k=v; trace_attributes a=1
trace_background server sh -c 'exit 5' & wait $!; echo $?; trace_end
"""
    SAID = "saw 7\n3\n5\n"

    def test_other_shells_run_the_script(self) -> None:
        """POSIX shells get functions that run the commands, and one sentence on stderr; a bash that keeps to POSIX is traced."""
        for shell in self.SHELLS:
            if shutil.which(shell.split()[0]) is None:
                continue
            with self.subTest(shell), tempfile.TemporaryDirectory() as folder:
                variables = {"TRACE": LIBRARY, "PYTHON": lone_python(), "TMPDIR": folder}
                variables["EXPORT"] = os.path.join(folder, "spans.jsonl")
                deed, _ = run_watched([*shell.split(), "-c", SOURCE + self.SCRIPT], folder, [], **variables)

                self.assertEqual((deed.code, deed.out, deed.left), (0, self.SAID, []))
                sentence = (
                    "" if shell.startswith(BASH) else "trace: the script is not traced: that takes bash 4.4 or newer\n"
                )
                self.assertEqual(deed.err, sentence)

    def test_missing_library_is_survived(self) -> None:
        """With the README's first lines a script runs untraced where there is no library, and says nothing."""
        (script,) = re.findall(r"```bash\n(.*?\n)trace_start", marked("script-with-options"), re.DOTALL)
        missing = script.replace("tracer/trace.bash", "/nonexistent/trace.bash")
        got = run_script(f"set -u\n{missing}{self.SCRIPT}")

        self.assertEqual((got.code, got.out, got.err, got.spans), (0, self.SAID, "", []))

    def test_alias_called_trace_does_not_break_it(self) -> None:
        """An alias of a verb's name is removed; the functions count."""
        got = run_script(f"shopt -s expand_aliases; alias trace='echo alias'\n{START}trace n echo traced; trace_end")

        self.assertEqual((got.out, got.named("n")["status"]), ("traced\n", OK))

    def test_link_is_followed_and_copy_looks_for_the_package(self) -> None:
        """A link leads to the package; a copy asks `span-tracer`, else says that it is one, and starts nothing of a stranger's."""
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copy(LIBRARY, folder)
            for name in ("main.py", "tracer.py", "script.py"):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write("raise SystemExit('another')\n") if name != "script.py" else os.remove(file.name)
            links = [os.path.join(folder, name) for name in ("link1", "link2")]
            os.symlink(LIBRARY, links[0])
            os.symlink("link1", links[1])
            tool = os.path.join(folder, "bin")
            os.mkdir(tool)
            text = f"cd {folder}\n{START}trace n true; trace_end"

            self.assertEqual(len(run_script(text, TRACE=links[1]).spans), 2)
            alone = run_script(text, TRACE=copy)
            self.assertEqual((alone.code, len(alone.spans)), (0, 0))
            self.assertRegex(
                alone.err, r"^trace: the script is not traced: \S+ is a copy, and there is no span-tracer in PATH\n$"
            )
            write_program(os.path.join(tool, "span-tracer"), f"echo {LIBRARY}")
            self.assertEqual(len(run_script(f"PATH={tool}:$PATH\n{text}", TRACE=copy).spans), 2)

    def test_readonly_traceparent_is_survived(self) -> None:
        """A readonly TRACEPARENT keeps the script untraced, which is said; made so later, it ends the naming of spans."""
        said = "trace: the script is not traced: TRACEPARENT is readonly\n"
        commands = "trace n echo n; trace_background b echo b & wait; trace_event e; trace_end; echo end"
        for given in ("readonly TRACEPARENT;", "readonly TRACEPARENT=x; set -o posix;"):
            with self.subTest(given):
                got = run_script(f"{given} {START}{commands}")

                self.assertEqual((got.code, got.out, got.err, got.spans), (0, "n\nb\nend\n", said, []))
        got = run_script(f"{START}trace a true; readonly TRACEPARENT; {commands}")
        self.assertEqual((got.code, got.out, got.err), (0, "n\nb\nend\n", ""))
        self.assertEqual([span["name"] for span in got.spans], ["a", "script"])
        got = run_script(f"f() {{ local -r TRACEPARENT=x; trace_start; {commands}; }}; {SOURCE}f")
        self.assertEqual((got.out, got.err), ("n\nb\nend\n", said))

    def test_nothing_is_left_where_there_is_no_program(self) -> None:
        """Without `rm` and the like there is one sentence, and no file, which nobody could remove."""
        got = run_script(f"PATH=; {START}trace n echo n; trace_end; echo end")

        self.assertEqual((got.out, got.err), ("n\nend\n", "trace: the script is not traced: there is no rm\n"))

    def test_words_are_not_split(self) -> None:
        """A script's name with a blank, and an IFS of what is in TRACEPARENT, change nothing."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "nightly copy.sh")
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"{START}IFS=-0123; trace n env | grep TRACEPARENT; trace_end\n")
            got = run_script(f'"$BASH" "{path}"', TRACEPARENT=TRACEPARENT)

        span = got.named("n")
        self.assertEqual((got.out, got.err), (f"TRACEPARENT=00-{'a' * 32}-{span['spanId']}-01\n", ""))
        self.check_under(span, got.named("nightly copy.sh"))

    def test_environment_of_python_does_not_matter(self) -> None:
        """PYTHONPATH and BASH_ENV lead no stranger's code into the node; an old Python is said."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("json.py", "sitecustomize.py", "bash_env"):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write("raise SystemExit('another')\n" if name.endswith(".py") else "echo another\n")
            got = run_script(f"BASH_ENV={folder}/bash_env; export BASH_ENV\n{START}trace_end", PYTHONPATH=folder)
            self.assertEqual((got.out, got.err, len(got.spans)), ("", "", 1))
            old = os.path.join(folder, "old")
            fake = "import sys; sys.version_info = (3, 8, 1); "
            write_program(old, f'c=$3; home=$4; folder=$5; exec {lone_python()} -c "{fake}$c" "$home" "$folder"')
            got = run_script(f"{START}trace_end; echo end", PYTHON=old)
            self.assertEqual(got.out, "end\n")
            self.assertEqual(got.err, "trace: the script is not traced: that needs Python 3.9 or newer, this is 3.8\n")

    def test_forgotten_name_is_told(self) -> None:
        """Where there is no command, a sentence says in which file and line, and how it is called."""
        got = run_script(f"{START}\ntrace ls --nonsense-option; echo $?; trace_end")

        self.assertEqual(got.out, "127\n")
        self.assertRegex(
            got.err,
            r"trace: /bin/script: line \d: there is no command '--nonsense-option'; it is: trace NAME COMMAND\n$",
        )


class EndTests(BashTestCase):
    """Ends of scripts and of spans."""

    def test_end_in_a_trap_says_what_it_ended_in(self) -> None:
        """trace_end in an EXIT trap, with spans open inside: the script's span is an error."""
        got = run_script(f"{START}trap trace_end EXIT; build() {{ exit 0; }}; trace build build")

        self.assertEqual(got.named("script")["status"], {"code": 2, "message": "ended in: build"})
        self.assertEqual(got.named("build")["status"], {"code": 2, "message": "still open at trace_end"})

    def test_end_in_a_trap_waits_for_the_picture(self) -> None:
        """trace_end in an EXIT trap after a failure waits until the picture is there; `return` without a code would not."""
        got = run_script(f"{SOURCE}trace_start --timeline; trap 'trace_end; echo end >&2' EXIT; exit 3")

        self.assertRegex(got.err, r"exit code 3\nend\n$")
        with open(LIBRARY, encoding="utf-8") as file:
            self.assertEqual(re.findall(r".*\b(?:return|exit)(?: *$| *[;|&}#].*)", file.read(), re.MULTILINE), [])

    def test_span_ends_with_its_shell(self) -> None:
        """A span whose shell has gone without a word ends then, long before the script does."""
        text = f"{START}f() {{ exit 0; }}; x=$(trace f f); sleep 0.7; trace later true; trace_end"
        got = run_script(text)
        f, later = got.named("f"), got.named("later")

        self.assertEqual(f["status"], {"code": 2, "message": "its shell ended without ending it"})
        self.assertLess(int(f["endTimeUnixNano"]), int(later["startTimeUnixNano"]) - 300_000_000)

    def test_background_program_ends_without_a_status(self) -> None:
        """The end of a program that a job has become is seen; how it ended is not known."""
        got = run_script(f"{START}trace_background server sleep 0.3 & wait; sleep 0.3; trace_end")
        server = got.named("server")
        lasted = int(server["endTimeUnixNano"]) - int(server["startTimeUnixNano"])

        self.check_under(server, got.named("script"))
        self.assertNotIn("message", server.get("status", {}))
        self.assertTrue(0.25e9 < lasted < 0.55e9, lasted)

    def test_caller_does_not_wait_for_jobs(self) -> None:
        """A traced job that goes on without the script's output keeps neither the caller nor the other spans."""
        with tempfile.TemporaryDirectory() as folder:
            export = os.path.join(folder, "spans.jsonl")
            text = f"{START}trace server sleep 4 > /dev/null 2>&1 & trace n true; set -e; false"
            variables = {"TRACE": LIBRARY, "PYTHON": lone_python(), "TMPDIR": folder, "EXPORT": export}
            began = time.monotonic()
            process = subprocess.run(
                [BASH, "-c", text], capture_output=True, env=child_environment(**variables), timeout=PATIENCE_SECONDS
            )
            self.assertEqual((process.returncode, process.stderr), (1, b""))
            self.assertLess(time.monotonic() - began, 3.5)
            names = {span["name"]: span["status"] for span in exported(export)}
            self.assertEqual(names, {"n": OK, "bash": WHEN_SCRIPT_ENDED, "server": WHEN_SCRIPT_ENDED})
            wait_for(lambda: not [name for name in os.listdir(folder) if name.startswith("trace.")])

    def test_slow_backend_is_not_waited_for(self) -> None:
        """trace_end comes back with the picture at once, whatever the backend does."""
        text = f'{SOURCE}trace_start --timeline --export http://192.0.2.1:4318 --export "$EXPORT"; trace n true; trace_end; times'
        with tempfile.TemporaryDirectory() as folder:
            export = os.path.join(folder, "spans.jsonl")
            variables = {"TRACE": LIBRARY, "PYTHON": lone_python(), "TMPDIR": folder, "EXPORT": export}
            began = time.monotonic()
            deed, seconds = run_watched([BASH, "-c", text], folder, OTEL_EXPORTER_OTLP_TIMEOUT="1000", **variables)

            self.assertLess(seconds, 3)
            self.assertEqual(deed.err.count("INTERNAL"), 2, deed.err)
            self.assertEqual(len(exported(export)), 2)
            self.assertLess(time.monotonic() - began, PATIENCE_SECONDS)


class ShownTests(BashTestCase):
    """What a script's caller and its own code see of the library."""

    def test_xtrace_shows_two_lines_a_call(self) -> None:
        """Set -x shows two lines of the library's for each call at most, wherever it writes, and goes on; PS4 is expanded as often."""
        for call, most in [
            ("trace n true", 4),
            ("f() { :; }; trace n f", 5),
            ("trace_event e k=v", 2),
            ("trace_attributes a=1 b=2", 2),
            ("(trace_background n true)", 3),
        ]:
            for shown in ("", "BASH_XTRACEFD=2; ", "exec 14>&2; BASH_XTRACEFD=14; "):
                with self.subTest(call, shown=shown):
                    text = f"n=0; PS4='+$((++n))$(date >&2) '; {shown}set -x; {call}; : on; {call}; : end; set +x; trace_end"
                    got = run_script(f"date() {{ echo date; }}; {START}{text}")
                    lines = re.findall(r"^\++\d+ (.*)", got.err, re.MULTILINE)

                    self.assertEqual(lines[-1:], ["set +x"], got.err)
                    between = lines[lines.index(": on") + 1 : lines.index(": end")]
                    self.assertLessEqual(len(between), most, got.err)
                    self.assertEqual(got.err.count("date\n"), len(lines), got.err)

    def test_nothing_of_the_script_is_seen_twice(self) -> None:
        """Nothing but the script has its name or its arguments in the list of processes."""
        if shutil.which("pgrep") is None:
            self.skipTest("there is no pgrep here")
        got = self.check_same("sleep 0.4; pgrep -fc $0; trace f pgrep -fc $0; pidof -x -o $$ $0")

        self.assertEqual(got.out.split()[:2], ["1", "1"])

    def test_removed_fifo_is_said_once(self) -> None:
        """Where somebody removes the FIFO the script goes on untraced; that is said once."""
        got = run_script(
            f'{START}sleep 0.5; rm -r "$_trace_folder"; for i in {{1..5}}; do trace n true; done; sleep 1.5; trace_end; echo end'
        )

        self.assertEqual((got.code, got.out, got.err.count("trace.")), (0, "end\n", 1))

    def run_with_other_side(self, program: str, text: str) -> Outcome:
        """Run a script that traces, with the shell's words of a program in Python's place; it has a long name in $long."""
        with tempfile.TemporaryDirectory() as folder:
            python = os.path.join(folder, "python")
            write_program(python, program)
            return run_script(f"printf -v long %0250d\n{START}{text}", PYTHON=python)

    def test_patience_is_a_second_for_all_shells_together(self) -> None:
        """A script with many subshells waits for a reader for a second in all, and says so once; one that comes later has nothing to add.

        A beginning that had no room is not told, and so its end is not, though that had some.
        """
        text = """
for i in {1..12}; do (for j in {1..240}; do trace "$long" :; done); done; trace n true; trace_end; echo end"""
        began = time.monotonic()
        got = self.run_with_other_side(f'sleep 1.8; exec {lone_python()} "$@"', text)

        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual((got.out, got.err), ("end\n", GIVEN_UP))
        self.assertGreater(len(got.spans), 10)

    def test_nobody_can_count_the_patience(self) -> None:
        """Where nobody reads, and files cannot grow, the script does not wait for ever."""
        text = "trap '' XFSZ; ulimit -f 0; for i in {1..400}; do trace $long :; done; echo end; trace_end"
        got = self.run_with_other_side("exec sleep 20 2> /dev/null", text)

        self.assertEqual((got.code, got.out, got.err), (0, "end\n", GIVEN_UP))

    def test_slow_reader_loses_nothing(self) -> None:
        """Where the node is late, many subshells that fill the FIFO, one by one or at once, wait for it; no span is lost."""
        for after, seconds in [("", 0.7), ("&", 0.4)]:
            with self.subTest(after):
                text = f"IFS=.; for i in {{1..30}}; do (for j in {{1..20}}; do trace $long :; done) {after} done; wait; trace_end"
                got = self.run_with_other_side(f'sleep {seconds}; exec {lone_python()} "$@"', text)

                self.assertEqual((got.err, len(got.spans)), ("", 601))

    def test_handler_s_span_is_another(self) -> None:
        """A handler that traces in the midst of `trace` changes neither the name of that span nor anything that is run."""
        got = run_script(
            START
            + r"""f() { trap ': returned' RETURN; }
set -T; trap 'trace "x; echo mine|" true' DEBUG; trace "fn|" f; trap - DEBUG; trace_end"""
        )

        self.assertEqual((got.code, got.out, got.err), (0, "", ""))
        self.check_under(got.named("fn|"), got.named("script"))

    def test_folder_may_have_any_name(self) -> None:
        """A relative path is meant from the folder where the script began, even if its name is no text."""
        if sys.platform == "darwin":
            self.skipTest("names of files are text here")
        got = run_script(
            f"mkdir $'\\xff|'; cd $'\\xff|'\n{SOURCE}trace_start --export $'\\xe9|'; trace_end; grep -c spans $'\\xe9|'"
        )

        self.assertEqual((got.out, got.err), ("1\n", ""))

    def test_lock_is_free_after_the_script(self) -> None:
        """A lock on a descriptor that the script has opened goes with the script, while the node still sends."""
        if shutil.which("flock") is None:
            self.skipTest("there is no flock here")
        script = f"{START}exec 300> lock; flock 300; trace n true; exit 3"
        got = run_script(f"\"$BASH\" -c '{script}'; echo $?; flock -n lock echo free")

        self.assertEqual((got.out, got.named("n")["status"]), ("3\nfree\n", OK))

    def test_mount_is_free_after_the_script(self) -> None:
        """A file system on which the script ran can be taken away when the script has ended."""
        script = f"cd mounted; {START}trace n true"
        text = f"mount -t tmpfs tmpfs mounted; \"$BASH\" -c '{script}'; umount mounted && echo free"
        got = self.run_apart(["--mount"], f"mkdir mounted; {text}")

        self.assertEqual((got.out, got.named("n")["status"]), ("free\n", OK))

    def test_script_may_be_the_first_process(self) -> None:
        """In a container, whose processes end with it, a script that is process 1 has its spans exported by trace_end."""
        got = self.run_apart(["--pid", "--fork", "--mount-proc"], f"{START}trace n true; trace_end; echo $$")

        self.assertEqual((got.out, got.err, len(got.spans)), ("1\n", "", 2))

    def run_apart(self, namespaces: list[str], text: str) -> Outcome:
        """Run a script in namespaces of its own, where that can be done."""
        apart = ["unshare", "--user", "--map-root-user", *namespaces]
        if shutil.which("unshare") is None or subprocess.run([*apart, "true"], capture_output=True).returncode:
            self.skipTest("there is no way to have namespaces here")
        return run_script(f'{shlex.join(apart)} "$BASH" -c {shlex.quote(text)}')

    def test_deep_recursion(self) -> None:
        """A function that traces itself a thousand deep is traced."""
        got = run_script(f"{START}f() {{ (($1 == 0)) || trace f f $(($1 - 1)); }}; trace f f 1000; echo $?; trace_end")

        self.assertEqual((got.out, len(got.spans)), ("0\n", 1002))

    def test_bad_traceparent_of_a_call_is_said_once(self) -> None:
        """A TRACEPARENT of the script's own that is none is said once, whatever it holds, and costs its own spans alone."""
        got = run_script(
            START
            + """f() { trace_event bad; }
for x in $'a|b\\nc' 'd e' '|' $'\\nfinish|1|0\\n'; do TRACEPARENT=$x trace bad true; TRACEPARENT=$x f; done
trace n true; trace_end"""
        )

        self.assertEqual([span["name"] for span in got.spans], ["n", "script"])
        self.assertEqual((got.code, got.err.count("the trace is not whole: ")), (0, 1))

    def test_traceparent_is_the_innermost_span(self) -> None:
        """A background program is told its own span, and the script's variable stays."""
        got = run_script(
            f"{START}trace_background p printenv TRACEPARENT & wait; trace_end; echo $TRACEPARENT",
            TRACEPARENT=TRACEPARENT,
        )

        self.assertEqual(got.out.split(), [f"00-{'a' * 32}-{got.named('p')['spanId']}-01", TRACEPARENT])

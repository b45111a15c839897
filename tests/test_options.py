"""The command line: every option, its default, and what is refused."""

from __future__ import annotations

import contextlib
import functools
import glob
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile
from unittest import mock

from tests.helpers import INTERPRETER, TOP, marked, run, run_here
from tracer.command.command_line import parse_options
from tracer.command.options import Options
from tracer.forms import MAX_TIMESTAMP_US, MESSAGES
from tracer.limits import _VARIABLES

CREATE = b'{"type":"create_span","name":"n","span_id":"%s","kind":"SERVER"}\n'


@functools.lru_cache(None)
def helped() -> subprocess.CompletedProcess:
    """Run the node with `--help`, over input that it must not read."""
    return run(b"nonsense\n", "--help")


class OptionsTests(unittest.TestCase):
    """What each option sets."""

    def test_defaults_are_those_of_the_readme(self) -> None:
        """Without options: auto clock, ticks of 5,000, 100,000 open spans, 1,000 ended ones, lines of 1 MiB."""
        for options in (Options(), parse_options([], "1"), parse_options(["--verbose"], "1")):
            self.assertEqual(
                (options.clock, options.tick_us, options.export, options.timeline), ("auto", 5_000, None, False)
            )
            self.assertEqual((options.draw, options.trace, options.last), (None, None, None))
            self.assertEqual(
                (options.max_open_spans, options.keep_ended, options.max_line_bytes), (100_000, 1_000, 1 << 20)
            )

    def test_docs_has_every_option_and_its_default(self) -> None:
        """The docs' table names each option that `--help` names, and the default of each number."""
        rows = [line.split(" | ") for line in marked("options").splitlines()[2:]]

        self.assertEqual(
            set(re.findall("--[a-z-]+", " ".join(row[0] for row in rows))),
            set(re.findall("--[a-z-]+", helped().stdout.decode())) - {"--"},
        )
        for row in rows:
            option = re.match(r"\| `--([a-z-]+)(?: N)?`", row[0])
            value = getattr(Options, option[1].replace("-", "_"), None) if option else None
            if type(value) is int:
                self.assertEqual(row[2], f"{value} |")

    def test_docs_has_every_variable(self) -> None:
        """The docs' table names the variables that set bounds, and no others."""
        named = {variable for variables in _VARIABLES.values() for variable in variables}

        self.assertEqual(set(re.findall(r"OTEL_\w+", marked("variables"))), named)

    def test_each_option_sets_its_value(self) -> None:
        """Each option sets what it is named for, and the last of two counts; `--export` counts each time."""
        for arguments, name, value in [
            (["--clock", "real"], "clock", "real"),
            (["--clock=simulated"], "clock", "simulated"),
            (["--clock", "real", "--clock", "auto"], "clock", "auto"),
            (["--tick-us", "0"], "tick_us", 0),
            (["--tick-us", "7"], "tick_us", 7),
            (["--tick-us", str(MAX_TIMESTAMP_US)], "tick_us", MAX_TIMESTAMP_US),
            (["--export", "spans.jsonl"], "export", ["spans.jsonl"]),
            (["--export", "a", "--export=http://b"], "export", ["a", "http://b"]),
            (["--timeline"], "timeline", True),
            (["--draw", "a", "-", "--draw", "b"], "draw", ["a", "-", "b"]),
            (["--draw", "--verbose", "a", "--last", "1", "b"], "draw", ["a", "b"]),
            (["a", "--draw"], "draw", ["a"]),
            (["--draw", "a", "--", "--verbose", "--"], "draw", ["a", "--verbose", "--"]),
            (["--timeline", "--"], "timeline", True),
            (["--draw", "a", "--trace", "4BF9"], "trace", "4bf9"),
            (["--timeline", "--trace", "0" * 32], "trace", "0" * 32),
            (["--timeline", "--last", "3"], "last", 3),
            (["--max-open-spans", "1"], "max_open_spans", 1),
            (["--keep-ended", "0"], "keep_ended", 0),
            (["--max-line-bytes", "1"], "max_line_bytes", 1),
            (["--max-line-bytes", "0000000000000000000000000000009"], "max_line_bytes", 9),
            (["--verbose"], "verbose", True),
        ]:
            with self.subTest(arguments=arguments):
                self.assertEqual(getattr(parse_options(arguments, "1"), name), value)

    def test_usage_says_how_the_node_was_started(self) -> None:
        """Usage names `main.py`, the module or the command, whichever was typed."""
        for path, program in [
            ("./main.py", "main.py"),
            ("/lib/tracer/__main__.py", "python -m tracer"),
            ("/bin/span-tracer", "span-tracer"),
        ]:
            with mock.patch.object(sys, "argv", [path]):
                said = parse_options(["--help"], "1").printed

            self.assertTrue(said.startswith(f"usage: {program} [OPTION]... < FILE\n"), said)
            self.assertIn(f"\n  {program} --draw FILE ", said)

    def refused(self, *arguments: str) -> str:
        """Return what is said of arguments that are refused with exit code 2, as `main.py` says it."""
        said = io.StringIO()
        program = mock.patch("sys.argv", ["/somewhere/main.py"])
        with program, contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as caught:
            parse_options(list(arguments), "1")
        self.assertEqual(caught.exception.code, 2)
        return said.getvalue()

    def test_refusal_says_what_was_expected_and_what_came(self) -> None:
        """There is one sentence, the option, what it has to be, and what came; and a line of usage."""
        tick = f"--tick-us must be a whole number from 0 to {MAX_TIMESTAMP_US}"
        line = f"--max-line-bytes must be a whole number from 1 to {sys.maxsize}"
        clock = "--clock must be one of auto, simulated, real"
        export = "--export must be a file or a URL (stdout is for the replies)"
        draw = "--draw must be one or more files, and nothing came"
        for arguments, sentence in {
            ("--tick-us",): f"{tick}, and nothing came",
            ("--tick-us", "--verbose"): f"{tick}, and nothing came",
            **{("--tick-us", value): f'{tick}, not "{value}"' for value in ("", "-1", "x", "1.5", " 1", "1_0", "1e3")},
            ("--tick-us", "²"): f'{tick}, not "\\u00b2"',
            ("--tick-us", str(MAX_TIMESTAMP_US + 1)): f'{tick}, not "{MAX_TIMESTAMP_US + 1}"',
            ("--max-line-bytes=0",): f'{line}, not "0"',
            ("--max-line-bytes", "9" * 70): f'{line}, not "{"9" * 60}..."',
            ("--clock", "fast"): f'{clock}, not "fast"',
            ("--clock", "\x1b[2J"): f'{clock}, not "\\u001b[2J"',
            ("--clock",): f"{clock}, and nothing came",
            ("--export", "-"): f'{export}, not "-"',
            ("--export",): f"{export}, and nothing came",
            **dict.fromkeys([("--draw",), ("--draw", "--verbose"), ("--draw", "--")], draw),
            **{
                ("--draw", "a", "--trace", value): f'--trace must be 1 to 32 hex digits, not "{value}"'
                for value in ("", "xyz", "4b f9", "-1", "0x1", "1_0", "0" * 33)
            },
            ("--timeline", "--trace", "٣"): '--trace must be 1 to 32 hex digits, not "\\u0663"',
            ("--trace", "4bf9"): "--trace chooses what is drawn, so it needs --draw or --timeline",
            ("--last", "1", "--clock", "real"): "--last chooses what is drawn, so it needs --draw or --timeline",
            ("--timeline=1",): "--timeline takes no value",
            ("--nonsense", "5"): 'there is no option "--nonsense"',
            ("--verb",): 'there is no option "--verb"',
            ("-v",): 'there is no option "-v"',
            ("--timline",): 'there is no option "--timline"; did you mean --timeline?',
            ("--tick_us=5",): 'there is no option "--tick_us=5"; did you mean --tick-us?',
            ("--draw", "a", "--verbos"): 'there is no option "--verbos"; did you mean --verbose?',
            ("a", "--Help"): 'there is no option "--Help"; did you mean --help?',
            ("help",): 'there is no command "help"; did you mean --help?',
            ("version", "--verbose"): 'there is no command "version"; did you mean --version?',
            **{
                arguments: f'"{arguments[-1]}" is no option: messages come on stdin, main.py < FILE, '
                "and main.py --draw FILE draws spans"
                for arguments in [("a.jsonl",), ("-",), ("--verbose", "--timeline", "a"), ("--", "--verbose")]
            },
        }.items():
            with self.subTest(arguments):
                usage = "usage: main.py [OPTION]... < FILE (main.py --help says more)"
                self.assertEqual(self.refused(*arguments), f"main.py: {sentence}\n{usage}\n")

    def test_every_number_has_its_bounds(self) -> None:
        """Each number is refused right below its least and right above its most."""
        for option, least, most in (
            ("--tick-us", 0, MAX_TIMESTAMP_US),
            ("--max-open-spans", 1, sys.maxsize),
            ("--keep-ended", 0, sys.maxsize),
            ("--max-line-bytes", 1, sys.maxsize),
            ("--last", 1, sys.maxsize),
        ):
            for value in (least - 1, most + 1):
                with self.subTest(option, value=value):
                    said = self.refused(option, str(value))

                    self.assertIn(f'{option} must be a whole number from {least} to {most}, not "{value}"', said)

    def test_help_and_version_exit_0(self) -> None:
        """`--help` lists every option and `--version` the version, on stdout; nothing is read."""
        process = helped()
        self.assertEqual((process.returncode, process.stderr), (0, b""))
        said = " ".join(process.stdout.decode().split())
        for sentence in (
            "usage: main.py [OPTION]... < FILE ",
            " what it keeps: --clock CLOCK where time comes from, auto, simulated, real; ",
            " what it shows: --timeline ",
            " where spans go: --export ",
            " other: --bash ",
            "Keeps spans for others: one JSON message a line on stdin, one JSON reply a line on stdout. ",
            " auto (default) is simulated, but real from the first init on if no span came before it ",
            "--tick-us N microseconds that the simulated clock adds a line (default 5000) ",
            "--export FILE|URL append ended spans to FILE as OpenTelemetry JSON lines, or send them to URL; ",
            "--timeline draw the traces on stderr at the end of input ",
            "draw the spans in files of OpenTelemetry JSON (- is stdin) on stdout, and exit ",
            "--trace ID draw the trace of that ID alone, and all of its spans; its first digits are enough ",
            "--last N draw the N traces alone that began last ",
            "--max-open-spans N spans that may be open at once (default 100000) ",
            "--keep-ended N ended spans that are kept for get_span (default 1000) ",
            "--max-line-bytes N longest line that is read (default 1048576) ",
            "--verbose report every bad line, what is ignored, and how many lines came; in a picture, list what each span has ",
            "--bash print the path of the library that traces a bash script, and exit ",
            "--version print the version, and exit -h, --help print this, and exit ",
        ):
            self.assertIn(sentence, said)

        code, out, err = run_here(b"nonsense\n", "--version")
        self.assertEqual((code, err), (0, b""))
        self.assertRegex(out, rb"^tracer \d+\.\d+\.\d+\n$")

    def test_help_is_as_wide_as_the_terminal(self) -> None:
        """Help has 80 columns at most, and less where the terminal is narrower; only examples are as wide as they are."""
        for columns, widest in (("60", 60), ("80", 80), ("200", 80)):
            text = run_here(b"", "--help", COLUMNS=columns)[1].decode()

            self.assertLessEqual(max(map(len, text.splitlines())), 80)
            self.assertLessEqual(max(map(len, text[: text.index("examples:")].splitlines()[4:])), widest)

    def test_first_of_the_options_that_print_is_heard(self) -> None:
        """An option that prints does so, whatever comes after it, and nothing else is done."""
        self.assertRegex(run_here(b"nonsense\n", "--version", "--help", "--nonsense")[1], rb"^tracer \S+\n$")
        self.assertEqual(run_here(b"", "--draw", "no such file", "--version")[0], 0)

    def test_help_that_cannot_be_written_fails(self) -> None:
        """`--help`, `--version` and `--bash` on a full disk are a sentence and exit code 74; on a closed pipe 141."""
        for option in ("--help", "--version", "--bash"):
            with self.subTest(option), open("/dev/full", "wb") as full:
                process = run(b"", option, stdout=full)

                self.assertEqual(process.returncode, 74)
                self.assertEqual(process.stderr, b"tracer: stdin or stdout failed: No space left on device\n")
        reading, writing = os.pipe()
        os.close(reading)
        process = run(b"", "--help", stdout=writing)
        os.close(writing)
        self.assertEqual((process.returncode, process.stderr), (141, b""))

    def test_help_ends_with_a_session_the_messages_and_the_readme(self) -> None:
        """The session gives what it shows, to the byte; all messages are named."""
        text = "\n".join(helped().stdout.decode().splitlines())
        session, messages, rest = text[text.index("a session") :].split("\n\n")
        shown = [line[2:] for line in session.splitlines()[1:]]
        typed = "".join(f"{line[2:]}\n" for line in shown if line.startswith("> "))
        replies = "".join(f"{line}\n" for line in shown if not line.startswith("> "))

        self.assertEqual(run_here(typed.encode())[1].decode(), replies)
        self.assertEqual(re.findall(r"\w+", messages), ["messages", *MESSAGES])
        self.assertTrue(rest.startswith("README.md "))

    def test_bash_prints_where_the_library_is(self) -> None:
        """`--bash` prints the path of `trace.bash`, on stdout; nothing is read."""
        library = os.path.join(TOP, "tracer", "trace.bash")

        self.assertEqual(run_here(b"nonsense\n", "--bash"), (0, os.fsencode(library) + b"\n", b""))
        self.assertTrue(os.path.exists(library))

    def test_archive_has_no_file_to_source(self) -> None:
        """From a zipapp `--bash` says that there is no file to source, and exits 2; the node runs there all the same."""
        with tempfile.TemporaryDirectory() as folder:
            archive = os.path.join(folder, "app.pyz")
            with zipfile.ZipFile(archive, "w") as app:
                app.writestr("__main__.py", "import main; main.run()")
                app.write(os.path.join(TOP, "main.py"), "main.py")
                for path in glob.glob(os.path.join(TOP, "tracer", "**", "*.py"), recursive=True):
                    app.write(path, os.path.relpath(path, TOP))
            command = (*INTERPRETER, archive)
            bash, served = run(b"", "--bash", command=command), run(b'{"type":"generate"}\n', command=command)

            library = os.path.join(archive, "tracer", "trace.bash")
            sentence = f'app.pyz: there is no file to source: "{library}" is in an archive, unpack that first'
            self.assertEqual(bash.stderr.decode().splitlines()[0], sentence)
            self.assertEqual((bash.returncode, bash.stdout), (2, b""))
            with mock.patch("os.path.exists", return_value=False):
                self.assertRegex(
                    self.refused("--bash"), '^main.py: there is no file to source: ".*trace.bash" is in an archive'
                )
            self.assertEqual(served.stdout, b'{"type": "generate_ok", "id": "span1"}\n')


class CommandTests(unittest.TestCase):
    """Options through the whole command."""

    def test_file_reads_nothing(self) -> None:
        """After a file stdin is left alone."""
        code, out, err = run_here(b'{"type":"generate"}\n', "FILE")

        self.assertEqual((code, out), (2, b""))
        self.assertIn(b'main.py: "FILE" is no option: ', err)

    def test_bad_option_reads_nothing(self) -> None:
        """After a bad option nothing is served."""
        code, out, err = run_here(b'{"type":"generate"}\n', "--keep-ended", "some")

        self.assertEqual((code, out), (2, b""))
        self.assertIn(b"--keep-ended", err)

    def test_tick_sets_the_step(self) -> None:
        """`--tick-us` is what a line adds to the simulated clock; it may be 0."""
        data = CREATE % b"s" + b'{"type":"span_end","span_id":"s"}\n'
        for tick_us in (b"0", b"1", b"123"):
            _, out, _ = run_here(data, "--tick-us", tick_us.decode())

            self.assertIn(b'"duration_us": %s,' % tick_us, out)

    def test_clock_is_chosen(self) -> None:
        """`--clock real` is real without an `init`, `--clock simulated` is simulated after one, auto is as it comes."""
        ask = b'{"type":"create_span","name":"n","span_id":"s"}\n{"type":"get_span","span_id":"s"}\n'
        init = b'{"type":"init","node_id":"n1"}\n'
        for clock, lines, is_real in [
            ("real", ask, True),
            ("simulated", init + ask, False),
            ("auto", ask, False),
            ("auto", init + ask, True),
        ]:
            with self.subTest(clock=clock, lines=lines[:20]):
                _, out, _ = run_here(lines, "--clock", clock)
                span = json.loads(out.splitlines()[-1])["span"]

                self.assertEqual(span["start_us"] > 10**15, is_real)
                self.assertEqual(int(span["traceparent"][3:35], 16) > 2**64, is_real)

    def test_bounds_are_set(self) -> None:
        """`--max-open-spans`, `--keep-ended` and `--max-line-bytes` are the node's bounds."""
        create = CREATE[:-2] + b',"msg_id":1}\n'
        _, out, _ = run_here(create % b"a" + create % b"b", "--max-open-spans", "1")
        self.assertEqual(json.loads(out.splitlines()[1])["code"], 11)

        end = b'{"type":"span_end","span_id":"a"}\n{"type":"get_span","span_id":"a","msg_id":1}\n'
        _, out, _ = run_here(create % b"a" + end, "--keep-ended", "0")
        self.assertEqual(json.loads(out.splitlines()[2])["code"], 20)

        _, out, err = run_here(b'{"type":"generate"}\n{"type":"generate" }\n', "--max-line-bytes", "19")
        self.assertEqual(len(out.splitlines()), 1)
        self.assertIn(b"line 2: the line is longer than 19 bytes", err)

    def test_verbose_tells_every_line(self) -> None:
        """With `--verbose` thirty bad lines give thirty sentences and the number of lines read."""
        _, _, err = run_here(b"x\n" * 30, "--verbose")

        self.assertEqual(err.count(b"tracer: line "), 30)
        self.assertTrue(err.endswith(b"tracer: 30 lines read\n"))

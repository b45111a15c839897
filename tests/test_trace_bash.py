"""The library that traces bash scripts: what it tells the node, from where, and whose child each span is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile

from tests.helpers import PATIENCE_SECONDS, TOP, TRACEPARENT, child_environment, marked
from tests.scripts import SOURCE, START, VERSION, BashTestCase, at_terminal, exported, run_script


class TextTests(BashTestCase):
    """Names, events and attributes."""

    #: Where names are any text.
    LOCALES = ("C.UTF-8",)

    def test_name_may_be_any_text(self) -> None:
        """A name comes out as it went in, in any locale; what is no part of UTF-8 becomes U+FFFD."""
        names = [bytes([code]) for code in range(1, 256)]
        names += [
            text.encode()
            for text in ("GET /a", '"', "\\", '\\"\\\\"&', "\\n\n\t\r\b", "a|\\p|", "é", "中文", "\U0001f600é\x7f")
        ]
        names += [
            text.encode() for text in ("\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff", "a" * 600, "é" * 300)
        ]
        names += [
            b"\xc0\xaf",
            b"\xe0\x80\xaf",
            b"\xed\xa0\x80",
            b"\xf0\x80\x80\xaf",
            b"\xf4\x90\x80\x80",
            b"\xf5\x80\x80\x80",
        ]
        names += [b"\xe4\xb8", b"\xe4\xb8x", b"x\xff\xc3\xa9\xfe\n", b"\xf0\x9f\x98", b"\xc3", b"\xc3\xc3\xa9"]
        for locale in self.LOCALES:
            with self.subTest(locale):
                got = run_script(START + 'for name; do trace "$name" true; done; trace_end', *names, LC_ALL=locale)

                self.assertEqual(
                    [span["name"] for span in got.spans[:-1]], [name.decode("utf-8", "replace") for name in names]
                )

    def test_long_text_is_cut(self) -> None:
        """Of a text 600 bytes are kept, 300 where escapes make it too long; an event leaves out what has no room."""
        text = (
            START
            + r"""printf -v long '%05000d'; printf -v wild '\\%.0s' {1..1000}
trace "$long" true; trace "$wild" true; trace_event "$wild" a=1 "b=$wild" c=3
trace_attributes "d=$long" "e=$wild" "$long=f"; trace_end"""
        )
        got = run_script(text)
        attributes = {entry["key"]: entry["value"]["stringValue"] for entry in got.spans[2]["attributes"]}
        long, wild = "0" * 600 + "...", "\\" * 300 + "..."

        self.assertEqual([span["name"] for span in got.spans[:2]], [long, wild])
        self.assertEqual(attributes, {"d": long[2:], "e": wild[2:]})
        self.assertEqual([entry["key"] for entry in got.spans[2]["events"][0]["attributes"]], ["a", "c"])
        self.assertEqual(got.err, "")
        named = run_script(f"""exec -a script "$BASH" -c '{START}trace_end' "$(printf '%05000d' 1)" """)
        self.assertEqual(named.spans[0]["name"], long)

    def test_values_are_whole_numbers_booleans_and_text(self) -> None:
        """Whole numbers, true and false are told as such, all else as text; what is no KEY=VALUE is ignored."""
        kinds = {
            "intValue": ["0", "7", "-12", "9007199254740993"],
            "boolValue": ["true", "false"],
            "stringValue": [
                "",
                "007",
                "-0",
                "-",
                "+1",
                "1.5",
                "1e3",
                "True",
                "null",
                "a=b",
                "é",
                "٣",
                "1 2",
                '"',
                "[1]",
                "1\n",
            ],
        }
        values = [value for values in kinds.values() for value in values]
        arguments = [f"k{number}={value}" for number, value in enumerate(values)]
        for tell in ("trace_event e", "trace_attributes"):
            with self.subTest(tell):
                got = run_script(f'{START} {tell} "$@" nothing =1 ==; trace_end', *arguments, LC_ALL="C.UTF-8")
                told = got.spans[0]["events"][0] if "event" in tell else got.spans[0]

                self.assertEqual(
                    [(kind, str(value).lower() if kind == "boolValue" else value)
                     for entry in told["attributes"] for kind, value in entry["value"].items()],
                    [(kind, value) for kind, values in kinds.items() for value in values],
                )  # fmt: skip

    def test_case_does_not_break_values(self) -> None:
        """Where a script has words compared without their case, TRUE is a text all the same."""
        got = run_script(START + "shopt -s nocasematch; trace_attributes a=TRUE; trace_end")

        self.assertEqual(got.spans[0]["attributes"], [{"key": "a", "value": {"stringValue": "TRUE"}}])

    def test_empty_name_has_a_name(self) -> None:
        """A span without a name is called after its command, and `span` where there is none either; the script has one too."""
        text = START + 'trace "" true; trace; trace ""; trace_event; trace_end'
        self.assertEqual([span["name"] for span in run_script(text).spans], ["true", "span", "span", "script"])
        if VERSION < (5,):
            self.skipTest("a script of this bash has a name")
        nameless = run_script(f"BASH_ARGV0=''\n{START} trace_end")

        self.assertEqual([span["name"] for span in nameless.spans], ["span"])

    def test_event_and_attributes_are_of_the_innermost_span(self) -> None:
        """What a traced function records belongs to its span, what stands outside of any to the script's."""
        text = START + "f() { trace_event inside; trace_attributes a=1; }; trace f f; trace_event outside; trace_end"
        got = run_script(text)

        self.assertEqual([span["events"][0]["name"] for span in got.spans], ["inside", "outside"])
        self.assertEqual(
            [span.get("attributes") for span in got.spans], [[{"key": "a", "value": {"intValue": "1"}}], None]
        )


class EverywhereTests(BashTestCase):
    """Where a script may trace, and whose child a span is."""

    #: How many spans come after one another; how many jobs there are at once, and the spans of each and of its subshells.
    SPANS, JOBS, TURNS = 600, 4, 10

    def test_subshells_trace_too(self) -> None:
        """Spans of substitutions, pipelines, subshells and background jobs are children of the span that they run in."""
        text = (
            START
            + r"""
f() { x=$(trace substitution echo); trace left echo | trace right cat; (trace subshell true); trace background true & wait; }
trace f f > /dev/null; trace_end"""
        )
        got = run_script(text)

        self.assertEqual(len(got.spans), 7)
        self.check_under(got.named("f"), got.named("script"))
        for name in ("substitution", "left", "right", "subshell", "background"):
            self.check_under(got.named(name), got.named("f"))

    def test_many_shells_write_whole_lines_and_other_ids(self) -> None:
        """Jobs and their subshells at once, with the longest lines, at a terminal, where stdio's buffer is the smallest."""
        text = (
            f"{START} jobs={self.JOBS} turns={self.TURNS}\n"
            r"""printf -v long '\1%.0s' {1..120}
job() { for ((i = 0; i < turns; i++)); do trace "$long" :; x=$(trace s :); done; }
echo ready; for ((j = 0; j < jobs; j++)); do trace job job & done; wait; trace_end"""
        )
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "spans.jsonl")
            code, said = at_terminal(text, b"", EXPORT=path, TMPDIR=folder)
            spans = exported(path)

        self.assertEqual((code, said), (0, "ready\r\n"))
        count = 1 + self.JOBS * (1 + 2 * self.TURNS)
        self.assertEqual((len(spans), len({span["spanId"] for span in spans})), (count, count))

    def test_long_loop_loses_nothing(self) -> None:
        """A script that is quicker than its node waits for it rather than lose a span."""
        got = run_script(f"{START} for ((i = 0; i < {self.SPANS}; i++)); do trace n :; done; trace_end")

        count = self.SPANS + 1
        self.assertEqual((got.err, len(got.spans), len({span["spanId"] for span in got.spans})), ("", count, count))


class IdentityTests(BashTestCase):
    """TRACEPARENT, in and out."""

    #: What is no TRACEPARENT.
    BAD = ("", f"00-{'0' * 32}-{'b' * 16}-01", "00-*-*-*")

    def test_folder_for_the_fifo_may_be_relative(self) -> None:
        """A relative TMPDIR is meant from where the script began to trace."""
        got = run_script("mkdir folder\n" + START + "trace a true; cd folder; trace b true; trace_end", TMPDIR=".")

        self.assertEqual([span["name"] for span in got.spans], ["a", "b", "script"])

    def test_two_scripts_that_call_each_other_are_one_trace(self) -> None:
        """Each script has a node and a file of its own; a script's span is a child of the command that called it."""
        got = run_script(
            r"""script() {
. "$TRACE"; trace_start --export "$EXPORT.$1"
[[ ! $2 ]] || trace "call $2" "$BASH" -c "$(declare -f script); script $2 $3" "$2"
trace work true; trace_end; }
script script inner innermost; "$PYTHON" "${TRACE%/*/*}/main.py" --draw "$EXPORT".*""",
            OTEL_SERVICE_NAME="s",
        )

        self.assertEqual(got.err, "")
        self.assertEqual(
            [re.sub(" +INTERNAL OK", "", line) for line in drawn(got.out)],
            [
                "script",
                "├ call inner",
                "│ └ inner",
                "│   ├ call innermost",
                "│   │ └ innermost",
                "│   │   └ work",
                "│   └ work",
                "└ work",
            ],
        )

    def test_good_traceparent_is_the_parent(self) -> None:
        """The script's span joins the trace of TRACEPARENT, of any version, with its lowest flags; afterwards the variable is as before."""
        text = START + 'trace n printenv TRACEPARENT; echo "$TRACEPARENT"; trace_end; echo "$TRACEPARENT"'
        for given, flags in [(TRACEPARENT, "01"), (f'cc{TRACEPARENT[2:-2]}ff-"x', "03")]:
            with self.subTest(given):
                got = run_script(text, TRACEPARENT=given)
                script, child = got.named("script"), got.named("n")

                self.assertEqual((script["traceId"], script["parentSpanId"]), ("a" * 32, "b" * 16))
                self.check_under(child, script)
                said = [f"00-{'a' * 32}-{span['spanId']}-{flags}" for span in (child, script)]
                self.assertEqual(got.out.splitlines(), [*said, given])

    def test_call_may_have_a_parent_of_its_own(self) -> None:
        """A TRACEPARENT before one call of `trace` is that span's parent, and the script's is afterwards as before."""
        call = f'TRACEPARENT={TRACEPARENT} trace request eval "trace inner true"'
        got = run_script(
            f'{START} before=$TRACEPARENT; {call}; [[ $TRACEPARENT == "$before" ]] && echo same; trace_end'
        )

        request = got.named("request")
        self.assertEqual((got.out, request["traceId"], request["parentSpanId"]), ("same\n", "a" * 32, "b" * 16))
        self.check_under(got.named("inner"), request)

    def test_unsampled_parent_is_obeyed(self) -> None:
        """Where the parent is not sampled nothing is exported, and children are told so."""
        got = run_script(START + "trace n printenv TRACEPARENT; trace_end", TRACEPARENT=TRACEPARENT[:-1] + "0")

        self.assertRegex(got.out, "^00-a{32}-[0-9a-f]{16}-00\n$")
        self.assertEqual((got.spans, got.err), ([], ""))

    def test_bad_traceparent_starts_a_new_trace(self) -> None:
        """An empty or bad TRACEPARENT makes the script's span a root."""
        for given in self.BAD:
            with self.subTest(given):
                got = run_script(START + "trace_end", TRACEPARENT=given)

                self.assertEqual((got.code, got.err), (0, ""))
                self.assertNotEqual(got.spans[0]["traceId"], "a" * 32)
                self.assertNotIn("parentSpanId", got.spans[0])


class StatusTests(BashTestCase):
    """When a span began and ended, and how."""

    def test_exit_code_is_the_status(self) -> None:
        """0 is OK; anything else an error that says the code, or the signal by its name; `trace` returns it."""
        for errexit in ("", "set -e; "):
            text = (
                START
                + errexit
                + r"""for code; do trace "$code" sh -c "$code" 2> /dev/null || echo $?; done; trace_end"""
            )
            got = run_script(text, "exit 0", "exit 3", "exit 128", "exit 255", "kill -TERM $$", "kill -KILL $$")
            errors = [span["status"].get("message") for span in got.spans[:-1]]

            self.assertEqual(got.out.split(), ["3", "128", "255", "143", "137"])
            self.assertEqual(errors, [None, "exit code 3", "exit code 128", "exit code 255", "SIGTERM", "SIGKILL"])
            self.assertEqual([span["status"]["code"] for span in got.spans], [1, 2, 2, 2, 2, 2, 1])

    def test_script_has_a_status_too(self) -> None:
        """The script's span ends with the exit code before `trace_end`: in an EXIT trap that is the script's."""
        got = run_script(START + "trap trace_end EXIT; exit 3")

        self.assertEqual((got.code, got.named("script")["status"]), (3, {"message": "exit code 3", "code": 2}))

    def test_span_begins_when_its_command_does(self) -> None:
        """Also the first span, for which Python has yet to start, begins and ends when its command does."""
        if VERSION < (5, 0):
            self.skipTest("this bash does not know the time")
        now = 'echo "${EPOCHREALTIME/[.,]/}"'
        got = run_script(
            f"{SOURCE} {now}; trace_start --export $EXPORT; {now}; trace n eval '{now}; sleep 0.01; {now}'; {now}; trace_end"
        )
        times = list(map(int, got.out.split()))
        script, span = (
            [int(got.named(name)[key]) // 1000 for key in ("startTimeUnixNano", "endTimeUnixNano")]
            for name in ("script", "n")
        )

        self.assertEqual(sorted([times[0], script[0], times[1], span[0], times[2], times[3], span[1], times[4], script[1]]),
                         [times[0], script[0], times[1], span[0], times[2], times[3], span[1], times[4], script[1]])  # fmt: skip


class DocsTests(BashTestCase):
    """What the docs show of scripts."""

    def test_example_draws_its_picture(self) -> None:
        """The scripts that the docs show give the picture that they show, times and bars aside."""
        script, picture = re.findall(r"```\w+\n(.*?)```", marked("script"), re.DOTALL)
        (other,) = re.findall(r"```bash\n(.*?)```", marked("script-with-options"), re.DOTALL)
        tools = 'pg_dump() { :; }; upload_with_retries() { trace "PUT $1" eval "(exit 7)"; trace "PUT $1" :; }\n'
        for text in (script, other):
            with self.subTest(text):
                got = run_script(tools + text.replace("tracer/trace.bash", '"$TRACE"'), COLUMNS="80")

                self.assertEqual(drawn(got.err), drawn(picture.replace("backup.sh", "script   ")))
                self.assertEqual((got.code, got.out), (0, ""))

    def run_for_other_shells(self, name: str) -> dict[str, dict]:
        """Run the lines for `sh` that are marked so; return the spans that they make, by name."""
        (script,) = re.findall(r"```sh\n(.*?)```", marked(name), re.DOTALL)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "spans.jsonl")
            command = f'"{sys.executable}" "{TOP}/main.py" --export "{path}"'
            process = subprocess.run(
                ["sh", "-c", script.replace("python3 main.py", command)],
                capture_output=True,
                cwd=folder,
                env=child_environment(),
                timeout=PATIENCE_SECONDS,
            )
            self.assertEqual((process.returncode, process.stdout), (0, b""))
            return {span["name"]: span for span in exported(path)}

    def test_examples_for_other_shells_make_their_spans(self) -> None:
        """The README's lines for `sh` make one span; those of the page about scripts make two of one trace."""
        self.assertEqual(set(self.run_for_other_shells("pipe")), {"copy"})
        spans = self.run_for_other_shells("from sh")
        self.assertEqual(set(spans), {"backup", "copy"})
        self.check_under(spans["copy"], spans["backup"])


def drawn(picture: str) -> list[str]:
    """Return what of a picture is the same each time: tree, names, kinds, statuses, errors."""
    return [re.sub(r" +[\d.]+ \w?s .*", "", line) for line in picture.splitlines() if not line.startswith("trace ")]

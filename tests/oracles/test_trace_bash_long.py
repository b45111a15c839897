"""The tests of the library that traces bash scripts again, with more cases and more spans."""

from __future__ import annotations

from tests import test_trace_bash, test_trace_bash_harm
from tests.helpers import TRACEPARENT
from tests.oracles import skip_unless_outer

skip_unless_outer()

TRACE, SPAN = "a" * 32, "b" * 16


class LongTextTests(test_trace_bash.TextTests):
    """Names are any text in another locale, too."""

    LOCALES = ("C", "C.UTF-8")


class LongEverywhereTests(test_trace_bash.EverywhereTests):
    """Loops of thousands, and more jobs at once."""

    SPANS, JOBS, TURNS = 4000, 8, 40


class LongIdentityTests(test_trace_bash.IdentityTests):
    """More that is no TRACEPARENT."""

    BAD = (
        *test_trace_bash.IdentityTests.BAD,
        "x",
        f"{TRACEPARENT}0",
        f"00-{TRACE}-{SPAN[1:]}é-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{TRACEPARENT}-x",
        TRACEPARENT.upper(),
        TRACEPARENT[:-1],
        f"01-{TRACE}-{SPAN}-01x",
        f"0g-{TRACE}-{SPAN}-01",
        f"00_{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}_01",
        "'; exit 1",
        "$(exit 1)",
    )


class LongHarmTests(test_trace_bash_harm.HarmTests):
    """More nodes that do not serve, more descriptors, more traps, and more spans without a process."""

    MANY = 1000
    NODES = {
        **test_trace_bash_harm.HarmTests.NODES,
        "cannot start": "exit 3",
        "dies": "read -r line; kill -9 $$",
    }
    DESCRIPTORS = (*range(10, 16), 200, "$mine")
    TRAPPING = (
        *test_trace_bash_harm.HarmTests.TRAPPING,
        "set -e; trap 'echo exit $?' EXIT; f() { false; echo on; }; trace n f; echo end",
        "n=0; trap 'n=$((n + 1))' DEBUG; trace n true; echo $n",
        "trap 'echo err $?' ERR; trace n false; trace n true; echo end",
        "set -E; trap 'echo err $?' ERR; set -e; trace n sh -c 'exit 4'; echo end",
        "set -o posix; set -eu; trace n true; trace n cd /nonexistent 2> /dev/null || echo $?; trace n exit 3",
        "exec 2>&-; set -e; trace n true; trace_event e; echo end",
        "f() { local code=1 name=2; trace n g; echo $code $name; }; g() { code=3 name=4; }; trace n f; echo ${code-}",
    )


class LongEndTests(test_trace_bash_harm.EndTests):
    """More ends without an end."""

    ENDS = (*test_trace_bash_harm.EndTests.ENDS, ("exec true", 0), ("set -e; false", 1))

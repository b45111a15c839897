"""The command line's arguments.

Owns the options and the sentences for what is wrong with them; imported only where there are arguments.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import textwrap

from ..clock import TICK_US
from ..forms import MAX_TIMESTAMP_US, MESSAGES
from ..limits import ENDED_SPANS, MAX_LINE_BYTES, OPEN_SPANS
from ..words import WholeNumber, quote
from .options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_CLOCKS = ("auto", "simulated", "real")


class _Value:
    """What the value of an option has to be.

    Args:
        metavar: stands for it in the usage.
        expected: the same in words.
        read: returns what is made of a text, None where it is not of this form.
        help: what the option does.
        several: what argparse needs to know of an option that may have several values.
    """

    def __init__(self, metavar: str, expected: str, read: Callable[[str], Any], help: str, **several: Any) -> None:
        self.metavar, self.expected, self.help, self.several = metavar, expected, help, several
        self._read = read

    def __call__(self, text: str) -> Any:
        """Read it, for argparse."""
        value = self._read(text)
        if value is None:
            raise argparse.ArgumentTypeError(f"{_MUST_BE}{self.expected}, not {quote(text)}")
        return value


def _take_number(least: int, most: int, help: str) -> _Value:
    number = WholeNumber(least, most)
    return _Value("N", number.expected, number.read, help)


#: How the sentence about a value begins, behind the name of its option.
_MUST_BE = "must be "
#: The options that have a value.
_VALUES = {
    "--clock": _Value(
        f"{{{','.join(_CLOCKS)}}}",
        f"one of {', '.join(_CLOCKS)}",
        lambda text: text if text in _CLOCKS else None,
        "where time comes from; auto (default) is simulated, but real from the first init on if no span came before it",
    ),
    "--tick-us": _take_number(
        0, MAX_TIMESTAMP_US, f"microseconds that the simulated clock adds a line (default {TICK_US})"
    ),
    "--export": _Value(
        "FILE|URL",
        "a file or a URL (stdout is for the replies)",
        lambda text: None if text == "-" else text,
        "append ended spans to FILE as OpenTelemetry JSON lines, or send them to URL; may be given more than once",
        action="append",
    ),
    "--draw": _Value(
        "FILE",
        "one or more files",
        str,
        "draw the spans in files of OpenTelemetry JSON (- is stdin) on stdout, and exit",
        action="extend",
        nargs="+",
    ),
    "--trace": _Value(
        "ID",
        "1 to 32 hex digits",
        lambda text: text.lower() if re.fullmatch("[0-9A-Fa-f]{1,32}", text) else None,
        "draw the trace of that ID alone, and all of its spans; its first digits are enough",
    ),
    "--last": _take_number(1, sys.maxsize, "draw the N traces alone that began last"),
    "--max-open-spans": _take_number(1, sys.maxsize, f"spans that may be open at once (default {OPEN_SPANS})"),
    "--keep-ended": _take_number(0, sys.maxsize, f"ended spans that are kept for get_span (default {ENDED_SPANS})"),
    "--max-line-bytes": _take_number(1, sys.maxsize, f"longest line that is read (default {MAX_LINE_BYTES})"),
}
#: The options that have none.
_SWITCHES = {
    "--timeline": "draw the traces on stderr at the end of input",
    "--verbose": "report every bad line, what is ignored, and how many lines came; in a picture, list what each span has",
    "--bash": "print the path of the library that traces a bash script, and exit",
}
#: What says which traces are drawn.
_CHOOSING = {"trace", "last"}
_EPILOG = """\
an example (> marks what you type):
  > {"type": "create_span", "name": "GET /api/data", "kind": "CLIENT"}
  {"type": "span_created", "span_id": "span1", "kind": "CLIENT"}
  > {"type": "span_event", "span_id": "span1", "event": "db.query"}
  > {"type": "span_end", "span_id": "span1"}
  {"type": "span_complete", "span_id": "span1", "duration_us": 10000, "status": "OK"}

messages:
%s

README.md says what is in each message, what comes back, and all the rest.
"""


def parse_options(arguments: list[str], version: str) -> Options:
    """Read the command line.

    Raises:
        SystemExit: 2 after a bad option, with usage on stderr, and after a file; 0 after `--help` and `--version`.
    """
    parser = _make_parser(version)
    try:
        # argparse sets a default only where the namespace has none, so those of Options stand, and what is set was given.
        options, rest = parser.parse_known_args(arguments, Options())
    except argparse.ArgumentError as error:
        parser.error(_explain(error))
    if rest and rest[0] != "-" and rest[0].startswith("-"):
        parser.error(f"there is no option {quote(rest[0])}")
    if rest:
        parser.exit(2, f"{parser.prog} reads from stdin: {parser.prog} < FILE\n")
    serving = sorted(vars(options).keys() - {"draw", "verbose", *_CHOOSING})
    if options.draw and serving:
        parser.error(f"--draw draws and exits, so --{serving[0].replace('_', '-')} does not go with it")
    choosing = sorted(vars(options).keys() & _CHOOSING)
    if choosing and not (options.draw or options.timeline):
        parser.error(f"--{choosing[0]} chooses what is drawn, so it needs --draw or --timeline")
    return options


def find_bash_library() -> str:
    """Return the path of the library that traces a bash script."""
    return os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "trace.bash")


def _make_parser(version: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_name_program(),
        description="Keeps spans for others: one JSON message a line on stdin, one JSON reply a line on stdout.",
        epilog=_EPILOG % textwrap.indent(textwrap.fill(", ".join(MESSAGES)), "  "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        exit_on_error=False,
    )
    for option, value in _VALUES.items():
        parser.add_argument(option, type=value, metavar=value.metavar, help=value.help, **value.several)
    for option, text in _SWITCHES.items():
        parser.add_argument(option, action="store_true", help=text)
    parser.add_argument("--version", action="version", version=f"tracer {version}")
    return parser


def _name_program() -> str:
    """Return what was typed to start the node."""
    name = os.path.basename(sys.argv[0])
    return "python -m tracer" if name == "__main__.py" else name


def _explain(error: argparse.ArgumentError) -> str:
    """Say plainly what argparse found wrong with an option: its value, that it has none, or that it has one."""
    option = str(error.argument_name)
    if error.message.startswith(_MUST_BE):
        return f"{option} {error.message}"
    if option in _VALUES:
        return f"{option} {_MUST_BE}{_VALUES[option].expected}, and nothing came"
    return f"{option} takes no value"

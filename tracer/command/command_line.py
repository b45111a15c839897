"""The command line's arguments.

Owns the options and the sentences for what is wrong with them; imported only where there are arguments.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import textwrap

from ..clock import TICK_US
from ..forms import MAX_TIMESTAMP_US, MESSAGES
from ..limits import ENDED_SPANS, MAX_LINE_BYTES, OPEN_SPANS
from ..words import WholeNumber, guess, quote, quote_path
from .options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn

#: Columns of the help, where the terminal has so many.
_COLUMNS = 80
_CLOCKS = ("auto", "simulated", "real")


class _Printed(Exception):  # noqa: N818 - it is no error
    """An option asks for a text, and for nothing else; the text is its argument."""


class _Print(argparse.Action):
    """Ask for the text that the option's constant makes."""

    def __call__(self, *arguments: object) -> NoReturn:
        raise _Printed(self.const())


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Write the help in 80 columns at most."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(shutil.get_terminal_size().columns, _COLUMNS))


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
#: The options, in the groups of the help; one that has no value has a text alone, what it does.
_GROUPS: dict[str, dict[str, _Value | str]] = {
    "what it keeps": {
        "--clock": _Value(
            "CLOCK",
            f"one of {', '.join(_CLOCKS)}",
            lambda text: text if text in _CLOCKS else None,
            f"where time comes from, {', '.join(_CLOCKS)}; auto (default) is simulated, but real from the first init on "
            "if no span came before it",
        ),
        "--tick-us": _take_number(
            0, MAX_TIMESTAMP_US, f"microseconds that the simulated clock adds a line (default {TICK_US})"
        ),
        "--max-open-spans": _take_number(1, sys.maxsize, f"spans that may be open at once (default {OPEN_SPANS})"),
        "--keep-ended": _take_number(0, sys.maxsize, f"ended spans that are kept for get_span (default {ENDED_SPANS})"),
        "--max-line-bytes": _take_number(1, sys.maxsize, f"longest line that is read (default {MAX_LINE_BYTES})"),
    },
    "what it shows": {
        "--timeline": "draw the traces on stderr at the end of input",
        "--draw": _Value(
            "FILE",
            "one or more files",
            str,
            "draw the spans in files of OpenTelemetry JSON (- is stdin) on stdout, and exit",
            action="extend",
            nargs="*",
        ),
        "--trace": _Value(
            "ID",
            "1 to 32 hex digits",
            lambda text: text.lower() if re.fullmatch("[0-9A-Fa-f]{1,32}", text) else None,
            "draw the trace of that ID alone, and all of its spans; its first digits are enough",
        ),
        "--last": _take_number(1, sys.maxsize, "draw the N traces alone that began last"),
        "--verbose": "report every bad line, what is ignored, and how many lines came; "
        "in a picture, list what each span has",
    },
    "where spans go": {
        "--export": _Value(
            "FILE|URL",
            "a file or a URL (stdout is for the replies)",
            lambda text: None if text == "-" else text,
            "append ended spans to FILE as OpenTelemetry JSON lines, or send them to URL; may be given more than once",
            action="append",
        ),
    },
    "other": {
        "--bash": "print the path of the library that traces a bash script, and exit",
        "--version": "print the version, and exit",
        "-h --help": "print this, and exit",
    },
}
_OPTIONS = [name for group in _GROUPS.values() for names in group for name in names.split()]
_VALUES = {name: value for group in _GROUPS.values() for name, value in group.items() if isinstance(value, _Value)}
#: What says which traces are drawn.
_CHOOSING = {"trace", "last"}
#: How the command is used, behind its name.
_USAGE = "[OPTION]... < FILE"
_EPILOG = """\
examples:
  {program} < FILE                serve the messages in a file
  {program} --timeline < FILE     the same, and draw their spans
  {program} --draw FILE           draw the spans that --export wrote

a session (> marks what you type):
  > {{"type": "create_span", "name": "work", "span_id": "w", "kind": "CLIENT"}}
  {{"type": "span_created", "span_id": "w", "kind": "CLIENT"}}
  > {{"type": "span_end", "span_id": "w"}}
  {{"type": "span_complete", "span_id": "w", "duration_us": 5000, "status": "OK"}}

messages:
{messages}

README.md and the pages in docs/ say what is in each message, and all the rest.
"""


def parse_options(arguments: list[str], version: str) -> Options:
    """Read the command line.

    Raises:
        SystemExit: 2 after a bad option or a stray file, with a sentence and the usage on stderr.
    """
    parser = _make_parser(version)
    try:
        return _parse(parser, arguments)
    except _Printed as printed:
        options = Options()
        options.printed = str(printed)
        return options
    except argparse.ArgumentError as error:
        usage = f"usage: {parser.prog} {_USAGE} ({parser.prog} --help says more)"
        parser.exit(2, f"{parser.prog}: {_explain_refusal(error)}\n{usage}\n")


def _make_parser(version: str) -> argparse.ArgumentParser:
    program = _name_program()
    messages = textwrap.indent(textwrap.fill(", ".join(MESSAGES)), "  ")
    parser = argparse.ArgumentParser(
        prog=program,
        usage=f"%(prog)s {_USAGE}",
        description="Keeps spans for others: one JSON message a line on stdin, one JSON reply a line\non stdout.",
        epilog=_EPILOG.format(program=program, messages=messages),
        formatter_class=_Formatter,
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    texts = {"--bash": _find_bash_library, "--version": lambda: f"tracer {version}\n", "-h --help": parser.format_help}
    for title, options in _GROUPS.items():
        group = parser.add_argument_group(title)
        for option, what in options.items():
            if isinstance(what, _Value):
                group.add_argument(option, type=what, metavar=what.metavar, help=what.help, **what.several)
            elif option in texts:
                group.add_argument(
                    *option.split(), action=_Print, nargs=0, const=texts[option], default=argparse.SUPPRESS, help=what
                )
            else:
                group.add_argument(option, action="store_true", help=what)
    return parser


def _parse(parser: argparse.ArgumentParser, arguments: list[str]) -> Options:
    """Read the options, the files, and what goes together.

    Raises:
        _Printed: a text is asked for.
        argparse.ArgumentError: something is wrong.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    # argparse sets a default only where the namespace has none, so those of Options stand, and what is set was given.
    options, rest = parser.parse_known_args(arguments[:end], Options())
    for word in rest:
        if word.startswith("-") and word != "-":
            raise _refuse(f"there is no option {quote(word)}{guess(word.partition('=')[0], _OPTIONS)}")
    _take_files(options, [*rest, *arguments[end + 1 :]], parser.prog)
    _check_company(options)
    return options


def _take_files(options: Options, files: list[str], program: str) -> None:
    """Draw the files, wherever they stand, if anything is to be drawn."""
    if options.draw is not None:
        options.draw += files
        if not options.draw:
            raise _refuse(_explain_missing("--draw"))
    elif files and f"--{files[0]}" in _OPTIONS:
        raise _refuse(f"there is no command {quote(files[0])}; did you mean --{files[0]}?")
    elif files:
        where = f"messages come on stdin, {program} < FILE, and {program} --draw FILE draws spans"
        raise _refuse(f"{quote(files[0])} is no option: {where}")


def _check_company(options: Options) -> None:
    """Refuse options that do not go together."""
    serving = sorted(vars(options).keys() - {"draw", "verbose", *_CHOOSING})
    if options.draw and serving:
        raise _refuse(f"--draw draws and exits, so --{serving[0].replace('_', '-')} does not go with it")
    choosing = sorted(vars(options).keys() & _CHOOSING)
    if choosing and not (options.draw or options.timeline):
        raise _refuse(f"--{choosing[0]} chooses what is drawn, so it needs --draw or --timeline")


def _find_bash_library() -> str:
    """Return the path of the library that traces a bash script, as a line.

    Raises:
        argparse.ArgumentError: the package is in an archive, whose parts bash cannot source.
    """
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "trace.bash")
    if not os.path.exists(path):
        raise _refuse(f"there is no file to source: {quote_path(path)} is in an archive, unpack that first")
    return f"{path}\n"


def _name_program() -> str:
    """Return what was typed to start the node."""
    name = os.path.basename(sys.argv[0])
    return "python -m tracer" if name == "__main__.py" else name


def _refuse(sentence: str) -> argparse.ArgumentError:
    return argparse.ArgumentError(None, sentence)


def _explain_refusal(error: argparse.ArgumentError) -> str:
    """Say plainly what argparse found wrong with an option: its value, that it has none, or that it has one."""
    option = error.argument_name
    if option is None:
        return error.message
    if error.message.startswith(_MUST_BE):
        return f"{option} {error.message}"
    return _explain_missing(option) if option in _VALUES else f"{option} takes no value"


def _explain_missing(option: str) -> str:
    return f"{option} {_MUST_BE}{_VALUES[option].expected}, and nothing came"

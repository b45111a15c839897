"""The process at the other end of `trace.bash`: it keeps a script's spans, exports them, and draws them.

Owns what a record means and when the script has ended.  `trace.bash` says what it knows; all else is done here: the text's
encoding, the times, the statuses, whose span nobody will end, and letting go of the script's stderr.
A record is a line of fields, with `|` between them; in a field `\\` is written `\\\\`, a newline `\\n` and `|` is `\\p`.  The first is
its kind.
Traps: background jobs may write after the script's end.  A shell may go without a word, its last records still in the FIFO.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import sys
import time

from .command.complaints import Complaints
from .command.options import Options
from .command.session import draw_timeline, make_manager
from .errors import TracerError

# For type checkers, which skip what cannot be reached.
assert sys.platform != "win32"  # noqa: S101

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from .export import Exporter
    from .span import Span

#: How long the script's stderr is kept after `trace_end`, or after the script.
STDERR_SECONDS = 1.0
#: How often is looked for what makes no descriptor readable: a process that cannot be watched, a FIFO that was removed.
LOOK_SECONDS = 0.1
#: How long records gather before they are read: to wake up for each one would cost more than to read it.
GATHER_SECONDS = 0.005
#: A FIFO with room for some 10,000 records; Linux's number of `F_SETPIPE_SZ`, which `fcntl` has from Python 3.10 on.
FIFO_BYTES, F_SETPIPE_SZ = 1 << 20, 1031
#: As many naps as `trace.bash` takes before it gives up.
NAPS = 50

_INTEGER = re.compile("0|-?[1-9][0-9]*")
_ESCAPED = re.compile(r"\\(.)")
_MEANINGS = {"n": "\n", "p": "|"}
#: What a locale puts between seconds and microseconds.
_NO_DIGITS = re.compile("[^0-9]+")


def run(folder: str) -> int:
    """Serve one script; return the exit code.

    Args:
        folder: where the FIFO, which is stdin, has its name; it is removed at the end.
    """
    os.setsid()
    _take_name()
    _prepare_input()
    try:
        return Script(folder).serve()
    except SystemExit as exit:
        # argparse has said what is wrong with an option.
        return int(exit.code or 0)
    except (ValueError, TracerError) as error:
        Complaints(verbose=False).say(str(error))
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _take_name() -> None:
    """Be called `span-tracer` where processes are listed; on Linux alone."""
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as file:
            file.write("span-tracer")
    except OSError:
        pass


def _prepare_input() -> None:
    """Let reads return when the FIFO is empty; give it more room where that can be had."""
    import fcntl

    os.set_blocking(0, False)
    try:
        fcntl.fcntl(0, F_SETPIPE_SZ, FIFO_BYTES)
    except OSError:
        # Another system, or the user has too many large ones.
        pass


class Process:
    """A process of the script, which is watched for its end.

    Args:
        pid: its number; it may have ended, and even be another process by now, which then counts as this one.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        #: What becomes readable when it ends; None where the system has no such thing, or where it has ended.
        self.descriptor: int | None = None
        open_pidfd = getattr(os, "pidfd_open", None)
        if open_pidfd is not None:
            with contextlib.suppress(OSError):
                self.descriptor = open_pidfd(pid)

    def has_ended(self) -> bool:
        """Return whether it has."""
        if self.descriptor is not None:
            return bool(select.select([self.descriptor], [], [], 0)[0])
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return _is_zombie(self._pid)

    def forget(self) -> None:
        """Watch it no longer."""
        if self.descriptor is not None:
            os.close(self.descriptor)


class Script:
    """A script, as its records and its processes show it.

    Args:
        folder: where the FIFO has its name.
    Raises:
        SystemExit: an option is wrong.
        ValueError: an option's value is of no use; the message says why.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._naps = _open(os.path.join(folder, "naps"))
        #: Whether the FIFO has a name; the script may have taken it away before this began, and has said so.
        self._has_fifo = os.fstat(0).st_nlink > 0
        self._lines = b""
        #: Whether all who may write have gone.
        self._is_silent = False
        pid, time_text, context, parent, name, self._cwd, *arguments = self._read_introduction()
        self._options = _read_options(arguments)
        self._options.clock = "real"
        self._complaints = Complaints(self._options.verbose)
        self._say = self._complaints.say
        self._exporter = self._open_exporter(name)
        self._manager = make_manager(self._options, self._exporter, self._say)
        self._pid = int(pid)
        #: The shells that have open spans, and these spans; the script's own stays, even if it has none.
        self._shells: dict[int, set[str]] = {self._pid: set()}
        self._processes = {self._pid: Process(self._pid)}
        #: Shells that become a program in their next span, and such spans, which no shell will end.
        self._becoming: set[int] = set()
        self._programs: set[str] = set()
        #: When the last record was written, in microseconds.
        self._last_us = 0
        #: Whether `trace_end` has been called, and whether the trace has been shown.
        self._is_over = self._has_finished = False
        self._has_complained = False
        self._root_id = _read_span_id(context)
        self._note_time(time_text)
        self._read_begin(context, parent, pid, name)

    def _open_exporter(self, name: str) -> Exporter | None:
        if self._options.export is None:
            return None
        from .export import open_exporter

        # What names the service in the environment comes before the script's name.
        environment = {"OTEL_SERVICE_NAME": name, **os.environ}
        return open_exporter(self._options.export, environment, self._say, self._cwd)

    def serve(self) -> int:
        """Read until all who may write have gone; return the exit code."""
        # A script that was over before this began has ended when it wrote for the last time.
        is_late = self._processes[self._pid].has_ended()
        while True:
            self._read_records()
            has_just_ended = self._is_over and not self._has_finished
            self._end_the_lost(None if is_late or has_just_ended else self._read_clock())
            is_late = False
            if self._is_over:
                # Not before: whose shell has gone is not to be shown as open.
                self._finish()
            if self._exporter is not None:
                self._exporter.flush()
            if self._is_silent:
                break
            self._wait()
        self._finish()
        return 0 if self._exporter is None else int(self._exporter.close([], 0, "") + self._exporter.wait() > 0)

    def _read_clock(self) -> int:
        self._manager.clock.tick()
        return self._manager.clock.now_us

    def _wait(self) -> None:
        watched = [process.descriptor for process in self._processes.values()]
        known = [descriptor for descriptor in watched if descriptor is not None]
        # Until somebody writes or ends; where not all can be watched, or the FIFO may be removed, look now and then.
        select.select([0, *known], [], [], LOOK_SECONDS if len(known) < len(watched) else 10 * LOOK_SECONDS)
        time.sleep(GATHER_SECONDS)
        if self._has_fifo and os.fstat(0).st_nlink == 0:
            self._has_fifo = False
            # A script that gives up removes it, and says so itself.
            if self._naps is None or os.fstat(self._naps).st_size < NAPS:
                self._say(f"{self._folder} was removed: what comes after that is not traced")

    # -- records --

    def _read_introduction(self) -> list[str]:
        while b"\n" not in self._lines:
            select.select([0], [], [])
            if not self._read():
                raise ValueError("trace.bash has said nothing")
        line, _, self._lines = self._lines.partition(b"\n")
        fields = _read_fields(line, "surrogateescape")
        # The folder, and options, may be names of files.
        words = [os.fsdecode(field.encode(errors="surrogateescape")) for field in fields[5:]]
        return _read_fields(line)[:5] + words

    def _read(self) -> bool:
        """Read what is there; return whether there was something."""
        try:
            data = os.read(0, FIFO_BYTES)
        except BlockingIOError:
            return False
        self._is_silent = not data
        self._lines += data
        return bool(data)

    def _read_records(self) -> None:
        """Read all that has been written."""
        has_more = True
        while has_more:
            *lines, self._lines = self._lines.split(b"\n")
            for line in lines:
                self._read_record(line)
            has_more = self._read()

    def _read_record(self, line: bytes) -> None:
        kind, *fields = _read_fields(line)
        try:
            self._note_time(fields[0])
            READERS[kind](self, *fields[1:])
        except TracerError as error:
            self._complain(str(error))
        except (LookupError, TypeError, ValueError):
            # A $TRACEPARENT with a newline or `|`; a long record, where a system writes less than 1,000 bytes at once.
            self._complain(f"this is no record: {line!r}")

    def _note_time(self, text: str) -> None:
        # It is empty before bash 5, which does not know it.
        digits = _NO_DIGITS.sub("", text)
        self._last_us = int(digits) if digits else self._read_clock()

    def _complain(self, sentence: str) -> None:
        if not self._has_complained:
            self._say(f"the trace is not whole: {sentence}")
        self._has_complained = True

    def _read_begin(self, context: str, parent: str, pid_text: str, name: str) -> None:
        pid, span_id = int(pid_text), _read_span_id(context)
        body = {"name": name, "span_id": span_id, "context": context, "traceparent": parent}
        self._manager.create({**body, "timestamp_us": self._last_us})
        self._shells.setdefault(pid, set()).add(span_id)
        if pid in self._becoming:
            self._becoming.remove(pid)
            self._programs.add(span_id)

    def _read_program(self, pid_text: str) -> None:
        self._becoming.add(int(pid_text))

    def _read_end(self, context: str, code: str) -> None:
        self._end(_read_span_id(context), self._last_us, _explain_code(int(code)))

    def _read_event(self, context: str, name: str, *pairs: str) -> None:
        attributes = _read_pairs(pairs)
        self._manager.add_event(
            {"span_id": _read_span_id(context), "event": name, "attributes": attributes, "timestamp_us": self._last_us}
        )

    def _read_attribute(self, context: str, _: str, *pairs: str) -> None:
        attributes = _read_pairs(pairs)
        if attributes:
            self._manager.update({"span_id": _read_span_id(context), "attributes": attributes})

    def _read_finish(self, code: str) -> None:
        """End the script's span; spans of the same shell that are still open will not be ended by anybody."""
        inside = self._list_open(self._shells[self._pid] - {self._root_id})
        error = _explain_code(int(code))
        if inside and not error:
            error = f"ended in: {inside[-1].name}"
        for span in reversed(inside):
            self._end(span.span_id, self._last_us, "still open at trace_end")
        self._end(self._root_id, self._last_us, error)
        self._is_over = True

    # -- ends --

    def _list_open(self, span_ids: set[str]) -> list[Span]:
        return [span for span in self._manager.open_spans() if span.span_id in span_ids]

    def _end(self, span_id: str, at_us: int, error: str | None, status: str = "OK") -> None:
        span = self._manager.get({"span_id": span_id})
        if span.end_us is not None:
            # By the script's end, or its shell's.
            return
        # The machine's clock may have been set back.
        body = {"span_id": span_id, "status": status, "timestamp_us": max(at_us, span.start_us)}
        self._manager.end({**body, "status": "ERROR", "error": error} if error else body)
        for span_ids in self._shells.values():
            span_ids.discard(span_id)

    def _end_the_lost(self, now_us: int | None) -> None:
        """End the spans of shells that have gone; when the script itself has, all.

        What a shell has written before is still in the FIFO when its end is seen, so that is read before its spans are ended.
        """
        for pid in [pid for pid, span_ids in self._shells.items() if not span_ids and pid != self._pid]:
            del self._shells[pid]
            if pid in self._processes:
                self._processes.pop(pid).forget()
        for pid in self._shells.keys() - self._processes.keys():
            self._processes[pid] = Process(pid)
        gone = {pid for pid in self._shells if self._processes[pid].has_ended()}
        if self._is_silent:
            # The last one who may write closes the FIFO a moment before it has ended.
            gone.add(self._pid)
        if not gone:
            return
        self._read_records()
        at_us = self._last_us if now_us is None else now_us
        for pid in gone - {self._pid}:
            self._end_these(self._list_open(self._shells[pid]), at_us, "its shell ended without ending it")
        if self._pid in gone:
            self._end_these(self._manager.open_spans(), at_us, "still open when the script ended")
            self._finish()
            # What its jobs say from now on is kept as it comes.
            self._shells[self._pid] = set()

    def _end_these(self, spans: list[Span], at_us: int, why: str) -> None:
        # Those inside first, as they would have ended.
        for span in reversed(spans):
            if span.span_id in self._programs:
                self._end(span.span_id, at_us, None, "UNSET")
            else:
                self._end(span.span_id, at_us, why)

    def _finish(self) -> None:
        """Show the trace once; a second later the script's stderr is let go."""
        if self._has_finished:
            return
        self._has_finished = True
        signal.signal(signal.SIGALRM, _release_stderr)
        signal.setitimer(signal.ITIMER_REAL, STDERR_SECONDS)
        draw_timeline(self._manager, self._read_clock(), self._complaints, self._options)
        if self._exporter is not None:
            self._exporter.flush()
        self._read_records()
        # Where nobody is left who may write, all that remains is to send.
        if not self._is_silent:
            _create(os.path.join(self._folder, "done"))


READERS: dict[str, Callable[..., None]] = {
    "begin": Script._read_begin,
    "program": Script._read_program,
    "end": Script._read_end,
    "event": Script._read_event,
    "attribute": Script._read_attribute,
    "finish": Script._read_finish,
}


def _is_zombie(pid: int) -> bool:
    """Return whether a process has ended, but its parent has not asked how; on Linux alone.

    Source: proc_pid_stat(5), where the name may hold any character, a bracket too.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2].startswith(b"Z")
    except OSError:
        return False


def _release_stderr(number: int, frame: object) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def _open(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None


def _create(path: str) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError:
        pass


def _read_fields(line: bytes, errors: str = "replace") -> list[str]:
    fields = line.decode(errors=errors).split("|")
    if b"\\" not in line:
        return fields
    return [_ESCAPED.sub(lambda found: _MEANINGS.get(found[1], found[1]), field) for field in fields]


def _read_span_id(context: str) -> str:
    return context[36:52]


def _read_pairs(pairs: tuple[str, ...]) -> dict[str, object]:
    """Read KEY=VALUE; a whole number, true and false are sent as such, and what has no key is ignored."""
    split = (pair.partition("=") for pair in pairs)
    return {key: _read_value(value) for key, equals, value in split if key and equals}


def _read_value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if len(text) < 20 and _INTEGER.fullmatch(text) else text


def _explain_code(code: int) -> str | None:
    """Say what a command's exit code means; None for success."""
    if code <= 128:
        return f"exit code {code}" if code else None
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return f"exit code {code}"


def _read_options(arguments: list[str]) -> Options:
    if not arguments:
        return Options()
    from .command.command_line import parse_options
    from .version import __version__

    sys.argv[0] = "trace_start"
    options = parse_options(arguments, __version__)
    if options.draw or options.printed:
        raise ValueError(
            "trace_start takes the options that say what becomes of spans, such as --export and --timeline"
        )
    return options

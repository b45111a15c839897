"""How it is measured: child processes, their CPU time, their memory, and the time to their reply.

Owns every process and clock of the benchmarks; knows no row.
Traps: a machine's speed drifts, so two figures compare only when taken in turn; an environment with PYTHON* variables
measures those (PYTHONDONTWRITEBYTECODE makes every start compile); a first run fills the byte code cache, so it is thrown
away.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Callable

from .inputs import MARK, MARK_ANSWERED

MAIN = str(Path(__file__).resolve().parents[2] / "main.py")
LIBRARY = str(Path(MAIN).parent / "tracer" / "trace.bash")
LOOPS = Path(__file__).resolve().parent / "loops"

Pairs = list[tuple[float, float]]


class CannotRunError(Exception):
    """A row cannot be measured here; the text says why."""


class Bench:
    """A place to measure in.

    Args:
        python: the interpreter of every child.
        runs: how often each pair is measured.
        scale: what the numbers of messages are divided by; 1 for figures that are told to others.
        directory: takes the inputs, and what children write.
    """

    def __init__(self, python: str, runs: int, scale: int, directory: Path) -> None:
        self.python = python
        self.runs = runs
        self.scale = scale
        self.directory = directory

    def node(self, *options: str) -> list[str]:
        """Return the command that starts the node."""
        return [self.python, MAIN, *options]

    def loop(self, name: str, *arguments: str) -> list[str]:
        """Return the command that starts a reference."""
        return [self.python, str(LOOPS / f"{name}.py"), *arguments]

    def input(self, data: bytes, name: str = "input") -> Path:
        """Put data into a file for `cpu` and `output`."""
        path = self.directory / name
        path.write_bytes(data)
        return path

    def cpu(self, command: list[str], path: Path) -> float:
        """Return the CPU seconds, user and system, of a command between two pipes."""
        feed = subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE)
        process = start(command, feed.stdout)
        drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        for ours in (feed.stdout, process.stdout):
            # The children hold these ends now; kept open here as well, a pipe would never end.
            if ours is not None:
                ours.close()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        feed.wait()
        drain.wait()
        if process.returncode:
            raise CannotRunError(f"exit code {process.returncode} of {' '.join(command)}")
        return used.ru_utime + used.ru_stime

    def script_cpu(self, name: str, *arguments: str) -> tuple[float, float]:
        """Return the CPU seconds that a bash script has measured: of what is traced, and of its reference.

        Raises:
            CannotRunError: there is no bash, or it complained.
        """
        if shutil.which("bash") is None:
            raise CannotRunError("there is no bash here")
        command = ["bash", str(LOOPS / f"{name}.bash"), LIBRARY, str(self.directory / "spans.jsonl"), *arguments]
        with start(command, subprocess.DEVNULL, subprocess.PIPE, PYTHON=self.python) as process:
            _, said = process.communicate()
        lines = said.decode(errors="replace").splitlines()
        if len(lines) != 2:
            _expect_silence(said)
        ours, theirs = (sum(map(float, line.split())) for line in lines)
        return ours, theirs

    def output(self, command: list[str], path: Path) -> bytes:
        """Return what a command writes when a file is given to it.

        Raises:
            CannotRunError: it complained, so it did something else than what is measured.
        """
        with path.open("rb") as file, start(command, file, subprocess.PIPE) as process:
            written, said = process.communicate()
        _expect_silence(said)
        return written

    def instructions(self, command: list[str], path: Path) -> int:
        """Return how many instructions a command takes over a file; hashes, so that the count repeats, are not random.

        Raises:
            CannotRunError: nothing here counts them.
        """
        if shutil.which("valgrind") is None:
            raise CannotRunError("valgrind, which counts instructions, is not installed")
        counted = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
        with path.open("rb") as file, start(counted, file, subprocess.PIPE, PYTHONHASHSEED="0") as process:
            _, said = process.communicate()
        count = re.search(rb"Collected : (\d+)", said)
        if count is None:
            raise CannotRunError(f"valgrind counted nothing: {said[-200:].decode(errors='replace')}")
        return int(count[1])

    def instructions_each(self, command: list[str], few: bytes, many: bytes, number: int) -> float:
        """Return the instructions that a command takes for each thing of which there are so many more in one input.

        The difference of two runs leaves out its start and its end.
        """
        # Not counted: a first run may have to compile.
        self.cpu(command, self.input(few))
        first, second = (self.instructions(command, self.input(data)) for data in (few, many))
        return (second - first) / number

    def pairs(self, ours: Callable[[], float], theirs: Callable[[], float], runs: int | None = None) -> Pairs:
        """Measure both in turn, after a run of each that does not count."""
        ours()
        theirs()
        return [(ours(), theirs()) for _ in range(runs or self.runs)]

    def cpu_pairs(self, ours: list[str], theirs: list[str], data: bytes) -> Pairs:
        """Measure the CPU seconds of two commands that answer the same.

        Raises:
            CannotRunError: they do not answer the same, or one complained: their costs do not compare.
        """
        path = self.input(data)
        if self.output(ours, path) != self.output(theirs, path):
            raise CannotRunError("the node and the reference do not write the same bytes")
        return self.pairs(lambda: self.cpu(ours, path), lambda: self.cpu(theirs, path))


class Conversation:
    """A process that is fed in steps, and looked at between them.

    Args:
        command: answers `MARK`, once everything before it has been served, with a line that holds `MARK_ANSWERED`.
    """

    def __init__(self, command: list[str]) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process = start(command, subprocess.PIPE, self._complaints)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._back = self._process.stdin, self._process.stdout

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self._to.close()
        self._back.close()
        self._process.wait()
        self._complaints.close()

    def feed(self, data: bytes) -> None:
        """Send data; return when the process has served all of it.

        Raises:
            CannotRunError: the process complained, so it did something else than what is measured.
        """
        # From a thread: the replies must be read meanwhile, or both sides wait for each other for ever.
        writer = threading.Thread(target=_write_all, args=(self._to.fileno(), data + MARK))
        writer.start()
        seen = b""
        while MARK_ANSWERED not in seen:
            seen = seen[-len(MARK_ANSWERED) :] + self._read(self._back.fileno())
        writer.join()
        # Read at a place of our own: the process shares the file's position and would write where we left it.
        _expect_silence(os.pread(self._complaints.fileno(), 500, 0))

    def median_round_trip(self, line: bytes, times: int) -> float:
        """Send a line and wait for a whole line, many times; return the median of the seconds that took."""
        took = []
        # Bare system calls: what is spent here counts on both sides of a pair and would bring them closer.
        to, back = self._to.fileno(), self._back.fileno()
        for _ in range(times):
            started = time.perf_counter()
            os.write(to, line)
            reply = os.read(back, 65_536)
            while not reply.endswith(b"\n"):
                reply += self._read(back)
            took.append(time.perf_counter() - started)
        return sorted(took)[times // 2]

    def cpu(self) -> float:
        """Return the CPU seconds that the process has taken.

        Source: Linux, Documentation/scheduler/sched-stats, /proc/PID/schedstat: nanoseconds; /proc/PID/stat only has
        hundredths of a second.
        """
        return int(self._proc("schedstat").split()[0]) / 1e9

    def resident_bytes(self) -> int:
        """Return the memory that the process holds."""
        return self._memory("VmRSS")

    def peak_bytes(self) -> int:
        """Return the most memory that the process has held."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> int:
        (line,) = (line for line in self._proc("status").splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024

    def _read(self, back: int) -> bytes:
        data = os.read(back, 65_536)
        if not data:
            raise CannotRunError("the process ended before it had answered")
        return data

    def _proc(self, name: str) -> str:
        path = Path(f"/proc/{self._process.pid}/{name}")
        try:
            return path.read_text()
        except OSError:
            raise CannotRunError(f"this system has no /proc/PID/{name}") from None


def start(
    command: list[str], stdin: int | IO[bytes] | None, stderr: int | IO[bytes] = subprocess.DEVNULL, **variables: str
) -> subprocess.Popen[bytes]:
    """Start a command whose stdout is a pipe, with some environment variables more."""
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**clean_environment(), **variables},
    )


def clean_environment() -> dict[str, str]:
    """Return the environment without what changes an interpreter's or the node's ways."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OTEL_"))}


def _expect_silence(said: bytes) -> None:
    if said:
        raise CannotRunError(f"the process complained: {said.decode(errors='replace').splitlines()[0]}")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except BrokenPipeError:
        pass  # The reading side finds out and says so.

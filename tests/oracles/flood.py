"""The node as a process under a flood of input: its replies are judged as they come, its memory is read at will."""

from __future__ import annotations

import os
import queue
import tempfile
import threading
import unittest
from collections.abc import Callable

from tests.helpers import PATIENCE_SECONDS, start


class Flood:
    """Feeds a node, and reads what it writes beside that.

    Args:
        judge: is given each reply but those to `catch_up`, as it was written, without its end.
        arguments: the node's command line.
    """

    def __init__(self, judge: Callable[[bytes], None], *arguments: str) -> None:
        self._judge = judge
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = start(*arguments, stderr=self._stderr)
        self._seen: queue.Queue[object] = queue.Queue()
        self._probes = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, data: bytes) -> None:
        """Write bytes to the node."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            raise AssertionError(f"the node stopped reading: {self._last_words()}") from None

    def catch_up(self) -> None:
        """Wait until the node has answered all that was sent to it."""
        assert self._process.stdin is not None
        self._probes += 1
        self.send(b'{"type": "echo", "echo": "probe %d"}\n' % self._probes)
        self._process.stdin.flush()
        seen = self._seen.get(timeout=PATIENCE_SECONDS)
        if seen != self._probes:
            raise AssertionError(f"the node answered {seen!r} when asked for {self._probes}")

    def memory_bytes(self, most: bool = False) -> int:
        """Read how much memory the node has resident now, or had at most."""
        field = "VmHWM:" if most else "VmRSS:"
        with open(f"/proc/{self._process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(field)) * 1024

    def finish(self) -> tuple[int, bytes]:
        """End the input; give the exit code and what was said on stderr."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        if not self._seen.empty():
            raise AssertionError(f"after its last probe the node gave {self._seen.get()!r}")
        self._stderr.seek(0)
        return code, self._stderr.read()

    def _last_words(self) -> str:
        code = self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        words = [repr(self._seen.get()) for _ in range(self._seen.qsize())]
        self._stderr.seek(0)
        return f"exit code {code}, read {words}, stderr ends in {self._stderr.read()[-2000:]!r}"

    def close(self) -> None:
        """End the process whatever it does, and let go of its pipes."""
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            try:
                stream.close()
            except BrokenPipeError:
                pass

    def _read(self) -> None:
        expected = 1
        try:
            for line in self._process.stdout:
                if b'"echo": "probe %d"' % expected in line:
                    self._seen.put(expected)
                    expected += 1
                else:
                    self._judge(line[:-1] if line.endswith(b"\n") else line + b" (with no end)")
        except Exception as error:  # noqa: BLE001 - whatever the judge raises is for the other thread
            self._seen.put(error)
            # Whoever feeds the node must not be left waiting for a full pipe.
            self._process.kill()


def skip_unless_proc() -> None:
    """Skip the module that asks where a process's memory cannot be read."""
    if not os.path.exists("/proc/self/status"):
        raise unittest.SkipTest("there is no /proc to read memory from")

"""A script with messages of its own as a node: all that `main.py` does, and the script's handlers."""

from __future__ import annotations

import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, NoReturn

    from .manager import SpanManager
    from .node import Node


def run_node(set_up: Callable[[Node, SpanManager], object]) -> NoReturn:
    """Run a node with messages of its own over stdin and stdout, with the options, the signals and the exit codes of `main.py`.

    Replies alone are on stdout: what is printed from `set_up` on goes to stderr.

    Args:
        set_up: called once, before any line is read; it gives the node its messages by `Node.handle`, and may keep the spans.
    Raises:
        SystemExit: always, with the exit code.
    """
    from .__main__ import main

    # The node makes no cycles of references, so `main.py` does without the collector; a handler may make some.
    gc.enable()

    def set_up_apart(node: Node, spans: SpanManager) -> None:
        sys.stdout = sys.stderr
        set_up(node, spans)

    sys.exit(main(sys.argv[1:], set_up_apart))

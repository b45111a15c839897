#!/usr/bin/env python3
"""A node that counts: Maelstrom's workload g-counter, on one node."""

from tracer import MalformedRequestError, Node, SpanManager
from tracer.run import run_node


class Counter:
    """What `add` adds up and `read` reads."""

    def __init__(self, node: Node, spans: SpanManager) -> None:
        self.spans = spans
        self.total = 0
        node.handle("add", self.add)
        node.handle("read", self.read)

    def add(self, body: dict) -> None:
        delta = body.get("delta")
        if type(delta) is not int:
            raise MalformedRequestError('"delta" must be an integer')
        with self.spans.span("add", attributes={"delta": delta}):
            self.total += delta

    def read(self, body: dict) -> dict:
        return {"value": self.total}


if __name__ == "__main__":
    run_node(Counter)

"""The same lifecycles with the OpenTelemetry SDK, in process; prints the CPU seconds that they took.

Arguments: `none` (no processor), `memory` (the in-memory exporter), `file` (the OTLP JSON file exporter, one span at a
time) or `batch` (the same, through the SDK's batch processor); how many spans; the file.
"""

import sys
import time

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

#: Fewer than the batch processor's queue holds; it drops what does not fit.
ROUND = 1_000


def processor(how: str, memory: InMemorySpanExporter, path: str) -> SpanProcessor:
    """Make the processor that takes the ended spans."""
    if how == "memory":
        return SimpleSpanProcessor(memory)
    from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter

    return SimpleSpanProcessor(FileSpanExporter(path)) if how == "file" else BatchSpanProcessor(FileSpanExporter(path))


def main(how: str, spans: int, path: str) -> None:
    """Create, tell an event to, and end spans, one after the other."""
    provider = TracerProvider()
    memory = InMemorySpanExporter()
    if how != "none":
        provider.add_span_processor(processor(how, memory, path))
    tracer = provider.get_tracer("service")
    start = time.process_time()
    for number in range(1, spans + 1):
        span = tracer.start_span("GET /api/users/123")
        span.add_event("db.query")
        span.set_status(Status(StatusCode.OK))
        span.end()
        if number % ROUND == 0:
            provider.force_flush()
            # Lest its cost grow with the spans that it keeps.
            memory.clear()
    provider.shutdown()
    print(time.process_time() - start)


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])

"""What an exported span costs, and what the OpenTelemetry SDK takes for the same.

Owns the rows on `--export` and on the SDK, which runs in a process of its own (`loops/otel_sdk.py`) and is needed for
`--with-peers` alone.
"""

from __future__ import annotations

import statistics
import subprocess

from . import inputs
from .measuring import Bench, CannotRunError, clean_environment
from .rows import Row, costs, ratios

#: The SDK's packages, as pip calls them, and what they bring that is used here.
PACKAGES = "opentelemetry-sdk and opentelemetry-exporter-otlp-json-file"
_IMPORTS = "import opentelemetry.sdk.trace, opentelemetry.exporter.otlp.json.file.trace_exporter"

#: How the SDK is run; whether the node exports too; its part of the SDK's cost that it may take.
WAYS = {
    "none": ("no processor", False, None),
    "memory": ("in-memory exporter", False, None),
    "file": ("OTLP JSON file exporter", True, 0.20),
    "batch": ("the same in batches", True, None),
}


def export(bench: Bench) -> list[Row]:
    """Export every span, or none."""
    spans = 100_000 // bench.scale
    pairs = bench.pairs(lambda: node_cpu(bench, spans, True), lambda: node_cpu(bench, spans, False))
    what = "CPU a span (three lines in, one out) with `--export`"
    return [Row(what, "without", ratios(pairs), 1.80, detail=costs(pairs, "a span", spans))]


def sdk(bench: Bench) -> list[Row]:
    """Make the same spans with the SDK."""
    command = [bench.python, "-c", _IMPORTS]
    found = subprocess.run(command, check=False, capture_output=True, env=clean_environment())
    if found.returncode:
        raise CannotRunError(f"{PACKAGES} are not installed for {bench.python}")
    return [_against_sdk(bench, way) for way in WAYS]


def _against_sdk(bench: Bench, way: str) -> Row:
    name, exports, aim = WAYS[way]
    ours, theirs = 100_000 // bench.scale, 20_000 // bench.scale
    path = bench.directory / "sdk.jsonl"

    def sdk_cpu() -> float:
        path.unlink(missing_ok=True)
        took = subprocess.run(
            bench.loop("otel_sdk", way, str(theirs), str(path)),
            check=False,
            capture_output=True,
            text=True,
            env=clean_environment(),
        )
        if took.returncode:
            raise CannotRunError(f"the SDK failed: {took.stderr.strip().splitlines()[-1:]}")
        return float(took.stdout) / theirs

    pairs = bench.pairs(lambda: node_cpu(bench, ours, exports) / ours, sdk_cpu)
    what = "CPU a span, three lines piped" + (" and exported" if exports else "")
    return Row(what, f"OpenTelemetry SDK in process, {name}", ratios(pairs), aim, detail=costs(pairs, "a span"))


def node_cpu(bench: Bench, spans: int, exports: bool) -> float:
    """Return the CPU seconds that the node takes for lifecycles, its start and end left out.

    Raises:
        CannotRunError: a span is missing in the file.
    """
    path = bench.directory / "export.jsonl"
    path.unlink(missing_ok=True)
    command = bench.node("--export", str(path)) if exports else bench.node()
    start = statistics.median(bench.cpu(command, bench.input(b"", "nothing")) for _ in range(3))
    took = bench.cpu(command, bench.input(inputs.lifecycles(spans), f"lifecycles{spans}"))
    if exports and (not path.exists() or path.read_bytes().count(b'"spanId"') != spans):
        raise CannotRunError("the file that --export names does not hold every span")
    return took - start

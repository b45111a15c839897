"""OpenTelemetry's variables of the environment that say how spans are sent.

Owns what each has to be; one that is unusable is said and passed over, and what a secret one holds is never shown.
Source: OpenTelemetry, protocol/exporter; configuration/sdk-environment-variables, Batch Span Processor;
configuration/common, where a timeout of 0 is none; resource/sdk, for a list of pairs.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Callable

#: The largest number that a variable may hold; as milliseconds nearly 25 days, which stands for no limit.
MAX_NUMBER = (1 << 31) - 1

_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})?")
# RFC 9110: the name of a field, and a value that stays on its line.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
#: Headers that the request itself depends on.
_OWN_HEADERS = {"connection", "content-encoding", "content-length", "content-type", "transfer-encoding", "user-agent"}


class Settings(NamedTuple):
    """How spans are sent.

    Args:
        headers: more headers of every request.
        timeout: the longest time, in seconds, for a request with all its tries; and for all that is left at the end.
        gzip: whether requests are compressed.
        certificate, client_key, client_certificate: PEM files: who is trusted, and who the node is; None if not set.
        delay: seconds that a span waits for others to go with it.
        queue_size, batch_size: spans that may wait, and spans in one request.
    """

    headers: dict[str, str]
    timeout: float
    gzip: bool
    certificate: str | None
    client_key: str | None
    client_certificate: str | None
    delay: float
    queue_size: int
    batch_size: int


def pairs_in(text: str) -> dict[str, str]:
    """Read `key=value,key=value`, percent-encoded.

    An equals sign in a value is taken as it is: there is no doubt what it means.

    Raises:
        ValueError: it holds something else; then nothing in it counts.
    """
    found = {}
    for pair in text.split(","):
        if not pair.strip():
            continue
        key, equals, value = (_percent_decoded(part.strip()) for part in pair.partition("="))
        if not (key and equals):
            raise ValueError(f"{quoted(pair.strip())} is no key=value")
        found[key] = value
    return found


def settings_in(environment: Mapping[str, str], say: Callable[[str], None]) -> Settings:
    """Read the settings; of several variables for one, the first that is usable counts.

    Args:
        environment: the variables.
        say: takes a sentence about a variable that is passed over.
    """
    settings = Settings(**{name: _first(*row, environment, say) for name, row in SETTINGS.items()})
    if settings.client_key and not settings.client_certificate:
        say("OTEL_EXPORTER_OTLP_CLIENT_KEY is passed over: there is no OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
    return settings


def _first(
    variables: tuple[str, ...],
    read: Callable[[str], Any],
    default: Any,
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> Any:
    for variable in variables:
        if value := environment.get(variable, "").strip():
            try:
                return read(value)
            except ValueError as error:
                say(f"{variable} is passed over: {error}")
    return default


def _percent_decoded(text: str) -> str:
    """Decode percent-encoded UTF-8.

    Raises:
        ValueError: a percent sign without two hex digits, or no UTF-8.
    """
    try:
        data = text.encode(errors="surrogateescape")
        return _PERCENT.sub(lambda escape: bytes((int(escape[1] or b"", 16),)), data).decode()
    except ValueError:
        raise ValueError(f"{quoted(text)} is no percent-encoded UTF-8") from None


def _headers(text: str) -> dict[str, str]:
    try:
        headers = pairs_in(text)
    except ValueError:
        # Without the reason, which shows what may be a secret.
        raise ValueError("it must be key=value,key=value, percent-encoded") from None
    for name, value in headers.items():
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise ValueError("it must hold names and values that an HTTP header may have")
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"{quoted(name)} is not to be changed")
    return headers


def _number(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and least <= int(text) <= MAX_NUMBER:
            return int(text)
        raise ValueError(f"it must be a whole number from {least} to {MAX_NUMBER}, not {quoted(text)}")

    return read


def _seconds(text: str) -> float:
    return _number(0)(text) / 1000


def _timeout(text: str) -> float:
    return _seconds(text) or MAX_NUMBER / 1000


def _is_gzip(text: str) -> bool:
    if text.lower() in ("gzip", "none"):
        return text.lower() == "gzip"
    raise ValueError(f"it must be gzip or none, not {quoted(text)}")


def _otlp(name: str) -> tuple[str, str]:
    return f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}"


#: For each setting its variables, what reads them, and what holds where none is set.
SETTINGS: dict[str, tuple[tuple[str, ...], Callable[[str], Any], Any]] = {
    "headers": (_otlp("HEADERS"), _headers, {}),
    "timeout": (_otlp("TIMEOUT"), _timeout, 10.0),
    "gzip": (_otlp("COMPRESSION"), _is_gzip, False),
    "certificate": (_otlp("CERTIFICATE"), str, None),
    "client_key": (_otlp("CLIENT_KEY"), str, None),
    "client_certificate": (_otlp("CLIENT_CERTIFICATE"), str, None),
    "delay": (("OTEL_BSP_SCHEDULE_DELAY",), _seconds, 5.0),
    "queue_size": (("OTEL_BSP_MAX_QUEUE_SIZE",), _number(1), 2_048),
    "batch_size": (("OTEL_BSP_MAX_EXPORT_BATCH_SIZE",), _number(1), 512),
}

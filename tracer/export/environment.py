"""OpenTelemetry's variables of the environment that say how spans are sent.

Owns what each has to be; one that is unusable is reported and ignored, and what a secret one holds is never shown.
Source: OpenTelemetry, protocol/exporter; configuration/sdk-environment-variables, Batch Span Processor;
configuration/common, where a timeout of 0 is none; resource/sdk, for a list of pairs.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..words import WholeNumber, quote

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


def read_variable(environment: Mapping[str, str], name: str) -> str:
    """Read a variable, empty where it is not set, without quotes around its value: Docker leaves them in a file of variables."""
    value = environment.get(name, "").strip()
    return value[1:-1].strip() if value[:1] in ('"', "'") and value[1:].endswith(value[0]) else value


def read_pairs(text: str) -> dict[str, str]:
    """Read `key=value,key=value`, percent-encoded.

    An equals sign in a value is taken as it is: there is no doubt what it means.

    Raises:
        ValueError: it holds something else; then nothing in it counts.
    """
    found = {}
    for pair in text.split(","):
        if not pair.strip():
            continue
        key, equals, value = (_decode_percent(part.strip()) for part in pair.partition("="))
        if not (key and equals):
            raise ValueError(f"{quote(pair.strip())} is no key=value")
        found[key] = value
    return found


def read_settings(environment: Mapping[str, str], say: Callable[[str], None]) -> Settings:
    """Read the settings; of several variables for one, the first that is usable counts.

    Args:
        environment: the variables.
        say: takes a sentence about a variable that is ignored.
    """
    settings = Settings(**{name: _read_first(*row, environment, say) for name, row in SETTINGS.items()})
    if settings.client_key and not settings.client_certificate:
        say("OTEL_EXPORTER_OTLP_CLIENT_KEY is ignored: there is no OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
    return settings


def _read_first(
    variables: tuple[str, ...],
    read: Callable[[str], Any],
    default: Any,
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> Any:
    for variable in variables:
        if value := read_variable(environment, variable):
            try:
                return read(value)
            except ValueError as error:
                say(f"{variable} is ignored: {error}")
    return default


def _decode_percent(text: str) -> str:
    """Decode percent-encoded UTF-8.

    Raises:
        ValueError: a percent sign without two hex digits, or no UTF-8.
    """
    try:
        data = text.encode(errors="surrogateescape")
        return _PERCENT.sub(lambda escape: bytes((int(escape[1] or b"", 16),)), data).decode()
    except ValueError:
        raise ValueError(f"{quote(text)} is no percent-encoded UTF-8") from None


def _read_headers(text: str) -> dict[str, str]:
    try:
        headers = read_pairs(text)
    except ValueError:
        # Without the reason, which shows what may be a secret.
        raise ValueError("it must be key=value,key=value, percent-encoded") from None
    for name, value in headers.items():
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise ValueError("it must hold names and values that an HTTP header may have")
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"{quote(name)} is not to be changed")
    return headers


def _read_number(text: str, least: int = 0) -> int:
    wanted = WholeNumber(least, MAX_NUMBER)
    number = wanted.read(text)
    if number is None:
        raise ValueError(f"it must be {wanted.expected}, not {quote(text)}")
    return number


def _read_size(text: str) -> int:
    return _read_number(text, least=1)


def _read_seconds(text: str) -> float:
    return _read_number(text) / 1000


def _read_timeout(text: str) -> float:
    return _read_seconds(text) or MAX_NUMBER / 1000


def _read_is_gzip(text: str) -> bool:
    if text.lower() in ("gzip", "none"):
        return text.lower() == "gzip"
    raise ValueError(f"it must be gzip or none, not {quote(text)}")


def _name_variables(name: str) -> tuple[str, str]:
    return f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}"


#: For each setting its variables, what reads them, and what holds where none is set.
SETTINGS: dict[str, tuple[tuple[str, ...], Callable[[str], Any], Any]] = {
    "headers": (_name_variables("HEADERS"), _read_headers, {}),
    "timeout": (_name_variables("TIMEOUT"), _read_timeout, 10.0),
    "gzip": (_name_variables("COMPRESSION"), _read_is_gzip, False),
    "certificate": (_name_variables("CERTIFICATE"), str, None),
    "client_key": (_name_variables("CLIENT_KEY"), str, None),
    "client_certificate": (_name_variables("CLIENT_CERTIFICATE"), str, None),
    "delay": (("OTEL_BSP_SCHEDULE_DELAY",), _read_seconds, 5.0),
    "queue_size": (("OTEL_BSP_MAX_QUEUE_SIZE",), _read_size, 2_048),
    "batch_size": (("OTEL_BSP_MAX_EXPORT_BATCH_SIZE",), _read_size, 512),
}

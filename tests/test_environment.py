"""OpenTelemetry's variables for sending: what each has to be, which one counts, and what is said of the others."""

from __future__ import annotations

import re
import unittest

from tests.helpers import marked
from tracer.export.environment import MAX_NUMBER, SETTINGS, Settings, read_settings

OTLP, TRACES = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"
WHOLE = f"it must be a whole number from %d to {MAX_NUMBER}, not %s"
PAIRS = "it must be key=value,key=value, percent-encoded"
WORDS = "it must hold names and values that an HTTP header may have"


class SettingsTests(unittest.TestCase):
    """The settings of an environment."""

    def settings(self, **environment: str) -> Settings:
        """Read the settings; nothing may be said."""
        return read_settings(environment, self.fail)

    def test_defaults_are_the_specification_s(self) -> None:
        """10 seconds, no compression, 5 seconds, 2,048 and 512 spans; an empty value is none."""
        defaults = Settings({}, 10.0, False, None, None, None, 5.0, 2_048, 512)

        self.assertEqual(self.settings(), defaults)
        empty = {variable: " " for variables, _, _ in SETTINGS.values() for variable in variables}
        self.assertEqual(self.settings(**empty), defaults)

    def test_no_endpoint_is_taken(self) -> None:
        """Nothing of the environment says where spans go."""
        self.assertEqual([name for row in SETTINGS.values() for name in row[0] if "ENDPOINT" in name], [])

    def test_each_variable_sets_its_setting(self) -> None:
        """Milliseconds become seconds, names are decoded, words are of any case, and a timeout of 0 is none."""
        for variable, value, name, expected in [
            (f"{OTLP}HEADERS", "a=b, x-key = c%20d=%2C,,", "headers", {"a": "b", "x-key": "c d=,"}),
            (f"{OTLP}HEADERS", "a=", "headers", {"a": ""}),
            (f"{OTLP}HEADERS", "\"a=b,c='d'\"", "headers", {"a": "b", "c": "'d'"}),
            (f"{OTLP}HEADERS", "' a=b '", "headers", {"a": "b"}),
            (f"{OTLP}TIMEOUT", '"250"', "timeout", 0.25),
            (f"{OTLP}HEADERS", "a=%C3%A9%09", "headers", {"a": "é\t"}),
            (f"{OTLP}TIMEOUT", "250", "timeout", 0.25),
            (f"{OTLP}TIMEOUT", "0", "timeout", MAX_NUMBER / 1000),
            (f"{OTLP}COMPRESSION", "GZip", "gzip", True),
            (f"{OTLP}COMPRESSION", "none", "gzip", False),
            (f"{OTLP}CERTIFICATE", "ca.pem", "certificate", "ca.pem"),
            (f"{OTLP}CLIENT_CERTIFICATE", "me.pem", "client_certificate", "me.pem"),
            ("OTEL_BSP_SCHEDULE_DELAY", "0", "delay", 0.0),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "1", "queue_size", 1),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", str(MAX_NUMBER), "batch_size", MAX_NUMBER),
        ]:
            with self.subTest(variable=variable, value=value):
                self.assertEqual(getattr(self.settings(**{variable: value}), name), expected)
                if variable.startswith(OTLP):
                    own = variable.replace(OTLP, TRACES)
                    self.assertEqual(getattr(self.settings(**{own: value, variable: "?"}), name), expected)

    def test_unusable_value_is_said_and_ignored(self) -> None:
        """One sentence, and the next variable or the default counts; what may be a secret is not shown."""
        for variable, value, reason in [
            (f"{TRACES}HEADERS", "authorization", PAIRS),
            (f"{TRACES}HEADERS", "a=b,c=%zz", PAIRS),
            (f"{TRACES}HEADERS", '"', PAIRS),
            (f"{TRACES}HEADERS", "\"a=b'", WORDS),
            (f"{TRACES}HEADERS", "a=%0D%0Ab", WORDS),
            (f"{TRACES}HEADERS", "a=%00", WORDS),
            (f"{TRACES}HEADERS", "a b=c", WORDS),
            (f"{TRACES}HEADERS", "Content-Length=3", '"Content-Length" is not to be changed'),
            (f"{TRACES}TIMEOUT", "1.5", WHOLE % (0, '"1.5"')),
            (f"{TRACES}TIMEOUT", "-1", WHOLE % (0, '"-1"')),
            (f"{TRACES}TIMEOUT", "²", WHOLE % (0, '"\\u00b2"')),
            (f"{TRACES}TIMEOUT", str(MAX_NUMBER + 1), WHOLE % (0, f'"{MAX_NUMBER + 1}"')),
            (f"{TRACES}COMPRESSION", "zstd", 'it must be gzip or none, not "zstd"'),
            ("OTEL_BSP_SCHEDULE_DELAY", "x", WHOLE % (0, '"x"')),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0", WHOLE % (1, '"0"')),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0", WHOLE % (1, '"0"')),
        ]:
            with self.subTest(variable=variable, value=value):
                said: list[str] = []
                general = {f"{OTLP}HEADERS": "k=v", f"{OTLP}TIMEOUT": "7", f"{OTLP}COMPRESSION": "gzip"}
                found = read_settings({**general, variable: value}, said.append)

                self.assertEqual(said, [f"{variable} is ignored: {reason}"])
                self.assertEqual(found, self.settings(**general))

    def test_key_goes_with_a_certificate(self) -> None:
        """The two are read together; a key alone, which would be used for nothing, is said."""
        key, certificate = {f"{OTLP}CLIENT_KEY": "key.pem"}, {f"{TRACES}CLIENT_CERTIFICATE": "me.pem"}
        found = self.settings(**key, **certificate)
        said: list[str] = []
        read_settings(key, said.append)

        self.assertEqual((found.client_key, found.client_certificate), ("key.pem", "me.pem"))
        self.assertEqual(said, [f"{OTLP}CLIENT_KEY is ignored: there is no {OTLP}CLIENT_CERTIFICATE"])

    def test_docs_has_every_variable(self) -> None:
        """The docs' table names the variables that are read, and no others."""
        named = {variable.replace("TRACES_", "[TRACES_]") for row in SETTINGS.values() for variable in row[0][:1]}

        self.assertEqual(set(re.findall(r"OTEL_[\w\[\]]+", marked("export-variables"))), named)


if __name__ == "__main__":
    unittest.main()

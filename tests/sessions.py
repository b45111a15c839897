"""Random sessions: inputs of a few dozen lines that walk through every rule, the same ones for the same seed.

Owns what is put into the node and how two outputs are compared.  The pools of ids, names and times are small, so that
ids collide, spans are claimed and bounds are met.  What the description leaves open (the clock's reading, random ids,
the sentence of an error) is blotted out of both outputs before they are compared.
Some sessions have no bad line and no null, so that the node can take many of their lines at once; others have few.
"""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any, Callable, NamedTuple

from tests.model import Model, Settings

Body = dict[str, Any]

IDS = ("span1", "span2", "span3", "span4", "span5", "span7", "span9", "span12", "span03", "span0", "spanX", "span",
       "span-1", "span+2", "span 3", "Span2", "span1\n", "span\u0663", "span\u00b2", "n1-span1", "n1-1", "n1-2",
       "a", "b", "\u00e9\U0001f600", "\ud800", "span99999999999999999999", "x" * 70)  # fmt: skip
TRACE, OWN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENTS = (
    f"00-{TRACE}-{OWN}-01", f"00-{TRACE}-{OWN}-00", f"00-{TRACE}-{OWN}-ff", f"00-{TRACE}-{OWN}-02",
    f"00-{TRACE}-{OWN}-fe", f"01-{TRACE}-{OWN}-03", f"cc-{TRACE}-{OWN}-0c-what", f"fe-{TRACE}-{OWN}-01-",
    f"01-{TRACE}-{OWN}-01-\n\u00e9", f"0f-{'0' * 31}1-{'0' * 15}1-01",
)  # fmt: skip
BAD_TRACEPARENTS = (
    "", "00", f"ff-{TRACE}-{OWN}-01", f"00-{TRACE}-{OWN}-01-", f"00-{TRACE}-{OWN}-01-x", f"00-{TRACE}-{OWN}-01\n",
    f"01-{TRACE}-{OWN}-01x", f"01-{TRACE}-{OWN}-011", f"00-{TRACE.upper()}-{OWN}-01", f"00-{'0' * 32}-{OWN}-01",
    f"00-{TRACE}-{'0' * 16}-01", f" 00-{TRACE}-{OWN}-01", f"00-{TRACE}-{OWN}-1", f"00-{TRACE}-{OWN}-0G",
    f"0A-{TRACE}-{OWN}-01", f"00_{TRACE}-{OWN}-01", f"00-{TRACE[:-1]}\u0664-{OWN}-01", f"00-{TRACE}-{OWN}-\u0660\u0661",
    f"0x-{TRACE}-{OWN}-01", f"00-{TRACE[1:]}-{OWN}-01", f"+0-{TRACE}-{OWN}-01", f"00-{TRACE}-{OWN}- 1",
    f"00-{TRACE}-{OWN[:-3]}_b7-01", f"FF-{TRACE}-{OWN}-01",
)  # fmt: skip
TEXTS = ("GET /a", "x", "exception", "\u00e9\u4e2d", "\U0001f600", "\ud800", '"\\/\b\f\n\r\t', "\x00\x7f\u2028",
         "y" * 40)  # fmt: skip
NULL_TEXTS = ("null", "nullify, null,")
VALUES = (True, False, 0, -1, 1.5, "", "value", "\U0001f600\U0001f600\U0001f600", [], {}, [1, ["long text"]],
          {"": "empty key", "k": ["deep text", {"k": "deeper text"}]}, 2**64, -(2**70), 1e300, "z" * 30)  # fmt: skip
NULLS = (None, [1, [None, "null"]], {"null": None})
#: Values of lines longer than a few hundred characters, on both sides of every bound that counts brackets or digits.
LONG_VALUES = ("long " * 80, "[{" * 101, [[]] * 150, [[]] * 210, [{"k": [1]}] * 90, "\u00e9" * 1000, 7**2000,
               {f"k{number}": number for number in range(40)}, [None] * 100, "null, " * 100)  # fmt: skip
WRONG = (None, True, False, 0, 1, -1, 1.0, "", "x", [], {}, [None], ["x"], {"": 1}, {"x": 1}, [{}], [[]])
FIELDS = (
    "timestamp_us",
    "attributes",
    "span_id",
    "traceparent",
    "context",
    "name",
    "links",
    "error",
    "kind",
    "status",
    "parent_span_id",
    "event",
    "link",
    "echo",
    "node_id",
    "node_ids",
    "type",
    "msg_id",
)
KEYS = ("a", "b", "c", "d", "exception.message", "\u00e9", "k" * 20)
TIMES = (0, 1, 4999, 5000, 10_000, 12_345, 20_000, 70_000, 1_000_000, 9223372036854775)
BAD_TIMES = (-1, 9223372036854776, 2**63, 10**400, 5.0, "5", True)
MSG_IDS = (0, 1, 2, 3, -1, 2**63, 10**300)
#: Literals that `json.dumps` would not write; each takes the place of a string that names it.
LITERALS = {
    "@1e400": "1e400", "@-1e400": "-1e400", "@NaN": "NaN", "@Infinity": "Infinity", "@-Infinity": "-Infinity",
    "@4300": "7" * 4300, "@4301": "7" * 4301, "@-4300": "-" + "7" * 4300, "@1.0": "1.0", "@1e2": "1e2", "@-0": "-0",
    "@-0.0": "-0.0", "@1E+5": "1E+5", "@1.7976931348623157e308": "1.7976931348623157e308", "@1.8e308": "1.8e308",
    "@0.1": "0.1000000000000000055511151231257827", "@5e-324": "5e-324", "@surrogate": '"\\ud83d"',
    "@pair": '"\\ud83d\\ude00"',
    "@reversed": '"\\ude00\\ud83d"', "@slash": '"\\/\\u0041"', "@twice": '{"k": 1, "l": 2, "k": 3}', "@control": '"\t"',
    "@escape": '"\\x41"', "@01": "01", "@+1": "+1", "@.5": ".5", "@5.": "5.", "@single": "'x'", "@comma": "[1,]",
    "@digits": "1." + "3" * 5000, "@hidden": '{"k": ' + "[" * 205 + "]" * 205 + ', "k": 1}',
    "@quoted": '"' + "[{" * 300 + '"',
    **{f"@deep{levels}": "[" * levels + "]" * levels for levels in range(194, 203)},
    **{f"@objects{levels}": '{"":' * levels + "0" + "}" * levels for levels in range(194, 203)},
}  # fmt: skip
BAD_LINES = (
    b"", b"   ", b"\r", b"\t\r", b"{", b"}", b"[]", b"[1]", b"null", b"1", b'"x"', b"NaN", b"{}{}", b"{} x", b"{,}",
    b"\xff",
    b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', b'{"type": "echo", "echo": "\xc3"}', b"\xef\xbb\xbf{}", b"\x00",
    b"{\x00}",
    b"[" * 300, b'{"a":' * 300, b'"' + b"[" * 300, b'"' + b"{" * 300 + b'"', b"]" * 300, b'{"' + b"[" * 300,
    b"{'type': 'echo'}", b'{"type": "echo", "msg_id": 1, "echo": 1', b"\x0c{}", b"\xc2\xa0{}",
    '{"type": "echo", "msg_id": 1, "echo": 1}'.encode("utf-16"), b'{"type": "generate"} {"type": "generate"}', b"{}",
)  # fmt: skip
#: Bad lines that would be good messages, were the lines around them joined by commas and nulls.
SPLICES = (
    b'{"type": "generate", "msg_id": 1}]', b'[{"type": "generate", "msg_id": 1}', b'{"type": "generate"}, {}',
    b'{"type": "generate", "k": [1\n2]}', b'{"type": "generate", "k": "\n"}', b'{"type": "generate"}, {}, {}',
    b'{\n"type": "generate",\n"k":\n[1,\n{}]\n}', b'{"type": "generate",\n"k"\n{"type": "generate"}\n: 1}',
    '{}\r\n{"type": "generate"}\r\n'.encode("utf-16-le"),
    b'{"type": "generate", "k": [1\n2]}, {}, {}', b'{"type": "generate", "k": [1\n2]}\n{"type": "generate"},null,{}',
)  # fmt: skip
#: Who sends; nobody would remember the last ones for long.
SENDERS = (("c1", "c2", "\u00e9"), ("c1", "c2", "\u00e9"), ("c1", "c" * 250), tuple("abcdefghijklmnopqrstuvwxyz"))


class Session(NamedTuple):
    """One input, and what the node is told before it."""

    settings: Settings
    data: bytes

    def arguments(self) -> list[str]:
        """Give the command line: the options that are not at their defaults."""
        names = ("clock", "tick_us", "keep_ended", "max_open_spans", "max_line_bytes")
        return [word for name in names for word in self._option("--" + name.replace("_", "-"), name)]

    def environment(self) -> dict[str, str]:
        """Give the environment variables: the bounds that are not at their defaults."""
        names = {"span_attributes": "SPAN_ATTRIBUTE_COUNT", "event_attributes": "EVENT_ATTRIBUTE_COUNT",
                 "link_attributes": "LINK_ATTRIBUTE_COUNT", "events": "SPAN_EVENT_COUNT", "links": "SPAN_LINK_COUNT",
                 "value_characters": "ATTRIBUTE_VALUE_LENGTH"}  # fmt: skip
        return dict(
            self._option(f"OTEL_{variable}_LIMIT", name) for name, variable in names.items() if self._option("", name)
        )

    def _option(self, option: str, name: str) -> list[str]:
        value = getattr(self.settings, name)
        return [] if value == getattr(Settings(), name) else [option, str(value)]


def random_session(seed: int) -> Session:
    """Make the session of a seed."""
    return _Maker(Random(seed)).session()


class _Maker:
    """Makes one session beside a model, which knows the ids worth naming; `tempo` is how often a message is spoilt."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.ids = random.sample(IDS, 4)
        self.model = Model(Settings())
        self.tempo = random.choice((0.0, 0.05, 0.2, 0.5))
        self.init = random.choice((0.0, 0.0, 0.0, 0.03, 0.1))
        self.bare = random.choice((0.1, 0.5, 0.9))
        self.bad = random.choice((0.0, 0.0, 0.03, 0.1 + self.tempo / 10))
        self.null = random.choice((0.0, 0.0, 0.1, 0.3))
        self.long = random.choice((0.0, 0.0, 0.1))
        self.carriage_return = random.choice((0.0, 0.1, 1.0))
        self.senders = random.choice(SENDERS)
        self.splice = random.choice((0.0,) * 9 + (0.1,))
        if self.splice:
            self.tempo = self.bad = self.null = 0.0

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def session(self) -> Session:
        """Make the settings and 5 to 60 lines."""
        settings = self.settings()
        self.model = Model(settings)
        lines = [self.wrapped(self.spoilt(self.make_init()))] if self.chance(0.5 if self.init else 0.05) else []
        for _ in range(self.random.choice((5, 20, 60))):
            self.model.answer(lines[-1] if lines else b"")
            lines.append(self.line(settings))
        data = b"\n".join(lines) + self.random.choice((b"", b"\n", b"\n", b"\r\n", b"\n\n"))
        return Session(settings, (b"\xef\xbb\xbf" if self.chance(0.1) else b"") + data)

    def settings(self) -> Settings:
        if self.chance(0.3):
            return Settings()

        def small(default: Any) -> Any:
            return self.random.choice((0, 1, 2, 3)) if self.chance(0.4) else default

        bounds = {
            name: small(128) for name in ("span_attributes", "event_attributes", "link_attributes", "events", "links")
        }
        return Settings(
            clock=self.random.choice(("auto", "auto", "simulated", "simulated", "real")),
            tick_us=self.random.choice((5000, 5000, 0, 1, 7)),
            max_open_spans=self.random.choice((100_000, 100_000, 100_000, 1, 2, 4)),
            keep_ended=self.random.choice((1000, 1000, 0, 1, 2)),
            max_line_bytes=self.random.choice((1 << 20, 1 << 20, 1 << 20, 200)),
            value_characters=small(None),
            **bounds,
        )

    def line(self, settings: Settings) -> bytes:
        if self.chance(self.bad):
            return self.random.choice(BAD_LINES)
        if self.chance(self.splice):
            return self.random.choice(SPLICES)
        changes: list[Callable[[], Body]] = [self.make_event, self.make_link, self.make_update, self.make_error]
        makers = [self.make_create] * 5 + changes * 2 + [self.make_end, self.make_get] * 3 + [self.make_simple] * 2
        line = self.wrapped(self.spoilt(self.make_init() if self.chance(self.init) else self.random.choice(makers)()))
        if settings.max_line_bytes < 1000 and self.chance(0.1):
            line = line.ljust(settings.max_line_bytes + self.random.choice((-1, 0, 1)))
        if self.chance(self.bad / 4):
            line = line[: self.random.randrange(len(line) + 1)]
        if self.chance(self.long / 4):
            line = line.ljust(self.random.randrange(400, 5000))
        return line + (b"\r" if self.chance(self.carriage_return) else b"")

    # Bodies

    def id(self) -> str:
        """Give an id: mostly one that the node knows, sometimes one that it has given or will give, sometimes any."""
        where = self.random.random()
        if where < 0.6 and self.model.spans:
            return self.random.choice(list(self.model.spans)[-4:])
        if where < 0.75:
            return f"span{max(1, self.model.counter + self.random.choice((-2, -1, 0, 1, 1, 2)))}"
        return self.random.choice(self.ids)

    def value(self) -> Any:
        if self.chance(self.tempo / 4):
            return self.random.choice(tuple(LITERALS))
        if self.chance(self.long):
            return self.random.choice(LONG_VALUES)
        return self.random.choice(NULLS if self.chance(self.null) else VALUES)

    def attributes(self) -> Body:
        return {key: self.value() for key in self.random.sample(KEYS, self.random.choice((0, 1, 2, 4)))}

    def traceparent(self) -> str:
        return self.random.choice(BAD_TRACEPARENTS if self.chance(self.tempo) else TRACEPARENTS)

    def time(self) -> Any:
        return self.random.choice(BAD_TIMES if self.chance(self.tempo) else TIMES)

    def text(self) -> str:
        return self.random.choice(NULL_TEXTS if self.chance(self.null) else TEXTS)

    def wrong(self) -> Any:
        return self.random.choice(WRONG)

    def choice(self, *choices: str) -> str:
        """Give one of the words of the protocol, now and then not quite."""
        word = self.random.choice(choices)
        return self.random.choice((word.lower(), word + " ", word[:-1])) if self.chance(self.tempo / 2) else word

    def link(self) -> Body:
        link: Body = {"span_id": self.id()} if self.chance(0.6) else {"traceparent": self.traceparent()}
        link.update(self.some(0.3, attributes=self.attributes))
        link.update(self.some(self.tempo / 10, attributes=self.wrong, span_id=self.wrong, traceparent=self.traceparent))
        return self.spoilt(link, self.tempo / 3)

    def some(self, probability: float, **makers: Callable[[], Any]) -> Body:
        return {name: make() for name, make in makers.items() if self.chance(probability)}

    def make_create(self) -> Body:
        body = {"type": "create_span", "name": self.text()}
        body.update(self.some(0.25, kind=lambda: self.choice("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")))
        body.update(self.some(0.15, span_id=self.id, timestamp_us=self.time))
        body.update(self.some(0.3, attributes=self.attributes))
        body.update(self.some(0.2, links=lambda: [self.link() for _ in range(self.random.choice((0, 1, 1, 2, 4)))]))
        body.update(self.some(0.15, parent_span_id=self.id) or self.some(0.2, traceparent=self.traceparent))
        body.update(self.some(0.2, context=self.traceparent))
        body.update(self.some(0.03, traceparent=str, context=str))
        body.update(self.some(self.tempo / 10, parent_span_id=self.id, traceparent=self.traceparent))
        return body

    def make_event(self) -> Body:
        fields = self.some(0.4, attributes=self.attributes, timestamp_us=self.time)
        return {"type": "span_event", "span_id": self.id(), "event": self.text(), **fields}

    def make_link(self) -> Body:
        return {"type": "span_link", "span_id": self.id(), "link": self.link()}

    def make_update(self) -> Body:
        return {
            "type": "span_update",
            "span_id": self.id(),
            **self.some(0.6, name=self.text, attributes=self.attributes),
        }

    def make_end(self) -> Body:
        fields = self.some(0.5, status=lambda: self.choice("OK", "ERROR", "UNSET"))
        fields.update(self.some(0.5 if fields.get("status") == "ERROR" else 0.03, error=self.text))
        return {"type": "span_end", "span_id": self.id(), **fields, **self.some(0.2, timestamp_us=self.time)}

    def make_error(self) -> Body:
        fields = self.some(0.25, attributes=self.attributes, timestamp_us=self.time)
        return {"type": "span_error", "span_id": self.id(), "error": self.text(), **fields}

    def make_get(self) -> Body:
        return {"type": "get_span", "span_id": self.id()}

    def make_init(self) -> Body:
        node_ids = self.some(0.5, node_ids=lambda: self.random.choice((["n1", "n2"], [], [""], ["n1", 2], "n1")))
        return {"type": "init", "node_id": "n2" if self.chance(0.1) else "n1", **node_ids}

    def make_simple(self) -> Body:
        kinds = ["echo"] * 2 + ["generate"] * 4 + ["unknown", "error", "span_complete", "__init__", "answer"]
        kind = self.random.choice(kinds)
        return {"type": kind, **({"echo": None if self.chance(self.null) else self.value()} if kind == "echo" else {})}

    # Spoiling and writing

    def spoilt(self, body: Body, probability: float = -1.0) -> Body:
        """Give a body a `msg_id`, and now and then something wrong."""
        if probability < 0:
            probability = self.tempo
            body.update(self.some(0.5, msg_id=lambda: self.random.choice(MSG_IDS)))
        if not self.chance(probability):
            return body
        field = self.random.choice([*body, *body, *FIELDS])
        change = self.random.randrange(7)
        if change == 0:
            body.pop(field, None)
        elif change == 1:
            body[field] = None
        elif change == 2:
            body[field] = self.wrong()
        elif change == 3:
            body[field] = self.value()
        elif change == 4:
            body["in_reply_to"] = self.wrong()
        elif change == 5:
            body["link"] = {"span_id": self.id()}
        else:
            body["msg_id"] = self.random.choice((*WRONG, "@1.0", "@1e2", "@-0", "@4300", "@4301"))
        return body

    def dumped(self, value: Any) -> str:
        """Write JSON in one of the ways that there are."""
        separators = self.random.choice(((",", ":"), (", ", ": "), (" ,\t", "\r: ")))
        text = json.dumps(value, ensure_ascii=self.chance(0.7), separators=separators)
        text = re.sub('"(@[^"]*)"', lambda match: LITERALS.get(match[1], match[0]), text)
        if self.chance(self.tempo / 5):
            twice = self.random.choice(
                ("span_id", "type", "msg_id", "name", "body", "src", "attributes", "in_reply_to")
            )
            pair = json.dumps(twice) + ":" + json.dumps(self.random.choice((*WRONG, self.id(), "span_end")))
            text = (
                "{" + pair + "," + text[1:]
                if self.chance(0.5) and text != "{}"
                else text[:-1].rstrip(" ") + "," + pair + "}"
            )
        return text

    def wrapped(self, body: Body) -> bytes:
        """Put a body into an envelope, or not."""
        text = self.dumped(body)
        if not self.chance(self.bare):
            envelope: Body = {"src": self.random.choice(self.senders), "dest": "tracer", "body": "@body"}
            envelope.update(self.some(0.1, id=lambda: 0, type=lambda: "span_end", in_reply_to=lambda: 1))
            if self.chance(self.tempo / 4):
                envelope[self.random.choice(("src", "dest", "body"))] = self.random.choice(WRONG)
            if self.chance(self.tempo / 8):
                del envelope[self.random.choice(("src", "dest", "body"))]
            text = self.dumped(envelope).replace('"@body"', text)
        # A lone surrogate written as such is three bytes that are not UTF-8.
        return text.replace("\n", " ").encode("utf-8", "surrogatepass")


# Comparing

_TEXT = re.compile(r'("type": "error", "code": \d+, "text": )"(?:[^"\\]|\\.)+"')
_GENERATED = re.compile(r'(?<="type": "generate_ok", "id": ")((?:[^"\\]|\\.)*)-([0-9a-f]{8})-(?=\d+")')
_REAL_TIME = re.compile(r'(?<=_us": )1[67]\d{14}\b|(?<="duration_us": )\d+')
_TRACE_IDS = re.compile(r"\b00-([0-9a-f]{32})-([0-9a-f]{16})-")


def comparable(lines: list[str], is_real: bool) -> list[str]:
    """Blot out what the description leaves open; random parts are numbered as they turn up, the same ones alike."""
    lines = [_TEXT.sub(r'\1""', line) for line in lines]
    numbers: dict[str, int] = {}

    def number(*parts: str) -> str:
        return "-".join(str(numbers.setdefault(part, len(numbers))) for part in parts)

    if is_real:
        lines = [_TRACE_IDS.sub(lambda match: number(*match.groups()), _REAL_TIME.sub("T", line)) for line in lines]
    return [_GENERATED.sub(lambda match: f"{match[1]}-start{number(match[2])}-", line) for line in lines]

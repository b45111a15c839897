"""The bounds: their defaults, what happens past each, 0 as a bound, and the environment variables."""

from __future__ import annotations

import contextlib
import json
import unittest

from tests.helpers import Session, envelope, run_here
from tracer import CountedIds, Limits, SimulatedClock, SpanManager
from tracer.limits import read_limits

CONTEXT = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}


def session(**limits: int) -> Session:
    """Return a session under some bounds, with an open span "s"."""
    talk = Session(SpanManager(Limits(**limits), SimulatedClock(), CountedIds()))
    talk.tell("create_span", name="n", span_id="s")
    return talk


def many(number: int) -> dict[str, int]:
    """Return that many attributes."""
    return {f"k{index}": index for index in range(number)}


class LimitsTests(unittest.TestCase):
    """Every bound, through a whole node."""

    def test_defaults_are_those_of_the_readme(self) -> None:
        """100,000 open, 1,000 kept, 128 of each part, strings of any length."""
        limits = Limits()

        self.assertEqual((limits.open_spans, limits.ended_spans, limits.value_characters), (100_000, 1_000, None))
        self.assertEqual((limits.attributes, limits.event_attributes, limits.link_attributes), (128, 128, 128))
        self.assertEqual((limits.events, limits.links), (128, 128))

    def test_too_many_open_spans_are_refused(self) -> None:
        """At the bound `create_span` gets error 11, until one ends."""
        talk = session(open_spans=2)
        talk.tell("create_span", name="n", span_id="t")
        reply = talk.tell("create_span", name="n", msg_id=1)
        self.assertEqual((reply["code"], "2 spans" in reply["text"]), (11, True))
        talk.tell("span_end", span_id="t")

        self.assertEqual(talk.tell("create_span", name="n", kind="SERVER")["span_id"], "span3")

    def test_no_open_span_at_all_is_a_bound(self) -> None:
        """With a bound of 0 every creation is refused."""
        talk = Session(SpanManager(Limits(open_spans=0), SimulatedClock()))

        self.assertEqual(talk.tell("create_span", name="n", msg_id=1)["code"], 11)

    def test_span_that_ended_first_is_forgotten_first(self) -> None:
        """Past the bound the ended span that ended first is forgotten, and its id is unknown and free."""
        talk = session(ended_spans=2)
        for span_id in ("t", "u"):
            talk.tell("create_span", name="n", span_id=span_id)
        for span_id in ("t", "s", "u"):
            talk.tell("span_end", span_id=span_id)
        self.assertEqual(talk.tell("get_span", span_id="t", msg_id=1)["code"], 20)
        self.assertEqual([span.span_id for span in talk.manager.ended_spans()], ["s", "u"])

        self.assertEqual(talk.tell("create_span", name="n", kind="SERVER", span_id="t")["type"], "span_created")
        self.assertEqual(talk.tell("span_event", span_id="s", event="e", msg_id=1)["code"], 22)

    def test_no_ended_span_may_be_kept(self) -> None:
        """With a bound of 0 an ended span is forgotten at once, and a late message finds nobody."""
        talk = session(ended_spans=0)

        self.assertEqual(talk.tell("span_end", span_id="s")["type"], "span_complete")
        self.assertEqual(talk.tell("span_event", span_id="s", event="e", msg_id=1)["code"], 20)
        self.assertEqual(talk.manager.ended_spans(), [])

    def test_attributes_past_the_bound_are_dropped(self) -> None:
        """A span keeps its first attributes, also over several messages; a known key may still be overwritten."""
        for bound in (0, 1, 3):
            with self.subTest(bound=bound):
                talk = session(attributes=bound)
                talk.tell("span_update", span_id="s", attributes=many(2))
                talk.tell("span_update", span_id="s", attributes={"k0": "new", "x": 1, "y": 2})
                span = talk.span("s")

                expected = list({"k0": "new", "k1": 1, "x": 1}.items())[:bound]
                self.assertEqual(list(span["attributes"].items()), expected)
                self.assertEqual(span["dropped_attributes"], {0: 5, 1: 3, 3: 1}[bound])

    def test_default_of_128_holds_for_every_part(self) -> None:
        """128 attributes of a span, an event and a link, 128 events and 128 links are kept, and not one more."""
        talk = session()
        talk.tell("span_update", span_id="s", attributes=many(130))
        link = {**CONTEXT, "attributes": many(131)}
        for _ in range(129):
            talk.tell("span_event", span_id="s", event="e", attributes=many(129))
        talk.tell("span_link", span_id="s", link=link)
        talk.tell("create_span", name="n", span_id="t", links=[link] * 130)
        span, other = talk.span("s"), talk.span("t")

        self.assertEqual((len(span["attributes"]), span["dropped_attributes"]), (128, 2))
        self.assertEqual((len(span["events"]), span["dropped_events"]), (128, 1))
        self.assertEqual({len(event["attributes"]) for event in span["events"]}, {128})
        self.assertEqual((len(span["links"]), span["dropped_links"]), (1, 0))
        self.assertEqual((len(other["links"]), other["dropped_links"]), (128, 2))
        self.assertEqual({len(link["attributes"]) for link in other["links"]}, {128})

    def test_each_part_has_its_own_bound(self) -> None:
        """The bounds on attributes of spans, events and links do not mix, and 0 of each is a bound."""
        for bounds in [(0, 1, 2), (2, 0, 1), (1, 2, 0)]:
            with self.subTest(bounds=bounds):
                talk = session(attributes=bounds[0], event_attributes=bounds[1], link_attributes=bounds[2])
                talk.tell("span_update", span_id="s", attributes=many(5))
                talk.tell("span_event", span_id="s", event="e", attributes=many(5))
                talk.tell("span_link", span_id="s", link={**CONTEXT, "attributes": many(5)})
                span = talk.span("s")
                kept = span["attributes"], span["events"][0]["attributes"], span["links"][0]["attributes"]

                self.assertEqual(tuple(map(len, kept)), bounds)
                self.assertEqual(span["dropped_attributes"], 5 - bounds[0])

    def test_events_and_links_of_none_are_counted(self) -> None:
        """With a bound of 0 events and links are only counted, the exception of a `span_error` too."""
        talk = session(events=0, links=0)
        talk.tell("span_event", span_id="s", event="e")
        talk.tell("span_link", span_id="s", link=CONTEXT)
        talk.tell("span_error", span_id="s", error="why")
        span = talk.span("s")

        self.assertEqual((span["events"], span["dropped_events"]), ([], 2))
        self.assertEqual((span["links"], span["dropped_links"]), ([], 1))
        self.assertEqual((span["status"], span["error"]), ("ERROR", "why"))

    def test_dropped_link_still_names_its_span(self) -> None:
        """A span that a dropped link names has been named: it can be claimed no more."""
        talk = session(links=0)
        talk.tell("create_span", name="secret")
        talk.tell("span_link", span_id="s", link={"span_id": "span2"})

        self.assertEqual(talk.tell("span_end", span_id="claimed", msg_id=1)["code"], 20)

    def test_strings_in_values_are_cut_at_any_depth(self) -> None:
        """Strings in the values of span, event and link attributes are cut; keys, names and errors stay whole."""
        value, short = (
            {"long key": ["abcdef", {"x": "😀😀😀😀"}, 123456, None]},
            {"long key": ["abc", {"x": "😀😀😀"}, 123456, None]},
        )
        talk = session(value_characters=3)
        talk.tell("span_update", span_id="s", name="long name", attributes={"long": value})
        talk.tell("span_link", span_id="s", link={**CONTEXT, "attributes": {"a": "abcdef"}})
        talk.tell("span_event", span_id="s", event="long event", attributes={"a": "abc"})
        talk.tell("span_error", span_id="s", error="long error")
        span = talk.span("s")

        self.assertEqual(span["attributes"], {"long": short})
        self.assertEqual(
            [event["attributes"] for event in span["events"]], [{"a": "abc"}, {"exception.message": "lon"}]
        )
        self.assertEqual(span["links"][0]["attributes"], {"a": "abc"})
        self.assertEqual(
            (span["name"], span["events"][0]["event"], span["error"]), ("long name", "long event", "long error")
        )

    def test_strings_of_no_length_are_a_bound(self) -> None:
        """With a bound of 0 every string in a value is empty."""
        talk = session(value_characters=0)
        talk.tell("span_update", span_id="s", attributes={"a": "x", "b": ["y"], "c": 1})

        self.assertEqual(talk.span("s")["attributes"], {"a": "", "b": [""], "c": 1})

    def test_attributes_of_a_creation_are_bounded(self) -> None:
        """The attributes and links of a `create_span` are bounded as later ones are."""
        talk = session(attributes=1, links=1, link_attributes=1)
        talk.tell(
            "create_span", name="n", span_id="t", attributes=many(3), links=[{**CONTEXT, "attributes": many(2)}] * 3
        )
        span = talk.span("t")

        self.assertEqual((span["attributes"], span["dropped_attributes"], span["dropped_links"]), ({"k0": 0}, 2, 2))
        self.assertEqual(span["links"], [{**CONTEXT, "attributes": {"k0": 0}}])


class EnvironmentTests(unittest.TestCase):
    """OpenTelemetry's environment variables."""

    def limits(self, **variables: str) -> dict[str, int]:
        """Return the limits found under some variables, of which none is said anything."""
        said: list[str] = []
        found = read_limits(variables, said.append)
        self.assertEqual(said, [])
        return found

    def test_each_variable_sets_its_limit(self) -> None:
        """Each variable has its limit; 0 is one."""
        for variable, limit in [
            ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "attributes"),
            ("OTEL_ATTRIBUTE_COUNT_LIMIT", "attributes"),
            ("OTEL_SPAN_EVENT_COUNT_LIMIT", "events"),
            ("OTEL_SPAN_LINK_COUNT_LIMIT", "links"),
            ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "event_attributes"),
            ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "link_attributes"),
            ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "value_characters"),
            ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "value_characters"),
        ]:
            for value in (0, 7, 10**25):
                with self.subTest(variable, value=value):
                    self.assertEqual(self.limits(**{variable: str(value)}), {limit: value})

    def test_span_s_own_variable_goes_first(self) -> None:
        """The general variables stand in only where the span's own is not set."""
        pairs = [
            ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", "attributes"),
            ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "value_characters"),
        ]
        for own, general, limit in pairs:
            with self.subTest(limit):
                self.assertEqual(self.limits(**{own: "0", general: "9"}), {limit: 0})
                self.assertEqual(self.limits(**{own: "", general: "9"}), {limit: 9})

    def test_empty_value_is_no_value(self) -> None:
        """An empty variable is as one that is not set."""
        self.assertEqual(self.limits(OTEL_SPAN_EVENT_COUNT_LIMIT="", OTEL_OTHER="x"), {})

    def test_value_that_is_no_whole_number_is_said_and_ignored(self) -> None:
        """Anything but ASCII digits is ignored with a sentence that names the variable; the next one counts."""
        for value in ["-1", "1.5", "x", " ", "1 ", "+1", "0x10", "1_000", "١", "²", "\udcff"]:
            with self.subTest(value):
                said: list[str] = []
                variables = {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": value, "OTEL_ATTRIBUTE_COUNT_LIMIT": "5"}

                self.assertEqual(read_limits(variables, said.append), {"attributes": 5})
                self.assertEqual(len(said), 1)
                self.assertIn("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", said[0])
                self.assertTrue(said[0].isascii() and "\n" not in said[0])

    def test_command_obeys_the_environment(self) -> None:
        """The node as a command takes its bounds from the environment, and says which it ignored."""
        lines = [
            {"type": "create_span", "name": "n", "span_id": "s", "attributes": {"a": "xyz", "b": 1}},
            {"type": "span_event", "span_id": "s", "event": "e"},
            {"type": "get_span", "span_id": "s"},
        ]
        code, out, err = run_here(
            b"".join(json.dumps(line).encode() + b"\n" for line in lines),
            OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="1",
            OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="2",
            OTEL_SPAN_EVENT_COUNT_LIMIT="0",
            OTEL_SPAN_LINK_COUNT_LIMIT="many",
        )
        span = json.loads(out)["span"]

        self.assertEqual((span["attributes"], span["dropped_attributes"], span["dropped_events"]), ({"a": "xy"}, 1, 1))
        self.assertIn(b'tracer: OTEL_SPAN_LINK_COUNT_LIMIT is ignored: it must be a whole number, not "many"\n', err)
        self.assertEqual(code, 0)


class AddressTests(unittest.TestCase):
    """What a peer writes into `src` and `dest`."""

    #: How many short addresses there are.
    SHORT = 3_000

    def test_addresses_are_not_hoarded(self) -> None:
        """Of ever new addresses, long or short, no more is kept than a little, and each is answered where it came from."""
        for length, count in [(100_000, 50), (10, self.SHORT)]:
            talk = Session()
            with self.subTest(length=length), self.keeps_less_than(1_000_000):
                for number in range(count):
                    src = f"{number:x>{length}}"
                    line = f'{{"src":"{src}","dest":"{src}","body":{{"type":"echo","echo":1}}}}'
                    reply = talk.line(line.encode())
                self.assertEqual(reply, json.dumps(envelope({"type": "echo_ok", "echo": 1}, src, src)))

    @contextlib.contextmanager
    def keeps_less_than(self, most: int) -> object:
        """Look at how many bytes are kept of what is made within, on a Python that counts them: PyPy does not."""
        try:
            import tracemalloc
        except ImportError:
            yield
            return
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        yield
        self.assertLess(tracemalloc.get_traced_memory()[0], most)

"""The keeper of spans, as Python code uses it: numbering, `generate`, what it raises, and who hears of an end."""

from __future__ import annotations

import unittest

from tests.helpers import Session, session
from tracer import (
    CountedIds,
    Limits,
    MalformedRequestError,
    SimulatedClock,
    Span,
    SpanEndedError,
    SpanExistsError,
    SpanManager,
    SpanNotFoundError,
    TimeOrderError,
    TooManyOpenSpansError,
)


def manager(**arguments: object) -> SpanManager:
    """Return a manager on the simulated clock."""
    return SpanManager(clock=SimulatedClock(), ids=CountedIds(), **arguments)


class ManagerTests(unittest.TestCase):
    """`SpanManager` by itself, without a node."""

    def test_handlers_return_the_span(self) -> None:
        """Each handler returns the span that its message was about."""
        spans = manager()
        span = spans.create_span({"name": "n"})
        self.assertEqual((span.span_id, span.name, span.kind, span.state), ("span1", "n", "INTERNAL", "open"))
        about = {"span_id": "span1"}
        for handler, fields in [
            (spans.span_event, {"event": "e"}),
            (spans.span_link, {"link": about}),
            (spans.span_update, {"name": "m"}),
            (spans.get_span, {}),
            (spans.span_end, {"timestamp_us": 9}),
            (spans.get_span, {}),
        ]:
            self.assertIs(handler({**about, **fields}), span)

        self.assertEqual((span.name, span.end_us, span.status, span.error), ("m", 9, "OK", None))
        self.assertEqual([(event.name, event.attributes) for event in span.events], [("e", {})])

    def test_names_of_events_are_kept_once(self) -> None:
        """Events of one name share one copy of it, whichever way they came, and spans of one sender its address and its name."""
        talk = Session()
        for number in (1, 2, 3):
            talk.send("create_span", name="n", span_id=f"s{number}")
            fields = {"timestamp_us": 5} if number == 3 else {}
            talk.tell("span_event", span_id=f"s{number}", event="db.query", **fields)
        first, *others = talk.manager.open_spans()

        for span in others:
            self.assertIs(span.events[0].name, first.events[0].name)
            self.assertIs(span._return_address, first._return_address)
            self.assertIs(span.service, first.service)

    def test_names_of_events_take_bounded_memory(self) -> None:
        """Names that are new on every line, or long, are kept by their events alone."""
        spans = manager(limits=Limits(events=10_000))
        span = spans.create_span({"name": "n"})
        names = [*map(str, range(3_000)), "x" * 1_000, "x" * 1_000]
        for name in names:
            spans.span_event({"span_id": "span1", "event": name})

        self.assertEqual([event.name for event in span.events], names)
        self.assertLess(len(spans._names), 1_100)
        self.assertNotIn("x" * 1_000, spans._names)

    def test_manager_by_itself_claims_nothing(self) -> None:
        """An id that nobody knows is an error for Python code, though there is one span whose id nobody was told."""
        spans = manager()
        spans.create_span({"name": "n"})
        for handler, fields in [
            (spans.span_event, {"event": "e"}),
            (spans.span_end, {}),
            (spans.span_error, {"error": "e"}),
        ]:
            with self.subTest(handler.__name__), self.assertRaises(SpanNotFoundError):
                handler({"span_id": "sapn1", **fields})

        self.assertEqual([span.span_id for span in spans.open_spans()], ["span1"])

    def test_each_error_is_raised_with_its_code(self) -> None:
        """Python code meets the same refusals as exceptions, each with its code."""
        spans = manager(limits=Limits(open_spans=2))
        spans.create_span({"name": "n", "span_id": "open", "timestamp_us": 100})
        spans.create_span({"name": "n", "span_id": "ended", "timestamp_us": 0})
        spans.span_end({"span_id": "ended"})
        spans.create_span({"name": "n"})
        for error, code, handler, body in [
            (MalformedRequestError, 12, spans.create_span, {}),
            (SpanNotFoundError, 20, spans.get_span, {"span_id": "nobody"}),
            (SpanNotFoundError, 20, spans.create_span, {"name": "n", "parent_span_id": "nobody"}),
            (SpanExistsError, 21, spans.create_span, {"name": "n", "span_id": "ended"}),
            (SpanEndedError, 22, spans.span_event, {"span_id": "ended", "event": "e"}),
            (TimeOrderError, 22, spans.span_end, {"span_id": "open", "timestamp_us": 99}),
            (TooManyOpenSpansError, 11, spans.create_span, {"name": "n"}),
        ]:
            with self.subTest(error.__name__), self.assertRaises(error) as caught:
                handler(body)
            self.assertEqual(caught.exception.code, code)

    def test_on_end_hears_of_each_end_once(self) -> None:
        """`on_end` is called with each span that has ended, in order, and not for a refused end."""
        heard: list[tuple[str, str]] = []
        spans = manager(on_end=lambda span: heard.append((span.span_id, span.status)), limits=Limits(ended_spans=0))
        for span_id in "abc":
            spans.create_span({"name": "n", "span_id": span_id, "timestamp_us": 50})
        spans.span_error({"span_id": "b", "error": "e"})
        with self.assertRaises(TimeOrderError):
            spans.span_end({"span_id": "a", "timestamp_us": 49})
        spans.span_end({"span_id": "a"})

        self.assertEqual(heard, [("b", "ERROR"), ("a", "OK")])

    def test_on_end_that_fails_ends_the_span_all_the_same(self) -> None:
        """What `on_end` raises comes out, and the span has ended: it takes no place among the open ones for ever."""

        def fail(span: Span) -> None:
            raise OSError("disk full")

        spans = manager(on_end=fail, limits=Limits(open_spans=1, ended_spans=1))
        for span_id in "abc":
            spans.create_span({"name": "n", "span_id": span_id})
            with self.assertRaisesRegex(OSError, "disk full"):
                spans.span_end({"span_id": span_id, "timestamp_us": 9})

        self.assertEqual((spans.open_spans(), [span.span_id for span in spans.ended_spans()]), ([], ["c"]))

    def test_open_and_ended_spans_are_listed(self) -> None:
        """The open spans and the ended ones still kept can be listed; the first that ended comes first."""
        spans = manager()
        for span_id in "abcd":
            spans.create_span({"name": "n", "span_id": span_id})
        spans.span_end({"span_id": "c", "timestamp_us": 0})
        spans.span_end({"span_id": "a", "timestamp_us": 0})

        self.assertEqual([span.span_id for span in spans.open_spans()], ["b", "d"])
        self.assertEqual([span.span_id for span in spans.ended_spans()], ["c", "a"])

    def test_real_time_may_be_taken_later(self) -> None:
        """`use_real_time` changes the clock and the ids of what comes after."""
        spans = manager()
        first = spans.create_span({"name": "n"})
        spans.use_real_time()
        second = spans.create_span({"name": "n"})

        self.assertLess(first.start_us, 1)
        self.assertGreater(second.start_us, 10**15)
        self.assertGreater(second.trace_id, 2**64)


class NumberingTests(unittest.TestCase):
    """One counter for `create_span` and `generate`."""

    def ids(self, talk: Session, *fields: dict) -> list[str]:
        """Create spans with some fields; return the ids that are told."""
        return [talk.tell("create_span", name="n", kind="SERVER", **field)["span_id"] for field in fields]

    def test_creations_and_generate_share_the_counter(self) -> None:
        """Each takes the next number, a creation that chooses its own id included."""
        talk = Session()

        self.assertEqual(self.ids(talk, {}, {"span_id": "mine"}, {}), ["span1", "mine", "span3"])
        self.assertEqual(talk.tell("generate")["id"], "span4")
        self.assertEqual(talk.tell("generate")["id"], "span5")
        self.assertEqual(self.ids(talk, {}), ["span6"])

    def test_number_whose_name_is_known_is_ignored(self) -> None:
        """No number is taken whose name a known span has, be it open or ended; a forgotten one's is free."""
        talk = session(ended_spans=1)
        self.ids(talk, {"span_id": "span3"}, {"span_id": "span4"}, {"span_id": "span6"})  # these take 1, 2 and 5
        talk.tell("span_end", span_id="span6")
        self.assertEqual(talk.tell("generate")["id"], "span7")
        self.ids(talk, {"span_id": "span9"})  # takes 8
        talk.tell("span_end", span_id="span9")
        talk.tell("span_end", span_id="span3")

        self.assertEqual(talk.tell("generate")["id"], "span9")

    def test_creation_takes_its_number_before_its_own_id_is_known(self) -> None:
        """A creation that chooses the very name it would be given takes that number, and the next takes the next."""
        talk = Session()

        self.assertEqual(self.ids(talk, {"span_id": "span1"}, {}), ["span1", "span2"])

    def test_number_of_a_known_name_ahead_is_skipped(self) -> None:
        """A chosen name that lies ahead makes the counter jump over it."""
        talk = Session()

        self.assertEqual(self.ids(talk, {"span_id": "span2"}, {}, {}), ["span2", "span3", "span4"])
        self.assertEqual(int(talk.span("span3")["traceparent"][36:52], 16), 3)

    def test_refused_creation_takes_no_number(self) -> None:
        """What is refused uses up no number."""
        talk = Session()
        for fields in [{}, {"name": "n", "kind": "bad"}, {"name": "n", "parent_span_id": "nobody"}]:
            talk.tell("create_span", **fields)

        self.assertEqual(talk.tell("generate")["id"], "span1")

    def test_ids_after_init_are_the_same(self) -> None:
        """An `init` changes no id of a span; what `generate` gives then has the node's name and the same counter."""
        talk = Session()
        self.ids(talk, {}, {"span_id": "span4"})
        talk.start("n1")

        self.assertEqual(talk.body({"type": "generate"})["id"], "n1-3")
        self.assertEqual(talk.body({"type": "create_span", "name": "n", "msg_id": 1})["span_id"], "span5")
        self.assertEqual(talk.body({"type": "get_span", "span_id": "span1"})["span"]["span_id"], "span1")
        self.assertEqual(talk.body({"type": "generate"})["id"], "n1-6")

    def test_node_that_starts_again_gives_other_ids(self) -> None:
        """On the real clock `generate` gives the node's name, what only this start has, and the number."""
        starts = set()
        for _ in range(3):
            talk = Session(auto_clock=True)
            talk.start("n1")
            ids = [talk.body({"type": "generate"})["id"] for _ in range(2)]
            start = ids[0][3:11]

            self.assertRegex(start, "^[0-9a-f]{8}$")
            self.assertEqual(ids, [f"n1-{start}-1", f"n1-{start}-2"])
            starts.add(start)
        self.assertEqual(len(starts), 3)

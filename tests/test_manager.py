"""The keeper of spans as Python code calls it: keywords, spans in place of ids, and blocks of code as spans."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import sys
import threading
import unittest
import weakref
from collections.abc import Iterator

import tracer
from tests.helpers import TRACEPARENT, Session
from tests.test_forms import whole
from tracer import (
    CountedIds,
    Limits,
    MalformedRequestError,
    SimulatedClock,
    Span,
    SpanEndedError,
    SpanManager,
    SpanNotFoundError,
)
from tracer.forms import MESSAGES
from tracer.replies import describe_span

ABOUT_SPANS = [message_type for message_type in MESSAGES if "span" in message_type]


def manager(**arguments: object) -> SpanManager:
    """Return a manager on the simulated clock."""
    return SpanManager(clock=SimulatedClock(), ids=CountedIds(), **arguments)


class KeywordTests(unittest.TestCase):
    """Fields by keyword, in a dict, and the first one by its place."""

    def call(self, message_type: str, *arguments: object, **fields: object) -> dict:
        """Call a method of a manager that has one span; return all that is known of the span that it returns."""
        spans = manager()
        spans.create_span({"name": "first", "timestamp_us": 0})
        return describe_span(getattr(spans, message_type)(*arguments, **fields))

    def test_every_way_of_calling_is_the_same(self) -> None:
        """For every message a dict, keywords, the first field by its place and a mixture of them give the same span."""
        for message_type in ABOUT_SPANS:
            body = whole(message_type)
            del body["type"], body["msg_id"]
            (first, value), *rest = body.items()
            with self.subTest(message_type):
                expected = self.call(message_type, body)

                self.assertEqual(self.call(message_type, **body), expected)
                self.assertEqual(self.call(message_type, value, **dict(rest)), expected)
                self.assertEqual(self.call(message_type, {first: value, "more": 1}, **dict(rest)), expected)

    def test_keyword_counts_before_the_rest(self) -> None:
        """What a keyword says replaces what the dict says, which stays as it was."""
        body = {"name": "n", "kind": "SERVER"}

        self.assertEqual(manager().create_span(body, kind="CLIENT").kind, "CLIENT")
        self.assertEqual(body, {"name": "n", "kind": "SERVER"})

    def test_wrong_keyword_is_refused_as_in_a_message(self) -> None:
        """A missing field and one of the wrong form raise what the message is answered, word for word."""
        for message_type, fields in [
            ("create_span", {}),
            ("create_span", {"name": ""}),
            ("create_span", {"name": "n", "kind": "CLINT"}),
            ("create_span", {"name": "n", "parent_span_id": 5}),
            ("create_span", {"name": "n", "parent_span_id": "nobody"}),
            ("span_event", {"span_id": "span1"}),
            ("span_end", {"span_id": "span1", "error": "e"}),
            ("span_error", {"span_id": "nobody", "error": "e"}),
            ("span_link", {"span_id": "span1", "link": {"span_id": "nobody"}}),
        ]:
            with self.subTest(message_type, fields=fields):
                talk = Session()
                talk.start()
                talk.tell("create_span", name="first")
                reply = talk.tell(message_type, msg_id=1, **fields)
                with self.assertRaises(tracer.RequestError) as caught:
                    self.call(message_type, **fields)

                self.assertEqual((caught.exception.code, str(caught.exception)), (reply["code"], reply["text"]))

    def test_keyword_that_is_no_field_is_refused(self) -> None:
        """A keyword that the message does not have raises an error that says what was meant; nothing is changed."""
        spans = manager()
        for keywords, sentence in [
            ({"knid": "CLIENT"}, '"knid" is no field of create_span; did you mean kind?'),
            ({"type": "create_span"}, f'"type" is no field of create_span; it has {", ".join(self.fields())}'),
        ]:
            for method in (spans.create_span, spans.span):
                with self.subTest(keywords, method=method), self.assertRaises(MalformedRequestError) as caught:
                    method("n", **keywords)
                self.assertEqual(str(caught.exception), sentence)
        self.assertEqual(spans.open_spans(), [])

    def fields(self, message_type: str = "create_span") -> list[str]:
        """List the fields of a message."""
        return [*MESSAGES[message_type].required, *MESSAGES[message_type].optional]

    def test_docstrings_name_the_fields(self) -> None:
        """The docstring of each method lists the fields of its message, in the form's order."""
        for message_type in ABOUT_SPANS:
            with self.subTest(message_type):
                _, _, listed = inspect.getdoc(getattr(SpanManager, message_type)).partition("Args:\n")

                self.assertEqual(
                    [line.split(":")[0].strip() for line in listed.splitlines()], self.fields(message_type)
                )

    def test_package_has_it_and_no_more(self) -> None:
        """The package gives the manager when it is asked for it, and says so of what it does not have."""
        self.assertIs(tracer.SpanManager, SpanManager)
        with self.assertRaisesRegex(AttributeError, "^module 'tracer' has no attribute 'SpanManger'$"):
            tracer.SpanManger  # noqa: B018


class SpanForIdTests(unittest.TestCase):
    """A span stands where an id is asked."""

    def test_span_stands_for_its_id(self) -> None:
        """Every method takes the span itself, by its place, by keyword and in a dict."""
        for give in (
            lambda method, span, fields: method(span, **fields),
            lambda method, span, fields: method(span_id=span, **fields),
            lambda method, span, fields: method({"span_id": span, **fields}),
        ):
            spans = manager()
            span = spans.create_span("n")
            for method, fields in [
                (spans.span_event, {"event": "e"}),
                (spans.span_link, {"link": span}),
                (spans.span_update, {"name": "m"}),
                (spans.get_span, {}),
                (spans.span_end, {}),
                (spans.get_span, {}),
            ]:
                self.assertIs(give(method, span, fields), span)
            failed = spans.create_span("n")
            self.assertEqual(give(spans.span_error, failed, {"error": "e"}).error, "e")

    def test_span_stands_for_a_parent_and_a_link(self) -> None:
        """Parents and links are named by spans too, those of other managers and forgotten ones as well."""
        spans, others = manager(limits=Limits(ended_spans=0)), SpanManager()
        others.create_span("another", traceparent=TRACEPARENT)
        foreign = others.create_span("foreign", traceparent=TRACEPARENT)
        forgotten = spans.span_end(spans.create_span("forgotten"))
        for named in (spans.create_span("known"), forgotten, foreign):
            with self.subTest(named):
                child = spans.create_span("child", parent_span_id=named, links=[named, {"span_id": named}])
                spans.span_link(child, link={"span_id": named, "attributes": {"a": 1}})
                links = [link.context.traceparent for link in child.links]

                self.assertEqual(child.parent.traceparent, named.context.traceparent)
                self.assertEqual(child.trace_id, named.trace_id)
                self.assertEqual(links, [named.context.traceparent] * 3)
                self.assertEqual(child.links[2].attributes, {"a": 1})

    def test_span_excludes_a_traceparent_as_an_id_does(self) -> None:
        """Two parents are refused, be one of them a span."""
        spans = manager()
        with self.assertRaisesRegex(MalformedRequestError, "exclude each other"):
            spans.create_span("n", parent_span_id=spans.create_span("p"), traceparent=TRACEPARENT)

    def test_span_of_another_manager_is_not_known(self) -> None:
        """A span that is kept elsewhere, or no longer, is refused, though a span of its id is known here."""
        spans, others = manager(limits=Limits(ended_spans=0)), manager()
        forgotten = spans.span_end(spans.create_span("n", span_id="s"))
        own = spans.create_span("n", span_id="s")
        for span in (forgotten, others.create_span("n", span_id="s")):
            with self.assertRaises(SpanNotFoundError) as caught:
                spans.span_end(span)
            self.assertEqual(str(caught.exception), '"span_id" names no known span: "s"')
        self.assertIsNone(own.end_us)

    def test_span_of_python_code_is_claimed_by_nobody(self) -> None:
        """A message that names an unknown id does not get a span that Python code has made, for that knows its id."""
        spans, others = manager(), manager()
        with others.span("block") as block:
            for keeper, span in ((spans, spans.create_span("n")), (others, block)):
                self.assertEqual(Session(keeper).tell("span_end", span_id="mine", msg_id=1)["code"], 20)
                self.assertEqual(span.span_id, "span1")


class UnspeakableError(Exception):
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class BlockTests(unittest.TestCase):
    """A block of code as a span."""

    def test_block_ends_its_span(self) -> None:
        """The span is open within its block, with what the block was given, and has ended well behind it."""
        spans = manager()
        with spans.span("work", kind="CLIENT", attributes={"a": 1}) as span:
            self.assertEqual(spans.open_spans(), [span])

        self.assertEqual((span.name, span.kind, span.attributes), ("work", "CLIENT", {"a": 1}))
        self.assertEqual((span.status, span.events, spans.ended_spans()), ("OK", (), [span]))

    def test_exception_is_an_error_and_goes_on(self) -> None:
        """Whatever leaves the block is on its span as OpenTelemetry has it, and leaves the block as it was."""
        for error, sentence, name, message in [
            (ValueError("no such user"), "ValueError: no such user", "ValueError", "no such user"),
            (KeyboardInterrupt(), "KeyboardInterrupt", "KeyboardInterrupt", ""),
            (SystemExit(3), "SystemExit: 3", "SystemExit", "3"),
            (SpanEndedError("s"), None, "tracer.errors.SpanEndedError", '"span_id" names a span that has ended: "s"'),
            (UnspeakableError(), "UnspeakableError", "tests.test_manager.UnspeakableError", ""),
        ]:
            spans = manager()
            with self.subTest(name):
                with self.assertRaises(type(error)) as caught, spans.span("work") as span:
                    raise error

                (event,) = span.events
                self.assertIs(caught.exception, error)
                self.assertEqual((span.status, span.error), ("ERROR", sentence or f"SpanEndedError: {message}"))
                self.assertEqual(event.name, "exception")
                self.assertEqual(event.attributes, {"exception.type": name, "exception.message": message})

    def test_block_is_entered_once_at_a_time(self) -> None:
        """A block within itself is refused; one that was left may be entered again."""
        block = manager().span("work")
        with block as first:
            with self.assertRaisesRegex(RuntimeError, "entered already"), block:
                self.fail("it was entered twice")
        with block as second:
            pass

        self.assertEqual((first.status, second.status, second.parent), ("OK", "OK", None))

    def test_blocks_that_overlap_are_not_kept(self) -> None:
        """Of blocks that each open before the last one closes, those that were left are freed."""
        spans = manager()
        blocks = []
        seen = []
        for _ in range(10):
            blocks.append(spans.span("work"))
            blocks[-1].__enter__()
            if len(blocks) > 1:
                old = blocks.pop(0)
                old.__exit__(None, None, None)
                seen.append(weakref.ref(old))
                del old
        gc.collect()

        self.assertLessEqual(sum(ref() is not None for ref in seen), 1)
        blocks[0].__exit__(None, None, None)

    def test_what_a_span_shows_is_taken(self) -> None:
        """Attributes, links and identities that a span shows may be given to another one."""
        spans = manager()
        first = spans.create_span(
            "a", attributes={"k": (1, 2)}, links=[{"traceparent": TRACEPARENT, "attributes": {"x": 1}}]
        )
        second = spans.create_span("b", attributes=first.attributes, links=first.links, traceparent=first.context)

        self.assertEqual((second.attributes, second.parent), (first.attributes, first.context))
        self.assertEqual((second.links[0].context, second.links[0].attributes), (first.links[0].context, {"x": 1}))
        self.assertEqual(len({first.context, second.parent, second.context}), 2)

    def test_exit_without_an_error_is_none(self) -> None:
        """A block that ends the program well has ended well."""
        for code in (None, 0):
            with self.assertRaises(SystemExit), manager().span("work") as span:
                sys.exit(code)
            self.assertEqual((span.status, span.events), ("OK", ()))

    def test_span_that_has_ended_stays_as_it_is(self) -> None:
        """A span that the block itself has ended or failed is not changed by leaving it, with an exception or without."""
        for end in (lambda spans, span: spans.span_end(span), lambda spans, span: spans.span_error(span, error="e")):
            for error in (None, ValueError("late")):
                spans = manager(limits=Limits(ended_spans=0))
                try:
                    with spans.span("work") as span:
                        end(spans, span)
                        before = describe_span(span)
                        if error is not None:
                            raise error
                except ValueError as caught:
                    self.assertIs(caught, error)

                self.assertEqual(describe_span(span), before)

    def test_block_that_starts_late_ends_then(self) -> None:
        """A span that was said to start after the clock's time ends when it starts, and nothing is raised."""
        spans = SpanManager()
        with spans.span("late", timestamp_us=2**52) as late:
            pass
        with self.assertRaises(ValueError), spans.span("fails late", timestamp_us=2**52) as failed:
            raise ValueError

        self.assertEqual([late.duration_us, failed.duration_us], [0, 0])

    def test_refused_block_is_not_entered(self) -> None:
        """What refuses the span comes out before the block; the block around it is the latest still."""
        spans = manager(limits=Limits(open_spans=1))
        with spans.span("outer") as outer:
            for _ in range(2):
                with self.assertRaises(tracer.TooManyOpenSpansError), spans.span("inner"):
                    self.fail("the block was entered")

        self.assertEqual(spans.ended_spans(), [outer])

    def test_what_on_end_raises_comes_out(self) -> None:
        """The span has ended all the same, and blocks that follow are no children of it."""
        spans = manager(on_end=lambda span: 1 / 0)
        for _ in range(2):
            with self.assertRaises(ZeroDivisionError), spans.span("work") as span:
                pass

            self.assertEqual((span.state, span.parent), ("ended, still kept", None))


class NestingTests(unittest.TestCase):
    """Which block is a child of which."""

    def test_block_within_a_block_is_its_child(self) -> None:
        """The innermost block around is the parent; behind a block it is the one around that again."""
        spans = manager()
        with spans.span("a") as a:
            with spans.span("b") as b, spans.span("c") as c:
                pass
            with self.assertRaises(ValueError), spans.span("d") as d:
                raise ValueError
            with spans.span("e") as e:
                pass
        with spans.span("f") as f:
            pass

        self.assert_parents((a, None), (b, a), (c, b), (d, a), (e, a), (f, None))

    def assert_parents(self, *pairs: tuple[Span, Span | None]) -> None:
        """Hold that each span has that parent, None for none."""
        for span, parent in pairs:
            with self.subTest(span):
                expected = None if parent is None else parent.context.traceparent
                self.assertEqual(None if span.parent is None else span.parent.traceparent, expected)

    def test_given_parent_counts_before_the_block_around(self) -> None:
        """A span, an id, a traceparent and None are parents that are given; `create_span` has no other one."""
        spans = manager()
        root = spans.create_span("root")
        with spans.span("outer"):
            for given in ({"parent_span_id": root}, {"parent_span_id": root.span_id}):
                with spans.span("given", **given) as span:
                    self.assert_parents((span, root))
            with spans.span("far", traceparent=TRACEPARENT) as far:
                self.assertEqual(far.parent.traceparent, TRACEPARENT)
            for given in ({"parent_span_id": None}, {"traceparent": None}):
                with spans.span("alone", **given) as alone:
                    self.assert_parents((alone, None))
            self.assert_parents((spans.create_span("n"), None))

    def test_generator_that_is_closed_has_ended_well(self) -> None:
        """A generator that nobody reads to its end ends its span well; one that fails ends it with the error."""
        spans = manager()

        def count() -> Iterator[Span]:
            with spans.span("count") as span:
                yield span
                raise ValueError("two")

        closed = count()
        span = next(closed)
        closed.close()
        failing = count()
        failed = next(failing)
        with self.assertRaises(ValueError):
            next(failing)

        self.assertEqual(
            [(span.status, span.events), (failed.status, failed.error)], [("OK", ()), ("ERROR", "ValueError: two")]
        )

    def test_blocks_may_be_left_in_any_order(self) -> None:
        """A generator's block that is left before one that was entered later makes nothing a child of what has ended."""
        spans = manager()

        def hold(name: str) -> Iterator[Span]:
            with spans.span(name) as span:
                yield span

        first, second = hold("first"), hold("second")
        with spans.span("root") as root:
            a, b = next(first), next(second)
            first.close()
            with spans.span("third") as third:
                pass
            second.close()
            with spans.span("fourth") as fourth:
                pass

        self.assert_parents((a, root), (b, a), (third, b), (fourth, root))

    def test_block_may_be_left_in_another_context(self) -> None:
        """A generator that another context closes changes nothing there."""
        spans = manager()

        def hold() -> Iterator[Span]:
            with spans.span("held") as span:
                yield span

        holding = hold()
        held = next(holding)

        def close_within() -> tuple[Span, Span]:
            with spans.span("there", parent_span_id=None) as there:
                holding.close()
                with spans.span("within") as within:
                    return there, within

        there, within = contextvars.Context().run(close_within)
        with spans.span("behind") as behind:
            pass

        self.assertEqual(held.status, "OK")
        self.assert_parents((there, None), (within, there), (behind, None))

    def test_tasks_and_threads_have_blocks_of_their_own(self) -> None:
        """Tasks that take turns are children of the block that started them; a thread's block has no block around."""
        spans = manager()
        made: dict[str, tuple[Span, Span]] = {}

        async def work(name: str) -> None:
            with spans.span(name) as outer:
                await asyncio.sleep(0)
                with spans.span("inner") as inner:
                    await asyncio.sleep(0)
            made[name] = outer, inner

        async def work_on_both() -> None:
            await asyncio.gather(work("a"), work("b"))

        with spans.span("root") as root:
            asyncio.run(work_on_both())
            thread = threading.Thread(target=lambda: asyncio.run(work("thread")))
            thread.start()
            thread.join()

        for name, parent in (("a", root), ("b", root), ("thread", None)):
            outer, inner = made[name]
            self.assert_parents((outer, parent), (inner, outer))

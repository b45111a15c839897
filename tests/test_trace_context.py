"""Identity in a trace: `traceparent` in and out, counted and random ids, and who inherits what."""

from __future__ import annotations

import json
import os
import unittest
from unittest import mock

from tests.helpers import Session
from tracer import CountedIds, RandomIds, RealClock, SpanContext, SpanManager
from tracer.trace_context import parse_traceparent

TRACE, OWN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class TraceparentTests(unittest.TestCase):
    """The W3C text, in and out."""

    def test_good_traceparent_is_read(self) -> None:
        """Version 00 has exactly four parts, a higher one may go on after a dash; it is shown in version 00."""
        for text in [
            f"00-{TRACE}-{OWN}-01",
            f"01-{TRACE}-{OWN}-01",
            f"fe-{TRACE}-{OWN}-01-",
            f"cc-{TRACE}-{OWN}-01-what-ever, Ünicode",
        ]:
            with self.subTest(text):
                context = parse_traceparent(text)

                self.assertEqual((context.trace_id, context.hex_id, context.flags), (int(TRACE, 16), int(OWN, 16), 1))
                self.assertEqual(context.traceparent, f"00-{TRACE}-{OWN}-01")

    def test_bad_traceparent_is_none(self) -> None:
        """Anything else is no traceparent."""
        for text in [
            *("", "-", "---", "00", "garbage", "\ud800", "00-" * 20),
            f"00-{TRACE}-{OWN}",
            f"00-{TRACE}-{OWN}-",
            f"00-{TRACE}-{OWN}-1",
            f"00-{TRACE}-{OWN}-011",
            f"00-{TRACE}-{OWN}-01-",
            f"00-{TRACE}-{OWN}-01-00",
            f"ff-{TRACE}-{OWN}-01",
            f"ff-{TRACE}-{OWN}-01-more",
            f"01-{TRACE}-{OWN}-01more",
            f"0-{TRACE}-{OWN}-01",
            f"0x-{TRACE}-{OWN}-01",
            f"00-{TRACE.upper()}-{OWN}-01",
            f"00-{TRACE}-{OWN.upper()}-01",
            f"00-{TRACE}-{OWN}-0A",
            f"0A-{TRACE}-{OWN}-01",
            f"00-{'0' * 32}-{OWN}-01",
            f"00-{TRACE}-{'0' * 16}-01",
            f"00-{TRACE[1:]}-{OWN}-01",
            f"00-{TRACE}0-{OWN}-01",
            f"00-{TRACE}-{OWN}0-01",
            f"00-{TRACE[:-1]}g-{OWN}-01",
            f"00-+{TRACE[1:]}-{OWN}-01",
            f"00- {TRACE[1:]}-{OWN}-01",
            f"00-{TRACE[:15]}_{TRACE[16:]}-{OWN}-01",
            f"00-{TRACE}-{OWN}-٠١",
            f" 00-{TRACE}-{OWN}-01",
            f"00-{TRACE}-{OWN}-01\n",
            f"00_{TRACE}_{OWN}_01",
        ]:
            with self.subTest(text):
                with self.assertRaises(ValueError) as caught:
                    parse_traceparent(text)

                self.assertEqual(caught.exception.args, (text,))

    def test_context_is_written_with_leading_zeros(self) -> None:
        """Ids and flags are written in full width, in lower case."""
        self.assertEqual(SpanContext(1, 2, 3).traceparent, f"00-{'0' * 31}1-{'0' * 15}2-03")
        self.assertEqual(SpanContext(2**128 - 1, 2**64 - 1, 255).traceparent, f"00-{'f' * 32}-{'f' * 16}-ff")


class IdentityTests(unittest.TestCase):
    """Roots and children through a whole node, with counted ids."""

    def test_hex_id_is_the_number_and_traces_are_counted(self) -> None:
        """The own id is the number that the span's creation took, the trace id the number of its trace."""
        talk = Session()
        talk.tell("generate")
        talk.tell("create_span", name="root", span_id="a")  # takes number 2, and starts trace 1
        talk.tell("create_span", name="child", span_id="b", parent_span_id="a")
        talk.tell("create_span", name="root", span_id="c")

        self.assertEqual(talk.span("a")["traceparent"], f"00-{1:032x}-{2:016x}-01")
        self.assertEqual(talk.span("b")["traceparent"], f"00-{1:032x}-{3:016x}-01")
        self.assertEqual(talk.span("c")["traceparent"], f"00-{2:032x}-{4:016x}-01")
        self.assertEqual(talk.span("b")["parent"], talk.span("a")["traceparent"])
        self.assertIsNone(talk.span("a")["parent"])

    def test_refused_root_starts_no_trace(self) -> None:
        """A creation that is refused uses up neither a number nor a trace."""
        talk = Session()
        talk.tell("create_span", name="root", span_id="a")
        talk.tell("create_span", name="root", span_id="a")
        talk.tell("create_span", name="root", span_id="b")

        self.assertEqual(talk.span("b")["traceparent"], f"00-{2:032x}-{2:016x}-01")

    def test_child_of_a_foreign_parent_joins_its_trace(self) -> None:
        """By traceparent a child joins the trace; the parent is shown in version 00 with its flags as they came."""
        for flags, inherited in [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("ff", "03"), ("fc", "00")]:
            for version, tail in [("00", ""), ("42", "-more")]:
                with self.subTest(flags=flags, version=version):
                    talk = Session()
                    talk.tell(
                        "create_span", name="n", span_id="s", traceparent=f"{version}-{TRACE}-{OWN}-{flags}{tail}"
                    )
                    span = talk.span("s")

                    self.assertEqual(span["parent"], f"00-{TRACE}-{OWN}-{flags}")
                    self.assertEqual(span["traceparent"], f"00-{TRACE}-{1:016x}-{inherited}")

    def test_grandchild_keeps_trace_and_flags(self) -> None:
        """By parent_span_id a child joins its parent's trace and keeps its flags."""
        talk = Session()
        talk.tell("create_span", name="n", span_id="a", traceparent=f"00-{TRACE}-{OWN}-02")
        talk.tell("create_span", name="n", span_id="b", parent_span_id="a")

        self.assertEqual(talk.span("b")["traceparent"], f"00-{TRACE}-{2:016x}-02")
        self.assertEqual(talk.span("b")["parent"], f"00-{TRACE}-{1:016x}-02")

    def test_context_is_the_span_s_own_identity(self) -> None:
        """A `context` replaces the trace id, the own id and the flags, whatever its version; what follows inherits from it."""
        for flags, inherited in [("01", "01"), ("00", "00"), ("fe", "02")]:
            for version, tail in [("00", ""), ("42", "-more")]:
                with self.subTest(flags=flags, version=version):
                    talk = Session()
                    talk.tell("create_span", name="n", span_id="a", context=f"{version}-{TRACE}-{OWN}-{flags}{tail}")
                    talk.tell("create_span", name="n", span_id="b", parent_span_id="a")

                    self.assertEqual(talk.span("a")["traceparent"], f"00-{TRACE}-{OWN}-{flags}")
                    self.assertIsNone(talk.span("a")["parent"])
                    self.assertEqual(talk.span("b")["parent"], f"00-{TRACE}-{OWN}-{flags}")
                    self.assertEqual(talk.span("b")["traceparent"], f"00-{TRACE}-{2:016x}-{inherited}")

    def test_context_is_of_its_parent_s_trace(self) -> None:
        """With a parent, named either way, a `context` of its trace is taken, and one of another trace refused before all else."""
        other = f"00-{'e' * 32}-{OWN}-01"
        for parent in ({"parent_span_id": "a"}, {"traceparent": f"00-{TRACE}-{'1' * 16}-01"}):
            with self.subTest(parent):
                talk = Session()
                talk.tell("create_span", name="n", span_id="a", context=f"00-{TRACE}-{'1' * 16}-01")
                talk.tell("create_span", name="n", span_id="b", context=f"00-{TRACE}-{OWN}-00", **parent)
                refused = talk.tell("create_span", msg_id=1, name="n", span_id="a", context=other, **parent)

                self.assertEqual(talk.span("b")["traceparent"], f"00-{TRACE}-{OWN}-00")
                self.assertEqual(talk.span("b")["parent"], f"00-{TRACE}-{'1' * 16}-01")
                self.assertEqual(
                    (refused["code"], refused["text"]), (12, f'"context" must be of its parent\'s trace, {TRACE}')
                )

    def test_empty_traceparent_and_context_are_absence(self) -> None:
        """What an unset variable of a shell becomes makes a root with an identity from the node, whose trace is counted."""
        talk = Session()
        talk.tell("create_span", name="n", span_id="a", traceparent="", context="")
        talk.tell("create_span", name="n", span_id="b", context=f"00-{TRACE}-{OWN}-01")
        talk.tell("create_span", name="n", span_id="c", traceparent="")

        self.assertEqual((talk.span("a")["traceparent"], talk.span("a")["parent"]), (f"00-{1:032x}-{1:016x}-01", None))
        self.assertEqual(talk.span("c")["traceparent"], f"00-{3:032x}-{3:016x}-01")

    def test_context_leaves_a_span_unclaimed(self) -> None:
        """A `context` is no id at this node: a span whose id nobody knows may still be claimed, and keeps its identity."""
        talk = Session()
        talk.tell("create_span", name="n", context=f"00-{TRACE}-{OWN}-01")
        talk.tell("span_event", span_id="mine", event="e")

        self.assertEqual(talk.span("mine")["traceparent"], f"00-{TRACE}-{OWN}-01")

    def test_links_are_shown_in_version_00(self) -> None:
        """A link shows the context in version 00, flags as they came."""
        talk = Session()
        talk.tell("create_span", name="n", span_id="s", links=[{"traceparent": f"a0-{TRACE}-{OWN}-fd-x"}])

        self.assertEqual(talk.span("s")["links"], [{"traceparent": f"00-{TRACE}-{OWN}-fd", "attributes": {}}])


class IdsTests(unittest.TestCase):
    """The two ways to choose ids."""

    def test_counted_ids_count_traces_and_take_numbers(self) -> None:
        """A root counts its trace; a child only takes its number."""
        ids = CountedIds()

        self.assertEqual([ids.start_trace(5), ids.start_trace(9)], [(1, 5), (2, 9)])
        self.assertEqual(ids.choose_hex_id(7), 7)

    def test_random_ids_fit_and_differ(self) -> None:
        """Random ids have 128 and 64 bits, are never 0, and do not repeat."""
        ids = RandomIds()
        roots = [ids.start_trace(1) for _ in range(500)]
        children = {ids.choose_hex_id(1) for _ in range(500)}

        self.assertTrue(all(0 < trace_id < 2**128 and 0 < hex_id < 2**64 for trace_id, hex_id in roots))
        self.assertEqual(len({trace_id for trace_id, _ in roots}), 500)
        self.assertEqual(len({hex_id for _, hex_id in roots} | children), 1000)
        self.assertTrue(all(0 < hex_id < 2**64 for hex_id in children))

    def test_random_bits_are_all_used(self) -> None:
        """Each bit from the system is one of an id; all zeros is no id, even where chance gives it."""
        for bits, made in {
            b"\xff" * 24: (2**128 - 1, 2**64 - 1),
            b"\x80" + bytes(23): (1 << 127, 1),
            bytes(23) + b"\x01": (1, 1),
            bytes(24): (1, 1),
        }.items():
            with (
                self.subTest(bits),
                mock.patch("tracer.trace_context.os.urandom", lambda size, bits=bits: bits[-size:]),
            ):
                self.assertEqual((RandomIds().start_trace(1), RandomIds().choose_hex_id(1)), (made, made[1]))

    def test_first_process_of_a_container_has_random_ids(self) -> None:
        """The node may be the process with the number 1."""
        with mock.patch("tracer.trace_context.os.getpid", lambda: 1):
            self.assertRegex(RandomIds().make_unique("n1", 2), "^n1-[0-9a-f]{8}-2$")

    @unittest.skipUnless(hasattr(os, "fork"), "this system does not fork")
    def test_fork_shares_no_random_ids(self) -> None:
        """A process and its fork choose different traces, spans and ids for `generate`."""
        ids, (reading, writing) = RandomIds(), os.pipe()
        self.addCleanup(os.close, reading)

        def choose() -> list[object]:
            return [*ids.start_trace(1), ids.choose_hex_id(2), ids.make_unique("n1", 3)]

        first = choose()
        child = os.fork()
        if child == 0:
            os.write(writing, json.dumps(choose()).encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)

        self.assertEqual(len({*first, *choose(), *json.loads(os.read(reading, 65_536))}), 11)

    def test_manager_by_itself_has_real_time_and_random_ids(self) -> None:
        """A manager that is given neither clock nor ids takes the real ones."""
        spans = SpanManager(), SpanManager()
        made = [manager.create_span({"name": "n"}) for manager in spans]
        child = spans[0].create_span({"name": "c", "parent_span_id": made[0].span_id})

        self.assertIsInstance(spans[0].clock, RealClock)
        self.assertNotEqual(made[0].trace_id, made[1].trace_id)
        self.assertEqual(child.trace_id, made[0].trace_id)
        self.assertNotEqual(child.hex_id, made[0].hex_id)
        self.assertEqual((made[0].flags, child.flags), (1, 1))

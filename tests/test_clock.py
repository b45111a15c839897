"""Time: the simulated clock, the real one, which of them auto takes, and what a message's own time does."""

from __future__ import annotations

import time
import unittest
from unittest import mock

from tests.helpers import Session, envelope, feed, line_of, session
from tracer import CountedIds, Node, RealClock, SimulatedClock, SpanManager

GET = {"type": "get_span", "span_id": "s"}


def now_us(talk: Session) -> int:
    """Return the time of the next line, by a span that starts there."""
    talk.tell("create_span", name="probe", span_id="probe")
    return talk.span("probe")["start_us"]


class SimulatedClockTests(unittest.TestCase):
    """Time by the line."""

    def test_first_line_is_at_zero(self) -> None:
        """The first line is at 0, each later one adds the step, which may be 0."""
        for tick_us in (5_000, 1, 0):
            with self.subTest(tick_us=tick_us):
                talk = Session(SpanManager(clock=SimulatedClock(tick_us), ids=CountedIds()))
                times = [talk.manager.clock.now_us for _ in range(3) if talk.tell("generate")]

                self.assertEqual(times, [0, tick_us, 2 * tick_us])

    def test_advance_goes_forward_only(self) -> None:
        """A time that lies ahead moves the clock, one that lies behind does not."""
        clock = SimulatedClock()
        for timestamp_us, now_us in [(7_777, 7_777), (7_776, 7_777), (0, 7_777), (7_778, 7_778)]:
            self.assertEqual(clock.advance(timestamp_us), timestamp_us)
            self.assertEqual(clock.now_us, now_us)

    def test_every_json_object_is_a_tick(self) -> None:
        """Messages, refused or not, malformed envelopes and somebody's replies are ticks; other lines are not."""
        ticks = [
            b'{"type":"echo","echo":1}',
            b'{"type":"nonsense"}',
            b'{"type":"span_end","span_id":"nobody"}',
            b"{}",
            b'{"body":{"type":"echo","echo":1}}',
            b'{"src":"a","dest":"b","body":null}',
            b'{"src":"","dest":"b","body":{}}',
            b'{"type":"echo_ok","in_reply_to":1}',
            b'{"src":"a","dest":"b","body":{"in_reply_to":0}}',
            b' {"type":"generate"}',
        ]
        others = [
            b"",
            b"  ",
            b"nonsense",
            b"[]",
            b"1",
            b"\xff",
            b'{"a":NaN}',
            b"[" * 300,
            b'{"a":' * 201 + b"1" + b"}" * 201,
        ]
        for line in ticks + others:
            with self.subTest(line=line):
                talk = Session()
                talk.line(line)

                self.assertEqual(now_us(talk), 5_000 if line in ticks else 0)

    def test_line_that_is_too_long_is_no_tick(self) -> None:
        """What was skipped was not read, JSON or not."""
        rest = b'\n{"type":"create_span","name":"n","span_id":"s"}\n{"type":"get_span","span_id":"s"}\n'
        for echo, start_us in [(b'"%s"' % (b"x" * 100), 0), (b"1", 5_000)]:
            replies, _ = feed([b'{"type":"echo","echo":%s}' % echo + rest], 100)

            self.assertIn(f'"start_us": {start_us},', replies[-1])


class TimestampTests(unittest.TestCase):
    """A message's own time."""

    def test_timestamp_takes_the_clock_s_place_and_moves_it(self) -> None:
        """The simulated clock goes on from a time that lies ahead; a time behind is used and moves nothing."""
        messages = {
            "create_span": ({"name": "n", "span_id": "t"}, lambda talk: talk.span("t")["start_us"]),
            "span_event": ({"span_id": "s", "event": "e"}, lambda talk: talk.span("s")["events"][0]["timestamp_us"]),
            "span_end": ({"span_id": "s"}, lambda talk: talk.span("s")["end_us"]),
            "span_error": ({"span_id": "s", "error": "e"}, lambda talk: talk.span("s")["end_us"]),
        }
        for message_type, (fields, asked) in messages.items():
            for timestamp_us, next_us in [(1_000_000, 1_005_000), (3, 10_000), (5_000, 10_000), (5_001, 10_001)]:
                with self.subTest(type=message_type, timestamp_us=timestamp_us):
                    talk = Session()
                    talk.tell("create_span", name="n", span_id="s")
                    talk.tell(message_type, **fields, timestamp_us=timestamp_us)

                    self.assertEqual(now_us(talk), next_us)
                    self.assertEqual(asked(talk), timestamp_us)

    def test_messages_without_a_time_take_none(self) -> None:
        """`span_link`, `span_update` and the rest have no time of their own."""
        for message in [
            {"type": "span_link", "span_id": "s", "link": {"span_id": "s"}},
            {"type": "span_update", "span_id": "s", "name": "n"},
            {"type": "echo", "echo": 1},
            {"type": "generate"},
            GET,
        ]:
            with self.subTest(type=message["type"]):
                talk = Session()
                talk.tell("create_span", name="n", span_id="s")
                talk.tell(**message, timestamp_us=10**9)

                self.assertEqual(now_us(talk), 10_000)

    def test_refused_message_moves_no_clock(self) -> None:
        """The time of a message that is refused is ignored."""
        talk = Session()
        talk.tell("create_span", name="n", span_id="s", timestamp_us=100)
        for fields in [
            {"type": "span_event", "span_id": "nobody", "event": "e"},
            {"type": "span_event", "span_id": "s"},
            {"type": "span_end", "span_id": "s", "status": "bad"},
            {"type": "create_span", "name": "n", "span_id": "s"},
        ]:
            talk.tell(**fields, timestamp_us=10**9)
        talk.tell("span_end", span_id="s", timestamp_us=99)

        self.assertEqual(now_us(talk), 30_100)

    def test_dropped_event_moves_the_clock(self) -> None:
        """An event for which there is no room has still happened at its time."""
        talk = session({"type": "create_span", "name": "n", "span_id": "s"}, events=0)
        talk.tell("span_event", span_id="s", event="e", timestamp_us=700_000)

        self.assertEqual(now_us(talk), 705_000)
        self.assertEqual(talk.span("s")["dropped_events"], 1)

    def test_end_without_a_time_is_held_against_a_start_ahead(self) -> None:
        """On the real clock a start may lie ahead of it: an end now is then refused, and so is an error."""
        talk = Session(SpanManager())
        talk.tell("create_span", name="n", span_id="s", timestamp_us=9223372036854775)
        for message in ({"type": "span_end"}, {"type": "span_error", "error": "e"}):
            self.assertEqual(talk.body({**message, "span_id": "s", "msg_id": 1})["code"], 22)
        self.assertEqual(talk.span("s")["events"], [])

        self.assertEqual(talk.tell("span_end", span_id="s", timestamp_us=9223372036854775)["duration_us"], 0)

    def test_latest_time_of_all_is_one(self) -> None:
        """The simulated clock goes on past the latest time that a message may name."""
        talk = Session()
        talk.tell("create_span", name="n", span_id="s", timestamp_us=9223372036854775)

        self.assertEqual(talk.tell("span_end", span_id="s")["duration_us"], 5_000)


class RealClockTests(unittest.TestCase):
    """The wall clock at start-up, carried on by one that nobody sets."""

    def test_setting_the_machine_s_clock_moves_no_span(self) -> None:
        """Only the steady clock counts after the start; a machine that has none by number has Python's monotonic one."""
        for by_number in (True, False):
            steady = mock.Mock(side_effect=[5_000_000, 5_000_000, 5_007_999])
            fake = mock.Mock(time_ns=mock.Mock(side_effect=[1_700_000_000_000_000_000]), clock_gettime_ns=steady)
            if not by_number:
                fake.monotonic_ns = steady
                del fake.clock_gettime_ns
            with self.subTest(by_number), mock.patch("tracer.clock.time", fake):
                clock = RealClock()

                self.assertEqual([clock.now_us, clock.now_us], [1_700_000_000_000_000, 1_700_000_000_000_007])

    @unittest.skipUnless(hasattr(time, "CLOCK_BOOTTIME"), "this machine has no clock that counts its sleep")
    def test_sleep_of_the_machine_counts(self) -> None:
        """Where the clock since boot is ahead of the monotonic one, as it is after a sleep, it is the one that counts."""
        with mock.patch("time.clock_gettime_ns", lambda clock: 10**9 * (clock == time.CLOCK_BOOTTIME)):
            clock = RealClock()
            started = clock.now_us
        self.assertAlmostEqual(started, time.time_ns() // 1000, delta=10**8)

    def test_ticks_and_times_do_not_move_it(self) -> None:
        """Lines and messages' times leave real time alone."""
        talk = Session(SpanManager())
        talk.tell("create_span", name="n", timestamp_us=9223372036854775)

        self.assertLess(talk.manager.clock.now_us, time.time_ns() // 1000 + 10**9)

    def test_clock_may_change_at_any_time(self) -> None:
        """After `use_real_time` every span has real time, whatever was made before."""
        talk = session({"type": "create_span", "name": "before"})
        talk.manager.use_real_time()

        self.assertGreater(now_us(talk), 10**15)

    def test_times_never_run_backwards(self) -> None:
        """A span's start, events and end on the real clock stand in the order they came, around now."""
        before = time.time_ns() // 1000
        talk = Session(SpanManager())
        talk.tell("create_span", name="n", span_id="s")
        for _ in range(20):
            talk.tell("span_event", span_id="s", event="e")
        talk.tell("span_end", span_id="s")
        span = talk.span("s")
        times = [span["start_us"], *(event["timestamp_us"] for event in span["events"]), span["end_us"]]

        self.assertEqual(times, sorted(times))
        self.assertEqual(span["duration_us"], span["end_us"] - span["start_us"])
        self.assertLess(abs(span["start_us"] - before), 60_000_000)


class AutoClockTests(unittest.TestCase):
    """Which clock an `init` finds."""

    INIT = {"type": "init", "node_id": "n1", "msg_id": 1}

    def clock_after(self, *lines: bytes) -> type:
        """Return the class of the clock of an auto node after some lines."""
        talk = Session(auto_clock=True)
        for line in lines:
            talk.line(line)
        return type(talk.manager.clock)

    def test_accepted_init_takes_the_real_clock(self) -> None:
        """The first `init` that is accepted takes the real clock, whatever came before but a span that was created."""
        init = line_of(envelope(self.INIT))
        refused = [
            b'{"type":"init"}',
            b'{"type":"init","node_id":"n","msg_id":true}',
            b'{"type":"init","in_reply_to":1}',
        ]
        others = [
            b'{"type":"echo","echo":1}',
            b'{"type":"generate"}',
            b'{"type":"create_span"}',
            b'{"type":"nonsense"}',
        ]
        for line in [b"", b"nonsense", b'{"body":1}', b"{}", b'{"type":["init"]}', *refused, *others]:
            with self.subTest(line=line):
                self.assertIs(self.clock_after(line), SimulatedClock)
                self.assertIs(self.clock_after(line, init), RealClock)
                self.assertIs(self.clock_after(line, init, init), RealClock)

    def test_created_span_keeps_the_simulated_clock(self) -> None:
        """No span begins by one clock and ends by another: where one was created, also one long forgotten, time stays."""
        create, end = b'{"type":"create_span","name":"n","span_id":"s"}', b'{"type":"span_end","span_id":"s"}'
        for lines in [(create,), (create, end)]:
            talk = session(ended_spans=0)
            talk.node = Node(talk.manager, auto_clock=True)
            for line in (*lines, line_of(self.INIT)):
                talk.line(line)

            self.assertIsInstance(talk.manager.clock, SimulatedClock)

    def test_auto_gives_ids_once_whichever_clock_there_is(self) -> None:
        """After an `init` `generate` gives what no other start gives, also where a created span keeps the clock simulated."""
        for first in ({"type": "generate"}, {"type": "create_span", "name": "n"}):
            ids = []
            for _ in range(2):
                talk = Session(auto_clock=True)
                talk.tell(**first)
                talk.start()
                ids.append(talk.send("generate")["body"]["id"])
                self.assertRegex(ids[-1], "^n1-[0-9a-f]{8}-2$")

            self.assertNotEqual(*ids)

    def test_without_auto_an_init_changes_no_clock(self) -> None:
        """A node whose clock was chosen keeps it."""
        talk = Session()
        talk.start()

        self.assertIsInstance(talk.manager.clock, SimulatedClock)

    def test_real_clock_brings_random_ids(self) -> None:
        """After an `init` first, two nodes choose different traces."""
        traces = []
        for _ in range(2):
            talk = Session(auto_clock=True)
            talk.start()
            traces.append(talk.send("create_span", name="n", msg_id=2)["body"]["traceparent"])

        self.assertNotEqual(*traces)
        self.assertTrue(all(trace.endswith("-01") for trace in traces))

"""What the process asks of the Python that runs it."""

from __future__ import annotations

import unittest
from unittest import mock

from tracer.process import set_up_interpreter


@mock.patch("gc.disable")
class InterpreterTests(unittest.TestCase):
    """A stand-in for `sys` has, or has not, what the Python in question has."""

    def set_up_with(self, *names: str) -> mock.Mock:
        """Set up an interpreter whose `sys` has these names alone; return that `sys`."""
        with mock.patch("tracer.process.sys", mock.Mock(spec=names)) as python:
            set_up_interpreter()
        return python

    def test_collector_is_off_where_references_are_counted(self, disable: mock.Mock) -> None:
        """The collector of cycles is off on CPython, and on PyPy, which has no other, on."""
        for names, calls in ((), 0), (("getrefcount",), 1):
            self.set_up_with(*names)

            self.assertEqual(disable.call_count, calls)

    def test_bound_on_digits_is_the_node_s_own(self, disable: mock.Mock) -> None:
        """Python's bound on the digits of an integer, where there is one, is lifted."""
        self.set_up_with("set_int_max_str_digits").set_int_max_str_digits.assert_called_once_with(0)

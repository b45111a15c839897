"""What the process asks of the Python that runs it."""

from __future__ import annotations

import unittest
from unittest import mock

from tracer.machine.interpreter import set_up_interpreter


@mock.patch("gc.enable")
class InterpreterTests(unittest.TestCase):
    """A stand-in for `sys` has, or has not, what the Python in question has."""

    def set_up_with(self, *names: str) -> mock.Mock:
        """Set up an interpreter whose `sys` has these names alone; return that `sys`."""
        with mock.patch("tracer.machine.interpreter.sys", mock.Mock(spec=names)) as python:
            set_up_interpreter()
        return python

    def test_collector_is_on_where_no_references_are_counted(self, enable: mock.Mock) -> None:
        """The collector of cycles, which `main.py` has disabled, is enabled on PyPy, which has no other."""
        for names, calls in (("getrefcount",), 0), ((), 1):
            self.set_up_with(*names)

            self.assertEqual(enable.call_count, calls)

    def test_bound_on_digits_is_the_node_s_own(self, enable: mock.Mock) -> None:
        """Python's bound on the digits of an integer, where there is one, is lifted."""
        self.set_up_with("set_int_max_str_digits").set_int_max_str_digits.assert_called_once_with(0)

"""What the node costs, as ratios against references in the same run: `python3 -m tests.benchmarks`.

`__main__.py` is the command; `rows.py`, `growth.py` and `peers.py` hold what is measured, `measuring.py` how, `inputs.py`
what goes in, and `loops/` the references, each a script of its own.  Nothing here is a test: the suite times nothing.
"""

"""The inner ring of tests: standard library only, `python3 -m unittest` from the top of the tree."""

"""The version of the node: one line that everything may import."""

__version__ = "1.0.0"

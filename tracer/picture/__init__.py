"""A picture of the traces in a terminal: the waterfall, and the pen that it is drawn with."""

"""The least that Python can do to answer at all: send back what came, unread."""

import os


def main() -> None:
    """Echo stdin on stdout, as it comes."""
    while True:
        data = os.read(0, 65_536)
        if not data:
            return
        os.write(1, data)


main()

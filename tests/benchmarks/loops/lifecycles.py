"""The least that Python can do to answer lifecycles: `json.loads` every line, `json.dumps` every reply.

It keeps no span and checks nothing; the duration of the spans is given as an argument.
"""

import json
import os
import sys


def main(duration_us: int) -> None:
    """Answer every `span_end` on stdin."""
    rest = b""
    while True:
        data = os.read(0, 65_536)
        if not data:
            return
        whole, end, rest = (rest + data).rpartition(b"\n")
        if not end:
            continue
        replies = []
        for line in whole.decode().split("\n"):
            message = json.loads(line)
            if message.get("type") == "span_end":
                body = {
                    "type": "span_complete",
                    "span_id": message["span_id"],
                    "duration_us": duration_us,
                    "status": message["status"],
                }
                replies.append(json.dumps({"src": "tracer", "dest": "service", "body": body}))
        if replies:
            replies.append("")
            os.write(1, "\n".join(replies).encode())


main(int(sys.argv[1]))

"""The least that Python can do to answer Maelstrom's echo: `json.loads` every line, `json.dumps` every reply."""

import json
import os


def main() -> None:
    """Answer the `init` and every `echo` on stdin."""
    sent = 0
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
            body = message["body"]
            if body["type"] == "echo":
                reply = {"type": "echo_ok", "echo": body["echo"], "in_reply_to": body["msg_id"], "msg_id": sent}
            else:
                reply = {"type": "init_ok", "in_reply_to": body["msg_id"], "msg_id": sent}
            replies.append(json.dumps({"src": message["dest"], "dest": message["src"], "body": reply}))
            sent += 1
        replies.append("")
        os.write(1, "\n".join(replies).encode())


main()

"""What the node says, to the word: what is typed, and the sentence about it.

Owns the words; when a sentence is said, and what becomes of the message, is tested where the rule is.
"""

from __future__ import annotations

import unittest

from tests.helpers import Session, line_of, serve_lines
from tracer import SpanManager
from tracer.watched import WatchedNode

# fmt: off

#: Lines that are no message.
LINES = [
    ("{'type': 'echo'}", 'a single quote at column 2, "\'type\': \'echo\'}": write double quotes (")'),
    ('{“type”: “echo”}', r'a typographic quote at column 2, "\u201ctype\u201d: \u201cecho\u201d}": write plain double quotes (")'),
    ('{"type": ‘echo’}', r'a typographic quote at column 10, "\u2018echo\u2019}": write plain double quotes (")'),
    ('{"type": `echo`}', 'a backtick at column 10, "`echo`}": write double quotes (")'),
    ("'{}'", 'expected a message, which begins with "{", at column 1, not "\'{}\'"'),
    ('{}”', r'expected the end of the line at column 3, not "\u201d"'),
    ('{"type": "echo",}', 'a comma before the end at column 17, "}": leave out the comma before "}"'),
    ('{"echo": [1, 2, ]}', 'a comma before the end at column 17, "]}": leave out the comma before "]"'),
    ('{"type": "echo"},', 'a comma after the message at column 17, ",": leave it out'),
    ('  {type: "echo"}', r'a key without quotes at column 4, "type: \"echo\"}": write it in double quotes'),
    ('{1: 2}', 'a key without quotes at column 2, "1: 2}": write it in double quotes'),
    ('{"echo": True}', 'not a JSON word at column 10, "True}": write true, false or null'),
    ('{"echo": None}', 'not a JSON word at column 10, "None}": write true, false or null'),
    ('{"echo": undefined}', 'not a JSON word at column 10, "undefined}": write true, false or null'),
    ('{"echo": NaN}', 'not a JSON number at column 10, "NaN}": write null or a string'),
    ('{"echo": -Infinity}', 'not a JSON number at column 10, "-Infinity}": write null or a string'),
    ('{"echo": 1e999}', 'a number beyond the range of a double at column 10, "1e999}": write it as a string'),
    ('{"echo": 01}', 'not a JSON number at column 10, "01}": write it like 5, -0.5 or 1e9, or as a string'),
    ('{"echo": .5}', 'not a JSON number at column 10, ".5}": write it like 5, -0.5 or 1e9, or as a string'),
    ('{"echo": 2024-01-01}', 'not a JSON number at column 10, "2024-01-01}": write it like 5, -0.5 or 1e9, or as a string'),
    ('{"echo": ' + '1' * 4400 + '}', 'an integer of more than 4300 digits at column 10, "' + '1' * 60 + '...": write it as a string'),
    ('{"echo": -' + '1' * 4400 + '.5}', 'a number beyond the range of a double at column 10, "-' + '1' * 59 + '...": write it as a string'),
    ('{"echo": ' + '1' * 4400 + 'E5}', 'a number beyond the range of a double at column 10, "' + '1' * 60 + '...": write it as a string'),
    ('{"echo": ' + '1' * 4400 + 'x}', 'not a JSON number at column 10, "' + '1' * 60 + '...": write it like 5, -0.5 or 1e9, or as a string'),
    ('{"echo": ' + '0' * 4400 + '}', 'not a JSON number at column 10, "' + '0' * 60 + '...": write it like 5, -0.5 or 1e9, or as a string'),
    ('{"echo": hello}', 'a text without quotes at column 10, "hello}": write it in double quotes'),
    ('{"echo": don\'t}', 'a text without quotes at column 10, "don\'t}": write it in double quotes'),
    ('{"echo": (1)}', 'expected a value at column 10, not "(1)}"'),
    ('{...}', 'expected a key in double quotes or "}" at column 2, not "...}"'),
    ('{"echo": 1} // the answer', 'a comment at column 13, "// the answer": JSON has none, leave it out'),
    ('{"echo": 1 # the answer', 'a comment at column 12, "# the answer": JSON has none, leave it out'),
    ('{"echo": true# the answer', 'a comment at column 14, "# the answer": JSON has none, leave it out'),
    ('{"echo": C#}', 'a text without quotes at column 10, "C#}": write it in double quotes'),
    ('/api//users', 'expected a message, which begins with "{", at column 1, not "/api//users"'),
    ('/* {"echo": 1} */', r'a comment at column 1, "/* {\"echo\": 1} */": JSON has none, leave it out'),
    ('// Full lifecycle: create -> event -> end', 'a comment at column 1, "// Full lifecycle: create -> event -> end": JSON has none, leave it out'),
    ('-> {"type": "span_created"}', r'an arrow at column 1, "-> {\"type\": \"span_created\"}": it marks a reply in examples and is not sent, leave the line out'),
    ('--> {}', 'an arrow at column 1, "--> {}": it marks a reply in examples and is not sent, leave the line out'),
    ('```json', 'a Markdown fence at column 1, "```json": leave the line out'),
    ('→ {"type": "span_created"}', r'an arrow at column 1, "\u2192 {\"type\": \"span_created\"}": it marks a reply in examples and is not sent, leave the line out'),
    ('> {"type": "echo"}', r'a prompt at column 1, "> {\"type\": \"echo\"}": leave out the > that marks what is typed'),
    ('{', 'the message goes on after column 1, "{": a message must stand on one line'),
    ('{"type": "create_span", "msg_id": 3,', r'the message goes on after column 36, "_span\", \"msg_id\": 3,": a message must stand on one line'),
    ('{"type": "echo"', r'the line stops in the middle of a message, after column 15, "{\"type\": \"echo\"": "}" is missing at its end'),
    ('{"body": {"echo": [[1, 2]', r'the line stops in the middle of a message, after column 25, "y\": {\"echo\": [[1, 2]": "]}}" is missing at its end'),
    ('{"body": {"echo": [tr', r'the line stops in the middle of a message, after column 21, "\"body\": {\"echo\": [tr": send the whole message on one line'),
    ('{"type": "echo", "echo": "hel', r'the line stops in the middle of a message, after column 29, "\"echo\", \"echo\": \"hel": send the whole message on one line'),
    ('{"type": "echo", "echo": tr', r'the line stops in the middle of a message, after column 27, ": \"echo\", \"echo\": tr": send the whole message on one line'),
    ('{"type": "echo"} {"type": "echo"}', r'a second message at column 18, "{\"type\": \"echo\"}": each message needs a line of its own'),
    ('{"type": "echo"} and more', 'expected the end of the line at column 18, not "and more"'),
    (r'{"echo": "\x41"}', r'not a JSON escape at column 11, "\\x41\"}": a backslash in a string is written \\'),
    (r'{"echo": "\d#"}', r'not a JSON escape at column 11, "\\d#\"}": a backslash in a string is written \\'),
    (r'{"echo": "C:\x//y"}', r'not a JSON escape at column 13, "\\x//y\"}": a backslash in a string is written \\'),
    (r'{\"echo\": 1}', r'a backslash outside of a string at column 2, "\\\"echo\\\": 1}": leave it out'),
    (r'{"echo": 1\n}', r'a backslash outside of a string at column 11, "\\n}": leave it out'),
    ('[{"type": "echo"}]', r"""an array at column 1, "[{\"type\": \"echo\"}]": send each message on a line of its own, as jq -c '.[]' writes it"""),
    ('[', 'an array at column 1, "[": send each message on a line of its own, as jq -c \'.[]\' writes it'),
    ('[INFO] started', 'expected a message, which begins with "{", at column 1, not "[INFO] started"'),
    ('"echo"', r'expected a message, which begins with "{", at column 1, not "\"echo\""'),
    ('17', 'expected a message, which begins with "{", at column 1, not "17"'),
    ('TASK', 'expected a message, which begins with "{", at column 1, not "TASK"'),
    ('}', 'expected a message, which begins with "{", at column 1, not "}"'),
    ('{"type" "echo"}', r'expected ":" at column 9, not "\"echo\"}"'),
    ('{"type": "echo" "echo": 1}', r'expected "," or "}" at column 17, not "\"echo\": 1}"'),
    ('{"echo": }', 'expected a value at column 10, not "}"'),
    ('{"echo": [1}', 'expected "," or "]" at column 12, not "}"'),
    ('{,}', 'expected a key in double quotes or "}" at column 2, not ",}"'),
    ('{"type":\xa0"echo"}', r'a no-break space at column 9, "\u00a0\"echo\"}": write a plain space'),
    ('{"type":\u3000"echo"}', r"""a space that is not JSON's at column 9, "\u3000\"echo\"}": write a plain space"""),
    ('{"echo": tr\u200bue}', r'an invisible character at column 12, "\u200bue}": take it out'),
    ('\ufeff{"type": "echo"}', r'a byte order mark at column 1, "\ufeff{\"type\": \"echo\"}": it may stand at the very start of the input only'),
    ('{"echo": 1\ufeff}', r'a byte order mark at column 11, "\ufeff}": it may stand at the very start of the input only'),
    ('{"type": "echo"}\r{"type": "echo"}\r', r'a second line after a carriage return alone at column 18, "{\"type\": \"echo\"}": end each line with a line feed'),
    ('{"type": "echo"}\rTASK', 'a second line after a carriage return alone at column 18, "TASK": end each line with a line feed'),
    ('{"echo": "a\tb"}', r'a control character in a string at column 12, "\tb\"}": write it as an escape, such as \t or \u0009'),
    ('{"echo": "\x00"}', r'a NUL byte at column 11, "\u0000\"}": take it out'),
    ('{\x1f}', r'a unit separator at column 2, "\u001f}": take it out'),
    ('\x1e{"type": "echo"}', r'a record separator at column 1, "\u001e{\"type\": \"echo\"}": take it out'),
    ('{"echo": 1\x7f}', r'a delete character at column 11, "\u007f}": take it out'),
    ('\x03', r'a control character at column 1, "\u0003": take it out'),
    ('help', 'a command at column 1, "help": only messages are read here, and the option --help lists them'),
    ('quit', 'a command at column 1, "quit": the end of the input is Ctrl-D, on Windows Ctrl-Z and Enter'),
    ('EXIT();', 'a command at column 1, "EXIT();": the end of the input is Ctrl-D, on Windows Ctrl-Z and Enter'),
    ('exits', 'expected a message, which begins with "{", at column 1, not "exits"'),
    ('{"echo": \x001}', r'a NUL byte at column 10, "\u00001}": take it out'),
    ('{\x00"\x00}\x00', 'the line looks like UTF-16: save the input as UTF-8, in PowerShell with | Out-File -Encoding utf8 FILE'),
    (b'{"echo": "caf\xe9"}', r'byte 0xe9 at column 14, after "{\"echo\": \"caf" is not UTF-8: save the input as UTF-8'),
    (b'\xff', 'byte 0xff at column 1 is not UTF-8: save the input as UTF-8'),
    (b'\xff\xfe{\x00}\x00', 'the line looks like UTF-16: save the input as UTF-8, in PowerShell with | Out-File -Encoding utf8 FILE'),
    (b'\xff\xfe\x2d\x4e\x87\x65', 'the line looks like UTF-16: save the input as UTF-8, in PowerShell with | Out-File -Encoding utf8 FILE'),
    (b'\xfe\xff\x4e\x2d\x65\x87', 'the line looks like UTF-16: save the input as UTF-8, in PowerShell with | Out-File -Encoding utf8 FILE'),
    # A terminal has cut these: within a string, at a space, within a character.
    ('{"echo": "' + 'x' * 4085, 'the line stops in the middle of a message, after column 4095, "xxxxxxxxxxxxxxxxxxxx": a terminal cuts lines at 4,095 bytes, so send it from a file'),
    ('{"echo":[0, ' + '0, ' * 1361, 'the line stops in the middle of a message, after column 4094, "0, 0, 0, 0, 0, 0, 0,": a terminal cuts lines at 4,095 bytes, so send it from a file'),
    (b'{"echo": "' + b'\xc3\xa9' * 2042 + b'\xc3', 'the line stops in the middle of a character: a terminal cuts lines at 4,095 bytes, so send it from a file'),
]

#: Messages that fail, at a node that has one span, `job-12`, open since 10 us.
MESSAGES_THAT_FAIL = [
    ('{"type": "CREATE_SPAN"}', '"type" names no message that this node knows: "CREATE_SPAN"; did you mean create_span?'),
    ('{"type": "create-span"}', '"type" names no message that this node knows: "create-span"; did you mean create_span?'),
    ('{"type": "end_span"}', '"type" names no message that this node knows: "end_span"; did you mean span_end?'),
    ('{"type": "spanEvent"}', '"type" names no message that this node knows: "spanEvent"; did you mean span_event?'),
    ('{"type": "getspan"}', '"type" names no message that this node knows: "getspan"; did you mean get_span?'),
    ('{"type": "nonsense"}', '"type" names no message that this node knows: "nonsense"; it knows init, echo, generate, create_span, span_event, span_link, span_update, span_end, span_error, get_span'),
    ('{"type": "span_complete"}', '"type" names no message that this node knows: "span_complete", which is a reply'),
    ('{"type": "echo_ok"}', '"type" names no message that this node knows: "echo_ok", which is a reply'),
    ('{"type": "create_spanner"}', '"type" names no message that this node knows: "create_spanner"; did you mean create_span?'),
    ('{"name": "n"}', '"type" is missing; it must be a non-empty string'),
    ('{"type": null}', '"type" must be a non-empty string, not null'),
    ('{"type": 5}', '"type" must be a non-empty string, not 5'),
    ('{"type": "generate", "msg_id": "1"}', '"msg_id" must be an integer, not "1"'),
    ('{"type": "generate", "msg_id": true}', '"msg_id" must be an integer, not a boolean'),
    ('{"type": "generate", "msg_id": 1e3}', '"msg_id" must be an integer, not a number with a fraction or an exponent'),
    ('{"type": "echo"}', '"echo" is missing; it must be any JSON'),
    ('{"type": "init"}', '"node_id" is missing; it must be a non-empty string'),
    ('{"type": "init", "node_id": "n1", "node_ids": "n1"}', '"node_ids" must be a list of strings, not "n1"'),
    ('{"type": "init", "node_id": "n1", "node_ids": ["n1", null]}', '"node_ids[1]" must be a string, not null'),
    ('{"type": "create_span"}', '"name" is missing; it must be a non-empty string'),
    ('{"type": "create_span", "name": null}', '"name" must be a non-empty string, not null'),
    ('{"type": "create_span", "name": ""}', '"name" must be a non-empty string, not ""'),
    ('{"type": "create_span", "name": 1.5}', '"name" must be a non-empty string, not a number with a fraction or an exponent'),
    ('{"type": "create_span", "name": ["n"]}', '"name" must be a non-empty string, not an array'),
    ('{"type": "create_span", "name": {"n": 1}}', '"name" must be a non-empty string, not an object'),
    ('{"type": "create_span", "name": 100000000000000000000}', '"name" must be a non-empty string, not an integer of many digits'),
    ('{"type": "create_span", "name": "n", "kind": "client"}', '"kind" must be one of INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER, not "client"; did you mean CLIENT?'),
    ('{"type": "create_span", "name": "n", "kind": "x"}', '"kind" must be one of INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER, not "x"'),
    ('{"type": "create_span", "name": "n", "span_id": "job-12"}', '"span_id" is taken by a known span: "job-12"'),
    ('{"type": "create_span", "name": "n", "parent_span_id": "jbo-12"}', '"parent_span_id" names no known span: "jbo-12"; did you mean job-12?'),
    ('{"type": "create_span", "name": "n", "parent_span_id": "job-13"}', '"parent_span_id" names no known span: "job-13"'),
    ('{"type": "create_span", "name": "n", "traceparent": "x"}', '"traceparent" must be a W3C traceparent such as 00-<32 hex digits>-<16 hex digits>-01, not "x"'),
    ('{"type": "create_span", "name": "n", "parent_span_id": "job-12", "traceparent": "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"}', '"parent_span_id" and "traceparent" exclude each other: give one of them'),
    ('{"type": "create_span", "name": "n", "attributes": []}', '"attributes" must be an object with non-empty keys, not an array'),
    ('{"type": "create_span", "name": "n", "attributes": {"": 1}}', '"attributes" must be an object with non-empty keys, not an object with an empty key'),
    ('{"type": "create_span", "name": "n", "timestamp_us": -1}', '"timestamp_us" must be an integer from 0 to 9223372036854775, not -1'),
    ('{"type": "create_span", "name": "n", "links": {}}', '"links" must be a list of links, not an object'),
    ('{"type": "create_span", "name": "n", "links": [null]}', '"links[0]" must be an object with "span_id" or "traceparent", not null'),
    ('{"type": "create_span", "name": "n", "links": [{}]}', '"links[0]" must have exactly one of "span_id" and "traceparent"'),
    ('{"type": "create_span", "name": "n", "links": [{"span_id": 1}]}', '"links[0].span_id" must be a non-empty string, not 1'),
    ('{"type": "create_span", "name": "n", "links": [{"span_id": "x"}]}', '"links[0].span_id" names no known span: "x"'),
    ('{"type": "span_link", "span_id": "job-12"}', '"link" is missing; it must be an object with "span_id" or "traceparent"'),
    ('{"type": "span_link", "span_id": "job-12", "link": {}}', '"link" must have exactly one of "span_id" and "traceparent"'),
    ('{"type": "span_link", "span_id": "job-12", "link": {"span_id": "JOB-12"}}', '"link.span_id" names no known span: "JOB-12"; did you mean job-12?'),
    ('{"type": "span_event", "span_id": "job12", "event": "e"}', '"span_id" names no known span: "job12"; did you mean job-12?'),
    ('{"type": "span_event", "span_id": "x", "event": "e"}', '"span_id" names no known span: "x"'),
    ('{"type": "span_update", "span_id": "job-12"}', '"name" and "attributes" are both missing: give at least one of them'),
    ('{"type": "span_end", "span_id": "job-12", "status": "ok"}', '"status" must be one of UNSET, OK, ERROR, not "ok"; did you mean OK?'),
    ('{"type": "span_end", "span_id": "job-12", "status": "done"}', '"status" must be one of UNSET, OK, ERROR, not "done"'),
    ('{"type": "span_end", "span_id": "job-12", "error": "e"}', '"error" goes with the status "ERROR" only, not with "OK"'),
    ('{"type": "span_end", "span_id": "job-12", "timestamp_us": 9}', 'span "job-12" cannot end at 9 us: it started at 10 us'),
    ('{"src": "a", "dest": "b", "body": null}', 'a message with "body" is an envelope: "body" must be an object, not null'),
    ('{"src": "", "dest": "b", "body": {}}', 'a message with "body" is an envelope: "src" must be a non-empty string, not ""'),
    ('{"src": "a", "body": {}}', 'a message with "body" is an envelope: "dest" is missing; it must be a non-empty string'),
]

#: Messages that are served, at a node that somebody watches and that has one span, whose id nobody knows.
NOTICES = [
    ('{"type": "create_span", "name": "n"}', ['span2 is open; not answered, for it states no kind']),
    ('{"type": "create_span", "name": "n", "kind": null}', ['span2 is open; not answered, for it states no kind']),
    ('{"type": "create_span", "name": "n", "kind": "CLIENT"}', []),
    ('{"type": "span_event", "span_id": "sapn1", "event": "e"}', ['span1 is called sapn1 from now on: nobody knew that name']),
    ('{"type": "span_link", "span_id": "a\\nb", "link": {"traceparent": "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"}}', [r'span1 is called a\nb from now on: nobody knew that name']),
    ('{"type": "span_update", "span_id": "x", "name": "m"}', ['span1 is called x from now on: nobody knew that name']),
    ('{"type": "span_end", "span_id": "x"}', ['span1 is called x from now on: nobody knew that name']),
    ('{"type": "span_error", "span_id": "x", "error": "e"}', ['span1 is called x from now on: nobody knew that name']),
    ('{"type": "span_end", "span_id": "span1", "msg_id": 1, "in_reply_to": null}', []),
    ('{"type": "span_end", "span_id": "x", "timestamp_us": "now"}', []),
    ('{"type": "create_span", "name": "n", "kind": "CLIENT", "knid": "CLIENT"}', ['"knid" is no field of create_span and is ignored; did you mean kind?']),
    ('{"type": "create_span", "name": "n", "kind": "CLIENT", "parent_id": "x"}', ['"parent_id" is no field of create_span and is ignored; did you mean parent_span_id?']),
    ('{"type": "get_span", "span_id": "span1", "colour": 1}', ['"colour" is no field of get_span and is ignored; it has span_id, type, msg_id, in_reply_to']),
    ('{"type": "span_end", "spanId": "span1"}', ['"spanId" is no field of span_end and is ignored; did you mean span_id?']),
    ('{"type": "generate", "a": 1, "b": 2, "c": 3}', [
        f'"{field}" is no field of generate and is ignored; it has type, msg_id, in_reply_to' for field in "abc"
    ]),
    ('{"type": "generate", "a": 1, "b": 2, "c": 3, "d": 4}', [
        *[f'"{field}" is no field of generate and is ignored; it has type, msg_id, in_reply_to' for field in "abc"],
        'ignored as well: 1 more field',
    ]),
    ('{"id": 1, "src": "c1", "dest": "n1", "body": {"type": "generate"}}', []),
    ('{"type": "nonsense", "knid": 1}', []),
    ('{"type": "nonsense", "in_reply_to": 1}', []),
]

# fmt: on


class SentenceTests(unittest.TestCase):
    """One sentence each."""

    def notices(self, *lines: str) -> list[tuple[int, str]]:
        """Return what a person who watches hears about lines that come together, but what is wrong with them."""
        notices: list[tuple[int, str]] = []
        node = WatchedNode(SpanManager(), lambda *complaint: None, lambda *notice: notices.append(notice), False)
        serve_lines(node, list(lines))
        return notices

    def test_line_that_is_no_message_is_told_what_is_wrong(self) -> None:
        """The sentence says what is wrong, where, what stands there, and what to do; nobody is answered."""
        for line, sentence in LINES:
            with self.subTest(line=line):
                talk = Session()

                self.assertIsNone(talk.node.answer(line))
                self.assertEqual(talk.complaints, [sentence])

    def test_message_that_fails_is_told_what_was_wrong(self) -> None:
        """The sentence is the same for the sender and for the person, and the span stays as it was."""
        for message, sentence in MESSAGES_THAT_FAIL:
            with self.subTest(message=message):
                talk = Session()
                talk.tell("create_span", name="n", span_id="job-12", timestamp_us=10)
                before = talk.span("job-12")
                reply = talk.line(message.encode().replace(b"{", b'{"msg_id": 1, ', 1))

                self.assertEqual(talk.complaints, [sentence])
                self.assertEqual(talk.span("job-12"), before)
                is_answered = '"body"' not in message and '"msg_id"' not in message
                self.assertEqual(reply is not None and line_of(sentence).decode() in reply, is_answered)

    def test_person_who_watches_is_told_what_is_ignored(self) -> None:
        """A span that is open and not answered, a claim, unknown fields; the number is the line's, also among others."""
        for message, sentences in NOTICES:
            with self.subTest(message=message):
                notices = self.notices('{"type": "create_span", "name": "first"}', "", message, '{"type": "generate"}')

                self.assertEqual(notices[1:], [(3, sentence) for sentence in sentences])

    def test_person_who_watches_is_told_of_the_maelstrom_way(self) -> None:
        """After an `init` it is the msg_id whose absence leaves a `create_span` unanswered."""
        lines = '{"type": "init", "node_id": "n1"}', '{"type": "create_span", "name": "n", "kind": "CLIENT"}'

        self.assertEqual(self.notices(*lines), [(2, "span1 is open; not answered, for it has no msg_id")])

    def test_other_name_is_refused_by_both_names(self) -> None:
        """A second `init` under another name is told the first one."""
        talk = Session()
        talk.start("n1")
        talk.send("init", msg_id=2, node_id="n2")

        self.assertEqual(talk.complaints, ['"node_id" has been "n1" since the first init, not "n2"'])

#!/usr/bin/env bash
# Trace the commands of a script: the node is a coprocess, the script a span, each command a child of it.
set -u
cd "$(dirname "$0")/../.." || exit

coproc TRACER { exec python3 main.py --clock real; }

tell() { printf "$1\n" "${@:2}" >&"${TRACER[1]}"; } # send a message, written as printf has it
answer() { read -r REPLY <&"${TRACER[0]}" && printf '%s\n' "$REPLY"; }

begin() { # ID NAME [PARENT]: with a kind, so that the node answers: the span has begun before the command does
    local parent=${3:+"\"parent_span_id\": \"$3\", "}
    tell '{"type": "create_span", %s"span_id": "%s", "name": "%s", "kind": "INTERNAL"}' "${parent-}" "$1" "$2"
    answer
}

traced() { # ID COMMAND...: run a command in a span of that id
    local id=$1 code=0
    shift
    begin "$id" "$1" script
    "$@" || code=$?
    if [ "$code" -eq 0 ]; then
        tell '{"type": "span_end", "span_id": "%s"}' "$id"
    else
        tell '{"type": "span_error", "span_id": "%s", "error": "exit code %d"}' "$id" "$code"
    fi
    answer
}

begin script trace.sh
traced nap sleep 0.1
traced fail false
tell '{"type": "span_end", "span_id": "script"}'
answer
tell '{"type": "get_span", "span_id": "fail"}'
answer

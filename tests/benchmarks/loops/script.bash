# shellcheck shell=bash
# Prints the CPU seconds, user and system, of many traced commands, and of as many calls of a plain wrapper function.
# LIBRARY EXPORT TIMES COMMAND
# shellcheck source=/dev/null
. "$1"
trace_start --export "$2"
TIMEFORMAT='%U %S'
times=$3
function_() { :; }
wrapper() { "${@:2}"; }
repeat() {
    for ((i = 0; i < times; i++)); do "$@"; done
}
time repeat trace name "$4"
time repeat wrapper name "$4"
trace_end

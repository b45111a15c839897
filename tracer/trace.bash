# shellcheck shell=bash disable=SC2254  # $_trace_c is a pattern
# Trace a bash script that must not notice: source this; then trace_start, trace, trace_event, trace_attributes, trace_end.
#
# Owns the script's side: names the spans, writes their lines, starts the node that reads them. First rule: do no harm.
# - The lines go into a FIFO that the script holds open for reading too, so that no write raises SIGPIPE; that does not block,
#   so that a full one is an error and no wait; that programs do not inherit, so that a daemon does not keep it open.
# - It has its name as long as the node lives, so a subshell knows. A line has at most 1,000 bytes: so it is one write, whole.
# - TRACEPARENT names the innermost span: it is local to each call of trace, and child processes have it too.
# - What is ours stands before `||`, out of reach of errexit and ERR traps, and has no stderr, so that xtrace does not show it.
# - A traced function sees the locals of trace, and a trap may run in any function of ours: so all names begin with _trace.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    builtin echo "trace: the script is not traced: that takes bash 4.4 or newer" >&2
    trace() { "${@:2}"; } && trace_start() { :; } && trace_event() { :; } && trace_attributes() { :; } && trace_end() { :; } && return 0
elif [[ ${_trace_shell-} != "$$" ]]; then # not when this shell sources it again; the patience is 36 naps of 64
    _trace_shell=$$ _trace_pid=0 _trace_state=0 _trace_owner='' _trace_fifo='' _trace_fd='' _trace_patience=2304
    _trace_home=${BASH_SOURCE[0]} && [[ $_trace_home == /* ]] || _trace_home=$PWD/$_trace_home
    _trace_home=${_trace_home%/*}
fi
# Begin the script's own span: [OPTION OF THE NODE]...
trace_start() { { [[ $_trace_owner ]] || _trace_start "$@" || :; } 4>&2 2>/dev/null || :; }
# End it, with the exit code of the command before, and wait for the node to end.
trace_end() { { _trace_end "$?" || :; } 2>/dev/null; }
# Record something that happened in the innermost span, or set attributes of it: [NAME] [KEY=VALUE]...
trace_event() { { _trace_tell span_event "${1:-event}" "${@:2}" || :; } 2>/dev/null; }
trace_attributes() { { while (($#)); do _trace_tell span_update "" "$1" || :; shift; done; } 2>/dev/null; }
trace() { # NAME COMMAND [ARGUMENT]...: run a program, builtin or function in a span; return its exit code
    if [[ ! ${_trace_fifo-} -ef /dev/fd/${_trace_fd-} ]]; then "${@:2}"; return; fi
    { local -x TRACEPARENT=${TRACEPARENT-} && local _trace_span='' _trace_began='' _trace_now='' _trace_text='' _trace_code=0 &&
        _trace_clock && _trace_open "${1:-${2-}}" "$TRACEPARENT" || :; } 2>/dev/null
    # Under errexit a program that fails would end the script here, its span without an exit code, and under errtrace ERR traps
    # would run twice. But what runs the script's own code must not stand before `||`: it would go on after a failure.
    if [[ $- != *[eE]* || " eval source . command builtin " == *" ${2-} "* ]] || declare -F -- "${2-}" >/dev/null
    then "${@:2}"; _trace_code=$?
    else "${@:2}" || _trace_code=$?; fi
    { _trace_close "$_trace_code" || :; } 2>/dev/null
    return "$_trace_code"
}
_trace_start() { # [OPTION]...
    local _trace_seed _trace_span _trace_began _trace_now _trace_text _trace_parent=''
    _trace_clock; _trace_outer=${TRACEPARENT-} _trace_pid=$BASHPID _trace_sleep=$(type -P sleep)
    _trace_seed=$(command od -An -N24 -tx1 /dev/urandom) _trace_seed=${_trace_seed//[[:space:]]/} _trace_state=0x${_trace_seed:0:16}
    _trace_fifo=${TMPDIR:-/tmp}/trace.$$.${_trace_seed:40} && [[ $_trace_fifo == /* ]] || _trace_fifo=$PWD/$_trace_fifo
    export TRACEPARENT=00-${_trace_seed:16}-0000000000000000-01
    if ! { [[ ${_trace_seed:47} ]] && command mkfifo -m 600 "$_trace_fifo" && _trace_connect "$@"; }; then
        builtin echo "trace: the script is not traced: there is no way to a node through $_trace_fifo" >&4
        _trace_forget && return
    fi
    local LC_ALL=C _trace_hex=${_trace_seed:32} && _trace_hex=${_trace_hex//?/[0-9a-f]}
    if [[ ${_trace_outer:0:55} == [0-9a-f][0-9a-f]-$_trace_hex$_trace_hex-$_trace_hex-[0-9a-f][0-9a-f] &&
        $_trace_outer != @(ff*|??-+(0)-*|??-+([!-])-+(0)-*|00-*-*-??-*) && ${_trace_outer:55:1} == @(|-) ]]; then
        _trace_parent=00${_trace_outer:2:53}
        builtin printf -v TRACEPARENT %s-%02x "${_trace_parent:0:52}" "$((0x${_trace_outer:53:2} & 3))"
    fi
    _trace_open "${0##*/}" "$_trace_parent"
    _trace_owner=$BASHPID _trace_root=$_trace_span _trace_root_began=$_trace_began
}
_trace_connect() { # [OPTION]...: open the FIFO, and start the node at its other end
    local _trace_saved _trace_in _trace_main=$_trace_home/__main__.py; [[ -e $_trace_main ]] || _trace_main=${_trace_home%/*}/main.py
    _trace_fd=254 && while [[ -e /dev/fd/$_trace_fd ]]; do ((_trace_fd -= 1)); done # for bash undoes a script's `exec` on our number
    # Where bash saves a descriptor it is close-on-exec, and so is a duplicate of that. It saves under the next free number.
    { command exec {_trace_saved}</dev/null {_trace_saved}<&- && { eval "command exec $_trace_fd>&$_trace_saved"; } >/dev/null; } 1<>"$_trace_fifo"
    [[ $_trace_fifo -ef /dev/fd/$_trace_fd ]] || command exec {_trace_fd}<>"$_trace_fifo" || return
    # That it does not block belongs to the open file, not to a process: GNU's dd sets it, and Python where dd is another.
    command dd count=0 oflag=nonblock </dev/null >&"$_trace_fd" ||
        "${PYTHON:-python3}" -c 'import os; os.set_blocking(1, False)' >&"$_trace_fd" || return
    _trace_process=$(exec {_trace_in}<"$_trace_fifo" && { _trace_keep "$@" <&"$_trace_in" >/dev/null 2>&4 & } && builtin echo "$!")
}
_trace_keep() { # [OPTION]...: run the node until its input ends; SIGUSR1 gives it up, SIGUSR2 does so in four seconds
    { set +eEuTx; } 2>/dev/null && trap - DEBUG ERR RETURN && trap '' HUP INT QUIT TERM # the script's end is the input's
    for ((_trace_fd = 3; _trace_fd < 255; _trace_fd++)); do exec {_trace_fd}>&-; done
    PYTHONPATH=${_trace_home%/*} "${PYTHON:-python3}" "$_trace_main" --clock real "$@" <&0 &
    _trace_process=$! && exec 3>&2 2>/dev/null && trap 'kill -KILL "$_trace_process"' USR1
    trap '"$_trace_sleep" 4 <&- 3>&- & wait -n; kill "$!" || kill -KILL "$_trace_process"' USR2
    wait "$_trace_process" || wait "$_trace_process" || (($? < 128)) || # a trap ends the first
        builtin echo "trace: the node was killed or did not read: the trace is not whole" >&3
    command rm -f "$_trace_fifo"
}
_trace_end() { # EXIT_CODE
    [[ ${_trace_owner-} == "$BASHPID" ]] || return
    local _trace_span=$_trace_root _trace_began=$_trace_root_began _trace_now _trace_text
    _trace_close "$1"
    [[ ! $_trace_fifo -ef /dev/fd/$_trace_fd ]] || exec {_trace_fd}>&- # or it may be the script's by now
    while [[ -p $_trace_fifo ]] && (((_trace_patience -= 64) > 0)); do "$_trace_sleep" 0.02; done
    [[ ! -p $_trace_fifo ]] || builtin kill -USR2 "$_trace_process" # late is not lost: it goes on reading, the script too
    _trace_forget
}
_trace_forget() { # be as before trace_start
    [[ ! -p $_trace_fifo ]] || command rm -f "$_trace_fifo"
    _trace_owner='' _trace_fifo='' _trace_fd='' TRACEPARENT=$_trace_outer && [[ $_trace_outer ]] || unset TRACEPARENT
}
_trace_open() { # NAME PARENT: begin a span now; TRACEPARENT says its trace and flags, and names it then
    ((_trace_pid == BASHPID)) || # a subshell goes on from elsewhere in the cycle of 2^64 ids
        ((_trace_pid = BASHPID, _trace_state += BASHPID * 0x9e3779b97f4a7c15 ^ ${_trace_now:-$SECONDS} * 0x2545f4914f6cdd1d))
    builtin printf -v _trace_span %016x "$((_trace_state = _trace_state * 6364136223846793005 + 1442695040888963407))"
    TRACEPARENT=${TRACEPARENT:0:36}$_trace_span${TRACEPARENT:52:3} _trace_began=$_trace_now
    _trace_quote "${1:-span}" && _trace_send create_span "\"name\": \"$_trace_text\", \"context\": \"$TRACEPARENT\", \"traceparent\": \"$2\""
}
_trace_close() { # EXIT_CODE: end the span now
    local _trace_status='"OK"' _trace_error="exit code $1"
    (($1 <= 128)) || ! _trace_text=$(builtin kill -l "$(($1 - 128))") || _trace_error=SIG${_trace_text#SIG}
    (($1 == 0)) || _trace_status="\"ERROR\", \"error\": \"$_trace_error\""
    _trace_clock && [[ $_trace_now -ge $_trace_began ]] || _trace_now=$_trace_began # the clock was set back
    _trace_send span_end "\"status\": $_trace_status"
}
_trace_tell() { # TYPE EVENT [KEY=VALUE]...: tell of the innermost span; attributes for which the line has no room are left out
    local LC_ALL=C _trace_span=${TRACEPARENT-} _trace_now='' _trace_text='' _trace_fields='"attributes": {' _trace_value _trace_pair
    _trace_span=${_trace_span:36:16}
    [[ ! $2 ]] || { _trace_clock && _trace_quote "$2" && _trace_fields="\"event\": \"$_trace_text\", $_trace_fields"; }
    for _trace_pair in "${@:3}"; do
        [[ $_trace_pair == [!=]*=* ]] || continue
        _trace_quote "${_trace_pair#*=}" && _trace_value="\"$_trace_text\""
        [[ $_trace_text != @(0|true|false|?(-)[1-9]*([0-9])) ]] || _trace_value=${_trace_text,,} # as JSON has it, where nocasematch is set
        _trace_quote "${_trace_pair%%=*}" && _trace_pair="\"$_trace_text\": $_trace_value, "
        ((${#_trace_fields} + ${#_trace_pair} > 900)) || _trace_fields+=$_trace_pair
    done
    _trace_send "$1" "${_trace_fields%, }}"
}
_trace_send() { # TYPE FIELDS: write a line about $_trace_span at $_trace_now, while there is somebody to read it
    while [[ ${_trace_fifo-} -ef /dev/fd/${_trace_fd-} ]] && ! builtin printf '{"type": "%s", "span_id": "%s"%s, %s}\n' \
        "$1" "$_trace_span" "${_trace_now:+, \"timestamp_us\": $_trace_now}" "$2" >&"$_trace_fd"; do _trace_nap; done
    ((_trace_patience += _trace_patience < 2304)) # 64 lines that are taken are worth a nap
}
_trace_nap() { # wait a little for room; after a second of nothing but that give the node up
    if (((_trace_patience -= 64) > 0)); then "$_trace_sleep" 0.02; return; fi
    builtin kill -USR1 "$_trace_process"; command rm -f "$_trace_fifo"
}
_trace_clock() { _trace_now=${EPOCHREALTIME-} _trace_now=${_trace_now/[!0-9]/}; } # microseconds; before bash 5 nothing
_trace_quote() { # TEXT: set $_trace_text to what stands for it in a JSON string; a byte that is not UTF-8 becomes U+FFFD
    _trace_text=$1
    [[ ${#1} -gt 600 || $1 == *[![:ascii:]]* || $1 == *[[:cntrl:]\"\\]* ]] || return 0
    local LC_ALL=C _trace_rest=$1 _trace_size _trace_code _trace_hex _trace_byte _trace_c=$'[\x80-\xbf]'
    [[ ! ${1:600} ]] || _trace_rest=${1:0:600}...
    _trace_text='' _trace_rest=${_trace_rest//\\/\\\\} _trace_rest=${_trace_rest//\"/\\\"}
    [[ $_trace_rest != *[[:cntrl:]]* ]] || for ((_trace_code = 1; _trace_code < 32; _trace_code++)); do
        builtin printf -v _trace_hex %02x "$_trace_code" && builtin printf -v _trace_byte %b "\\x$_trace_hex"
        _trace_rest=${_trace_rest//"$_trace_byte"/"\\u00$_trace_hex"}
    done
    while [[ $_trace_rest == *[![:ascii:]]* ]]; do
        _trace_text+=${_trace_rest%%[![:ascii:]]*} _trace_rest=${_trace_rest#"${_trace_rest%%[![:ascii:]]*}"} _trace_size=1
        case $_trace_rest in # Unicode, table 3-7
            $'\xe0'[$'\x80'-$'\x9f']* | $'\xed'[$'\xa0'-$'\xbf']* | $'\xf0'[$'\x80'-$'\x8f']* | $'\xf4'[$'\x90'-$'\xbf']*) ;;
            [$'\xc2'-$'\xdf']$_trace_c*) _trace_size=2 ;; [$'\xe0'-$'\xef']$_trace_c$_trace_c*) _trace_size=3 ;;
            [$'\xf0'-$'\xf4']$_trace_c$_trace_c$_trace_c*) _trace_size=4 ;;
        esac
        ((_trace_size > 1)) || _trace_rest='\ufffd'${_trace_rest:1} _trace_size=6
        _trace_text+=${_trace_rest:0:_trace_size} _trace_rest=${_trace_rest:_trace_size}
    done
    _trace_text+=$_trace_rest
    [[ ! ${_trace_text:720} ]] || _trace_quote "${1:0:117}..." # a byte may take six
}

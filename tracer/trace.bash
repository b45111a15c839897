# shellcheck shell=bash
# Of shellcheck's advice: `>&"$fd"` takes a number here (SC2261), a trap's text is meant to be made now (SC2064), and a subshell
# is meant to have a $_trace_fd of its own (SC2030, SC2031).
# shellcheck disable=SC2261,SC2064,SC2030,SC2031
# Trace a bash script that must not notice: source this; then trace_start, trace, trace_event, trace_attributes, trace_end.
#
# Owns the script's side: it names the spans and writes what happened, a record each, into a FIFO. At its other end is
# `script.py`, which does all the rest. First rule: do no harm.
# - A record is a line, its fields separated by `|`; it has at most 1,000 bytes, so it is one write, whole. Only the first one,
#   which nobody writes beside, may be longer: PID|TIME|CONTEXT|PARENT|NAME|FOLDER|OPTION... The others are
#   begin|TIME|CONTEXT|PARENT|PID|NAME  end|TIME|CONTEXT|CODE  event|TIME|CONTEXT|NAME|KEY=VALUE...  finish|TIME|CODE
#   program|TIME|PID (its next span becomes a program)  attribute|TIME|CONTEXT||KEY=VALUE
# - The script holds the FIFO open for reading too, so that no write raises SIGPIPE; it does not block, so that a full one is an
#   error and no wait; programs do not inherit it, so that a daemon does not keep it open.
# - TRACEPARENT names the innermost span: it is local to each call of trace, and child processes have it too.
# - Each function that a script calls begins with one `set`, which hides the rest from xtrace and allexport, and keeps in the
#   positional parameters what has to be put back: `$?` and `$-`. What is ours and can fail stands in a condition, out of reach
#   of errexit and ERR traps. A trap's handler may run anywhere: so only single commands are redirected, and what is kept over
#   several commands is local.
# - `return` has its code, for without one it gives in a trap the `$?` of before; and `builtin local` splits what is not quoted.
# - A traced function sees the locals of trace, and a trap may run in any function of ours: so all names begin with _trace.
unalias trace trace_start trace_background trace_event trace_attributes trace_end 2>/dev/null || :
_trace_return() { return "$1"; }
# For any POSIX shell: say why a script is not traced, and define functions that do nothing but run the commands.
_trace_do_without() { # REASON
    echo "trace: the script is not traced: $1" >&2
    trace() {
        _trace_code=$?
        [ $# -eq 0 ] || shift
        if _trace_return "$_trace_code"; then "$@"; else "$@"; fi
    }
    trace_background() {
        case $(command -v -- "${2-}") in
        /*) shift && exec "$@" ;;
        *) trace "$@" ;;
        esac
    }
    trace_start() { :; }
    trace_event() { :; }
    trace_attributes() { :; }
    trace_end() { :; }
}
case ${BASH_VERSION-} in
'' | [0-3].* | 4.[0-3].*) _trace_do_without "that takes bash 4.4 or newer" && return 0 ;;
esac
if [[ $- == *[ax]* ]]; then # no name of ours is exported, and no line of this file is shown
    _trace_source() {
        builtin set +ax -- "$-"
        builtin source "${BASH_SOURCE[0]}"
        _trace_resume 0 "$1"
    }
    _trace_source
    unset -f _trace_source
    export -nf _trace_return _trace_do_without
    return 0
fi
if [[ ${_trace_shell-} != "$$" ]]; then # not when this shell sources it again
    _trace_shell=$$ _trace_owner='' _trace_folder='' _trace_fifo='' _trace_fd='' _trace_pid='' _trace_state=0 _trace_no_job='' _trace_has_refused=''
    _trace_library=${BASH_SOURCE[0]}
    [[ $_trace_library == /* ]] || _trace_library=$PWD/$_trace_library
fi

# -- what a script calls --

# Begin the script's own span: [OPTION]..., those of the node that say what becomes of spans.
trace_start() {
    builtin set +ax -- "$-" "$@"
    [[ $_trace_owner ]] || _trace_start "${@:2}" || :
    _trace_resume 0 "$1"
}
# End it with the exit code of the command before, and wait for the picture; a second at most, with all other waiting.
trace_end() {
    builtin set +ax -- "$?" "$-"
    [[ $_trace_owner != "$BASHPID" ]] || _trace_finish "$1" || :
    _trace_resume 0 "$2"
}
# Record an event of the innermost span: NAME [KEY=VALUE]...
trace_event() {
    builtin set +ax -- "$-" "$@"
    _trace_tell event "${2:-event}" "${@:3}" || :
    _trace_resume 0 "$1"
}
# Set attributes of the innermost span: KEY=VALUE...; a record each, for all of them may have no room in one.
trace_attributes() {
    builtin set +ax -- "$-" "$@"
    while (($# > 1)); do
        _trace_tell attribute '' "$2" || :
        builtin set -- "$1" "${@:3}"
    done
    _trace_resume 0 "$1"
}
# Run a command in a span; return its exit code: NAME COMMAND [ARGUMENT]..., a program, a builtin or a function.
# It calls no function on its usual way, and says little, for bash copies a function for each call.
trace() {
    builtin set +ax -- "$?" "$-" "$@"
    builtin local _trace_context=''
    if [[ $_trace_fifo -ef /dev/fd/$_trace_fd && ${TRACEPARENT-} && ${TRACEPARENT@a} == x ]]; then
        [[ $_trace_pid == "$BASHPID" ]] || _trace_enter
        if [[ ! ${3-} || ${#3} -gt 100 || $TRACEPARENT$3 == *[\\\|$'\n']* ]]; then
            builtin local _trace_text=''
            _trace_cut "$TRACEPARENT" # of `TRACEPARENT=... trace` it may be anything
            builtin local TRACEPARENT="$_trace_text"
            _trace_cut "${3:-${4:-span}}"
            builtin set -- "$1" "$2" "$_trace_text" "${@:4}"
        fi
        _trace_context=${TRACEPARENT:0:36}$_trace_prefix$((++_trace_count))${TRACEPARENT:52:3}
        until builtin printf '%s\n' "begin|${EPOCHREALTIME-}|$_trace_context|$TRACEPARENT|$BASHPID|$3" 2>&- >&"$_trace_fd"; do
            _trace_await_room || { _trace_context='' && break; }
        done
        # It is exported, as the script's is; `-x` would change the script's after `TRACEPARENT=... trace`.
        builtin local TRACEPARENT="$_trace_context"
    fi
    # The script's own code must see `$?`, errexit must act in it, and it may take the descriptor. A program does not care, so
    # its failure can wait until its span has ended: it is the call of trace that fails. `declare -f +i` tells functions and
    # prints nothing; a function has no such attribute that it could lose.
    if case ${4-} in eval | source | . | command | builtin | exit) ;; *) builtin declare -f +i -- "${4-}" 2>&- ;; esac; then
        if [[ $1 == 0 && $2 != *[ax]* ]] || _trace_resume "$1" "$2"; then "${@:4}"; else "${@:4}"; fi
        builtin set +ax -- "$?" "$-" "$4" code
        [[ $_trace_fifo -ef /dev/fd/$_trace_fd ]] || _trace_context=''
    elif [[ $BASHPID != "$$" && $BASHPID != "$_trace_no_job" ]] && _trace_is_job "$2" "${4-}"; then
        _trace_run_job "$2" "${@:4}" || :
        builtin set -- "$_trace_code" "$2" "$4" job
    elif { [[ $2 != *[ax]* ]] || _trace_resume 0 "$2"; } && "${@:4}"; then
        builtin set +ax -- 0 "$-"
    else
        builtin set +ax -- "$?" "$-" "${4-}"
    fi
    [[ ! $_trace_context ]] ||
        until builtin printf '%s\n' "end|${EPOCHREALTIME-}|$_trace_context|$1" 2>&- >&"$_trace_fd"; do _trace_await_room || break; done
    if [[ ${4-} || $1 == 127 || $2 == *[ax]* ]]; then
        [[ ${4-} != job ]] || _trace_follow "$1" || :
        [[ $1 != 127 ]] || _trace_explain "$3" || :
        # A RETURN trap that the function has set is its caller's now, so it is not to run when this function returns, but to be
        # there afterwards. Only a RETURN trap of our own can do that. With a trap there is something to print, for which a
        # closed stdout is an error.
        builtin local _trace_text=''
        if [[ ${4-} == code || $2 == *x*T* ]] && ! builtin trap -p RETURN 2>&- >&-; then
            [[ $_trace_folder ]] && builtin trap -p RETURN 2>/dev/null >|"$_trace_folder/$BASHPID" && _trace_read "$_trace_folder/$BASHPID" ||
                _trace_text=$(builtin trap -p RETURN)
        fi
        if [[ $_trace_text || $2 == *[ax]* ]]; then
            builtin set -- "$1" "${2//[!ax]/}"
            builtin trap "builtin ${_trace_text:-trap - RETURN}"$'\n'"${2:+builtin set -$2}" RETURN
        fi
    fi
    return "$1"
}
# The same for a program in the background: NAME PROGRAM [ARGUMENT]... &. The job becomes the program, so `$!` is the program.
trace_background() {
    builtin set +ax -- "$?" "$-" "$@"
    if [[ $BASHPID != "$$" ]] && ! builtin declare -f +i -- "${4-}" 2>&- && builtin type -P -- "${4-}" >/dev/null; then
        _trace_write "program|${EPOCHREALTIME-}|$BASHPID" || :
        [[ ${SHELLOPTS@a} != *x* ]] || _trace_resume 0 "$2" # the program has these options, too
        trace "${3:-$4}" builtin exec "${@:4}"
    elif _trace_resume "$1" "$2"; then
        trace "${@:3}"
    else
        trace "${@:3}"
    fi
}

# -- what they share --

_trace_resume() { # CODE OPTIONS: put back the shell's options, and `$?`
    [[ $2 != *a* ]] || builtin set -a
    case $2 in
    *x*T*) builtin set -x ;; # with functrace a RETURN trap here would be the script's, too
    *x*) builtin trap 'builtin trap - RETURN; builtin set -x' RETURN ;;
    esac
    return "$1"
}
_trace_enter() { # a shell, the script's or one in it: its ids are four hexadecimal and twelve decimal digits, the latter a counter
    builtin local _trace_time="${EPOCHREALTIME-$SECONDS}"
    ((_trace_state = (_trace_state + BASHPID) * 6364136223846793005 ^ ${_trace_time//[!0-9]/} * 0x2545f4914f6cdd1d))
    ((_trace_count = 100000000000 + (_trace_state & 0x7fffffffff)))
    builtin printf -v _trace_prefix %04x "$((_trace_state >> 48 & 0xffff))"
    _trace_pid=$BASHPID
}
_trace_tell() { # KIND NAME [KEY=VALUE]...: tell about the innermost span; what has no room in the record is left out
    [[ ${TRACEPARENT:-none} != *[!0-9a-f-]* ]] || return 1
    builtin local LC_ALL=C _trace_text _trace_pair _trace_record
    _trace_cut "$2"
    _trace_record="$1|${EPOCHREALTIME-}|${TRACEPARENT:0:55}|$_trace_text"
    for _trace_pair in "${@:3}"; do
        _trace_cut "$_trace_pair"
        ((${#_trace_record} + ${#_trace_text} > 990)) || _trace_record+="|$_trace_text"
    done
    _trace_write "$_trace_record"
}
_trace_cut() { # TEXT: set $_trace_text to it, escaped, in at most 700 bytes; a character has six at most
    _trace_text=$1
    builtin local LC_ALL=C
    if ((${#1} > 600)); then
        _trace_text=${1:0:600}
        # Not within a character of UTF-8.
        while [[ $_trace_text == *[$'\x80'-$'\xbf'] ]]; do _trace_text=${_trace_text%?}; done
        _trace_text=${_trace_text%[$'\xc0'-$'\xff']}...
    fi
    _trace_escape "$_trace_text"
    ((${#_trace_text} <= 700)) || _trace_cut "${1:0:300}..."
}
_trace_escape() { # TEXT: set $_trace_text to it, on one line
    _trace_text=${1//\\/\\\\}
    _trace_text=${_trace_text//$'\n'/\\n}
    _trace_text=${_trace_text//|/\\p}
}
_trace_write() { # RECORD: write it, if there is somebody to read it
    [[ $_trace_fifo -ef /dev/fd/$_trace_fd ]] || return 1
    until builtin printf '%s\n' "$1" 2>&- >&"$_trace_fd"; do _trace_await_room || return 1; done
}
_trace_await_room() { # for a record; fail if the FIFO has gone, or the script has taken its descriptor
    [[ $_trace_fifo -ef /dev/fd/$_trace_fd ]] && _trace_nap && [[ $_trace_fifo -ef /dev/fd/$_trace_fd ]]
}
_trace_nap() { # [end]: wait a little for the other side; fail after a second of that, in all shells of the script together
    builtin local _trace_text='' _trace_naps
    _trace_read "$_trace_folder/naps" || return 1
    _trace_naps=$_trace_text
    if ((${#_trace_naps} < 50)); then
        # A trap's handler may run meanwhile, and it has the script's stderr.
        [[ -p $_trace_folder/nap ]] && builtin read -r -t 0.02 _trace_text <>"$_trace_folder/nap"
        (($? > 128)) || return 1 # nobody writes there, so it took its time
        _trace_read "$_trace_folder/naps" || return 1
        # Of naps at the same time the first to end counts.
        [[ $_trace_naps != "$_trace_text" ]] || builtin printf . 2>/dev/null >>"$_trace_folder/naps" && return 0
    fi
    [[ ${1-} == end ]] || _trace_give_up
    return 1
}
_trace_read() { # FILE: set $_trace_text to what is in it; IFS has no say in `read -N`, and may be readonly
    _trace_text=''
    builtin read -r -N 99999 _trace_text 2>/dev/null <"$1" || [[ $_trace_text ]]
}
_trace_capture() { # BUILTIN [ARGUMENT]...: set $_trace_text to what it prints, without a process where that can be done
    if [[ $_trace_folder ]] && builtin "$@" 2>/dev/null >|"$_trace_folder/$BASHPID"; then
        _trace_read "$_trace_folder/$BASHPID" || :
    else
        _trace_text=$(builtin "$@" 2>/dev/null)
    fi
}
_trace_give_up() { # the first shell to take the FIFO away says so
    _trace_leave || return 1
    builtin echo "trace: nobody has read for a second: the script goes on untraced" >&2
}
_trace_explain() { # COMMAND: say how trace is called, where what should be the command is none
    ! builtin type -- "$1" >/dev/null 2>&1 || return 0
    builtin echo "trace: ${BASH_SOURCE[2]-$0}: line ${BASH_LINENO[1]}: there is no command '$1'; it is: trace NAME COMMAND" >&2
}

# -- a background job: its signals are its program's --

_trace_is_job() { # OPTIONS COMMAND: whether this shell is one, without a trap of its own, and this a program; set $_trace_passed
    builtin local _trace_text='' _trace_ignored _trace_caught _trace_signal
    [[ $1 != *m* && -e /dev/fd/0 && -r /proc/$BASHPID/task/$BASHPID/children ]] || return 1
    _trace_capture type -t -- "$2" && [[ $_trace_text == file* ]] || return 1
    _trace_read "/proc/$BASHPID/status" || return 1
    _trace_ignored=${_trace_text#*SigIgn:?} _trace_caught=${_trace_text#*SigCgt:?}
    _trace_ignored=0x${_trace_ignored:0:16} _trace_caught=0x${_trace_caught:0:16}
    # SIGQUIT is 3; of all shells of a script bash has jobs alone ignore it.
    if ((!(_trace_ignored & 1 << 2))); then
        _trace_no_job=$BASHPID
        return 1
    fi
    # `$!` may be about a child.
    ! _trace_read "/proc/$BASHPID/task/$BASHPID/children" || return 1
    _trace_capture trap -p HUP INT USR1 USR2 TERM
    _trace_passed=()
    for _trace_signal in HUP=1 INT=2 USR1=10 USR2=12 TERM=15; do
        if ((_trace_caught & 1 << ${_trace_signal#*=} - 1)); then
            # A trap that is shown and does not act is that of the shell around this one.
            [[ $_trace_text$'\n' != *" SIG${_trace_signal%=*}"$'\n'* ]] || return 1
        fi
        ((_trace_ignored & 1 << ${_trace_signal#*=} - 1)) || _trace_passed+=("${_trace_signal%=*}")
    done
}
_trace_run_job() { # OPTIONS PROGRAM [ARGUMENT]...: pass on to it the signals that come; set $_trace_code to its exit code
    builtin local _trace_program='' _trace_signal
    _trace_came=()
    for _trace_signal in "${_trace_passed[@]}"; do
        builtin trap "_trace_pass_on $_trace_signal" "$_trace_signal"
    done
    _trace_resume 0 "$1"
    "${@:2}" <&0 &
    builtin set +ax
    _trace_program=$!
    for _trace_signal in "${_trace_came[@]}"; do
        builtin kill "-$_trace_signal" "$_trace_program" 2>/dev/null
    done
    # A trap ends `wait`, which then tells of the signal; `builtin wait` of bash 4.4 would not be ended.
    while
        command wait "$_trace_program" 2>/dev/null
        _trace_code=$?
        ((_trace_code > 128)) && builtin kill -0 "$_trace_program" 2>/dev/null
    do :; done
    if ((_trace_code > 128)); then
        command wait "$_trace_program" 2>/dev/null
        builtin set -- "$?"
        (($1 == 127)) || _trace_code=$1 # under POSIX's rules it tells once
    fi
    builtin trap - "${_trace_passed[@]}"
}
_trace_pass_on() { # SIGNAL
    _trace_came+=("$1")
    [[ ! $_trace_program ]] || builtin kill "-$1" "$_trace_program" 2>/dev/null || :
}
_trace_follow() { # CODE: end as the program has, if it was by a signal that was meant for this shell
    builtin local _trace_signal
    for _trace_signal in "${_trace_came[@]}"; do
        [[ $(builtin kill -l "$1") != "$_trace_signal" ]] || builtin kill "-$_trace_signal" "$BASHPID"
    done
}

# -- the start and the end --

_trace_start() { # [OPTION]...
    builtin local _trace_seed='' _trace_child='' _trace_parent='' _trace_text=''
    _trace_outer=${TRACEPARENT-}
    if _trace_is_readonly; then
        _trace_refuse "TRACEPARENT is readonly"
        return 1
    fi
    for _trace_text in rm mkdir mkfifo od "${PYTHON:-python3}"; do
        if ! builtin type -P -- "$_trace_text" >/dev/null; then
            _trace_refuse "there is no $_trace_text"
            return 1
        fi
    done
    _trace_folder=${TMPDIR:-/tmp}/trace.$$.${EPOCHREALTIME-$SECONDS}
    [[ $_trace_folder == /* ]] || _trace_folder=$PWD/$_trace_folder
    if ! _trace_save_child_trap; then
        _trace_refuse "there is no way to write into ${_trace_folder%/*}"
        return 1
    fi
    builtin trap - CHLD
    if ! _trace_find_home; then
        _trace_refuse "$_trace_library is a copy, and there is no span-tracer in PATH"
    elif _trace_seed=$(_trace_prepare 2>/dev/null) && [[ ${_trace_seed:47} ]] && _trace_connect; then
        _trace_identify
        _trace_introduce "$@"
        builtin : "$(_trace_launch)"
    else
        _trace_refuse "there is no way to make a FIFO in ${_trace_folder%/*}"
    fi
    [[ ! $_trace_child ]] || builtin eval "builtin $_trace_child"
}
_trace_is_readonly() { # whether to set TRACEPARENT would end the script: where it is a function's, or for all
    [[ ${TRACEPARENT+set} && ${TRACEPARENT@a} == *r* ]] || ! builtin local TRACEPARENT 2>/dev/null
}
_trace_refuse() { # REASON: be as before trace_start, and say why
    [[ $_trace_has_refused ]] || builtin echo "trace: the script is not traced: $1" >&2
    _trace_has_refused=1
    [[ ! -e $_trace_folder ]] || builtin command rm -rf "$_trace_folder"
    _trace_forget
}
_trace_find_home() { # set $_trace_home to the folder of this file, or of the package that is installed
    builtin local _trace_target
    while [[ -L $_trace_library ]]; do
        _trace_target=$(builtin command readlink "$_trace_library") || return 1
        [[ $_trace_target == /* ]] || _trace_target=${_trace_library%/*}/$_trace_target
        _trace_library=$_trace_target
    done
    _trace_home=${_trace_library%/*}
    [[ ! -e $_trace_home/script.py ]] || return 0
    _trace_target=$(span-tracer --bash 2>/dev/null) || return 1
    _trace_home=${_trace_target%/*}
    [[ -e $_trace_home/script.py ]]
}
_trace_save_child_trap() { # before the first process is started: its end is not the script's business
    builtin local -
    builtin set -o noclobber # nobody else has made that file
    builtin trap -p CHLD 2>/dev/null >"$_trace_folder" || return 1
    ! _trace_read "$_trace_folder" || _trace_child=$_trace_text
}
_trace_prepare() { # make the folder and what is in it; print 24 random bytes in hex
    builtin command rm "$_trace_folder" && builtin command mkdir -m 700 "$_trace_folder" || return 1
    builtin printf . >"$_trace_folder/naps" && builtin command mkfifo -m 600 "$_trace_folder/fifo" "$_trace_folder/nap" || return 1
    _trace_text=$(builtin command od -An -N24 -tx1 /dev/urandom)
    builtin echo "${_trace_text//[[:space:]]/}"
}
_trace_connect() { # hold the FIFO open, under a number that a script does not use
    builtin local _trace_saved=10
    _trace_fifo=$_trace_folder/fifo
    _trace_fd=$(builtin ulimit -n)
    [[ $_trace_fd != unlimited && $_trace_fd -lt 1024 ]] || _trace_fd=1024
    while [[ -e /dev/fd/$((--_trace_fd)) ]]; do :; done
    # Where bash saves a descriptor, under the first free number from 10 on, it is close-on-exec, and so is a duplicate of that.
    {
        while [[ -e /dev/fd/$_trace_saved ]]; do ((++_trace_saved)); done
        # Under POSIX's rules an `exec` that fails ends the script.
        { [[ ! $_trace_fifo -ef /dev/fd/$_trace_saved ]] || _trace_exec "$_trace_fd>&$_trace_saved"; } >/dev/null
    } 1<>"$_trace_fifo"
    [[ $_trace_fifo -ef /dev/fd/$_trace_fd ]]
}
_trace_exec() { # REDIRECTION: for the whole shell; `command exec` and `exec` alone can do that, and each may be a function
    if builtin declare -f +i exec; then
        builtin eval "command exec $1"
    else
        builtin eval "exec $1"
    fi
}
_trace_identify() { # join the trace of TRACEPARENT where that is one, or begin a trace
    builtin local LC_ALL=C _trace_hex="${_trace_seed:32}"
    _trace_hex=${_trace_hex//?/[0-9a-f]}
    _trace_owner=$BASHPID
    _trace_state=0x${_trace_seed:0:16}
    builtin export TRACEPARENT=00-${_trace_seed:16}-${_trace_seed:0:16}-01
    if [[ ${_trace_outer:0:55} == [0-9a-f][0-9a-f]-$_trace_hex$_trace_hex-$_trace_hex-[0-9a-f][0-9a-f] &&
        $_trace_outer != @(ff*|??-+(0)-*|??-+([!-])-+(0)-*|00-*-*-??-*) && ${_trace_outer:55:1} == @(|-) ]]; then
        _trace_parent=00${_trace_outer:2:53}
        builtin printf -v TRACEPARENT %s-%02x "${_trace_parent:0:36}${_trace_seed:0:16}" "$((0x${_trace_outer:53:2} & 3))"
    fi
}
_trace_introduce() { # [OPTION]...: the first record says who the script is and what it wants, and begins its span
    builtin local _trace_word _trace_record
    _trace_word=${0##*/}
    _trace_cut "${_trace_word:-span}"
    _trace_record="$BASHPID|${EPOCHREALTIME-}|$TRACEPARENT|$_trace_parent|$_trace_text"
    for _trace_word in "$PWD" "$@"; do
        _trace_escape "$_trace_word"
        _trace_record+="|$_trace_text"
    done
    builtin printf '%s\n' "$_trace_record" >&"$_trace_fd"
}
_trace_launch() { # start the other side; it has the FIFO as its stdin, and of the script's descriptors stderr alone
    builtin set +eEuTf
    builtin unset -f exec
    builtin shopt -u failglob
    builtin trap '' HUP INT QUIT TERM # it ends after the script
    # In any Python there is, with the code of this package alone: `-EsS` keeps other packages out.
    _trace_text='import sys
if sys.version_info < (3, 9):
    sys.stderr.write("trace: the script is not traced: that needs Python 3.9 or newer, this is %d.%d\n" % sys.version_info[:2])
    import shutil; shutil.rmtree(sys.argv[2]); sys.exit(2)
sys.path[:] = sys.path[1:] + [sys.argv[1].rpartition("/")[0]]
from tracer.script import run
sys.exit(run(sys.argv[2]))'
    # That it does not block belongs to the open file, not to a process: GNU's dd sets it, and Python where dd is another.
    builtin command dd count=0 oflag=nonblock </dev/null 2>/dev/null >&"$_trace_fd" ||
        "${PYTHON:-python3}" -c 'import os; os.set_blocking(1, False)' >&"$_trace_fd"
    {
        for _trace_fd in /dev/fd/*; do
            ((${_trace_fd##*/} < 3)) || builtin eval "exec ${_trace_fd##*/}>&-" 2>/dev/null
        done
        builtin cd / || exit 1
        BASH_ENV='' builtin exec "${PYTHON:-python3}" -EsS -c "$_trace_text" "$_trace_home" "$_trace_folder"
    } <"$_trace_fifo" >/dev/null &
}
_trace_finish() { # CODE
    _trace_write "finish|${EPOCHREALTIME-}|$1"
    [[ ! $_trace_fifo -ef /dev/fd/$_trace_fd ]] || _trace_exec "$_trace_fd>&-" # or it may be the script's by now
    until [[ -e $_trace_folder/done || ! -d $_trace_folder ]]; do
        _trace_nap end && continue
        _trace_leave # it reads on, but jobs do not wait for it
        break
    done
    _trace_forget
}
_trace_leave() { # remove the folder; fail if another shell has; the end of the processes that do it is not the script's business
    builtin local _trace_text='' _trace_is_first=''
    [[ -d $_trace_folder ]] || return 1
    _trace_capture trap -p CHLD
    builtin trap - CHLD
    ! builtin command rm "$_trace_folder/fifo" 2>/dev/null || _trace_is_first=1
    builtin command rm -rf "$_trace_folder" 2>/dev/null
    [[ ! $_trace_text ]] || builtin eval "builtin $_trace_text"
    [[ $_trace_is_first ]]
}
_trace_forget() { # be as before trace_start
    _trace_owner='' _trace_folder='' _trace_fifo='' _trace_fd=''
    ! _trace_is_readonly || return 0
    TRACEPARENT=$_trace_outer
    [[ $_trace_outer ]] || builtin unset -v TRACEPARENT
}

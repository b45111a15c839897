# shellcheck shell=bash
# Of shellcheck's advice: `>&"$fd"` takes a number here (SC2261), a trap's text is meant to be made now (SC2064), and a subshell
# is meant to have a $_trace_fd of its own (SC2030, SC2031).
# shellcheck disable=SC2261,SC2064,SC2030,SC2031
# Trace a bash script that must not notice: source this; then trace_start, trace, trace_event, trace_attributes, trace_end.
#
# Owns the script's side: it names the spans and writes what happened, a record each, into a FIFO. At its other end is
# `script.py`, which does all the rest. First rule: do no harm.
# - A record is fields, each behind a NUL, and a newline; it has at most 1,000 bytes, so it is one write, whole.
# - The script holds the FIFO open for reading too, so that no write raises SIGPIPE; it does not block, so that a full one is an
#   error and no wait; programs do not inherit it, so that a daemon does not keep it open.
# - TRACEPARENT names the innermost span: it is local to each call of trace, and child processes have it too.
# - Each function that a script calls begins with one `set`, which hides the rest from xtrace and allexport, and keeps in the
#   positional parameters what has to be put back: `$?` and `$-`. What is ours stands in a condition, out of reach of errexit and
#   ERR traps, and has the script's stderr, for a trap's handler may run there. So only single commands are redirected.
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
    _trace_shell=$$ _trace_owner='' _trace_folder='' _trace_fifo='' _trace_fd='' _trace_pid=0 _trace_state=0 _trace_no_job='' _trace_has_refused=''
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
trace() {
    builtin set +ax -- "$?" "$-" "$@"
    builtin local _trace_span='' _trace_text='' _trace_left='' _trace_came='' _trace_caught=0
    if [[ $_trace_fifo && ${TRACEPARENT@a} != *r* ]]; then
        builtin local -x TRACEPARENT="$TRACEPARENT"
        _trace_begin "$TRACEPARENT" "${3:-${4:-span}}" || :
    fi
    # The script's own code must see `$?`, and errexit must act in it. A program sees neither, so its failure can wait until its
    # span has ended: it is the call of trace that fails. `declare -f +i` tells functions and prints nothing; a function has no
    # such attribute that it could lose.
    if [[ " eval source . command builtin exit " == *" ${4-} "* ]] || builtin declare -f +i -- "${4-}" 2>&-; then
        if _trace_resume "$1" "$2"; then "${@:4}"; else "${@:4}"; fi
        builtin set +ax -- "$?" "$-" "${@:3}"
        _trace_left=unknown
    elif [[ $BASHPID != "$$" && $BASHPID != "$_trace_no_job" ]] && _trace_is_job "$2" "${4-}"; then
        builtin local _trace_program=''
        builtin local -a _trace_passed _trace_came
        _trace_passed=() _trace_came=()
        _trace_catch_signals
        _trace_resume 0 "$2"
        "${@:4}" <&0 &
        builtin set +ax -- 0 "$-" "${@:3}"
        _trace_await "$!" || builtin set -- "$?" "${@:2}"
    elif { [[ $2 != *[ax]* ]] || _trace_resume 0 "$2"; } && "${@:4}"; then
        builtin set +ax -- 0 "$-" "${@:3}"
    else
        builtin set +ax -- "$?" "$-" "${@:3}"
    fi
    [[ ! $_trace_span ]] || _trace_write end "${EPOCHREALTIME-}" "$_trace_span" "$1" || :
    [[ ! ${_trace_came-} ]] || _trace_follow "$1" || :
    (($1 != 127)) || _trace_explain "${4-}" || :
    # A RETURN trap that the function has set is its caller's now, so it is not to run when this function returns, but to be
    # there afterwards. Only a RETURN trap of our own can do that.
    if [[ $_trace_left || $2 == *x*T* ]]; then
        _trace_left=''
        # With a trap there is something to write, for which a closed stdout is an error.
        if builtin trap -p RETURN 2>&- >&-; then
            :
        elif builtin trap -p RETURN 2>/dev/null >|"$_trace_folder/$BASHPID"; then
            IFS= builtin read -r -d '' _trace_left 2>/dev/null <"$_trace_folder/$BASHPID" || :
        else
            _trace_left=$(builtin trap -p RETURN)
        fi
    fi
    if [[ $_trace_left || $2 == *[ax]* ]]; then
        _trace_text=${2//[!ax]/}
        builtin trap "builtin ${_trace_left:-trap - RETURN}"$'\n'"${_trace_text:+builtin set -$_trace_text}" RETURN
    fi
    return "$1"
}
# The same for a program in the background: NAME PROGRAM [ARGUMENT]... &. The job becomes the program, so `$!` is the program.
trace_background() {
    builtin set +ax -- "$?" "$-" "$@"
    if [[ $BASHPID == "$$" ]] || builtin declare -f +i -- "${4-}" 2>&- || ! builtin type -P -- "${4-}" >/dev/null; then
        if _trace_resume "$1" "$2"; then trace "${@:3}"; else trace "${@:3}"; fi
        return "$?"
    fi
    if [[ $_trace_fifo -ef /dev/fd/$_trace_fd && ${TRACEPARENT@a} != *r* ]]; then
        builtin export TRACEPARENT
        _trace_begin "$TRACEPARENT" "${3:-$4}" program || :
    fi
    _trace_resume 0 "$2"
    builtin exec "${@:4}"
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
_trace_begin() { # PARENT NAME [program]: begin a span; TRACEPARENT says its trace and flags, and names it then
    if ((_trace_pid != BASHPID)); then # a subshell goes on from elsewhere in the cycle of 2^64 ids
        _trace_text=${EPOCHREALTIME-$SECONDS}
        ((_trace_pid = BASHPID, _trace_state += BASHPID * 0x9e3779b97f4a7c15 ^ ${_trace_text//[!0-9]/} * 0x2545f4914f6cdd1d))
    fi
    builtin printf -v _trace_span %016x "$((_trace_state = _trace_state * 6364136223846793005 + 1442695040888963407))"
    TRACEPARENT=${TRACEPARENT:0:36}$_trace_span${TRACEPARENT:52:3}
    _trace_text=$2
    [[ ${#2} -le 100 && $2 != *[\\$'\n']* ]] || _trace_cut "$2"
    _trace_write begin "${EPOCHREALTIME-}" "$TRACEPARENT" "$1" "$BASHPID" "${3-}" "$_trace_text"
}
_trace_tell() { # KIND NAME [KEY=VALUE]...: tell about the innermost span; what has no room in the record is left out
    [[ $_trace_fifo ]] || return 1
    builtin local LC_ALL=C _trace_text _trace_pair _trace_size
    builtin local -a _trace_fields
    _trace_cut "$2"
    _trace_fields=("$1" "${EPOCHREALTIME-}" "${TRACEPARENT:36:16}" "$_trace_text")
    _trace_size=${#_trace_text}
    for _trace_pair in "${@:3}"; do
        _trace_cut "$_trace_pair"
        ((_trace_size + ${#_trace_text} < 900)) || continue
        _trace_fields+=("$_trace_text")
        ((_trace_size += ${#_trace_text} + 1))
    done
    _trace_write "${_trace_fields[@]}"
}
_trace_cut() { # TEXT: set $_trace_text to it, escaped, in at most 700 bytes; a character has six at most
    _trace_text=$1
    [[ ${#1} -gt 100 || $1 == *[\\$'\n']* ]] || return 0
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
}
_trace_write() { # FIELD...: write a record, while there is somebody to read it
    while [[ $_trace_fifo -ef /dev/fd/$_trace_fd ]]; do
        ! builtin printf '\0%s' "$@" $'\n' 2>&- >&"$_trace_fd" || return 0
        _trace_nap || break
    done
    _trace_fifo='' # it has gone, or the script has taken its descriptor
}
_trace_nap() { # [end]: wait a little for the other side; fail after a second of that, in all shells of the script together
    builtin local _trace_naps=''
    builtin printf . 2>/dev/null >>"$_trace_folder/naps" || return 1
    builtin read -r _trace_naps 2>/dev/null <"$_trace_folder/naps" || :
    if ((${#_trace_naps} < 50)); then
        # A trap's handler may run meanwhile, and it has the script's stderr.
        [[ -p $_trace_folder/nap ]] && builtin read -r -t 0.02 _trace_naps <>"$_trace_folder/nap"
        (($? <= 128)) || return 0 # nobody writes there, so it took its time
    elif [[ ${1-} != end ]]; then
        _trace_give_up
    fi
    return 1
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

_trace_is_job() { # OPTIONS COMMAND: whether this shell is one and this a program; keep in $_trace_caught what the shell handles
    builtin local _trace_key _trace_mask _trace_ignored=0 _trace_children=''
    [[ $1 != *m* && -e /dev/fd/0 ]] || return 1
    if [[ -r /proc/$BASHPID/task/$BASHPID/children ]]; then
        while builtin read -r _trace_key _trace_mask; do
            [[ $_trace_key != SigIgn: ]] || _trace_ignored=0x$_trace_mask
            [[ $_trace_key != SigCgt: ]] || _trace_caught=0x$_trace_mask
        done <"/proc/$BASHPID/status"
    fi
    # SIGQUIT is 3; of all shells of a script bash has jobs alone ignore it.
    if ((!(_trace_ignored & 1 << 2))); then
        _trace_no_job=$BASHPID
        return 1
    fi
    ((_trace_caught |= _trace_ignored))
    builtin read -r _trace_children <"/proc/$BASHPID/task/$BASHPID/children"
    # `$!` may be about a child.
    [[ ! $_trace_children && $(builtin type -t -- "$2") == file ]]
}
_trace_catch_signals() { # those that this shell has no trap for
    builtin local _trace_signal _trace_text
    _trace_text=$(builtin trap -p HUP USR1 USR2 TERM)$'\n'
    for _trace_signal in HUP=1 USR1=10 USR2=12 TERM=15; do
        # A trap that is shown and does not act is that of the shell around this one.
        if [[ $_trace_text == *" SIG${_trace_signal%=*}"$'\n'* ]] && ((_trace_caught & 1 << ${_trace_signal#*=} - 1)); then
            continue
        fi
        _trace_passed+=("${_trace_signal%=*}")
        builtin trap "_trace_pass_on ${_trace_signal%=*}" "${_trace_signal%=*}"
    done
}
_trace_pass_on() { # SIGNAL
    _trace_came+=("$1")
    [[ ! $_trace_program ]] || builtin kill "-$1" "$_trace_program" 2>/dev/null || :
}
_trace_await() { # PROGRAM: wait until it ends; return its exit code
    builtin local _trace_signal _trace_code=0 _trace_count
    _trace_program=$1
    for _trace_signal in "${_trace_came[@]}"; do
        builtin kill "-$_trace_signal" "$1" 2>/dev/null || :
    done
    until
        _trace_count=${#_trace_came[@]}
        command wait "$1" 2>/dev/null # bash 4.4 lets no signal interrupt `builtin wait`
        _trace_code=$?
        ((_trace_count == ${#_trace_came[@]}))
    do :; done
    builtin trap - "${_trace_passed[@]}"
    return "$_trace_code"
}
_trace_follow() { # CODE: end as the program has, if it was by a signal that was meant for this shell
    builtin local _trace_signal
    for _trace_signal in "${_trace_came[@]}"; do
        [[ $(builtin kill -l "$1") != "$_trace_signal" ]] || builtin kill "-$_trace_signal" "$BASHPID"
    done
}

# -- the start and the end --

_trace_start() { # [OPTION]...
    builtin local _trace_seed='' _trace_child='' _trace_parent='' _trace_span='' _trace_text=''
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
    IFS= builtin read -r -d '' _trace_child <"$_trace_folder" || :
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
    _trace_pid=$BASHPID
    export TRACEPARENT=00-${_trace_seed:16}-0000000000000000-01
    if [[ ${_trace_outer:0:55} == [0-9a-f][0-9a-f]-$_trace_hex$_trace_hex-$_trace_hex-[0-9a-f][0-9a-f] &&
        $_trace_outer != @(ff*|??-+(0)-*|??-+([!-])-+(0)-*|00-*-*-??-*) && ${_trace_outer:55:1} == @(|-) ]]; then
        _trace_parent=00${_trace_outer:2:53}
        builtin printf -v TRACEPARENT %s-%02x "${_trace_parent:0:52}" "$((0x${_trace_outer:53:2} & 3))"
    fi
}
_trace_introduce() { # [OPTION]...: the first record says who the script is and what it wants; the second begins its span
    builtin local _trace_option _trace_name="${0##*/}"
    builtin local -a _trace_fields
    _trace_name=${_trace_name:-span}
    _trace_fields=(start "$BASHPID")
    for _trace_option in "$PWD" "$_trace_name" "$@"; do
        _trace_escape "$_trace_option"
        _trace_fields+=("$_trace_text")
    done
    builtin printf '\0%s' "${_trace_fields[@]}" $'\n' >&"$_trace_fd"
    _trace_begin "$_trace_parent" "$_trace_name"
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
    _trace_write finish "${EPOCHREALTIME-}" "$1"
    [[ ! $_trace_fifo -ef /dev/fd/$_trace_fd ]] || _trace_exec "$_trace_fd>&-" # or it may be the script's by now
    until [[ -e $_trace_folder/done || ! -d $_trace_folder ]]; do
        _trace_nap end && continue
        _trace_leave # it reads on, but jobs do not wait for it
        break
    done
    _trace_forget
}
_trace_leave() { # remove the folder; fail if another shell has; the end of the processes that do it is not the script's business
    builtin local _trace_child='' _trace_is_first=''
    builtin trap -p CHLD 2>/dev/null >|"$_trace_folder/$BASHPID" || return 1
    IFS= builtin read -r -d '' _trace_child <"$_trace_folder/$BASHPID" || :
    builtin trap - CHLD
    ! builtin command rm "$_trace_folder/fifo" 2>/dev/null || _trace_is_first=1
    builtin command rm -rf "$_trace_folder" 2>/dev/null
    [[ ! $_trace_child ]] || builtin eval "builtin $_trace_child"
    [[ $_trace_is_first ]]
}
_trace_forget() { # be as before trace_start
    _trace_owner='' _trace_folder='' _trace_fifo='' _trace_fd=''
    ! _trace_is_readonly || return 0
    TRACEPARENT=$_trace_outer
    [[ $_trace_outer ]] || builtin unset -v TRACEPARENT
}

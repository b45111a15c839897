"""A traced script does what the same script does untraced: each case runs both ways, and all that a caller can see is compared."""

from __future__ import annotations

import os
import tempfile
import unittest

from tests.scripts import SOURCE, VERSION, BashTestCase, write_program


class CodeTests(BashTestCase):
    """Exit codes, and what acts on them."""

    CASES = (
        "cleanup() { local rc=$?; exit $rc; }; trap 'trace cleanup cleanup' EXIT; exit 7",
        "f() { echo $?; return 5; }; (exit 7); trace f f; echo $?; (exit 8); trace e eval 'echo $?'; x=`trace f f`; echo $x",
        "(exit 9); trace_event e; echo $?; trace_attributes a=1; echo $?",
        "(exit 9); f() { echo $?; }; trace_background f f",
        "trace f sh -c 'exit 3'; echo $?; trace f false || echo failed; ! trace f true; echo $?",
        "set -e; f() { false; echo on; }; trace f f || echo failed; trace f eval 'false; echo on'; echo end",
        "set -e; f() { false; echo on; }; trap 'echo exit $?' EXIT; trace f f; echo end",
        "set -e; trace f sh -c 'exit 4'; echo end",
        "set -e; x=$(trace f false); echo end",
        "set -e; f() { set +e; false; echo on; }; trace f f; false; echo $-",
        "f() { set -eu; shopt -s nullglob; set -f; }; trace f f; echo $-",
        "set -eu -o pipefail; trace f false | trace f cat; echo end",
        "set -o posix; set -eu; trace f true; trace f cd /nonexistent 2> /dev/null || echo $?; trace f exit 3",
        "f() { exit 3; }; x=$(trace f f); echo $?; trace f f; echo end",
        "trap 'trace_end' EXIT; trap 'exit 143' TERM; f() { kill $$; echo on; }; trace f f",
        "f() { (($1)) || return 0; trace f f $(($1 - 1)); }; trace f f 200; echo $?",
    )

    def test_codes(self) -> None:
        """A traced command sees `$?`, gives its own, and errexit acts in it and after it as without."""
        self.check_cases(self.CASES)


class TrapTests(BashTestCase):
    """Traps run as often as without, with the script's own stdin, stdout and stderr."""

    CASES = (
        "trap 'echo lock removed >&2' EXIT TERM; trace f true; kill $$; echo on",
        "trap 'exec 2> new.log' USR1; f() { kill -USR1 $$; }; trace f f; trace f true; echo lost >&2; cat new.log",
        (
            "trap '((++n > 20)) || echo usr1 >&2; exec 3> three' USR1; until [[ -e done ]]; do sleep 0.002; kill -USR1 $$; done & "
            "until ((n >= 20)); do trace f :; trace_event e; done; trap '' USR1; > done; wait $!; jobs > /dev/null"
        ),
        "f() { trap 'echo returned' RETURN; }; g() { trace f f; echo g; }; g; trap -p",
        "f() { trap 'echo returned; popd' RETURN; pushd /; }; trace f f; trap -p",
        "set -u; f() { local x=1; trap 'echo $x; trap - RETURN' RETURN; }; trace f f; trap -p",
        "trap 'echo outer' RETURN; f() { :; }; trace f f; . /dev/null; echo end",
        "trap 'echo err $?' ERR; trace f false; trace f true; echo end",
        "set -E; trap 'echo err $?' ERR; trace f sh -c 'exit 3'; set -e; trace f sh -c 'exit 4'; echo end",
        "n=0; trap 'n=$((n + 1))' DEBUG; trace f true; trace f true; echo $n",
        "set -m; trap 'echo chld' CHLD; sleep 0.01 & wait; trace f sh -c :; echo end",
        "trap 'echo chld' CHLD; sh -c :; trace f sh -c :; echo end",
        "f() { trap 'echo int' INT; kill -INT $$; }; trace f f; trap -p",
        "trap 'echo exit $?' EXIT; f() { exit 4; }; trace f f",
        "f() { trap 'echo inner' EXIT; }; trace f f; (trap 'echo sub' EXIT; trace f true)",
        "on() { trace_background f sh -c 'exit 5'; echo $?; }; trap on USR1 EXIT; kill -USR1 $$; (exit 3)",
        "usr1() { trace f echo in trap; }; trap usr1 USR1; kill -USR1 $$; trace f kill -USR1 $$; echo end",
    )

    def test_traps(self) -> None:
        """EXIT, ERR, DEBUG, RETURN, CHLD and signals' traps, set before, in and by traced commands."""
        self.check_cases(self.CASES)

    def test_child_trap_does_not_run_for_a_late_end(self) -> None:
        """Where trace_end goes on without a late node, CHLD traps run for the script's own children, and no program is needed."""
        with tempfile.TemporaryDirectory() as folder:
            python = os.path.join(folder, "python")
            write_program(python, "exec sleep 1.5 2> /dev/null")
            self.check_same(
                "trap 'echo chld' CHLD; set -m; sh -c :; trace f sh -c :; trace_end; echo end", PYTHON=python
            )
            self.check_same(
                "PATH=/nonexistent; trace f echo f; trace_end; PATH=/usr/bin:/bin; rm -rf $TMPDIR/trace.*",
                PYTHON=python,
            )


class JobTests(BashTestCase):
    """Background jobs are the programs, and the script's end is not waited for."""

    CASES = (
        "trace_background server sleep 60 > /dev/null 2>&1 & disown; echo started",
        "set -e; trace_background server sleep 60 > /dev/null 2>&1 & sleep 0.1; false",
        "trace server sleep 60 & sleep 0.3; kill $!; wait $! 2> /dev/null; echo $?",
        "trace server sleep 60 & trace_background other sleep 60 & sleep 0.3; kill $(jobs -p); wait 2> /dev/null; jobs > /dev/null",
        "trace_background server sleep 60 & sleep 0.2; kill -KILL $!; wait $! 2> /dev/null; echo $?",
        "trace_background server sleep 60 & sleep 0.2; kill -USR1 $!; wait $! 2> /dev/null; echo $?",
        "trace server sleep 60 & sleep 0.3; kill -USR1 $!; wait $! 2> /dev/null; echo $?",
        "trace server sh -c 'trap \"echo usr2; exit 5\" USR2; while :; do sleep 0.05; done' & sleep 0.4; kill -USR2 $!; wait $!; echo $?",
        "IFS=:; trace server sleep 60 & sleep 0.3; kill -HUP $!; wait $! 2> /dev/null; echo $?",
        "readonly IFS; set -o posix; trace f true; trace f sh -c 'exit 3' & wait $!; echo $?",
        "set -eE; trap 'echo err $?' ERR; trace f sh -c 'exit 3' & wait $! || echo $?; (trace f sh -c 'exit 4') || echo $?",
        "(trap 'echo usr1' USR1; trace f sh -c 'sleep 0.1; kill -USR1 $PPID; sleep 0.1; echo f; exit 5'; echo $?) & wait $!",
        "(trap 'trace g echo chld' CHLD; trace f sh -c 'exit 5'; echo $?) & wait $!",
        "trace_background server sh -c 'exit 5' & wait $!; echo $?",
        "f() { echo f; }; trace_background f f & wait $!; trace_background f true",
        "trace server cat & wait; echo in | trace server cat & wait; trace server cat < /dev/null & wait; echo end",
        "x=$(sleep 60 > /dev/null 2>&1 & echo hi); echo $x; trace f true",
        "trace f sleep 0.01 & wait $!; jobs; wait; echo $?",
        "(trace f cd /; pwd; trace f export A=1; echo $A; trace f printf -v x 3; echo $x) & wait $!; jobs > /dev/null",
        "set -m; trace f sleep 0.01 & wait $!; echo $?",
        "trap 'echo term' TERM; (trace f sleep 0.5; echo sub) & sleep 0.2; wait; echo $?",
        "(trap '' TERM; trace f sleep 1; echo $?) & sleep 0.2; kill $!; wait $!; echo $?",
        "trace_background f nohup sleep 60 > /dev/null 2>&1 & disown; echo end",
    )

    def test_jobs(self) -> None:
        """`$!` is the program, or passes on its signals; nobody waits for a job at the end."""
        self.check_cases(self.CASES)


class ShellTests(BashTestCase):
    """The shell's own state: options, descriptors, names, streams."""

    CASES = (
        "exec 14> a 200> b; trace f true; echo x >&14; echo y >&200; cat a b",
        "exec 9>lock; flock 9; trace f true; exec 60> held 2> /dev/null; flock 60; (sleep 60 >/dev/null 2>&1 60>&-) & trace f echo $?",
        "set -a; x=1; trace f env | grep -c _trace_; f() { y=2; }; trace f f; env | grep ^y",
        "shopt -s nocasematch extglob failglob; IFS=,; x='a b'; trace f echo $x; trace f printf '<%s>' 'a  b' '' '*' \\\\n",
        "set -fu; trace f echo *; set -C; trace f true; set -n",
        "set -o noclobber; trace f true; trace_event e a=b",
        "set -u; unset TRACEPARENT; trace f true; (trace_background f true); trace_event e a=b; trace_attributes a=b; echo end",
        (
            "readonly f=1 name=2 x=3; trace x true; local_() { local code=1 name_=2; trace g g; echo $code $name_; }; "
            "g() { code=3 name_=4; }; trace f local_; echo ${code-}"
        ),
        "echo in | trace f sh -c 'cat; echo \"$@\"; echo err >&2' sh 'a  b' '' '*'",
        "A=1 trace f sh -c 'echo $A'; A=2 trace f eval 'echo $A'; echo ${A-}",
        "f() { read -r x; echo got $x; }; echo in | trace f f; trace f f < /dev/null",
        "exec 2>&-; set -e; trace f true; trace_event e; echo end",
        "exec >&- 2>&-; trace f true",
        "exec <&-; trace f true; trace f cat; echo $?",
        "trace f cd /; pwd; trace f export B=1; echo $B; trace f shift; trace f umask 077; umask",
        "BASH_COMPAT=4.3; trace f true; f() { echo $# $*; }; trace f f a b",
        "trap '' PIPE; trace f yes | head -1; echo end",
        "trace f yes | head -1; echo ${PIPESTATUS[*]}",
        "PATH=/nonexistent; trace f echo x; PATH=/usr/bin:/bin",
        "cd /; trace f pwd; rmdir_() { mkdir d && cd d && rmdir ../d; }; cd $OLDPWD; trace f rmdir_; trace f echo x",
        "RANDOM=42; trace f true; echo $RANDOM; [[ abc =~ b ]]; trace f true; echo ${BASH_REMATCH[0]}; set -- a b; trace f true; echo $*",
        (
            "type() { echo mine; }; local() { echo mine; }; kill() { echo mine; }; printf() { echo mine; }; read() { echo mine; }; "
            "set() { echo mine; }; trap() { echo mine; }; trace f true; trace f kill; f() { builtin local x=1; echo $x; }; trace f f"
        ),
        "command() { echo mine; }; trace f command x",
        "for i in {1..9}; do trace f echo $i; [[ $i -lt 5 ]] || break; done; while trace f read -r x; do echo; done < /etc/passwd | wc -l",
        "eval() { echo mine; }; echo_() { echo x; }; trace f echo_; unset -f eval; export -f echo_; trace f bash -c echo_",
    )

    def test_shell(self) -> None:
        """Nothing of the shell differs, neither in the traced commands nor afterwards."""
        self.check_cases(self.CASES)

    @unittest.skipIf(VERSION < (5, 1), "`command exec` of this bash keeps a copy of what it closes")
    def test_functions_called_exec(self) -> None:
        """A function called `exec` changes nothing; with one called `command` too, the script runs untraced."""
        functions = "exec() { echo mine; }; "
        self.check_same(f"{functions} trace f exec x; trace f true")
        text = 'trace_start --export "$EXPORT" 2> /dev/null; trace f true; trace f exec x; (trace f echo sub)'
        self.assertEqual(len(self.check_same(functions + text, start=SOURCE).spans), 4)
        functions += "command() { echo mine; }; "
        self.assertEqual(self.check_same(functions + text, start=SOURCE).spans, [])

    def test_function_called_export(self) -> None:
        """A function called `export` is not called by the library."""
        text = 'export() { echo mine; }; trace_start --export "$EXPORT"; trace f true; trace_end'
        self.assertEqual(len(self.check_same(text, start=SOURCE).spans), 2)

    def test_nothing_is_traced(self) -> None:
        """Without trace_start, and after trace_end, all is run and no file is written, in the root folder for one."""
        before = sorted(os.listdir("/"))
        text = "f() { trap 'echo returned' RETURN; }; trace f f; trace f sh -c 'exit 3' & wait $!; trace_end; trace f f; trace_event e"
        self.check_same(text, start=SOURCE)
        self.check_same(text)

        self.assertEqual(sorted(os.listdir("/")), before)

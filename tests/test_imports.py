"""The arrows between the modules: who may touch the machine, no cycles, nothing slow or foreign at a plain start."""

from __future__ import annotations

import ast
import functools
import json
import os
import subprocess
import sys
import unittest

from tests.helpers import ON_WINDOWS, TOP, child_environment

#: The modules of the standard library that reach the machine, and the only files that may import them.
MACHINE = {
    "os",
    "sys",
    "time",
    "select",
    "signal",
    "socket",
    "random",
    "secrets",
    "uuid",
    "io",
    "pathlib",
    "shutil",
    "tempfile",
}
MAY_TOUCH_IT = (
    *(
        "main",
        "tracer.__main__",
        "tracer.run",
        "tracer.clock",
        "tracer.trace_context",
        "tracer.machine",
        "tracer.command",
    ),
    *("tracer.export", "tracer.reading", "tracer.picture", "tracer.script"),
)
#: What costs milliseconds to import, and what no plain start may load.
SLOW = {
    *(
        "argparse",
        "typing",
        "dataclasses",
        "logging",
        "random",
        "uuid",
        "pathlib",
        "tempfile",
        "subprocess",
        "traceback",
    ),
    *("threading", "asyncio", "inspect", "unicodedata", "datetime", "shutil", "hashlib", "urllib", "socket"),
}
#: Loaded only where an option asks for it, or a line that is no message.
OPTIONAL = ("tracer.script", "tracer.export", "tracer.reading", "tracer.picture", "tracer.malformed", "tracer.watched")
#: The floors, from the top down: what is on one imports what is on it or below.
FLOORS = (
    "tracer.run",
    "main",
    "tracer.script",
    "tracer.command",
    "tracer.picture",
    "tracer.export",
    "tracer.reading",
    "tracer",
    "tracer.machine",
)
#: The core, from the top down: a module imports only those below it.
CORE = [
    *(
        "manager",
        "watched",
        "node",
        "replies",
        "address",
        "keeper",
        "claims",
        "forms",
        "span",
        "lines",
        "malformed",
    ),
    *("trace_context", "clock", "views", "limits", "errors", "words", "version"),
]


class Imports(ast.NodeVisitor):
    """Collect the modules that a file imports.

    Args:
        package: the package that the file is in, which relative imports start from.
    """

    def __init__(self, package: str) -> None:
        #: Of the standard library and of others, by their top-level names.
        self.foreign: set[str] = set()
        #: Modules of this project, by their whole names; those for the type checker alone count too.
        self.own: set[str] = set()
        #: Those of them that are imported within a function.
        self.late: set[str] = set()
        self._package = package.split(".")
        self._depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    def visit_Import(self, node: ast.Import) -> None:
        self.foreign.update(alias.name.split(".")[0] for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        start = self._package[: len(self._package) + 1 - node.level] if node.level else []
        module = ".".join([*start, *filter(None, [node.module])])
        if module.split(".")[0] not in ("main", "tracer"):
            self.foreign.add(module.split(".")[0])
            return
        named = {f"{module}.{alias.name}" for alias in node.names} & set(MODULES)
        (self.late if self._depth else self.own).update(named or {module})


def modules() -> dict[str, str]:
    """Return the paths of `main.py` and of every module of the package, by their names."""
    found = {"main": os.path.join(TOP, "main.py")}
    for folder, _, names in os.walk(os.path.join(TOP, "tracer")):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                parts = os.path.relpath(path, TOP)[: -len(".py")].split(os.sep)
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@functools.lru_cache(None)
def imports() -> dict[str, Imports]:
    """Return what each module imports."""
    found = {}
    for name, path in MODULES.items():
        is_package = path.endswith("__init__.py")
        found[name] = Imports(name if is_package else name.rpartition(".")[0])
        with open(path, encoding="utf-8") as file:
            found[name].visit(ast.parse(file.read(), path))
    return found


def floor_of(name: str) -> str:
    """Return the floor that a module is on."""
    return max([floor for floor in FLOORS if name.startswith(floor)], key=len)


def is_of_core(name: str) -> bool:
    """Tell whether a module is one of the core's own."""
    return floor_of(name) == "tracer" and name not in FLOORS and name != "tracer.__main__"


class ImportTests(unittest.TestCase):
    """Read from the source."""

    def test_only_the_edge_touches_the_machine(self) -> None:
        """Time, randomness, files and streams are reached by the modules of the edge alone; the package asks for Python's version."""
        for name, found in imports().items():
            if not name.startswith(MAY_TOUCH_IT):
                with self.subTest(name):
                    self.assertEqual(found.foreign & MACHINE, {"sys"} if name == "tracer" else set())

    def test_standard_library_is_enough(self) -> None:
        """Nothing is imported but Python's own modules and the package."""
        known = getattr(sys, "stdlib_module_names", None)
        if known is None:
            self.skipTest("this Python does not list its own modules")
        for name, found in imports().items():
            with self.subTest(name):
                self.assertEqual(found.foreign - set(known) - {"__future__"}, set())

    def test_imports_form_no_cycle(self) -> None:
        """Every module can be put after all that it imports, for the type checker or within a function too."""
        waiting = {name: found.own | found.late for name, found in imports().items()}
        while ready := [name for name, own in waiting.items() if own.isdisjoint(waiting)]:
            for name in ready:
                del waiting[name]

        self.assertEqual(waiting, {})

    def test_imports_point_downwards(self) -> None:
        """A module imports those of its own floor and of lower ones alone; the core's lowest floor knows nothing of it."""
        for name, found in imports().items():
            if name != "tracer.__main__":
                with self.subTest(name):
                    place = FLOORS.index(floor_of(name))
                    above = {own for own in found.own | found.late if FLOORS.index(floor_of(own)) < place}
                    self.assertEqual(above, set())

    def test_core_s_imports_point_downwards(self) -> None:
        """A module of the core imports those below it alone, and nothing of the other floors."""
        found = imports()
        self.assertEqual({f"tracer.{name}" for name in CORE}, {name for name in found if is_of_core(name)})
        for place, name in enumerate(CORE):
            with self.subTest(name):
                below = {f"tracer.{lower}" for lower in CORE[place + 1 :]}
                self.assertLessEqual(found[f"tracer.{name}"].own | found[f"tracer.{name}"].late, below)


class StartTests(unittest.TestCase):
    """What a plain start loads."""

    def modules(self, statement: str, data: bytes = b"") -> set[str]:
        """Return the modules that a fresh interpreter, without site packages, has loaded after a statement."""
        code = f"import sys; {statement}; sys.stderr.write('\\n'.join(sys.modules))"
        process = subprocess.run(
            [sys.executable, "-S", "-c", code],
            input=data,
            capture_output=True,
            cwd=TOP,
            env=child_environment(),
            timeout=20,
        )
        self.assertEqual(process.returncode, 0, process.stderr)
        return set(process.stderr.decode().split())

    def test_plain_start_loads_nothing_slow(self) -> None:
        """Serving messages, refused ones too, without an option loads none of the slow modules."""
        lines = [{"type": "create_span", "name": "n"}, {"type": "nonsense"}, {"type": "get_span", "span_id": "span1"}]
        data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        loaded = self.modules("import main; main.main([])", data) - self.modules("pass")

        self.assertIn("tracer.node", loaded)
        # On Windows a thread reads the input.
        self.assertEqual({name.split(".")[0] for name in loaded} & SLOW, {"threading"} if ON_WINDOWS else set())
        self.assertEqual([name for name in loaded if name.startswith(OPTIONAL)], [])

    def test_option_loads_what_it_needs(self) -> None:
        """What only an option or a malformed line needs is loaded for it, and for no other."""
        for arguments, data, needed in [
            (["--export", os.devnull], b"", "tracer.export"),
            (["--timeline"], b"", "tracer.picture"),
            ([], b"malformed\n", "tracer.malformed"),
        ]:
            with self.subTest(needed):
                loaded = self.modules(f"import main; main.main({arguments})", data)

                self.assertEqual({name for name in OPTIONAL if name in loaded}, {needed})

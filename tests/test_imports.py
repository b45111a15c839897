"""The arrows between the modules: who may touch the machine, no cycles, nothing slow or foreign at a plain start."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import unittest

from tests.helpers import TOP, child_environment

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
MAY_TOUCH_IT = {
    *("main.py", "clock.py", "trace_context.py", "complaints.py", "streams.py", "options.py"),
    *("otlp.py", "exporter.py", "timeline.py", "pen.py"),
}
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
#: Loaded only where an option asks for it.
OPTIONAL = {"tracer.otlp", "tracer.exporter", "tracer.timeline", "tracer.pen"}


def sources() -> dict[str, ast.Module]:
    """Return the syntax trees of `main.py` and of every module of the package, by file name."""
    package = os.path.join(TOP, "tracer")
    paths = [os.path.join(TOP, "main.py")]
    paths += [os.path.join(package, name) for name in sorted(os.listdir(package)) if name.endswith(".py")]
    trees = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            trees[os.path.basename(path)] = ast.parse(file.read(), path)
    return trees


class Imports(ast.NodeVisitor):
    """Collect the modules that a file imports at run time: those for the type checker alone do not count."""

    def __init__(self) -> None:
        #: Top-level names of absolute imports, at any depth of the code.
        self.absolute: set[str] = set()
        #: Modules of the package that are imported as this file is, by file name.
        self.own: set[str] = set()
        self._depth = 0

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    def visit_Import(self, node: ast.Import) -> None:
        self.absolute.update(alias.name.split(".")[0] for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level == 0:
            self.absolute.add((node.module or "").split(".")[0])
        elif self._depth == 0:
            modules = [alias.name for alias in node.names] if node.module is None else [node.module]
            self.own.update(f"{module}.py" for module in modules)


def imports() -> dict[str, Imports]:
    """Return what each file imports."""
    found = {}
    for name, tree in sources().items():
        found[name] = Imports()
        found[name].visit(tree)
    return found


class ImportTests(unittest.TestCase):
    """Read from the source."""

    def test_only_the_edge_touches_the_machine(self) -> None:
        """Time, randomness, files and streams are reached by the files of the edge alone."""
        for name, found in imports().items():
            if name not in MAY_TOUCH_IT:
                with self.subTest(name):
                    self.assertEqual(found.absolute & MACHINE, set())

    def test_standard_library_is_enough(self) -> None:
        """Nothing is imported but Python's own modules and the package."""
        known = getattr(sys, "stdlib_module_names", None)
        if known is None:
            self.skipTest("this Python does not list its own modules")
        for name, found in imports().items():
            with self.subTest(name):
                self.assertEqual(found.absolute - set(known) - {"tracer", "__future__"}, set())

    def test_imports_form_no_cycle(self) -> None:
        """Every module can be put after all that it imports."""
        waiting = {name: found.own for name, found in imports().items() if name not in ("main.py", "__init__.py")}
        while ready := [name for name, own in waiting.items() if own.isdisjoint(waiting)]:
            for name in ready:
                del waiting[name]

        self.assertEqual(waiting, {})

    def test_errors_import_nothing_of_the_package(self) -> None:
        """Everything may import the errors, so they import nothing."""
        self.assertEqual(imports()["errors.py"].own, set())


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
        self.assertEqual({name.split(".")[0] for name in loaded} & SLOW, set())
        self.assertEqual(loaded & OPTIONAL, set())

"""`python -m tracer` in a checkout: what `main.py` beside the package is, which takes this file's place in a wheel."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from main import main as main

# Not an import: a module of that name may be somebody else's.
_PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "main.py")
with open(_PATH, "rb") as _file:
    exec(compile(_file.read(), _PATH, "exec"))  # noqa: S102 - our own file

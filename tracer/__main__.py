"""`python -m tracer` in a checkout: `main.py` beside the package, which takes this file's place in a wheel."""

from main import run

if __name__ == "__main__":
    run()

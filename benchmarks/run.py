"""Runs the benchmarks: `python benchmarks/run.py [NAME ...]`, or `--list` to see what each takes.

A benchmark is a script of this folder whose docstring has a line `Takes: TIME`. One whose line
begins with `FOLDER;` needs data of yours: it is left out here, and run by itself with the folder.
"""

import argparse
import ast
import re
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def scripts() -> list[Path]:
    """Every benchmark: paths of the scripts of this folder that can be run by themselves, by name."""
    return [
        path
        for path in sorted(FOLDER.glob("*.py"))
        if path.name != "run.py" and 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
    ]


def shows(script: Path) -> str:
    """First line of the docstring of a benchmark, which says what it shows."""
    return _docstring(script).partition("\n")[0]


def takes(script: Path) -> str:
    """The rest of the line `Takes: ...` in the docstring of a benchmark; empty when there is none."""
    found = re.search(r"^Takes: (.+)$", _docstring(script), re.MULTILINE)
    return found[1] if found else ""


def needs_folder(script: Path) -> bool:
    """True where a benchmark needs data that the user names: its line `Takes:` begins with `FOLDER;`."""
    return takes(script).startswith("FOLDER;")


def _docstring(script: Path) -> str:
    return ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""


def main() -> int:
    """List or run the benchmarks; each one's own output is the result. 1 where one failed, else 0."""
    known = {script.stem: script for script in scripts()}
    parser = argparse.ArgumentParser(description="Run the benchmarks, one after the other.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(known)}; default: all")
    parser.add_argument("--list", action="store_true", help="say what each shows and takes, run nothing")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(known):
        parser.error(f"unknown benchmark {', '.join(sorted(unknown))}; known are {', '.join(known)}")

    chosen = {name: known[name] for name in arguments.names or known}
    for name, script in chosen.items():
        print(f"{name}: {shows(script)}\n    takes {takes(script)}", flush=True)
    if arguments.list:
        return 0
    failed = []
    for name, script in chosen.items():
        print(f"\n== {name}", flush=True)
        if needs_folder(script):
            print(f"left out; run it with your data: python benchmarks/{script.name} FOLDER", flush=True)
            continue
        started = time.monotonic()
        if subprocess.run([sys.executable, script], check=False).returncode != 0:
            failed.append(name)
        print(f"== {name}: {time.monotonic() - started:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs the benchmarks: `python benchmarks/run.py [NAME ...]`, or `--list` to see what each takes.

A benchmark is a script of this folder whose docstring has a line `Takes: TIME`. One whose line
begins with `FOLDER;` needs data of yours: it is left out here, and run by itself.
"""

import argparse
import ast
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent


class Benchmark(NamedTuple):
    """A script, what it shows (the first line of its docstring) and what it takes."""

    path: Path
    shows: str
    takes: str

    @property
    def needs_more(self) -> bool:
        return self.takes.startswith("FOLDER;")


def benchmarks() -> dict[str, Benchmark]:
    """Scripts of this folder that can be run by themselves, by name."""
    found = {}
    for path in sorted(FOLDER.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path.name != "run.py" and 'if __name__ == "__main__":' in text:
            words = ast.get_docstring(ast.parse(text)) or ""
            takes = re.search(r"^Takes: (.+)$", words, re.MULTILINE)
            found[path.stem] = Benchmark(path, words.partition("\n")[0], takes[1] if takes else "")
    return found


def main() -> int:
    """List or run the benchmarks; each one's own output is the result. 1 where one failed, else 0."""
    known = benchmarks()
    parser = argparse.ArgumentParser(description="Run the benchmarks, one after the other.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(known)}; default: all")
    parser.add_argument("--list", action="store_true", help="say what each shows and takes, run nothing")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(known):
        parser.error(f"unknown benchmark {', '.join(sorted(unknown))}; known are {', '.join(known)}")

    chosen = {name: known[name] for name in arguments.names or known}
    for name, each in chosen.items():
        print(f"{name}: {each.shows}\n    takes {each.takes}", flush=True)
    if arguments.list:
        return 0
    failed = []
    for name, each in chosen.items():
        print(f"\n== {name}", flush=True)
        if each.needs_more:
            print(f"left out; run it by itself: python benchmarks/{each.path.name}", flush=True)
            continue
        started = time.monotonic()
        if subprocess.run([sys.executable, each.path], check=False).returncode != 0:
            failed.append(name)
        print(f"== {name}: {time.monotonic() - started:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

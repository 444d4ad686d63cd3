"""Change the source in one place at a time and see whether a test fails: what survives, no test notices.

    python tools/mutants.py evaluation arithmetic           # every change in these rooms
    python tools/mutants.py evaluation --share 0.05         # every twentieth
    python tools/mutants.py data/splitting strict --seed 3 --workers 1

A change turns a comparison, an operator or a condition round, changes a number, exchanges two arguments or
leaves out one that has a name. For each, the tests of the room that call the changed function run, the
fastest first, until one fails. Changes that alter nothing are listed in `tests/mutants.md` with the reason,
and do not count. Exit 1 where fewer than 95 % of the rest are noticed.
"""

import argparse
import ast
import copy
import importlib.machinery
import json
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "pellucid"
TESTS = ROOT / "tests"
ACCEPTED = TESTS / "mutants.md"
LEAST_SHARE = 0.95
# Seconds that the tests of one change may take, beside a multiple of what they take unchanged.
GRACE, TIMES = 20, 5

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any", "argmax": "argmin", "argmin": "argmax"}


class Change(NamedTuple):
    """One place of a module, and how it is changed there."""

    path: Path
    function: str  # qualified name; empty at the level of the module
    first_line: int  # of the function, as its code has it
    line: int
    number: int  # among all changes of the module
    before: str
    after: str
    repeated: int  # how often the function has the same change before this one

    @property
    def key(self) -> str:
        """Its name in the list of changes that alter nothing; it stays where lines move."""
        place = f"{self.path.relative_to(SOURCE)} {self.function}".strip()
        times = f" #{self.repeated + 1}" if self.repeated else ""
        return f"{place}: `{self.before}` → `{self.after}`{times}".replace("|", "\\|")


def of_comparison(node: ast.Compare) -> Iterator[ast.AST]:
    """The same with one of its signs turned."""
    for at, operator in enumerate(node.ops):
        if (other := COMPARISONS.get(type(operator))) is not None:
            yield ast.Compare(node.left, [*node.ops[:at], other(), *node.ops[at + 1 :]], node.comparators)


def of_operation(node: ast.BinOp) -> Iterator[ast.AST]:
    """The same with another sign."""
    if (other := OPERATORS.get(type(node.op))) is not None:
        yield ast.BinOp(node.left, other(), node.right)


def of_condition(node: ast.If | ast.IfExp | ast.While) -> Iterator[ast.AST]:
    """The same where the condition does not hold."""
    changed = copy.copy(node)
    changed.test = ast.UnaryOp(ast.Not(), node.test)
    yield changed


def of_constant(node: ast.Constant) -> Iterator[ast.AST]:
    """Another number."""
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)


def of_call(node: ast.Call) -> Iterator[ast.AST]:
    """The same with the first two arguments exchanged, or without one that has a name."""
    if len(node.args) > 1 and not any(isinstance(each, ast.Starred) for each in node.args[:2]):
        yield ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
    for at, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            yield ast.Call(node.func, node.args, node.keywords[:at] + node.keywords[at + 1 :])


def of_name(node: ast.Name | ast.Attribute) -> Iterator[ast.AST]:
    """The opposite of what it names."""
    if isinstance(node, ast.Name) and node.id in OPPOSITES:
        yield ast.Name(OPPOSITES[node.id], node.ctx)
    elif isinstance(node, ast.Attribute) and node.attr in OPPOSITES:
        yield ast.Attribute(node.value, OPPOSITES[node.attr], node.ctx)


# By the type of a node: what may take its place.
ALTERNATIVES: dict[type[ast.AST], Callable[[Any], Iterator[ast.AST]]] = {
    ast.Compare: of_comparison,
    ast.BinOp: of_operation,
    ast.BoolOp: lambda node: iter(
        [ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)]
    ),
    ast.UnaryOp: lambda node: iter([node.operand]),
    ast.If: of_condition,
    ast.IfExp: of_condition,
    ast.While: of_condition,
    ast.Constant: of_constant,
    ast.Call: of_call,
    ast.Name: of_name,
    ast.Attribute: of_name,
}


class Changer(ast.NodeVisitor):
    """Goes over a module in a fixed order; notes every change, or makes the one of a number."""

    def __init__(self, path: Path, wanted: int | None = None) -> None:
        self.path, self.wanted = path, wanted
        self.changes: list[Change] = []
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._functions: list[tuple[str, int]] = []

    def visit(self, node: ast.AST) -> None:
        """Look at a node and what it consists of; types, messages and docstrings stay."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            is_function = not isinstance(node, ast.ClassDef)
            lines = [each.lineno for each in node.decorator_list]
            self._functions.append((node.name, min([node.lineno, *lines]) if is_function else 0))
            for part in [*node.body, *(node.args.defaults + node.args.kw_defaults if is_function else [])]:
                if part is not None:
                    self._within(node, part)
            self._functions.pop()
            return
        if isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self._within(node, node.value)
            return
        if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Assert):
            return
        for part in ast.iter_child_nodes(node):
            self._within(node, part)

    def _within(self, parent: ast.AST, node: ast.AST) -> None:
        for other in ALTERNATIVES.get(type(node), lambda _: ())(node):
            function = ".".join(name for name, _ in self._functions)
            first = next((line for _, line in reversed(self._functions) if line), 0)
            before, after = shown(node), shown(other)
            repeated = self._seen[function, before, after]
            self._seen[function, before, after] += 1
            change = Change(
                self.path, function, first, node.lineno, len(self.changes), before, after, repeated
            )
            if change.number == self.wanted:
                replace(parent, node, ast.fix_missing_locations(ast.copy_location(other, node)))
            self.changes.append(change)
        self.visit(node)


def shown(node: ast.AST) -> str:
    """The code of a node on one line; of a statement its condition."""
    text = ast.unparse(node.test if isinstance(node, ast.If | ast.While) else node)
    return " ".join(text.split())


def replace(parent: ast.AST, node: ast.AST, other: ast.AST) -> None:
    """Put another node where one is."""
    for name, value in ast.iter_fields(parent):
        if value is node:
            setattr(parent, name, other)
        elif isinstance(value, list):
            value[:] = [other if each is node else each for each in value]
        elif isinstance(value, ast.arguments):
            replace(value, node, other)


def changes_of(path: Path) -> list[Change]:
    """Every change of a module."""
    changer = Changer(path)
    changer.visit(ast.parse(path.read_text(encoding="utf-8")))
    return changer.changes


def install(change: Change) -> None:
    """From now on the module of a change is imported with it."""
    tree = ast.parse(change.path.read_text(encoding="utf-8"))
    Changer(change.path, change.number).visit(tree)
    code = compile(tree, str(change.path), "exec")
    loader: Any = importlib.machinery.SourceFileLoader
    as_it_was = loader.get_code
    loader.get_code = lambda self, name: code if self.path == str(change.path) else as_it_was(self, name)


# Running tests, each time in a process of its own that has imported nothing of ours yet.


class Calls:
    """A plugin of pytest that notes which functions of the room each test calls, and how long it takes."""

    def __init__(self, paths: frozenset[str]) -> None:
        self.paths = paths
        self.tests: dict[str, dict[str, Any]] = {}
        self._called: set[tuple[str, int]] = set()

    def _note(self, frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename in self.paths:
            self._called.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    def pytest_runtest_logstart(self) -> None:
        """Begin before the fixtures, which call functions too."""
        self._called.clear()
        sys.setprofile(self._note)
        threading.setprofile(self._note)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep what a test called up to here; fixtures of a file count for the test that made them."""
        found = self.tests.setdefault(report.nodeid, {"seconds": 0.0, "calls": set(), "failed": False})
        found["seconds"] += report.duration
        found["calls"] |= self._called
        found["failed"] |= report.failed


def run_tests(arguments: Sequence[str], plugins: Sequence[object] = ()) -> int:
    """Run pytest here, without a word."""
    import pytest

    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    os.chdir(ROOT)
    return int(
        pytest.main(
            ["-qx", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning", *arguments],
            plugins=list(plugins),
        )
    )


def in_child(work: Any, seconds: float = 0) -> int:
    """Start a process that does some work and ends with what it returns; its number."""
    child = os.fork()
    if child:
        return child
    code = 3
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(seconds))
        code = work()
    finally:
        os._exit(code)


def measured(paths: Sequence[Path], tests: Sequence[str], folder: Path) -> dict[str, dict[str, Any]]:
    """What each test calls and how long it takes.

    Raises: `SystemExit` if one fails without any change.
    """
    record = folder / "calls.json"

    def work() -> int:
        calls = Calls(frozenset(map(str, paths)))
        code = run_tests(tests, [calls])
        sys.setprofile(None)
        content = {name: {**each, "calls": sorted(each["calls"])} for name, each in calls.tests.items()}
        record.write_text(json.dumps(content))
        return code

    _, status = os.waitpid(in_child(work), 0)
    found: dict[str, dict[str, Any]] = json.loads(record.read_text()) if record.exists() else {}
    failed = [name for name, each in found.items() if each["failed"]]
    if status or failed:
        raise SystemExit(f"the tests fail without any change: {', '.join(failed) or tests}")
    return found


def tests_of(change: Change, found: dict[str, dict[str, Any]]) -> list[str]:
    """The tests that call the function of a change, the fastest first; of a module's own lines all."""
    place = [str(change.path), change.first_line]
    names = [name for name, each in found.items() if not change.first_line or place in each["calls"]]
    return sorted(names, key=lambda name: found[name]["seconds"])


def survivors_of(
    changes: Sequence[Change], found: dict[str, dict[str, Any]], workers: int
) -> Iterator[tuple[Change, str]]:
    """Each change with `noticed`, `survived` or `never called`, as they end."""
    running: dict[int, Change] = {}

    def ended() -> tuple[Change, str]:
        child, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        return running.pop(child), "survived" if code == 0 else "noticed"

    for change in changes:
        names = tests_of(change, found)
        if not names:
            yield change, "never called"
            continue
        while len(running) >= workers:
            yield ended()
        seconds = GRACE + TIMES * sum(found[name]["seconds"] for name in names)

        def work(change: Change = change, names: Sequence[str] = names) -> int:
            install(change)
            return run_tests(names)

        running[in_child(work, seconds)] = change
    while running:
        yield ended()


def accepted() -> dict[str, str]:
    """Changes that may survive, with the reason."""
    if not ACCEPTED.exists():
        return {}
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", ACCEPTED.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(rows)


def modules_and_tests(rooms: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Modules of rooms (`evaluation`, `data/splitting`, `strict`) and the tests that mirror them."""
    modules: list[Path] = []
    tests: list[str] = []
    for room in rooms:
        place, folder = SOURCE / room, TESTS / room
        modules += sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        mirrored = [folder] if folder.is_dir() else sorted(folder.parent.glob(f"test_{folder.name}*.py"))
        if not modules[-1].is_file() or not mirrored:
            raise SystemExit(f"{room}: no such room, or no tests that mirror it")
        tests += map(str, mirrored)
    return modules, tests


def main() -> int:
    """Make changes, run tests, and print what survived."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rooms", nargs="+", metavar="ROOM")
    parser.add_argument("--share", type=float, default=1.0, help="share of the changes that is tried")
    parser.add_argument("--seed", type=int, default=0, help="which of them")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    sys.path[:0] = [str(ROOT / "src"), str(TESTS), str(ROOT / "tools")]
    for name in ("scipy.stats", "sklearn.linear_model", "hypothesis", "jaxtyping", "pytest", "PIL.Image"):
        __import__(name)  # once, and not in every child
    modules, tests = modules_and_tests(given.rooms)
    every = [change for path in modules for change in changes_of(path)]
    may_live = accepted()
    counting = [change for change in every if change.key not in may_live]
    tried = random.Random(given.seed).sample(counting, round(given.share * len(counting)))
    print(f"{len(every):,} changes of {len(modules)} modules; {len(every) - len(counting)} accepted; "
          f"{len(tried):,} are tried", flush=True)  # fmt: skip
    counts = {"noticed": 0, "survived": 0, "never called": 0}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(modules, tests, Path(folder))
        for change, outcome in survivors_of(tried, found, given.workers):
            counts[outcome] += 1
            if outcome != "noticed":
                print(f"{outcome}: {change.key} (line {change.line})", flush=True)
    share = counts["noticed"] / max(1, len(tried))
    print(f"noticed {counts['noticed']:,} of {len(tried):,} ({share:.1%}); survived {counts['survived']:,}, "
          f"never called {counts['never called']:,}; {time.monotonic() - began:.0f} s")  # fmt: skip
    return int(share < LEAST_SHARE)


if __name__ == "__main__":
    sys.exit(main())

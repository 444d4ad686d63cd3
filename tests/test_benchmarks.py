"""Programs that benchmarks run in processes of their own still find what they put a stopwatch to."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import write_reference

BENCHMARKS = write_reference.ROOT / "benchmarks"


def _driver(path: Path) -> str:
    """Text of the constant `DRIVER` of a benchmark."""
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "DRIVER":
            return str(ast.literal_eval(statement.value))
    raise LookupError(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["honest_answer", "starting"])
def test_a_driver_finds_what_it_times(name: str, tmp_path: Path) -> None:
    clock = [str(tmp_path / "seconds.json")] if name == "honest_answer" else []
    done = subprocess.run(
        [sys.executable, "-c", _driver(BENCHMARKS / f"{name}.py"), *clock, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "usage: pellucid" in done.stdout

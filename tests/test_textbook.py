"""The textbook says what its records say, and every experiment of it runs."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import write_reference

ROOT = write_reference.ROOT
EXAMPLES = ROOT / "examples"
PAGE = (ROOT / "docs" / "textbook.md").read_text(encoding="utf-8")
TINY = ("--examples", "150", "--seeds", "1", "--folds", "2", "--epochs", "1")
EXPERIMENTS = sorted(path.stem for path in (ROOT / "docs" / "textbook").glob("*.json"))


def ran(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A script of the examples, in a process of its own."""
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def docstring(name: str) -> str:
    return ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))) or ""


def records_of(folder: Path) -> dict[str, dict[str, object]]:
    """Run every experiment on next to nothing, and read what they wrote."""
    done = ran("run_all.py", *TINY, "--out", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in (folder / "docs" / "textbook").glob("*.json")
    }


def test_there_are_experiments() -> None:
    assert len(EXPERIMENTS) >= 12


@pytest.mark.slow
def test_figures_and_plots_are_those_of_the_records() -> None:
    done = ran("page.py", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_states_its_claim_and_what_it_takes(name: str) -> None:
    record = json.loads((ROOT / "docs" / "textbook" / f"{name}.json").read_text(encoding="utf-8"))
    assert docstring(name).splitlines()[0] == record["claim"]
    assert "\nTakes: " in docstring(name)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_page_has_a_verdict_on_every_experiment(name: str) -> None:
    section = PAGE[: PAGE.index(f"<!-- {name}: start -->")].rpartition("\n## ")[2]
    after = PAGE[PAGE.index(f"<!-- {name}: end -->") :].partition("\n## ")[0]
    assert section
    assert "**Verdict:" in after


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_summary_links_every_claim_to_its_section(name: str) -> None:
    summary = PAGE[PAGE.index("<!-- summary: start -->") : PAGE.index("<!-- summary: end -->")]
    heading = PAGE[: PAGE.index(f"<!-- {name}: start -->")].rpartition("\n## ")[2].partition("\n")[0]
    anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    claim = docstring(name).splitlines()[0]
    (row,) = (line for line in summary.splitlines() if f"[{claim}](#{anchor})" in line)
    holds, number = (cell.strip() for cell in row.strip("|").split("|")[1:])
    assert re.match("yes|no|partly|inconclusive|.*: (yes|no|inconclusive)", holds), row
    assert re.search(r"\d", number), row


@pytest.mark.slow
def test_every_experiment_runs(tmp_path: Path) -> None:
    records = records_of(tmp_path)
    assert sorted(records) == EXPERIMENTS
    for name, record in records.items():
        assert record["claim"] == docstring(name).splitlines()[0]
        assert (tmp_path / "docs" / "images" / "textbook" / f"{name}.svg").read_text().startswith("<svg")


def test_an_unknown_experiment_is_refused() -> None:
    done = ran("run_all.py", "nothing")
    assert done.returncode == 2
    assert "unknown nothing" in done.stderr

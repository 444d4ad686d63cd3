"""The run that executes every shape is part of what CI runs, and fails where one is not executed."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from jaxtyping import Float, TypeCheckError, jaxtyped
from write_reference import ROOT

import executed_types

Vector = Float[np.ndarray, " size"]


def recipe_of(target: str) -> str:
    """The commands of a target of the Makefile."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found is not None, target
    return found[1]


def test_ci_checks_types_and_shapes_of_every_call() -> None:
    assert re.search(r"^make test-all$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert re.search(r"^\t\$\(MAKE\) test-types$", recipe_of("test-all"), re.MULTILINE)
    # Each test is in one of the two runs.
    assert '-m "" ' in recipe_of("test-all")
    assert "--but-for tests/executed_types.txt\n" in recipe_of("test-all")
    recipe = recipe_of("test-types")
    assert "--jaxtyping-packages=pellucid,executed_types.check --every-shape" in recipe
    assert '-m ""' in recipe  # the slow ones too
    assert "@tests/executed_types.txt" in recipe


def test_every_test_of_that_run_is_there() -> None:
    lines = (ROOT / "tests" / "executed_types.txt").read_text().splitlines()
    assert len(lines) > 10
    assert [line for line in lines if not (ROOT / line.partition("::")[0]).exists()] == []


def test_a_call_is_checked_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executed_types, "declared", set())
    monkeypatch.setattr(executed_types, "executed", set())

    @jaxtyped(typechecker=executed_types.check)
    def added(
        first: Float[np.ndarray, " size"], second: Float[np.ndarray, " size"]
    ) -> Float[np.ndarray, " size"]:
        return first + second

    @jaxtyped(typechecker=executed_types.check)
    def plain(number: float) -> float:
        return number

    (name,) = executed_types.declared
    assert name.endswith("added")
    assert plain(1) == 1
    assert executed_types.executed == set()
    added(np.ones(2), np.ones(2))
    assert executed_types.executed == {name}
    with pytest.raises(TypeCheckError):
        added(np.ones(2), np.ones(3))
    with pytest.raises(TypeCheckError):
        plain("1")


@pytest.mark.parametrize("missing", [[], ["pellucid.some:function"]])
def test_a_shape_that_no_worker_executed_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, missing: list[str]
) -> None:
    monkeypatch.setattr(executed_types, "executed", {"here"})
    monkeypatch.setattr(executed_types, "to_be_executed", lambda: {"here", *missing})
    worker = SimpleNamespace(config=SimpleNamespace(workeroutput={}), exitstatus=0)
    executed_types.EveryShape().pytest_sessionfinish(worker)
    assert worker.config.workeroutput == {"wanted": sorted({"here", *missing}), "executed": ["here"]}
    monkeypatch.setattr(executed_types, "executed", set())
    controller = executed_types.EveryShape()
    controller.pytest_testnodedown(SimpleNamespace(workeroutput=worker.config.workeroutput))
    controller.pytest_testnodedown(SimpleNamespace(workeroutput={"wanted": ["there"], "executed": ["there"]}))
    session = SimpleNamespace(config=SimpleNamespace(), exitstatus=0)
    controller.pytest_sessionfinish(session)
    assert controller.missing == missing
    assert session.exitstatus == bool(missing)


def test_without_workers_the_process_itself_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executed_types, "executed", {"here"})
    monkeypatch.setattr(executed_types, "to_be_executed", lambda: {"here", "nowhere"})
    alone = executed_types.EveryShape()
    alone.pytest_sessionfinish(SimpleNamespace(config=SimpleNamespace(), exitstatus=0))
    assert alone.missing == ["nowhere"]


def test_a_function_of_a_protocol_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        executed_types, "declared", {"pellucid.reports.facts:Check.to_json", "pellucid.safety.files:nothing"}
    )
    assert executed_types.to_be_executed() == {"pellucid.safety.files:nothing"}

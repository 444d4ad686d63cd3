"""The type checker that jaxtyping's pytest hook puts around every function of Pellucid.

As for mypy, an `int` is welcome where a `float` is declared. Which functions with a shape there are, and
which of them were called, is kept: `make test-types` fails where one was never executed.
"""

import functools
import importlib
import pkgutil
import sys
import typing
from collections.abc import Callable
from typing import Any

import pytest
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray

with_types = beartype(conf=BeartypeConf(is_pep484_tower=True))
declared: set[str] = set()
executed: set[str] = set()


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check every call's types, and remember the calls of a function with a shape.

    The checks of a function are made when it is first called, since most never are.
    """
    name = f"{function.__module__}:{function.__qualname__}"
    shaped = any(map(has_shape, getattr(function, "__annotations__", {}).values()))
    if shaped:
        declared.add(name)
    checked: Callable[..., Any] | None = None

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        nonlocal checked
        if checked is None:
            checked = with_types(function)
            if shaped:
                executed.add(name)
        return checked(*arguments, **named)

    return called


def has_shape(annotation: Any) -> bool:
    """Tell whether an annotation holds a shape somewhere."""
    if isinstance(annotation, type) and issubclass(annotation, AbstractArray):
        return True
    return any(map(has_shape, typing.get_args(annotation)))


def to_be_executed() -> set[str]:
    """Name the functions with a shape, in whatever module of Pellucid they stand."""
    import pellucid

    for module in pkgutil.walk_packages(pellucid.__path__, "pellucid."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return {name for name in declared if not _only_demands(name)}


def _only_demands(name: str) -> bool:
    """Tell whether a function only says what other classes must have: it is abstract, or a protocol's."""
    module, _, path = name.partition(":")
    owner, _, method = path.rpartition(".")
    found = vars(sys.modules[module]).get(owner)
    if not isinstance(found, type):
        return False
    is_abstract = getattr(vars(found).get(method), "__isabstractmethod__", False)
    return bool(is_abstract or getattr(found, "_is_protocol", False))


class EveryShape:
    """Fails a run in which a function with a shape was never executed, in whatever worker."""

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self.called: set[str] = set()
        self.missing: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker knows of and executed."""
        told = getattr(node, "workeroutput", {})
        self.wanted.update(told.get("wanted", ()))
        self.called.update(told.get("executed", ()))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand over to the controller what there is and what a worker executed; it looks for what is missing.

        Only where tests run is everything imported, which takes seconds with checks around every function.
        """
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["wanted"] = sorted(to_be_executed())
            session.config.workeroutput["executed"] = sorted(executed)
            return
        self.wanted = self.wanted or to_be_executed()
        self.missing = sorted(self.wanted - self.called - executed)
        if self.missing and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Name what is missing."""
        terminalreporter.write_line(
            f"{len(self.wanted)} functions with a shape, {len(self.missing)} never executed"
        )
        for name in self.missing:
            terminalreporter.write_line(f"NEVER EXECUTED {name}")

"""`pellucid.__all__` is honest: what it names exists, and what mypy sees is what users get."""

import ast
import inspect
import pkgutil
import tomllib
from importlib import import_module
from importlib.metadata import version
from types import ModuleType

import pytest
import write_reference

import pellucid
import pellucid.errors


def names_for_type_checkers(package: ModuleType = pellucid) -> dict[str, str]:
    """Name to module, as the TYPE_CHECKING block of a package imports them."""
    tree = ast.parse(inspect.getsource(package))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.name: str(statement.module)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


@pytest.mark.parametrize("name", pellucid.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert getattr(pellucid, name) is not None
    assert name in dir(pellucid)


def test_no_public_name_is_repeated() -> None:
    assert len(set(pellucid.__all__)) == len(pellucid.__all__)


def test_type_checkers_see_the_same_objects() -> None:
    seen = names_for_type_checkers()
    assert {*seen, "__version__"} == set(pellucid.__all__)
    for name, module in seen.items():
        assert getattr(pellucid, name) is getattr(import_module(module), name)


def test_every_error_is_public() -> None:
    errors = {
        name
        for name, value in vars(pellucid.errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }
    assert errors <= set(pellucid.__all__)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="module 'pellucid' has no attribute 'ImageClasifier'"):
        _ = pellucid.ImageClasifier


def test_version_is_the_installed_one() -> None:
    assert version("pellucid") == pellucid.__version__
    project = tomllib.loads((write_reference.ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"]


def test_errors_are_also_the_fitting_builtins() -> None:
    expected = {
        "UsageError": (2, ValueError),
        "ArgumentError": (2, TypeError),
        "DataError": (3, ValueError),
        "ModelFileError": (4, ValueError),
        "StorageError": (5, OSError),
        "RunLockedError": (5, OSError),
        "ChangedFileError": (5, OSError),
        "DivergedError": (6, ArithmeticError),
    }
    for name, (exit_code, builtin) in expected.items():
        error = getattr(pellucid, name)("photos/: is empty; add images")
        assert isinstance(error, pellucid.PellucidError)
        assert isinstance(error, builtin)
        assert error.exit_code == exit_code
        assert str(error) == "photos/: is empty; add images"


@pytest.mark.parametrize(("signal_number", "exit_code"), [(2, 130), (15, 143)])
def test_interruption_ends_with_the_signals_code(signal_number: int, exit_code: int) -> None:
    assert pellucid.InterruptedRun("stopped", signal_number).exit_code == exit_code


@pytest.mark.parametrize("room", ["bundle", "data", "encoding", "evaluation"])
def test_rooms_that_load_on_first_use_tell_type_checkers_the_same(room: str) -> None:
    package = import_module(f"pellucid.{room}")
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert not modules & set(package.__all__)  # a module, once imported, would stand in the name's place
    seen = names_for_type_checkers(package)
    assert set(seen) == set(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is getattr(import_module(seen[name]), name)
    with pytest.raises(AttributeError, match=f"module 'pellucid.{room}' has no attribute 'no_such_name'"):
        package.no_such_name  # noqa: B018

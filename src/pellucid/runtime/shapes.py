"""Stand-in for jaxtyping where it is not installed: signatures name shapes, which only tests execute."""

import importlib.util
import sys
from types import ModuleType
from typing import Any

_NAME = "jaxtyping"


class _Kind(type):
    """Kind of numbers; `Kind[array, shape]` is the type of the array."""

    def __getitem__(cls, item: tuple[Any, str]) -> Any:
        return item[0]


class _Shapes(ModuleType):
    """Module in which every public name is a kind of numbers."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Kind(name, (), {})


def stand_in_for_jaxtyping() -> None:
    """Let `from jaxtyping import Float` work without jaxtyping; nothing is done where it is installed."""
    if _NAME not in sys.modules and importlib.util.find_spec(_NAME) is None:
        sys.modules[_NAME] = _Shapes(_NAME)

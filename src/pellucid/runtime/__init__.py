"""Answers of exported models, with onnxruntime, NumPy and Pillow alone.

    from pellucid.runtime import load

    model = load("model.onnx")
    model.predict(["one.jpg", "two.jpg"])

Images and texts are made ready by the code that training uses; nothing here imports torch or scikit-learn.
On the command line: `python -m pellucid.runtime model.onnx INPUT...`.
"""

import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.runtime.exported import ExportedModel, load


__all__ = ["ExportedModel", "load"]


def __getattr__(name: str) -> Any:
    """Load a name on first use, once shapes in signatures can be read."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    stand_in_for_jaxtyping()
    from pellucid.runtime import exported

    return getattr(exported, name)


# Stand-in for jaxtyping where it is not installed: signatures name shapes, which only tests execute.

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

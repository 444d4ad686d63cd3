"""Answers of exported models, with onnxruntime, NumPy and Pillow alone.

    from pellucid.runtime import load

    model = load("model.onnx")
    model.predict(["one.jpg", "two.jpg"])

Images and texts are made ready by the code that training uses; nothing here imports torch or scikit-learn.
On the command line: `python -m pellucid.runtime model.onnx INPUT...`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.runtime.exported import ExportedModel
    from pellucid.runtime.opening import load

__all__ = ["ExportedModel", "load"]


def __getattr__(name: str) -> Any:
    """Load a name on first use, once shapes in signatures can be read."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pellucid.runtime.shapes import stand_in_for_jaxtyping

    stand_in_for_jaxtyping()
    from pellucid.runtime import exported, opening

    return getattr(opening if name == "load" else exported, name)

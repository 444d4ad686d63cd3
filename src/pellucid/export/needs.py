"""Needs of exports: what a plain installation lacks, and a single model."""

import importlib.util

from pellucid.bundle import AverageModel, Model
from pellucid.errors import UsageError

INSTALL = "pip install 'pellucid[export]'"
_NEEDED = ("onnx", "onnxscript", "onnxruntime")


def require_installed() -> None:
    """Refuse to start where something is missing; nothing is imported.

    Raises: `UsageError` naming what is missing and how to get it.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise UsageError(f"export: needs {', '.join(missing)}, which {verb} not installed; {INSTALL}")


def require_one_model(model: Model, name: str | None) -> None:
    """Refuse an average, of whose members each can be exported by itself; `name` is that of the model.

    Raises: `UsageError` naming the members.
    """
    if isinstance(model, AverageModel):
        members = " or ".join(f"--model {each.name}" for each in model.members)
        raise UsageError(
            f"export: {name or 'this model'} is an average of several models, and a file holds one; export a "
            f"member with {members}"
        )

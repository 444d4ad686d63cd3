"""Needs of exports: what a plain installation lacks."""

import importlib.util

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

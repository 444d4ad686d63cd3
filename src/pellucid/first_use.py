"""Public names of a room that are loaded on first use, so that who needs one does not wait for all."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def on_first_use(room: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], list[str]]:
    """The `__getattr__` and the `__all__` of a package whose names are in modules of it.

    A name once loaded is kept.

    Args:
        room: `__name__` of the package.
        homes: each module below it to its public names, with spaces between; no name may be that of a
            module of the package, which would take its place once it is imported.

    Returns:
        A function from a name to what it names, and the names.
    """
    modules = {name: f"{room}.{module}" for module, names in homes.items() for name in names.split()}

    def load(name: str) -> Any:
        """The object of a name, from its module; it is then kept as a plain attribute of the room."""
        if name not in modules:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        value = getattr(import_module(modules[name]), name)
        setattr(sys.modules[room], name, value)
        return value

    return load, sorted(modules)

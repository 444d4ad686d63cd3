"""The script of the explain page, joined from its files into one that knows no names outside itself."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

# Folders and files in the order in which they are joined: each imports only from those before it.
ROOMS = {
    # The document: its elements, controls and tables, and numbers as people read them.
    "dom": ("element", "controls", "tables", "numbers"),
    # What the page holds: the data document, and the numbers behind it as arrays.
    "data": ("missing", "arrays", "told", "stored", "tokens"),
    # One unit of any layer computed by hand, in double precision.
    "arithmetic": (
        *("values", "activations", "fields", "weighing", "windows", "shares"),
        *("opening", "attention", "sums", "pointwise", "passing", "cells"),
    ),
    "arithmetic/kinds": ("recurrent", "generating", "units"),
    # The gradient of one weight, by the chain rule and by running the network with the weight moved.
    "gradients": ("chains", "running", "attending", "runs", "difference", "three_ways"),
    # Numbers as colours, laid out and drawn into canvases.
    "drawing": ("colours", "scales", "layout", "paint", "thumbnail"),
    # What is shown of a unit, of a whole layer, and of the error flowing back.
    "views": ("actions",),
    "views/unit": ("products", "squares", "parts", "gates", "attention", "arithmetic"),
    "views/layer": ("steps", "winners", "words", "kernels"),
    "views/gradient": ("chain", "weight_tables", "weight", "backward"),
    # What a click or a key does, and the address that remembers the place.
    "page": (
        *("state", "address", "field", "maps", "layer", "unit"),
        *("tabs", "pinning", "strip", "drivers", "copying", "start"),
    ),
}

FOLDER = files("pellucid.reports.explain") / "script"

_IMPORT = re.compile(r'^import \{[^}]*\} from "[^"]*";\n', re.MULTILINE)
_TYPES = re.compile(r"^ */\*\*(?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export (?=async function |function |const )", re.MULTILINE)


@cache
def joined_script() -> str:
    """Return the whole script of the explain page."""
    return joined(modules_of(ROOMS, FOLDER))


def modules_of(rooms: Mapping[str, Sequence[str]], folder: Traversable) -> list[str]:
    """Texts of the modules of some rooms in a folder, in their order."""
    return [
        (folder / f"{room}/{name}.js").read_text(encoding="utf-8")
        for room, in_room in rooms.items()
        for name in in_room
    ]


def joined(modules: Iterable[str], *, waits: bool = False) -> str:
    """Join modules, each of which imports only from those before it, into one script.

    `waits` is true where a module has to wait for something before the next one may begin.

    The files are modules with types for those who change and check them. Without the words for that they
    share one function's names, so that one script with one checksum does for the page's policy.
    """
    parts = [_EXPORT.sub("", _TYPES.sub("", _IMPORT.sub("", module))) for module in modules]
    function = "async () =>" if waits else "() =>"
    return f'"use strict";\n({function} {{\n' + "\n".join(parts) + "})();\n"

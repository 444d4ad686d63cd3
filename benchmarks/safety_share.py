"""Share of a training's processor time that goes into not trusting files.

Times, while `train sample:fashion` runs with the defaults, every call of strict reading, of regular files,
of checksums, of the costs of answers and of the first questions to models, calls within such calls left
out; first with an empty cache of decoded images, then with a filled one, whose checksums are compared.
Reading itself and the save protocol's second look are in it, so the share is an upper bound.

Takes: about 5 minutes.
"""

import functools
import importlib
import inspect
import os
import pkgutil
import sys
import tempfile
import threading
import time
import types
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from measuring import command_line, heading, print_table, write_json

import pellucid

_WATCHED = (
    "pellucid.safety.strict",
    "pellucid.safety.files",
    "pellucid.safety.budgets",
    "pellucid.bundle.reading",
    "pellucid.networks.costs",
)
_INSIDE = threading.local()
SPENT: Counter[str] = Counter()
CALLS: Counter[str] = Counter()


def timed(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, its time added up under a name unless another one that is watched called it."""

    @functools.wraps(real)
    def call(*given: Any, **named: Any) -> Any:
        if getattr(_INSIDE, "depth", 0):
            return real(*given, **named)
        _INSIDE.depth = 1
        began = time.thread_time()
        try:
            return real(*given, **named)
        finally:
            _INSIDE.depth = 0
            SPENT[name] += time.thread_time() - began
            CALLS[name] += 1

    return call


def watch() -> None:
    """Put timed functions into the place of the watched ones, in every module that names them."""
    for found in pkgutil.walk_packages(pellucid.__path__, "pellucid."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    replaced: dict[int, Callable[..., Any]] = {}
    for place in _WATCHED:
        for name, value in vars(importlib.import_module(place)).items():
            is_generator = inspect.isgeneratorfunction(inspect.unwrap(value)) if callable(value) else True
            if isinstance(value, types.FunctionType) and value.__module__ == place and not is_generator:
                replaced[id(value)] = timed(f"{place.removeprefix('pellucid.')}.{name}", value)
    for name, module in list(sys.modules.items()):
        if name.startswith("pellucid"):
            for attribute, value in list(vars(module).items()):
                if id(value) in replaced:
                    setattr(module, attribute, replaced[id(value)])
    zlib.crc32 = timed("zlib.crc32", zlib.crc32)


def main() -> int:
    given = command_line(__doc__, data="sample:fashion", threads=1).parse_args()
    facts = heading("pellucid", "torch")
    watch()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        for cache in ("empty", "filled"):
            SPENT.clear()
            CALLS.clear()
            began = time.process_time()
            pellucid.train(given.data, out=f"{folder}/{cache}", threads=given.threads, quiet=True)
            used = time.process_time() - began
            spent = sum(SPENT.values())
            share = f"{100 * spent / used:.2f} %"
            most = ", ".join(f"{name} {1000 * each:.0f} ms" for name, each in SPENT.most_common(4))
            rows.append([cache, f"{used:.1f}", f"{spent:.3f}", share, str(CALLS.total()), most])
    print_table(["cache of images", "CPU seconds", "of these watched", "share", "calls", "most of it"], rows)
    write_json(given.json, {**facts, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())

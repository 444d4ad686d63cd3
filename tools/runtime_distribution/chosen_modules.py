"""Modules that answering exported models needs, found by following imports, for pellucid-runtime.

Its source archive contains them too, so that a wheel can be built from it without this repository. The wheel
holds them in a folder of its own, which a `.pth` file puts at the end of the path. So it shares no file with
the distribution `pellucid`: where both are installed `pellucid` is found first, and either can be removed
without harm to the other.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface as _Base
except ImportError:  # tests ask for the modules alone
    _Base = object

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCE = ROOT / "src"
FOLDER = "pellucid_runtime"

ENTRANCES = (
    "pellucid.runtime.__main__",
    "pellucid.runtime.exported",
    "pellucid.ray",
    "pellucid.serving.__main__",
    "pellucid.serving.worker",
)
LIBRARIES = {"numpy", "PIL", "onnxruntime"}
ON_REQUEST = {"openpyxl", "pyarrow", "tokenizers"}
"""Libraries that only some answers need, imported where they do."""

SERVER = {"jinja2", "markupsafe", "prometheus_client", "starlette", "uvicorn"}
"""Libraries of the extra `serve`, for `pellucid.serving`; jinja2 brings markupsafe."""

PAGE = ("export/app/page/*.html", "export/app/page/app.css", "reports/explain/page/explain.css")
"""Templates and style of the page of a server."""

DOCUMENTS = ("language/*.json", "serving/openapi.json")
"""What is printed, in other languages than English, and the description of the API."""

SCRIPTS = ("images/asking.js", "texts/asking.js", "locked.js")
"""Modules with which its scripts begin, in `export/app/script/`; the app's own engines stay behind."""

_SCRIPT = re.compile(r'^import \{[^}]*\} from "([^"]*)";$', re.MULTILINE)

STAND_IN = {"jaxtyping"}
"""Libraries that `pellucid/runtime/__init__.py` stands in for."""


class RuntimeFiles(_Base):
    """Hatch's hook: the chosen modules as files of the wheel and of the source archive."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files of the wheel or of the source archive.

        Raises: `RuntimeError` if the source is not there, or a module needs a library that is no dependency.
        """
        del version
        if (HERE / FOLDER).is_dir():  # an unpacked source archive
            found = {str(path.relative_to(HERE)): path for path in sorted((HERE / FOLDER).rglob("*"))}
            found["pellucid-runtime.pth"] = HERE / "pellucid-runtime.pth"
        elif SOURCE.is_dir():
            found = files()
        else:
            raise RuntimeError(
                f"{SOURCE}: missing; build from a clone (make wheels) or from a source archive"
            )
        build_data["force_include"] = {str(path): place for place, path in found.items() if path.is_file()}


def files() -> dict[str, Path]:
    """Each file of the wheel to its source.

    Raises: `RuntimeError` if a module needs a library that is no dependency.
    """
    chosen = modules()
    strangers = {
        name: by
        for name, by in libraries(chosen).items()
        if name not in LIBRARIES | ON_REQUEST | SERVER | STAND_IN
    }
    if strangers:
        raise RuntimeError(
            f"pellucid-runtime: modules import libraries that are no dependencies: {strangers}"
        )
    found = {f"{FOLDER}/{path.relative_to(SOURCE)}": path for path in (*chosen.values(), *page_files())}
    found[f"{FOLDER}/pellucid/py.typed"] = SOURCE / "pellucid" / "py.typed"
    found |= {f"{FOLDER}/{name}": ROOT / name for name in ("LICENSE", "NOTICE")}
    return found | {"pellucid-runtime.pth": HERE / "pellucid-runtime.pth"}


def page_files() -> list[Path]:
    """Templates, style and scripts of the page of a server, translations, and the description of its API."""
    package = SOURCE / "pellucid"
    found = [path for pattern in (*PAGE, *DOCUMENTS) for path in sorted(package.glob(pattern))]
    waiting = [package / "export/app/script" / each for each in SCRIPTS]
    while waiting:
        path = waiting.pop().resolve()
        if path not in found:
            found.append(path)
            waiting += [path.parent / each for each in _SCRIPT.findall(path.read_text(encoding="utf-8"))]
    return found


def modules() -> dict[str, Path]:
    """Each module that the entrances import, directly or through others, to its file."""
    found: dict[str, Path] = {}
    waiting = list(ENTRANCES)
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name in found or path is None:
            continue
        found[name] = path
        waiting += [name.rpartition(".")[0]] if "." in name else []
        for module, imported in _imports(path):
            waiting.append(module)
            waiting += [f"{module}.{each}" for each in imported]
            waiting += _homes(module, imported)
    return found


def libraries(chosen: dict[str, Path]) -> dict[str, list[str]]:
    """Libraries outside the standard one to the modules that import them."""
    found: dict[str, list[str]] = {}
    for name, path in chosen.items():
        for module, _ in _imports(path):
            top = module.partition(".")[0]
            if top != "pellucid" and top not in sys.stdlib_module_names:
                found.setdefault(top, []).append(name)
    return found


def _file(module: str) -> Path | None:
    """File of a module of ours; `None` of anything else."""
    place = SOURCE.joinpath(*module.split("."))
    for path in (place / "__init__.py", place.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _imports(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Modules that a file imports, in functions too, each with the names taken from it."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ImportFrom):
            yield str(node.module), [each.name for each in node.names]
        elif isinstance(node, ast.Import):
            yield from ((each.name, []) for each in node.names)
        elif isinstance(node, ast.If) and _is_for_types(node):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _is_for_types(node: ast.If) -> bool:
    """Whether only type checkers go there."""
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _homes(package: str, names: list[str]) -> list[str]:
    """Modules from which a package takes names on first use, as it tells type checkers."""
    path = _file(package)
    if path is None or path.name != "__init__.py" or not names:
        return []
    blocks = [
        node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.If) and _is_for_types(node)
    ]
    return [
        str(each.module)
        for block in blocks
        for each in block.body
        if isinstance(each, ast.ImportFrom) and {alias.name for alias in each.names} & set(names)
    ]

"""Models of runs as the files that a server answers from, exported once and kept in the cache."""

import contextlib
import hashlib
import importlib.util
import json
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from pellucid.answering.naming import model_of
from pellucid.bundle import load
from pellucid.data.images.cache import cache_folder
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.export.app.shell import FolderPage, ServedPage, script_values, style
from pellucid.export.export import NEEDED, export, finished, metadata_of
from pellucid.language.sentence import Sentence
from pellucid.runtime.onnx_files import LARGEST
from pellucid.safety.budgets import MEMORY
from pellucid.safety.files import make_folder, read_regular
from pellucid.safety.strict import read_sealed_bytes, write_sealed_bytes

# Files that are kept, of models served last.
_MOST_KEPT = 20


def served_content(place: str, announce: Callable[[str], None]) -> bytes:
    """The ONNX file of the recommended model of a run, or of a model folder.

    It is proved on the held-out examples of the run as `export` does; `announce` hears where there are none.

    Raises: Errors as `export`, but for examples that are gone.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            "serve: {place}: to export it needs {missing}; pip install 'pellucid[serve]', or "
            "give a file that pellucid export wrote",
            place,
            ", ".join(missing),
        )
    folder = model_of(place, None).folder
    key = _key(folder)
    kept = kept_folder() / f"{key[:40]}.onnx"
    with contextlib.suppress(OSError, ValueError):
        return read_sealed_bytes(kept, LARGEST)
    announce(Sentence("{place}: exporting it, once", place))
    content = _proved(place, announce)
    is_proved = content is not None
    if content is None:
        content = _unproved(place, folder)
    if _key(folder) != key:
        raise ModelFileError("{place}: changed while it was read; start again", place)
    if is_proved:
        keep(kept, content)
    return content


def kept_folder() -> Path:
    """Folder of what is made of models to be served, which need not exist yet."""
    return cache_folder().parent / "served"


def keep(kept: Path, content: bytes) -> None:
    """Keep a file, and the last ones of its ending."""
    with contextlib.suppress(OSError):  # a cache that cannot be written costs seconds next time
        make_folder(kept.parent)
        write_sealed_bytes(kept, content)
        alike = sorted(kept.parent.glob(f"*{kept.suffix}"), key=lambda file: file.stat().st_mtime)
        for old in alike[:-_MOST_KEPT]:
            old.unlink(missing_ok=True)


def described(folder: Path) -> bytes:
    """What decides a file made of a model: the program, and its description, which holds checksums."""
    return version("pellucid").encode() + read_regular(folder / "model.json", MEMORY.value())


def _key(folder: Path) -> str:
    return hashlib.sha256(described(folder)).hexdigest()


def _proved(place: str, announce: Callable[[str], None]) -> bytes | None:
    """The file as `export` writes it; `None` where there are no examples to prove it by."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.onnx"
        try:
            export(place, out, announce=announce)
        except (UsageError, DataError) as error:
            announce(Sentence("warning: {error}; it is served without having been compared", error))
            return None
        return read_regular(out, LARGEST)


def _unproved(place: str, folder: Path) -> bytes:
    from pellucid.export.onnx_graph import graph_of

    model = load(folder)
    return finished(graph_of(model), metadata_of(model, model.name))


# Pages of runs as a server hands them out, made once and kept in the cache beside the file that answers.

# Parameters of a model whose page may hold it, at two bytes each and a third more in base64, and bytes that
# its weights may have there: beyond them a slow network takes longer for the page than for many answers.
_MOST_PARAMETERS = 1_500_000
_MOST_BYTES = 4_000_000

_MOST_KEPT_BYTES = 4 * _MOST_BYTES
_STARTS = ("images/start.js", "texts/start.js")


def folder_page(place: str) -> FolderPage:
    """What the folder of a served model adds to its page: the card of its run, and answers of its own.

    Raises: `UsageError` if there is no model, `ModelFileError` if it is damaged.
    """
    folder = model_of(place, None).folder
    kept = kept_folder() / f"{_page_key(folder)[:40]}.json"
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        found = json.loads(read_sealed_bytes(kept, _MOST_KEPT_BYTES))
        return FolderPage(found["card"], None if found["page"] is None else ServedPage(*found["page"]))
    made = _made(folder)
    page = None if made.page is None else [*made.page]
    keep(kept, json.dumps({"card": made.card, "page": page}).encode())
    return made


def _page_key(folder: Path) -> str:
    """Digest of what decides a page: the program with its scripts and style, and the model."""
    scripts = "".join(script_values(start)["script"] for start in _STARTS)
    return hashlib.sha256(f"{scripts}{style()}".encode() + described(folder)).hexdigest()


def _made(folder: Path) -> FolderPage:
    from pellucid.bundle import load
    from pellucid.export.app.content import card_of, page_of, refusal
    from pellucid.export.export import metadata_of

    model = load(folder)
    metadata = metadata_of(model, model.name)
    card = card_of(model, metadata.model, folder)
    if model.parameters > _MOST_PARAMETERS or refusal(model):
        return FolderPage(card, None)
    page = page_of(model, metadata, card)
    return FolderPage(card, page.served() if len(page.values["weights"]) <= _MOST_BYTES else None)

"""Models of runs as the files that a server answers from, exported once and kept in the cache."""

import contextlib
import hashlib
import importlib.util
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from pellucid.answering.naming import model_of
from pellucid.budgets import MEMORY
from pellucid.bundle import load
from pellucid.data.images.cache import cache_folder
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.export.export import NEEDED, export, finished, metadata_of
from pellucid.files import make_folder, read_regular
from pellucid.runtime.onnx_files import LARGEST
from pellucid.strict import read_sealed_bytes, write_sealed_bytes

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
            f"serve: {place}: to export it needs {', '.join(missing)}; pip install 'pellucid[serve]', or "
            "give a file that pellucid export wrote"
        )
    folder = model_of(place, None).folder
    key = _key(folder)
    kept = cache_folder().parent / "served" / f"{key[:40]}.onnx"
    with contextlib.suppress(OSError, ValueError):
        return read_sealed_bytes(kept, LARGEST)
    announce(f"{place}: exporting it, once")
    content = _proved(place, announce)
    is_proved = content is not None
    if content is None:
        content = _unproved(place, folder)
    if _key(folder) != key:
        raise ModelFileError(f"{place}: changed while it was read; start again")
    if is_proved:
        with contextlib.suppress(OSError):  # a cache that cannot be written costs seconds next time
            make_folder(kept.parent)
            write_sealed_bytes(kept, content)
            for old in sorted(kept.parent.glob("*.onnx"), key=lambda file: file.stat().st_mtime)[
                :-_MOST_KEPT
            ]:
                old.unlink(missing_ok=True)
    return content


def _key(folder: Path) -> str:
    """Digest of what decides a file: the program, and the model, whose description holds checksums."""
    described = read_regular(folder / "model.json", MEMORY.value())
    return hashlib.sha256(version("pellucid").encode() + described).hexdigest()


def _proved(place: str, announce: Callable[[str], None]) -> bytes | None:
    """The file as `export` writes it; `None` where there are no examples to prove it by."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.onnx"
        try:
            export(place, out, announce=announce)
        except (UsageError, DataError) as error:
            announce(f"warning: {error}; it is served without having been compared")
            return None
        return read_regular(out, LARGEST)


def _unproved(place: str, folder: Path) -> bytes:
    from pellucid.export.onnx_graph import graph_of

    model = load(folder)
    return finished(graph_of(model), metadata_of(model, model.name))

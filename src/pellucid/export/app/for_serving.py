"""Pages of runs as a server hands them out, made once and kept in the cache beside the file that answers."""

import contextlib
import hashlib
import json
from pathlib import Path

from pellucid.answering.naming import model_of
from pellucid.export.app.shell import FolderPage, ServedPage, script_values, style
from pellucid.export.for_serving import described, keep, kept_folder
from pellucid.safety.strict import read_sealed_bytes

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
    kept = kept_folder() / f"{_key(folder)[:40]}.json"
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        found = json.loads(read_sealed_bytes(kept, _MOST_KEPT_BYTES))
        return FolderPage(found["card"], None if found["page"] is None else ServedPage(*found["page"]))
    made = _made(folder)
    page = None if made.page is None else [*made.page]
    keep(kept, json.dumps({"card": made.card, "page": page}).encode())
    return made


def _key(folder: Path) -> str:
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

"""Write a trained model as one page, once it has proved to answer as the model does."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pellucid.answering.naming import model_of
from pellucid.bundle import load
from pellucid.errors import UsageError
from pellucid.export.export import metadata_of
from pellucid.export.places import require_place
from pellucid.files import write_file

ENDING = ".html"


class ExportedApp(NamedTuple):
    """Outcome of the export of a page.

    Attributes:
        model: name of the model.
        noun: one example: `image` or `text`.
        bytes: of the file.
    """

    model: str
    noun: str
    bytes: int


def export_app(
    run: str, out: Path, name: str | None = None, announce: Callable[[str], None] | None = None
) -> ExportedApp:
    """Write the recommended model of a run, or another by its name, as a page; `announce` hears what is done.

    Raises: `UsageError` if `out` has another ending, or the model cannot be a page; `ModelFileError` if it is
    damaged; `StorageError` if `out` cannot be written.
    """
    from pellucid.export.app.content import refusal, rendered

    require_place(out, ENDING)
    found = model_of(run, name)
    model = load(found.folder)
    if reason := refusal(model):
        raise UsageError(f"--out: {reason}; write --out model.onnx instead")
    say = announce or (lambda sentence: None)
    say(f"writing {found.name or model.name} as a page")
    metadata = metadata_of(model, found.name or model.name)
    content = rendered(model, metadata, {"rows": [], "models": []}, None).encode("utf-8")
    write_file(out, content)
    return ExportedApp(metadata.model, model.input_kind.noun, len(content))

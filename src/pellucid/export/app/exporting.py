"""Write a trained model as one page, once it has proved to answer as the model does."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pellucid.answering.naming import model_of
from pellucid.bundle import load
from pellucid.errors import UsageError
from pellucid.export.app.card import card_of
from pellucid.export.app.chromium import find_browser
from pellucid.export.app.content import page_of, refusal
from pellucid.export.app.kinds import KINDS
from pellucid.export.app.proving import MOST_EXAMPLES, AppProof, prove_app
from pellucid.export.export import metadata_of
from pellucid.export.held_out import held_out_examples
from pellucid.export.places import require_place
from pellucid.export.proof import DisagreeingError
from pellucid.files import write_file

ENDING = ".html"


class ExportedApp(NamedTuple):
    """Outcome of the export of a page.

    Attributes:
        model: name of the model.
        noun: one example: `image` or `text`.
        bytes: of the file.
        proof: that was passed; `None` where no browser was at hand.
    """

    model: str
    noun: str
    bytes: int
    proof: AppProof | None


def export_app(
    run: str, out: Path, name: str | None = None, announce: Callable[[str], None] | None = None
) -> ExportedApp:
    """Write the recommended model of a run, or another by its name, as a page; `announce` hears what is done.

    Raises: `UsageError` if `out` has another ending, the model cannot be a page, or `run` lies in no run;
    `DataError` if the held-out examples are gone; `ModelFileError` if the model is damaged, or the page does
    not answer as it does; `StorageError` if `out` cannot be written.
    """
    require_place(out, ENDING)
    found = model_of(run, name)
    model = load(found.folder)
    if reason := refusal(model):
        raise UsageError(f"--out: {reason}; choose another model with --model, or write --out model.onnx")
    say = announce or (lambda sentence: None)
    called = found.name or model.name
    say(f"writing {called} as a page")
    for decided, least in model.threshold.items():
        say(f"the page names the more probable class: it does not know the threshold {decided}={least:g}")
    metadata, card = metadata_of(model, called), card_of(model, called, found.folder)
    parts = page_of(model, metadata, card)
    program, proof = find_browser(), None
    if program is not None:
        examples = held_out_examples(run, found.folder, MOST_EXAMPLES)
        kind = KINDS[model.input_kind.name]
        say(f"holding it in {program} against {len(examples.rows):,} held-out {model.input_kind.nouns}")
        try:
            proof = prove_app(model, kind, parts.html(None), examples, program)
        except DisagreeingError:
            # A classical model on a deep network may answer what 16 bits change by more than is allowed.
            say("an answer differs by too much where weights have 16 bits; writing all 32 of them")
            parts = page_of(model, metadata, card, exactly=True)
            proof = prove_app(model, kind, parts.html(None), examples, program)
    content = parts.html(None if proof is None else proof._asdict())
    write_file(out, content)
    return ExportedApp(called, model.input_kind.noun, len(content), proof)

"""What the folder of a served model adds to its page: the card of its run, and answers by the page itself."""

from pathlib import Path

from pellucid.bundle import Model
from pellucid.export.app.content import card_of, page_of, refusal
from pellucid.runtime.metadata import Metadata
from pellucid.serving.page import FolderPage

# Parameters of a model whose page may hold it, at two bytes each and a third more in base64, and bytes that
# its weights may have there: beyond them a slow network takes longer for the page than for many answers.
_MOST_PARAMETERS = 1_500_000
_MOST_BYTES = 4_000_000


def folder_page(model: Model, metadata: Metadata, folder: Path) -> FolderPage:
    """What the folder of a model, in a run or not, adds to its page; it takes about a second."""
    card = card_of(model, metadata.model, folder)
    if model.parameters > _MOST_PARAMETERS or refusal(model):
        return FolderPage(card, None)
    page = page_of(model, metadata, card)
    return FolderPage(card, page if len(page.values["weights"]) <= _MOST_BYTES else None)

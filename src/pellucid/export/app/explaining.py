"""The living page of an explanation: that of the model, opened on one input, with what Python found out."""

import base64
import io
from typing import Any

from PIL import Image

from pellucid.answering.explain import Explained, still_page
from pellucid.bundle import Generator
from pellucid.export.app.content import card_of, page_of, refusal
from pellucid.export.export import metadata_of
from pellucid.reports.by_target import true_codes
from pellucid.reports.explain.page import LARGEST_PAGE


def living_page(found: Explained) -> str:
    """The page of a model that answers whatever is drawn or typed, opened on the input that was explained.

    Where the model cannot be such a page, or only a larger one than explanations have, the still one.
    """
    explanation, model = found.explanation, found.model
    if isinstance(model, Generator) or refusal(model):
        return still_page(found)
    called = found.chosen.name or model.name
    metadata, card = metadata_of(model, called), card_of(model, called, found.chosen.folder)
    true = [code for code in true_codes(explanation.truth) if code is not None]
    label = model.classes[true[0]] if len(true) == 1 else ""
    example = {"original": _original(explanation.inputs), "label": label, "name": found.source}
    page = page_of(model, metadata, card, [example], (explanation, found.source)).html(None)
    return page.decode() if len(page) <= LARGEST_PAGE else still_page(found)


def _original(given: Any) -> dict[str, str]:
    """An input as the page takes it: a text, or a lossless file of the pixels that the model sees."""
    if isinstance(given, str):
        return {"text": given}
    file = io.BytesIO()
    Image.fromarray(given[:, :, 0] if given.shape[2] == 1 else given).save(file, "PNG")
    return {"file": base64.b64encode(file.getvalue()).decode("ascii")}

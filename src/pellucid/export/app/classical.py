"""Classical models as pages have them: their arrays, what is told of them, and the network below them."""

import dataclasses
from typing import Any

from pellucid.bundle import ClassicalModel, Model
from pellucid.export.app.tensors import Tensors
from pellucid.insight.layers.opened import Opened


def told_predictor(model: Model, tensors: Tensors, prefix: str, *, is_opened: bool) -> dict[str, Any] | None:
    """A classical model, of the form `Predictor` in the script's types; `None` where the model is a network.

    Its arrays join the tensors, their names behind a prefix: of linear models in 16 bits, all others exactly,
    since questions of trees and likenesses change with less. `is_opened` says whether the page shows how it
    decides.
    """
    if not isinstance(model, ClassicalModel):
        return None
    predictor = model.predictor
    tensors.add_all(predictor.arrays(), prefix, exactly=predictor.kind != "linear")
    opened = is_opened and predictor.kind != "constant"
    return {
        "kind": predictor.kind,
        "outputs": predictor.outputs,
        "number": predictor.number,
        "opened": opened,
        "arrays": prefix,
    }


def without_head(opened: Opened) -> Opened:
    """Layers up to the last hidden one, which a classical model takes."""
    lines = tuple(line for line in opened.lines if line.name.split(".")[0] != "head")
    return dataclasses.replace(opened, lines=lines, output=lines[-1].name)

"""From a model and one input to everything that is known about the answer."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic import softmax
from pellucid.bundle import ImageModel, Inputs, Model, TextModel
from pellucid.insight.backward import go_back
from pellucid.insight.drivers import Driven, drivers_of_picture, drivers_of_text, ids_of
from pellucid.insight.explanation import Explanation
from pellucid.insight.opened import Opened
from pellucid.insight.opening import open_network
from pellucid.insight.pieces import TokenPieces, WordPieces
from pellucid.insight.records import layer_records
from pellucid.insight.weight_checks import WeightChecker
from pellucid.reference import Line

PROBABILITIES = "probabilities"


def explain_model(model: Model, inputs: Inputs, target: int | None = None) -> Explanation:
    """Open a model on one input.

    Args:
        model: of pictures or texts, trained.
        inputs: one picture (1, height, width, channels) as the model takes it, or a list of one text.
        target: class that loss and explanations are about; by default the most probable one.

    Returns:
        The explanation.
    """
    answer = _answer(model, inputs)
    if model.is_numbers:
        target = None
    elif target is None:
        target = int(answer.argmax())
    text = inputs[0] if isinstance(inputs[0], str) else None
    driven = (
        drivers_of_picture(model, np.asarray(inputs[0]), target)
        if text is None
        else drivers_of_text(model, text, target)
    )
    return Explanation(
        model=model.name,
        classes=model.classes,
        answer=answer,
        target=target,
        inputs=np.asarray(inputs[0]) if text is None else text,
        driven=driven,
        **_pieces(model, text, driven),
        **_network_of(model, inputs, target),
    )


def _answer(model: Model, inputs: Inputs) -> Float64[np.ndarray, " outputs"]:
    if model.is_numbers:
        return model.predict_values(inputs)
    answer: np.ndarray = model.predict_proba(inputs)[0]
    return answer


def _pieces(model: Model, text: str | None, driven: Driven) -> dict[str, Any]:
    """What a network read of a text, and what the explanations give numbers to."""
    if text is None:
        return {}
    if isinstance(driven.pieces, WordPieces):
        return {"pieces": tuple(driven.pieces.words)}
    assert isinstance(model, TextModel)  # whose pieces are tokens
    assert isinstance(driven.pieces, TokenPieces)
    tokens = [piece for piece, _ in model.encoder.explain(text)]
    joined: list[list[str]] = [[] for _ in range(driven.pieces.shape[0])]
    for token, piece in zip(tokens, driven.pieces.piece_of.tolist(), strict=True):
        if token not in joined[piece] or not model.network.config.groups:
            joined[piece].append(token)
    return {"tokens": tuple(tokens), "pieces": tuple(" ".join(each) for each in joined)}


def _network_of(model: Model, inputs: Inputs, target: int | None) -> dict[str, Any]:
    """The model's network, opened forwards and backwards."""
    if not isinstance(model, (ImageModel, TextModel)):
        return {}
    try:
        opened = open_network(model.network, _given(model, inputs))
    except ValueError as error:
        return {"notes": (f"The layers of {model.name} are not opened: {error}.",)}
    backward = go_back(model.network, opened, target)
    checks = WeightChecker(model.network, opened, backward).largest(2)
    if target is not None:
        opened = with_probabilities(opened, model.temperature)
    return {
        "opened": opened,
        "layers": layer_records(opened),
        "backward": backward,
        "checks": checks,
        "notes": _notes(model),
    }


def _given(model: ImageModel | TextModel, inputs: Inputs) -> np.ndarray:
    """An input as the network takes it."""
    if isinstance(model, TextModel):
        return ids_of(model, inputs[0])[None]
    return np.asarray(inputs).transpose(0, 3, 1, 2).astype(np.float32)


def with_probabilities(opened: Opened, temperature: float) -> Opened:
    """Go on from the logits to the probabilities, in double precision, as the model itself does.

    Args:
        opened: a network of classes.
        temperature: of the model.

    Returns:
        The same with one or two more lines.
    """
    lines, values = list(opened.lines), dict(opened.values)
    name = opened.output
    if temperature != 1:
        lines.append(Line("temperature", "divide", (name,), {"divisor": temperature}))
        values["temperature"] = values[name].astype(np.float64) / temperature
        name = "temperature"
    lines.append(Line(PROBABILITIES, "softmax", (name,)))
    values[PROBABILITIES] = softmax(values[name].astype(np.float64))
    return dataclasses.replace(opened, lines=tuple(lines), values=values)


def _notes(model: ImageModel | TextModel) -> tuple[str, ...]:
    notes: list[str] = []
    if isinstance(model, ImageModel) and model.mirror:
        notes.append(
            "The model answers with the mean of the logits for the picture and for its mirror image; the "
            "layers are opened on the picture as it is, so their probabilities may differ a little."
        )
    if isinstance(model, TextModel) and model.network.config.groups:
        notes.append("The network reads n-grams: how often each stands in the text, not in which order.")
    return tuple(notes)

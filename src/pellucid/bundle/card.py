"""The model card: what a model is, in words, beside the model."""

import re
from collections.abc import Mapping
from typing import Any

from pellucid.bundle.classical_model import ClassicalModel
from pellucid.bundle.image_model import ImageModel
from pellucid.bundle.model import Model
from pellucid.bundle.parts import vector_length

_CLASSES_SHOWN = 50
_FEATURES = {
    "pixels": "pixels",
    "hog": "histograms of oriented gradients (HOG)",
    "values": "the values as they are",
    "network": "the last hidden layer of a {network} network, which lies in this folder",
}


def model_card(model: Model, facts: Mapping[str, Any]) -> str:
    """Write the model card.

    Args:
        model: the trained model.
        facts: a name in words to a text or number, in the order to show.

    Returns:
        Markdown, in which every name from the data is plain text.
    """
    rows = {
        "model" if isinstance(model, ClassicalModel) else "network": model.name,
        "parameters": f"{model.parameters:,}",
        "input": _input(model),
        **_features(model),
        **_output(model),
        **facts,
    }
    lines = [f"| {plain_text(str(name))} | {plain_text(_shown(value))} |" for name, value in rows.items()]
    takes_pictures = model.preprocessing is not None
    return _CARD.format(
        kind=_kind(model),
        table="\n".join(lines),
        answers=_answers(model),
        command="or `pellucid predict path/to/this/folder picture.png`. " if takes_pictures else "",
    )


def _kind(model: Model) -> str:
    """What it is, in a few words."""
    takes_pictures = model.preprocessing is not None
    if model.is_numbers:
        return f"A model that predicts a number from a {'picture' if takes_pictures else 'feature vector'},"
    return "An image classifier" if takes_pictures else "A classifier of feature vectors"


def _input(model: Model) -> str:
    picture = model.preprocessing
    if picture is None:
        length = vector_length(model)
        return f"a vector of {length:,} numbers" if length else "a vector of numbers, of any length"
    colours = "grey" if picture.channels == 1 else "colour"
    return f"one picture, brought to {picture.height} x {picture.width} pixels, {colours}"


def _features(model: Model) -> dict[str, str]:
    """What a classical model sees, or whether a network sees the mirrored picture too."""
    if isinstance(model, ClassicalModel):
        if not model.predictor.inputs:
            return {"features": "none: it looks at nothing"}
        words = _FEATURES[model.features]
        return {"features": words.format(network=model.network and model.network.config.name)}
    if isinstance(model, ImageModel):
        return {"mirroring": "answers are averaged with the mirrored picture's" if model.mirror else "none"}
    return {}


def _output(model: Model) -> dict[str, str]:
    if model.is_numbers:
        return {"output": "one number, in the unit of the training labels"}
    calibration = (
        "none: probabilities are as the model gives them (temperature 1)"
        if model.temperature == 1
        else f"temperature {model.temperature:.3g}, fitted on validation examples"
    )
    return {
        "output": f"a probability for each of {len(model.classes)} classes",
        "calibration": calibration,
    }


def _answers(model: Model) -> str:
    """The classes, or what the numbers are."""
    if not model.is_numbers:
        return f"## Classes\n\n{_class_list(model.classes)}"
    return f"## Numbers\n\n{_numbers(model)}"


def _numbers(model: Model) -> str:
    """Where the numbers of the training labels lay, as far as the model knows."""
    network = getattr(model, "network", None)
    rescale = None if network is None else network.rescale
    if rescale is None:
        return "The answer is one number for each input, in the unit of the training labels."
    mean, std = float(rescale.mean), float(rescale.std)
    return (
        "The answer is one number for each input, in the unit of the training labels. Those had the mean "
        f"{mean:.4g} and the standard deviation {std:.3g}; an answer far outside deserves doubt."
    )


def plain_text(text: str) -> str:
    """Escape a text so that Markdown and HTML show it as it is, on one line.

    Args:
        text: any text.

    Returns:
        The same text for readers.
    """
    one_line = re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", " ", text)
    html = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~$:@.-])", r"\\\1", html)


def _shown(value: Any) -> str:
    """A value for people: three significant figures for numbers with fractions."""
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _class_list(classes: tuple[str, ...]) -> str:
    lines = [f"- {plain_text(name)}" for name in classes[:_CLASSES_SHOWN]]
    if len(classes) > _CLASSES_SHOWN:
        lines.append(f"- and {len(classes) - _CLASSES_SHOWN} more, listed in `model.json`")
    return "\n".join(lines)


_CARD = """\
# Model card

{kind} trained with Pellucid.

| Fact | Value |
|---|---|
{table}

{answers}

## Intended use

Not stated. Whoever passes this model on writes it into a file `INTENDED_USE.md` beside this one:
what it is for, what it is not for, and where its training examples came from. (This file is
covered by a checksum; a model folder whose files were changed is refused.)

## How to use it

```python
import pellucid

model = pellucid.load("path/to/this/folder")
```

{command}Nothing in this folder can run code.
"""

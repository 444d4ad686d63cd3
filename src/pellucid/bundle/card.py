"""The model card: what a model is, in words, beside the model."""

import re
from collections.abc import Mapping
from typing import Any

from pellucid.bundle.feature_model import FeatureModel
from pellucid.bundle.image_model import ImageModel

_CLASSES_SHOWN = 50


def model_card(model: ImageModel | FeatureModel, facts: Mapping[str, Any]) -> str:
    """Write the model card.

    Args:
        model: the trained model.
        facts: a name in words to a text or number, in the order to show.

    Returns:
        Markdown, in which every name from the data is plain text.
    """
    parameters = sum(parameter.numel() for parameter in model.network.parameters())
    rows = {
        "network": model.network.config.name,
        "parameters": f"{parameters:,}",
        "input": _input(model),
        "output": f"a probability for each of {len(model.classes)} classes",
        **_mirroring(model),
        **facts,
    }
    lines = [f"| {plain_text(str(name))} | {plain_text(_shown(value))} |" for name, value in rows.items()]
    takes_pictures = isinstance(model, ImageModel)
    return _CARD.format(
        kind="An image classifier" if takes_pictures else "A classifier of feature vectors",
        table="\n".join(lines),
        classes=_class_list(model.classes),
        command="or `pellucid predict path/to/this/folder picture.png`. " if takes_pictures else "",
    )


def _input(model: ImageModel | FeatureModel) -> str:
    if isinstance(model, FeatureModel):
        return f"a vector of {model.features} numbers"
    picture = model.preprocessing
    colours = "grey" if picture.channels == 1 else "colour"
    return f"one picture, brought to {picture.height} x {picture.width} pixels, {colours}"


def _mirroring(model: ImageModel | FeatureModel) -> dict[str, str]:
    if isinstance(model, FeatureModel):
        return {}
    return {"mirroring": "answers are averaged with the mirrored picture's" if model.mirror else "none"}


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

## Classes

{classes}

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

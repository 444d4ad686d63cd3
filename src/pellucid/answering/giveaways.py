"""Whether a giveaway of the training data drives an answer: the model is asked without it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.answering.by_target import ASKED
from pellucid.arithmetic.rounding import figure
from pellucid.bundle import Inputs, Model
from pellucid.data.removal import image_without, of_images, of_texts, text_without
from pellucid.data.wording import quoted
from pellucid.safety.strict import MOST_BYTES, read_json
from pellucid.settings import parse_ignore

# The probability of a class must fall by so much without what gives it away.
_DRIVES = 0.1


def driving_giveaways(model: Model, run: Path, inputs: Inputs) -> tuple[str, ...]:
    """Sentences on giveaways that the run recorded and that drive the answer about one input.

    Of those that `--ignore` can take out the answer is asked for again; of others nothing can be said.
    """
    if "giveaways" in ASKED[model.target].lacks:
        return ()
    before = model.predict_proba(inputs)[0]
    answer = int(before.argmax())
    sentences = []
    for each in _recorded(run):
        if each.get("class") != model.classes[answer]:
            continue
        without = _without(inputs, str(each.get("ignore") or ""))
        if without is None:
            continue
        after = model.predict_proba(without)[0]
        if before[answer] - after[answer] < _DRIVES:
            continue
        feature, label, then = str(each.get("feature")), model.classes[answer], model.classes[after.argmax()]
        high, low = figure(before[answer]), figure(after[answer])
        sentences.append(
            f"A giveaway drives this answer: {feature} gives class {quoted(label)} away in the training "
            f"data. Without it the probability of this class falls from {high} to {low}, and the answer is "
            f"{quoted(then)}."
        )
    return tuple(sentences)


def _without(inputs: Any, ignore: str) -> Any:
    """The one input without a giveaway; `None` where nothing can be taken out, or nothing is there."""
    rules = parse_ignore(ignore)
    if isinstance(inputs, np.ndarray):
        own = of_images(rules)
        return image_without(inputs[0], own)[np.newaxis] if own and inputs.ndim == 4 else None
    text = text_without(inputs[0], of_texts(rules))
    return [text] if text != inputs[0] else None


def _recorded(run: Path) -> Sequence[Mapping[str, Any]]:
    """Giveaways in the `metrics.json` of a run; none of a model folder alone, or of an older run."""
    try:
        found = read_json(run / "metrics.json", MOST_BYTES)
    except (OSError, ValueError):
        return ()
    recorded = found.get("giveaways") if isinstance(found, dict) else None
    return [each for each in recorded or () if isinstance(each, dict)]

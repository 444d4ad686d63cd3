"""Label new images or texts with a trained model."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pellucid.answering.answers import Answer, answers_to, check_ending
from pellucid.answering.incoming import Block, Incoming, first_few, incoming
from pellucid.answering.naming import model_of
from pellucid.bundle import Answers, Model, load
from pellucid.errors import UsageError
from pellucid.evaluation import Drift, Gathering
from pellucid.settings import DUMMIES, Settings
from pellucid.tasks import CLASSIFICATION, REGRESSION

_Said = tuple[str | float, float | None, tuple[float, ...]]
"""Class or number, probability of the class, and probabilities of all classes."""

_PLACES = 6


class Predicted(NamedTuple):
    """Outcome of labelling.

    Attributes:
        model: what answered: the name that its run gives it, or what it says of itself.
        noun: what one input is: `image` or `text`.
        labelled: those that got a label or a number.
        unreadable: those that could not be read, each with a row that says why.
        novelty: those that are unlike the training data; `None` where the model cannot tell.
        expected: the share of inputs like the training data that counts as unlike it all the same.
        drift: how the whole set differs from the validation examples; `None` where the model cannot
            tell, or the inputs are too few.
        warnings: sentences for the user.
    """

    model: str
    noun: str
    labelled: int
    unreadable: int
    novelty: int | None
    expected: float
    drift: Drift | None
    warnings: tuple[str, ...]


def predict(
    run: str | Path,
    inputs: Sequence[str],
    out: Path | None,
    settings: Settings,
    *,
    with_probabilities: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Predicted:
    """Label images or texts and write one row for each, in their order.

    Images are decoded and labelled block by block, so memory does not grow with their number.
    An input that cannot be read gets a row with the reason, and the work goes on.

    Args:
        run: a run or a model folder of images or texts, neural or classical, of classes or numbers.
        inputs: files, folders or tables.
        out: a `.csv`, `.jsonl` or `.parquet` file to replace; `None` writes CSV to standard output.
        settings: column of the inputs and encoding of tables.
        with_probabilities: whether each class gets a column.
        progress: told the inputs done and the inputs in all.

    Returns:
        How many were labelled, how many could not be read, and what is unlike the training data.

    Raises:
        UsageError: `out` has another ending, or probabilities of numbers are asked for.
        DataError: an input does not exist or holds nothing that the model takes.
        ModelFileError: the model is damaged or unsafe.
        StorageError: `out` cannot be written; a former file is then intact.
    """
    check_ending(out)
    model = load(run)
    name = model_of(run).name or model.name
    asked = incoming(model, inputs, settings)
    if with_probabilities and not model.target.has_probabilities:
        raise UsageError(f"--probabilities: {run} predicts numbers, which have none; leave it out")
    gathering = None if model.detector is None else Gathering(model.detector, model.classes)
    unreadable, warnings = _labelled(model, asked, out, gathering, with_probabilities, progress)
    noun = model.input_kind.noun
    return Predicted(
        model=name,
        noun=noun,
        labelled=len(asked.names) - unreadable,
        unreadable=unreadable,
        novelty=None if gathering is None else gathering.alarms,
        expected=0.0 if model.detector is None else model.detector.rate,
        drift=None if gathering is None else gathering.drift(noun),
        warnings=(*asked.warnings, *first_few(warnings, noun), *_same_for_all(Path(run), noun)),
    )


def _labelled(
    model: Model,
    asked: Incoming,
    out: Path | None,
    gathering: Gathering | None,
    with_probabilities: bool,
    progress: Callable[[int, int], None] | None,
) -> tuple[int, list[str]]:
    """Write a row for each input; how many could not be read, and what is to be warned of."""
    done, unreadable, total = 0, 0, len(asked.names)
    warnings: list[str] = []
    names = iter(asked.names)
    classes = model.classes if with_probabilities else ()
    with answers_to(out, classes, are_numbers=not model.target.has_probabilities) as write:
        for block in asked.blocks:
            said = model.answer(block.inputs)
            if gathering is not None and said.novelty is not None:
                gathering.add(said.novelty, said.said)
            answers = _answers(names, block, model, said, with_probabilities)
            write(answers)
            warnings += block.warnings
            done += len(answers)
            unreadable += sum(answer.label is None for answer in answers)
            if progress is not None:
                progress(done, total)
    return unreadable, warnings


def _same_for_all(run: Path, noun: str) -> tuple[str, ...]:
    """A warning where a run recommends a model that looks at nothing."""
    try:
        recommended = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["recommended"]
    except (OSError, ValueError, KeyError, TypeError):
        return ()  # a model folder, or a run that was left before its end
    if recommended not in DUMMIES:
        return ()
    return (
        f"warning: {run} recommends {recommended}, which gives every {noun} the same answer; "
        f"the other models stand in {run / 'models'}",
    )


def _answers(
    names: Iterator[str], block: Block, model: Model, answered: Answers, with_probabilities: bool
) -> list[Answer]:
    """Answers of the model for each input of a block."""
    said: Iterator[_Said] = _SAID[model.target](model, answered.said)
    novelty = repeat(None) if answered.novelty is None else iter(answered.novelty.round(_PLACES).tolist())
    nothing: tuple[None, ...] = (None,) * len(model.classes) if with_probabilities else ()
    answers = []
    for error in block.errors:
        if error:
            answers.append(Answer(next(names), None, None, error, None, nothing))
            continue
        label, probability, probabilities = next(said)
        shown = probabilities if with_probabilities else ()
        answers.append(Answer(next(names), label, probability, "", next(novelty), shown))
    return answers


def _numbers(model: Model, values: np.ndarray) -> Iterator[_Said]:
    """The number predicted for each usable input."""
    del model
    for value in values.tolist():
        yield value, None, ()


def _classes(model: Model, said: np.ndarray) -> Iterator[_Said]:
    """The most probable class of each usable input, its probability, and all of them."""
    for probabilities in said.tolist():
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        yield model.classes[best], probabilities[best], tuple(probabilities)


_SAID = {CLASSIFICATION: _classes, REGRESSION: _numbers}

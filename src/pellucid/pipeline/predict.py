"""Label new pictures with a trained model."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pellucid.bundle import Model, load
from pellucid.data.inputs import Fitted, Input, blocks_of, decoders, first_few, fit_inputs, list_inputs
from pellucid.errors import UsageError
from pellucid.pipeline.answers import Answer, answers_to, check_ending
from pellucid.settings import Settings

_Said = tuple[str | float, float | None, tuple[float, ...]]
"""Class or number, probability of the class, and probabilities of all classes."""


class Predicted(NamedTuple):
    """What came of labelling.

    Attributes:
        labelled: pictures that got a label or a number.
        unreadable: pictures that could not be read, each with a row that says why.
        warnings: sentences for the user.
    """

    labelled: int
    unreadable: int
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
    """Label pictures and write one row for each, in their order.

    Pictures are decoded and labelled block by block, so memory does not grow with their number.
    One that cannot be read gets a row with the reason, and the work goes on.

    Args:
        run: a run or a model folder of pictures, neural or classical, of classes or numbers.
        inputs: files, folders or tables.
        out: a `.csv`, `.jsonl` or `.parquet` file to replace; `None` writes CSV to standard output.
        settings: column of the paths and encoding of tables.
        with_probabilities: whether each class gets a column.
        progress: told the pictures done and the pictures in all.

    Returns:
        How many were labelled and how many could not be read.

    Raises:
        UsageError: `out` has another ending, or probabilities of numbers are asked for.
        DataError: an input does not exist or holds no pictures.
        ModelFileError: the model is damaged or unsafe.
        StorageError: `out` cannot be written; a former file is then intact.
    """
    check_ending(out)
    listed = list_inputs(inputs, settings)
    model = load(run)
    if with_probabilities and model.is_numbers:
        raise UsageError(f"--probabilities: {run} predicts numbers, which have none; leave it out")
    done, unreadable, total = 0, 0, len(listed.pictures)
    warnings: list[str] = []
    classes = model.classes if with_probabilities else ()
    with (
        answers_to(out, classes, are_numbers=model.is_numbers) as write,
        decoders() as executor,
    ):
        for block in blocks_of(listed.pictures, model.preprocessing):
            fitted = fit_inputs(block, model.preprocessing, executor)
            answers = _answers(block, fitted, model, with_probabilities)
            write(answers)
            warnings += fitted.warnings
            done += len(block)
            unreadable += sum(answer.label is None for answer in answers)
            if progress is not None:
                progress(done, total)
    return Predicted(total - unreadable, unreadable, (*listed.warnings, *first_few(warnings)))


def _answers(block: Sequence[Input], fitted: Fitted, model: Model, with_probabilities: bool) -> list[Answer]:
    """What the model says about each picture of a block."""
    said: Iterator[_Said] = (_numbers if model.is_numbers else _classes)(model, fitted)
    nothing: tuple[None, ...] = (None,) * len(model.classes) if with_probabilities else ()
    answers = []
    for picture, error in zip(block, fitted.errors, strict=True):
        if error:
            answers.append(Answer(picture.name, None, None, error, nothing))
            continue
        label, probability, probabilities = next(said)
        shown = probabilities if with_probabilities else ()
        answers.append(Answer(picture.name, label, probability, "", shown))
    return answers


def _numbers(model: Model, fitted: Fitted) -> Iterator[_Said]:
    """The number predicted for each readable picture."""
    for value in model.predict_values(fitted.pixels).tolist():
        yield value, None, ()


def _classes(model: Model, fitted: Fitted) -> Iterator[_Said]:
    """The most probable class of each readable picture, its probability, and all of them."""
    for probabilities in model.predict_proba(fitted.pixels).tolist():
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        yield model.classes[best], probabilities[best], tuple(probabilities)

"""Open a trained model on one image or text, and write the page that shows it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.answering.answers import answered
from pellucid.answering.by_target import ASKED
from pellucid.answering.incoming import Block, incoming
from pellucid.answering.training_examples import (
    ModelOfRun,
    known_label,
    known_states,
    model_of,
    most_alike,
    shown_name,
    whole_name,
)
from pellucid.arithmetic.rounding import figure
from pellucid.bundle import Generator, Inputs, Model, load_to_open
from pellucid.data.removal import image_without, of_images, of_texts, text_without
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.insight.by_target import Against
from pellucid.insight.explaining import explain_model, opened_model
from pellucid.insight.explanation import Explanation
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence
from pellucid.reports.explain import render_explanation
from pellucid.safety.files import write_file
from pellucid.safety.strict import MOST_BYTES, read_json
from pellucid.settings import Settings, parse_ignore

_ENDINGS = (".html", ".htm")
_NAMES_SHOWN = 10


class Explained(NamedTuple):
    """A model opened on one input.

    Attributes:
        explanation: what was found out.
        model: that was opened.
        chosen: which model of the run that is.
        source: name of the input.
        inputs: the input itself.
        out: the page.
        warnings: sentences for the user.
    """

    explanation: Explanation
    model: Model
    chosen: ModelOfRun
    source: str
    inputs: Inputs
    out: Path
    warnings: tuple[str, ...]


def still_page(found: Explained) -> str:
    """The page that shows what was found out, as it is."""
    return render_explanation(found.explanation, found.source)


def explain(
    run: str | Path,
    place: str | None,
    out: Path,
    settings: Settings,
    *,
    model_name: str | None = None,
    class_name: str | None = None,
    typed: str | None = None,
    page: Callable[[Explained], str] = still_page,
) -> Explained:
    """Open a model on one input and write the page.

    Args:
        run: a run, whose recommended model is opened, or a model folder.
        place: an image or text file, or one example of several by its name, such as `FILE:ROW`; `None` where
            a text is typed.
        out: the page, replaced through the save protocol.
        settings: column and encoding of tables.
        model_name: another model of the run.
        class_name: class or label that loss and explanations are about; by default explanations are about the
            answered one, and the loss is against the true one, or all labels that are known, where the
            input is part of the run's data. An autoencoder opens the image as of this class; by default as of
            the true one, or the likeliest.
        typed: the text itself, in place of a place.
        page: makes the page of what was found out.

    Returns:
        The explanation, and what it is of.

    Raises:
        UsageError: `out` is no HTML file, the run has no such model, or the model no such class; both a place
            and a text are given, or neither, or a text to a model of images.
        DataError: the input cannot be read, or is more than one.
        ModelFileError: the model is damaged or unsafe, has no finite answer to the input, or makes images
            in a way that is not opened.
        StorageError: the page cannot be written; a former one is then intact.
    """
    if out.suffix.lower() not in _ENDINGS:
        raise UsageError("--out: {out} does not end in .html; choose a name that does", out)
    if (place is None) == (typed is None):
        raise UsageError("INPUT: one input is opened at a time; give either a file or row, or --text TEXT")
    chosen = model_of(run, model_name)
    model = load_to_open(chosen.folder)
    target = None
    if class_name in model.classes:
        target = model.classes.index(class_name)
    elif class_name is not None:
        known = some([quoted(name) for name in model.classes], _NAMES_SHOWN)
        there = (
            Sentence("choose one of {known}", known)
            if model.classes
            else "the model knows no classes; leave it out"
        )
        noun = ASKED[model.target].label
        raise UsageError(
            "--class: {class_name} is no {noun} of the model; {there}", quoted(class_name), noun, there
        )
    if place is None:
        (block,) = incoming(model, (), settings, typed=(typed or "",)).blocks
        if block.errors[0]:
            raise DataError("--text: {errors}; give another text", block.errors[0])
        name, inputs, warnings = translated("typed text"), block.inputs, tuple(block.warnings)
    else:
        name, inputs, warnings = _one_input(model, whole_name(chosen.folder, place), settings)
    if not isinstance(model, Generator):
        _, block = answered(model, Block([name], inputs, [""]))
        if block.errors[0]:
            raise ModelFileError(
                "{name}: {errors}, or choose another {noun}", name, block.errors[0], model.input_kind.noun
            )
    truth, of_data = (None, ()) if place is None else _truth(model, chosen.folder, name)
    explanation = explain_model(model, inputs, target, truth, chosen.name)
    nearest, compared, lacking = most_alike(chosen.folder, opened_model(model), inputs)
    driving = driving_giveaways(model, Path(run), inputs) if not isinstance(model, Generator) else ()
    notes = (*_others(chosen), *driving, *explanation.notes, *lacking, *of_data)
    explanation = dataclasses.replace(explanation, nearest=nearest, compared=compared, notes=notes)
    shown = name if place is None else shown_name(chosen.folder, name)
    found = Explained(explanation, model, chosen, shown, inputs, out, warnings)
    write_file(out, page(found).encode("utf-8"))
    return found


def _truth(model: Model, folder: Path, name: str) -> tuple[Against, tuple[str, ...]]:
    """Class or labels of an input of a run's own data, and the sentence about them; `None` of any other."""
    return ASKED[model.target].truth(
        model.classes, known_label(folder, name), lambda: known_states(folder, name, model.classes)
    )


def _others(chosen: ModelOfRun) -> tuple[str, ...]:
    """Sentence about the other models of a run."""
    if not chosen.others:
        return ()
    is_recommended = chosen.name == chosen.recommended
    rest = [each for each in chosen.others if each != chosen.recommended]
    own = Sentence("{name} is a model of the run.", chosen.name)
    if is_recommended:
        own = Sentence("{name} is the model that the run recommends.", chosen.name)
    elif chosen.recommended is not None:
        own = Sentence(
            "You opened {name}; the run recommends {recommended}.", chosen.name, chosen.recommended
        )
    return (own, *([Sentence("--model opens the others: {rest}.", some(rest, _NAMES_SHOWN))] if rest else []))


def _one_input(model: Model, place: str, settings: Settings) -> tuple[str, Inputs, tuple[str, ...]]:
    """Read the one input: its name, itself, and sentences for the user.

    Raises: `DataError` if it cannot be read, or is more than one.
    """
    noun = model.input_kind.noun
    asked = incoming(model, [place], settings)
    count = asked.how_many()
    block = next(iter(asked.blocks), None)
    if block is None:
        raise DataError("{place}: holds no {noun}; give a file of one", place, noun)
    if count != 1:
        holds = "several" if count is None else f"{count:,}"
        raise DataError(
            "{place}: holds {holds} {noun}s, and one is opened at a time; name one, such as {names}",
            place,
            holds,
            noun,
            block.names[0],
        )
    if block.errors[0]:
        raise DataError("{names}: {errors}; choose another {noun}", block.names[0], block.errors[0], noun)
    return block.names[0], block.inputs, (*asked.warnings, *block.warnings)


# Whether a giveaway of the training data drives an answer: the model is asked without it.

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
            Sentence(
                "A giveaway drives this answer: {feature} gives class {label} away in the training "
                "data. Without it the probability of this class falls from {high} to {low}, and the "
                "answer is "
                "{then}.",
                feature,
                quoted(label),
                high,
                low,
                quoted(then),
            )
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

"""Answers out of fold: every kind of model trained anew for each fold, and asked about it."""

import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pellucid.budgets import MEMORY
from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.files import make_folder
from pellucid.pipeline.judging.by_folds.kinds import Kind
from pellucid.pipeline.judging.novelty.detectors import signals_by_model
from pellucid.pipeline.learners.candidates import Candidate, HeldOut, on_held_out, raw_answers
from pellucid.pipeline.learners.folds import Folds, positions_of
from pellucid.pipeline.learners.planning.preparation import material_of
from pellucid.pipeline.run.context import RunContext
from pellucid.strict import Records, parse, read_sealed_bytes, write_sealed_bytes
from pellucid.training.state import Record


class OnFold(NamedTuple):
    """Answers of models about a fold, by their names.

    Attributes:
        answers: about its examples.
        signals: how foreign these look to each model's measure; none of a model without one.
        history: of the training of a network, validated on the fold; else nothing.
    """

    answers: Mapping[str, np.ndarray]
    signals: Mapping[str, np.ndarray]
    history: Sequence[Record]


def judged_by_folds(
    kinds: Sequence[Kind], candidates: Sequence[Candidate], folds: Folds, context: RunContext
) -> tuple[list[Candidate], Sequence[Record]]:
    """Give candidates, trained on all that is not for the test, answers about folds they did not learn from.

    `kinds` are the models that were trained, each once. What is finished is kept in the folder of the run and
    taken over after a kill. With them comes the history of the network that was validated on the first fold,
    nothing without one.

    Raises: `DivergedError` if the loss stopped being finite.
    """
    held_out: dict[str, HeldOut] = {}
    history: Sequence[Record] = ()
    counts = context.journal.decided(
        "judged_on_folds", lambda: {kind.learner.name: kind.judged(folds) for kind in kinds}
    )
    for kind in kinds:
        parts: Sequence[Dataset] = folds.parts[: counts[kind.learner.name]]
        of_all = "" if len(parts) == len(folds.parts) else f" of {len(folds.parts)}"
        of_folds = f"{len(parts)}{of_all} folds"
        with context.stages.stage(f"judging {kind.learner.name} on {of_folds}") as stage:
            parts = [_askable(part, kind) for part in parts]
            found = [_on_fold(kind, number, part, context) for number, part in enumerate(parts, start=1)]
            held_out |= _joined(found, parts)
            judged = [each for each in candidates if each.name in found[0].answers]
            judged = [dataclasses.replace(each, held_out=held_out[each.name]) for each in judged]
            scores = on_held_out(judged, folds.dataset, context.settings)
            examples = count_of(len(positions_of(parts)), folds.dataset.noun)
            names = ", ".join(each.name for each in judged)
            stage.words = f"judged {names} on {of_folds}, {examples}{scores}"
        history = history or found[0].history
    return [dataclasses.replace(each, held_out=held_out[each.name]) for each in candidates], history


def _askable(part: Dataset, kind: Kind) -> Dataset:
    """A fold without the examples that the models cannot be asked about."""
    if kind.within is None:
        return part
    return dataclasses.replace(part, validation=np.intersect1d(part.validation, kind.within))


def _on_fold(kind: Kind, number: int, part: Dataset, context: RunContext) -> OnFold:
    """Train on the other folds and ask about this one, or take over what was finished before."""
    name = hashlib.sha256(kind.learner.name.encode()).hexdigest()[:16]
    kept = context.folder.checkpoints / "folds" / f"{name}-{number}.npz"
    former = _read(kept, len(part.validation))
    if former is not None:
        return former
    material = material_of(part)
    fitted = kind.fit(material)
    found = OnFold(
        {each.name: raw_answers(each, material, material.validation) for each in fitted},
        signals_by_model(fitted, material, context.settings.seed),
        fitted[0].history,
    )
    _write(kept, found)
    return found


def _joined(found: Sequence[OnFold], parts: Sequence[Dataset]) -> dict[str, HeldOut]:
    """Answers of all folds in the order of the examples."""
    positions = np.concatenate([part.validation for part in parts])
    order = np.argsort(positions)
    joined = {}
    for name in found[0].answers:
        signals = [each.signals.get(name) for each in found]
        widths = {None if each is None else each.shape[1] for each in signals}
        joined[name] = HeldOut(
            positions[order],
            np.concatenate([each.answers[name] for each in found])[order],
            None if None in widths or len(widths) > 1 else np.concatenate(signals)[order],  # type: ignore[arg-type]
        )
    return joined


def _write(path: Path, found: OnFold) -> None:
    make_folder(path.parent)
    arrays = {f"answers/{name}": rows for name, rows in found.answers.items()}
    arrays |= {f"signals/{name}": rows for name, rows in found.signals.items()}
    content = io.BytesIO()
    np.savez(content, history=np.array(json.dumps([*found.history])), **arrays)  # type: ignore[arg-type]
    write_sealed_bytes(path, content.getvalue())


def _read(path: Path, examples: int) -> OnFold | None:
    """Take over what a killed run had finished; `None` where it has to be done again."""
    try:
        stored = io.BytesIO(read_sealed_bytes(path, MEMORY.value()))
        with np.load(stored, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        history = Records().read("history", parse(str(arrays.pop("history")).encode()))
        by_kind: dict[str, dict[str, np.ndarray]] = {"answers": {}, "signals": {}}
        for name, rows in arrays.items():
            kind, _, model = name.partition("/")
            by_kind[kind][model] = rows
            if rows.ndim == 0 or len(rows) != examples:
                return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, MemoryError):
        return None
    return OnFold(by_kind["answers"], by_kind["signals"], history)

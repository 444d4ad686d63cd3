"""Answers out of fold: every kind of model trained anew for each fold, and asked about it."""

import dataclasses
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from pellucid.budgets import MEMORY
from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.files import make_folder
from pellucid.pipeline.judging.by_folds.kinds import Kind
from pellucid.pipeline.judging.novelty.detectors import signals_by_model
from pellucid.pipeline.learners.candidates import Candidate, HeldOut, on_held_out, with_validation
from pellucid.pipeline.learners.folds import Folds, positions_of
from pellucid.pipeline.learners.planning.preparation import material_of
from pellucid.pipeline.run.context import RunContext
from pellucid.settings import DUMMIES
from pellucid.strict import Records, parse, read_sealed_bytes, write_sealed_bytes
from pellucid.training.state import Record

# Key of the journal: by their learner's name, the folds that judge some models.
JUDGED_ON_FOLDS = "judged_on_folds"


class OnFold(NamedTuple):
    """Answers of models about a fold, by their names.

    Attributes:
        answers: about its examples.
        signals: how foreign these look to each model's measure; none of a model without one.
        history: of the training of a network, validated on the fold; else nothing.
        seconds: of each model's answer about one example; none where the fold was judged before a kill.
    """

    answers: Mapping[str, np.ndarray]
    signals: Mapping[str, np.ndarray]
    history: Sequence[Record]
    seconds: Mapping[str, float] = MappingProxyType({})


def judged_by_folds(
    kinds: Sequence[Kind], candidates: Sequence[Candidate], folds: Folds, context: RunContext
) -> tuple[list[Candidate], Sequence[Record]]:
    """Give candidates, trained on all that is not for the test, answers about folds they did not learn from.

    `kinds` are the models that were trained, each once. What is finished is kept in the folder of the run and
    taken over after a kill. Under a time limit models without time for a fold are left out. With them comes
    the history of the network that was validated on the first fold, nothing without one.

    Raises: `DivergedError` if the loss stopped being finite.
    """
    held_out: dict[str, HeldOut] = {}
    seconds: dict[str, float] = {}
    history: Sequence[Record] = ()
    if context.time.is_limited:
        # Of those that fit the dearest first: what took long to train is not to be lost for want of time.
        left = context.time.left() / (1 - 1 / len(folds.parts))
        kinds = sorted(kinds, key=lambda each: (each.seconds > left, -each.seconds))
    for place, kind in enumerate(kinds):
        name = kind.learner.name
        with context.stages.stage(f"judging {name} on folds") as stage:
            parts, found = _on_folds(
                kind, kinds[place + 1 :], not held_out.keys() <= {*DUMMIES}, folds, context
            )
            if not found:
                stage.words = f"no time to judge {name} on a fold"
                context.leave_out(
                    f"{name} is left out: there was no time to judge it on a fold within "
                    f"{context.settings.time_limit}."
                )
                continue
            held_out |= _joined(found, parts)
            seconds |= found[0].seconds
            judged = [each for each in candidates if each.name in found[0].answers]
            judged = [dataclasses.replace(each, held_out=held_out[each.name]) for each in judged]
            scores = on_held_out(judged, folds.dataset, context.settings)
            examples = count_of(len(positions_of(parts)), folds.dataset.noun)
            names = ", ".join(each.name for each in judged)
            of_all = "" if len(parts) == len(folds.parts) else f" of {len(folds.parts)}"
            stage.words = f"judged {names} on {len(parts)}{of_all} folds, {examples}{scores}"
        history = history or found[0].history
    judged = [
        dataclasses.replace(
            each, held_out=held_out[each.name], answer_seconds=seconds.get(each.name, each.answer_seconds)
        )
        for each in candidates
        if each.name in held_out
    ]
    return judged, history


def _on_folds(
    kind: Kind, later: Sequence[Kind], is_any_judged: bool, folds: Folds, context: RunContext
) -> tuple[Sequence[Dataset], list[OnFold]]:
    """Judge models on as many folds as there is time for beside one of each later kind.

    The folds, and the answers about each; none where not even one fits and others were judged.
    """
    known = context.journal.content.get(JUDGED_ON_FOLDS, {}).get(kind.learner.name)
    most, share = kind.judged(folds) if known is None else known, 1 - 1 / len(folds.parts)
    parts = [_askable(part, kind) for part in folds.parts[:most]]
    found: list[OnFold] = []
    expected = kind.seconds * share
    for number, part in enumerate(parts, start=1):
        set_aside = share * sum(each.seconds for each in later) if found else 0.0
        is_due = expected > context.time.left() - set_aside
        if known is None and is_due and (found or is_any_judged):
            break
        began = time.monotonic()
        found.append(_on_fold(kind, number, part, context))
        expected = time.monotonic() - began
    context.journal.decided_for(JUDGED_ON_FOLDS, kind.learner.name, lambda: len(found))
    return parts[: len(found)], found


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
    asked = [with_validation(each, material) for each in fitted]
    found = OnFold(
        {each.name: each.held_out.answers for each in asked},
        signals_by_model(fitted, material, context.settings.seed),
        fitted[0].history,
        {each.name: each.answer_seconds for each in asked},
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

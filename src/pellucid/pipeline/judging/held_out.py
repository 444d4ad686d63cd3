"""Held-out answers of every model, from which `predict` takes the thresholds of what it promises.

Those about test examples, by which these are checked, are added once the test is done.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int64

from pellucid import bundle
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle.held_out import most_kept
from pellucid.data import Dataset
from pellucid.pipeline.judging.testing import Tested
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.planning.preparation import Material


def with_held_out(candidates: Sequence[Candidate], dataset: Dataset | Material, seed: int) -> list[Candidate]:
    """Let every model keep its held-out answers; candidates have passed `with_detectors`."""
    return [
        dataclasses.replace(each, model=each.model.with_held_out(held_out_of(each, dataset, seed)))
        for each in candidates
    ]


def with_test_answers(
    candidates: Sequence[Candidate], tested: Mapping[str, Tested], dataset: Dataset, seed: int
) -> list[Candidate]:
    """Let every model keep what it said of test examples too, by which its promises are checked."""
    return [_with_test_answers(each, tested[each.name], dataset, seed) for each in candidates]


def _with_test_answers(candidate: Candidate, tested: Tested, dataset: Dataset, seed: int) -> Candidate:
    held_out = candidate.model.held_out
    if held_out is None or len(dataset.test) == 0 or not np.isfinite(tested.answers).all():
        return candidate
    kept = _drawn(len(dataset.test), most_kept(len(dataset.classes)), seed)
    has_novelty = held_out.novelty is not None
    if has_novelty and tested.novelty is None:
        return candidate
    novelty = tested.novelty[kept] if has_novelty and tested.novelty is not None else None
    test = bundle.HeldOut.of(dataset.labels[dataset.test[kept]], tested.answers[kept], novelty)
    model = candidate.model.with_held_out(dataclasses.replace(held_out, test=test))
    return dataclasses.replace(candidate, model=model)


def with_data_known(
    candidates: Sequence[Candidate],
    joined_columns: tuple[str, ...],
    renamed: Mapping[str, str],
    threshold: Mapping[str, float],
) -> list[Candidate]:
    """Let every model know how data like its own is read and decided."""

    def known(model: bundle.Model) -> bundle.Model:
        return model.for_data(joined_columns=joined_columns, renamed=renamed, threshold=threshold)

    return [dataclasses.replace(each, model=known(each.model)) for each in candidates]


def held_out_of(candidate: Candidate, dataset: Dataset | Material, seed: int) -> bundle.HeldOut | None:
    """Answers of a model, at its temperature, about examples that it did not learn from; `None` without any.

    Where it has a detector, they are those whose novelty is known.
    """
    held_out = candidate.held_out
    novelty = held_out.novelty
    places = np.arange(len(held_out.positions)) if novelty is None else np.flatnonzero(~np.isnan(novelty))
    if len(places) == 0 or not np.isfinite(held_out.answers[places]).all():
        return None
    kept = places[_drawn(len(places), most_kept(len(dataset.classes)), seed)]
    return bundle.HeldOut.of(
        dataset.labels[held_out.positions[kept]],
        held_out.answers[kept],
        None if novelty is None else novelty[kept],
    )


def _drawn(examples: int, most: int, seed: int) -> Int64[np.ndarray, " kept"]:
    """Some of the examples, ascending; all where they are few enough."""
    if examples <= most:
        return np.arange(examples)
    return np.sort(generator(seed, Purpose.HELD_OUT_ANSWERS).permutation(examples)[:most])

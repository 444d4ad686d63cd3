"""Held-out answers of every model, from which `predict` takes the thresholds of what it promises."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import HeldOut
from pellucid.bundle.held_out import most_kept
from pellucid.pipeline.judging.detectors import judged_places
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.planning.preparation import Material


def with_held_out(candidates: Sequence[Candidate], material: Material, seed: int) -> list[Candidate]:
    """Let every model keep its held-out answers; candidates have passed `with_detectors`."""
    return [
        dataclasses.replace(each, model=each.model.with_held_out(held_out_of(each, material, seed)))
        for each in candidates
    ]


def held_out_of(candidate: Candidate, material: Material, seed: int) -> HeldOut | None:
    """What a model said, at its temperature, of validation examples; `None` where there are none.

    They are those that detectors are calibrated on, a fair draw, since their novelty is known.
    """
    places = judged_places(material, seed)
    labels, said = material.labels[material.validation[places]], candidate.validation[places]
    if len(places) == 0 or not np.isfinite(said).all():
        return None
    kept = _drawn(len(places), most_kept(len(material.classes)), seed)
    novelty = None if candidate.novelty is None else candidate.novelty[kept]
    return HeldOut.of(labels[kept], said[kept], novelty)


def _drawn(examples: int, most: int, seed: int) -> Int64[np.ndarray, " kept"]:
    """Some of the examples, ascending; all where they are few enough."""
    if examples <= most:
        return np.arange(examples)
    return np.sort(generator(seed, Purpose.HELD_OUT_ANSWERS).permutation(examples)[:most])

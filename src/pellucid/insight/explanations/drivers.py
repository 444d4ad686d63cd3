"""Drivers of an answer: several explanations by parts of the input, each put to the test on the spot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from pellucid.bundle import AverageModel, ImageModel, Member, Model, TextModel
from pellucid.encoding import Encoder
from pellucid.insight.explanations.grad_cam import grad_cam, has_maps
from pellucid.insight.explanations.path_gradients import (
    Collected,
    has_way,
    integrated_gradients_of_image,
    integrated_gradients_of_text,
)
from pellucid.insight.explanations.pieces import ImagePieces, Pieces, TokenPieces, WordPieces
from pellucid.insight.explanations.randomising import NETWORKS, randomised_model
from pellucid.insight.explanations.taking_out import taking_out
from pellucid.insight.explanations.trials import Bench, Trial

_OF_PATH = "the slope of the log-odds of the class, collected on the straight way from {start} to the input"
_HOW = {
    "grad-cam": "the last maps, weighed by their gradients and added up; what is above zero",
    "occlusion": "how far the answer falls when a window around a cell is painted over with the mean colour",
    "leave-one-out": "how far the answer falls when a piece of the text is left out",
}


@dataclass(frozen=True, eq=False)
class Driver:
    """Explanation of an answer with its tests.

    Attributes:
        name: `grad-cam`, `integrated-gradients`, `occlusion` or `leave-one-out`.
        how: it is computed, in words.
        scores: one for each piece of the input; positive speaks for the class.
        fine: one for each pixel or token where the explanation tells them apart; else `None`.
        note: what is to be known about it here; empty where there is nothing.
        trial: what became of it in the tests.
    """

    name: str
    how: str
    scores: Float64[np.ndarray, " pieces"]
    fine: Float64[np.ndarray, "..."] | None
    note: str
    trial: Trial

    def __repr__(self) -> str:
        return f"{self.name}: {self.trial!r}"


class Driven(NamedTuple):
    """All explanations of one answer.

    Attributes:
        pieces: what they give numbers to.
        drivers: the explanations.
    """

    pieces: Pieces
    drivers: Sequence[Driver]


class _Scored(NamedTuple):
    """Scores of an explanation before it is tested."""

    scores: np.ndarray
    fine: np.ndarray | None = None
    note: str = ""


_Method = Callable[[Model], _Scored]


class _Asked(NamedTuple):
    """An explanation before it is computed.

    Attributes:
        method: that computes it.
        model: that is asked: the one that answers or, of an average, a member that is a network.
        whose: ends the words on how it is computed; names that member, and is empty elsewhere.
    """

    method: _Method
    model: Model
    whose: str = ""


def drivers_of_image(
    model: Model, pixels: UInt8[np.ndarray, "height width channels"], target: int | None
) -> Driven:
    """Explain an answer on an image: Grad-CAM where the network has maps, integrated gradients, occlusion.

    Of an average the first two are those of its heaviest network; all are tested on its own answer.
    """
    pieces = ImagePieces(model, pixels, target)
    raw = pixels.transpose(2, 0, 1).astype(np.float32)
    paint = np.broadcast_to(pieces.paint[:, None, None].astype(np.float32), raw.shape)

    def by_maps(asked: Model) -> _Scored:
        assert isinstance(asked, ImageModel)  # only networks have maps
        fine = grad_cam(asked.network, raw, target)
        return _Scored(pieces.summed(fine), fine)

    def by_path(asked: Model) -> _Scored:
        assert isinstance(asked, ImageModel)  # only networks have gradients
        found = integrated_gradients_of_image(asked.network, raw, paint, target)
        return _Scored(pieces.summed(found.scores), found.scores, _completeness(found))

    def by_windows(asked: Model) -> _Scored:
        return _Scored(taking_out(ImagePieces(asked, pixels, target)))

    methods: dict[str, _Asked] = {}
    members = model.members if isinstance(model, AverageModel) else (Member("", 1, model),)
    for name, _, member in members:
        if isinstance(member, ImageModel) and not methods:
            whose = f", in its member {name}" if name else ""
            if has_maps(member.network):
                methods["grad-cam"] = _Asked(by_maps, member, whose)
            methods["integrated-gradients"] = _Asked(by_path, member, whose)
    methods["occlusion"] = _Asked(by_windows, model)
    return Driven(pieces, _tested(pieces, methods, "an image of its mean colour"))


def drivers_of_text(model: Model, text: str, target: int | None) -> Driven:
    """Explain an answer on a text: integrated gradients of a network, leave-one-out of any model."""
    if not isinstance(model, TextModel):
        words = WordPieces(model, text, target)
        leaving = _Asked(lambda asked: _Scored(taking_out(words)), model)
        return Driven(words, _tested(words, {"leave-one-out": leaving}, ""))
    ids = ids_of(model.encoder, text)
    pieces = TokenPieces(model, ids, target)

    def by_path(asked: Model) -> _Scored:
        assert isinstance(asked, TextModel)  # only networks have gradients
        found = integrated_gradients_of_text(asked.network, ids, target)
        return _Scored(pieces.summed(found.scores), found.scores, _completeness(found))

    def by_leaving_out(asked: Model) -> _Scored:
        assert isinstance(asked, TextModel)  # the model, or one with other weights
        return _Scored(taking_out(TokenPieces(asked, ids, target)))

    methods = {"integrated-gradients": _Asked(by_path, model)} if has_way(model.network) else {}
    methods["leave-one-out"] = _Asked(by_leaving_out, model)
    start = "a bag without n-grams" if model.network.config.groups else "vectors of zeros"
    return Driven(pieces, _tested(pieces, methods, start))


def ids_of(encoder: Encoder, text: str) -> Int64[np.ndarray, " ids"]:
    """Ids that a network reads of a text, without padding."""
    found: np.ndarray = encoder.encode([text]).padded(np.array([0]), 1)[0]
    return found


def _tested(pieces: Pieces, methods: dict[str, _Asked], start: str) -> list[Driver]:
    """Run explanations and their tests."""
    bench = Bench(pieces)
    networks = [each.model for each in methods.values() if isinstance(each.model, (ImageModel, TextModel))]
    others = [randomised_model(networks[0], seed) for seed in range(NETWORKS)] if networks else []
    drivers = []
    for name, (method, model, whose) in methods.items():
        found = method(model)
        shuffled = others if isinstance(model, (ImageModel, TextModel)) else []
        trial = bench.test(found.scores, [method(other).scores for other in shuffled])
        how = (_HOW.get(name) or _OF_PATH.format(start=start)) + whose
        drivers.append(Driver(name, how, found.scores, found.fine, found.note, trial))
    return drivers


def _completeness(found: Collected) -> str:
    return (
        f"the scores add up to {float(found.scores.sum()):.4g}, the log-odds (or the number) differ by "
        f"{found.total:.4g}: {100 * found.missing:.2g} % apart after {found.steps} steps"
    )

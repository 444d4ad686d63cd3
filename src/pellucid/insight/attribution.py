"""Attribution: an answer explained by parts of the input in several ways, each tested on the spot."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, UInt8
from torch import Tensor, nn
from torch.nn import functional

from pellucid.bundle import AverageMember, AverageModel, ImageModel, Model, TextModel
from pellucid.bundle.network_answers import answering
from pellucid.encoding import Encoder
from pellucid.encoding.encoder import UNKNOWN
from pellucid.insight.by_target import OPENED, Score
from pellucid.insight.occlusion import MOST_PIECES, ImagePieces, Pieces, WordPieces, occlusion
from pellucid.insight.opened_networks import still
from pellucid.language.sentence import Sentence
from pellucid.networks import Network
from pellucid.networks.layers import GlobalPool
from pellucid.networks.text_layers import EmbeddingBag

# Integrated gradients from a baseline, and Grad-CAM of the last maps.

_FEWEST = 32  # steps from the baseline
_MOST = 512  # steps
_MOST_OF_BACKBONE = 64  # steps, of which each costs more
_ENOUGH = 0.01  # share of the difference that the parts may miss
_VALUES_AT_ONCE = 1 << 21


class Collected(NamedTuple):
    """Integrated gradients of one input, and how complete they are.

    `scores`: $a_i$, one for each pixel, or for each token; `total`: $F(x) - F(x')$; `missing`: how far the
    scores' sum is from it, as a share of the larger of both; `steps`: how many were taken.
    """

    scores: Float64[np.ndarray, "..."]
    total: float
    missing: float
    steps: int


def score_of_outputs(model: Model, target: int | None) -> Score:
    """The number that explanations of a model are about: log-odds of a class or label, or what it predicts.

    The logit of a label, which excludes no other, is its log-odds.
    """
    return lambda outputs: OPENED[model.target].score(outputs, target)


def integrated_gradients_of_image(
    network: Network,
    image: Float[np.ndarray, "channels height width"],
    baseline: Float[np.ndarray, "channels height width"],
    score: Score,
) -> Collected:
    """Score every raw pixel, added up over the channels, on the way from the baseline to the image."""
    asked = still(network)
    end, start = (torch.from_numpy(each.astype(np.float32))[None] for each in (image, baseline))

    def answers(alphas: Tensor, way: Tensor) -> Tensor:
        return score(asked(start + alphas[:, None, None, None] * way))

    seen = 3 * math.prod(network.config.seen) if network.config.seen else image.size
    most = _MOST_OF_BACKBONE if network.config.seen else _MOST
    found = _collect(answers, end - start, max(image.size, seen), most)
    return found._replace(scores=found.scores[0].sum(axis=0))


def integrated_gradients_of_text(network: Network, ids: Int64[np.ndarray, " ids"], score: Score) -> Collected:
    """Score every id of a text, in their order; without padding.

    Raises: `ValueError` where the network has no such way (`has_way`).
    """
    asked = still(network)
    tokens = torch.from_numpy(ids)[None]
    layer, vectors = _vectors(asked, tokens)
    given: list[Tensor] = []
    replaces = layer.register_forward_hook(lambda _, __, ___: given[-1])

    def answers(alphas: Tensor, way: Tensor) -> Tensor:
        scaled = alphas[:, None, None] * way
        given.append(layer.bias + scaled.sum(1) if isinstance(layer, EmbeddingBag) else scaled)
        return score(asked(tokens.expand(len(alphas), -1)))

    found = _collect(answers, vectors, vectors.numel(), _MOST)
    replaces.remove()
    scores = found.scores[0].sum(axis=1)
    if isinstance(layer, EmbeddingBag):  # it takes ids in ascending order
        scores[np.argsort(ids, kind="stable")] = scores.copy()
    return found._replace(scores=scores)


def has_way(network: Network) -> bool:
    """Tell a network of texts whose answer changes steadily on the way from no text to a text.

    The mean and maximum of pretrained vectors (`word-vectors`) are brought to length one: the whole way up to
    the text they are the same, and there is nothing to collect.
    """
    return any(isinstance(layer, (nn.Embedding, EmbeddingBag)) for layer in network.modules())


@torch.no_grad()
def _vectors(network: Network, tokens: Tensor) -> tuple[nn.Module, Tensor]:
    """Layer that turns ids into vectors, and the vectors of these (1, ids, numbers)."""
    for layer in network.modules():
        if isinstance(layer, nn.Embedding):
            return layer, layer(tokens)
        if isinstance(layer, EmbeddingBag):
            ids = tokens.sort(dim=1).values
            return layer, layer.weigh(ids)[:, :, None] * layer.weight[ids]
    raise ValueError("no embeddings to integrate gradients along")


def _collect(answers: Callable[[Tensor, Tensor], Tensor], way: Tensor, size: int, most: int) -> Collected:
    """Integrate with more and more steps, at most so many, until the scores add up to the difference.

    `size` is how many numbers the network sees at each step.
    """
    with torch.no_grad():
        first, last = answers(torch.tensor([0.0, 1.0]), way).double().tolist()
    total, steps = last - first, _FEWEST
    while True:
        slope = _mean_slope(answers, way, steps, size)
        scores = (slope * way.double()).numpy()
        difference = abs(float(scores.sum()) - total)
        missing = difference / max(abs(total), abs(float(scores.sum())), 1e-12)
        if missing <= _ENOUGH or steps >= most:
            return Collected(scores, total, missing, steps)
        steps *= 2


def _mean_slope(answers: Callable[[Tensor, Tensor], Tensor], way: Tensor, steps: int, size: int) -> Tensor:
    """Mean of the gradient at the middles of equal steps."""
    at_once = max(1, _VALUES_AT_ONCE // (16 * size))
    total = torch.zeros_like(way, dtype=torch.float64)
    for alphas in torch.split((torch.arange(steps) + 0.5) / steps, at_once):
        # The slope at a point of the way is that of the way's own values, divided by how far it went.
        moved = (way.expand(len(alphas), *way.shape[1:])).clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(answers(alphas, moved).sum(), moved)
        spread = alphas.view(-1, *[1] * (way.ndim - 1))
        total += (gradient.double() / spread.double()).sum(0, keepdim=True)
    return total / steps


def has_maps(network: Network) -> bool:
    """True of convolutional networks of images; false of perceptrons and networks of texts."""
    return any(isinstance(layer, nn.Conv2d) for layer in network.modules()) and _last(network) is not None


def grad_cam(
    network: Network, image: Float[np.ndarray, "channels height width"], score: Score
) -> Float64[np.ndarray, "height width"]:
    r"""Grad-CAM of raw pixels for a score $F$ of the outputs.

    The last maps $A$, each weighted by its mean gradient, and the positive part of their sum:
    $\alpha_k = \frac{1}{RC} \sum_{rc} \partial F / \partial A_{krc}$ and
    $G_{rc} = \max(0, \sum_k \alpha_k A_{krc})$.

    Source: Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks", ICCV, eq. 1 and 2.
    """
    asked = still(network).requires_grad_(True)
    kept: list[Tensor] = []
    last = _last(asked)
    assert last is not None  # has_maps
    last.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    answer = score(asked(torch.from_numpy(image.astype(np.float32))[None]))
    (gradient,) = torch.autograd.grad(answer.sum(), kept[0])
    weighed = functional.relu((gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True))
    drawn = functional.interpolate(weighed.detach(), image.shape[1:], mode="bilinear", align_corners=False)
    found: np.ndarray = drawn[0, 0].double().numpy()
    return found


def _last(network: Network) -> nn.Module | None:
    """Layer that takes the last maps; in a backbone the pool at its end, where that takes channels first."""
    if network.config.backbone:
        pools = [each for each in network.modules() if type(each).__name__ == "SelectAdaptivePool2d"]
        takes_rows = pools and getattr(pools[-1].pool, "dim", (2, 3)) == (2, 3)
        return pools[-1] if takes_rows else None
    layers: Sequence[nn.Module] = [
        layer for layer in network.modules() if isinstance(layer, (GlobalPool, nn.Flatten))
    ]
    return layers[-1] if layers else None


# Tests of explanations. Deletion and insertion (Petsiuk, Das and Saenko 2018, "RISE", arXiv:1806.07421,
# section 4.2): pieces are taken out of the input by their scores, or put into an empty one; a good order
# loses the answer early, and wins it early. Randomised weights (Adebayo et al. 2018, "Sanity checks for
# saliency maps", NeurIPS, section 3): an explanation that looks the same for shuffled weights shows the input
# and not the network.

# Random orders that an explanation has to beat, which chance brings about once in 21 times.
ORDERS = 20

# Rank correlation with explanations of randomised networks that still passes.
LARGEST_LIKENESS = 0.5

_MOST_STEPS = 14  # of a curve; the model answers at each of them for every order
_PLACES = 1e-9  # gains and scores that are closer differ by rounding alone


@dataclass(frozen=True, eq=False)
class Curves:
    """Answers of a model as pieces are taken out or put in.

    `shares`: of the pieces that were taken out, or put in; `deletion`: the answer after so many were taken
    out; `insertion`: the answer after so many were put in.
    """

    shares: Float64[np.ndarray, " steps"]
    deletion: Float64[np.ndarray, " steps"]
    insertion: Float64[np.ndarray, " steps"]

    @property
    def gain(self) -> float:
        """Area under the insertion curve less area under the deletion curve."""
        return float(np.trapezoid(self.insertion - self.deletion, self.shares))


@dataclass(frozen=True, eq=False)
class Trial:
    """Test results of an explanation.

    `curves`: of its own order; `random`: of random orders; `likeness`: mean absolute rank correlation with
    the explanations of randomised networks, `None` where the model has no weights that could be put in random
    order; `shows_nothing`: whether all scores are equal.
    """

    curves: Curves
    random: Sequence[Curves]
    likeness: float | None
    shows_nothing: bool

    @property
    def beaten(self) -> int:
        """Random orders with a smaller gain."""
        return sum(each.gain < self.curves.gain - _PLACES for each in self.random)

    @property
    def follows_answer(self) -> bool:
        """True where every random order was beaten."""
        return not self.shows_nothing and self.beaten == len(self.random)

    @property
    def follows_weights(self) -> bool:
        """True where it changes with the weights, or there are none to change."""
        return self.likeness is None or self.likeness <= LARGEST_LIKENESS

    @property
    def is_faithful(self) -> bool:
        """True where both tests are passed."""
        return self.follows_answer and self.follows_weights

    def __repr__(self) -> str:
        verdict = "faithful here" if self.is_faithful else "not faithful here"
        likeness = (
            "no weights to shuffle"
            if self.likeness is None
            else Sentence("likeness {likeness:.2f}", self.likeness)
        )
        return Sentence(
            "{verdict}: gain {gain:.3f}, {beaten} of {random} beaten, {likeness}",
            verdict,
            self.curves.gain,
            self.beaten,
            len(self.random),
            likeness,
        )


class Bench:
    """Test bench for the explanations of one input; random orders are asked about once for all of them.

    `pieces`: the input; `seed`: of the random orders.
    """

    def __init__(self, pieces: Pieces, seed: int = 0) -> None:
        self._pieces = pieces
        count = int(np.prod(pieces.shape))
        draws = np.random.default_rng(seed)
        self._counts = np.unique(np.linspace(0, count, min(count, _MOST_STEPS) + 1).round().astype(np.int64))
        self._random = self._followed([draws.permutation(count) for _ in range(ORDERS)])

    def test(
        self,
        scores: Float64[np.ndarray, " pieces"],
        randomised: Sequence[Float64[np.ndarray, " pieces"]] = (),
    ) -> Trial:
        """Test scores, one for each piece, also against those of networks with `randomised` weights."""
        order = np.argsort(-scores, kind="stable")
        (curves,) = self._followed([order])
        likeness = [abs(rank_correlation(scores, each)) for each in randomised]
        return Trial(
            curves,
            self._random,
            float(np.mean(likeness)) if likeness else None,
            shows_nothing=bool(np.ptp(scores) <= _PLACES * np.abs(scores).max(initial=0.0)),
        )

    def _followed(self, orders: Sequence[Int64[np.ndarray, " pieces"]]) -> list[Curves]:
        """Ask about every step of some orders, all at once."""
        ranks = np.empty((len(orders), 1, self._counts[-1]), np.int64)
        for rank, order in zip(ranks[:, 0], orders, strict=True):
            rank[order] = np.arange(len(order))
        gone = (ranks < self._counts[:, None]).reshape(-1, ranks.shape[2])
        answers = self._pieces.ask(np.concatenate([~gone, gone])).reshape(2, len(orders), -1)
        shares = self._counts / self._counts[-1]
        return [Curves(shares, deletion, insertion) for deletion, insertion in zip(*answers, strict=True)]


def rank_correlation(one: Float64[np.ndarray, " pieces"], other: Float64[np.ndarray, " pieces"]) -> float:
    """Spearman's rank correlation, -1 to 1: equal scores share their rank; 0 where either is constant.

    Source: Spearman 1904, "The proof and measurement of association between two things".
    """
    ranks = np.stack([_ranks(one), _ranks(other)])
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    lengths = np.sqrt((ranks**2).sum(axis=1))
    if not lengths.all():
        return 0.0
    return float((ranks[0] * ranks[1]).sum() / lengths.prod())


def _ranks(scores: Float64[np.ndarray, " pieces"]) -> Float64[np.ndarray, " pieces"]:
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middles: np.ndarray = ends - (counts - 1) / 2
    return middles[places]


# Weights are shuffled, not drawn: their size and spread stay, and some layers start as what they were given.

# Randomised networks that an explanation is compared with.
NETWORKS = 3


@torch.no_grad()
def randomised(network: Network, seed: int) -> Network:
    """Copy with the numbers of every weight in random order; fixed tensors stay, such as input scales."""
    shuffled = still(network)
    draws = torch.Generator().manual_seed(seed)
    for weight in shuffled.parameters():
        weight.copy_(weight.flatten()[torch.randperm(weight.numel(), generator=draws)].view_as(weight))
    for layer in shuffled.modules():
        if isinstance(layer, nn.Embedding) and layer.padding_idx is not None:
            layer.weight[layer.padding_idx] = 0  # padding still changes nothing
    return shuffled


def randomised_model(model: ImageModel | TextModel, seed: int) -> ImageModel | TextModel:
    """Copy of a model with the numbers of every weight of its network in random order."""
    network = randomised(model.network, seed)
    if isinstance(model, TextModel):
        return TextModel(network, model.encoder, model.classes, model.target, temperature=model.temperature)
    return ImageModel(
        network,
        model.preprocessing,
        model.classes,
        model.target,
        mirror=model.mirror,
        temperature=model.temperature,
    )


_OF_PATH = "the slope of {score}, collected on the straight way from {start} to the input"
_HOW = {
    "grad-cam": "the last maps, weighed by their gradients and added up; what is above zero",
    "occlusion": "how far the answer falls when a window around a cell is painted over with the mean colour",
    "leave-one-out": "how far the answer falls when a piece of the text is left out",
}


@dataclass(frozen=True, eq=False)
class Attribution:
    """Explanation of an answer with its tests.

    `name`: `grad-cam`, `integrated-gradients`, `occlusion` or `leave-one-out`; `how`: it is computed, in
    words; `scores`: one for each piece of the input, positive speaks for the class; `fine`: one for each
    pixel or token where the method distinguishes them, else `None`; `note`: what a reader should know about
    it here, empty where there is nothing; `trial`: what became of it in the tests.
    """

    name: str
    how: str
    scores: Float64[np.ndarray, " pieces"]
    fine: Float64[np.ndarray, "..."] | None
    note: str
    trial: Trial

    def __repr__(self) -> str:
        return Sentence("{name}: {trial!r}", self.name, self.trial)


class Attributions(NamedTuple):
    """All explanations of one answer.

    `pieces`: what they give numbers to; `methods`: an attribution by each.
    """

    pieces: Pieces
    methods: Sequence[Attribution]


# Scores of an explanation, those of each pixel or token or none, and a note. It is computed of the model that
# answers or, of an average, of a member that is a network.
_Scored = tuple[np.ndarray, np.ndarray | None, str]
_Method = Callable[[Any], _Scored]


def attributions_of_image(
    model: Model, pixels: UInt8[np.ndarray, "height width channels"], target: int | None
) -> Attributions:
    """Explain an answer on an image: Grad-CAM where the network has maps, integrated gradients, occlusion.

    Of an average the first two are those of its heaviest network; all are tested on its own answer.
    """
    pieces, score = ImagePieces(model, pixels, target), score_of_outputs(model, target)
    raw = pixels.transpose(2, 0, 1).astype(np.float32)
    paint = np.broadcast_to(pieces.paint[:, None, None].astype(np.float32), raw.shape)

    def by_maps(asked: ImageModel) -> _Scored:
        fine = grad_cam(asked.network, raw, score)
        return pieces.summed(fine), fine, ""

    def by_path(asked: ImageModel) -> _Scored:
        found = integrated_gradients_of_image(asked.network, raw, paint, score)
        return pieces.summed(found.scores), found.scores, _completeness(found)

    def by_windows(asked: Model) -> _Scored:
        return occlusion(ImagePieces(asked, pixels, target)), None, ""

    methods: dict[str, tuple[_Method, Model, str]] = {}
    members = model.members if isinstance(model, AverageModel) else (AverageMember("", 1, model),)
    for name, _, member in members:
        if isinstance(member, ImageModel) and not methods:
            whose = Sentence(", in its member {name}", name) if name else ""
            if has_maps(member.network):
                methods["grad-cam"] = by_maps, member, whose
            if not member.network.config.is_closed:  # through which no gradient goes
                methods["integrated-gradients"] = by_path, member, whose
    methods["occlusion"] = by_windows, model, ""
    way = Sentence(_OF_PATH, OPENED[model.target].score_words, "an image of its mean colour")
    return Attributions(pieces, _tested(pieces, methods, way))


def attributions_of_text(model: Model, text: str, target: int | None) -> Attributions:
    """Explain an answer on a text: integrated gradients of a network, leave-one-out of any model."""
    methods: dict[str, tuple[_Method, Model, str]]
    if not isinstance(model, TextModel):
        words = WordPieces(model, text, target)
        methods = {"leave-one-out": (lambda _: (occlusion(words), None, ""), model, "")}
        return Attributions(words, _tested(words, methods, ""))
    ids = ids_of(model.encoder, text)
    pieces, score = TokenPieces(model, ids, target), score_of_outputs(model, target)

    def by_path(asked: TextModel) -> _Scored:
        found = integrated_gradients_of_text(asked.network, ids, score)
        return pieces.summed(found.scores), found.scores, _completeness(found)

    def by_leaving_out(asked: TextModel) -> _Scored:
        return occlusion(TokenPieces(asked, ids, target)), None, ""

    methods = {}
    if has_way(model.network):
        methods["integrated-gradients"] = by_path, model, ""
    methods["leave-one-out"] = by_leaving_out, model, ""
    start = "a bag without n-grams" if model.network.config.groups else "vectors of zeros"
    way = Sentence(_OF_PATH, OPENED[model.target].score_words, start)
    return Attributions(pieces, _tested(pieces, methods, way))


def ids_of(encoder: Encoder, text: str) -> Int64[np.ndarray, " ids"]:
    """Ids that a network reads of a text, without padding."""
    found: np.ndarray = encoder.encode([text]).padded(np.array([0]), 1)[0]
    return found


def _tested(pieces: Pieces, methods: dict[str, tuple[_Method, Model, str]], way: str) -> list[Attribution]:
    """Run explanations and their tests; `way` is how integrated gradients are computed, in words."""
    bench = Bench(pieces)
    networks = [asked for _, asked, _ in methods.values() if isinstance(asked, (ImageModel, TextModel))]
    others = [randomised_model(networks[0], seed) for seed in range(NETWORKS)] if networks else []
    attributions = []
    for name, (method, asked, whose) in methods.items():
        scores, fine, note = method(asked)
        shuffled = others if isinstance(asked, (ImageModel, TextModel)) else []
        trial = bench.test(scores, [method(other)[0] for other in shuffled])
        how = _HOW.get(name, way) + whose
        attributions.append(Attribution(name, how, scores, fine, note, trial))
    return attributions


def _completeness(found: Collected) -> str:
    return Sentence(
        "the scores add up to {sum:.4g}, the log-odds (or the number) differ by "
        "{total:.4g}: {missing:.2g} % apart after {steps} steps",
        float(found.scores.sum()),
        found.total,
        100 * found.missing,
        found.steps,
    )


# Texts as the ids that a network reads, in pieces: answers about them without some.

# Most pieces of a bag of n-grams, which is asked about quickly.
MOST_GRAMS = 2048

_IDS_AT_ONCE = 1 << 14


class TokenPieces:
    """Text as the ids that its network reads, neighbours together where they are many.

    Of a bag of n-grams a piece is an n-gram, however often it is in the text. `piece_of`: piece in which each
    id lies.
    """

    shape: tuple[int, ...]

    def __init__(self, model: TextModel, ids: Int64[np.ndarray, " ids"], target: int | None) -> None:
        self.ids = ids
        is_bag = bool(model.network.config.groups)
        place = np.unique(ids, return_inverse=True)[1] if is_bag else np.arange(len(ids))
        units = int(place.max()) + 1
        count = min(units, MOST_GRAMS if is_bag else MOST_PIECES)
        self.shape = (count,)
        self.piece_of = place * count // units
        self._model, self._target = model, target

    def summed(self, fine: Float64[np.ndarray, " ids"]) -> Float64[np.ndarray, " pieces"]:
        """Sum of a number for each id, piece by piece."""
        return np.bincount(self.piece_of, fine, self.shape[0])

    def ask(self, kept: Bool[np.ndarray, "variants pieces"]) -> Float64[np.ndarray, " variants"]:
        """Answers about texts that lack some of the ids."""
        network, found = self._model.network, []
        rows = max(1, _IDS_AT_ONCE // len(self.ids))
        with answering(network, torch.device("cpu")):
            for start in range(0, len(kept), rows):
                some = kept[start : start + rows][:, self.piece_of]
                # Padding changes nothing, so what is kept moves to the front and the rest is padding.
                order = np.argsort(~some, axis=1, kind="stable")
                ids = np.where(np.take_along_axis(some, order, 1), self.ids[order], 0)
                ids[ids[:, 0] == 0, 0] = UNKNOWN
                longest = max(1, int(some.sum(axis=1).max()))
                outputs = network(torch.from_numpy(ids[:, :longest])).numpy().astype(np.float64)
                target = self._model.target
                answers = target.columns(target.of_logits(outputs, self._model.temperature))
                found.append(answers[:, self._target or 0])
        return np.concatenate(found)

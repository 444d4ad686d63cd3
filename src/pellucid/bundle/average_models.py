"""Average of models: the weighted mean of what its members answer."""

import copy
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64

from pellucid.arithmetic.probabilities import weighted_mean
from pellucid.bundle.held_out import LEAST_MEMBERS, MOST_MEMBERS, MOST_WEIGHT, Answers
from pellucid.bundle.model import Inputs, Model, checked_temperature, require_images, require_texts
from pellucid.bundle.models import ClassicalModel, ImageModel, OnNetwork, TextModel
from pellucid.bundle.network_answers import input_blocks
from pellucid.classical.predictors import Rows
from pellucid.encoding import Encoder
from pellucid.encoding.tfidf import Tfidf
from pellucid.errors import DataError
from pellucid.input_kinds import TEXTS
from pellucid.language.sentence import Sentence, join
from pellucid.networks import Network


class AverageMember(NamedTuple):
    """A model in an average; its share is its weight, 1 to 1,000, over the sum of all."""

    name: str
    weight: int
    model: Model


class AverageModel(Model):
    """Images or texts in; the weighted mean of the members' probabilities, or of their numbers, out.

    What is novel to the member of the most weight, which comes first, is novel to the average. Members that
    see an input in the same way, as those on one network do, compute that once.

    A `ValueError` where there are not two to five members of different names that take the same inputs and
    know the same classes, or the temperature is out of bounds.
    """

    members: tuple[AverageMember, ...]
    weights: tuple[int, ...]  # of the members, in their order
    heaviest: AverageMember  # of equals the first
    # places of members that see the same of an input, a network before what is built on it
    groups: list[list[int]]
    has_hidden_layer = False  # its members have none in common

    def __init__(self, members: Sequence[AverageMember], *, temperature: float = 1.0) -> None:
        _require_agreement(members)
        self.members = tuple(_sharing(members))
        self.weights = tuple(each.weight for each in self.members)
        self.heaviest, first = self.members[0], self.members[0].model
        self.input_kind, self.preprocessing = first.input_kind, first.preprocessing
        self.classes, self.joined_columns, self.ignored = first.classes, first.joined_columns, first.ignored
        self.renamed, self.threshold, self.target = first.renamed, first.threshold, first.target
        self.dialect = first.dialect
        self.sort_seen, self.sees_through = first.sort_seen, first.sees_through
        self.temperature = checked_temperature(temperature, self.classes)
        encoders: list[Encoder | Tfidf] = []  # those that give the same numbers once
        groups: dict[Hashable, list[int]] = {}
        for place, (_, _, model) in enumerate(self.members):
            groups.setdefault(model.sees_through, []).append(place)
            for each in model.encoders:
                if not any(are_equal_encoders(each, other) for other in encoders):
                    encoders.append(each)
        self.encoders = tuple(encoders)
        self.groups = [
            sorted(each, key=lambda place: not isinstance(self.members[place].model, OnNetwork))
            for each in groups.values()
        ]

    @property
    def columns_seen(self) -> int:
        """Features that the member of the most weight has for a detector."""
        return self.heaviest.model.columns_seen

    @property
    def name(self) -> str:
        """The members in words."""
        return Sentence("average of {join}", join(", ", [each.name for each in self.members]))

    @property
    def parameters(self) -> int:
        """Numbers that were learnt by all members, those of a network that they share once."""
        networks: list[Network | None] = [getattr(each.model, "network", None) for each in self.members]
        shared = {id(each): each for each in networks if each is not None}
        of_networks = {key: sum(each.numel() for each in one.parameters()) for key, one in shared.items()}
        above = (
            each.model.parameters - of_networks.get(id(network), 0)
            for each, network in zip(self.members, networks, strict=True)
        )
        return sum(of_networks.values()) + sum(above)

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Refused: several models have no hidden layer in common."""
        raise DataError("model: it has no hidden layer, being an average; take one of its members")

    def seen(self, inputs: Inputs) -> Rows:
        """Features of the member of the most weight."""
        return self.heaviest.model.seen(inputs)

    def answer(self, inputs: Inputs) -> Answers:
        """The mean of the answers, and how novel each input is to the member of the most weight."""
        if self.input_kind is TEXTS:
            inputs = require_texts(inputs)
        else:
            assert self.preprocessing is not None  # it takes images
            inputs = require_images(inputs, self.preprocessing)
        outputs: list[list[np.ndarray]] = [[] for _ in self.members]
        novelty = [np.zeros(0)]
        for block in input_blocks(inputs):
            for places in self.groups:
                for place, rows in self._asked(places, block, outputs):
                    if place == 0 and self.detector is not None:
                        novelty.append(self.detector.novelty(rows))
        said = []
        for (_, _, model), parts in zip(self.members, outputs, strict=True):
            assert isinstance(model, (OnNetwork, ClassicalModel))  # the members were checked
            kind = np.float32 if model.network else np.float64
            nothing = np.zeros((0, model.target.outputs(len(model.classes))), kind)
            said.append(model.said_of(np.concatenate(parts) if parts else nothing))
        return Answers(
            self.target.calibrated(weighted_mean(said, self.weights), self.temperature),
            None if self.detector is None else np.concatenate(novelty),
        )

    def _answers(self, inputs: Inputs) -> Float64[np.ndarray, "examples ..."]:
        return self.answer(inputs).said

    def _asked(
        self, places: Sequence[int], block: Inputs, outputs: list[list[np.ndarray]]
    ) -> Iterator[tuple[int, Rows]]:
        """Ask members that see the same; gives each one's place and the rows that it saw."""
        rows: Rows | None = None
        for place in places:
            model = self.members[place].model
            if isinstance(model, OnNetwork):
                both = model.outputs_and_seen(block)
                width = model.network.config.outputs
                outputs[place].append(both[:, :width])
                rows = np.ascontiguousarray(both[:, width:])
            else:
                assert isinstance(model, ClassicalModel)  # the members were checked
                rows = model.seen(block) if rows is None else rows
                outputs[place].append(model.predictor.predict(rows))
            yield place, rows


def _require_agreement(members: Sequence[AverageMember]) -> None:
    """Require members that can be averaged."""
    if not LEAST_MEMBERS <= len(members) <= MOST_MEMBERS:
        raise ValueError(
            Sentence(
                "members: {members} of them, where {LEAST_MEMBERS} to {MOST_MEMBERS} are averaged",
                len(members),
                LEAST_MEMBERS,
                MOST_MEMBERS,
            )
        )
    if len({each.name for each in members}) < len(members):
        raise ValueError("members: two of them have the same name")
    first = members[0].model
    for name, weight, model in members:
        if not isinstance(model, (ImageModel, TextModel, ClassicalModel)):
            raise ValueError(Sentence("members: {name} is of a kind that cannot be averaged", name))
        if not 1 <= weight <= MOST_WEIGHT:
            raise ValueError(
                Sentence(
                    "members: the weight of {name} is {weight}, not 1 to {MOST_WEIGHT:,}",
                    name,
                    weight,
                    MOST_WEIGHT,
                )
            )
        if (model.input_kind, model.preprocessing) != (first.input_kind, first.preprocessing):
            raise ValueError(Sentence("members: {name} and {name2} take other inputs", name, members[0].name))
        if (model.target, model.classes, model.joined_columns, model.ignored) != (
            first.target,
            first.classes,
            first.joined_columns,
            first.ignored,
        ):
            raise ValueError(
                Sentence("members: {name} and {name2} know other classes or columns", name, members[0].name)
            )
    if [each.weight for each in members] != sorted((each.weight for each in members), reverse=True):
        raise ValueError("members: they are not sorted by weight, the largest first")


def _sharing(members: Sequence[AverageMember]) -> Iterator[AverageMember]:
    """The members; bodies that are equal, as copies of one network are, become one and the same."""
    known: list[OnNetwork | ClassicalModel] = []
    for member in members:
        model = member.model
        assert isinstance(model, (OnNetwork, ClassicalModel))  # the members were checked
        other = next((each for each in known if _is_of_same_body(model, each)), None)
        if other is not None and isinstance(model, ClassicalModel):
            model = model.on_body_of(other)
        elif other is not None and other.network is not None:
            model = copy.copy(model)
            model.network = model.sees_through = other.network  # equal to the model's own
        known.append(model)
        yield member._replace(model=model)


def _is_of_same_body(model: OnNetwork | ClassicalModel, other: OnNetwork | ClassicalModel) -> bool:
    """Equal weights of a network that read texts by equal tokens, or equal TF-IDF."""
    mine, theirs = model.network, other.network
    part = "tfidf" if mine is None or theirs is None else "encoder"
    if not are_equal_encoders(*(getattr(each, part, None) for each in (model, other))):
        return False
    if mine is theirs or mine is None or theirs is None:
        return mine is theirs
    others = theirs.state_dict()
    return mine.config == theirs.config and all(
        torch.equal(weight, others[name]) for name, weight in mine.state_dict().items()
    )


def are_equal_encoders(one: Encoder | Tfidf | None, other: Encoder | Tfidf | None) -> bool:
    """True of two encodings of texts that give the same numbers, and where there is none."""
    if one is other:
        return True
    if one is None or other is None or type(one) is not type(other) or one.to_json() != other.to_json():
        return False
    if isinstance(one, Tfidf) and isinstance(other, Tfidf) and not np.array_equal(one.idf, other.idf):
        return False
    return one.content() == other.content()

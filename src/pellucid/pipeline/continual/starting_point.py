"""RUN of `--from`: the network that continues training, however RUN holds it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.bundle import AverageModel, ClassicalModel, ImageModel, Model, TextModel, load, save
from pellucid.bundle.format.weights import pack
from pellucid.errors import UsageError
from pellucid.networks import Network
from pellucid.strict import MOST_BYTES, read_json

_KEPT = "start"


@dataclass(frozen=True, eq=False)
class StartingPoint:
    """A trained network that continues training.

    Attributes:
        place: RUN as the user gave it.
        model: the network with its classes and what makes inputs ready for it.
        sha256: of its weights, as a model folder holds them.
        config: `config.json` of the run; `None` where RUN is a model folder alone.
    """

    place: str
    model: ImageModel | TextModel
    sha256: str
    config: Mapping[str, Any] | None

    @property
    def network(self) -> Network:
        """The trained network."""
        return self.model.network

    @property
    def nouns(self) -> str:
        """Inputs of the network, for people: `images` or `texts`."""
        return self.model.input_kind.nouns


def starting_point(place: str) -> StartingPoint:
    """Find the network of a run or a model folder.

    The recommended model where that is a network, or its member where it is an average; otherwise the network
    that the run trained beside it; otherwise the one that the model stands on.

    Raises: `ModelFileError` if there is no model, it is damaged, may run code or takes feature vectors;
    `UsageError` if RUN holds no network.
    """
    model, config = load(place), _config_of(Path(place))
    return _at(place, _network_of(model, place, config), config)


def keep(start: StartingPoint, checkpoints: Path) -> None:
    """Keep a copy of the network in the folder of checkpoints, which exists; resuming needs RUN no more."""
    if not (checkpoints / _KEPT).exists():
        save(start.model, checkpoints / _KEPT, {"copied from": start.place})


def restored(place: str, sha256: str, checkpoints: Path) -> StartingPoint:
    """Find the network that a run being resumed started from: the copy beside its checkpoints, or RUN itself.

    `sha256` is that of the weights when the run was started.

    Raises: `ModelFileError` if there is no copy, and RUN is gone or damaged; `UsageError` if there is no
    copy, and RUN has changed.
    """
    kept = checkpoints / _KEPT
    if kept.exists():
        model = load(kept)
        assert isinstance(model, (ImageModel, TextModel))  # `keep` saves nothing else
        start = _at(place, model, _config_of(Path(place)))
    else:
        start = starting_point(place)
    if start.sha256 != sha256:
        raise UsageError(
            f"--resume: the weights of {place} are not those that the run was started from; restore them, or "
            "start again with --overwrite"
        )
    return start


def _at(place: str, model: ImageModel | TextModel, config: Mapping[str, Any] | None) -> StartingPoint:
    digest = hashlib.sha256(pack(model.network.state_dict())).hexdigest()
    return StartingPoint(place, model, digest, config)


def _config_of(run: Path) -> Mapping[str, Any] | None:
    """The configuration of a run; `None` where the folder is no run, or its file cannot be read."""
    try:
        document = read_json(run / "config.json", MOST_BYTES)
        is_whole = isinstance(document["data"], dict) and isinstance(document["settings"], dict)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return document if is_whole else None


def _network_of(model: Model, place: str, config: Mapping[str, Any] | None) -> ImageModel | TextModel:
    """The network of a model that may be a classical one.

    Raises: `ModelFileError` if the run's network is damaged; `UsageError` if there is none.
    """
    if isinstance(model, (ImageModel, TextModel)):
        return model
    if isinstance(model, AverageModel):
        members = [each.model for each in model.members]
        model = next((each for each in members if not isinstance(each, ClassicalModel)), members[0])
        return _network_of(model, place, config)
    plan = (config or {}).get("plan") or {}
    if plan.get("network") is not None:
        beside = load(Path(place) / "models" / Path(str(plan.get("model"))).name)
        if isinstance(beside, (ImageModel, TextModel)):
            return beside
    if isinstance(model, ClassicalModel) and model.network is not None:
        if model.encoder is not None:
            return TextModel(model.network, model.encoder, model.classes)
        assert model.preprocessing is not None  # a network takes images or texts
        return ImageModel(model.network, model.preprocessing, model.classes)
    raise UsageError(
        f"--from: {place} holds a classical model alone, which cannot continue training; train a network "
        "first, without "
        "--model or with the name of one, and give its run"
    )

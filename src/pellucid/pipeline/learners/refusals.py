"""Settings that could change nothing are refused, with a `UsageError` that names what fits."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.classical import baselines_for
from pellucid.data.labels import require_classes, require_threshold
from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.pipeline.by_target import WAYS
from pellucid.settings import (
    ADVERSARIAL,
    BACKBONES,
    CLASSICAL,
    CLASSICAL_MODELS,
    GENERATIVE,
    GENERATORS,
    IMAGES,
    NEURAL,
    NEURAL_OF_IMAGES,
    NEURAL_OF_TEXTS,
    ROWS,
    Row,
    Settings,
    metric_of,
    metrics_of,
)
from pellucid.targets import TARGETS, Target
from pellucid.training.by_target import require_fitting_target

_TOKENS = [row for row in ROWS if set(row.belongs_to) & set(NEURAL_OF_TEXTS)]
_OF_IMAGES = [row for row in ROWS if IMAGES in row.belongs_to]

# By what the inputs are: in words, and the networks for them.
_FITTING: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "images": ("images", NEURAL_OF_IMAGES),
    "values": ("feature vectors", ("mlp",)),
    "texts": ("texts", NEURAL_OF_TEXTS),
}


def require_fitting_model(settings: Settings, target: Target) -> None:
    """Refuse a model that cannot learn such labels, and settings that a classical model has no use for."""
    if settings.model not in CLASSICAL:
        return
    require_fitting_target(settings, target, only=("class_weight",))
    fitting = baselines_for(target)
    if settings.model not in fitting:
        other = next(each.nouns for each in TARGETS.values() if settings.model in baselines_for(each))
        nouns = WAYS[target].of_example
        raise UsageError(
            "--model: {model} predicts {other}, and these labels are {nouns}; "
            "choose auto, a network or one of {fitting}",
            settings.model,
            other,
            nouns,
            ", ".join(fitting),
        )
    idle = [row for row in ROWS if CLASSICAL_MODELS in row.not_with]
    _refuse(settings, idle, "steer networks only", Sentence("--model is {model}", settings.model))


def without_idle(settings: Settings) -> Settings:
    """Settings with those at their defaults that the model they name has no use for.

    So that a grid over models may set what steers some of them. A backbone, which is a model itself, stays.
    """
    kinds = {
        CLASSICAL_MODELS: settings.model in CLASSICAL,
        GENERATORS: settings.model in GENERATIVE,
        ADVERSARIAL: settings.model == ADVERSARIAL,
    }
    of = {kind for kind, is_one in kinds.items() if is_one}
    idle = [row for row in ROWS if of & set(row.not_with) and row.name not in ("backbone", "weights")]
    networks = {*NEURAL, *GENERATIVE}
    if settings.model in networks:
        idle += [row for row in ROWS if networks & {*row.belongs_to} and settings.model not in row.belongs_to]
    if settings.model == ADVERSARIAL:
        idle += [row for row in ROWS if row.name == "patience"]
    return dataclasses.replace(settings, **{row.name: row.default for row in idle})


def require_known_classes(settings: Settings, classes: Sequence[str], place: str, target: Target) -> None:
    """Refuse settings that name a class which the data does not have, and a metric that it has none for."""
    metric = metric_of(settings.metric)
    # Those of numbers have one of their own that decides.
    if settings.metric is not None and not target.metric and target.noun not in metric.targets:
        fitting = [each.setting for each in metrics_of(target.noun, len(classes)) if each.test]
        raise UsageError(
            "--metric: {metric} is no score of {nouns} as {place} has them; choose one of {fitting}",
            settings.metric,
            target.nouns,
            place,
            ", ".join(fitting),
        )
    if metric.of_two and len(classes) != 2:
        raise UsageError(
            "--metric: {metric} ranks the examples of one of two classes, and {place} has "
            "{value} classes; choose another",
            settings.metric,
            place,
            len(classes) or "no",
        )
    if isinstance(settings.class_weight, Mapping):
        require_classes("--class-weight", settings.class_weight, classes, place)
    require_threshold(settings.threshold, classes, place, target)


def require_fitting_generator(settings: Settings, given: Mapping[str, Any], target: Target) -> None:
    """Refuse labels that are numbers, and settings that a network which makes images has no use for."""
    what = WAYS[target].not_conditions
    if what:
        raise UsageError(
            "--model: {model} makes images, of classes where there are labels, and these labels "
            "are {what}; give --target class to take each as a class, or images without labels",
            settings.model,
            what,
        )
    idle = [row for row in ROWS if GENERATORS in row.not_with]
    also = ["--baselines"] if given.get("baselines") else []
    _refuse(
        settings, idle, "steer models that predict", Sentence("{model} makes images", settings.model), also
    )


def require_prediction(settings: Settings) -> None:
    """Refuse a network that makes images where something is to be predicted."""
    if settings.model in GENERATIVE:
        raise UsageError(
            "--model: {model} makes images and predicts nothing; train it with pellucid train or "
            "ImageGenerator, or choose another model here",
            settings.model,
        )


def require_fitting_inputs(settings: Settings, takes: str) -> None:
    """Refuse a network, and settings, that belong to another kind of input or to another network.

    The inputs are `images`, `values` (feature vectors) or `texts`.
    """
    words, networks = _FITTING[takes]
    reads = "texts" if settings.model in NEURAL_OF_TEXTS else "images"
    needs = Sentence(
        "--model: {model} needs {reads}, not {words}; use {any_of}",
        settings.model,
        reads,
        words,
        _any_of((*networks, "auto")),
    )
    if settings.model in GENERATIVE and takes != "images":
        raise UsageError(needs)
    _require_generator(settings)
    if settings.builds_on_backbone:
        _require_room_for_backbone(settings, takes)
        return
    if settings.model in NEURAL and settings.model not in networks:
        raise UsageError(needs)
    of_others, kind = (_OF_IMAGES, "images") if takes == "texts" else (_TOKENS, "texts")
    _refuse(
        settings, of_others, Sentence("belong to {kind}", kind), Sentence("the inputs are {words}", words)
    )
    if takes != "texts":
        return
    for row in _TOKENS:
        owners = row.belongs_to
        if settings.model in NEURAL and settings.model not in owners and row.is_used(settings):
            raise UsageError(
                "{flag}: belongs to {owners}, and --model is {model}; "
                "leave it out, or give --model {owners2}",
                row.flag,
                _any_of(owners),
                settings.model,
                owners[0],
            )
    if settings.vectors is None and not settings.tune_vectors:
        raise UsageError("--no-tune-vectors: needs --vectors FILE; give it, or leave this out")


def _require_generator(settings: Settings) -> None:
    """Refuse settings of networks that make images with any other model, and those without a use there."""
    for row in ROWS:
        owners = row.belongs_to
        if set(owners) & set(GENERATIVE) and settings.model not in owners and row.is_used(settings):
            raise UsageError(
                "{flag}: belongs to {owners}, and --model is {model}; leave it out",
                row.flag,
                _any_of(owners),
                settings.model,
            )
    if settings.model != ADVERSARIAL:
        return
    if settings.patience is not None:
        raise UsageError(
            "--patience: no score of an epoch says how good the images of {ADVERSARIAL} are; leave it out",
            ADVERSARIAL,
        )
    if settings.optimizer == "gd":
        raise UsageError(
            "--optimizer: gd takes one step for each pass over the data, and the two networks of "
            "{ADVERSARIAL} follow each other in many small ones; leave it out",
            ADVERSARIAL,
        )


def _require_room_for_backbone(settings: Settings, takes: str) -> None:
    """Refuse what a network that others designed has no room for."""
    if settings.model != "auto":
        raise UsageError(
            "--backbone: {backbone} is the network, and --model is {model}; leave one of them out",
            settings.backbone,
            settings.model,
        )
    if takes != "values":
        kinds = {BACKBONES} if takes == "texts" else {IMAGES}
        of_others = [row for row in ROWS if row.belongs_to and not kinds & set(row.belongs_to)]
        fixed = [row for row in ROWS if BACKBONES in row.not_with and row not in of_others]
        idle = [row for row in ROWS if row in of_others or row in fixed]
        _refuse(
            settings,
            idle,
            "steer other networks",
            Sentence("the layers of {backbone} are fixed", settings.backbone),
        )


def networks_with(settings: Settings, names: Sequence[str]) -> list[str]:
    """Networks of texts, of those named, that have every setting which was given; in the same order."""
    given = [row for row in _TOKENS if row.is_used(settings)]
    fitting = [network for network in names if all(network in row.belongs_to for row in given)]
    if not fitting:
        raise UsageError(
            "{join}: no network has all of them; leave some out", ", ".join(row.flag for row in given)
        )
    return fitting


def _refuse(settings: Settings, rows: Sequence[Row], do: str, reason: str, also: Sequence[str] = ()) -> None:
    """Refuse settings that were given where they change nothing; `do` is what they do, in the plural."""
    idle = [row.flag for row in rows if row.is_used(settings)] + [*also]
    if idle:
        verb, _, rest = do.partition(" ")
        does, them = (f"{verb}s", "it") if len(idle) == 1 else (verb, "them")
        raise UsageError(
            "{idle}: {does} {rest}, and {reason}; leave {them} out", ", ".join(idle), does, rest, reason, them
        )


def _any_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else Sentence("{names} or {names2}", ", ".join(names[:-1]), names[-1])

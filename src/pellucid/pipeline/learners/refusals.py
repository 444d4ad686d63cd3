"""Settings that could change nothing are refused before anything is trained, with what fits."""

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.classical import baselines_for
from pellucid.data.labels import require_classes, require_threshold
from pellucid.errors import UsageError
from pellucid.settings import (
    ADVERSARIAL,
    CLASSICAL,
    GENERATIVE,
    NEURAL,
    NEURAL_OF_IMAGES,
    NEURAL_OF_TEXTS,
    NO_BACKBONE,
    ROWS,
    Settings,
    metric_of,
)
from pellucid.tasks import REGRESSION, TARGETS, Target

_STEER_BOTH = frozenset(
    {"image_size", "model", "preset", "time_limit", "metric", "seed", "threads", "class_weight", "threshold"}
)
# Settings of networks, and the values that say what a classical model does anyway.
_OF_NETWORKS = tuple(
    row.name
    for row in ROWS
    if (row.group in ("network", "training") or row.name in ("precision", "device"))
    and row.name not in _STEER_BOTH
)
_TRUE_OF_CLASSICAL = {"augment": False, "mirror": False, "device": "cpu", "backbone": NO_BACKBONE}

_OF_IMAGES = ("image_size", "resize", "pooling", "batch_norm", "augment", "mirror")
# A setting of images, and the value that says what happens to texts anyway.
_TRUE_OF_TEXTS = {"augment": False, "mirror": False}

# Settings of networks that make images, and those that have them.
_OF_GENERATORS: Mapping[str, tuple[str, ...]] = {"latent": GENERATIVE, "beta": ("vae",)}

# Settings of models that predict; those of texts and of pretrained networks are refused elsewhere.
_PREDICTING = frozenset(
    "from_ rehearse pooling dropout loss label_smoothing class_weight threshold augment "
    "mirror metric baselines learning_curve folds slice_column".split()
)
_NOT_OF_GENERATORS = tuple(row.name for row in ROWS if row.name in _PREDICTING)
_TRUE_OF_GENERATORS = {
    "augment": False,
    "mirror": False,
    "class_weight": "none",
    "dropout": 0.0,
    "baselines": False,
    "learning_curve": False,
    "folds": 0,
}

_TOKEN_NETWORKS = ("text-cnn", "rnn")
# Settings of texts, and the networks that have them.
_OF_TEXTS: Mapping[str, tuple[str, ...]] = {
    "cell": ("rnn",),
    "tokens": _TOKEN_NETWORKS,
    "length": NEURAL_OF_TEXTS,
    "vectors": _TOKEN_NETWORKS,
    "tune_vectors": _TOKEN_NETWORKS,
}

# Settings that a pretrained network has no use for; it takes no feature vectors at all.
_NOT_OF_BACKBONES: Mapping[str, tuple[str, ...]] = {
    "images": ("pooling", "batch_norm", *_OF_TEXTS),
    "values": (),
    "texts": (
        *("pooling", "batch_norm", "image_size", "augment", "mirror"),
        *("cell", "tokens", "vectors", "tune_vectors"),
    ),
}

_WORDS = {"images": "images", "values": "feature vectors", "texts": "texts"}
_NETWORKS: Mapping[str, tuple[str, ...]] = {
    "images": NEURAL_OF_IMAGES,
    "values": ("mlp",),
    "texts": NEURAL_OF_TEXTS,
}


def require_fitting_model(settings: Settings, target: Target) -> None:
    """Refuse a model that cannot learn such labels, and settings that a classical model has no use for.

    Raises: `UsageError` naming what fits.
    """
    if settings.model not in CLASSICAL:
        return
    if target is REGRESSION and settings.class_weight not in (None, "none"):
        raise UsageError("--class-weight: belongs to classes, but numbers are predicted; leave it out")
    fitting = baselines_for(target)
    if settings.model not in fitting:
        other = next(each.nouns for each in TARGETS.values() if each is not target)
        raise UsageError(
            f"--model: {settings.model} predicts {other}, and these labels are {target.nouns}; "
            f"choose auto, a network or one of {', '.join(fitting)}"
        )
    _refuse(
        settings, _OF_NETWORKS, f"steer networks only, and --model is {settings.model}", _TRUE_OF_CLASSICAL
    )


def require_known_classes(settings: Settings, classes: Sequence[str], place: str) -> None:
    """Refuse settings that name a class which the data does not have, and a metric that it has none for.

    Raises: `UsageError` naming it.
    """
    if metric_of(settings.metric).of_two and len(classes) != 2:
        raise UsageError(
            f"--metric: {settings.metric} ranks the examples of one of two classes, and {place} has "
            f"{len(classes) or 'no'} classes; choose another"
        )
    if isinstance(settings.class_weight, Mapping):
        require_classes("--class-weight", settings.class_weight, classes, place)
    require_threshold(settings.threshold, classes, place)


def require_fitting_generator(settings: Settings, given: Mapping[str, Any], target: Target) -> None:
    """Refuse labels that are numbers, and settings that a network which makes images has no use for.

    Raises: `UsageError` naming what fits.
    """
    if target is REGRESSION:
        raise UsageError(
            f"--model: {settings.model} makes images, of classes where there are labels, and these labels "
            "are numbers; give --target class to take each as a class, or images without labels"
        )
    why = f"steer models that predict, and {settings.model} makes images"
    more = ["--baselines"] if given.get("baselines") else []
    _refuse(settings, _NOT_OF_GENERATORS, why, _TRUE_OF_GENERATORS, more)


def require_prediction(settings: Settings) -> None:
    """Refuse a network that makes images where something is to be predicted.

    Raises: `UsageError` naming what fits.
    """
    if settings.generates:
        raise UsageError(
            f"--model: {settings.model} makes images and predicts nothing; train it with pellucid train or "
            "ImageGenerator, or choose another model here"
        )


def require_fitting_inputs(settings: Settings, takes: str) -> None:
    """Refuse a network, and settings, that belong to another kind of input or to another network.

    The inputs are `images`, `values` (feature vectors) or `texts`.

    Raises: `UsageError` naming what fits.
    """
    words, networks, model = _WORDS[takes], _NETWORKS[takes], settings.model
    if settings.generates and takes != "images":
        raise UsageError(f"--model: {model} needs images, not {words}; use {_any_of((*networks, 'auto'))}")
    _require_fitting_images(settings)
    if settings.builds_on_backbone:
        if model != "auto":
            raise UsageError(
                f"--backbone: {settings.backbone} is the network, and --model is {model}; leave one of "
                "them out"
            )
        why = f"steer other networks, and the layers of {settings.backbone} are fixed"
        _refuse(settings, _NOT_OF_BACKBONES[takes], why)
        return
    if model in NEURAL and model not in networks:
        reads = "texts" if model in NEURAL_OF_TEXTS else "images"
        raise UsageError(f"--model: {model} needs {reads}, not {words}; use {_any_of((*networks, 'auto'))}")
    if takes != "texts":
        _refuse(settings, tuple(_OF_TEXTS), f"belong to texts, and the inputs are {words}", _TRUE_OF_TEXTS)
        return
    _refuse(settings, _OF_IMAGES, f"belong to images, and the inputs are {words}", _TRUE_OF_TEXTS)
    for name, owners in _OF_TEXTS.items():
        if model in NEURAL and model not in owners and _changes(settings, name):
            raise UsageError(
                f"{_flag(name)}: belongs to {_any_of(owners)}, and --model is {model}; "
                f"leave it out, or give --model {owners[0]}"
            )
    if settings.vectors is None and not settings.tune_vectors:
        raise UsageError("--no-tune-vectors: needs --vectors FILE; give it, or leave this out")


def _require_fitting_images(settings: Settings) -> None:
    """Refuse settings of networks that make images beside any other model, and those without a use there."""
    model = settings.model
    for name, owners in _OF_GENERATORS.items():
        if model not in owners and _changes(settings, name):
            raise UsageError(
                f"{_flag(name)}: belongs to {_any_of(owners)}, and --model is {model}; leave it out"
            )
    if model == ADVERSARIAL and settings.patience is not None:
        raise UsageError(
            f"--patience: no score of an epoch says how good the images of {ADVERSARIAL} are; leave it out"
        )
    if model == ADVERSARIAL and settings.optimizer == "gd":
        raise UsageError(
            f"--optimizer: gd takes one step for each pass over the data, and the two networks of "
            f"{ADVERSARIAL} follow each other in many small ones; leave it out"
        )


def networks_with(settings: Settings, names: Sequence[str]) -> list[str]:
    """Networks of texts, of those named, that have every setting which was given; in the same order.

    Raises: `UsageError` if no network has them all.
    """
    given = [name for name in _OF_TEXTS if _changes(settings, name)]
    fitting = [network for network in names if all(network in _OF_TEXTS[name] for name in given)]
    if not fitting:
        raise UsageError(
            f"{', '.join(_flag(name) for name in given)}: no network has all of them; leave some out"
        )
    return fitting


def _refuse(
    settings: Settings,
    names: Sequence[str],
    why: str,
    harmless: Mapping[str, Any] | None = None,
    more: Sequence[str] = (),
) -> None:
    """Refuse settings, and `more` flags, that were given and change nothing; `why` begins with a verb."""
    idle = [_flag(name) for name in names if _changes(settings, name, harmless)] + [*more]
    if idle:
        verb, _, rest = why.partition(" ")
        verb, them = (f"{verb}s", "it") if len(idle) == 1 else (verb, "them")
        raise UsageError(f"{', '.join(idle)}: {verb} {rest}; leave {them} out")


def _changes(settings: Settings, name: str, harmless: Mapping[str, Any] | None = None) -> bool:
    """True where a setting differs from its default, and from a value that says what happens anyway."""
    value = getattr(settings, name)
    if value == getattr(Settings, name):
        return False
    return harmless is None or name not in harmless or value != harmless[name]


def _flag(name: str) -> str:
    return next(row.flag for row in ROWS if row.name == name)


def _any_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"

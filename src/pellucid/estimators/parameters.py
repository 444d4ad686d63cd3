"""The parameters of an estimator: rows of the settings table as a constructor that only stores."""

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, no_type_check

import numpy as np

from pellucid.errors import ArgumentError
from pellucid.settings import GENERATIVE, NEURAL_OF_IMAGES, NEURAL_OF_TEXTS, ROWS, Row, Settings, instead_of

Estimator = TypeVar("Estimator", bound="type[Stored]")


@no_type_check  # a constructor that stores -1 for `model` is what scikit-learn's checks ask for
@dataclass(kw_only=True, eq=False, repr=False)
class Stored:
    """Parameters of any estimator, stored as the caller wrote them, unchecked; `fit` checks them.

    Names and defaults are those of the settings table; the decorator `documented` takes their meanings from
    there. Here are those that steer the training of every network.

    Attributes:
        TARGET: what the setting of that name says of the labels.
        NETWORKS: networks that can learn from such inputs.
        BASELINES: classical models that can learn such labels.
    """  # noqa: DOC601, DOC603  the settings table explains the others

    TARGET: ClassVar[str | None] = None
    NETWORKS: ClassVar[tuple[str, ...]] = ()
    BASELINES: ClassVar[tuple[str, ...]] = ()

    activation: str | None = None
    width: int | None = None
    depth: int | None = None
    preset: str = "standard"
    epochs: int | None = None
    time_limit: str | None = None
    batch_size: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    schedule: str | None = None
    patience: int | None = None
    seed: int = 0
    threads: int | None = None
    precision: str = "auto"
    device: str = "auto"

    def _settings(self) -> Settings:
        """The parameters, checked.

        Raises: `UsageError` if a parameter is of the wrong type, out of range, or contradicts another.
        """
        values = {row.name: _plain(getattr(self, row.name)) for row in rows(type(self))}
        return Settings.from_mapping({**values, "target": self.TARGET}, type(self).__name__)


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class Parameters(Stored):
    """Further parameters of estimators that predict."""

    TARGET: ClassVar[str | None] = "number"
    BASELINES: ClassVar[tuple[str, ...]] = ("mean", "ridge", "svm", "random-forest")

    model: str = "auto"
    backbone: str | None = None
    weights: str | None = None
    dropout: float | None = None


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class ClassParameters(Parameters):
    """Further parameters of estimators that learn classes."""

    TARGET: ClassVar[str | None] = None
    BASELINES: ClassVar[tuple[str, ...]] = ("majority", "logistic-regression", "svm", "random-forest")

    loss: str | None = None
    label_smoothing: float | None = None
    rename: Mapping[Any, str] | str | None = None
    min_examples: int | None = None
    class_weight: Mapping[Any, float] | str | None = None
    threshold: Mapping[Any, float] | str | None = None
    metric: str | None = None


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class ImageParameters(Parameters):
    """Further parameters of estimators that take images."""

    NETWORKS: ClassVar[tuple[str, ...]] = NEURAL_OF_IMAGES

    image_size: str | int | None = None
    resize: str = "fit"
    pooling: str = "max"
    batch_norm: bool = True
    augment: bool | None = None
    mirror: bool | None = None


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class TextParameters(Parameters):
    """Further parameters of estimators that take texts."""

    NETWORKS: ClassVar[tuple[str, ...]] = NEURAL_OF_TEXTS

    cell: str | None = None
    tokens: str | None = None
    length: int | None = None
    vectors: str | None = None
    tune_vectors: bool = True


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class ImageClassParameters(ClassParameters, ImageParameters):
    """All parameters of a classifier of images."""


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class TextClassParameters(ClassParameters, TextParameters):
    """All parameters of a classifier of texts."""


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class GeneratorParameters(Stored):
    """Further parameters of a network that makes images."""

    NETWORKS: ClassVar[tuple[str, ...]] = GENERATIVE

    model: str = "vae"
    image_size: str | int | None = None
    resize: str = "fit"
    batch_norm: bool = True
    latent: int | None = None
    beta: float | None = None


def rows(estimator: "type[Stored]") -> tuple[Row, ...]:
    """The rows of the settings table, in its order, that are parameters of an estimator."""
    names = {field.name for field in dataclasses.fields(estimator)}
    return tuple(row for row in ROWS if row.name in names)


def documented(estimator: Estimator) -> Estimator:
    """Put the parameters and their meanings in the place of `{parameters}`; refuse unknown ones by name."""
    lines = "\n".join(f"        {row.name}: {_meaning(row, estimator)}" for row in rows(estimator))
    estimator.__doc__ = (estimator.__doc__ or "").replace("{parameters}", f"Args:\n{lines}")
    store, known = estimator.__init__, [row.name for row in rows(estimator)]

    @functools.wraps(store)  # the signature stays, which scikit-learn and completion read
    def __init__(self: Stored, *arguments: Any, **given: Any) -> None:
        for name in given:
            if name not in known:
                raise ArgumentError(f"{estimator.__name__}: unknown parameter {instead_of(name, known)}")
        store(self, *arguments, **given)

    estimator.__init__ = __init__  # type: ignore[method-assign]
    return estimator


def _meaning(row: Row, estimator: "type[Stored]") -> str:
    choices = row.choices
    if row.name == "model":
        auto = ("auto",) if estimator.BASELINES else ()
        choices = (*auto, *estimator.NETWORKS, *estimator.BASELINES)
    shown = f" ({', '.join(choices)})" if choices else ""
    more = ", or a mapping from each class" if row.kind is dict else ""
    default = getattr(estimator, row.name, row.default)
    return f"{row.meaning}{shown}{more}. Default: {default!r}."


def _plain(value: Any) -> Any:
    """Turn a NumPy scalar back into Python's own value; grids of parameters are often arrays."""
    return value.item() if isinstance(value, np.generic) else value

"""The parameters of an estimator: rows of the settings table as a constructor that only stores."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, no_type_check

import numpy as np

from pellucid.settings import ROWS, Row, Settings

Estimator = TypeVar("Estimator", bound="type[Parameters]")


@no_type_check  # a constructor that stores -1 for `model` is what scikit-learn's checks ask for
@dataclass(kw_only=True, eq=False, repr=False)
class Parameters:
    """Stores what the caller wrote, unchecked, as scikit-learn asks; `fit` checks it.

    Names and defaults are those of the settings table; the decorator `documented` takes their
    meanings from there.
    """

    image_size: str | int | None = None
    model: str = "auto"
    activation: str | None = None
    pooling: str = "max"
    dropout: float | None = None
    batch_norm: bool = True
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
    loss: str = "cross-entropy"
    label_smoothing: float | None = None
    class_weight: str | Mapping[Any, float] | None = None
    augment: bool | None = None
    patience: int | None = None
    metric: str = "accuracy"
    seed: int = 0
    threads: int | None = None
    precision: str = "auto"
    device: str = "auto"

    def _settings(self) -> Settings:
        """The parameters, checked.

        Weights given class by class are not in the settings; see `inputs.weights_of_classes`.

        Raises:
            UsageError: a parameter is of the wrong type, out of range, or contradicts another.
        """
        values = {row.name: _plain(getattr(self, row.name)) for row in rows()}
        if isinstance(self.class_weight, Mapping):
            values["class_weight"] = "none"
        return Settings.from_mapping(values, type(self).__name__)


def rows() -> tuple[Row, ...]:
    """The rows of the settings table that are parameters.

    Returns:
        Rows in the table's order.
    """
    names = {field.name for field in dataclasses.fields(Parameters)}
    return tuple(row for row in ROWS if row.name in names)


def documented(estimator: Estimator) -> Estimator:
    """Put the parameters and their meanings in the place of `{parameters}` in a docstring.

    Args:
        estimator: a class; its docstring is changed.

    Returns:
        The same class.
    """
    lines = "\n".join(f"        {row.name}: {_meaning(row)}" for row in rows())
    estimator.__doc__ = (estimator.__doc__ or "").replace("{parameters}", f"Args:\n{lines}")
    return estimator


def _meaning(row: Row) -> str:
    choices = f" ({', '.join(row.choices)})" if row.choices else ""
    more = ", or a weight for each class, as a dict" if row.name == "class_weight" else ""
    return f"{row.meaning}{choices}{more}. Default: {row.default!r}."


def _plain(value: Any) -> Any:
    """What NumPy made of a value becomes Python's own again; grids of parameters are often arrays."""
    return value.item() if isinstance(value, np.generic) else value

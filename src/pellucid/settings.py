"""The one table of settings: flags, TOML keys, constructors and the reference all come from it.

Each field of `Settings` is a row: its name, type and default stand in the declaration, its
meaning, bounds and choices in the metadata. `None` means "decided by the preset or by a stated
rule"; what was decided is printed and saved in `config.json`.
"""

import dataclasses
import numbers
import os
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from pellucid.errors import UsageError

Group = Literal["data", "network", "training", "run"]

NEURAL_OF_PICTURES = ("cnn", "mlp", "lenet")
"""Neural networks for pictures; `mlp` also takes feature vectors."""

NEURAL_OF_TEXTS = ("text-cnn", "rnn", "bag")
"""Neural networks for texts."""

NEURAL = (*NEURAL_OF_PICTURES, *NEURAL_OF_TEXTS)
"""Models that are neural networks."""

CLASSICAL = ("majority", "logistic-regression", "svm", "random-forest", "mean", "ridge")
"""Models that are none; `mean` and `ridge` predict numbers, `majority` and `logistic-regression` classes."""

NO_BACKBONE = "none"
"""Value of `--backbone` with which none is considered."""

BASELINES = ("majority", "mean")
"""Those that look at no input: what every other model has to beat."""


@dataclass(frozen=True)
class Row:
    """One setting as flags, TOML and the reference need it.

    Attributes:
        name: name in Python.
        kind: `str`, `int`, `float` or `bool`.
        default: value when nothing is given; `None` means decided by rule.
        group: which part of the work it steers.
        meaning: one sentence for people, without the closing stop.
        choices: every admitted text; empty when any text will do.
        low: smallest admitted number, or `None`.
        high: largest admitted number, or `None`.
    """

    name: str
    kind: type
    default: Any
    group: Group
    meaning: str
    choices: tuple[str, ...]
    low: float | None
    high: float | None

    @property
    def key(self) -> str:
        """The name in TOML: that in Python, without the line that keeps `from_` apart from a keyword."""
        return self.name.rstrip("_")

    @property
    def flag(self) -> str:
        """The command-line form, such as `--learning-rate`."""
        return "--" + self.key.replace("_", "-")


def _row(
    default: Any,
    group: Group,
    meaning: str,
    *,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
) -> Any:
    metadata = {"group": group, "meaning": meaning, "choices": choices, "low": low, "high": high}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the user asked for. Checked on construction; a contradiction raises `UsageError`."""

    # data
    task: str = _row(
        "auto", "data", "Kind of input; auto goes by the data", choices=("auto", "image", "text")
    )
    target: str | None = _row(
        None,
        "data",
        "What is predicted; default: a number where a table's labels are numbers with fractions "
        "and more than 20 distinct values, a class elsewhere",
        choices=("class", "number"),
    )
    test: str | None = _row(None, "data", "Separate labelled DATA that becomes the test split")
    input_column: str | None = _row(None, "data", "Table column holding the texts or image paths")
    label_column: str | None = _row(None, "data", "Table column holding the labels")
    group_column: str | None = _row(None, "data", "Table column whose equal values never stand in two splits")
    split_column: str | None = _row(
        None, "data", "Table column with the values train, validation (or val) and test"
    )
    encoding: str | None = _row(None, "data", "Text encoding of tables and text files; default: detected")
    skip_bad: bool = _row(False, "data", "Leave unreadable examples out instead of refusing the data")
    image_size: str | None = _row(
        None, "data", "Training size in pixels, N or HxW; default: a rule from the data"
    )
    # network
    model: str = _row(
        "auto",
        "network",
        "Model to train: a network, or a classical model alone",
        choices=("auto", *NEURAL, *CLASSICAL),
    )
    backbone: str | None = _row(
        None,
        "network",
        "Pretrained network to build on: efficientnet-lite0, or any network of timm with --weights "
        "(pictures), all-minilm-l6-v2 or glove-6b-50d (texts), or none; default: one that is installed is "
        "considered for pictures that look like photographs, and for few texts",
    )
    weights: str | None = _row(
        None,
        "network",
        "Local weights of --backbone: a .safetensors file (pictures), the folder of a sentence encoder or a "
        "file of word vectors (texts)",
    )
    from_: str | None = _row(
        None, "network", "Run or model folder whose network goes on: its weights and its classes are kept"
    )
    cell: str | None = _row(None, "network", "Cell of rnn; default: lstm", choices=("lstm", "gru"))
    tokens: str | None = _row(
        None,
        "network",
        "What text-cnn and rnn read; default: a rule from the data",
        choices=("words", "sub-words", "characters", "bytes"),
    )
    length: int | None = _row(
        None,
        "network",
        "Most tokens of a text that are read; default: a rule from the data",
        low=1,
        high=65_536,
    )
    vectors: str | None = _row(
        None,
        "network",
        "Pretrained word vectors: GloVe or word2vec text, or .npy with a vocabulary beside it",
    )
    tune_vectors: bool = _row(True, "network", "Train pretrained word vectors further")
    activation: str | None = _row(
        None,
        "network",
        "Activation function after each hidden layer; default: gelu in cnn, relu elsewhere",
        choices=("relu", "leaky-relu", "gelu", "sigmoid", "tanh"),
    )
    pooling: str = _row("max", "network", "Pooling inside the network", choices=("max", "average"))
    dropout: float | None = _row(None, "network", "Probability of zeroing a unit", low=0.0, high=0.95)
    batch_norm: bool = _row(True, "network", "Normalise each channel over the batch")
    width: int | None = _row(
        None,
        "network",
        "Units of a hidden layer (mlp, rnn, bag), channels of the first block (cnn) "
        "or filters of each size (text-cnn)",
        low=1,
        high=4096,
    )
    depth: int | None = _row(
        None,
        "network",
        "Hidden layers (mlp, bag, before the head of text-cnn), blocks (cnn) or recurrent layers (rnn); "
        "an mlp of depth 0 is linear",
        low=0,
        high=64,
    )
    # training
    preset: str = _row(
        "standard", "training", "How much work to spend", choices=("quick", "standard", "best")
    )
    epochs: int | None = _row(None, "training", "Passes over the training split", low=1, high=100_000)
    time_limit: str | None = _row(None, "training", "Bound on the whole command, such as 90s, 10m or 1h")
    batch_size: int | None = _row(None, "training", "Examples per step", low=1, high=1_000_000)
    optimizer: str | None = _row(
        None,
        "training",
        "Optimiser; gd takes the whole training split in each step",
        choices=("gd", "sgd", "momentum", "nesterov", "adam", "adamw"),
    )
    learning_rate: float | None = _row(None, "training", "Largest learning rate", low=1e-9, high=1e3)
    weight_decay: float | None = _row(
        None, "training", "Pull of the weights towards zero", low=0.0, high=10.0
    )
    schedule: str | None = _row(
        None, "training", "Course of the learning rate", choices=("one-cycle", "cosine", "constant")
    )
    loss: str | None = _row(
        None,
        "training",
        "Loss function; default: cross-entropy for classes, mse for numbers",
        choices=("cross-entropy", "mse"),
    )
    rehearse: bool | None = _row(
        None,
        "training",
        "With --from, learn again from a part of what the network was trained on; "
        "default: where that data is still at hand",
    )
    label_smoothing: float | None = _row(
        None, "training", "Share of each target spread over all classes", low=0.0, high=0.9
    )
    class_weight: str | None = _row(
        None,
        "training",
        "Weight of a class in the loss; default: balanced when the largest class "
        "has more than five times the examples of the smallest, but never for texts",
        choices=("none", "balanced"),
    )
    augment: bool | None = _row(
        None, "training", "Shift, mirror and erase training pictures; default: a rule from the data"
    )
    patience: int | None = _row(
        None,
        "training",
        "Epochs without a better validation score before training stops; "
        "default: never, the schedule runs to its end",
        low=1,
        high=100_000,
    )
    metric: str = _row(
        "accuracy",
        "training",
        "Score that selection and recommendation use; numbers always use root mean squared error",
        choices=("accuracy", "macro-f1", "log-loss"),
    )
    # run
    seed: int = _row(0, "run", "Seed of every random draw", low=0, high=2**32 - 1)
    threads: int | None = _row(None, "run", "Processor threads; default: one per core", low=1, high=1024)
    precision: str = _row(
        "auto",
        "run",
        "Arithmetic of training; auto is bf16 where the processor has it and the network gains by it",
        choices=("auto", "fp32", "bf16"),
    )
    device: str = _row("auto", "run", "Where to train", choices=("auto", "cpu", "cuda", "mps"))
    rivals: bool = _row(True, "run", "Train the classical models beside the network")
    learning_curve: bool | None = _row(
        None,
        "run",
        "Train on parts of the training split too, to see whether more data would help; "
        "default: the best rival alone, where rivals are trained and no time limit is given",
    )
    folds: int | None = _row(
        None, "run", "Cross-validate on so many folds too, for small data; default: off", low=2, high=50
    )

    def __post_init__(self) -> None:
        for row in ROWS:
            object.__setattr__(self, row.name, _checked(row, getattr(self, row.name)))
        if self.loss == "mse" and self.label_smoothing:
            raise UsageError(
                "--label-smoothing: belongs to cross-entropy, but --loss is mse; leave one of them out"
            )
        if self.weights is not None and self.backbone in (None, NO_BACKBONE):
            raise UsageError("--weights: belongs to --backbone NAME; give it, or leave this out")
        parse_image_size(self.image_size)
        parse_duration(self.time_limit)

    @property
    def builds_on_backbone(self) -> bool:
        """Whether a pretrained network was asked for by name."""
        return self.backbone not in (None, NO_BACKBONE)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], place: str) -> "Settings":
        """Build settings from values of unknown types, such as a parsed TOML file.

        Args:
            values: setting names (dashes or underscores) to values.
            place: where they come from, for messages.

        Returns:
            The checked settings.

        Raises:
            UsageError: a name is unknown or given twice, or a value is of the wrong type or out of
                range; the message starts with the place.
        """
        known = {row.name: row for row in ROWS}
        named: dict[str, Any] = {}
        for given, value in values.items():
            name = name_of(given)
            if name not in known:
                keys = sorted(row.key for row in ROWS)
                raise UsageError(f"{place}: unknown setting {given!r}; known are {', '.join(keys)}")
            if name in named:
                raise UsageError(f"{place}: setting {name!r} is given twice; leave one of them out")
            named[name] = value
        try:
            return cls(**{name: _checked(known[name], value) for name, value in named.items()})
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from error


def _kind(annotation: Any) -> type:
    """The plain type behind `X` or `X | None`."""
    if get_origin(annotation) in (types.UnionType, typing.Union):
        return next(part for part in get_args(annotation) if part is not types.NoneType)  # type: ignore[no-any-return]
    return annotation  # type: ignore[no-any-return]


ROWS: tuple[Row, ...] = tuple(
    Row(name=each.name, kind=_kind(each.type), default=each.default, **each.metadata)
    for each in dataclasses.fields(Settings)
)


def name_of(key: str) -> str:
    """The name in Python of a setting as TOML, a flag or Python itself names it.

    Args:
        key: such as `learning-rate` or `from`.

    Returns:
        Such as `learning_rate` or `from_`; an unknown name comes back as it is.
    """
    plain = key.replace("-", "_")
    return next((row.name for row in ROWS if row.key == plain), plain)


_KIND_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _checked(row: Row, value: Any) -> Any:
    """Bring a value to its plain type, or refuse it.

    A NumPy number becomes a plain one, `3.0` a whole number and, where any text will do, `32` the
    text `"32"`, a path a text: what is saved is JSON, whatever it came from.

    Args:
        row: the setting.
        value: what was given for it.

    Returns:
        The same value as `bool`, `int`, `float` or `str`; `None` stays `None` where a rule decides.

    Raises:
        UsageError: wrong type, outside the choices or outside the bounds; with the flag, the value
            found and what is admitted.
    """
    if value is None and row.default is None:
        return None
    if row.kind is str and isinstance(value, os.PathLike):
        value = os.fspath(value)
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    is_integer = isinstance(value, numbers.Integral) and is_number
    right_type = {
        bool: isinstance(value, bool),
        int: is_integer or (is_number and float(value).is_integer()),
        float: is_number and value == value,
        str: isinstance(value, str) or (is_integer and not row.choices),
    }[row.kind]
    if not right_type:
        raise UsageError(f"{row.flag}: {value!r} is not {_KIND_WORDS[row.kind]}")
    if row.choices and value not in row.choices:
        raise UsageError(f"{row.flag}: {value!r} is not known; choose one of {', '.join(row.choices)}")
    if (row.low is not None and value < row.low) or (row.high is not None and value > row.high):
        raise UsageError(f"{row.flag}: {value!r} is outside {row.low} to {row.high}")
    return row.kind(value)


def parse_image_size(text: str | None) -> tuple[int, int] | None:
    """Read an image size.

    Args:
        text: `"N"` for a square or `"HxW"`, in pixels; `None` stays `None`.

    Returns:
        Height and width, each 1 to 4096.

    Raises:
        UsageError: the text is of another form or a side is out of range.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text, re.ASCII)
    if match is None:
        raise UsageError(f"--image-size: {text!r} is neither N nor HxW, such as 32 or 24x48")
    height, width = int(match[1]), int(match[2] or match[1])
    if not (1 <= height <= 4096 and 1 <= width <= 4096):
        raise UsageError(f"--image-size: {text!r} is outside 1 to 4096 pixels a side")
    return height, width


def parse_duration(text: str | None) -> float | None:
    """Read a duration such as `90s`, `10m`, `1.5h` or plain seconds.

    Args:
        text: the duration; `None` stays `None`.

    Returns:
        Seconds, above zero.

    Raises:
        UsageError: the text is of another form or not above zero.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|m|h)?", text, re.ASCII)
    if match is None or float(match[1]) <= 0:
        raise UsageError(f"--time-limit: {text!r} is not a duration such as 90s, 10m or 1h")
    return float(match[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}[match[2]]

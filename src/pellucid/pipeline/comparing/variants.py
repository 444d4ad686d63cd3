"""`--vary NAME=V1,V2,...`: from texts to variants, each a complete set of settings."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.errors import UsageError
from pellucid.settings import CLASSICAL, ROWS, Row, Settings, likely_meant, name_of

MOST_VARIANTS = 50

_WORDS_OF_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NOT_VARIED = {
    "metric": "it decides how variants are judged; give --metric once",
    "time_limit": "variants would train for different numbers of steps from run to run; vary epochs",
    "from_": "compare trains every variant afresh",
    "rehearse": "it belongs to --from, and compare trains every variant afresh",
}
_NOT_GIVEN = {
    "time_limit": "compare trains every variant for the steps its settings ask for; give --epochs",
    "baselines": "compare trains what --vary names, such as --vary model=cnn,svm",
    "learning_curve": "belongs to train",
    "from_": "belongs to train: compare trains every variant afresh; leave it out",
    "rehearse": "belongs to --from, and compare trains every variant afresh; leave it out",
    "watch": "belongs to train; leave it out",
    "log": "belongs to train; leave it out",
}
_ROW_OF = {row.name: row for row in ROWS}
_OF_TRAINING = [row for row in ROWS if row.group in ("network", "training")]
_VARIED = {row.name: row for row in _OF_TRAINING if row.name not in _NOT_VARIED}
# Settings that a classical model has no use for.
OF_NETWORKS = {row.name for row in _OF_TRAINING} - {"model", "metric"} | {"precision", "device"}


@dataclass(frozen=True)
class Variant:
    """Settings that are compared with other variants of them."""

    name: str  # the varied settings with their values, such as `activation=relu`
    varied: Mapping[str, Any]
    settings: Settings


@dataclass(frozen=True)
class Design:
    """Design of a comparison: the varied settings with their values, those given, seeds and folds."""

    vary: Mapping[str, Sequence[Any]]
    given: Mapping[str, Any]
    seeds: int
    folds: int

    @property
    def settings(self) -> Settings:
        """The fixed settings; their seed is the first of all seeds."""
        return Settings(**self.given)

    def seed_numbers(self) -> list[int]:
        """The seeds, counted up from the first."""
        return [(self.settings.seed + number) % 2**32 for number in range(self.seeds)]


def parse_vary(texts: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Read the texts given to `--vary`, each `NAME=V1,V2,...`: settings to their values, in the order given.

    Raises: `UsageError` if a text is of another form, a name is unknown, cannot be varied or is given twice,
    or a value is unfit; with what is admitted.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals:
            raise UsageError("--vary {text}: is not NAME=V1,V2,... such as activation=relu,tanh", text)
        row = _row(name.strip())
        if row.name in found:
            raise UsageError(
                "--vary {text}: {name} is varied twice; give all its values in one --vary", text, row.name
            )
        found[row.name] = tuple(_value(row, each.strip()) for each in values.split(","))
    return found


def _row(name: str) -> Row:
    """The setting of a name, or a `UsageError` if there is none, or it cannot be varied."""
    plain = name_of(name.removeprefix("--"))
    if plain in _VARIED:
        return _VARIED[plain]
    if plain == "seed":
        raise UsageError("--vary seed: every variant is trained with several seeds anyway; give --seeds N")
    if plain in _NOT_VARIED:
        raise UsageError(
            "--vary {key}: cannot be varied: {NOT_VARIED}", _ROW_OF[plain].key, _NOT_VARIED[plain]
        )
    known = ", ".join(sorted(_VARIED))
    if plain in _ROW_OF:
        raise UsageError(
            "--vary {plain}: is no setting of network or training; choose one of {known}", plain, known
        )
    hint = likely_meant(plain, list(_VARIED))
    raise UsageError("--vary {name}: is not known{hint}; choose one of {known}", name, hint, known)


def _value(row: Row, text: str) -> Any:
    """A value as the table of settings takes it, or a `UsageError` with what is admitted."""
    if not text:
        raise UsageError(
            "--vary {name}: a value is empty; write {name2}=V1,V2 without gaps", row.name, row.name
        )
    if row.kind is bool:
        if text.lower() not in _WORDS_OF_TRUTH:
            raise UsageError("--vary {name}: {text!r} is not true or false", row.name, text)
        return _WORDS_OF_TRUTH[text.lower()]
    if row.kind in (str, dict):
        return text
    try:
        return row.kind(text)
    except ValueError as error:
        kind = "a whole number" if row.kind is int else "a number"
        raise UsageError("--vary {name}: {text!r} is not {kind}", row.name, text, kind) from error


@contextlib.contextmanager
def naming_variant(name: str) -> Iterator[None]:
    """Put the name of a variant before the message of what is refused, a `UsageError`."""
    try:
        yield
    except UsageError as error:
        raise UsageError("variant {name}: {error}", name, error) from error


def make_variants(vary: Mapping[str, Sequence[Any]], given: Mapping[str, Any]) -> list[Variant]:
    """Every combination of the varied settings, with the fixed ones, the last varied changing fastest."""
    Settings.from_mapping(given, "settings")
    for name, why in _NOT_GIVEN.items():
        if given.get(name) is not None:
            raise UsageError("{flag}: {why}", _ROW_OF[name].flag, why)
    if not vary:
        raise UsageError(
            "compare: --vary is missing; name a setting and its values: --vary activation=relu,tanh"
        )
    rows = {name: _row(name) for name in vary}
    values_of = {row.name: checked_values(row.name, vary[name], given) for name, row in rows.items()}
    combinations = list(itertools.product(*values_of.values()))
    if len(combinations) > MOST_VARIANTS:
        raise UsageError(
            "--vary: makes {combinations:,} variants, and {MOST_VARIANTS} are the most; give fewer values",
            len(combinations),
            MOST_VARIANTS,
        )
    return [_variant(dict(zip(values_of, values, strict=True)), given) for values in combinations]


def checked_values(name: str, values: Sequence[Any], given: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values of one setting, brought to its type."""
    if name in given:
        raise UsageError(
            "--vary {name}: is also fixed at {given}; leave one of them out", name, shown(given[name])
        )
    fit = tuple(getattr(Settings.from_mapping({name: value}, f"--vary {name}"), name) for value in values)
    for place, value in enumerate(fit):
        if value in fit[:place]:
            raise UsageError("--vary {name}: {shown} is there twice; leave one out", name, shown(value))
    if len(fit) < 2:
        raise UsageError(
            "--vary {name}: has one value only; give two or more, or fix it with {flag}",
            name,
            _VARIED[name].flag,
        )
    return fit


def _variant(varied: Mapping[str, Any], given: Mapping[str, Any]) -> Variant:
    """One combination; of a classical model without the settings that are about networks."""
    name = " ".join(f"{setting}={shown(value)}" for setting, value in varied.items())
    with naming_variant(name):
        settings = Settings(**{**given, **varied})
    if settings.model not in CLASSICAL:
        return Variant(name, varied, settings)
    idle = [setting for setting in varied if setting != "model"]
    if idle:
        raise UsageError(
            "variant {name}: {idle} {word} about networks, and "
            "{model} is none; compare models alone, or networks alone",
            name,
            ", ".join(idle),
            "is" if len(idle) == 1 else "are",
            settings.model,
        )
    kept = ("model", "target", "image_size", "metric", "seed", "threads")
    return Variant(name, varied, Settings(**{each: getattr(settings, each) for each in kept}))


def shown(value: Any) -> str:
    """A value of a setting as people write it, such as `relu`, `0.01` or `true`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return str(value)

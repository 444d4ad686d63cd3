"""Dataclasses that files hold as settings in JSON and arrays, nothing trusted.

An array is declared with its sides, and the bounds of these in a table:

    SIZES = {"inputs": Whole(1, 10_000_000), "columns": Whole(1, 100_000)}
    weights: Float64[np.ndarray, "inputs columns"]

so that type and shape of every array follow from the settings before any is read.
"""

import typing
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from pellucid.language.sentence import Sentence
from pellucid.safety.strict import Field, Whole, declared, field_of, optional_of, read_object

Own = TypeVar("Own", bound="Stored")

# Name of an array to its type and shape.
Forms = dict[str, tuple[str, tuple[int, ...]]]


def read_arrays(kind: str, expected: Forms, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compare arrays with their announced forms; they come back read-only.

    `kind` is what they belong to, for messages.

    Raises: `ValueError` if an array is missing, is one too many, has another type or shape, or is not finite.
    """
    if arrays.keys() != expected.keys():
        raise ValueError(
            Sentence(
                "{kind}: holds the arrays {arrays}, not {expected}",
                kind,
                sorted(arrays)[:12],
                sorted(expected),
            )
        )
    found = {}
    for name, (dtype, shape) in expected.items():
        array = arrays[name]
        if str(array.dtype) != dtype or array.shape != shape:
            raise ValueError(
                Sentence(
                    "{kind}: {name} is {dtype} {shape}, not {dtype2} {shape2}",
                    kind,
                    name,
                    array.dtype,
                    array.shape,
                    dtype,
                    shape,
                )
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(Sentence("{kind}: {name} holds numbers that are not finite", kind, name))
        found[name] = array.view()
        found[name].flags.writeable = False
    return found


class Stored:
    """Base of dataclasses that a file holds as settings in JSON and arrays.

    Fields of an array type of jaxtyping are the arrays; settings are all other fields and, behind them, the
    sizes that the arrays name in their annotations. A setting that may be `LEFT_OUT` is, at its default.

    Attributes:
        kind: name of what is stored, for files and messages.
        SIZES: bounds of the sizes that a file states, in its order; others follow from these, see `_forms`.
    """

    kind: ClassVar[str]
    SIZES: ClassVar[Mapping[str, Whole]]

    @classmethod
    def _arrays(cls) -> Iterator[tuple[str, str, list[str]]]:
        """Name, type and sides of every array, as they are annotated; of two types the first."""
        for name, each in declared(cls).items():
            kinds = (each.annotation, *typing.get_args(each.annotation))
            array = next((kind for kind in kinds if hasattr(kind, "dim_str")), None)
            if array is not None:
                yield name, array.dtypes[0], array.dim_str.split()

    def to_json(self) -> dict[str, Any]:
        """Settings as plain JSON values, from which `expected` derives the forms of the arrays."""
        arrays = {name: sides for name, _, sides in self._arrays()}
        settings = {
            name: getattr(self, name)
            for name, each in declared(type(self)).items()
            if name not in arrays and not (each.is_left_out and getattr(self, name) == each.default)
        }
        sizes: dict[str, int] = {}
        for name, sides in arrays.items():
            sizes.update(zip(sides, getattr(self, name).shape, strict=True))
        stated = [side for side in self.SIZES if side in sizes and side not in settings]
        return {**settings, **{side: sizes[side] for side in stated}}

    @classmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        """Forms of the arrays by settings within their bounds, or `ValueError` where these disagree."""
        return {
            name: (dtype, tuple(int(side) if side.isdigit() else stated[side] for side in sides))
            for name, dtype, sides in cls._arrays()
        }

    def _check(self) -> None:
        """Refuse arrays of the right form that hold something impossible, with a `ValueError`."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays, for a file."""
        return {name: getattr(self, name) for name, _, _ in self._arrays()}

    @classmethod
    def _fields(cls) -> dict[str, Field]:
        """Bounds of the settings by name."""
        arrays = {name: sides for name, _, sides in cls._arrays()}
        fields = {
            name: field_of(each.annotation) for name, each in declared(cls).items() if name not in arrays
        }
        named = {side for sides in arrays.values() for side in sides}
        return {**{side: bounds for side, bounds in cls.SIZES.items() if side in named}, **fields}

    @classmethod
    def _stated(cls, settings: object) -> dict[str, Any]:
        """Settings within their bounds, those that were left out at their defaults."""
        optional = optional_of(cls)
        left_out = {name: each.default for name, each in declared(cls).items() if name in optional}
        return {**left_out, **read_object(cls.kind, settings, cls._fields(), optional)}

    @classmethod
    def _parts(cls, stated: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """What the object is built from, by settings within their bounds and arrays of their forms."""
        return {name: found[name] if name in found else stated[name] for name in declared(cls)}

    @classmethod
    def expected(cls, settings: object) -> Forms:
        """Type and shape of every array by its name from the settings alone, nothing trusted.

        Raises: `ValueError` if they are not what `to_json` gives.
        """
        return cls._forms(cls._stated(settings))

    @classmethod
    def from_parts(cls: type[Own], settings: object, arrays: Mapping[str, np.ndarray]) -> Own:
        """Build one from a file's content, nothing trusted; the arrays are taken over, not copied.

        Raises: `ValueError` if something is not what `to_json` and `arrays` give.
        """
        stated = cls._stated(settings)
        built = cls(**cls._parts(stated, read_arrays(cls.kind, cls._forms(stated), arrays)))
        built._check()
        return built

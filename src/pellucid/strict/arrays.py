"""Arrays out of a file, compared with what the settings beside them announce."""

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from pellucid.strict.fields import Fields, read_object

Own = TypeVar("Own", bound="Stored")

# Name of an array to its type and shape.
Forms = dict[str, tuple[str, tuple[int, ...]]]


def read_arrays(kind: str, expected: Forms, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compare arrays with their announced forms; they come back read-only.

    `kind` is what they belong to, for messages.

    Raises: `ValueError` if an array is missing, is one too many, has another type or shape, or is not finite.
    """
    if arrays.keys() != expected.keys():
        raise ValueError(f"{kind}: holds the arrays {sorted(arrays)[:12]}, not {sorted(expected)}")
    found = {}
    for name, (dtype, shape) in expected.items():
        array = arrays[name]
        if str(array.dtype) != dtype or array.shape != shape:
            raise ValueError(f"{kind}: {name} is {array.dtype} {array.shape}, not {dtype} {shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{kind}: {name} holds numbers that are not finite")
        found[name] = array.view()
        found[name].flags.writeable = False
    return found


class Stored:
    """Base of dataclasses that a file holds as settings in JSON and arrays beside them.

    Attributes:
        kind: name of what is stored, for files and messages.
        SETTINGS: type and bounds of each setting.
    """

    kind: ClassVar[str]
    SETTINGS: ClassVar[Fields]

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Settings as plain JSON values, from which `expected` tells the forms of the arrays."""

    @classmethod
    @abstractmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        """Forms of the arrays by settings within their bounds, or `ValueError` where these disagree."""

    def _check(self) -> None:
        """Refuse arrays of the right form that hold something impossible, with a `ValueError`."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays, for a file."""
        return {name: getattr(self, name) for name in self.expected(self.to_json())}

    @classmethod
    def expected(cls, settings: object) -> Forms:
        """Tell type and shape of every array by its name from the settings alone, nothing trusted.

        Raises: `ValueError` if they are not what `to_json` gives.
        """
        return cls._forms(read_object(cls.kind, settings, cls.SETTINGS))

    @classmethod
    def from_parts(cls: type[Own], settings: object, arrays: Mapping[str, np.ndarray]) -> Own:
        """Build one from a file's content, nothing trusted; the arrays are taken over, not copied.

        Raises: `ValueError` if something is not what `to_json` and `arrays` give.
        """
        found = read_arrays(cls.kind, cls.expected(settings), arrays)
        assert isinstance(settings, dict)  # `expected` refused everything else
        parts = {**settings, **found}
        built = cls(**{name: parts[name] for name in inspect.signature(cls).parameters})
        built._check()
        return built

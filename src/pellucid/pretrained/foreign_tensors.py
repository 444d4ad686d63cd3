"""Safetensors files of other makers: only expected tensors are read, in the shape expected.

Such files may hold more than is needed, metadata too, so that the stricter reading of model folders does not
fit them. The library checks the header against the file's own size before anything is read.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from pellucid.errors import ModelFileError

_KINDS = ("F64", "F32", "F16", "BF16")


def read_tensors(path: Path, expected: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Read the expected tensors, by name and shape, as float32, each in memory of its own.

    Raises: `ModelFileError` if the file is damaged, is no safetensors file, lacks a tensor, or holds one of
        another shape or with numbers that are not finite.
    """
    with _opened(path) as file:
        names = set(file.keys())
        for name, shape in expected.items():
            if name not in names:
                raise ModelFileError(f"{path}: lacks {name!r}; choose the weights that belong to the config")
            form = file.get_slice(name)
            if form.get_dtype() not in _KINDS or tuple(form.get_shape()) != shape:
                raise ModelFileError(
                    f"{path}: {name!r} is {form.get_dtype()} {form.get_shape()}, where fractions of the "
                    f"shape {list(shape)} are expected; choose the weights that belong to the config"
                )
        tensors = {name: file.get_tensor(name).to(torch.float32, copy=True) for name in expected}
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ModelFileError(f"{path}: {name!r} holds numbers that are not finite; use another copy")
    return tensors


def names_in(path: Path) -> set[str]:
    """Names of all tensors of a file, none of which is read.

    Raises: `ModelFileError` if it is damaged or no safetensors file.
    """
    with _opened(path) as file:
        return set(file.keys())


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open file, whose methods state no types.

    Raises:
        ModelFileError: it is damaged, or is no safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            f"{path}: not an undamaged safetensors file ({error}); other files may run code and are refused"
        ) from error

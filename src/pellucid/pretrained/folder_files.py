"""Files of a folder of weights: read within bounds, and what is wrong with one says where."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.errors import ModelFileError
from pellucid.language.sentence import Sentence
from pellucid.pretrained.bert import require
from pellucid.safety.files import open_regular
from pellucid.safety.strict import Items, Number, Whole, parse

WEIGHTS = "model.safetensors"
CONFIG_BYTES = 1 << 20
PROCESSOR = "preprocessor_config.json"
MEAN = Items(3, 3, Number(-10, 10), "numbers")
STD = Items(3, 3, Number(1e-3, 10), "numbers")
SIDE = Whole(1, 4096)  # of an image in pixels
_LICENCE = re.compile(r"^license:[ ]*([\w.+-]{1,40})[ ]*$", re.MULTILINE)


def licence_of(folder: Path) -> str:
    """Licence at the top of `README.md`."""
    licence = None
    if (folder / "README.md").is_file():
        with open_regular(folder / "README.md") as file:
            head = file.read(CONFIG_BYTES).decode("utf-8", "replace")
        if head.startswith("---\n"):
            licence = _LICENCE.search(head.split("\n---", 1)[0])
    return "not stated" if licence is None else licence[1]


class Processing(NamedTuple):
    """What is done to images before an encoder sees them."""

    mean: tuple[float, ...]  # of red, green and blue, 0 to 1
    std: tuple[float, ...]  # likewise
    size: tuple[int, int]  # height and width


def processing_of(path: Path) -> Processing:
    """Read the `preprocessor_config.json` of transformers.

    Raises: `ModelFileError` if it is damaged, or asks for something that is not supported.
    """
    with refused(path):
        facts = document(path)
        for name in ("do_rescale", "do_normalize"):
            require(name, facts.get(name, True), [True])
        require("rescale_factor", facts.get("rescale_factor", 1 / 255), [1 / 255])
        size = facts.get("crop_size" if facts.get("do_center_crop") else "size")
        if not isinstance(size, dict):
            size = {"shortest_edge": size}
        sides = [
            SIDE.read("size", size.get(name, next(iter(size.values()), None))) for name in ("height", "width")
        ]
        mean, std = (
            field.read(name, facts.get(name)) for name, field in (("image_mean", MEAN), ("image_std", STD))
        )
    return Processing(mean, std, (sides[0], sides[1]))


def document(path: Path) -> dict[str, Any]:
    """Object in JSON, whose content is still to be checked."""
    found = parse(content(path, CONFIG_BYTES))
    if not isinstance(found, dict):
        raise ValueError(Sentence("{name} found, an object expected", type(found).__name__))
    return found


def content(path: Path, most: int) -> bytes:
    """Bytes of a file, at most so many of them."""
    if not path.is_file():
        raise ModelFileError("{path}: missing; choose a whole folder", path)
    with open_regular(path) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise ValueError(Sentence("larger than {most} MB", most >> 20))
    return found


@contextlib.contextmanager
def refused(place: Path) -> Iterator[None]:
    """Context that turns a `ValueError` about a file into an error that names it."""
    try:
        yield
    except ModelFileError:
        raise
    except (ValueError, OSError) as error:
        raise ModelFileError(
            "{place}: {error}; choose an undamaged folder, or save this one anew", place, error
        ) from error

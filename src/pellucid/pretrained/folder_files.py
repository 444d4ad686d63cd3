"""Files of a folder of weights: read within bounds, and what is wrong with one says where."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pellucid.errors import ModelFileError
from pellucid.language.sentence import Sentence
from pellucid.safety.files import open_regular
from pellucid.safety.strict import parse

WEIGHTS = "model.safetensors"
CONFIG_BYTES = 1 << 20
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

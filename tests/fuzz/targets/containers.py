"""Containers of images: Parquet and Arrow files, shards and archives, each image read and decoded."""

import gzip
import io
import random
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from fuzz.mutating import mutate_bytes
from fuzz.targets.images import images
from made_images import decode_image
from pellucid.data.data_files import contents
from pellucid.data.sources.labelled import read_data
from pellucid.errors import PellucidError
from pellucid.settings import Settings

CONTAINERS = {
    "Parquet": "hub/data/train-00000-of-00002.parquet",
    "Arrow": "saved/train/data-00000-of-00001.arrow",
    "WebDataset": "shards/train-000000.tar",
    "packed WebDataset": "words.tar.gz",
    "ZIP": "",
}
_LAYOUTS = Path(__file__).parents[2] / "data" / "layouts"


@cache
def _container(form: str) -> tuple[str, bytes]:
    """Name and bytes of a container of images."""
    if CONTAINERS[form]:
        path = _LAYOUTS / CONTAINERS[form]
        return path.name, path.read_bytes()
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"):
            archive.writestr(name, images("PNG")[0])
    return "t.zip", sink.getvalue()


def container_trial(form: str) -> Callable[[random.Random, Path], str]:
    """Trial of containers of images, each image read and decoded."""
    name, whole = _container(form)

    def trial(draw: random.Random, place: Path) -> str:
        content = whole
        if name.endswith("gz") and draw.random() < 0.7:
            content = gzip.compress(mutate_bytes(draw, gzip.decompress(content)))
        else:
            content = mutate_bytes(draw, content)
        (place / name).write_bytes(content)
        listing = read_data(str(place / name), Settings())
        read = 0
        for found in contents(listing.paths or ()):
            try:
                read += decode_image(found).pixels.ndim if isinstance(found, bytes) else 0
            except PellucidError:
                continue
        assert len(listing.sources) == len(listing.labels) == len(listing.paths or ())
        return "read" if read else "read, no image left"

    return trial

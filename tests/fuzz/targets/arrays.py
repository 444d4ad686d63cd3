"""Arrays: archives of NumPy, and folders of IDX files."""

import gzip
import io
import random
import struct
from pathlib import Path

import numpy as np

from fuzz.mutating import mutate_bytes
from pellucid.data.sources.labelled import read_data
from pellucid.settings import Settings
from small_models import digits


def npz_trial(draw: random.Random, place: Path) -> str:
    """Archives of arrays."""
    pixels, labels = digits()
    members = {
        "x_train": pixels[:6, ..., 0],
        "y_train": labels[:6].astype(draw.choice(("i8", "U3", "S3", "f4", "?"))),
    }
    if draw.random() < 0.3:
        members["x_test"], members["y_test"] = (
            pixels[6:8, ..., 0].astype(draw.choice(("u1", "f4", "i2"))),
            labels[6:8],
        )
    if draw.random() < 0.5:
        name = draw.choice(sorted(members))
        before = members[name]
        odd = draw.choice((np.nan, np.inf, 1e300))
        members[name] = draw.choice([
            before.astype("f8") * odd if before.dtype.kind in "iuf" else before, before[:0], before[:1],
            np.zeros(()), np.zeros((6, 0, 8), np.uint8), np.zeros((6, 8, 8, 3), np.uint8),
            np.array(["a"] * 6), np.zeros(6, "M8[ns]"),
            np.zeros((6, 8, 8), np.complex64), np.asfortranarray(before),
        ])  # fmt: skip
    sink = io.BytesIO()
    with np.errstate(all="ignore"):
        (np.savez_compressed if draw.random() < 0.5 else np.savez)(sink, **members)
    content = sink.getvalue()
    (place / "t.npz").write_bytes(mutate_bytes(draw, content) if draw.random() < 0.8 else content)
    listing = read_data(str(place / "t.npz"), Settings())
    found = listing.load_pixels()
    assert found.ndim == 4
    assert len(found) == len(listing.labels)
    return "read"


def idx_trial(draw: random.Random, place: Path) -> str:
    """Folders of IDX files."""
    pixels, labels = digits()
    for part, count in (("train", 6), ("t10k", 3)):
        for name, array in (
            ("images-idx3", pixels[:count, ..., 0]),
            ("labels-idx1", labels[:count].astype(np.uint8)),
        ):
            head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            content = head + array.tobytes()
            if draw.random() < 0.4:
                content = mutate_bytes(draw, content)
            if draw.random() < 0.5:
                content, name = gzip.compress(content), name
                (place / f"{part}-{name}-ubyte.gz").write_bytes(
                    mutate_bytes(draw, content) if draw.random() < 0.2 else content
                )
            else:
                (place / f"{part}-{name}-ubyte").write_bytes(content)
    listing = read_data(str(place), Settings())
    assert len(listing.load_pixels()) == len(listing.labels)
    return "read"

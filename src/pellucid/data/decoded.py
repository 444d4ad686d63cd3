"""Content of a listing: decoded images or texts as they are, with the digests that find copies."""

import contextlib
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

from pellucid.data import image_copies, text_copies
from pellucid.data.image_copies import NearCopies
from pellucid.data.image_symmetries import SYMMETRY_RULE, all_copies
from pellucid.data.images.cache import cache_folder, decode_all
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.listing import Images, Listing, Problem
from pellucid.data.raw_texts import Texts
from pellucid.data.sibling_sets import CONTAINED, REORDERED, SAME_WORDS, TURNED
from pellucid.data.text_copies import near_texts, text_digests
from pellucid.safety.budgets import MEMORY
from pellucid.safety.files import make_folder
from pellucid.safety.strict import read_sealed_bytes, write_sealed_bytes
from pellucid.settings import Settings

_MOST_REMEMBERED = 100


@dataclass(frozen=True)
class Content:
    """Decoded images, or texts, of a listing."""

    # images, uint8 (n, height, width, channels), or texts
    inputs: UInt8[np.ndarray, "n height width channels"] | Texts
    digests: UInt8[np.ndarray, "n 16"]  # uint8 (n, 16); equal rows are exact copies
    problems: tuple[Problem, ...]  # examples that cannot be used
    images: Images | None = None  # what decoding learned; `None` for texts
    preprocessing: Preprocessing | None = None  # how images were fitted; `None` for texts


def content_of(
    listing: Listing,
    settings: Settings,
    fixed: Preprocessing | None = None,
) -> Content:
    """Decode images, with the arguments of `decode_all`, or take texts as they are."""
    if listing.texts is not None:
        return Content(listing.texts, text_digests(listing.texts), listing.problems)
    images, preprocessing = decode_all(listing, settings, fixed=fixed)
    return Content(images.pixels, images.digests, images.problems, images, preprocessing)


def near_copies_of(
    listing: Listing, content: Content, positions: Int64[np.ndarray, " positions"]
) -> NearCopies:
    """Search for near copies once among ascending `positions`; what is found in files is remembered."""
    if listing.pixels is not None:
        return _searched(content, positions)
    rule: object = text_copies.RULE
    if content.preprocessing is not None:
        rule = (image_copies.RULE, SYMMETRY_RULE, content.preprocessing)
    key = hashlib.sha256(repr(rule).encode())
    if content.images is not None:
        key.update(content.images.original_sizes.astype("<i8").tobytes())
    key.update(positions.astype("<i8").tobytes())
    key.update(np.ascontiguousarray(content.digests).tobytes())

    def search() -> Int64[np.ndarray, "rows 2"]:
        near = _searched(content, positions)
        heads = [[near.complete, near.crops], [near.flat, len(near.pairs)]]
        others = [[(len(pairs), 0), *pairs.tolist()] for pairs in near.others.values()]
        # The first rows say how the search went and how many near copies follow; then come those of each
        # rule, their number first.
        return np.array([*heads, *near.pairs.tolist(), *(row for each in others for row in each)], np.int64)

    rows = remembered("near-copies", key.hexdigest(), search, least=2)
    (complete, crops), (flat, number) = rows[:2].tolist()
    pairs, behind = np.split(rows[2:], [number])
    rules = (SAME_WORDS, REORDERED, CONTAINED) if content.images is None else TURNED
    others = {}
    for rule in rules if len(behind) else ():
        number = int(behind[0, 0])
        others[rule], behind = behind[1 : 1 + number], behind[1 + number :]
    return NearCopies(pairs, bool(complete), others, bool(crops), flat)


def remembered(
    kind: str, key: str, search: Callable[[], Int64[np.ndarray, "rows 2"]], least: int = 0
) -> Int64[np.ndarray, "rows 2"]:
    """Pairs that a search found before under a key, or finds now and the cache keeps in a folder `kind`."""
    path = cache_folder().parent / kind / f"{key[:40]}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        rows = np.load(io.BytesIO(read_sealed_bytes(path, MEMORY.value())), allow_pickle=False)
        if rows.dtype == np.int64 and rows.shape[1:] == (2,) and len(rows) >= least:
            return rows  # type: ignore[no-any-return]
    rows = search()
    stored = io.BytesIO()
    np.save(stored, rows)
    # A cache that cannot be written to costs seconds next time, and is no reason to stop.
    with contextlib.suppress(OSError):
        make_folder(path.parent)
        write_sealed_bytes(path, stored.getvalue())
        kept_files = sorted(path.parent.glob("*.npy"), key=lambda file: file.stat().st_mtime)
        for old in kept_files[:-_MOST_REMEMBERED]:
            old.unlink(missing_ok=True)
    return rows


def _searched(content: Content, positions: Int64[np.ndarray, " positions"]) -> NearCopies:
    if content.images is None:
        assert isinstance(content.inputs, Texts)
        return near_texts(content.inputs, positions)
    images = content.images
    return all_copies(images.pixels, images.perceptual_hashes, images.original_sizes, positions)

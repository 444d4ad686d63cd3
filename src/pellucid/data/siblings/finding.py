"""Finding siblings: every rule asked in its order, and joined."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Int64

from pellucid.data.copies.duplicates import NearCopies, confirmed_images
from pellucid.data.copies.text_copies import confirmed_texts
from pellucid.data.decoded import Content, remembered
from pellucid.data.listing import Images, Listing
from pellucid.data.siblings import bursts as burst_rule
from pellucid.data.siblings import quotes as quote_rule
from pellucid.data.siblings import scenes
from pellucid.data.siblings.bursts import bursts
from pellucid.data.siblings.near import confirmed_chains
from pellucid.data.siblings.quotes import quotes
from pellucid.data.siblings.rules import BURSTS, NEAR_COPIES, QUOTES, SOURCES, THREADS, Siblings, joined
from pellucid.data.siblings.sources import by_source
from pellucid.data.siblings.threads import threads
from pellucid.data.texts.store import Texts
from pellucid.data.wording import quoted

_STEPS = 2

Links = Int64[np.ndarray, "links 2"]


def find_siblings(
    listing: Listing,
    content: Content,
    first: Int64[np.ndarray, " n"],
    usable: Bool[np.ndarray, " n"],
    near: NearCopies,
) -> Siblings:
    """Find the examples that belong together, by every rule that fits the inputs.

    `first` is the position of the first example with the same content; `near` are near copies.
    """
    count = len(listing)
    alone = np.flatnonzero(usable & (first == np.arange(count))).astype(np.int64)
    links: dict[str, Links] = {
        NEAR_COPIES: confirmed_chains(count, near.pairs, lambda pairs: _still_alike(content, pairs))
    }
    if content.images is not None:
        links |= _of_images(listing, content.images, alone)
    if isinstance(content.inputs, Texts):
        links |= _of_texts(content.inputs, content, alone)
    name, by_column = by_source(listing.columns_of_sources, np.flatnonzero(usable).astype(np.int64))
    if listing.columns_of_sources:
        links[SOURCES] = by_column
    found = joined(count, int(usable.sum()), first, links)
    if name is None or not found.found[SOURCES].sets:
        return found
    said = f"Examples with the same {quoted(name)} stay together (--no-groups turns this off)."
    return dataclasses.replace(found, warnings=(*found.warnings, said))


def _still_alike(content: Content, pairs: Links) -> Bool[np.ndarray, " pairs"]:
    """Tell pairs that may be near copies of a common one."""
    if isinstance(content.inputs, Texts):
        alike, _ = confirmed_texts(content.inputs, pairs, steps=_STEPS)
        return np.concatenate([alike, np.zeros(len(pairs) - len(alike), bool)])
    return confirmed_images(content.inputs, pairs, _STEPS)


def _of_images(listing: Listing, images: Images, alone: Int64[np.ndarray, " alone"]) -> Mapping[str, Links]:
    """Rules for images."""
    if listing.paths is None:
        return {}
    key = hashlib.sha256(repr((burst_rule.RULE, scenes.RULE, images.pixels.shape, listing.labels)).encode())
    key.update(b"\0".join(str(path).encode(errors="backslashreplace") for path in listing.paths))
    if images.taken is not None:
        key.update(images.taken.tobytes())
    return {BURSTS: _once("bursts", key, images.digests, alone, lambda: bursts(listing, images, alone))}


def _of_texts(texts: Texts, content: Content, alone: Int64[np.ndarray, " alone"]) -> Mapping[str, Links]:
    """Rules for texts."""
    key = hashlib.sha256(repr(quote_rule.RULE).encode())
    return {
        QUOTES: _once("quotes", key, content.digests, alone, lambda: quotes(texts, alone)),
        THREADS: threads(texts, alone),
    }


def _once(
    kind: str,
    key: "hashlib._Hash",
    digests: np.ndarray,
    alone: Int64[np.ndarray, " alone"],
    search: Callable[[], Links],
) -> Links:
    """Links found for the same content before, or now."""
    key.update(alone.astype("<i8").tobytes())
    key.update(np.ascontiguousarray(digests).tobytes())
    return remembered(kind, key.hexdigest(), search)

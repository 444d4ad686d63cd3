"""Relations between examples: which kinds were searched, what was found, and how many cross the splits."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.data.dataset import Dataset
from pellucid.data.decoded import Content
from pellucid.data.image_copies import NearCopies
from pellucid.data.image_symmetries import MOST_CROPPED
from pellucid.data.listing import Listing
from pellucid.data.sibling_sets import (
    BURSTS,
    NEAR_COPIES,
    QUOTES,
    SOURCES,
    THREADS,
    TURNED,
    WORDS,
    Siblings,
    first_of_sets,
)
from pellucid.data.wording import count_of
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence, join
from pellucid.settings import Settings

# Kinds of relation that are no rules of siblings.
EXACT_COPIES = "exact copies"
NEAR_DUPLICATES = "near duplicates"
ANY = "any of these"
_SMALLEST_COMPARED = 8


class Copies(NamedTuple):
    """Exact and near copies."""

    # for each example the position of the first one with exactly the same content
    first: Int64[np.ndarray, " n"]
    near: NearCopies  # pairs that are nearly the same
    siblings: Siblings  # sets of examples that belong together


class Related(NamedTuple):
    """Examples that are related to another in one way."""

    kind: str  # `exact copies`, `near duplicates` or another rule of siblings, or `any of these`
    examples: int  # examples in its sets
    sets: int  # sets of two or more
    in_test: int  # test examples with a related one in train or validation


class Searched(NamedTuple):
    """A kind of relation, and what of it was not searched."""

    kind: str  # `exact copies`, `near duplicates` or another rule of siblings
    is_searched: bool
    left: str  # what was not searched and why; empty where everything was


def related(dataset: Dataset, copies: Copies) -> tuple[Related, ...]:
    """Examples, sets and test examples across splits of each kind of relation, and of all kinds together."""
    count = len(dataset.labels)
    is_learned, is_test = np.zeros((2, count), bool)
    is_learned[np.concatenate([dataset.train, dataset.validation])] = True
    is_test[dataset.test] = True
    places = np.arange(count, dtype=np.int64)
    exact = np.stack([copies.first, places], axis=1)[copies.first != places]
    # The rule for near copies has the near duplicates again.
    of_rules = {rule: links for rule, links in copies.siblings.links.items() if rule != NEAR_COPIES}
    kinds = {EXACT_COPIES: exact, NEAR_DUPLICATES: copies.near.pairs, **copies.near.others, **of_rules}
    found = []
    for kind, pairs in [*kinds.items(), (ANY, np.concatenate(list(kinds.values())))]:
        links = pairs[(is_learned | is_test)[pairs].all(axis=1)]
        if not len(links):
            continue
        members, first = np.unique(links), first_of_sets(count, links)
        crosses = is_test[members] & np.isin(first[members], first[members[is_learned[members]]])
        found.append(Related(kind, len(members), len(np.unique(first[members])), int(crosses.sum())))
    return tuple(found) if len(found) > 2 else tuple(found[:1])  # of one kind alone it is the same again


def searched(listing: Listing, content: Content, copies: Copies, settings: Settings) -> tuple[Searched, ...]:
    """What was searched of each kind of relation that fits the inputs, in the order of the rules."""
    near = copies.near
    left = [] if near.complete else ["pairs beyond the limit of the search"]
    images, is_compared = content.images, True
    if images is not None:
        is_compared = min(images.pixels.shape[1:3]) >= _SMALLEST_COMPARED
        left += [Sentence("{flat} without detail", count_of(near.flat, "image"))] if near.flat else []
        left += (
            []
            if near.crops
            else [Sentence("cropped copies, of more than {MOST_CROPPED:,} images", MOST_CROPPED)]
        )
        if not is_compared:
            left = [
                Sentence("images have sides of fewer than {SMALLEST_COMPARED} pixels", _SMALLEST_COMPARED)
            ]
    kinds = [Searched(EXACT_COPIES, True, "")]
    rules = [*near.others] or ([*TURNED] if images is not None else [])
    kinds += [Searched(kind, is_compared, join("; ", left)) for kind in (NEAR_DUPLICATES, *rules)]
    if settings.groups:
        rest = [rule for rule in copies.siblings.found if rule not in (NEAR_COPIES, *rules)]
        return (*kinds, *(Searched(rule, True, "") for rule in rest))
    rest = [BURSTS] if images is not None and listing.paths is not None else []
    rest += [QUOTES, THREADS] if images is None else []
    rest += [SOURCES] if listing.columns_of_sources else []
    return (*kinds, *(Searched(rule, False, "--no-groups") for rule in rest))


def relation_sentences(noun: str, found: Sequence[Related], kinds: Sequence[Searched]) -> list[str]:
    """Turned copies, which kinds of relation were searched and not found, and what was not searched."""

    def named(names: Sequence[str]) -> str:
        return ", ".join(translated(name.replace("_", " ")) for name in names)

    names = [each.kind for each in kinds if each.is_searched]
    none = sorted(set(names) - {each.kind for each in found}, key=names.index)
    sentences: list[str] = []
    for each in found:
        if each.kind in TURNED:
            words = WORDS[each.kind]
            sentences.append(
                Sentence(
                    "Images {words}: {examples} in {sets}; "
                    "{in_test:,} of the test {word} one in train or "
                    "validation.",
                    words,
                    count_of(each.examples, "image"),
                    count_of(each.sets, "set"),
                    each.in_test,
                    "has" if each.in_test == 1 else "have",
                )
            )
    if none:
        sentences.append(Sentence("Searched and not found among {noun}s: {none}.", noun, named(none)))
    parts: dict[str, list[str]] = {}
    for one in kinds:
        if one.left:
            parts.setdefault(one.left, []).append(one.kind)
    sentences += [Sentence("Not searched ({of}): {left}.", named(of), left) for left, of in parts.items()]
    return sentences

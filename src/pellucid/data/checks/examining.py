"""Looking at data that is read, decoded and split: counts, copies, names, imbalance."""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.data.checks.checking import (
    ANY,
    EXACT_COPIES,
    NEAR_DUPLICATES,
    Check,
    Labelled,
    Related,
    Skipped,
)
from pellucid.data.checks.class_findings import BALANCE_ABOVE, look_alikes, missing_classes
from pellucid.data.checks.number_findings import number_findings
from pellucid.data.checks.sibling_findings import group_findings, sibling_findings
from pellucid.data.checks.text_findings import text_findings
from pellucid.data.copies.duplicates import NearCopies
from pellucid.data.copies.sets import first_of_sets
from pellucid.data.dataset import Dataset
from pellucid.data.decoded import Content
from pellucid.data.earlier import NOTHING, EarlierConstraints
from pellucid.data.listing import TEST, TRAIN, VALIDATION, Images, Listing
from pellucid.data.siblings.rules import NEAR_COPIES, Siblings
from pellucid.data.splits.by_time import time_sentence
from pellucid.data.wording import count_of, quoted, some
from pellucid.settings import Settings
from pellucid.tasks import CLASSIFICATION


class Copies(NamedTuple):
    """Exact and near copies.

    Attributes:
        first: for each example the position of the first one with exactly the same content.
        near: pairs that are nearly the same.
        siblings: sets of examples that belong together.
    """

    first: Int64[np.ndarray, " n"]
    near: NearCopies
    siblings: Siblings


def examine(
    listing: Listing,
    content: Content,
    dataset: Dataset,
    copies: Copies,
    settings: Settings,
    known: EarlierConstraints = NOTHING,
    rare: Mapping[str, int] = MappingProxyType({}),
) -> Check:
    """Look at data that is read, decoded and split.

    Nothing is refused here. Classes of `known` are not missed where the data has none of them. `rare` are
    classes that were left out, with the examples of each.
    """
    used = np.sort(np.concatenate(list(dataset.split_positions.values())))
    counts = {
        part: dataset.target.counts(dataset.labels[positions], len(dataset.classes))
        for part, positions in dataset.split_positions.items()
    }
    training = [count for count in counts[TRAIN] if count]
    imbalance = max(training) / min(training)
    sets = _copy_sets(copies.first, used)
    pairs = copies.near.pairs.tolist()
    images, preprocessing = content.images, content.preprocessing
    return Check(
        place=listing.place,
        form=listing.form,
        classes=dataset.classes,
        counts=counts,
        numbers=number_findings(dataset),
        texts=None if listing.texts is None else text_findings(listing, used),
        sizes=() if images is None else _sizes(images.original_sizes[used]),
        modes=() if images is None else _modes(images, used),
        training_size=() if preprocessing is None else (*preprocessing.size, preprocessing.channels),
        stretched=preprocessing is not None and preprocessing.stretch,
        skipped=_skipped(listing, content),
        rare=dict(rare),
        left_out=_left_out(listing, content, rare, settings.min_examples or 0),
        copies=tuple(tuple(listing.sources[index] for index in each) for each in sets),
        conflicts=_conflicts(listing, sets),
        near_copies=tuple((listing.sources[one], listing.sources[other]) for one, other in pairs),
        related=_related(dataset, copies),
        own_splits=any(listing.splits),
        near_complete=copies.near.complete,
        duplicates=sum(len(each) - 1 for each in sets),
        near_duplicates=len({other for _, other in pairs}),
        leaked=tuple(listing.sources[index] for index in dataset.leaked.tolist()),
        look_alikes=look_alikes(dataset.classes),
        imbalance=imbalance,
        balanced=_is_balanced(dataset, imbalance, settings.class_weight),
        warnings=(
            *listing.warnings,
            *(() if images is None else images.warnings),
            *copies.siblings.warnings,
            *_warnings(listing, dataset, counts, known),
        ),
        first=copies.first,
        siblings=sibling_findings(copies.siblings, dataset),
        groups=group_findings(copies.siblings, dataset),
    )


def _copy_sets(first: Int64[np.ndarray, " n"], used: Int64[np.ndarray, " used"]) -> list[list[int]]:
    """Positions of each set of two or more exact copies."""
    repeats = used[first[used] != used]
    sets: dict[int, list[int]] = {}
    for index, leader in zip(repeats.tolist(), first[repeats].tolist(), strict=True):
        sets.setdefault(leader, [leader]).append(index)
    return [sets[leader] for leader in sorted(sets)]


def _conflicts(listing: Listing, sets: list[list[int]]) -> tuple[tuple[Labelled, ...], ...]:
    """Sets of exact copies whose labels differ."""
    return tuple(
        tuple(Labelled(listing.sources[index], listing.labels[index]) for index in each)
        for each in sets
        if len({listing.labels[index] for index in each}) > 1
    )


def _skipped(listing: Listing, content: Content) -> tuple[Skipped, ...]:
    """Examples that cannot be used."""
    return tuple(
        Skipped(at.index, at.source, listing.labels[at.index], listing.splits[at.index], at.reason)
        for at in content.problems
    )


def _left_out(listing: Listing, content: Content, rare: Mapping[str, int], least: int) -> tuple[Skipped, ...]:
    """Examples of classes that are too small."""
    unusable = {each.index for each in content.problems}
    return tuple(
        Skipped(
            index,
            listing.sources[index],
            label,
            listing.splits[index],
            f"class of {count_of(rare[label], 'example')}, fewer than --min-examples {least}",
        )
        for index, label in enumerate(listing.labels)
        if label in rare and index not in unusable
    )


def _is_balanced(dataset: Dataset, imbalance: float, class_weight: Mapping[str, float] | str | None) -> bool:
    """True where class weights make up for imbalance; by rule they do for images alone."""
    if class_weight is None:
        is_wanted = dataset.input_kind.is_weighted and imbalance > BALANCE_ABOVE
    else:
        is_wanted = class_weight != "none"
    return is_wanted and dataset.target is CLASSIFICATION


def _related(dataset: Dataset, copies: Copies) -> tuple[Related, ...]:
    """Examples, sets and test examples across splits of each kind of relation, and of all kinds together."""
    count = len(dataset.labels)
    is_learned, is_test = np.zeros((2, count), bool)
    is_learned[np.concatenate([dataset.train, dataset.validation])] = True
    is_test[dataset.test] = True
    places = np.arange(count, dtype=np.int64)
    exact = np.stack([copies.first, places], axis=1)[copies.first != places]
    of_siblings = {
        rule: links for rule, links in copies.siblings.links.items() if rule != NEAR_COPIES
    }  # which are the near duplicates, where siblings are looked for
    kinds = {EXACT_COPIES: exact, NEAR_DUPLICATES: copies.near.pairs, **of_siblings}
    found = []
    for kind, pairs in [*kinds.items(), (ANY, np.concatenate(list(kinds.values())))]:
        links = pairs[(is_learned | is_test)[pairs].all(axis=1)]
        if not len(links):
            continue
        members, first = np.unique(links), first_of_sets(count, links)
        crosses = is_test[members] & np.isin(first[members], first[members[is_learned[members]]])
        found.append(Related(kind, len(members), len(np.unique(first[members])), int(crosses.sum())))
    return tuple(found) if len(found) > 2 else tuple(found[:1])  # of one kind alone it is the same again


def _modes(images: Images, used: Int64[np.ndarray, " used"]) -> tuple[tuple[str, int], ...]:
    """Kinds of images as stored and their numbers, commonest first."""
    return tuple(Counter(images.modes[index] for index in used.tolist()).most_common())


def _sizes(sizes: np.ndarray) -> tuple[tuple[int, int, int], ...]:
    """Height, width and number of each size, commonest first."""
    codes, counts = np.unique(sizes[:, 0].astype(np.int64) << 32 | sizes[:, 1], return_counts=True)
    order = np.argsort(-counts, kind="stable").tolist()
    return tuple((int(codes[at]) >> 32, int(codes[at]) & 0xFFFFFFFF, int(counts[at])) for at in order)


def _warnings(
    listing: Listing, dataset: Dataset, counts: dict[str, tuple[int, ...]], known: EarlierConstraints
) -> list[str]:
    """Classes with few or no examples in a split, a test split that was cut, and groups in two splits."""
    new = [code for code, name in enumerate(dataset.classes) if name not in known.classes]
    warnings = []
    if new:
        counts_of_new = {part: [numbers[code] for code in new] for part, numbers in counts.items()}
        warnings += missing_classes([dataset.classes[code] for code in new], counts_of_new)
    if VALIDATION in listing.splits and TEST not in listing.splits and len(dataset.test):
        warnings.append(
            f"Your splits name no test, so {count_of(len(dataset.test), listing.noun)} of your training "
            "split were set aside for it."
        )
    if listing.times is not None:
        warnings.append(time_sentence(listing, dataset.split_positions))
    splits_of: dict[str, set[str]] = {}
    for part, positions in dataset.split_positions.items():
        for group in {listing.groups[index] for index in positions.tolist()}:
            splits_of.setdefault(group, set()).add(part)
    torn = [group for group, parts in splits_of.items() if group and len(parts) > 1]
    if torn:
        warnings.append(
            f"{count_of(len(torn), 'group')} {'stands' if len(torn) == 1 else 'stand'} in more than one of "
            f"your splits, so that scores may flatter: {some([quoted(group) for group in torn])}."
        )
    return warnings

"""From DATA to a finished data set: read, decode, check, split."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool

from pellucid.data.applied_corrections import apply_corrections, require_new_classes
from pellucid.data.by_target import READERS
from pellucid.data.checking import Check, examine
from pellucid.data.corrections import read_corrections
from pellucid.data.dataset import NO_CONSTRAINTS, Dataset, EarlierConstraints, build_dataset
from pellucid.data.decoded import Content, content_of, near_copies_of
from pellucid.data.image_copies import first_with_content
from pellucid.data.label_findings import look_alikes
from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing, Problem
from pellucid.data.raw_texts import Texts
from pellucid.data.relations import Copies
from pellucid.data.removal import of_images, of_texts, texts_without
from pellucid.data.sibling_sets import no_siblings
from pellucid.data.siblings import find_siblings, with_groups
from pellucid.data.sources.labelled import read_data
from pellucid.data.split_rules import SPLIT_RULE
from pellucid.data.splitting import split
from pellucid.data.wording import count_of, quoted, some, visible
from pellucid.errors import DataError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings, parse_ignore

_MOST_LISTED = 1000


def prepare(
    place: str | Listing,
    settings: Settings,
    *,
    make: Sequence[str] = (VALIDATION, TEST),
    known: EarlierConstraints = NO_CONSTRAINTS,
    split_rule: int = SPLIT_RULE,
) -> tuple[Dataset, Check]:
    """Make data ready for training, or report all that is wrong with it.

    `make` are the splits to cut where the user gave none; an estimator cuts no test. `known` is of an earlier
    model that continues training on this data. Splits are cut before labels are corrected, so that every
    example is in the split that it has without corrections. `split_rule` is the number of the rule by which
    splits are cut.

    Raises: `DataError` if images or texts cannot be used (and `skip_bad` is off), there are fewer than two
    classes, a class is too small for the splits to be made, or is tested and never trained on, or all numbers
    to predict are the same; or corrections do not fit the data.
    """
    table = None if settings.corrections is None else read_corrections(settings.corrections)
    listing = place if isinstance(place, Listing) else read_data(place, settings)
    needed = 1 if settings.generates else 2
    _require_targets(listing, np.ones(len(listing), bool), known, needed)
    content = content_of(listing, settings, known.preprocessing)
    usable = np.ones(len(listing), bool)
    usable[[problem.index for problem in content.problems]] = False
    if content.problems and not settings.skip_bad:
        raise _unusable(listing, content.problems)
    least = settings.min_examples or 0
    if least and not listing.coded.names:
        raise UsageError("--min-examples: {place} has no classes; leave it out", listing.place)
    given, readable = listing, usable
    reader = READERS[listing.target]
    listing, usable, rare = reader.without_rare(given, readable, least, known.classes)
    _require_targets(listing, usable, known, needed, rare)
    first = first_with_content(content.digests, usable)
    alone = np.flatnonzero(usable & (first == np.arange(len(first)))).astype(np.int64)
    near = near_copies_of(listing, content, alone)
    kept, divided = with_groups(first, listing.groups, int(usable.sum()), listing.noun)
    siblings = no_siblings(kept)
    if settings.groups:
        siblings = find_siblings(listing, content, first, usable, near, kept)
    siblings = replace(siblings, warnings=(*divided, *siblings.warnings))
    kept = siblings.first
    splits = split(listing, kept, usable, settings.seed, make, split_rule)
    applied = None
    if table is not None:
        needed_of_new = 1 + len(({VALIDATION, TEST} & {*make}) - {*given.splits})
        corrected, applied = apply_corrections(
            given, content.digests, splits, table, skip_bad=settings.skip_bad
        )
        readable = readable & ~np.isin(np.arange(len(readable)), list(applied.left_out))
        listing, usable, rare = reader.without_rare(corrected, readable, least, known.classes)
        splits[usable & (splits == UNDECIDED)] = TRAIN  # of a class that is rare without corrections
        used = np.where(usable, splits, UNDECIDED)
        require_new_classes(given, listing, used, needed_of_new, known.classes, table.place)
        _require_targets(listing, usable, known, needed, rare)
        first = first_with_content(content.digests, usable)
    content = _without_ignored(content, settings)
    dataset = build_dataset(listing, content, splits, first, usable, known.classes, kept, split_rule)
    _require_trained(listing, dataset, known)
    copies = Copies(first, near, siblings)
    return dataset, examine(listing, content, dataset, copies, settings, known, rare, applied)


def _without_ignored(content: Content, settings: Settings) -> Content:
    """Texts without what `--ignore` takes out; images are without it since they were decoded.

    Raises: `UsageError` if it is of other inputs.
    """
    rules = parse_ignore(settings.ignore)
    wrong = of_images(rules) if isinstance(content.inputs, Texts) else of_texts(rules)
    if wrong:
        inputs = "texts" if isinstance(content.inputs, Texts) else "images"
        raise UsageError(
            "--ignore {wrong}: the data holds {inputs}, of which this takes out nothing", wrong[0], inputs
        )
    if not isinstance(content.inputs, Texts) or not of_texts(rules):
        return content
    return replace(content, inputs=Texts.of(texts_without(content.inputs, of_texts(rules))))


def _require_targets(
    listing: Listing,
    usable: Bool[np.ndarray, " n"],
    known: EarlierConstraints,
    needed: int,
    rare: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Refuse data of too few classes, `rare` ones left out, or a user's split that lost all it had."""
    if rare and len(({*listing.coded.names} - rare.keys()) | {*known.classes}) < needed:
        raise DataError(
            "{place}: --min-examples leaves {rare} out, the largest with "
            "{values}, and fewer than {needed} are left; give a smaller "
            "number",
            listing.place,
            count_of(len(rare), "class"),
            count_of(max(rare.values()), listing.noun),
            needed,
        )
    if not usable.any():
        raise DataError(
            "{place}: no {noun} that can be used; give labelled {noun2}s",
            listing.place,
            listing.noun,
            listing.noun,
        )
    labels = listing.coded.at(usable)
    READERS[labels.target].require_learnable(labels, listing.place, listing.noun, needed, known.classes)
    splits = np.array(listing.splits, dtype="<U10")
    for part in (TRAIN, VALIDATION, TEST):
        if (splits == part).any() and not (usable & (splits == part)).any():
            raise DataError(
                "{place}: no {noun} of the {part} split can be used; fix them",
                listing.place,
                listing.noun,
                part,
            )
    if not np.isin(splits, (TRAIN, UNDECIDED)).any():
        raise DataError(
            "{place}: no {noun} is for training; mark some as {TRAIN}", listing.place, listing.noun, TRAIN
        )


def _unusable(listing: Listing, problems: Sequence[Problem]) -> DataError:
    """The error that lists every image, or the first thousand texts, that cannot be used."""
    number = len(problems)
    shown = problems if listing.texts is None else problems[:_MOST_LISTED]
    listed = "".join(
        Sentence("\n  {visible}", visible(f"{problem.source}: {problem.reason}")) for problem in shown
    )
    if len(shown) < number:
        listed += Sentence("\n  and {number:,} more", number - len(shown))
    return DataError(
        "{place}: {number:,} of {listing} cannot be used; "
        "fix or remove {word}, or leave {word2} "
        "out with --skip-bad{listed}",
        listing.place,
        number,
        count_of(len(listing), listing.noun),
        "it" if number == 1 else "them",
        "it" if number == 1 else "them",
        listed,
    )


def _require_trained(listing: Listing, dataset: Dataset, known: EarlierConstraints) -> None:
    """Refuse numbers that are all the same in training, and classes that are scored and never answered."""
    labels, place = dataset.labels_at(dataset.train), Sentence("{place}, {TRAIN} split", listing.place, TRAIN)
    READERS[dataset.target].require_learnable(labels, place, listing.noun, 0, known.classes)
    if not dataset.exclusive_classes:
        return
    trained = set(labels.values.tolist())
    trained |= {dataset.classes.index(name) for name in known.classes}
    for part in (VALIDATION, TEST):
        scored = set(dataset.labels[dataset.split_positions[part]].tolist())
        names = [dataset.classes[code] for code in sorted(scored - trained)]
        if not names:
            continue
        alike: dict[str, str] = {}
        for one, other, _ in look_alikes(dataset.classes):
            alike |= {one: other, other: one}
        shown = [
            quoted(name) + (Sentence(" (is it {alike}?)", quoted(alike[name])) if name in alike else "")
            for name in names
        ]
        raise DataError(
            "{place}: {names} of the {part} split never "
            "{word} in {TRAIN}: {shown}; "
            "add training examples or remove {word2}",
            listing.place,
            count_of(len(names), "class"),
            part,
            "stands" if len(names) == 1 else "stand",
            TRAIN,
            some(shown, 10),
            "it" if len(names) == 1 else "them",
        )

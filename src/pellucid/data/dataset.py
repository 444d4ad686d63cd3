"""The finished data: what training, evaluation and reports take."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from pellucid.data.decoded import Content
from pellucid.data.images.preprocessing import DIGEST_BYTES, Preprocessing
from pellucid.data.labels import number_text
from pellucid.data.listing import TEST, TRAIN, VALIDATION, Listing
from pellucid.data.raw_texts import Texts
from pellucid.data.sibling_sets import together
from pellucid.tasks import GENERATION, IMAGES, REGRESSION, TEXTS, InputKind, Target, target_of

# Constraints that an earlier model puts on data for continual training.


class EarlierConstraints(NamedTuple):
    """Classes and preprocessing of an earlier model."""

    # those that it can answer; they stay, whether or not new data has any example of them
    classes: tuple[str, ...] = ()
    # how images are fitted to it; `None` for texts, and where a rule decides
    preprocessing: Preprocessing | None = None


# Data that no earlier model has a say in.
NO_CONSTRAINTS = EarlierConstraints()


# Groups in the test split below which it says little about others, so that leaving groups out judges too.
FEW_GROUPS = 10

# Variance of a mean, to that without sets, from which siblings and copies count: 5 % of an interval.
_RISES = 1.1


@dataclass(frozen=True)
class Dataset:
    """Checked and split images or texts."""

    # images, uint8 (n, height, width, channels), usually memory-mapped and read-only; or texts
    inputs: UInt8[np.ndarray, "n height width channels"] | Texts
    # class of each example as a position in `classes`, 0 for an example that is skipped, which stands in no
    # split; or the number to predict
    labels: Int64[np.ndarray, " n"] | Float64[np.ndarray, " n"]
    classes: tuple[str, ...]  # names of the classes, sorted by code point; none where numbers are predicted
    train: Int64[np.ndarray, " train"]  # ascending positions of the training examples
    validation: Int64[np.ndarray, " validation"]  # the same for validation
    test: Int64[np.ndarray, " test"]  # the same for the test
    # those test examples whose exact content also stands in train or validation
    leaked: Int64[np.ndarray, " leaked"]
    sources: Sequence[str]  # where each example comes from: a path, or `file:row`
    # how the images were fitted, for the model to keep; `None` for texts, which every model prepares in its
    # own way
    preprocessing: Preprocessing | None
    # digest of contents, labels, splits and preprocessing; it differs when anything that decides the result
    # of training has changed
    fingerprint: str
    # number of the set (one group, siblings or exact copies) that each example belongs to and that must never
    # be parted
    together: Int64[np.ndarray, " n"]
    # those test examples of whose set another stands in train or validation, exact copies among them; only
    # where the splits are the user's
    with_sibling: Int64[np.ndarray, " with_sibling"]
    # value of each example in the column by which scores are taken apart; `None` without one
    slices: Sequence[str] | None = None
    # whether there are labels; without, all are 0, and only a generator can learn from it
    is_labelled: bool = True
    # columns of a table whose texts were joined to one text; none elsewhere
    joined_columns: tuple[str, ...] = ()
    given_splits: tuple[str, ...] = ()  # names of the splits that the user made; the others were cut here
    has_groups: bool = False  # whether a column of groups was given

    @property
    def target(self) -> Target:
        """Target of a model that learns from it."""
        return target_of(len(self.classes)) if self.is_labelled else GENERATION

    @property
    def input_kind(self) -> InputKind:
        """Kind of the inputs: images or texts."""
        return TEXTS if isinstance(self.inputs, Texts) else IMAGES

    @property
    def is_regression(self) -> bool:
        """Regression: numbers are predicted and not classes."""
        return self.target is REGRESSION

    @property
    def noun(self) -> str:
        """One example, for people: `image` or `text`."""
        return self.input_kind.noun

    def label_text(self, position: int) -> str:
        """Name of the class of the example at `position`, or the shortest text of its number."""
        if not self.is_labelled:
            return ""
        label = self.labels[position]
        return self.classes[int(label)] if self.classes else number_text(float(label))

    @property
    def split_positions(self) -> dict[str, Int64[np.ndarray, " positions"]]:
        """Positions by the name of the split, in the order train, validation, test."""
        return {TRAIN: self.train, VALIDATION: self.validation, TEST: self.test}

    def sets_among(self, positions: Int64[np.ndarray, " some"]) -> Int64[np.ndarray, " some"] | None:
        r"""The set (`together`) of each of some examples where that matters for an interval; else `None`.

        It does where a column of groups was given and two of them share one. Siblings and copies alone must
        be so many that the variance of a mean could rise by a tenth: it can to $\sum_g m_g^2 / n$ times,
        with sets of $m_g$ examples.
        """
        sets: Int64[np.ndarray, " some"] = self.together[positions]
        sizes = np.unique(sets, return_counts=True)[1].astype(np.float64)
        rises = float((sizes**2).sum()) / max(1, len(sets))
        return sets if rises > (1.0 if self.has_groups else _RISES) else None

    @property
    def has_few_groups(self) -> bool:
        """True where the test split is of groups that matter, and of fewer than ten."""
        sets = self.sets_among(self.test)
        return sets is not None and len(np.unique(sets)) < FEW_GROUPS


def build_dataset(
    listing: Listing,
    content: Content,
    splits: np.ndarray,
    first: Int64[np.ndarray, " n"],
    usable: Bool[np.ndarray, " n"],
    known_classes: Sequence[str] = (),
    kept: Int64[np.ndarray, " n"] | None = None,
) -> Dataset:
    """Put together what was read, decoded and split.

    Examples that are not `usable` are left out. `first` is the position of the first example with the same
    content; `kept` of the first one that it stays with, copies and siblings, by default copies alone.
    `known_classes`, of an earlier model, stay whether or not an example has them.
    """
    classes, labels = (
        _codes(listing, usable, known_classes) if listing.values is None else ((), listing.values)
    )
    train, validation, test = (
        np.flatnonzero(usable & (splits == part)).astype(np.int64) for part in (TRAIN, VALIDATION, TEST)
    )
    fitted_on = np.concatenate([train, validation])
    everything = np.arange(len(listing), dtype=np.int64)
    sets = together(everything, first if kept is None else kept, listing.groups)
    return Dataset(
        inputs=content.inputs,
        labels=labels,
        classes=classes,
        train=train,
        validation=validation,
        test=test,
        leaked=test[np.isin(first[test], first[fitted_on])],
        sources=listing.sources,
        preprocessing=content.preprocessing,
        fingerprint=_fingerprint(content, labels, classes, (train, validation, test)),
        together=sets,
        with_sibling=test[np.isin(sets[test], sets[fitted_on])],
        slices=listing.slices,
        is_labelled=listing.is_labelled,
        joined_columns=listing.joined_columns,
        given_splits=tuple(part for part in (TRAIN, VALIDATION, TEST) if part in listing.splits),
        has_groups=any(listing.groups),
    )


def _codes(
    listing: Listing, usable: Bool[np.ndarray, " n"], known: Sequence[str]
) -> tuple[tuple[str, ...], Int64[np.ndarray, " n"]]:
    """All classes, known ones and those of usable examples, sorted; and the position of each example's."""
    if not listing.is_labelled:
        return (), np.zeros(len(listing), np.int64)
    usable_positions = np.flatnonzero(usable).tolist()
    classes = tuple(sorted({listing.labels[index] for index in usable_positions} | set(known)))
    codes = {name: code for code, name in enumerate(classes)}
    return classes, np.array([codes.get(label, 0) for label in listing.labels], np.int64)


def _fingerprint(
    content: Content,
    labels: Int64[np.ndarray, " n"] | Float64[np.ndarray, " n"],
    classes: tuple[str, ...],
    positions: tuple[np.ndarray, ...],
) -> str:
    """SHA-256 over everything about the data that decides the result of training."""
    kept = None if content.preprocessing is None else content.preprocessing.to_json()
    digest = hashlib.sha256(json.dumps([classes, kept]).encode())
    label_bytes = target_of(len(classes)).dtype
    for part in positions:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(_exact_digests(content, part))
        digest.update(labels[part].astype(label_bytes).tobytes())
    return digest.hexdigest()


def _exact_digests(content: Content, positions: Int64[np.ndarray, " positions"]) -> bytes:
    """16 bytes for each example; unlike the digests of copies, those of texts tell case and space apart."""
    texts = content.inputs
    if not isinstance(texts, Texts):
        return np.ascontiguousarray(content.digests[positions]).tobytes()
    return b"".join(
        hashlib.blake2b(texts.bytes_of(index), digest_size=DIGEST_BYTES).digest()
        for index in positions.tolist()
    )

"""The finished data: what training, evaluation and reports take."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int8, Int64, Shaped, UInt8

from pellucid.data.by_target import READERS
from pellucid.data.decoded import Content
from pellucid.data.images.preprocessing import DIGEST_BYTES, Preprocessing
from pellucid.data.listing import TEST, TRAIN, VALIDATION, Listing
from pellucid.data.raw_texts import Texts
from pellucid.data.sibling_sets import together
from pellucid.data.split_rules import SPLIT_RULE
from pellucid.input_kinds import IMAGES, TEXTS, VALUES, InputKind, InputName
from pellucid.targets import Labels, Target


class EarlierConstraints(NamedTuple):
    """Constraints of an earlier model on data for continual training: its classes and preprocessing."""

    # those that it can answer; they stay, whether or not new data has any example of them
    classes: tuple[str, ...] = ()
    # how images are fitted to it; `None` for texts, and where a rule decides
    preprocessing: Preprocessing | None = None


NO_CONSTRAINTS = EarlierConstraints()

# Groups in the test split below which it says little about others, so that leaving groups out judges too.
FEW_GROUPS = 10

# Variance of a mean, to that without sets, from which siblings and copies count: 5 % of an interval.
_RISES = 1.1


def _nobody() -> Int64[np.ndarray, " none"]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images, texts or feature vectors, decoded, checked and split."""

    # uint8 images (n, height, width, channels), usually memory-mapped and read-only; float32 vectors
    # (n, features); or texts
    inputs: Shaped[np.ndarray, "n ..."] | Texts
    # position of the class in `classes` (0 for an example that is skipped, which is in no split), the number
    # to predict, or the state of each label (`PRESENT`, `ABSENT`, `UNKNOWN`) where there may be several
    labels: Int64[np.ndarray, " n"] | Float64[np.ndarray, " n"] | Int8[np.ndarray, "n classes"]
    train: Int64[np.ndarray, " train"]  # ascending positions of the training examples
    validation: Int64[np.ndarray, " validation"]
    classes: tuple[str, ...]  # names, as the target arranges them; none where numbers are predicted
    preprocessing: Preprocessing | None = None  # how images were fitted, for the model to keep
    target: Target = field(kw_only=True)  # what the labels are; without any, all are 0
    weights: Float64[np.ndarray, " n"] | None = None  # of each in the loss; None where all weigh the same
    test: Int64[np.ndarray, " test"] = field(default_factory=_nobody)
    # test examples whose exact content is in train or validation too
    leaked: Int64[np.ndarray, " leaked"] = field(default_factory=_nobody)
    sources: Sequence[str] = ()  # where each example comes from: a path, or `file:row`
    names: Sequence[str] = ()  # the same for documents that are handed on, without the folders above DATA
    fingerprint: str = ""  # digest of contents, labels, splits and preprocessing: all that decides a training
    # number of the set (a group, siblings or exact copies) of each example, which must never be divided
    together: Int64[np.ndarray, " together"] = field(default_factory=_nobody)
    # test examples of whose set another is in train or validation; only where the splits are the user's
    with_sibling: Int64[np.ndarray, " with_sibling"] = field(default_factory=_nobody)
    slices: Sequence[str] | None = None  # value of each in the column by which scores are broken down
    joined_columns: tuple[str, ...] = ()  # columns of a table whose texts were joined to one text
    dialect: Mapping[str, str] = field(default_factory=dict)  # of its table, where that is not usual
    given_splits: tuple[str, ...] = ()  # names of the splits that the user made; the others were cut here
    has_groups: bool = False  # whether a column of groups was given
    split_rule: int = SPLIT_RULE  # number of the rule by which splits and folds are cut
    # seconds since 1970 of each example, by which it was split; `None` where no time is known
    times: Float64[np.ndarray, " n"] | None = None
    # digest of the content of each example; `None` where nobody asks for it
    digests: UInt8[np.ndarray, "examples bytes"] | None = None

    @property
    def exclusive_classes(self) -> Sequence[str]:
        """Classes of which an example has exactly one; none of several labels and numbers."""
        return self.target.exclusive(self.classes)

    def labels_at(self, positions: Int64[np.ndarray, " some"]) -> Labels:
        """Labels of the examples at some positions."""
        return Labels(self.labels[positions], self.classes, self.target)

    @property
    def input_kind(self) -> InputKind:
        """Kind of the inputs: images, feature vectors or texts."""
        if isinstance(self.inputs, Texts):
            return TEXTS
        return IMAGES if self.inputs.ndim == IMAGES.axes else VALUES

    @property
    def takes(self) -> InputName:
        """Name of the kind of the inputs."""
        return self.input_kind.name

    @property
    def without_validation(self) -> "Dataset":
        """The same with no example set aside, so that none of those to be judged chooses anything."""
        return replace(self, validation=_nobody())

    @property
    def noun(self) -> str:
        """One example, for people: `image` or `text`."""
        return self.input_kind.noun

    def label_text(self, position: int) -> str:
        """Class of the example at `position`, labels joined by `;`, or the shortest text of its number."""
        labels = self.labels_at(np.array([position]))
        return READERS[self.target].texts(labels)[0]

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
    split_rule: int = SPLIT_RULE,
) -> Dataset:
    """Put together what was read, decoded and split.

    Examples that are not `usable` are left out. `first` is the position of the first example with the same
    content; `kept` of the first one that it stays with, copies and siblings, by default copies alone.
    `known_classes`, of an earlier model, stay whether or not an example has them.
    """
    labels = listing.coded
    if labels.names:
        # A class or label that no example has cannot be learnt.
        counts = zip(labels.names, labels.at(usable).counts(), strict=True)
        names = [*(name for name, count in counts if count), *known_classes]
        labels = labels.by(labels.target.arranged(names, labels.names))
    train, validation, test = (
        np.flatnonzero(usable & (splits == part)).astype(np.int64) for part in (TRAIN, VALIDATION, TEST)
    )
    fitted_on = np.concatenate([train, validation])
    everything = np.arange(len(listing), dtype=np.int64)
    sets = together(everything, first if kept is None else kept, listing.groups)
    return Dataset(
        inputs=content.inputs,
        labels=labels.values,
        classes=labels.names,
        target=labels.target,
        train=train,
        validation=validation,
        test=test,
        leaked=test[np.isin(first[test], first[fitted_on])],
        sources=listing.sources,
        names=listing.names,
        preprocessing=content.preprocessing,
        fingerprint=_fingerprint(content, labels, (train, validation, test)),
        together=sets,
        with_sibling=test[np.isin(sets[test], sets[fitted_on])],
        slices=listing.slices,
        joined_columns=listing.joined_columns,
        dialect=listing.dialect,
        given_splits=tuple(part for part in (TRAIN, VALIDATION, TEST) if part in listing.splits),
        has_groups=any(listing.groups),
        split_rule=split_rule,
        times=listing.times,
        digests=content.digests,
    )


def _fingerprint(content: Content, labels: Labels, positions: tuple[np.ndarray, ...]) -> str:
    """SHA-256 over all that decides a training; unlike digests of copies, it distinguishes case and space."""
    kept = None if content.preprocessing is None else content.preprocessing.to_json()
    digest = hashlib.sha256(json.dumps([labels.names, kept]).encode())
    texts = content.inputs
    for part in positions:
        digest.update(len(part).to_bytes(8, "little"))
        if isinstance(texts, Texts):
            for index in part.tolist():
                digest.update(hashlib.blake2b(texts.bytes_of(index), digest_size=DIGEST_BYTES).digest())
        else:
            digest.update(np.ascontiguousarray(content.digests[part]).tobytes())
        digest.update(labels.at(part).to_bytes())
    return digest.hexdigest()

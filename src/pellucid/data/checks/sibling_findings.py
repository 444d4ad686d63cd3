"""Findings about siblings and groups: sets of examples that belong together, and how many each split has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.data.dataset import Dataset
from pellucid.data.listing import TEST
from pellucid.data.siblings.rules import NEAR_COPIES, WORDS, Found, Siblings
from pellucid.data.wording import count_of, quoted, some
from pellucid.tasks import CLASSIFICATION

_SETS_LISTED = 100
_THIN = 2


@dataclass(frozen=True)
class GroupFindings:
    """Groups of examples, siblings and copies counted as one, in each split.

    Attributes:
        counts: groups by the name of the split; an example without a group is one by itself.
        are_given: whether a column of groups was given; else siblings alone make groups.
        matter: whether the examples of the test split share groups so much that its intervals are by groups.
        are_few: whether the groups of the test split are so few that it says little about others.
        thin: classes of which training has one or two groups, where a column was given.
    """

    counts: Mapping[str, int]
    are_given: bool
    matter: bool
    are_few: bool
    thin: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """The form of `data.groups` in `metrics.json`."""
        return {**self.counts, "given": self.are_given, "matter": self.matter}

    def sentences(self, noun: str) -> list[str]:
        """The counts, what follows for intervals, and what so few groups cannot show."""
        listed = ", ".join(f"{count:,} in {part}" for part, count in self.counts.items())
        what = "Groups" if self.are_given else "Siblings and copies counted as one"
        said = [f"{what}: {listed}."]
        if self.matter:
            said[0] = (
                f"{said[0][:-1]}; {noun}s of one group are alike, so that intervals of test scores are by "
                "groups."
            )
        if self.are_few:
            said.append(
                f"The test split has only {count_of(self.counts[TEST], 'group')}, which says little about "
                "others; give more groups if there are any."
            )
        if self.thin:
            said.append(
                f"Training has one or two groups of {count_of(len(self.thin), 'class')}, so that what is "
                f"learned of {'it' if len(self.thin) == 1 else 'them'} may be the groups and not the class: "
                f"{some([quoted(name) for name in self.thin], 5)}."
            )
        return said


def group_findings(siblings: Siblings, dataset: Dataset) -> GroupFindings | None:
    """Count the groups of each split; `None` where no example belongs with another."""
    if not dataset.has_groups and not siblings.examples:
        return None
    together, train = dataset.together, dataset.train
    thin: list[str] = []
    if dataset.has_groups and dataset.target is CLASSIFICATION:
        pairs = np.unique(np.stack([dataset.labels[train], together[train]], axis=1), axis=0)
        groups = np.bincount(pairs[:, 0], minlength=len(dataset.classes))
        thin = [dataset.classes[code] for code in np.flatnonzero((groups > 0) & (groups <= _THIN)).tolist()]
    return GroupFindings(
        counts={name: len(np.unique(together[part])) for name, part in dataset.split_positions.items()},
        are_given=dataset.has_groups,
        matter=dataset.sets_among(dataset.test) is not None,
        are_few=dataset.has_few_groups,
        thin=thin,
    )


@dataclass(frozen=True)
class SiblingFindings:
    """Siblings by rule.

    Attributes:
        examples: examples that any rule links to another.
        found: sets and examples of each rule that was asked, in the order of the rules.
        sets: sources of the first sets by all rules together.
        in_test: sources of test examples with a sibling in train or validation, exact copies aside.
        reasons: for each example that belongs with an earlier one, the rule and the earlier one.
    """

    examples: int
    found: Mapping[str, Found]
    sets: Sequence[tuple[str, Sequence[str]]]
    in_test: Sequence[str]
    reasons: Mapping[int, tuple[str, int]] = field(repr=False, compare=False)

    def metrics(self) -> dict[str, Any]:
        """The form in `metrics.json` under `data`: sets and examples by rule, test examples across splits."""
        return {
            "siblings": self.examples,
            "siblings_by_rule": {rule: found._asdict() for rule, found in self.found.items()},
            "test_siblings": len(self.in_test),
        }

    def sets_to_json(self) -> list[dict[str, Any]]:
        """The first sets of each rule, with the sources of their examples."""
        return [{"rule": rule, "examples": list(sources)} for rule, sources in self.sets]

    def sentences(self, noun: str, *, own_splits: bool) -> list[str]:
        """One sentence for each rule that found something, what is done about it, and one about the test.

        Near duplicates have theirs elsewhere; splits are the user's or made here.
        """
        said = []
        for rule, found in self.found.items():
            if found.sets and rule != NEAR_COPIES:
                example = next(sources for name, sources in self.sets if name == rule)
                said.append(
                    f"{noun.capitalize()}s {WORDS[rule]}: {found.examples:,} in "
                    f"{count_of(found.sets, 'set')} ({rule.replace('_', ' ')}), for instance {some(example)}."
                )
        if self.examples and not own_splits:
            said.append(f"Related {noun}s are kept in one split; --no-groups turns this off.")
        if self.in_test:
            said.append(
                f"Test {noun}s related to one in train or validation, in the splits that you gave: "
                f"{len(self.in_test):,}, for instance {some(self.in_test)}; the score is also given without "
                "them and without exact copies."
            )
        return said


def sibling_findings(siblings: Siblings, dataset: Dataset) -> SiblingFindings:
    """Count siblings by rule, and name the first sets of each."""
    sources = dataset.sources
    in_test = np.setdiff1d(dataset.with_sibling, dataset.leaked).tolist()
    sets: list[tuple[str, Sequence[str]]] = []
    for rule, members in siblings.sets_by_rule(_SETS_LISTED):
        sets.append((rule, [sources[index] for index in members]))
    return SiblingFindings(
        examples=siblings.examples,
        found=siblings.found,
        sets=sets,
        in_test=[sources[index] for index in in_test],
        reasons=siblings.reasons(),
    )

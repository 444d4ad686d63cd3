"""Groups of examples, siblings and copies counted as one, in each split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.data.dataset import Dataset
from pellucid.data.listing import TEST
from pellucid.data.sibling_sets import RuleCounts, Siblings
from pellucid.data.wording import count_of, some_quoted

_THIN = 2


@dataclass(frozen=True)
class GroupFindings:
    """Groups of examples, siblings and copies counted as one, in each split."""

    counts: Mapping[str, int]  # groups by the name of the split; an example without a group is one by itself
    shared: Mapping[str, RuleCounts]  # those of two or more examples, and their examples, in each split
    are_given: bool  # whether a column of groups was given; else siblings alone make groups
    # whether the examples of the test split share groups so much that its intervals are by groups
    matter: bool
    are_few: bool  # whether the groups of the test split are so few that it says little about others
    thin: Sequence[str]  # classes of which training has one or two groups, where a column was given

    def to_json(self) -> dict[str, Any]:
        """The form of `data.groups` in `metrics.json`."""
        several = {part: each._asdict() for part, each in self.shared.items()}
        return {**self.counts, "several": several, "given": self.are_given, "matter": self.matter}

    def sentences(self, noun: str) -> list[str]:
        """The counts, what follows for intervals, and what so few groups cannot show."""
        listed = ", ".join(f"{count:,} in {part}" for part, count in self.counts.items())
        matter = f"; {noun}s of one group are alike, so that intervals of test scores are by groups"
        matter = matter if self.matter else ""
        sentences = [
            f"Groups: {listed}{matter}."
            if self.are_given
            else f"Siblings and copies counted as one: {listed}{matter}."
        ]
        if several := ", ".join(
            f"{each.sets:,} with {count_of(each.examples, noun)} in {part}"
            for part, each in self.shared.items()
        ):
            sentences.append(f"Of these are sets of two or more: {several}.")
        if self.are_few:
            sentences.append(
                f"The test split has only {count_of(self.counts[TEST], 'group')}, which says little about "
                "others; give more groups if there are any."
            )
        if self.thin:
            sentences.append(
                f"Training has one or two groups of {count_of(len(self.thin), 'class')}, so that what is "
                f"learned of {'it' if len(self.thin) == 1 else 'them'} may be the groups and not the class: "
                f"{some_quoted(self.thin, 5)}."
            )
        return sentences


def group_findings(siblings: Siblings, dataset: Dataset) -> GroupFindings | None:
    """Count the groups of each split; `None` where no example belongs with another."""
    together, train = dataset.together, dataset.train
    used = np.concatenate(list(dataset.split_positions.values()))
    sizes = np.bincount(together[used], minlength=int(together.max(initial=0)) + 1)
    if not dataset.has_groups and not siblings.examples and sizes.max(initial=0) < 2:
        return None
    of_several = {
        name: together[part][sizes[together[part]] > 1] for name, part in dataset.split_positions.items()
    }
    thin: list[str] = []
    if dataset.has_groups and dataset.exclusive_classes:
        pairs = np.unique(np.stack([dataset.labels[train], together[train]], axis=1), axis=0)
        groups = np.bincount(pairs[:, 0], minlength=len(dataset.classes))
        thin = [dataset.classes[code] for code in np.flatnonzero((groups > 0) & (groups <= _THIN)).tolist()]
    return GroupFindings(
        counts={name: len(np.unique(together[part])) for name, part in dataset.split_positions.items()},
        shared={name: RuleCounts(len(np.unique(sets)), len(sets)) for name, sets in of_several.items()},
        are_given=dataset.has_groups,
        matter=dataset.sets_among(dataset.test) is not None,
        are_few=dataset.has_few_groups,
        thin=thin,
    )

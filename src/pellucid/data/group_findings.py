"""Groups of examples, siblings and copies counted as one, in each split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.data.dataset import Dataset
from pellucid.data.listing import TEST
from pellucid.data.sibling_sets import RuleCounts, Siblings
from pellucid.data.wording import count_of, some_quoted
from pellucid.language.sentence import Sentence, join

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
        listed = join(
            ", ", [Sentence("{count:,} in {part}", count, part) for part, count in self.counts.items()]
        )
        matter: str = Sentence(
            "; intervals of test scores are over groups, since grouped {noun}s resemble each other", noun
        )
        matter = matter if self.matter else ""
        sentences: list[str] = [
            Sentence("Groups: {listed}{matter}.", listed, matter)
            if self.are_given
            else Sentence("After merging siblings and copies: {listed}{matter}.", listed, matter)
        ]
        if several := join(
            ", ",
            [
                Sentence("{sets:,} with {examples} in {part}", each.sets, count_of(each.examples, noun), part)
                for part, each in self.shared.items()
            ],
        ):
            sentences.append(Sentence("Groups of two or more: {several}.", several))
        if self.are_few:
            sentences.append(
                Sentence(
                    "The test split has only {counts}, too few to represent others; "
                    "give more groups if there are any.",
                    count_of(self.counts[TEST], "group"),
                )
            )
        if self.thin:
            sentences.append(
                Sentence(
                    "Training has only one or two groups of {thin}, so the model may learn "
                    "the groups instead of the {word}: {thin2}.",
                    count_of(len(self.thin), "class"),
                    "class" if len(self.thin) == 1 else "classes",
                    some_quoted(self.thin, 5),
                )
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

"""Findings about siblings: sets of examples that belong together, and test examples related to training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.data.dataset import Dataset
from pellucid.data.siblings.rules import NEAR_COPIES, WORDS, Found, Siblings
from pellucid.data.wording import count_of, some

_SETS_LISTED = 100


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

"""The rule by which one split is cut out of what is free, and those of earlier versions.

Units of several examples, such as copies and groups, and single examples stand in one order that is drawn
from the seed. The first of each class are its share: a unit is taken where it stands, whatever its size, so
that every split has its part of the units of several. Single examples then make up what their class still
lacks, and give way where units of several gave more, so that shares of classes are exact as far as whole
units allow.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice, pairwise

import numpy as np
from jaxtyping import Bool, Real

from pellucid.data.former_split_rule import carve_sets_first
from pellucid.data.split_units import Amount, Selection, Units, class_shares

# Number of the rule by which new data is split. A run keeps it in its `config.json`, where earlier versions,
# which had rule 1 alone, wrote none.
SPLIT_RULE = 2
FIRST_SPLIT_RULE = 1


def carve(
    rule: int, units: Units, free: Bool[np.ndarray, " units"], keep: int, amount: Amount
) -> tuple[list[int], list[int]]:
    """Choose units of one split out of the free ones by a rule; also the classes that could give none.

    Every class keeps `keep` units for the splits still to be cut.
    """
    return _RULES[rule](units, free, units.classes, keep, amount)


_TIE = 1e-9  # a change of distances that counts as none


def _carve(
    units: Units, free: Bool[np.ndarray, " units"], classes: int, keep: int, amount: Amount
) -> tuple[list[int], list[int]]:
    """Choose units by rule 2."""
    if units.sizes is not None:
        return _carve_labels(units, free, classes, keep, amount), []
    owners = np.repeat(np.arange(len(units.ranks)), np.diff(units.starts))
    rows = np.flatnonzero(free[owners])
    chosen = Selection(units, rows, classes, keep)
    left, have = chosen.left, chosen.have
    target, examples = class_shares(units, rows, left, keep, amount)
    order = rows[np.argsort(units.ranks[owners[rows]], kind="stable")]
    labels = units.labels[order]
    is_single = np.add.reduceat(units.counts, units.starts[:-1])[owners[order]] == 1
    by_class = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=classes))
    single = np.bincount(labels[is_single], minlength=classes)
    # One unit for each class that only units of several have, those in the fewest units first.
    for label in np.argsort(left, kind="stable").tolist():
        if not have[label] and left[label] > keep and not single[label]:
            mine = by_class[ends[label - 1] if label else 0 : ends[label]]
            chosen.take_best(owners[order[mine]].tolist(), target)
    # Units of several where they stand: behind so many single examples of the same class, each of which is
    # taken unless the class has its share by then.
    before = np.empty(len(order), np.int64)
    before[by_class] = np.cumsum(is_single[by_class]) - (np.cumsum(single) - single)[labels[by_class]]
    several = np.flatnonzero(~is_single)
    sets = owners[order[several]]
    ends_of_sets = np.flatnonzero(np.diff(sets, prepend=-1, append=-1)).tolist()
    content = list(
        zip(labels[several].tolist(), units.counts[order[several]].tolist(), before[several].tolist(),
            strict=True)
    )  # fmt: skip
    for begin, end in pairwise(ends_of_sets):
        unit = int(sets[begin])
        # How far its point lies beyond the share, relative to the share.
        beyond = sum(
            count
            * (have[label] + singles + units.points[unit] * count - target[label])
            / max(1, target[label])
            for label, count, singles in content[begin:end]
        )
        # As near on either side is near enough beside single examples: small classes else never gave a pair.
        change = chosen.change(unit, target) - any(single[label] for label, *_ in content[begin:end]) * _TIE
        if beyond < 0 and change < 0 and chosen.may_take(unit):
            chosen.take(unit)
    # Then single examples, in the drawn order, up to each class's share.
    singles_left = order[is_single]
    for label in range(classes):
        wanted = max(0, min(target[label] - have[label], left[label] - keep))
        for row in singles_left[units.labels[singles_left] == label][:wanted]:
            chosen.take(int(owners[row]))
    # Last, where these are too few, further units of several that bring classes nearer to their share.
    for unit in sets[ends_of_sets[:-1]].tolist():
        if chosen.change(unit, target) < 0 and chosen.may_take(unit):
            chosen.take(unit)
    return list(chosen.taken), [label for label in range(classes) if not have[label] and examples[label]]


# Units that are compared for the one that overshoots shares least.
_COMPARED = 32


class _LabelCarving:
    """Choice of the units of one split whose examples may have several labels."""

    def __init__(self, units: Units, free: Bool[np.ndarray, " units"], labels: int, keep: int) -> None:
        assert units.sizes is not None
        owners = np.repeat(np.arange(len(units.ranks)), np.diff(units.starts))
        rows = np.flatnonzero(free[owners])
        rows = rows[np.argsort(units.ranks[owners[rows]], kind="stable")]
        self.sizes, self.are_sets = units.sizes, units.sizes > 1
        self.order = np.flatnonzero(free)[np.argsort(units.ranks[free], kind="stable")]
        self.chosen = Selection(units, rows, labels, keep)
        # free examples of each label, in all and in units of several
        self.examples, self.of_several = (
            np.bincount(units.labels[some], weights=units.counts[some], minlength=labels)
            for some in (rows, rows[self.are_sets[owners[rows]]])
        )
        self.is_divisible = np.array(self.chosen.left) > keep
        self.used, self.limit = 0, 0  # examples taken, and at most for now
        by_label = np.argsort(units.labels[rows], kind="stable")
        ends = np.cumsum(np.bincount(units.labels[rows], minlength=labels))[:-1]
        self._units_of = np.split(owners[rows[by_label]], ends)  # of each label, in the drawn order

    def shares(
        self, of: Real[np.ndarray, " labels"], wanted: int, number: int, at_least: int = 0
    ) -> list[int]:
        """Examples that each label should give where `wanted` of `number` examples are taken."""
        rounded = np.floor(of * wanted / max(1, number) + 0.5).astype(np.int64)
        target: list[int] = np.where(self.is_divisible, np.maximum(rounded, at_least), 0).tolist()
        return target

    def take_labels(self, among: Bool[np.ndarray, " units"], target: Sequence[int]) -> None:
        """Take units until each label has its share, the rarest label first."""
        chosen, sizes = self.chosen, self.sizes

        def excess(unit: int) -> float:
            """What a unit exceeds less what it gains, an example, so that none is preferred for its size."""
            return (chosen.excess(unit, target) - chosen.gain(unit, target)) / int(sizes[unit])

        for label in np.argsort(self.examples, kind="stable").tolist():
            found = self._units_of[label] if chosen.have[label] < target[label] else self.order[:0]
            mine = [unit for unit in found[among[found]].tolist() if unit not in chosen.taken]
            while chosen.have[label] < target[label]:
                fitting = list(islice(filter(self._may_take, mine), _COMPARED))
                if not fitting:
                    break
                best = min(fitting, key=excess)
                mine.remove(best)
                self._take(best)

    def take_others(self, among: Bool[np.ndarray, " units"], target: Sequence[int]) -> None:
        """Take units until there are enough: first those that exceed no share, then any."""
        mine = self.order[among[self.order]].tolist()
        for unit in (*(each for each in mine if not self.chosen.excess(each, target)), *mine):
            if self._may_take(unit):
                self._take(unit)

    def _may_take(self, unit: int) -> bool:
        return self.used + int(self.sizes[unit]) <= self.limit and self.chosen.may_take(unit)

    def _take(self, unit: int) -> None:
        self.chosen.take(unit)
        self.used += int(self.sizes[unit])


def _carve_labels(
    units: Units, free: Bool[np.ndarray, " units"], labels: int, keep: int, amount: Amount
) -> list[int]:
    """Choose units of one split whose examples may have several labels; the arguments are those of `_carve`.

    Label by label, the rarest first, units are taken until the label has its share; then others, so that the
    split has its size. First units of several, which give their share of it, then single examples.

    Source: Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of Multi-Label Data", algorithm 1;
    here the size of the split is fixed, and units may be of several examples.
    """
    share, most, least = amount
    carving = _LabelCarving(units, free, labels, keep)
    order, sizes, are_sets = carving.order, carving.sizes, carving.are_sets
    number = int(sizes[free].sum())
    total = carving.limit = min(max(round(share * number), min(least, number // 4)), most)
    every = carving.shares(carving.examples, total, number, min(1, keep))
    # One unit of each label that only units of several have.
    is_held = (carving.of_several == carving.examples) & carving.is_divisible
    carving.take_labels(are_sets, np.where(is_held, min(1, keep), 0).tolist())
    # The first units of several, in the drawn order, whose points lie within the share of them: as many
    # examples are taken of units of several, though of others where labels lack them.
    sets = order[are_sets[order]]
    of_several = int(sizes[sets].sum())
    places = np.cumsum(sizes[sets]) - (1 - units.points[sets]) * sizes[sets]
    wanted = int(sizes[sets[places < total * of_several / max(1, number)]].sum())
    carving.limit = max(carving.used, min(total, wanted))
    of_sets = carving.shares(carving.of_several, wanted, of_several)
    carving.take_labels(are_sets, of_sets)
    carving.take_others(are_sets, of_sets)
    carving.limit = total
    for among in (~are_sets, np.ones(len(sizes), bool)):
        carving.take_labels(among, every)
        carving.take_others(among, every)
    return list(carving.chosen.taken)


_RULES: Mapping[
    int,
    Callable[[Units, Bool[np.ndarray, " units"], int, int, Amount], tuple[list[int], list[int]]],
] = {FIRST_SPLIT_RULE: carve_sets_first, SPLIT_RULE: _carve}

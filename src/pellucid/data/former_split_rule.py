"""Rule 1, by which runs of earlier versions were split: kept so that they are resumed on their own splits.

Units of several examples are visited before single examples, so that they fill the test split first.
"""

from itertools import islice

import numpy as np
from jaxtyping import Bool

from pellucid.data.split_units import Amount, Selection, Units, class_shares


def carve_sets_first(
    units: Units, free: Bool[np.ndarray, " units"], classes: int, keep: int, amount: Amount
) -> tuple[list[int], list[int]]:
    """Choose units of one split out of the free ones; also the classes that could give none.

    Every class keeps `keep` units for the splits still to be cut.
    """
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
    # One unit for each class, those in the fewest units first.
    by_class = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=classes))
    for label in np.argsort(left, kind="stable").tolist():
        if not have[label] and left[label] > keep:
            mine = by_class[ends[label - 1] if label else 0 : ends[label]]
            singles = order[mine[is_single[mine]]]
            if len(singles):
                chosen.take(int(owners[singles[0]]))
            else:
                chosen.take_best(owners[order[mine]].tolist(), target)
    # Then sets that lessen the squared distance to the shares, each relative to its share.
    for unit in dict.fromkeys(owners[order[~is_single]].tolist()):
        if chosen.change(unit, target) < 0 and chosen.may_take(unit):
            chosen.take(unit)
    # Last single examples, in the drawn order, up to each class's share.
    singles = order[is_single]
    singles = singles[~np.isin(owners[singles], list(chosen.taken))]
    for label in range(classes):
        wanted = max(0, min(target[label] - have[label], left[label] - keep))
        for row in singles[units.labels[singles] == label][:wanted]:
            chosen.take(int(owners[row]))
    return list(chosen.taken), [label for label in range(classes) if not have[label] and examples[label]]


# Units that are compared for the one that overshoots shares least.
_COMPARED = 32


def _carve_labels(
    units: Units, free: Bool[np.ndarray, " units"], labels: int, keep: int, amount: Amount
) -> list[int]:
    """Choose units of one split whose examples may have several labels; arguments as above.

    Label by label, the rarest first, units are taken until the label has its share; then others, so that the
    split has its size.

    Source: Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of Multi-Label Data", algorithm 1;
    here the size of the split is fixed, and units may be of several examples.
    """
    assert units.sizes is not None
    share, most, least = amount
    owners = np.repeat(np.arange(len(units.ranks)), np.diff(units.starts))
    rows = np.flatnonzero(free[owners])
    rows = rows[np.argsort(units.ranks[owners[rows]], kind="stable")]
    chosen = Selection(units, rows, labels, keep)
    number, sizes = int(units.sizes[free].sum()), units.sizes
    total = min(max(round(share * number), min(least, number // 4)), most)
    examples = np.bincount(units.labels[rows], weights=units.counts[rows], minlength=labels)
    wanted = np.floor(examples * total / max(1, number) + 0.5).astype(np.int64)
    target = np.where(np.array(chosen.left) > keep, np.maximum(wanted, min(1, keep)), 0).tolist()
    room = total

    def may_take(unit: int) -> bool:
        return int(sizes[unit]) <= room and chosen.may_take(unit)

    by_label = np.argsort(units.labels[rows], kind="stable")
    ends = np.cumsum(np.bincount(units.labels[rows], minlength=labels))
    for label in np.argsort(examples, kind="stable").tolist():
        mine = owners[rows[by_label[ends[label - 1] if label else 0 : ends[label]]]].tolist()
        mine = [unit for unit in mine if unit not in chosen.taken]
        while chosen.have[label] < target[label]:
            fitting = list(islice(filter(may_take, mine), _COMPARED))
            if not fitting:
                break
            best = min(fitting, key=lambda unit: chosen.excess(unit, target) - chosen.gain(unit, target))
            mine.remove(best)
            chosen.take(best)
            room -= int(sizes[best])
    order = np.flatnonzero(free)[np.argsort(units.ranks[free], kind="stable")].tolist()
    for unit in (*(each for each in order if not chosen.excess(each, target)), *order):
        if may_take(unit):  # first what exceeded no share, then any
            chosen.take(unit)
            room -= int(sizes[unit])
    return list(chosen.taken)

"""Examples that stand for what happened: which test examples belong to which cell of the matrix."""

from collections.abc import Mapping, Sequence

from pellucid.reports.facts import Answered, ReportFacts


def cell_examples(facts: ReportFacts) -> Mapping[str, Sequence[Answered]]:
    """Sort the examples and the worst mistakes into the cells of the confusion matrix.

    `ROW-COLUMN` in the confusion matrix to the cell's different examples, those first that were answered most
    surely; what belongs to no class of the matrix is left out.
    """
    places = {name: index for index, name in enumerate(facts.classes[: len(facts.confusion)])}
    cells: dict[str, dict[tuple[object, ...], Answered]] = {}
    for each in (*facts.cells, *facts.mistakes):
        if each.label in places and each.predicted in places:
            key = f"{places[each.label]}-{places[each.predicted]}"
            cells.setdefault(key, {}).setdefault(_identity(each), each)
    return {key: sorted(found.values(), key=_sureness) for key, found in cells.items()}


def _identity(each: Answered) -> tuple[object, ...]:
    """Equal for the same example, which may stand among the cells and among the mistakes."""
    if isinstance(each.shown, str):
        return (each.source, each.shown)
    return (each.source, each.shown.shape, each.shown.tobytes())


def _sureness(each: Answered) -> float:
    return -(each.probability or 0.0)

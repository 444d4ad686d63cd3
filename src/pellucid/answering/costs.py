"""Costs of wrong answers: a table of classes by classes, and the answer of least expected cost."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64, Int64

from pellucid.data.labels import read_number
from pellucid.data.wording import quoted, some
from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.safety.files import read_regular

_MOST_BYTES = 64 << 20  # of the file


def read_costs(path: Path, classes: Sequence[str]) -> Float64[np.ndarray, "classes classes"]:
    """Read a CSV of costs: row the true class, column the answer, both by name and in any order.

    The first row names the columns and the first column the rows; the cell where they meet may hold anything.
    Costs come in the order of `classes`, as `costs[true, answer]`.

    Raises: `UsageError` if the file cannot be read, a class is missing, unknown or named twice, or a cell is
    no number; with its row and column.
    """
    try:
        text = io.StringIO(read_regular(path, _MOST_BYTES).decode("utf-8-sig"), newline="")
        rows = [row for row in csv.reader(text, strict=True) if row]
    except OSError as error:
        raise UsageError(
            "--costs: {path}: {lower}; give a readable CSV file", path, (error.strerror or str(error)).lower()
        ) from error
    except (ValueError, csv.Error) as error:
        raise UsageError("--costs: {path}: no CSV in UTF-8: {error}; save it as such", path, error) from error
    if len(rows) < 2:
        raise UsageError(
            "--costs: {path}: no table of classes by classes; give a header row and a row for each", path
        )
    header = rows[0][1:]
    _require_classes(header, classes, Sentence("--costs: {path}, the header", path))
    _require_classes(
        [row[0] for row in rows[1:]], classes, Sentence("--costs: {path}, the first column", path)
    )
    places = {name: place for place, name in enumerate(classes)}
    costs = np.zeros((len(classes), len(classes)))
    for row in rows[1:]:
        if len(row) != len(rows[0]):
            raise UsageError(
                "--costs: {path}, row {row}: {row2} cells where the header has "
                "{rows}; give one cost for each class",
                path,
                quoted(row[0]),
                len(row),
                len(rows[0]),
            )
        for column, cell in zip(header, row[1:], strict=True):
            cost = read_number(cell)
            if cost is None:
                raise UsageError(
                    "--costs: {path}, row {row}, column {column}: {cell} is no "
                    "number; give a cost such as 0, 1 or 2.5",
                    path,
                    quoted(row[0]),
                    quoted(column),
                    quoted(cell),
                )
            costs[places[row[0]], places[column]] = cost
    return costs


def _require_classes(names: Sequence[str], classes: Sequence[str], where: str) -> None:
    """Refuse names that are not each class exactly once."""
    unknown = sorted(set(names) - set(classes))
    missing = sorted(set(classes) - set(names))
    twice = sorted({name for name in names if names.count(name) > 1})
    for wrong, words in ((unknown, "no class of the model"), (missing, "missing"), (twice, "named twice")):
        if wrong:
            raise UsageError(
                "{where}: {some} {words}; name each of the {classes} classes once",
                where,
                some([quoted(name) for name in wrong]),
                words,
                len(classes),
            )


def least_cost(
    probabilities: Float64[np.ndarray, "n classes"], costs: Float[np.ndarray, "classes classes"]
) -> Int64[np.ndarray, " n"]:
    """The class of least expected cost for each input; of equal ones the most probable."""
    expected = probabilities @ costs
    best = expected.min(axis=1, keepdims=True)
    slack = 1e-12 * max(1.0, float(np.abs(costs).max()))
    chosen: np.ndarray = np.where(expected <= best + slack, probabilities, -1.0).argmax(axis=1)
    return chosen

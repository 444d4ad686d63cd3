"""Did corrections help: a run on corrected data against the run in whose report the mistakes were found.

Both answered about the same test examples, since corrections leave every example in its split. So the answers
in the earlier run's `test.csv` are compared with the new ones in pairs, by the labels as they are now.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, Shaped

from pellucid.arithmetic.rounding import percent
from pellucid.data import Dataset
from pellucid.data.applied_corrections import Applied
from pellucid.data.corrections import DIGITS, content_digits
from pellucid.data.ledger import read_ledger
from pellucid.data.listing import TEST
from pellucid.data.sources.places import require_local
from pellucid.data.tables.csv_tables import unguarded, written
from pellucid.data.tables.table_files import open_table
from pellucid.data.wording import count_of, public_name
from pellucid.errors import PellucidError
from pellucid.evaluation.changes import Changes, changes, together
from pellucid.language.sentence import Sentence
from pellucid.pipeline.judging.by_target import JUDGING
from pellucid.pipeline.judging.testing import groups_of_test
from pellucid.safety.files import read_regular
from pellucid.safety.strict import MOST_BYTES, read_json

_MODEL = Path("model", "model.json")
_TESTS = ("test.csv", "test.csv.gz")


def model_digits(run: Path) -> str:
    """Name of a run's recommended model by its content, as corrections have it; empty where there is none."""
    try:
        content = read_regular(run / _MODEL, MOST_BYTES)
    except OSError:
        return ""
    return f"x{hashlib.sha256(content).hexdigest()[:DIGITS]}"


def find_earlier(applied: Applied, out: Path) -> Path | None:
    """The run in whose report most corrections were made, where it can be found; `None` where it cannot.

    It is looked for where it was, in the folder of the corrections, and beside `out`.
    """
    beside = Path(applied.table.place).absolute().parent
    for name, model in applied.table.runs:
        try:
            require_local(name)
        except PellucidError:
            continue
        last = Path(name).name
        for place in (Path(name).expanduser(), beside, beside / last, out.absolute().parent / last):
            if place.absolute() != out.absolute() and model_digits(place) == model:
                return place
    return None


class _Earlier(NamedTuple):
    """Answers of an earlier run about test examples that the new run has, too."""

    rows: Int64[np.ndarray, " shared"]  # of the new run's test examples
    predicted: Sequence[str]  # what was answered then
    share_right: float  # of all its answers, by the labels as they were then


def _answers_of(run: Path, dataset: Dataset) -> _Earlier:
    """Read an earlier run's answers about the test, nothing trusted.

    Examples are the same where their contents are, which the run's ledger has; where rows were inserted,
    names would be those of others.

    Raises: `DataError` or `ValueError` if they cannot be read; `OSError` if there are none.
    """
    path = next((run / name for name in _TESTS if (run / name).is_file()), run / _TESTS[0])
    of_test = [row for row in read_ledger(run) if row["split"] == TEST]
    place = read_json(run / "config.json", MOST_BYTES)["data"]["place"]
    contents = {
        written(public_name(str(row["source"]), str(place))): str(row.get("content", "")) for row in of_test
    }
    found: dict[str, str] = {}
    right, asked, names = 0, 0, ("source", "label", "predicted")
    for block in open_table(path, str(path)).read(names):
        for source, label, answer in zip(*(block.columns[name] for name in names), strict=True):
            found[contents.get(unguarded(str(source)), "")] = unguarded(str(answer))
            right, asked = right + (label == answer), asked + 1
    found.pop("", None)  # a run that did not note contents
    digits = [] if dataset.digests is None else content_digits(dataset.digests[dataset.test])
    rows = [row for row, content in enumerate(digits) if content in found]
    return _Earlier(np.array(rows, np.int64), [found[digits[row]] for row in rows], right / max(1, asked))


_UNKNOWN = "it is not known whether the corrections helped"


def judge_corrections(
    applied: Applied, dataset: Dataset, predicted: Shaped[np.ndarray, "test ..."], seed: int, out: Path
) -> dict[str, Any]:
    """Whether corrections helped, on test examples that both runs tested: `corrections` in `metrics.json`.

    `predicted` are the labels that the recommended model gives the test examples. Without the answers of the
    earlier run there are only words.
    """
    earlier = find_earlier(applied, out)
    if earlier is None:
        named = next((f" {name}" for name, _ in applied.table.runs if name), "")
        missing: str = Sentence("the run{named} in which the mistakes were found is not here", named)
        if not applied.table.runs:
            missing = "the corrections do not name the run in which the mistakes were found"
        return {
            "earlier": None,
            "words": [Sentence("{upper}{missing}, so {UNKNOWN}.", missing[0].upper(), missing[1:], _UNKNOWN)],
        }
    found: dict[str, Any] = {"earlier": os.fspath(earlier)}
    try:
        then = _answers_of(earlier, dataset)
    except (PellucidError, OSError, LookupError, ValueError) as error:
        why = Sentence(
            "The answers of {earlier} about the test cannot be read, so {UNKNOWN}: {error}.",
            earlier,
            _UNKNOWN,
            error,
        )
        return {**found, "words": [why]}
    if not len(then.rows):
        words: list[str] = [
            Sentence("The test examples are others than those of {earlier}, so {UNKNOWN}.", earlier, _UNKNOWN)
        ]
        return {**found, "words": words}
    is_relabelled = np.isin(dataset.test[then.rows], list(applied.before))
    made = _compared(dataset, then, predicted, is_relabelled, seed, (os.fspath(earlier), os.fspath(out)))
    noun, count = Sentence("test {noun}", dataset.noun), int(is_relabelled.sum())
    words = [_OUTCOMES[made[0].finding], made[0].sentence(noun)]
    if count:
        words.append(
            Sentence(
                "{count} of the test {word} corrected where "
                "mistakes of {earlier} were shown, which favours that run.",
                count_of(count, "label"),
                "was" if count == 1 else "were",
                earlier,
            )
        )
        if made[0].metric.key == "accuracy":
            words[-1] += Sentence(
                " By the labels as they were it scored {share_right}; that this is "
                "{scores} now is a matter of the test, not of the model.",
                percent(then.share_right),
                percent(made[0].scores[0]),
            )
    if len(made) > 1:
        words.append(
            Sentence("Without {word}: {noun}", "it" if count == 1 else "them", made[1].sentence(noun))
        )
        found["without_corrected"] = made[1].to_json()
    return {**found, "words": words, "finding": made[0].finding, "all": made[0].to_json()}


_OUTCOMES = {
    "better": "The corrections helped.",
    "worse": "With the corrections the model is worse.",
    "chance": "Whether the corrections helped cannot be decided on this test.",
}


def _compared(
    dataset: Dataset,
    then: _Earlier,
    predicted: Shaped[np.ndarray, "test ..."],
    is_relabelled: Bool[np.ndarray, " shared"],
    seed: int,
    names: tuple[str, str],
) -> list[Changes]:
    """Both runs on all shared test examples and, where some were corrected, on the others alone."""
    labels = dataset.labels_at(dataset.test[then.rows])
    before = JUDGING[labels.target].read(then.predicted, labels.names)
    now, groups = predicted[then.rows], groups_of_test(dataset)

    def compared(kept: Bool[np.ndarray, " shared"]) -> Changes:
        chosen = np.zeros(len(dataset.test), bool)
        chosen[then.rows[kept]] = True
        of_kept = None if groups is None else groups.within(chosen)
        both = dict(zip(names, (before[kept], now[kept]), strict=True))
        return changes(labels.at(kept), both, seed, of_kept)

    is_known = np.isfinite(before.reshape(len(labels), -1)).all(axis=1)
    others = is_known & ~is_relabelled
    found = [compared(is_known)]
    return together(*found, compared(others)) if is_relabelled.any() and others.any() else found

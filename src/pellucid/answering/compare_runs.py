"""Two runs on the same labelled examples: which are newly right or newly wrong, and is it beyond chance."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from pellucid.answering.by_target import ASKED
from pellucid.answering.evaluate import groups_of, listing_for
from pellucid.answering.training_examples import model_of, run_of
from pellucid.bundle import Model, load
from pellucid.data.applied_corrections import Applied, apply_corrections
from pellucid.data.corrections import content_digits, read_corrections
from pellucid.data.decoded import Content, content_of
from pellucid.data.ledger import read_ledger
from pellucid.data.listing import TEST, TRAIN, VALIDATION, Listing
from pellucid.data.raw_texts import Texts
from pellucid.data.tables.csv_tables import as_csv
from pellucid.data.wording import count_of, filled, quoted, some, visible, wrapped
from pellucid.errors import DataError, UsageError
from pellucid.evaluation.changes import Changes, changes, together
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence, join
from pellucid.reports.comparison import MOST_SHOWN, Change, ChangesFacts, render_changes
from pellucid.safety.files import write_file
from pellucid.safety.strict import MOST_BYTES, read_json
from pellucid.settings import Settings, command_line, flag_of, name_of
from pellucid.targets import Labels, Target

_FORMAT = 1
_BLOCK = 1024
_SHOWN = 20  # examples that the terminal lists
_NAMED = 10  # names in a message
_SEEN = (TRAIN, VALIDATION)
# Settings that say how DATA is read and judged; others belong to training.
OF_DATA = (
    "task target order test input_column label_column label_separator unlabelled label_from_name class_depth "
    "group_column split_column rename corrections encoding delimiter quote skip_bad seed"
).split()
# Of these what a run's own DATA needs, as the run was given it.
_OF_RUN = [name for name in OF_DATA if name not in ("corrections", "skip_bad", "seed")]


class Judged(NamedTuple):
    """Both models' labels of the examples, and how probable each was; of numbers there is no probability."""

    predicted: Shaped[np.ndarray, "examples ..."]
    probabilities: Float64[np.ndarray, " examples"] | None


@dataclass(frozen=True)
class RunComparison:
    """An earlier and a later run on the same examples."""

    runs: tuple[str, str]  # names of the two, the earlier one first
    place: str  # the data
    noun: str  # what one input is: `image` or `text`
    target: Target
    rows: str  # which examples were compared, in words
    changes: Changes  # by the labels, corrected where corrections were given
    uncorrected: Changes | None  # by the labels as they are in the data; `None` without corrections
    sources: Sequence[str]  # of the examples that were compared
    labels: Sequence[str]
    answers: tuple[Sequence[str], Sequence[str]]  # labels that each run gives
    probabilities: tuple[Float64[np.ndarray, " examples"] | None, Float64[np.ndarray, " examples"] | None]
    inputs: Shaped[np.ndarray, "examples ..."] | Sequence[str]  # as the later run takes them
    warnings: tuple[str, ...]  # sentences for the user about the data

    def sentences(self) -> list[str]:
        """The outcome in words."""
        found = [self.changes.sentence(self.noun)]
        if self.uncorrected is not None:
            found.append(
                Sentence(
                    "By the labels as they are in the data: {noun}", self.uncorrected.sentence(self.noun)
                )
            )
        return found

    def changed(self) -> Iterator[tuple[str, int]]:
        """What changed, and the row: the newly right or nearer ones first."""
        for name, rows in zip(
            ASKED[self.target].changed, (self.changes.newly_right, self.changes.newly_wrong), strict=True
        ):
            yield from ((name, row) for row in rows.tolist())

    def table(self) -> Iterator[list[Any]]:
        """Every example that changed, the head first."""
        yield ["input", "change", "label", "earlier", "later", "earlier_probability", "later_probability"]
        for change, row in self.changed():
            shares = ["" if each is None else float(each[row]) for each in self.probabilities]
            answers = [each[row] for each in self.answers]
            yield [self.sources[row], change, self.labels[row], *answers, *shares]

    def to_json(self) -> dict[str, Any]:
        """The comparison as one document of plain JSON."""
        head, *rows = self.table()
        return {
            "format": _FORMAT,
            "task": f"{self.noun}-{self.target.name}",
            "runs": list(self.runs),
            "data": {"place": self.place, "rows": self.rows, "examples": self.changes.examples},
            "words": self.sentences(),
            "warnings": list(self.warnings),
            "comparison": self.changes.to_json(),
            "uncorrected": None if self.uncorrected is None else self.uncorrected.to_json(),
            "changed": [dict(zip(head, row, strict=True)) for row in rows],
        }

    def to_text(self) -> str:
        """The comparison for a terminal of 80 columns, without the last line break."""
        heads = [filled(translated(words), -6) for words in ("Data", "Rows")]
        lines = [
            f"{heads[0]}{visible(self.place)}",
            *wrapped(f"{heads[1]}{translated(self.rows)}", indent="      "),
        ]
        for sentence in self.sentences():
            lines += ["", *wrapped(visible(sentence))]
        every = list(self.changed())
        for name in dict.fromkeys(name for name, _ in every):
            rows = [row for change, row in every if change == name]
            lines += ["", translated(f"{name.capitalize()}: {count_of(len(rows), self.noun)}")]
            lines += [f"  {visible(self._line(row))}" for row in rows[:_SHOWN]]
            if len(rows) > _SHOWN:
                lines.append(
                    "  "
                    + translated(
                        Sentence("and {rows:,} more; --changes FILE.csv has all", len(rows) - _SHOWN)
                    )
                )
        return "\n".join(lines)

    def _line(self, row: int) -> str:
        none = translated("no label")
        earlier, later = (each[row] or none for each in self.answers)
        change = translated(
            Sentence(
                "label {value}, answer was {earlier}, is now {later}",
                self.labels[row] or none,
                earlier,
                later,
            )
        )
        return f"{self.sources[row]}: {change}"


def compare_runs(
    first: str,
    second: str,
    place: str,
    given: Mapping[str, Any],
) -> RunComparison:
    """Ask the recommended models of two runs about the same data, and compare their answers in pairs.

    The test split of the data is used, or all of it where it has none, without the examples that either run
    learned from.

    Args:
        first: the earlier run, or a model folder.
        second: the later one.
        place: DATA, in any of its forms.
        given: settings by name of how the data is read; the later run's own data is read as it was.

    Returns:
        The comparison.

    Raises:
        UsageError: a setting belongs to training.
        DataError: the data cannot be read, or the two runs do not answer about it; or corrections do not fit.
        ModelFileError: a model is damaged or unsafe, or has no finite answer to an input.
    """
    unfit = [name for name in map(name_of, given) if name not in OF_DATA]
    if unfit:
        raise UsageError(
            "{unfit}: belongs to training, and runs are compared as they are; leave it out", flag_of(unfit[0])
        )
    models = [load(model_of(run).folder) for run in (first, second)]
    _require_alike(models, (first, second))
    later = models[1]
    own = ASKED[later.target]
    settings = Settings(**{**_settings_of_run(second, place), **given})
    listing = listing_for(later, place, settings)
    contents = [content_of(listing, settings, each.preprocessing) for each in models]
    given_listing, applied = listing, None
    digests = contents[1].digests
    if settings.corrections is not None:
        table = read_corrections(settings.corrections)
        splits = np.array(listing.splits, dtype="<U10")
        listing, applied = apply_corrections(listing, digests, splits, table, skip_bad=settings.skip_bad)
    chosen = _chosen(listing, contents, applied, (first, second), skip_bad=settings.skip_bad)
    rows = chosen.rows
    names = _names_of(models, listing, given_listing, rows)
    judged = [_judged(*pair, rows, names) for pair in zip(models, contents, strict=True)]
    answers = dict(zip(_short(first, second), (each.predicted for each in judged), strict=True))
    groups = groups_of(listing, rows.tolist())

    def compared(some: Listing) -> Changes:
        labels = Labels(own.values(some, rows.tolist(), names), names, later.target)
        return changes(labels, answers, settings.seed, groups)

    found, uncorrected = compared(listing), None
    if applied is not None:
        found, uncorrected = together(found, compared(given_listing))
    warnings = [each for each in listing.warnings if "--target" not in each] + chosen.warnings
    inputs = contents[1].inputs
    return RunComparison(
        runs=found.names,
        place=listing.place,
        noun=listing.noun,
        target=later.target,
        rows=chosen.words,
        changes=found,
        uncorrected=uncorrected,
        sources=[listing.sources[row] for row in rows.tolist()],
        labels=[listing.labels[row] for row in rows.tolist()],
        answers=(own.texts(judged[0].predicted, names), own.texts(judged[1].predicted, names)),
        probabilities=(judged[0].probabilities, judged[1].probabilities),
        inputs=[str(inputs[row]) for row in rows.tolist()] if isinstance(inputs, Texts) else inputs[rows],
        warnings=(*warnings, *_unknown_labels(models, listing, rows, answers)),
    )


def _require_alike(models: Sequence[Model], runs: tuple[str, str]) -> None:
    """Refuse two models that do not answer the same question."""
    first, second = models
    for what, one, other in (
        ("takes", first.input_kind.nouns, second.input_kind.nouns),
        ("predicts", first.target.nouns, second.target.nouns),
    ):
        if one != other:
            raise DataError(
                "{runs}: {what} {one}, and {runs2} {what2} {other}; give two runs that do the same",
                runs[0],
                what,
                one,
                runs[1],
                what,
                other,
            )


def _short(first: str, second: str) -> tuple[str, str]:
    """Names of two runs that differ."""
    names = tuple(os.path.normpath(each) for each in (first, second))
    return (names[0], names[1]) if names[0] != names[1] else (f"{names[0]} (1)", f"{names[1]} (2)")


def _settings_of_run(run: str, place: str) -> dict[str, Any]:
    """How a run's own data is read; nothing of other data."""
    folder = run_of(Path(run))
    try:
        assert folder is not None
        config = read_json(folder / "config.json", MOST_BYTES)
        if os.path.realpath(config["data"]["place"]) != os.path.realpath(place):
            return {}
        found = {name: config["settings"].get(name) for name in _OF_RUN}
        Settings(**{name: value for name, value in found.items() if value is not None})
    except (AssertionError, OSError, ValueError, KeyError, TypeError):
        return {}
    return {name: value for name, value in found.items() if value is not None}


class _Chosen(NamedTuple):
    """Examples that are compared."""

    rows: Int64[np.ndarray, " rows"]
    words: str
    warnings: list[str]


def _chosen(
    listing: Listing,
    contents: Sequence[Content],
    applied: Applied | None,
    runs: tuple[str, str],
    *,
    skip_bad: bool,
) -> _Chosen:
    """The test examples, or all, without those that cannot be used or that a run learned from."""
    noun = listing.noun
    problems = {each.index: each for content in contents for each in content.problems}
    usable = np.ones(len(listing), bool)
    usable[list(problems)] = False
    if problems and not skip_bad:
        named = some(
            [Sentence("{source}: {reason}", each.source, each.reason) for each in problems.values()], _NAMED
        )
        raise DataError(
            "{place}: {problems} cannot be read, {named}; fix them or leave them out with --skip-bad",
            listing.place,
            count_of(len(problems), noun),
            named,
        )
    if applied is not None:
        usable[list(applied.left_out)] = False
    usable &= listing.coded.is_known()
    is_test = np.array(listing.splits, dtype="<U10") == TEST
    asked = usable & is_test if is_test.any() else usable
    if not asked.any():
        raise DataError("{place}: no {noun} to compare on; give labelled {noun2}s", listing.place, noun, noun)
    seen = {run: _learned(run, listing, content_digits(contents[1].digests)) for run in runs}
    either = np.any(list(seen.values()), axis=0)
    counts = {run: int((asked & each).sum()) for run, each in seen.items()}
    parts = [
        Sentence("{place} was trained on {count:,}", place, count) for place, count in counts.items() if count
    ]
    warnings = list[str]()
    kept = asked & ~either
    if not kept.any():
        kept = asked
        warnings.append(
            Sentence(
                "warning: these runs learned from every {noun} ({parts}), so both scores are too good; give "
                "data that neither has seen",
                noun,
                join("; ", parts),
            )
        )
    elif parts:
        warnings.append(
            Sentence(
                "{place} has {noun}s that a run learned from ({parts}); they are left out, "
                "since scores on them would be too good.",
                listing.place,
                noun,
                join("; ", parts),
            )
        )
    rows = np.flatnonzero(kept).astype(np.int64)
    words = count_of(len(rows), noun)
    if is_test.any():
        words = Sentence("{examples} of the test split", words)
    if parts and kept is not asked:
        words = Sentence("{words} that neither run learned from", words)
    if problems:
        words += Sentence("; {problems} skipped", count_of(len(problems), noun))
    return _Chosen(rows, words, warnings)


def _learned(run: str, listing: Listing, contents: Sequence[str]) -> Bool[np.ndarray, " examples"]:
    """Which examples are in a run's training or validation, by content; by name where its ledger has none."""
    found = np.zeros(len(listing), bool)
    folder = run_of(Path(run))
    if folder is None:
        return found
    try:
        rows = [row for row in read_ledger(folder) if row["split"] in _SEEN]
    except (OSError, ValueError):
        return found
    known = {row["content"] for row in rows if row.get("content")}
    names = {os.path.abspath(row["source"]) for row in rows if not row.get("content")}
    for at, content in enumerate(contents):
        found[at] = content in known or bool(names and os.path.abspath(listing.sources[at]) in names)
    return found


def _names_of(
    models: Sequence[Model], listing: Listing, uncorrected: Listing, rows: Int64[np.ndarray, " rows"]
) -> tuple[str, ...]:
    """Classes, or labels, of both models and of the data; none of numbers."""
    known = {name for model in models for name in model.classes}
    for each in (listing, uncorrected):
        known |= ASKED[models[0].target].named(each, rows.tolist())
    return tuple(sorted(known))


def _judged(
    model: Model, content: Content, rows: Int64[np.ndarray, " rows"], names: tuple[str, ...]
) -> Judged:
    """A model's labels of some rows, by the names of both models, and how probable each is."""
    inputs, said = content.inputs, []
    for start in range(0, len(rows), _BLOCK):
        block = inputs[rows[start : start + _BLOCK]]
        said.append(model.answer(block if isinstance(block, np.ndarray) else list(block)).said)
    outputs = np.concatenate(said)
    predicted = model.decided(outputs)
    places = np.array([names.index(name) for name in model.classes], np.int64)
    return Judged(
        ASKED[model.target].among(predicted, places, len(names)),
        model.target.probability(outputs, predicted) if model.target.right else None,
    )


def _unknown_labels(
    models: Sequence[Model],
    listing: Listing,
    rows: Int64[np.ndarray, " rows"],
    answers: Mapping[str, np.ndarray],
) -> list[str]:
    """Warnings of labels of the data that a model does not know, all of which it labels wrong."""
    there, found = ASKED[models[0].target].present(listing, rows.tolist()), list[str]()
    for name, model in zip(answers, models, strict=True):
        unknown = sorted(there - {*model.classes})
        if unknown:
            named = some([quoted(each) for each in unknown], _NAMED)
            found.append(
                Sentence(
                    "warning: {name} does not know {named}, so that it labels those examples wrong",
                    name,
                    named,
                )
            )
    return found


# What is written: a page, and a table.


def page_of(found: RunComparison, path: Path, places: Sequence[str], given: Mapping[str, Any]) -> None:
    """Write the page of a comparison; `places` and `given` are the words of the command.

    Raises: `StorageError` if it cannot be written.
    """
    groups: dict[str, list[int]] = {}
    for name, row in found.changed():
        groups.setdefault(name, []).append(row)

    def change(row: int) -> Change:
        shares = [None if each is None else float(each[row]) for each in found.probabilities]
        return Change(
            shown=found.inputs[row],
            source=found.sources[row],
            label=found.labels[row],
            answers=(found.answers[0][row], found.answers[1][row]),
            probabilities=(shares[0], shares[1]),
        )

    facts = ChangesFacts(
        title=found.place,
        noun=found.noun,
        found=found.to_json(),
        warnings=found.warnings,
        groups=[
            (name, len(rows), [change(row) for row in rows[:MOST_SHOWN]]) for name, rows in groups.items()
        ],
        versions={"pellucid": version("pellucid")},
        command=command_line(["compare", *places], given, last=["--out", os.fspath(path)]),
    )
    write_file(path, render_changes(facts).encode())


def write_changes(found: RunComparison, path: Path) -> None:
    """Write every example that changed as CSV.

    Raises: `StorageError` if it cannot be written.
    """
    write_file(path, as_csv(list(found.table())))

"""Score a trained model on labelled images or texts, for people and for programs."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from pellucid.answering.answers import REASON, answered
from pellucid.answering.by_target import ASKED
from pellucid.answering.decisions import Decisions, PredictOptions, share_in_words
from pellucid.answering.incoming import as_trained, first_few, incoming_rows
from pellucid.answering.training_examples import is_data_of, model_of, run_of
from pellucid.arithmetic.metrics import rarer_class
from pellucid.arithmetic.rounding import decimals, figure, per_cent
from pellucid.bundle import Model, load
from pellucid.data.by_target import with_labels
from pellucid.data.corrections import content_digits
from pellucid.data.ledger import read_ledger
from pellucid.data.listing import TEST, TRAIN, VALIDATION, Listing
from pellucid.data.sibling_sets import first_of_groups
from pellucid.data.sources.labelled import read_data, read_dataset
from pellucid.data.tables.csv_tables import as_csv
from pellucid.data.wording import count_of, filled, fitted, quoted, some, wrapped
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.evaluation import (
    Drift,
    Gathering,
    Groups,
    Interval,
    Scores,
    Slices,
    Worth,
    score,
    score_slices,
    worth,
)
from pellucid.evaluation.promises import kept_on
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence, join
from pellucid.reports.facts import headline_of
from pellucid.safety.files import write_file
from pellucid.safety.strict import MOST_BYTES, read_json
from pellucid.settings import METRICS, Settings
from pellucid.targets import Labels, Target

_FORMAT = 1
_CONFUSIONS_SHOWN = 5
_NAME_WIDTH = 24
_SLICES_SHOWN = 20
_NAMES_SHOWN = 10
_LABELS_SHOWN = 20


class Abstention(NamedTuple):
    """Behaviour of a model that may abstain."""

    max_error: float  # the largest error among the answered, as promised
    expected: Interval  # share that was expected to be answered
    answered: Interval  # share that is
    error: Interval | None  # share of wrong labels among the answered; `None` where none is

    def to_json(self) -> dict[str, Any]:
        """The form of `abstention` in the document of `evaluate`."""
        return {
            "max_error": self.max_error,
            "expected": self.expected._asdict(),
            "answered": self.answered._asdict(),
            "error": None if self.error is None else self.error._asdict(),
        }

    def sentence(self, noun: str) -> str:
        """The outcome in one sentence."""
        answered = Sentence("{answered} of the {noun}s are answered", share_in_words(self.answered), noun)
        wrong = (
            ""
            if self.error is None
            else Sentence("; of these {error} get a wrong label", share_in_words(self.error))
        )
        return Sentence("With --max-error {max_error:g} {answered}{wrong}.", self.max_error, answered, wrong)


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on labelled images or texts."""

    run: str  # the run or model folder
    noun: str  # what one input is: `image` or `text`
    place: str  # the data
    rows: str  # which of its rows were scored: `test split` or `all rows`
    skipped: int  # inputs left out because they could not be read
    classes: tuple[str, ...]  # the model's; none where it predicts numbers
    target: Target  # what it predicts
    scores: Scores
    drift: Drift | None  # from the model's validation examples; `None` without a detector, or of too few
    slices: Slices | None  # scores by the values of a column, worst first; `None` where none was asked for
    worth: Worth | None  # of the examples by their groups; `None` where no two share one
    abstention: Abstention | None  # effect of a promise; `None` where none was asked for
    warnings: tuple[str, ...]  # sentences for the user about the data

    def to_json(self) -> dict[str, Any]:
        """The evaluation as one document of plain JSON; `test` has the form it has in `metrics.json`."""
        document = {
            "format": _FORMAT,
            "task": f"{self.noun}-{self.target.name}",
            "run": self.run,
            "data": {
                "place": self.place,
                "rows": self.rows,
                "examples": self.scores.examples,
                "skipped": self.skipped,
            },
            "classes": list(self.classes),
            "test": self.scores.to_json(),
            "drift": None if self.drift is None else self.drift.to_json(),
            "warnings": list(self.warnings),
        }
        optional = {"by_groups": self.worth, "slices": self.slices, "abstention": self.abstention}
        document |= {name: each.to_json() for name, each in optional.items() if each is not None}
        if self.scores.confusion is not None:
            document["confusion"] = self.scores.confusion.tolist()
        if self.scores.per_label:
            named = zip(self.classes, self.scores.per_label_json(), strict=True)
            document["labels"] = [{"label": name, **each} for name, each in named]
        return document

    def to_text(self) -> str:
        """The evaluation for a terminal of 80 columns, without the last line break."""
        lines = [
            _heads(("Data", -8)) + _printable(self.place),
            _heads(("Scored", -8))
            + translated(
                Sentence(
                    "{rows}: {examples:,} {noun}s, {skipped:,} skipped",
                    self.rows,
                    self.scores.examples,
                    self.noun,
                    self.skipped,
                )
            ),
            "",
            *_table(self.scores, self.target),
        ]
        if self.scores.per_label:
            lines += self._labels()
        if self.scores.confusion is not None:
            lines += self._confusions(self.scores.confusion)
        if self.worth is not None:
            lines += ["", *wrapped(self.worth.sentence(self.noun))]
        if self.slices is not None:
            lines += _slice_table(self.slices, self.noun)
        if self.abstention is not None:
            lines += ["", *wrapped(self.abstention.sentence(self.noun))]
        if self.drift is not None:
            share, low, high = (per_cent(end, self.drift.novelty.value) for end in self.drift.novelty)
            sentence = Sentence(
                "Unlike the training data: {share} % [{low}, {high}] of the {noun}s, where "
                "{expected:g} % is expected.",
                share,
                low,
                high,
                self.noun,
                100 * self.drift.expected,
            )
            lines += ["", *wrapped(_printable(join(" ", [sentence, self.drift.sentence])))]
        return "\n".join(lines)

    def _labels(self) -> list[str]:
        """Scores of the labels that most examples have."""
        named = [*zip(self.classes, self.scores.per_label, strict=True)]
        named.sort(key=lambda each: -each[1].support)
        lines = ["", _heads(("Label", -28), ("Examples", 9), ("Precision", 11), ("Recall", 8), ("F1", 8))]
        for name, each in named[:_LABELS_SHOWN]:
            found = (each.precision, each.recall, each.f1)
            precision, recall, f1 = ("" if one is None else figure(one.value) for one in found)
            lines.append(f"{_cut(name)}{each.support:>9,}{precision:>11}{recall:>8}{f1:>8}")
        if len(named) > _LABELS_SHOWN:
            more = Sentence(
                "and {named:,} labels of fewer examples; --json has all", len(named) - _LABELS_SHOWN
            )
            lines.append(translated(more))
        return lines

    def _confusions(self, confusion: Int64[np.ndarray, "classes classes"]) -> list[str]:
        """The mistakes made most often."""
        mistakes = confusion.copy()
        np.fill_diagonal(mistakes, 0)
        worst = np.argsort(-mistakes, axis=None, kind="stable")[:_CONFUSIONS_SHOWN]
        pairs = [divmod(int(cell), len(self.classes)) for cell in worst]
        lines = [
            f"{_cut(self.classes[true])}{_cut(self.classes[predicted])}{times:>6,}"
            for true, predicted in pairs
            if (times := mistakes[true, predicted]) > 0
        ]
        return ["", _heads(("Label", -28), ("Predicted", -28), ("Times", 6)), *lines] if lines else []


def _table(scores: Scores, target: Target) -> list[str]:
    """Each score with its interval; errors of predicted numbers are in the labels' own unit."""
    own = ASKED[target]
    lines = [f"{_heads(('Score', -28), ('Value', own.width))}   {translated('95 % interval')}"]
    for key, interval in scores.intervals.items():
        metric, places = METRICS[key], decimals(interval.value)
        words = translated(
            Sentence("{title} ({hint})", metric.title, metric.hint) if metric.hint else metric.title
        )
        value, low, high = (own.score_text(end, places) for end in interval)
        lines.append(f"{filled(words, -28)}{value:>{own.width}}   [{low}, {high}]")
    return [*lines, "", translated(own.note)] if own.note else lines


def _heads(*columns: tuple[str, int]) -> str:
    """Headings at their widths; negative ones to the left."""
    return "".join(filled(translated(words), size) for words, size in columns)


def _slice_table(slices: Slices, noun: str) -> list[str]:
    """Each value's score with its simultaneous interval, worst first."""
    title = METRICS[slices.metric].title
    heads = _heads((title, 20), ("95 % together", 15), (f"{noun.capitalize()}s", 8))
    lines = ["", _cut(slices.column) + heads]
    rows = [(_cut(each.value or translated("(empty)")), each) for each in slices.parts[:_SLICES_SHOWN]]
    if slices.pooled is not None:
        rows.append(
            (translated(Sentence("{pooled_values:,} smaller ones", slices.pooled_values)), slices.pooled)
        )
    for name, each in rows:
        value, low, high = (figure(end) for end in each.score)
        worse = f"  {translated('worse')}" if each.is_worse else ""
        lines.append(f"{filled(name, -28)}{value:>20}  {f'[{low}, {high}]':<15}{each.examples:>6,}{worse}")
    if len(slices.parts) > _SLICES_SHOWN:
        more = Sentence("and {parts:,} better values more; --json has all", len(slices.parts) - _SLICES_SHOWN)
        lines.append(translated(more))
    if slices.left_out[1]:
        lines.append(
            translated(
                Sentence("Left out, too few even together: {left_out:,} {noun}s", slices.left_out[1], noun)
            )
        )
    return [*lines, translated("Worse: the whole interval is worse than the score of all (Bonferroni).")]


def _printable(text: str) -> str:
    """A text whose control characters cannot reach the terminal."""
    if isinstance(text, Sentence) and text.values:
        return text.each_text(_printable)
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _cut(name: str) -> str:
    """A name in the first column of a table, where Chinese takes two columns a character."""
    return fitted(_printable(name), _NAME_WIDTH) + "    "


def evaluate(
    run: str | Path,
    place: str,
    settings: Settings,
    *,
    max_error: float | None = None,
    progress: Callable[[int, int], None] | None = None,
    model_name: str | None = None,
    confusion: Path | None = None,
) -> Evaluation:
    """Score a model on the test split of the data, or on all rows where there is none.

    Whether inputs are images or texts, and labels classes or numbers, is the model's to decide.

    Args:
        run: a run or a model folder of images or texts, neural or classical, of classes or numbers.
        place: DATA, in any of its forms.
        settings: columns and encoding of tables, whether unreadable inputs are left out, seed of
            the bootstrap.
        max_error: promise that abstention is measured for; classes only.
        progress: called with the inputs done and the inputs in all.
        model_name: another model of the run than the recommended one.
        confusion: CSV file for the counts of labels (rows) and answers (columns), through the save protocol.

    Returns:
        The scores.

    Raises:
        UsageError: `max_error` is out of range, or cannot be promised, the run has no such model, or
            `confusion` is no CSV file or asked of a model of numbers.
        DataError: the data cannot be read, has a class that the model does not know, or holds no
            numbers where the model predicts some.
        ModelFileError: the model is damaged or unsafe, or has no finite answer to an input.
        StorageError: `confusion` cannot be written.
    """
    model = load(model_of(run, model_name).folder)
    if confusion is not None:
        _require_counts(model, confusion)
    listing = listing_for(model, place, settings)
    rows, chosen = scored_rows(listing)
    every = labels_for(model, listing, rows)
    gathering = None if model.detector is None else Gathering(model.detector, model.classes)
    options = PredictOptions(max_error=max_error, threshold=settings.threshold)
    decisions = Decisions(model, options, str(run))
    learned = None if is_data_of(Path(run), place, len(listing)) else _Learned.of(Path(run))
    outputs, is_readable, abstained, warnings = _answers(
        model, decisions, listing, rows, settings.skip_bad, progress, gathering, learned
    )
    labels, readable = every.at(is_readable), np.array(rows)[is_readable].tolist()
    groups = groups_of(listing, readable)
    scores, predicted = _scored(model, labels, outputs, settings, groups)
    if confusion is not None and scores.confusion is not None:
        _write_counts(confusion, model.classes, scores.confusion.tolist())
    slices = abstention = None
    if settings.slice_column is not None and listing.slices is not None:
        values = [listing.slices[row] for row in readable]
        slices = score_slices(settings.slice_column, values, labels, outputs, groups, predicted)
    if (promise := decisions.promise) is not None:
        kept = kept_on(0.5, 1.0 - abstained, model.target.wrong(predicted, labels.values))
        abstention = Abstention(promise.max_error, promise.expected, *kept)
    asked = _known_from_training if chosen else _is_own_data
    warnings += asked(Path(run), place, len(listing), model.input_kind.noun)
    warnings += [] if learned is None else learned.warnings(len(readable), model.input_kind.noun)
    return Evaluation(
        run=str(run),
        noun=model.input_kind.noun,
        place=listing.place,
        rows="test split" if chosen else "all rows",
        skipped=int((~is_readable).sum()),
        classes=model.classes,
        target=model.target,
        scores=scores,
        drift=None if gathering is None else gathering.drift(model.input_kind.noun),
        slices=slices,
        worth=None if groups is None else worth(groups, labels, outputs),
        abstention=abstention,
        # Warnings of reading, but for those about labels, which are the model's to decide.
        warnings=(*[each for each in listing.warnings if "--target" not in each], *warnings),
    )


def scored_rows(listing: Listing) -> tuple[list[int], bool]:
    """Examples that scores are of, and whether they are the test split; else they are all.

    Without those of which no label is known.
    """
    chosen = [index for index, split in enumerate(listing.splits) if split == TEST]
    rows = chosen or list(range(len(listing)))
    is_known = listing.coded.is_known()
    return [row for row in rows if is_known[row]], bool(chosen)


def groups_of(listing: Listing, rows: Sequence[int]) -> Groups | None:
    """Groups of some rows by the column that names them; `None` where no two of them share one."""
    first = first_of_groups([listing.groups[row] for row in rows])
    return None if len(np.unique(first)) == len(first) else Groups.of_sets(first)


def _write_counts(confusion: Path, classes: Sequence[str], counts: list[list[int]]) -> None:
    named = zip(classes, counts, strict=True)
    write_file(confusion, as_csv([["true / answer", *classes], *([name, *row] for name, row in named)]))


def _require_counts(model: Model, confusion: Path) -> None:
    """Refuse a file for the counts by class that is none, or of a model without classes."""
    if confusion.suffix.lower() != ".csv":
        raise UsageError("--confusion: {confusion} does not end in .csv; choose a name that does", confusion)
    if "confusion" in ASKED[model.target].lacks:
        raise UsageError(
            "--confusion: counts answers by class, and the model predicts {nouns}; leave it out",
            model.target.nouns,
        )


def _scored(
    model: Model,
    labels: Labels,
    outputs: Float64[np.ndarray, "examples ..."],
    settings: Settings,
    groups: Groups | None,
) -> tuple[Scores, Shaped[np.ndarray, "examples ..."]]:
    """Scores of the answers, and the class, labels or number answered for each."""
    # Rankings are about the class of two that was rarer when the model was trained.
    held_out = model.held_out if len(model.classes) == 2 else None
    positive = None if held_out is None else rarer_class(model.target.codes(held_out.labels))
    threshold = model.target.thresholds(model.threshold, settings.threshold or None)
    predicted = model.target.labels(outputs, model.classes, threshold)
    return score(labels, outputs, settings.seed, groups, positive, predicted), predicted


@dataclass
class _Learned:
    """Contents that a run was trained or validated on, and how many scored examples are among them."""

    run: Path
    contents: frozenset[str]
    found: int = 0

    @classmethod
    def of(cls, run: Path) -> "_Learned | None":
        """Contents by the ledger of a run; `None` where there is none that can be read."""
        folder = run_of(run)
        if folder is None:
            return None
        try:
            rows = [row for row in read_ledger(folder) if row["split"] in (TRAIN, VALIDATION)]
        except (OSError, ValueError):
            return None
        return cls(folder, frozenset(row["content"] for row in rows if row.get("content")))

    def count(self, digests: Sequence[bytes]) -> None:
        """Count those of further examples that the run learned from."""
        rows = np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), -1)
        self.found += sum(each in self.contents for each in content_digits(rows))

    def warnings(self, scored: int, noun: str) -> list[str]:
        """A warning where there are some, by exact copies alone."""
        if not self.found:
            return []
        return [
            Sentence(
                "warning: {found:,} of the {scored:,} {noun}s are exact copies of what {run} was trained or "
                "validated on, so these scores are too good; give data that it has not seen",
                self.found,
                scored,
                noun,
                self.run,
            )
        ]


def _is_own_data(run: Path, place: str, rows: int, noun: str) -> list[str]:
    """A warning where all of the data is what the run learned from."""
    if not is_data_of(run, place, rows):
        return []
    return [
        Sentence(
            "warning: {run} was trained on {place} itself, so these scores are too good; give data that "
            "it has not seen, or see its report for the test",
            run,
            place,
        )
    ]


def _known_from_training(run: Path, place: str, rows: int, noun: str) -> list[str]:
    """A warning where the run's own test has examples that are known from its training."""
    folder = run_of(run)
    if folder is None or not is_data_of(folder, place, rows):
        return []
    try:
        headline = headline_of(read_json(folder / "metrics.json", MOST_BYTES))
    except (OSError, ValueError, TypeError, AttributeError):  # a damaged file is for others to refuse
        return []
    if not headline.known:
        return []
    has = "has" if headline.known == 1 else "have"
    return [
        Sentence(
            "warning: {known:,} of the {tested:,} test {noun}s of {folder} {has} a copy or a "
            "relative in its training or validation, so these scores are too good; see its report for "
            "the score of "
            "the others",
            headline.known,
            headline.tested,
            noun,
            folder,
            has,
        )
    ]


def listing_for(model: Model, place: Any, settings: Settings) -> Listing:
    """The data at a path, or a data set of `datasets` or PyTorch, read as what the model takes.

    Raises: `DataError` if it holds something else, or cannot be read.
    """
    noun = model.input_kind.noun
    try:
        asked = as_trained(model, settings)
        target = ASKED[model.target].read_as
        read = read_data if isinstance(place, str) else read_dataset
        listing = read(place, dataclasses.replace(asked, task=model.input_kind.task, target=target))
    except UsageError as error:
        if not str(error).startswith("--task"):
            raise
        raise DataError(
            "{place}: holds no {noun}s, which are what the model takes; give labelled {noun2}s",
            place,
            noun,
            noun,
        ) from error
    if settings.rename is not None or not model.renamed:
        return listing
    doubtful = sorted(
        old
        for old, new in model.renamed.items()
        if old != new and old in {*model.classes} & {*listing.labels}
    )
    warnings = [
        Sentence(
            "warning: {old} is read as the old name of {renamed}, as in training; "
            "where it is a new name, give --rename with a table of your own",
            quoted(old),
            quoted(model.renamed[old]),
        )
        for old in doubtful
    ]
    return with_labels(listing, listing.coded.renamed(model.renamed)).with_warnings(*warnings)


def labels_for(model: Model, listing: Listing, rows: Sequence[int]) -> Labels:
    """Labels of some rows as the model answers: codes of its classes, states of its labels, or numbers.

    Raises: `DataError` if there are labels that it does not know, or no numbers where it predicts some.
    """
    values = ASKED[model.target].values(listing, rows, model.classes)
    return Labels(values, model.classes, model.target)


def _answers(
    model: Model,
    decisions: Decisions,
    listing: Listing,
    rows: Sequence[int],
    skip_bad: bool,
    progress: Callable[[int, int], None] | None,
    gathering: Gathering | None,
    learned: "_Learned | None",
) -> tuple[
    Float64[np.ndarray, "readable ..."],
    Bool[np.ndarray, " rows"],
    Bool[np.ndarray, " readable"],
    list[str],
]:
    """Probabilities or numbers of the usable inputs, which rows those are, which are abstained, warnings.

    Raises: `DataError` if inputs cannot be read and are not to be skipped, or none can be read;
        `ModelFileError` if an answer is not finite.
    """
    outputs: list[np.ndarray] = []
    abstained: list[np.ndarray] = []
    errors: list[str] = []
    warnings: list[str] = []
    for block in incoming_rows(model, listing, rows, with_digests=learned is not None).blocks:
        if learned is not None:
            learned.count(block.digests)
        answers, block = answered(model, block)
        outputs.append(answers.said)
        is_abstained = decisions.decide(*answers).abstained
        abstained.append(np.zeros(len(answers.said), bool) if is_abstained is None else is_abstained)
        if gathering is not None and answers.novelty is not None:
            gathering.add(answers.novelty, answers.said)
        errors += block.errors
        warnings += block.warnings
        if progress is not None:
            progress(len(errors), len(rows))
    noun = model.input_kind.noun
    named = [(listing.sources[row], error) for row, error in zip(rows, errors, strict=True) if error]
    unanswered = [source for source, error in named if error == REASON]
    if unanswered:  # to leave these out would flatter it
        raise ModelFileError(
            "model: what it computes for {unanswered} is not a finite number: {unanswered2}; train it again",
            count_of(len(unanswered), noun),
            some(unanswered, _NAMES_SHOWN),
        )
    bad = [Sentence("{source}: {error}", source, error) for source, error in named]
    if bad and not skip_bad:
        listed = "\n  ".join(bad)
        raise DataError(
            "{place}: {bad:,} {noun}s cannot be read; fix them or leave them out with --skip-bad\n  {listed}",
            listing.place,
            len(bad),
            noun,
            listed,
        )
    if len(bad) == len(rows):
        raise DataError("{place}: no {noun} can be read; the first is {bad}", listing.place, noun, bad[0])
    is_readable = np.array([not error for error in errors])
    return np.concatenate(outputs), is_readable, np.concatenate(abstained), [*first_few(warnings, noun)]

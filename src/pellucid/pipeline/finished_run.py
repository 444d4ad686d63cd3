"""A finished run as an object: its metrics, report and model, its verdict, and how a notebook shows it."""

import html
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pellucid.arithmetic.rounding import per_cent, percent
from pellucid.bundle import Model, load_any
from pellucid.errors import StorageError
from pellucid.language.documents import with_templates
from pellucid.language.sentence import Sentence, join
from pellucid.pages.assembly import visible
from pellucid.pipeline.by_target import WAYS, target_of_task
from pellucid.reports.facts import Headline, headline_of, scores_of
from pellucid.reports.formatting import interval, read_score, scored, seconds, size
from pellucid.reports.generated_sections import verdict_of_generator
from pellucid.safety.strict import MOST_BYTES, Object, read_json
from pellucid.settings import METRICS

_CELL = "text-align: left; padding: 2px 12px 2px 0"


class Run:
    """Results in the folder of a finished run; shows itself in a notebook."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The content of `metrics.json`."""
        path = self.folder / "metrics.json"
        try:
            found = Object().read("metrics", read_json(path, MOST_BYTES))
            return {**found, **with_templates(found)}
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise StorageError("{path}: {reason}; use an undamaged copy", path, reason) from error

    @property
    def report(self) -> Path:
        """Path of `report.html`."""
        return self.folder / "report.html"

    @cached_property
    def model(self) -> Model:
        """The recommended model."""
        return load_any(self.folder)

    @property
    def verdict(self) -> str:
        """The outcome in one sentence, and in another what of the test is known from training."""
        headline = headline_of(self.metrics)
        kind = str(self.metrics.get("task", "image")).split("-")[0]
        noun = kind if kind in ("image", "text") else "example"
        known = _known_from_training(headline, noun)
        return join(" ", [self._outcome(headline, noun), *([known] if known else [])])

    def _outcome(self, headline: Headline, noun: str) -> str:
        name = self.metrics["recommended"]
        tested, test = headline.examples, scores_of(self.metrics["models"][name], headline.part)
        of_what, continual = "", self.metrics.get("continual") or {}
        together = continual.get("all_classes")
        if together is not None:
            test, tested, of_what = together["test"], together["examples"], " of old and new data"
        elif continual.get("missing_classes"):
            of_what = " of the new data"
        noun = f"{'held-out' if headline.is_held_out else 'test'} {noun}{'' if tested == 1 else 's'}"
        noun = join("", [noun, of_what])
        agreement, near = read_score(test.get("quadratic_weighted_kappa")), test.get("within_one_class")
        if agreement is not None and near is not None:
            ends = (
                Sentence(" (95 % interval {agreement})", interval(agreement)) if interval(agreement) else ""
            )
            value, least = float(near["value"]), per_cent(float(near["low"]), float(near["value"]))
            return Sentence(
                "{name} reaches a quadratic-weighted kappa of {agreement} on {tested:,} "
                "{noun}{ends}; {percent} of its answers are at most one class off, at least "
                "{least} % by the 95 % interval.",
                name,
                scored(agreement),
                tested,
                noun,
                ends,
                percent(value),
                least,
            )
        accuracy, error = read_score(test.get("accuracy")), read_score(test.get("mean_absolute_error"))
        if accuracy is not None:
            low, high = (per_cent(end, accuracy.value) for end in (accuracy.low, accuracy.high))
            return Sentence(
                "{name} classifies {percent} of {tested:,} {noun} correctly "
                "(95 % interval {low} to {high} %).",
                name,
                percent(accuracy.value),
                tested,
                noun,
                low,
                high,
            )
        micro = read_score(test.get("micro_f1"))
        if micro is not None:
            ends = Sentence(" (95 % interval {micro})", interval(micro)) if interval(micro) else ""
            right = percent(float(test["subset_accuracy"]["value"]))
            return Sentence(
                "{name} reaches a micro-F1 of {micro} on {tested:,} {noun}{ends}, with all labels "
                "right for {right} of them.",
                name,
                scored(micro),
                tested,
                noun,
                ends,
                right,
            )
        if error is not None:
            ends = interval(error)
            if not ends:
                return Sentence(
                    "{name} has a mean absolute error of {error} on {tested:,} {noun}.",
                    name,
                    scored(error),
                    tested,
                    noun,
                )
            return Sentence(
                "{name} has a mean absolute error of {error} on {tested:,} {noun} (95 % interval {ends}).",
                name,
                scored(error),
                tested,
                noun,
                ends,
            )
        target = target_of_task(self.metrics["task"])
        if target is not None and WAYS[target].makes_images:
            return verdict_of_generator(self.metrics)
        return Sentence("{name} was trained, and nothing was left to test it on.", name)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}): {self.verdict}"

    def _repr_html_(self) -> str:
        """The verdict, the models with their intervals, and the way to the report.

        Colours are the notebook's own, so that it reads in light and dark themes. Foreign texts are escaped.
        """
        entries = self.metrics["models"]
        measured = {name for entry in entries.values() for name in entry.get("test") or {}}
        shown = [
            each
            for each in METRICS.values()
            if not {"class", "labels"} & {*each.targets} or not each.is_error
        ]
        titles = {each.key: Sentence("Test {words}", each.words) for each in shown if each.key in measured}
        # Sentences of the test that contradict the choice, or the scores on validation.
        against = (self.metrics.get(key) for key in ("contradiction", "disagreement", "order"))
        findings = "".join(f"<p>{_shown(str(each['words']))}</p>" for each in against if each)
        heads = "".join(
            f'<th scope="col" style="{_CELL}">{html.escape(title)}</th>'
            for title in ("Model", *titles.values(), "Trained in", "Size")
        )
        rows = "".join(
            _row(name, entry, titles, is_recommended=name == self.metrics["recommended"])
            for name, entry in entries.items()
        )
        return (
            f"<p><strong>{_shown(self.verdict)}</strong></p>{findings}"
            f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
            f'<p>Report: <a href="{_address(self.report)}">{_shown(self.report.as_posix())}</a>. '
            "In square brackets: 95 % intervals.</p>"
        )


def _known_from_training(headline: Headline, noun: str) -> str:
    """What the score leaves out, or is not of, since it is known from training; empty without any."""
    if not headline.known:
        return ""
    has = "has" if headline.known == 1 else "have"
    if headline.is_held_out:
        return Sentence(
            "{known:,} of the {tested:,} test {noun}s {has} a copy or a relative in "
            "training or validation, so that the test says nothing on new {noun2}s.",
            headline.known,
            headline.tested,
            noun,
            has,
            noun,
        )
    return Sentence(
        "{known:,} of the {tested:,} test {noun}s {has} a copy or a relative in training "
        "or validation; the score leaves {word} out.",
        headline.known,
        headline.tested,
        noun,
        has,
        "it" if headline.known == 1 else "them",
    )


def _row(name: str, entry: Mapping[str, Any], titles: Mapping[str, str], *, is_recommended: bool) -> str:
    """A model's line of the table."""
    words = f"<strong>{_shown(name)}</strong>, recommended" if is_recommended else _shown(name)
    if entry.get("saw_fewer"):
        words += Sentence("; saw {entry:,} examples only", entry["train_examples"])
    test = entry.get("test") or {}
    cells = [words]
    for score in (read_score(test.get(title)) for title in titles):
        cells.append(f"{scored(score)} {interval(score)}".strip())
    cells += [seconds(entry.get("train_seconds")), size(entry.get("bytes"))]
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _shown(text: str) -> str:
    """A foreign text, escaped, its invisible characters shown."""
    return html.escape(str(visible(text)))


def _address(path: Path) -> str:
    """Link to a file: from the folder the notebook runs in where it lies there, otherwise absolute."""
    try:
        near = path.resolve().relative_to(Path.cwd().resolve())
    except ValueError:
        return html.escape(path.resolve().as_uri())
    return html.escape(quote(os.fsencode(near.as_posix())))

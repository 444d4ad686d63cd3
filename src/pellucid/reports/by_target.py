"""The sections of the report by target, in the order of the argument, and what pages say of each target."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from pellucid.reports import (
    error_sections,
    generated_sections,
    model_sections,
    training_sections,
    trust_sections,
)
from pellucid.reports.facts import ReportFacts
from pellucid.targets import (
    CLASSIFICATION,
    GENERATION,
    MULTILABEL,
    ORDERED,
    PRESENT,
    REGRESSION,
    UNKNOWN,
    Target,
)

# What is true of an explained input: a class, states of its labels, a number, or nothing that is known.
Truth = int | float | tuple[int, ...] | None


def true_codes(truth: Truth) -> list[Any]:
    """The class, or the labels that an input has."""
    if isinstance(truth, tuple):
        return [code for code, state in enumerate(truth) if state == PRESENT]
    return [truth]


def known_labels(truth: Truth) -> int:
    """How many of several labels are known of an input; 0 where it has a class or a number."""
    return sum(state != UNKNOWN for state in truth) if isinstance(truth, tuple) else 0


class Section(NamedTuple):
    """A section of the page.

    `key`: anchor, and name of the template `page/KEY.html`; `title`: heading, and entry in the page's
    navigation; `build`: takes the facts and returns what the template needs, `None` leaves the section out.
    """

    key: str
    title: str
    build: Callable[[ReportFacts], Mapping[str, Any] | None]


def _training(plots: training_sections.TrainingPlots) -> tuple[Section, ...]:
    """The sections on how a model came about, with the curves of one target."""
    section = partial(training_sections.training_section, plots=plots)
    return (
        Section("training", "How training went", section),
        Section("network", "The network", training_sections.network_section),
        Section("data", "The data", training_sections.data_section),
        Section("repeat", "How to repeat it", training_sections.repetition),
        Section("next", "What to do next", training_sections.next_steps),
    )


_TRUSTED = (
    Section("novelty", "Can it spot unfamiliar inputs?", trust_sections.novelty_section),
    Section("abstention", "Letting it say \u201cI don\u2019t know\u201d", trust_sections.abstention_section),
    Section("curve", "Would more data help?", trust_sections.curve_section),
)


def _of_answers(
    judge: Callable[[ReportFacts], Mapping[str, Any]],
    mistakes: Callable[[ReportFacts], Mapping[str, Any] | None],
    reliability: tuple[Section, ...] = (),
    by_label: tuple[Section, ...] = (),
) -> tuple[Section, ...]:
    """The sections on what a model answers, with those of one target."""
    return (
        Section("verdict", "Verdict", partial(model_sections.verdict_section, judge=judge)),
        Section("models", "Models compared", model_sections.model_table),
        Section("corrected", "Did the corrections help?", model_sections.corrections),
        Section("continual", "Kept and forgotten", model_sections.forgetting),
        *by_label,
        Section("giveaways", "What gives classes away", trust_sections.giveaways_section),
        Section("errors", "Mistakes", mistakes),
        Section("slices", "Where is it worst?", trust_sections.slices_section),
        *reliability,
        *_TRUSTED,
    )


def _reliability(stated: str, seen: str) -> tuple[Section]:
    """The section on probabilities, which calls the axes of its diagram so."""
    section = partial(trust_sections.reliability_section, words=(stated, seen))
    return (Section("reliability", "Can its probabilities be believed?", section),)


_OF_CLASSES = (
    *_of_answers(model_sections.judge, error_sections.class_mistakes, _reliability("confidence", "accuracy")),
    *_training(training_sections.of_classes),
)

SECTIONS: dict[Target, tuple[Section, ...]] = {
    CLASSIFICATION: _OF_CLASSES,
    ORDERED: _OF_CLASSES,
    REGRESSION: (
        *_of_answers(model_sections.judge_numbers, error_sections.number_mistakes),
        *_training(training_sections.of_numbers),
    ),
    MULTILABEL: (
        *_of_answers(
            model_sections.judge,
            error_sections.label_mistakes,
            _reliability("probability", "share present"),
            (Section("by-label", "Label by label", error_sections.labels_section),),
        ),
        *_training(training_sections.of_labels),
    ),
    GENERATION: (
        Section("outcome", "Verdict", generated_sections.outcome),
        Section("samples", "What it makes", generated_sections.samples),
        Section("measures", "What its images are worth", generated_sections.measures),
        Section("reconstructions", "What it keeps of an image", generated_sections.reconstructions),
        Section("latent", "How it arranges images", generated_sections.latent),
        Section("bound", "How likely real images are", generated_sections.bound),
        *_training(training_sections.of_images),
    ),
}

# What pages say of a target: the template whose variables and macros others use as `words`, of the report in
# `page/` and of the explain page in `explain/page/`.
WORDS: dict[Target, str] = {
    CLASSIFICATION: "of_classes",
    ORDERED: "of_classes",
    REGRESSION: "of_numbers",
    MULTILABEL: "of_labels",
    GENERATION: "of_classes",  # that images are made of, where there are any
}

# Formulas of the loss of one input that an explain page opens; a number is its own.
_BINARY = (
    r"L = \frac{1}{n} \sum_{l} (- y_{l} \ln p_{l} - (1 - y_{l}) \ln(1 - p_{l})) \\ "
    r"p_{l} = \frac{1}{1 + e^{- z_{l}}} \\ "
    r"\frac{\partial L}{\partial z_{l}} = \frac{1}{n} (p_{l} - y_{l})"
)
LOSSES: dict[Target, str] = {
    CLASSIFICATION: r"L = - \ln \frac{e^{z_{k}}}{\sum_{j} e^{z_{j}}}",
    ORDERED: _BINARY,
    MULTILABEL: _BINARY,
}

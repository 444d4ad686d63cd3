"""The report, its sections in the order of the argument, and the pages shown before there is one."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.environment import TemplateModule
from markupsafe import Markup, escape

from pellucid.data import Check, Dataset
from pellucid.data.raw_texts import Texts
from pellucid.language.catalogue import form_of, language
from pellucid.language.sentence import begun
from pellucid.pages.assembly import checksum, joined_script, policy_of, visible
from pellucid.pages.translation import PageEnvironment
from pellucid.reports import error_sections, formatting
from pellucid.reports.by_target import SECTIONS, WORDS
from pellucid.reports.facts import Answered, ReportFacts
from pellucid.settings import METRICS
from pellucid.targets import Target

# The words of the report that need one line of explanation.
GLOSSARY: Mapping[str, tuple[str, str]] = {
    **{each.setting: (each.words, each.meaning) for each in METRICS.values() if "image" not in each.targets},
    "interval": (
        "95 % interval",
        "If the test were repeated with new examples of the same kind, intervals made this way would "
        "contain the true value 95 times in 100.",
    ),
    "f1": ("F1", "Harmonic mean of precision and recall; high only when both are."),
    "recall": (
        "recall",
        "Of the examples that are of this class, or have this label, the share predicted so.",
    ),
    "precision": (
        "precision",
        "Of the examples predicted as this class, or with this label, the share for which that is right.",
    ),
    "label": (
        "label",
        "A name that applies to an example or does not. An example may have several, or none of these.",
    ),
    "threshold": (
        "threshold",
        "The probability from which on a label is answered; higher, and fewer answers are wrong but more "
        "labels are missed.",
    ),
    "p-value": (
        "p value",
        "How often a difference at least this large would be seen if the two were equally good.",
    ),
    "temperature": (
        "temperature",
        "One number that makes all probabilities milder (above 1) or bolder (below 1) without changing "
        "which class, or label, is the most probable.",
    ),
    "cross-validation": (
        "cross-validation",
        "Training and scoring again on other splits of the same data, each example being scored once.",
    ),
    "learning-rate": ("learning rate", "Length of the step that training takes down the slope of the loss."),
    "loss": ("loss", "What training makes small: the cost of the probabilities given to wrong classes."),
    "epoch": ("epoch", "One pass over all training examples."),
    "validation": (
        "validation",
        "Examples kept out of the weights' training, used to choose among models and epochs.",
    ),
    "parameters": ("parameters", "Numbers in the model that training, or a rule from the data, sets."),
    "multiply-adds": ("multiply-adds", "Multiplications, each with its addition, for one example."),
    "receptive-field": (
        "receptive field",
        "Height and width in pixels, or number of tokens of a text, that one unit of this layer can see.",
    ),
    "leaked": ("leaked", "Test examples whose exact content is also in the training or validation split."),
    "siblings": (
        "siblings",
        "Examples that belong together though they are no exact copies: near copies, shots of one scene, "
        "quotations of one another, and what is of one thread or one source.",
    ),
    "near-duplicates": (
        "near duplicates",
        "Different examples whose content is almost the same, confirmed pixel by pixel or word by word.",
    ),
}


def render(facts: ReportFacts) -> str:
    """Write the report as HTML, to be encoded as UTF-8.

    The page is one self-contained file: no request, every foreign text escaped and its invisible characters
    shown. Its only script, which its policy admits by a checksum, collects corrections of labels. Equal facts
    give equal text.
    """
    built = [(section, section.build(facts)) for section in SECTIONS[facts.target]]
    shown = [(section, content) for section, content in built if content is not None]
    script = ""
    if any(
        isinstance(content.get("corrections"), Mapping)
        for section, content in shown
        if section.key == "errors"
    ):
        script = joined_script("reports/script/corrections.js")
    return (
        environment()
        .get_template("report.html")
        .render(
            facts=facts,
            words=words_of(environment(), facts.target),
            sections=shown,
            script=Markup(script),
            checksum=checksum(script) if script else "",
        )
    )


def environment() -> PageEnvironment:
    """Template environment of all pages in `page/`: escaping, the formats of numbers, and the glossary."""
    return environment_in(language())


@cache
def environment_in(wanted: str) -> PageEnvironment:
    """The same in a language."""
    shared = PageEnvironment(
        wanted,
        loader=PackageLoader("pellucid.reports", "page"),
        autoescape=True,
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    shared.filters["unbroken"] = lambda sentence: formatting.unbroken(shared.spoken(sentence))
    shared.filters["begun"] = lambda sentence: begun(shared.spoken(sentence))
    names = "count extent interval milliseconds percent p_value probability rough scored seconds shortened"
    for name in (*names.split(), "significant", "size", "tick"):
        shared.filters[name] = getattr(formatting, name)
    shared.filters["as_data"] = as_data
    shared.globals.update(glossary=GLOSSARY, number_of=partial(_number_of, shared))
    return shared


def _number_of(pages: PageEnvironment, number: int, noun: str) -> Markup:
    """A number with its noun, such as 12 images; how they are joined is up to the language."""
    shown = Markup('<span class="number">{}</span>').format(formatting.count(number))
    form = form_of(f"{{count}} {noun}", pages.wanted)
    return shown + " " + noun if form is None else escape(form).format(count=shown)


def words_of(pages: Environment, target: Target) -> TemplateModule:
    """What some pages say of a target: the variables and macros of its template."""
    return pages.get_template(f"{WORDS[target]}.html").module


def as_data(value: Any) -> Markup:
    """Plain values as JSON within a `script` element, which nothing in them can end."""
    return Markup(json.dumps(value, ensure_ascii=True).replace("<", "\\u003c"))


# Pages before there is a report: the data as a dry run sees it, and first mistakes while a run goes on.

# Examples of each split, in the order of the data; after them the first of each class not among them.
SHOWN = 10


class FirstMistakes(NamedTuple):
    """Mistakes of the best model so far, on validation.

    `place`: of the data; `noun`: of one example, such as `image`; `model`: its name; `asked`: validation
    examples; `wrong`: those that it classified wrongly; `worst`: of these the surest, which are shown.
    """

    place: str
    noun: str
    model: str
    asked: int
    wrong: int
    worst: Sequence[Answered]


def render_first_mistakes(found: FirstMistakes) -> str:
    """Write the page of first mistakes as `render_preview` does that of the data."""
    album, (shown,) = error_sections.shown_examples(found.worst)
    content = {**found._asdict(), "shown": shown, "images": album}
    return environment().get_template("first_mistakes.html").render(content=content)


def render_preview(dataset: Dataset, check: Check) -> str:
    """Write the page of the data as HTML, self-contained like the report."""
    splits = {name: _chosen(dataset, rows) for name, rows in dataset.split_positions.items() if len(rows)}
    every = [position for chosen in splits.values() for part in chosen for position in part]
    inputs = dataset.inputs
    album, (examples,) = error_sections.shown_examples(
        [
            Answered(
                inputs[position] if isinstance(inputs, Texts) else np.asarray(inputs[position]),
                dataset.names[position],
                dataset.label_text(position),
                predicted=dataset.label_text(position),  # so that none of several labels looks wrong
                probability=None,
                probability_of_label=None,
            )
            for position in every
        ]
    )
    shown = dict(zip(every, examples, strict=True))
    content = {
        "parts": [
            (name, len(dataset.split_positions[name]), *([shown[each] for each in part] for part in chosen))
            for name, chosen in splits.items()
        ],
        "images": album,
        "sentences": check.sentences(),
        "fitted": dataset.preprocessing,
        "noun": dataset.noun,
        "place": check.place,
    }
    pages = environment()
    words = words_of(pages, dataset.target)
    return pages.get_template("preview.html").render(words=words, content=content)


def _chosen(dataset: Dataset, positions: np.ndarray) -> tuple[list[int], list[int]]:
    """The first examples of a split, and the first of each class, or label, that is not among them."""
    places = dict.fromkeys(dataset.target.firsts(dataset.labels[positions]).tolist())
    others = [int(positions[place]) for place in places if place >= SHOWN]
    return positions[:SHOWN].tolist(), others[:SHOWN]


# The page of a run under way: its frame and script, and the sections of the report that have content.

# Sections of the report that a run under way has content for, in the order in which they are watched.
_WATCHED = ("training", "errors", "models", "network", "data", "repeat")
_STYLES = ("style.css", "models.css", "errors.css", "training.css", "live.css", "print.css")
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def render_sections(facts: ReportFacts) -> str:
    """Write the sections of the report as HTML, and in front of them the list of these for navigation.

    The functions and templates are those of the report.
    """
    known = {section.key: section for section in SECTIONS[facts.target]}
    known["training"] = known["training"]._replace(title="How training goes")
    wanted = [known[key] for key in _WATCHED if key in known]
    built = [(section, section.build(facts)) for section in wanted]
    shown = [(section, content) for section, content in built if content is not None]
    pages = environment()
    words = words_of(pages, facts.target)
    return pages.get_template("live_sections.html").render(facts=facts, words=words, sections=shown)


def render_page(title: str, token: str) -> tuple[str, str]:
    """Write the page that asks for these sections, and its policy, which admits its own script and style.

    `token` distinguishes one run of the program from another.
    """
    style, script = _style(), _script()
    data = Markup(json.dumps({"token": token}).replace("<", "\\u003c"))
    page = (
        environment()
        .get_template("live.html")
        .render(title=title, data=data, style=Markup(style), script=Markup(script))
    )
    return page, policy_of([script], [style], images="data:")


def policy_of_report(page: str) -> str:
    """The policy under which a finished report is served: its own script, styles and images, nothing else."""
    own = [sorted(set(kind.findall(page))) for kind in (_SCRIPT, _STYLE)]
    return policy_of(*own, images="data:", connect="'none'")


def with_place(page: str, place: str) -> str:
    """A finished report with a line at its top that says where its file lies."""
    line = environment().get_template("live_end.html").render(place=place)
    top = '<main id="main" tabindex="-1">'
    return page.replace(top, f"{top}\n{line}", 1)


@cache
def _style() -> str:
    return "\n".join(_own(f"page/{name}") for name in _STYLES)


@cache
def _script() -> str:
    return joined_script("reports/script/live.js")


def _own(name: str) -> str:
    return files("pellucid.reports").joinpath(name).read_text(encoding="utf-8")

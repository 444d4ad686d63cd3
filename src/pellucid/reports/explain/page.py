"""The explain page: template, script, formulas, numbers, and a policy that admits nothing else."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from pellucid.arithmetic.rounding import with_minus
from pellucid.insight.attribution import TokenPieces, Trial
from pellucid.insight.explanation import Explanation
from pellucid.insight.generator_terms import CONTEST_SEED, LATENT_SEED, STEPS, Latents
from pellucid.insight.gradients import WeightCheck
from pellucid.insight.occlusion import ImagePieces
from pellucid.language.catalogue import language, translated
from pellucid.language.sentence import Sentence
from pellucid.pages.assembly import checksum, joined_script
from pellucid.reports.album import Album, bind
from pellucid.reports.by_target import LOSSES, known_labels, true_codes
from pellucid.reports.explain.page_data import (
    BUDGET,
    HIDDEN,
    Packed,
    chosen_units,
    described,
    drawing_of,
    pack,
    stages_of,
)
from pellucid.reports.report import environment_in, words_of

_START = "reports/explain/script/start.js"

# Formulas as MathML, which browsers draw by themselves, from the LaTeX that layers use: letters, numbers and
# signs, `_{}` and `^{}`, `\frac{}{}`, `\sqrt{}`, `\sum`, `\max`, Greek letters and some signs by name.
# Anything else is an error, so that no formula is shown incompletely.

_LATEX_TOKEN = re.compile(r"\\[a-zA-Z]+|\d+(?:\.\d+)?(?:e-?\d+)?|[a-zA-Z]|\S")
_LATEX_LETTERS = {
    "gamma": "\u03b3",
    "mu": "\u03bc",
    "partial": "\u2202",
    "sigma": "\u03c3",
    "epsilon": "\u03b5",
    "beta": "\u03b2",
    "lambda": "\u03bb",
    "pi": "\u03c0",
    "rho": "\u03c1",
    "Phi": "\u03a6",
}
_LATEX_SIGNS = {
    "dots": "\u2026",
    "ne": "\u2260",
    "ge": "\u2265",
    "le": "\u2264",
    "lVert": "\u2016",
    "rVert": "\u2016",
    "lfloor": "\u230a",
    "rfloor": "\u230b",
}
_FUNCTIONS = {"tanh", "ln", "min"}
_SHOWN_SIGNS = {"-": "\u2212", "|": "\u2223"}  # a bar of its own would grow as tall as a bracket
_BRACKETS = {"(": ")", "[": "]"}
_ACCENTS = {"sum": "∑", "max": "max"}
_NAMED_SIGNS = {*_LATEX_LETTERS, *_LATEX_SIGNS, *_FUNCTIONS, *_ACCENTS}


def mathml(latex: str) -> Markup:
    """Write a formula, its lines separated by two backslashes, as a `math` element for each line.

    Raises: `ValueError` if something in it is not understood.
    """
    rows = [_Reader(line).row(until="") for line in latex.split(r"\\ ")]
    return Markup("").join(Markup('<math display="block">{}</math>').format(row) for row in rows)


class _Reader:
    """Reads a formula token by token."""

    def __init__(self, latex: str) -> None:
        self._latex = latex
        self._tokens = _LATEX_TOKEN.findall(latex)
        self._at = 0

    def row(self, until: str) -> Markup:
        """Read to a closing brace, or to the end.

        Raises ValueError: it is not there.
        """
        parts = []
        while self._peek() != until:
            if not self._peek():
                raise ValueError(Sentence("formula: {latex}: a brace is not closed", self._latex))
            parts.append(self._scripted())
        self._next()
        return Markup("<mrow>{}</mrow>").format(Markup("").join(parts))

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _group(self) -> Markup:
        """Read `{...}`, or one token."""
        if self._peek() == "{":
            self._next()
            return self.row("}")
        return self._atom(self._next())

    def _scripted(self) -> Markup:
        """Read one thing with its subscript and superscript."""
        token = self._next()
        base = self._atom(token)
        scripts = {}
        while self._peek() in ("_", "^"):
            sign = self._next()
            scripts[sign] = self._group()
        names = ("munder", "mover", "munderover") if token[1:] in _ACCENTS else ("msub", "msup", "msubsup")
        if len(scripts) == 2:
            name = names[2]
        elif scripts:
            name = names[0] if "_" in scripts else names[1]
        else:
            return base
        inside = [scripts[sign] for sign in ("_", "^") if sign in scripts]
        return Markup("<{0}>{1}{2}</{0}>").format(Markup(name), base, Markup("").join(inside))

    def _named(self, command: str) -> Markup:
        """A sum, letter, sign or function by its name; space separates a function from its argument."""
        if command in _ACCENTS:
            return Markup("<mo movablelimits='false'>{}</mo>").format(_ACCENTS[command])
        if command in _LATEX_LETTERS:
            return Markup("<mi>{}</mi>").format(_LATEX_LETTERS[command])
        if command in _LATEX_SIGNS:
            return Markup("<mo>{}</mo>").format(_LATEX_SIGNS[command])
        space = "" if self._peek() in ("(", "_", "^") else Markup("<mspace width='0.17em'></mspace>")
        return Markup("<mi>{}</mi>{}").format(command, space)

    def _atom(self, token: str) -> Markup:
        """One letter, number, sign, fraction or root, or what is in brackets.

        Raises ValueError: it is none of these.
        """
        command = token[1:] if token.startswith("\\") else ""
        if command == "frac":
            return Markup("<mfrac>{}{}</mfrac>").format(self._group(), self._group())
        if command == "sqrt":
            return Markup("<msqrt>{}</msqrt>").format(self._group())
        if command in _NAMED_SIGNS:
            return self._named(command)
        if token in _BRACKETS:  # brackets are as tall as what they hold
            inside, end = self.row(_BRACKETS[token]), _BRACKETS[token]
            plain = "" if "<mfrac>" in inside else Markup(" stretchy='false'")
            return Markup("<mrow><mo{0}>{1}</mo>{2}<mo{0}>{3}</mo></mrow>").format(plain, token, inside, end)
        if command or token in ("{", "}", "&", ""):
            raise ValueError(
                Sentence("formula: {latex}: {value} is not understood", self._latex, token or "its end")
            )
        if token[0].isdigit():
            return Markup("<mn>{}</mn>").format(token)
        element = "mi" if token.isalpha() else "mo"
        shown = _SHOWN_SIGNS.get(token, token)
        return Markup("<{0}>{1}</{0}>").format(Markup(element), escape(shown))


# Bytes that no page exceeds.
LARGEST_PAGE = 8_000_000

_KERNEL = r"k(u, v) = e^{- \gamma \lVert u - v \rVert^{2}}"
_LOSS_OF_BOUND = "L = R + Q - P"
_BOUND = r"\ln p(x | y) \ge - E [L] \\ L = R + Q - P"
_LOSS_OF_CONTEST = r"L_{D} = \ln(1 + e^{- s}) + \ln(1 + e^{t}) \\ L_{G} = \ln(1 + e^{- t})"
_CONTEST_TERMS = (
    "ln(1 + e to the power of \u2212s): what the given image adds to the discriminator's loss",
    "ln(1 + e to the power of t): what the made image adds to it",
    "ln(1 + e to the power of \u2212t): the generator's loss",
)
_IMAGES = 500_000  # bytes of all pieces and attributions
_TRAVERSALS = 900_000  # bytes of all images of traversals
_LEAST = 100_000
_SHOWN_CLASSES = 20
_SHOWN_TERMS = 24
_LONGEST_TEXT = 20_000
_SMALL = 96
_WIDTH = 240  # units of the drawing
_HEIGHT = 112  # units of the drawing
_TITLES = {
    "grad-cam": "Grad-CAM",
    "integrated-gradients": "Integrated gradients",
    "occlusion": "Occlusion",
    "leave-one-out": "Leave one out",
}


def render_explanation(explanation: Explanation, source: str) -> str:
    """Write the page as HTML, to be encoded as UTF-8.

    It is one self-contained file: a single script, allowed by its checksum, no request, every foreign text
    escaped and its invisible characters shown. Equal explanations give equal text.
    """
    budget = BUDGET
    while True:
        page = _rendered(explanation, source, budget)
        if len(page.encode("utf-8")) <= LARGEST_PAGE or budget < _LEAST:
            return page
        budget = budget * 3 // 4


def _rendered(explanation: Explanation, source: str, budget: int) -> str:
    """The page with so many bytes of numbers."""
    packed = pack(explanation, budget) if explanation.opened is not None else Packed()
    page_data: dict[str, Any] = {"layers": [], "tokens": [], "places": packed.places}
    if explanation.opened is not None:
        page_data = described(explanation, packed)
        page_data["chosen"] = chosen_units(explanation, packed)
    shown = shown_values(explanation, packed)
    page_data["drivers"] = shown["drawn"]
    script = joined_script(_START)
    return (
        page_environment()
        .get_template("explain.html")
        .render(
            shown,
            words=words_of(page_environment(), explanation.kind),
            source=source,
            script=Markup(script),  # our own file
            checksum=checksum(script),
            page_data=_as_json(page_data),
            numbers=packed.text,
        )
    )


def shown_values(explanation: Explanation, packed: Packed) -> dict[str, Any]:
    """What templates show of an explanation in any language; maps that scripts draw are added to `packed`.

    `drawn` has the names of these maps and whether zero is the middle of their colours, as `drivers` in the
    script's types.
    """
    text, contributions = explanation.inputs, _contributions(explanation)
    states = None if explanation.backward is None else explanation.backward.target
    methods = () if explanation.attributions is None else explanation.attributions.methods
    return {
        "explanation": explanation,
        "shown_text": text[:_LONGEST_TEXT] if isinstance(text, str) else "",
        "answers": _answers(explanation),
        "layers": [each for each in explanation.layers if each.kind not in HIDDEN],
        "known_labels": known_labels(states),
        "has_temperature": any(each.name == "temperature" for each in explanation.layers),
        "loss_formula": loss_formula(explanation),
        "contest": explanation.contest,
        "contest_terms": _CONTEST_TERMS,
        "contest_seed": CONTEST_SEED,
        "latents": None if explanation.latents is None else _latents(explanation, explanation.latents),
        "bound_formula": mathml(_BOUND),
        "noise_seed": LATENT_SEED,
        "kernel_formula": mathml(_KERNEL),
        "stages": stages_of(explanation),
        "is_bag": any(each.kind == "weighed-sum" for each in explanation.layers),
        "formulas": {each.name: mathml(each.formula) for each in explanation.layers},
        "drivers": [
            {
                "title": _TITLES[each.name],
                "driver": each,
                "plots": _plots(each.trial),
                "largest": np.argsort(-np.abs(each.scores.ravel()), kind="stable")[:_SHOWN_TERMS].tolist(),
            }
            for each in sorted(methods, key=lambda each: not each.trial.is_faithful)
        ],
        "contributions": contributions,
        "album": _album(explanation),
        "left_out": packed.left_out,
        "gradients_left_out": packed.gradients_left_out,
        "drawn": _attribution_data(explanation, contributions, packed),
    }


def loss_formula(explanation: Explanation) -> Markup:
    """Formula of the loss that gradients are of, by what the model answers or makes."""
    if explanation.latents is not None:
        return mathml(_LOSS_OF_BOUND)
    if explanation.contest is not None:
        return mathml(_LOSS_OF_CONTEST)
    return mathml(LOSSES.get(explanation.kind, ""))


def page_environment() -> Environment:
    """Template environment of the explain page and of pages built like it."""
    return page_environment_in(language())


@cache
def page_environment_in(wanted: str) -> Environment:
    """The same in a language."""
    own = environment_in(wanted).overlay(loader=PackageLoader("pellucid.reports.explain", "page"))
    own.filters = {**own.filters, "exact": _exact, "volume": _volume, "terms": _terms, "log": math.log}
    return own


def _exact(number: float, digits: int = 7) -> str:
    """A number with so many digits, in powers of ten where it is very small or large."""
    return with_minus(f"{float(number):.{digits}g}")


def _volume(size: int) -> float:
    """Width of the line beside a layer: one pixel for each doubling beyond four numbers."""
    return max(1.0, round(math.log2(size) - 2, 1))


def _terms(check: WeightCheck) -> list[tuple[float, float]]:
    """The first terms of a chain rule, largest first."""
    order = np.argsort(-np.abs(check.above * check.seen), kind="stable")[:4]
    return [(float(check.above[at]), float(check.seen[at])) for at in order]


def _as_json(page_data: dict[str, Any]) -> Markup:
    """Write JSON that no HTML parser can take for anything else."""
    text = json.dumps(page_data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # no character is left that means anything in HTML


class _Answer(NamedTuple):
    """A class or label with its probability."""

    name: str
    probability: float
    is_target: bool  # whether it is the one that is explained
    is_true: bool  # the true class, or a label that the input has
    threshold: float | None  # from which on a label is answered


def _answers(explanation: Explanation) -> list[_Answer]:
    """Classes or labels, the most probable first."""
    if not explanation.classes or explanation.makes_images:
        return []
    target, truth, thresholds = explanation.target, explanation.truth, explanation.thresholds
    true = true_codes(truth)
    order = np.argsort(-explanation.answer, kind="stable")[:_SHOWN_CLASSES].tolist()
    more = (target, *true, *explanation.answered)
    order += [at for at in dict.fromkeys(more) if at is not None and at not in order]
    names, answer = explanation.classes, explanation.answer
    return [
        _Answer(
            names[at], float(answer[at]), at == target, at in true, thresholds[at] if thresholds else None
        )
        for at in order
    ]


def _album(explanation: Explanation) -> Album:
    """The input, where it is an image, what is made of it, and the training examples that are like it."""
    found = explanation.latents
    made = [] if found is None else [found.from_draw, found.from_means]
    if explanation.contest is not None:
        made = [explanation.contest.made]
    like = [each.inputs for each in explanation.nearest]
    images = [each for each in (explanation.inputs, *made, *like) if not isinstance(each, str)]
    return bind(images, _IMAGES)


def _contributions(explanation: Explanation) -> list[dict[str, Any]]:
    """What the parts of a classical model add, or those of each classical member of an average.

    With it the name of its map, that of the member, and its largest terms: name, value of the feature, and
    what it adds.
    """
    parts = [("contributions", "", explanation.contributions)]
    if explanation.mean is not None:
        members = enumerate(explanation.mean.terms)
        parts = [(f"contributions-{place}", each.name, each.contributions) for place, each in members]
    found = []
    for key, name, each in parts:
        if each is not None:
            features = each.features
            terms = [
                (
                    _in_words(each.names[at]),
                    None if features is None else float(features[at]),
                    float(each.scores[at]),
                )
                for at in np.argsort(-np.abs(each.scores), kind="stable")[:_SHOWN_TERMS].tolist()
                if each.scores[at]
            ]
            tree = None if each.path is None or not each.path.questions else drawing_of(each.path)
            found.append({"key": key, "name": name, "contributions": each, "terms": terms, "tree": tree})
    return found


def _in_words(name: str) -> str:
    """Name of a term in the reader's language; a word or pixel of the input stays as it is."""
    return translated(name) if isinstance(name, Sentence) else name


def _attribution_data(
    explanation: Explanation, contributions: Sequence[Mapping[str, Any]], packed: Packed
) -> list[dict[str, Any]]:
    """Put maps into the page, and return their names and whether zero is the middle of their colours."""
    found: list[dict[str, Any]] = []
    for each in () if explanation.latents is None else explanation.latents.traversals:
        name = f"latent-{each.number}"
        packed.add(f"driver:{name}", each.difference)
        found.append({"name": name, "centred": True})
    for added in contributions:
        if added["contributions"].drawn is not None:
            packed.add(f"driver:{added['key']}", added["contributions"].drawn)
            found.append({"name": added["key"], "centred": False})
    if explanation.attributions is None:
        return found
    pieces = explanation.attributions.pieces
    for method in explanation.attributions.methods:
        scores = method.scores.reshape(pieces.shape)
        fine = method.fine if isinstance(pieces, ImagePieces) and method.fine is not None else None
        packed.add(f"driver:{method.name}", scores if fine is None else fine)
        found.append({"name": method.name, "centred": False})
        if isinstance(pieces, TokenPieces):
            found[-1]["pieceOf"] = pieces.piece_of.tolist()
    return found


def _latents(explanation: Explanation, found: Latents) -> dict[str, Any]:
    """Latent variables from mean to draw, what those that change most do to the image, and the bound."""
    columns = {
        "mean": found.means,
        "log_variance": found.log_variances,
        "deviation": np.exp(found.log_variances.astype(np.float64) / 2),
        "noise": found.noise,
        "drawn": found.drawn,
        "prior_mean": found.prior_means,
        "prior_deviation": found.prior_deviations,
    }
    numbers = [
        {"number": number, **dict(zip(columns, map(float, row), strict=True))}
        for number, row in enumerate(zip(*columns.values(), strict=True))
    ]
    album = bind([image for each in found.traversals for image in each.images], _TRAVERSALS)
    uris = {each.key: each.uri for each in album.stored}
    height, width, _ = found.from_means.shape
    return {
        "numbers": numbers,
        "strips": [
            {
                "drawn": numbers[each.number],
                "change": each.change,
                "uris": [uris[place.key] for place in album.places[at * len(STEPS) : (at + 1) * len(STEPS)]],
                "width": width,
                "height": height,
                "driver": f"latent-{each.number}",
                "most": float(np.abs(each.difference).max()),
            }
            for at, each in enumerate(found.traversals)
        ],
        "steps": STEPS,
        "is_small": max(height, width) <= _SMALL,
        "terms": [
            {"letter": letter, "words": words, "term": term}
            for letter, words, term in (
                ("R", "reconstruction: minus ln p(x|z), the grey levels given z", found.reconstruction),
                ("Q", "ln q(z|x), density of the draw in its own distribution", found.of_draw),
                ("P", "ln p(z|y), density of the draw under the prior", found.of_prior),
            )
        ],
        # Classes, minus the bound of each, and by how much it is more than the least.
        "bounds": [
            (explanation.classes[code], loss, loss - found.bounds[0][1])
            for code, loss in found.bounds[:_SHOWN_CLASSES]
        ],
    }


def _plots(trial: Trial) -> list[dict[str, Any]]:
    """Both curves of an explanation, pieces taken out and put in, over those of random orders."""
    every = [trial.curves, *trial.random]
    deletions, insertions = [each.deletion for each in every], [each.insertion for each in every]
    answers = np.concatenate([*deletions, *insertions])
    low, high = float(answers.min()), float(answers.max())
    plots = []
    for verb, curves in (("taken out", deletions), ("put in", insertions)):
        own, *others = [
            " ".join(
                f"{_WIDTH * share:.1f},{_HEIGHT * (1 - (answer - low) / (high - low or 1.0)):.1f}"
                for share, answer in zip(each.shares, curve, strict=True)
            )
            for each, curve in zip(every, curves, strict=True)
        ]
        title = Sentence("pieces {verb}, most important first", verb)
        plots.append({"title": title, "own": own, "others": others, "low": low, "high": high})
    return plots

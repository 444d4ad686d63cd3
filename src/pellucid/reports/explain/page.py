"""The explain page put together: template, script, numbers, and the policy that lets nothing else in."""

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from pellucid.arithmetic.rounding import with_minus
from pellucid.insight.explanation import Explanation
from pellucid.insight.explanations.contests import SEED as CONTEST_SEED
from pellucid.insight.explanations.contributions import Contributions
from pellucid.insight.explanations.drivers import Driver
from pellucid.insight.explanations.latents import SEED
from pellucid.insight.explanations.pieces import ImagePieces
from pellucid.insight.gradients.weight_checks import WeightCheck
from pellucid.reports.explain.chosen import chosen_units
from pellucid.reports.explain.curves import Plot, plots_of
from pellucid.reports.explain.describing import HIDDEN, described
from pellucid.reports.explain.joining import joined_script
from pellucid.reports.explain.latents import pack_differences, shown_latents
from pellucid.reports.explain.mathml import mathml
from pellucid.reports.explain.packing import BUDGET, Packed, pack
from pellucid.reports.images import Album, bind
from pellucid.reports.report import environment

# Bytes that no page exceeds.
LARGEST_PAGE = 8_000_000

_LOSS = r"L = - \ln \frac{e^{z_{k}}}{\sum_{j} e^{z_{j}}}"
_LOSS_OF_BOUND = "L = R + Q - P"
_BOUND = r"\ln p(x | y) \ge - E [L] \\ L = R + Q - P"
_LOSS_OF_CONTEST = r"L_{D} = \ln(1 + e^{- s}) + \ln(1 + e^{t}) \\ L_{G} = \ln(1 + e^{- t})"
_CONTEST_TERMS = (
    "ln(1 + e to the power of \u2212s): what the given image adds to the discriminator's loss",
    "ln(1 + e to the power of t): what the made image adds to it",
    "ln(1 + e to the power of \u2212t): the generator's loss",
)
_IMAGES = 500_000
_LEAST = 100_000
_SHOWN_CLASSES = 20
_SHOWN_TERMS = 24
_LONGEST_TEXT = 20_000
_TITLES = {
    "grad-cam": "Grad-CAM",
    "integrated-gradients": "Integrated gradients",
    "occlusion": "Occlusion",
    "leave-one-out": "Leave one out",
}


@dataclass(frozen=True)
class _Shown:
    """An explanation of the answer as the page shows it."""

    title: str
    driver: Driver
    plots: Sequence[Plot]


@dataclass(frozen=True)
class _Added:
    """What the parts of a model add, as the page shows it.

    Attributes:
        key: of its map.
        name: of the member of an average; empty of a model by itself.
        contributions: all of it.
        terms: name, value of the feature and what it adds, of the largest.
    """

    key: str
    name: str
    contributions: Contributions
    terms: Sequence[tuple[str, float | None, float]]


def render_explanation(explanation: Explanation, source: str) -> str:
    """Write the page.

    It is one self-contained file: a single script, allowed by its checksum, no request, every foreign text
    escaped and its invisible characters shown. Equal explanations give equal text.

    HTML, to be encoded as UTF-8.
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
    told: dict[str, Any] = {"layers": [], "tokens": [], "places": packed.places}
    if explanation.opened is not None:
        told = described(explanation, packed)
        told["chosen"] = chosen_units(explanation, packed)
    told["drivers"] = _drivers_told(explanation, packed)
    script, text = joined_script(), explanation.inputs
    return (
        page_environment()
        .get_template("explain.html")
        .render(
            explanation=explanation,
            source=source,
            shown_text=text[:_LONGEST_TEXT] if isinstance(text, str) else "",
            answers=_answers(explanation),
            layers=[each for each in explanation.layers if each.kind not in HIDDEN],
            has_temperature=any(each.name == "temperature" for each in explanation.layers),
            loss_formula=mathml(_loss_formula(explanation)),
            contest=explanation.contest,
            contest_terms=_CONTEST_TERMS,
            contest_seed=CONTEST_SEED,
            latents=shown_latents(explanation),
            bound_formula=mathml(_BOUND),
            noise_seed=SEED,
            formulas={each.name: mathml(each.formula) for each in explanation.layers},
            drivers=_shown(explanation),
            contributions=_added(explanation),
            album=_album(explanation),
            left_out=packed.left_out,
            gradients_left_out=packed.gradients_left_out,
            script=Markup(script),  # our own file
            checksum=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
            told=_as_json(told),
            numbers=packed.text,
        )
    )


@cache
def page_environment() -> Environment:
    """Template environment of the explain page and of pages built like it."""
    own = environment().overlay(loader=PackageLoader("pellucid.reports.explain", "page"))
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


def _as_json(told: dict[str, Any]) -> Markup:
    """Write JSON that no HTML parser can take for anything else."""
    text = json.dumps(told, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # no character is left that means anything in HTML


def _loss_formula(explanation: Explanation) -> str:
    if explanation.contest is not None:
        return _LOSS_OF_CONTEST
    return _LOSS if explanation.latents is None else _LOSS_OF_BOUND


def _answers(explanation: Explanation) -> list[tuple[str, float, bool, bool]]:
    """Classes, the most probable first; whether each is the one that is explained, and the true one."""
    if not explanation.classes or explanation.makes_images:
        return []
    order = np.argsort(-explanation.answer, kind="stable")[:_SHOWN_CLASSES].tolist()
    order += [
        at
        for at in dict.fromkeys((explanation.target, explanation.truth))
        if at is not None and at not in order
    ]
    return [
        (
            explanation.classes[at],
            float(explanation.answer[at]),
            at == explanation.target,
            at == explanation.truth,
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


def _shown(explanation: Explanation) -> list[_Shown]:
    if explanation.driven is None:
        return []
    return [
        _Shown(_TITLES[driver.name], driver, plots_of(driver.trial)) for driver in explanation.driven.drivers
    ]


def _added(explanation: Explanation) -> list[_Added]:
    """What the parts of a classical model add, or those of each classical member of an average."""
    if explanation.mean is None:
        found = [("contributions", "", explanation.contributions)]
    else:
        found = [
            (f"contributions-{place}", each.name, each.contributions)
            for place, each in enumerate(explanation.mean.terms)
        ]
    return [_Added(key, name, each, _largest_terms(each)) for key, name, each in found if each is not None]


def _largest_terms(found: Contributions) -> list[tuple[str, float | None, float]]:
    """Name, value of the feature, and what it adds, of the terms that add most; none that add nothing."""
    order = np.argsort(-np.abs(found.scores), kind="stable")[:_SHOWN_TERMS].tolist()
    return [
        (
            found.names[at],
            None if found.features is None else float(found.features[at]),
            float(found.scores[at]),
        )
        for at in order
        if found.scores[at]
    ]


def _drivers_told(explanation: Explanation, packed: Packed) -> list[dict[str, Any]]:
    """Names of the scores that are drawn over images or behind pieces, and whether zero is their middle."""
    found: list[dict[str, Any]] = [
        {"name": name, "centred": True} for name in pack_differences(explanation, packed)
    ]
    for added in _added(explanation):
        if added.contributions.drawn is not None:
            packed.add(f"driver:{added.key}", added.contributions.drawn)
            found.append({"name": added.key, "centred": False})
    if explanation.driven is None:
        return found
    pieces = explanation.driven.pieces
    for driver in explanation.driven.drivers:
        scores = driver.scores.reshape(pieces.shape)
        fine = driver.fine if isinstance(pieces, ImagePieces) and driver.fine is not None else None
        packed.add(f"driver:{driver.name}", scores if fine is None else fine)
        found.append({"name": driver.name, "centred": False})
    return found

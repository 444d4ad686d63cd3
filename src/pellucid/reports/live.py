"""The page of a run under way: its frame and script, and the sections of the report that have content."""

import json
import re
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from pellucid.pages.assembly import joined_script, policy_of
from pellucid.reports.by_target import SECTIONS
from pellucid.reports.facts import ReportFacts
from pellucid.reports.report import environment, words_of

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

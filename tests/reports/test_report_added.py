"""Section on generated images: what it says, and what it makes of missing or hostile facts."""

import dataclasses

import pytest

from pellucid.reports import ReportFacts, render


def section(facts: ReportFacts) -> str:
    page = render(facts)
    start = page.index('<section id="added"')
    return page[start : page.index("</section>", start)]


def test_the_gain_stands_first_and_names_are_escaped(rich_facts: ReportFacts) -> None:
    found = section(rich_facts)
    assert "Generated images gained accuracy beyond chance." in found
    assert "runs/&lt;vae&gt;" in found
    assert "&lt;i&gt;bag&lt;/i&gt;" in found
    assert "<i>bag" not in found
    assert "0.031" in found
    assert "All classes" in found
    assert "Classes that were filled" not in found


@pytest.mark.parametrize(
    "change", [{"images": None}, {"test": None}, {"sentences": None}, {"median": "many"}]
)
def test_missing_facts_leave_a_page(rich_facts: ReportFacts, change: dict[str, object]) -> None:
    found = {**rich_facts.metrics["added_generated"], **change}
    facts = dataclasses.replace(rich_facts, metrics={**rich_facts.metrics, "added_generated": found})
    assert "Did generated images help?" in section(facts)


def test_other_runs_have_no_such_section(digit_facts: ReportFacts) -> None:
    assert 'id="added"' not in render(digit_facts)

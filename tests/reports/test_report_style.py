"""The style sheet keeps its promises: contrast in both themes, motion, print, no requests."""

import re
from importlib.resources import files

import pytest

CSS = "".join(
    files("pellucid.reports").joinpath(f"page/{name}.css").read_text(encoding="utf-8")
    for name in ("style", "errors", "print")
)
TEXT_ON = [
    *[("ink", "ground"), ("quiet", "ground"), ("accent", "ground"), ("ink", "raised"), ("accent", "raised")],
    *[("quiet", "s0"), *(("on-pale", f"s{step}") for step in range(7))],
    *[("on-deep", f"s{step}") for step in range(7, 10)],
]


def _themes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    light, dark, printed = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]+)", block)) for block in blocks)
    return {"light": light, "dark": light | dark, "print": light | printed}


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_contrast_is_at_least_4_5(theme: str) -> None:
    colours = _themes()[theme]
    for text, ground in TEXT_ON:
        darker, lighter = sorted((_luminance(colours[text]), _luminance(colours[ground])))
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, f"{text} on {ground}"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_scale_of_a_magnitude_runs_one_way(theme: str) -> None:
    colours = _themes()[theme]
    luminances = [_luminance(colours[f"s{step}"]) for step in range(10)]
    assert luminances == sorted(luminances, reverse=theme == "light")


def test_media() -> None:
    for query in ("prefers-color-scheme: dark", "prefers-reduced-motion", "print", "forced-colors: active"):
        assert re.search(rf"@media \(?{query}", CSS)
    assert "url(" not in CSS


@pytest.mark.parametrize(("theme", "ground"), [(0, 0.9638), (1, 0.0077)])
def test_colours_of_models_contrast_with_the_ground(theme: int, ground: float) -> None:
    css = files("pellucid.reports").joinpath("page/models.css").read_text(encoding="utf-8")
    colours = re.findall(r"#[0-9a-f]{6}", re.findall(r":root \{(.*?)\}", css)[theme])
    assert len(colours) == 8
    for colour in colours:
        darker, lighter = sorted((_luminance(colour), ground))
        assert (lighter + 0.05) / (darker + 0.05) >= 3, colour

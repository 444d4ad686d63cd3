"""Every figure and sentence of the room is as it was: on small data without two numbers alike."""

import json
from typing import Any

import pytest

from evaluation.exact import FILE, ROOM, plain

KEPT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


def differences(found: Any, kept: Any, place: str) -> list[str]:
    """Places where results differ by more than processors do."""
    if isinstance(kept, dict) and isinstance(found, dict) and found.keys() == kept.keys():
        return [each for key in kept for each in differences(found[key], kept[key], f"{place} / {key}")]
    if isinstance(kept, list) and isinstance(found, list) and len(found) == len(kept):
        pairs = enumerate(zip(found, kept, strict=True))
        return [each for at, pair in pairs for each in differences(*pair, f"{place} [{at}]")]
    is_number = isinstance(kept, float | int) and isinstance(found, float | int)
    alike = found == pytest.approx(kept, rel=1e-6, abs=1e-9) if is_number else found == kept
    return [] if alike else [f"{place}: {found}, not {kept}"]


@pytest.mark.core
@pytest.mark.parametrize("part", ROOM)
def test_every_figure_and_sentence_is_as_it_was(part: str) -> None:
    assert differences(plain(ROOM[part]()), KEPT[part], part) == []


def test_nothing_kept_is_left_over() -> None:
    assert KEPT.keys() == ROOM.keys()

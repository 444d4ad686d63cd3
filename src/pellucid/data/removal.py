"""What `--ignore` takes out of inputs: words and lines of texts, borders and corners of images.

It is done before training and at every answer, and doing it twice changes nothing more.
"""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import UInt8

from pellucid.settings.rows import IGNORED_OF_IMAGES, IGNORED_OF_TEXTS, ignored_rules

# Level of what stands in place of pixels that are taken out, the same in every image.
_GREY = 128


def of_texts(rules: Sequence[str]) -> tuple[str, ...]:
    """Those of some rules that are about texts."""
    return tuple(rule for rule in rules if rule.startswith(IGNORED_OF_TEXTS))


def of_images(rules: Sequence[str]) -> tuple[str, ...]:
    """Those of some rules that are about images."""
    return tuple(rule for rule in rules if rule.startswith(IGNORED_OF_IMAGES))


def ignored_of_texts(value: object) -> tuple[str, ...]:
    """Rules about texts as a file holds them, trusted in nothing.

    Raises: `ValueError` if they are none.
    """
    rules = ignored_rules(value)
    if of_texts(rules) != rules:
        raise ValueError("ignored: not every rule is about texts")
    return rules


def ignored_of_images(value: object) -> tuple[str, ...]:
    """Rules about images as a file holds them, trusted in nothing.

    Raises: `ValueError` if they are none.
    """
    rules = ignored_rules(value)
    if of_images(rules) != rules:
        raise ValueError("ignored: not every rule is about images")
    return rules


def text_without(text: str, rules: Sequence[str]) -> str:
    """A text without what rules take out.

    A word goes in any case, with the space behind it, and its line where nothing else is on it. Of a first or
    last line an empty one stays, so that no second line is taken for the first; a text of one line stays.
    """
    for rule in rules:
        if rule == "first-line":
            _, newline, rest = text.partition("\n")
            text = newline + rest if rest.strip() else text
        elif rule == "last-line":
            before, newline, _ = text.rpartition("\n")
            text = before + newline if before.strip() else text
        elif rule.startswith("token:"):
            pattern, found = _pattern(rule.removeprefix("token:")), 1
            while found:  # what is left and right of a word may be one together
                text, found = pattern.subn("", text)
    return text


@cache
def _pattern(token: str) -> re.Pattern[str]:
    """Matches a word or phrase, however it is spaced, that is no part of a longer word."""
    inner = r"\s+".join(map(re.escape, token.split()))
    first = r"(?<!\w)" if re.match(r"\w", token) else ""
    last = r"(?!\w)" if re.search(r"\w$", token) else ""
    # A line of its own goes whole.
    return re.compile(
        rf"^[^\S\n]*{first}{inner}{last}[^\S\n]*(?:\n|\Z)|{first}{inner}{last}[^\S\n]*",
        re.IGNORECASE | re.MULTILINE,
    )


def texts_without(texts: Sequence[str], rules: Sequence[str]) -> Sequence[str]:
    """Texts without what rules take out; the very same where there are no rules."""
    return [text_without(text, rules) for text in texts] if rules else texts


def image_without(
    pixels: UInt8[np.ndarray, "height width channels"], rules: Sequence[str]
) -> UInt8[np.ndarray, "height width channels"]:
    """An image whose border or corners are grey, parts of its height and width rounded up; a copy if any."""
    if not rules:
        return pixels
    changed = pixels.copy()
    height, width = pixels.shape[:2]
    for rule in rules:
        kind, _, value = rule.partition(":")
        corner, _, value = value.rpartition(":")
        share = float(value.removesuffix("%")) / 100
        rows, columns = (min(side, int(np.ceil(share * side - 1e-9))) for side in (height, width))
        if kind == "border":
            changed[:rows], changed[height - rows :] = _GREY, _GREY
            changed[:, :columns], changed[:, width - columns :] = _GREY, _GREY
        else:
            vertical, horizontal = corner.split("-")
            down = slice(0, rows) if vertical == "top" else slice(height - rows, height)
            across = slice(0, columns) if horizontal == "left" else slice(width - columns, width)
            changed[down, across] = _GREY
    return changed

"""Findings about texts: lengths and scripts."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.data.listing import Listing
from pellucid.data.texts.scripts import SCRIPTS, SCRIPTS_WITHOUT_SPACES, main_scripts
from pellucid.data.wording import count_of

NO_LETTERS = "no letters"
_TOGETHER = 500


class Lengths(NamedTuple):
    """Lengths of texts.

    Attributes:
        shortest: the shortest.
        median: half are at most so long.
        percentile_95: 95 in a hundred are at most so long.
        longest: the longest.
    """

    shortest: int
    median: int
    percentile_95: int
    longest: int


@dataclass(frozen=True)
class TextFindings:
    """Lengths and scripts of texts.

    Attributes:
        characters: lengths in characters.
        words: lengths in words, which spaces part.
        scripts: script of most letters of a text and number of such texts, commonest first; texts without
            a letter are under `no letters`. Only the first 1,000 characters of each are looked at.
        longest: source of the longest text.
    """

    characters: Lengths
    words: Lengths
    scripts: tuple[tuple[str, int], ...]
    longest: str

    @property
    def has_words(self) -> bool:
        """True where most texts are written with spaces between words."""
        without = sum(number for name, number in self.scripts if name in SCRIPTS_WITHOUT_SPACES)
        return 2 * without <= sum(number for _, number in self.scripts)

    def to_json(self) -> dict[str, Any]:
        """Lengths by name, scripts and the longest text, as JSON values."""
        return {
            "characters": self.characters._asdict(),
            "words": self.words._asdict(),
            "scripts": dict(self.scripts),
            "longest": self.longest,
        }

    def sentences(self) -> list[str]:
        """Lengths and scripts in words."""
        characters, words = self.characters, self.words
        if characters.shortest == characters.longest:
            lengths = f"All are {characters.longest:,} characters long"
        else:
            lengths = (
                f"They are {characters.shortest:,} to {characters.longest:,} characters long, half of them "
                f"at most {characters.median:,}"
            )
        if self.has_words and words.shortest == words.longest:
            lengths += f", and of {count_of(words.longest, 'word')} each"
        elif self.has_words:
            lengths += (
                f", and of {words.shortest:,} to {words.longest:,} words, half of at most {words.median:,}"
            )
        scripts = ", ".join(f"{number:,} {name}" for name, number in self.scripts)
        said = [f"{lengths}; the longest is {self.longest}."]
        return said if self.scripts[0][0] == NO_LETTERS else [*said, f"They are written in: {scripts}."]


def text_findings(listing: Listing, used: Int64[np.ndarray, " used"]) -> TextFindings:
    """Lengths and scripts of the texts at the positions `used`, at least one."""
    assert listing.texts is not None
    characters = np.zeros(len(used), np.int64)
    words = np.zeros(len(used), np.int64)
    scripts = np.zeros(len(SCRIPTS), np.int64)
    for start in range(0, len(used), _TOGETHER):
        texts = listing.texts[used[start : start + _TOGETHER]]
        characters[start : start + len(texts)] = [len(text) for text in texts]
        words[start : start + len(texts)] = [len(text.split()) for text in texts]
        scripts += np.bincount(main_scripts(texts), minlength=len(SCRIPTS))
    order = np.argsort(-scripts, kind="stable").tolist()
    return TextFindings(
        characters=_lengths(characters),
        words=_lengths(words),
        scripts=tuple((SCRIPTS[code] or NO_LETTERS, int(scripts[code])) for code in order if scripts[code]),
        longest=listing.sources[int(used[int(characters.argmax())])],
    )


def _lengths(lengths: Int64[np.ndarray, " texts"]) -> Lengths:
    in_order = np.sort(lengths)
    places = [0, (len(in_order) - 1) // 2, -(-95 * len(in_order) // 100) - 1, -1]
    return Lengths(*(int(in_order[place]) for place in places))

"""Findings about texts and siblings, as numbers and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.data.dataset import Dataset
from pellucid.data.listing import Listing
from pellucid.data.raw_texts import SCRIPTS, SCRIPTS_WITHOUT_SPACES, main_scripts
from pellucid.data.sibling_sets import NEAR_COPIES, TURNED, WORDS, RuleCounts, Siblings
from pellucid.data.wording import count_of, some
from pellucid.language.sentence import Sentence, join
from pellucid.progress import counted

NO_LETTERS = "no letters"
_TOGETHER = 500


class Lengths(NamedTuple):
    """Lengths of texts."""

    shortest: int
    median: int  # half are at most so long
    percentile_95: int  # 95 in a hundred are at most so long
    longest: int


@dataclass(frozen=True)
class TextFindings:
    """Lengths and scripts of texts."""

    characters: Lengths
    words: Lengths  # lengths in words, which spaces part
    # script of most letters of a text and number of such texts, commonest first; texts without a letter are
    # under `no letters`. Only the first 1,000 characters of each count
    scripts: tuple[tuple[str, int], ...]
    longest: str  # source of the longest text

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
        without_spaces = sum(number for name, number in self.scripts if name in SCRIPTS_WITHOUT_SPACES)
        has_words = 2 * without_spaces <= sum(number for _, number in self.scripts)
        if characters.shortest == characters.longest:
            lengths: str = Sentence("All are {longest:,} characters long", characters.longest)
        else:
            lengths = Sentence(
                "They are {shortest:,} to {longest:,} characters long, half of them at most {median:,}",
                characters.shortest,
                characters.longest,
                characters.median,
            )
        if has_words and words.shortest == words.longest:
            lengths += Sentence("; each has {longest}", count_of(words.longest, "word"))
        elif has_words:
            lengths += Sentence(
                "; they have {shortest:,} to {longest:,} words, half of them at most {median:,}",
                words.shortest,
                words.longest,
                words.median,
            )
        sentences: list[str] = [Sentence("{lengths}; the longest is {longest}.", lengths, self.longest)]
        if self.scripts[0][0] != NO_LETTERS:
            scripts = join(
                ", ", [Sentence("{number:,} {name}", number, name) for name, number in self.scripts]
            )
            sentences.append(Sentence("They are written in: {scripts}.", scripts))
        return sentences


def text_findings(listing: Listing, used: Int64[np.ndarray, " used"]) -> TextFindings:
    """Lengths and scripts of the texts at the positions `used`, at least one."""
    assert listing.texts is not None
    characters = np.zeros(len(used), np.int64)
    words = np.zeros(len(used), np.int64)
    scripts = np.zeros(len(SCRIPTS), np.int64)
    for start in counted(range(0, len(used), _TOGETHER), "measuring texts", len(used), _TOGETHER):
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


_SETS_LISTED = 100


@dataclass(frozen=True)
class SiblingFindings:
    """Siblings by rule."""

    examples: int  # examples that any rule links to another
    found: Mapping[str, RuleCounts]  # of each rule that was asked, in the order of the rules
    sets: Sequence[tuple[str, Sequence[str]]]  # sources of the first sets by all rules together
    # sources of test examples with a sibling in train or validation, exact copies aside
    in_test: Sequence[str]
    # for each example that belongs with an earlier one, the rule and the earlier one
    reasons: Mapping[int, tuple[str, int]] = field(repr=False, compare=False)

    def metrics(self) -> dict[str, Any]:
        """The form in `metrics.json` under `data`: sets and examples by rule, test examples across splits."""
        return {
            "siblings": self.examples,
            "siblings_by_rule": {rule: found._asdict() for rule, found in self.found.items()},
            "test_siblings": len(self.in_test),
        }

    def sentences(self, noun: str, *, own_splits: bool) -> list[str]:
        """A sentence for each rule but near copies, one on what is done, and one on the test."""
        sentences: list[str] = []
        for rule, found in self.found.items():
            if found.sets and rule != NEAR_COPIES and rule not in TURNED:
                example = next(sources for name, sources in self.sets if name == rule)
                sentences.append(
                    Sentence(
                        "{capitalize}s {WORDS}: {examples:,} in {sets} ({replace}), for instance {example}.",
                        noun.capitalize(),
                        WORDS[rule],
                        found.examples,
                        count_of(found.sets, "set"),
                        rule.replace("_", " "),
                        some(example),
                    )
                )
        if self.examples and not own_splits:
            sentences.append(
                Sentence("Related {noun}s are kept in one split; --no-groups turns this off.", noun)
            )
        if self.in_test:
            sentences.append(
                Sentence(
                    "Test {noun}s related to one in train or validation, in the given splits: "
                    "{in_test:,}, for instance {in_test2}; the score is also given without "
                    "them and without exact copies.",
                    noun,
                    len(self.in_test),
                    some(self.in_test),
                )
            )
        return sentences


def sibling_findings(siblings: Siblings, dataset: Dataset) -> SiblingFindings:
    """Count siblings by rule, and name the first sets of each."""
    sources = dataset.sources
    in_test = np.setdiff1d(dataset.with_sibling, dataset.leaked).tolist()
    return SiblingFindings(
        examples=siblings.examples,
        found=siblings.found,
        sets=[
            (rule, [sources[at] for at in members]) for rule, members in siblings.sets_by_rule(_SETS_LISTED)
        ],
        in_test=[sources[index] for index in in_test],
        reasons=siblings.reasons(),
    )

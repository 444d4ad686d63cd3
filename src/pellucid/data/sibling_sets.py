"""Sets of examples that belong together: what copies, groups and each rule for siblings link, joined."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.language.sentence import Sentence


def together(
    pool: Int64[np.ndarray, " pool"], first: Int64[np.ndarray, " n"], groups: Sequence[str]
) -> Int64[np.ndarray, " pool"]:
    """Number the sets of examples that copies, siblings (`first`) and groups hold together, in order."""
    if any(groups):
        first = linked(first, first_of_groups(groups))
    _, leaders, of = np.unique(first[pool], return_index=True, return_inverse=True)
    return np.unique(leaders[of.reshape(-1)], return_inverse=True)[1].reshape(-1).astype(np.int64)


def first_of_groups(groups: Sequence[str]) -> Int64[np.ndarray, " n"]:
    """For each example the position of the first one of its group; its own where it has none."""
    seen: dict[str, int] = {}
    return np.array(
        [seen.setdefault(group, at) if group else at for at, group in enumerate(groups)], np.int64
    )


def linked(*firsts: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Join sets that share an example: for each example the first position of the joined set."""
    places = np.arange(len(firsts[0]), dtype=np.int64)
    pairs = [np.stack([places, first], axis=1)[first != places] for first in firsts]
    return first_of_sets(len(places), np.concatenate(pairs))


def first_of_sets(count: int, pairs: Int64[np.ndarray, "pairs 2"]) -> Int64[np.ndarray, " count"]:
    """For each of `count` examples the first position that pairs link it to, in any number of steps."""
    first = np.arange(count, dtype=np.int64)
    while len(pairs):
        roots = np.sort(first[pairs], axis=1)
        is_link = roots[:, 0] != roots[:, 1]
        pairs, roots = pairs[is_link], roots[is_link]
        # Each later root hangs on an earlier one, so that no circle can arise; then all point to the root.
        np.minimum.at(first, roots[:, 1], roots[:, 0])
        while not np.array_equal(first, first[first]):
            first = first[first]
    return first


# Names of the rules, in the order in which they are joined: those that look at the content come first.
NEAR_COPIES = "near_copies"
BURSTS = "bursts"
QUOTES = "quotes"
THREADS = "threads"
SOURCES = "sources"
# Of images, after near copies.
TURNED_COPIES = "turned_copies"
NEAR_TURNED_COPIES = "near_turned_copies"
TURNED = (TURNED_COPIES, NEAR_TURNED_COPIES)
# Of texts, after near copies.
SAME_WORDS = "same_words"
REORDERED = "reordered"
CONTAINED = "contained"

# Names for the examples of a set, by rule.
WORDS: Mapping[str, str] = {
    NEAR_COPIES: "near copies of one another",
    TURNED_COPIES: "the same once turned by quarter turns or mirrored",
    NEAR_TURNED_COPIES: "nearly the same once turned by quarter turns or mirrored",
    SAME_WORDS: "equal but for punctuation, case and space",
    REORDERED: "of the same words in another order of sentences",
    CONTAINED: "of which one contains the whole of another",
    BURSTS: "taken one after the other of one scene",
    QUOTES: "quoting one another",
    THREADS: "of one thread by mail headers or subject",
    SOURCES: "of one source by a column of the table",
}

# Most examples of a set: a fifth of all, which would be a whole test split, or ten in small data.
MOST_OF_ALL = 5
FEWEST_OF_ALL = 10


class RuleCounts(NamedTuple):
    """What one rule linked."""

    sets: int  # sets of two or more examples
    examples: int  # examples in them


@dataclass(frozen=True)
class Siblings:
    """Examples that belong together."""

    # for each example the first one of its set by all rules, copies and groups; its own position if alone
    first: Int64[np.ndarray, " n"]
    # what each rule found, in the order of the rules; nothing where none was asked
    found: Mapping[str, RuleCounts]
    links: Mapping[str, Int64[np.ndarray, "links 2"]]  # what each rule linked, the earlier example first
    warnings: tuple[str, ...] = ()  # sentences about links that were not used

    @property
    def examples(self) -> int:
        """Examples that any rule links to another."""
        return len(np.unique(np.concatenate([np.zeros((0, 2), np.int64), *self.links.values()])))

    def reasons(self) -> dict[int, tuple[str, int]]:
        """For each example that a rule links to an earlier one, the rule and that earlier one."""
        found: dict[int, tuple[str, int]] = {}
        for rule, links in self.links.items():
            for earlier, later in links.tolist():
                found.setdefault(later, (rule, earlier))
        return found

    def sets_by_rule(self, most: int) -> Iterator[tuple[str, list[int]]]:
        """The first sets of each rule, at most so many, with the positions of their examples."""
        for rule, links in self.links.items():
            members = np.unique(links)
            first = first_of_sets(len(self.first), links)[members]
            order = np.argsort(first, kind="stable")
            parts = np.split(members[order], np.flatnonzero(np.diff(first[order])) + 1)
            for part in parts[:most] if len(members) else []:
                yield rule, part.tolist()


def no_siblings(kept: Int64[np.ndarray, " n"]) -> Siblings:
    """Siblings where no rule is asked; `kept` is the first example with which each one stays all the same."""
    return Siblings(kept, {}, {})


def most_of_a_set(usable: int) -> int:
    """Most examples of a set, of so many that can be used."""
    return max(FEWEST_OF_ALL, usable // MOST_OF_ALL)


def joined(
    count: int,
    usable: int,
    copies: Int64[np.ndarray, " n"],
    links: Mapping[str, Int64[np.ndarray, "links 2"]],
    kept: Int64[np.ndarray, " n"] | None = None,
) -> Siblings:
    """Join what the rules found, one after the other, but for sets that would take a whole split.

    `usable` is how many examples can be used. `copies` is the first example with the same content: links
    between copies count for nothing. `kept` is the first example with which each one stays anyway, by default
    `copies`; these sets count when others are measured.
    """
    kept = copies if kept is None else kept
    most = most_of_a_set(usable)
    places = np.arange(count, dtype=np.int64)
    pairs = np.stack([kept, places], axis=1)[kept != places]
    found, kept_links, notes = {}, {}, []
    for rule, fresh in links.items():
        fresh = np.sort(fresh, axis=1)
        fresh = fresh[copies[fresh[:, 0]] != copies[fresh[:, 1]]]
        first = first_of_sets(count, np.concatenate([pairs, fresh]))
        sizes = np.bincount(first, minlength=count)
        is_small = (sizes[first[fresh[:, 0]]] <= most) | (kept[fresh[:, 0]] == kept[fresh[:, 1]])
        if not is_small.all():
            largest = int(sizes[first[fresh[~is_small, 0]]].max())
            notes.append(
                Sentence(
                    "The rule for {replace} would join {largest:,} examples into one set, which "
                    "is more than a split can take; it was not followed there, so scores may be too good.",
                    rule.replace("_", " "),
                    largest,
                )
            )
        fresh = fresh[is_small]
        kept_links[rule] = fresh
        members = np.unique(fresh)
        found[rule] = RuleCounts(len(np.unique(first_of_sets(count, fresh)[members])), len(members))
        pairs = np.concatenate([pairs, fresh])
    return Siblings(first_of_sets(count, pairs), found, kept_links, tuple(notes))

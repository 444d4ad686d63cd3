"""Quotes: a text that holds most of another one in lines that begin with `>`.

Lines of quotation are set against what every text says in its own lines, in runs of five words, so that
lines broken at other places do not matter. Text A is quoted by B where at least half of A's runs, and at
least 10 of them, stand in B's quotations. Runs that more than 20 texts quote, or more than two say
themselves, are common property, such as the foot of a mailing list, and say nothing.
"""

import numpy as np
from jaxtyping import Bool, Int64, UInt64

from pellucid.arithmetic.hashing import chained
from pellucid.data.texts.store import Texts
from pellucid.data.texts.units import units_of

SHARE_QUOTED = 0.5
FEWEST_RUNS = 10
RUN = 5
MOST_QUOTING = 20
MOST_SAYING = 2
LONGEST = 20_000
RULE = (SHARE_QUOTED, FEWEST_RUNS, RUN, MOST_QUOTING, MOST_SAYING, LONGEST)

_TOGETHER = 500
_NEW_LINE, _MARK = ord("\n"), ord(">")


def quotes(texts: Texts, positions: Int64[np.ndarray, " positions"]) -> Int64[np.ndarray, "links 2"]:
    """Link each text to those that quote most of it; `positions` ascend and are the texts compared."""
    quoting = positions[_have_quotations(texts)[positions]]
    runs, owners = _runs(texts, quoting, are_quoted=True)
    order = np.lexsort((owners, runs))
    runs, owners = runs[order], owners[order]
    runs, starts, counts = np.unique(runs, return_index=True, return_counts=True)
    rare = counts <= MOST_QUOTING
    runs, starts, counts = runs[rare], starts[rare], counts[rare]
    found, sizes = _quoted_runs(texts, positions, runs)
    # What several texts say of themselves, as newsletters do from issue to issue, shows no quotation.
    found = found[np.bincount(found[:, 0], minlength=len(runs))[found[:, 0]] <= MOST_SAYING]
    times = counts[found[:, 0]]
    said = np.repeat(found[:, 1], times)
    offsets = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    heard = owners[np.repeat(starts[found[:, 0]], times) + offsets]
    pairs, common = np.unique(said * len(texts) + heard, return_counts=True)
    pairs = np.stack(np.divmod(pairs, max(1, len(texts))), axis=1)
    enough = (common >= FEWEST_RUNS) & (common >= SHARE_QUOTED * sizes[pairs[:, 0]])
    return pairs[enough & (pairs[:, 0] != pairs[:, 1])]  # type: ignore[no-any-return]


def _quoted_runs(
    texts: Texts, positions: Int64[np.ndarray, " positions"], runs: UInt64[np.ndarray, " runs"]
) -> tuple[Int64[np.ndarray, "found 2"], Int64[np.ndarray, " n"]]:
    """Runs of a sorted list that texts say in their own lines, as place and text; and how many each says."""
    found = [np.zeros((0, 2), np.int64)]
    sizes = np.zeros(len(texts), np.int64)
    for start in range(0, len(positions) if len(runs) else 0, _TOGETHER):
        own, of = _runs(texts, positions[start : start + _TOGETHER], are_quoted=False)
        at = np.minimum(np.searchsorted(runs, own), len(runs) - 1)
        sizes += np.bincount(of, minlength=len(texts))
        found.append(np.stack([at, of], axis=1)[runs[at] == own])
    return np.concatenate(found), sizes


def _have_quotations(texts: Texts) -> Bool[np.ndarray, " n"]:
    """Tell the texts with a line that begins with `>`."""
    found = np.zeros(len(texts), bool)
    step = 1 << 24
    for start in range(0, len(texts.content), step):
        part = texts.content[start : start + step + 1]
        at = start + 1 + np.flatnonzero((part[:-1] == _NEW_LINE) & (part[1:] == _MARK))
        found[np.searchsorted(texts.offsets, at, side="right") - 1] = True
    return found


def _runs(
    texts: Texts, positions: Int64[np.ndarray, " positions"], *, are_quoted: bool
) -> tuple[UInt64[np.ndarray, " runs"], Int64[np.ndarray, " runs"]]:
    """Different runs of words of each text, in its quotations or in its own lines, and the text of each."""
    found = [np.zeros(0, np.uint64)]
    owners = [np.zeros(0, np.int64)]
    for start in range(0, len(positions), _TOGETHER):
        block = positions[start : start + _TOGETHER]
        units = units_of([_lines(text, are_quoted) for text in texts[block]], LONGEST)
        runs = units.hashes
        for ahead in range(1, RUN):
            runs = chained(runs, np.roll(units.hashes, -ahead))
        to_the_end = np.repeat(units.offsets[1:], units.counts) - np.arange(len(runs))
        whole = to_the_end >= RUN
        owner = np.repeat(block, units.counts)
        owner, runs = owner[whole], runs[whole]
        once = np.unique(chained(runs, owner.astype(np.uint64)), return_index=True)[1]
        found.append(runs[once])
        owners.append(owner[once])
    return np.concatenate(found), np.concatenate(owners)


def _lines(text: str, are_quoted: bool) -> str:
    """The quotations of a text without their marks, or all else."""
    lines = text[:LONGEST].split("\n")
    if are_quoted:
        return "\n".join(line.lstrip("> ") for line in lines if line.startswith(">"))
    return "\n".join(line for line in lines if not line.startswith(">"))

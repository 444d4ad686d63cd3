"""Finding siblings: sources, threads, quotes, copies and bursts, every rule asked in its order.

Sources are examples of one thread, document, person or recording, by a column of the table. One column is
used, the first of `SOURCE_NAMES` (`tables/columns.py`) that divides the data into enough sets: two
together would chain every thread to all others of its authors. `source` comes last, since it names a
publisher as often as a document, and what names a place of publication (`site`, `domain`, `publisher`,
`dataset`) is left out: whole classes may have one.
"""

import dataclasses
import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Int64, UInt64

from pellucid.arithmetic.draws import chained
from pellucid.data.decoded import Content, remembered
from pellucid.data.image_copies import NearCopies, confirmed_images
from pellucid.data.image_siblings import BURST_RULE, SCENE_RULE, bursts
from pellucid.data.image_symmetries import alike_in_any_way
from pellucid.data.listing import Listing
from pellucid.data.raw_texts import Texts, units_of
from pellucid.data.sibling_sets import (
    BURSTS,
    NEAR_COPIES,
    NEAR_TURNED_COPIES,
    QUOTES,
    SOURCES,
    THREADS,
    Siblings,
    first_of_groups,
    first_of_sets,
    joined,
    linked,
    most_of_a_set,
)
from pellucid.data.tables.columns import place_of_source
from pellucid.data.text_copies import confirmed_texts
from pellucid.data.wording import count_of, quoted
from pellucid.language.sentence import Sentence
from pellucid.progress import counted

Pairs = Int64[np.ndarray, "pairs 2"]
Positions = Int64[np.ndarray, " positions"]
Links = Int64[np.ndarray, "links 2"]

FEWEST_SETS = 10
LARGEST_SHARE = 0.2
_STEPS = 2


def by_source(
    columns: Mapping[str, UInt64[np.ndarray, " n"]], positions: Positions
) -> tuple[str | None, Links]:
    """Link the examples with equal values in the first column that serves, and name it.

    A column serves where it has at least 10 different values, some value twice, and none in more than a fifth
    of the examples. `positions` ascend and are the usable examples.
    """
    for name in sorted(columns, key=place_of_source):
        codes = columns[name][positions]
        values, first, of, counts = np.unique(
            codes, return_index=True, return_inverse=True, return_counts=True
        )
        counts = np.where(values == 0, 1, counts)
        is_small = counts.max(initial=0) <= LARGEST_SHARE * len(positions)
        if len(values) >= FEWEST_SETS and is_small and counts.max(initial=0) > 1:
            links = np.stack([positions[first[of.reshape(-1)]], positions], axis=1)
            return name, links[(codes != 0) & (links[:, 0] != links[:, 1])]
    return None, np.zeros((0, 2), np.int64)


# Threads of mails, by what their headers say.
#
# A text is a mail where its first line is a field of a mail header (`From:`, `Subject:`, `Message-ID:` and
# their like); the fields end at the first empty line. Texts are of one thread where
#
# 1. one names the `Message-ID` of another, or of a mail that another names too, in `In-Reply-To` or
#    `References`;
# 2. their subjects are equal but for `Re:`, `Fwd:`, their forms in other languages, and tags of mailing
#    lists in square brackets, and at least one of them has such a `Re:`. The subject of a text without a
#    header is its first line.
#
# Subjects of one word or of fewer than 8 characters, such as `Re: hello`, say nothing.

FEWEST_LETTERS = 8  # of a subject that joins texts
FEWEST_WORDS = 2  # of such a subject
_LOOKED_AT = 8192
_FIELDS = (
    "from", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references", "reply-to", "sender",
    "return-path", "received", "delivered-to", "newsgroups", "organization", "organisation", "lines", "path",
    "x-mailer", "mime-version", "content-type", "list-id", "thread-topic", "thread-index",
)  # fmt: skip
_FIELD = re.compile(rf"(?:{'|'.join(_FIELDS)})\s?:", re.IGNORECASE)
_ID = re.compile(r"<[^<>\s]{3,250}>")
_TAG = re.compile(r"\s*\[[^\]\n]{1,40}\]\s*")
_REPLY = re.compile(
    r"\s*(?:re|aw|fwd?|wg|sv|vs|antw|rif|odp)\s?(?:\[\d+\]|\(\d+\)|\^\d+)?\s?:", re.IGNORECASE
)


def threads(texts: Texts, positions: Positions) -> Links:
    """Link texts of one thread, by the rule at the top of this file; `positions` are the usable texts."""
    by_id: dict[str, int] = {}
    by_subject: dict[str, list[int]] = {}
    is_answered: set[str] = set()
    links: list[tuple[int, int]] = []
    for index in counted(positions.tolist(), "searching for threads of mails", len(positions)):
        start, end = texts.offsets[index : index + 2].tolist()
        content = texts.content[start : min(end, start + _LOOKED_AT)].tobytes()
        subject, ids = _read(content.decode(errors="ignore").lstrip())
        for name in ids:
            links.append((by_id.setdefault(name, index), index))
        subject, is_reply = plain_subject(subject)
        if len(subject) >= FEWEST_LETTERS and len(subject.split()) >= FEWEST_WORDS:
            by_subject.setdefault(subject, []).append(index)
            if is_reply:
                is_answered.add(subject)
    for subject in is_answered:
        first, *later = by_subject[subject]
        links += [(first, index) for index in later]
    found = np.array(sorted(set(links)), np.int64).reshape(-1, 2)
    return found[found[:, 0] != found[:, 1]]  # type: ignore[no-any-return]


def plain_subject(subject: str) -> tuple[str, bool]:
    """A subject without marks of replies and tags of lists, in small letters; and whether it is a reply."""
    is_reply = False
    while match := _REPLY.match(subject) or _TAG.match(subject):
        is_reply = is_reply or match.re is _REPLY
        subject = subject[match.end() :]
    return " ".join(subject.casefold().split()), is_reply


def _read(text: str) -> tuple[str, list[str]]:
    """Subject of a mail, with its `Re:`, and the ids of the mail and of those it answers."""
    if not _FIELD.match(text):
        return text.partition("\n")[0], []
    subject, ids = "", []
    for name, value in _fields(text):
        if name == "subject":
            subject = value
        elif name in ("message-id", "in-reply-to", "references"):
            ids += _ID.findall(value)
    return subject, ids


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Fields of a mail header up to the first empty line, those of several lines in one."""
    name, parts = "", []
    for line in text.splitlines():
        if not line.strip():
            break
        if line[0] in " \t" and name:
            parts.append(line.strip())
            continue
        if name:
            yield name, " ".join(parts)
        name, _, value = line.partition(":")
        name, parts = name.strip().lower(), [value.strip()]
    if name:
        yield name, " ".join(parts)


# Quotes: a text that holds most of another one in lines that begin with `>`.
#
# Lines of quotation are compared with what every text says in its own lines, in runs of five words, so that
# lines broken at other places do not matter. Text A is quoted by B where at least half of A's runs, and at
# least 10 of them, are in B's quotations. Runs that more than 20 texts quote, or more than two say
# themselves, are common property, such as the foot of a mailing list, and say nothing.

SHARE_QUOTED = 0.5
FEWEST_RUNS = 10
RUN = 5
MOST_QUOTING = 20
MOST_SAYING = 2
LONGEST = 20_000
QUOTE_RULE = (SHARE_QUOTED, FEWEST_RUNS, RUN, MOST_QUOTING, MOST_SAYING, LONGEST)

_TOGETHER = 500  # texts at a time
_SEARCHED = 1 << 24  # bytes at a time
_NEW_LINE = ord("\n")
_MARK = ord(">")


def quotes(texts: Texts, positions: Positions) -> Links:
    """Link each text to those that quote most of it; `positions` ascend and are the texts compared."""
    # Texts with a line that begins with `>`.
    has_quotation = np.zeros(len(texts), bool)
    for start in range(0, len(texts.content), _SEARCHED):
        part = texts.content[start : start + _SEARCHED + 1]
        at = start + 1 + np.flatnonzero((part[:-1] == _NEW_LINE) & (part[1:] == _MARK))
        has_quotation[np.searchsorted(texts.offsets, at, side="right") - 1] = True
    runs, owners = _runs(texts, positions[has_quotation[positions]], are_quoted=True)
    order = np.lexsort((owners, runs))
    runs, owners = runs[order], owners[order]
    runs, starts, counts = np.unique(runs, return_index=True, return_counts=True)
    rare = counts <= MOST_QUOTING
    runs, starts, counts = runs[rare], starts[rare], counts[rare]
    found, sizes = _quoted_runs(texts, positions, runs)
    # What several texts say of themselves, as newsletters do from issue to issue, shows no quotation.
    found = found[np.bincount(found[:, 0], minlength=len(runs))[found[:, 0]] <= MOST_SAYING]
    times = counts[found[:, 0]]
    own = np.repeat(found[:, 1], times)
    offsets = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    heard = owners[np.repeat(starts[found[:, 0]], times) + offsets]
    pairs, common = np.unique(own * len(texts) + heard, return_counts=True)
    pairs = np.stack(np.divmod(pairs, max(1, len(texts))), axis=1)
    enough = (common >= FEWEST_RUNS) & (common >= SHARE_QUOTED * sizes[pairs[:, 0]])
    return pairs[enough & (pairs[:, 0] != pairs[:, 1])]  # type: ignore[no-any-return]


def _quoted_runs(
    texts: Texts, positions: Positions, runs: UInt64[np.ndarray, " runs"]
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


def _runs(
    texts: Texts, positions: Positions, *, are_quoted: bool
) -> tuple[UInt64[np.ndarray, " runs"], Int64[np.ndarray, " runs"]]:
    """Different runs of words of each text, in its quotations or in its own lines, and the text of each."""
    found = [np.zeros(0, np.uint64)]
    owners = [np.zeros(0, np.int64)]
    starts = range(0, len(positions), _TOGETHER)
    for start in counted(starts, "searching for quotes", len(positions), _TOGETHER):
        block = positions[start : start + _TOGETHER]
        lines = (text[:LONGEST].split("\n") for text in texts[block])
        if are_quoted:
            kept = ((line.lstrip("> ") for line in each if line.startswith(">")) for each in lines)
        else:
            kept = ((line for line in each if not line.startswith(">")) for each in lines)
        units = units_of(["\n".join(each) for each in kept], LONGEST)
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


def confirmed_chains(
    count: int, pairs: Pairs, resemble: Callable[[Pairs], Bool[np.ndarray, " pairs"]]
) -> Links:
    """Link near copies to the first member of their set.

    Where A is nearly B, and B nearly C, A and C may have little in common. So a set takes in only what is at
    most two steps of a near copy away from its first member, as `resemble` says of members that are no near
    copy of it themselves; what is farther begins a set of its own. `pairs` are near copies among `count`
    examples.
    """
    links = [np.zeros((0, 2), np.int64)]
    while len(pairs):
        first = first_of_sets(count, pairs)
        members = np.unique(pairs)
        members = members[first[members] != members]
        direct = pairs[first[pairs[:, 1]] == pairs[:, 0]][:, 1]
        far = np.setdiff1d(members, direct)
        asked = np.stack([first[far], far], axis=1)
        is_in = np.zeros(count, bool)
        is_in[first[members]] = is_in[direct] = True
        is_in[far] = resemble(asked)
        taken = members[is_in[members]]
        links.append(np.stack([first[taken], taken], axis=1))
        # Only pairs of two outside of all sets can make further ones.
        pairs = pairs[~is_in[pairs].any(axis=1)]
    return np.concatenate(links)


def with_groups(
    copies: Int64[np.ndarray, " n"], groups: Sequence[str], usable: int, noun: str
) -> tuple[Int64[np.ndarray, " n"], tuple[str, ...]]:
    """Join copies and groups: the first example of each set, and a warning about copies that are divided.

    A text that hundreds of documents repeat, such as a notice of rights, would join all of them into one set.
    So contents are left apart, those in the most groups first, until no set is larger than a split can take
    or than the largest group. `copies` is the first example with the same content, `usable` how many examples
    can be used.
    """
    if not any(groups):
        return copies, ()
    places, of_groups = np.arange(len(copies), dtype=np.int64), first_of_groups(groups)
    contents = np.unique(np.stack([copies, of_groups], axis=1), axis=0)[:, 0]
    spread = np.bincount(contents, minlength=len(copies))[copies]  # groups that have the content

    def joined_up_to(limit: int) -> Int64[np.ndarray, " n"]:
        return linked(of_groups, np.where(spread <= limit, copies, places))

    def largest(limit: int) -> int:
        return int(np.bincount(joined_up_to(limit)).max())

    whole = joined_up_to(len(copies))
    size, most = int(np.bincount(whole).max()), max(most_of_a_set(usable), largest(0))
    if size <= most:
        return whole, ()
    limits = [0, *np.unique(spread).tolist()]
    limit = limits[bisect_right(limits, most, key=largest) - 1]
    repeated = len(np.unique(copies[spread > limit]))
    return joined_up_to(limit), (
        Sentence(
            "Copies of {repeated} in more than {limit} each would join "
            "{size:,} examples into one set, which is more than a split can take; groups stay whole, "
            "and these "
            "copies may be in several splits.",
            count_of(repeated, noun),
            count_of(limit, "group"),
            size,
        ),
    )


def find_siblings(
    listing: Listing,
    content: Content,
    first: Int64[np.ndarray, " n"],
    usable: Bool[np.ndarray, " n"],
    near: NearCopies,
    kept: Int64[np.ndarray, " n"],
) -> Siblings:
    """Find the examples that belong together, by every rule that fits the inputs.

    `first` is the position of the first example with the same content, `kept` of the first one with which
    copies and groups keep each.
    """
    count, texts, images = len(listing), content.inputs, content.images
    alone = np.flatnonzero(usable & (first == np.arange(count))).astype(np.int64)

    def still_alike(pairs: Links) -> Bool[np.ndarray, " pairs"]:
        """True for each pair that may be near copies of a common one."""
        if not isinstance(texts, Texts):
            assert images is not None
            upright = confirmed_images(texts, pairs, _STEPS)
            rest = pairs[~upright]
            upright[~upright] = alike_in_any_way(images.pixels, images.original_sizes, rest, _STEPS)
            return upright
        alike, _ = confirmed_texts(texts, pairs, steps=_STEPS)
        return np.concatenate([alike, np.zeros(len(pairs) - len(alike), bool)])

    links: dict[str, Links] = {NEAR_COPIES: confirmed_chains(count, near.pairs, still_alike), **near.others}
    if NEAR_TURNED_COPIES in links:
        links[NEAR_TURNED_COPIES] = confirmed_chains(count, links[NEAR_TURNED_COPIES], still_alike)
    if images is not None and listing.paths is not None:
        key = hashlib.sha256(repr((BURST_RULE, SCENE_RULE, images.pixels.shape, listing.labels)).encode())
        key.update(b"\0".join(str(path).encode(errors="backslashreplace") for path in listing.paths))
        if images.taken is not None:
            key.update(images.taken.tobytes())
        links[BURSTS] = _once("bursts", key, images.digests, alone, lambda: bursts(listing, images, alone))
    if isinstance(texts, Texts):
        key = hashlib.sha256(repr(QUOTE_RULE).encode())
        links[QUOTES] = _once("quotes", key, content.digests, alone, lambda: quotes(texts, alone))
        links[THREADS] = threads(texts, alone)
    name, by_column = by_source(listing.columns_of_sources, np.flatnonzero(usable).astype(np.int64))
    if listing.columns_of_sources:
        links[SOURCES] = by_column
    found = joined(count, int(usable.sum()), first, links, kept)
    if name is None or not found.found[SOURCES].sets:
        return found
    sentence = Sentence(
        "Examples with the same {name} stay together (--no-groups turns this off).", quoted(name)
    )
    return dataclasses.replace(found, warnings=(*found.warnings, sentence))


def _once(
    kind: str,
    key: "hashlib._Hash",
    digests: np.ndarray,
    alone: Int64[np.ndarray, " alone"],
    search: Callable[[], Links],
) -> Links:
    """Links found for the same content before, or now."""
    key.update(alone.astype("<i8").tobytes())
    key.update(np.ascontiguousarray(digests).tobytes())
    return remembered(kind, key.hexdigest(), search)

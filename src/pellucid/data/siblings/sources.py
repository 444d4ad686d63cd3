"""Sources: examples of one thread, document, person or recording, where a column of the table says so.

One column is used, the first of `NAMES` that parts the data into enough sets: two together would chain every
thread to all others of its authors. `source` comes last, since it names a publisher as often as a
document, and what names a place of publication (`site`, `domain`, `publisher`, `dataset`) is left out: whole
classes stand or fall with it.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Int64, UInt64

from pellucid.data.labels.texts import group_text

NAMES = (
    # One talk: its parts answer and quote one another.
    "thread", "threadid", "conversation", "conversationid", "dialogue", "dialogueid", "dialog", "dialogid",
    "discussionid", "sessionid", "ticketid", "parentid",
    # One document or page: its parts share subject, words and names.
    "documentid", "docid", "articleid", "pageid", "postid", "submissionid", "url", "sourceurl", "sourceid",
    # One recording: its images differ by moments.
    "video", "videoid", "clip", "clipid", "sequenceid", "scene", "sceneid", "burstid", "seriesid",
    # One body, or one hand: what is told apart is easily the person.
    "patient", "patientid", "subjectid", "participant", "participantid", "speaker", "speakerid", "author",
    "authorid", "user", "userid", "username", "reviewer", "reviewerid", "customerid", "accountid",
    "source",
)  # fmt: skip
"""Names of columns, in small letters and without spaces, dashes and underscores."""

FEWEST_SETS = 10
LARGEST_SHARE = 0.2


def names_source(name: str) -> bool:
    """Tell a column that says which examples belong together by its name."""
    return _plain(name) in NAMES


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower())


def source_codes(values: Iterable[object]) -> UInt64[np.ndarray, " values"]:
    """A number for each value, equal for equal ones, 0 where there is none."""
    codes: dict[str, int] = {"": 0}

    def code(value: object) -> int:
        text = group_text(value).strip()
        if text not in codes:
            codes[text] = int.from_bytes(
                hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest()
            )
        return codes[text]

    return np.array(list(map(code, values)), np.uint64)


def by_source(
    columns: Mapping[str, UInt64[np.ndarray, " n"]], positions: Int64[np.ndarray, " positions"]
) -> tuple[str | None, Int64[np.ndarray, "links 2"]]:
    """Link the examples with equal values in the first column that serves, and name it.

    A column serves where it has at least 10 different values, some value twice, and none in more than a fifth
    of the examples. `positions` ascend and are the usable examples.
    """
    for name in sorted(columns, key=lambda name: NAMES.index(_plain(name))):
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

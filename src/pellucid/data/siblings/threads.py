"""Threads of mails, by what their headers say.

A text is a mail where its first line is a field of a mail header (`From:`, `Subject:`, `Message-ID:` and
their like); the fields end at the first empty line. Texts are of one thread where

1. one names the `Message-ID` of another, or of a mail that another names too, in `In-Reply-To` or
   `References`;
2. their subjects are equal but for `Re:`, `Fwd:`, their forms in other languages, and tags of mailing
   lists in square brackets, and at least one of them has such a `Re:`. The subject of a text without a
   header is its first line.

Subjects of one word or of fewer than 8 characters, such as `Re: hello`, say nothing.
"""

import re
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64

from pellucid.data.texts.store import Texts

FEWEST_LETTERS, FEWEST_WORDS = 8, 2
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


def threads(texts: Texts, positions: Int64[np.ndarray, " positions"]) -> Int64[np.ndarray, "links 2"]:
    """Link texts of one thread, by the rule at the top of this file; `positions` are the usable texts."""
    by_id: dict[str, int] = {}
    by_subject: dict[str, list[int]] = {}
    is_answered: set[str] = set()
    links: list[tuple[int, int]] = []
    for index in positions.tolist():
        subject, ids = _read(_start_of(texts, index))
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


def _start_of(texts: Texts, index: int) -> str:
    start, end = texts.offsets[index : index + 2].tolist()
    return texts.content[start : min(end, start + _LOOKED_AT)].tobytes().decode(errors="ignore").lstrip()


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

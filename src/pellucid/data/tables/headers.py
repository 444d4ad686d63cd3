"""The first row of a table of separated values: names of columns, or a row like all others."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pellucid.data.labels.numbers import read_number
from pellucid.data.tables.file_kinds import ends_like_image
from pellucid.data.wording import quoted

# Usual names of a column of image paths.
IMAGE_NAMES = ("image", "path", "file", "filename", "file_name", "filepath", "image_path", "input", "img")

# Usual names of a column of texts, the surest first.
TEXT_NAMES = (
    "text", "texts", "review", "review_text", "message", "body", "content", "sentence", "comment", "tweet",
    "document", "post", "sms", "email", "input",
)  # fmt: skip

# Names of texts that often stand beside longer ones.
LESSER_TEXT_NAMES = ("title", "subject", "headline", "question", "summary", "description")

# Usual names of a column of labels, the surest first.
LABEL_NAMES = ("label", "class", "category", "target", "y", "labels", "species")

# Columns that are used without being asked for.
SPLIT_NAME, GROUP_NAME = "split", "group"

# Names of columns that say which examples belong together, the narrowest first; in small letters, without
# signs.
SOURCE_NAMES = (
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

_USUAL = frozenset((*IMAGE_NAMES, *TEXT_NAMES, *LESSER_TEXT_NAMES, *LABEL_NAMES, SPLIT_NAME, GROUP_NAME))
_FEWEST_ROWS = 4


def why_no_header(header: Sequence[str], rows: Sequence[Sequence[str]], folder: Path) -> str | None:
    """Reason why the first row is no header; `None` where it may be one.

    A cell names an image that is there; or, in a table without images and without any usual name, a cell
    stands again below itself in a column of few values, or is a number as all below it are. `rows` are some
    of those below it, of the same length.
    """
    if any(_is_existing_image(folder, cell) for cell in header):
        return "names an image"
    is_named = any(map(is_usual, header))
    if is_named or len(rows) < _FEWEST_ROWS or any(map(ends_like_image, (*rows[0], *rows[-1]))):
        return None
    for cell, values in zip(header, zip(*rows, strict=True), strict=True):
        filled = [value.strip() for value in values if value.strip()]
        if cell and cell in filled and 2 * len(set(filled)) <= len(filled):
            return f"holds {quoted(cell)} as rows below it do"
        if (
            read_number(cell) is not None
            and filled
            and all(read_number(value) is not None for value in filled)
        ):
            return f"holds the number {quoted(cell)} above other numbers"
    return None


def is_usual(name: str) -> bool:
    """Tell a usual name of a column of images, texts, labels, splits or groups."""
    return name.lower() in _USUAL


def named(header: Sequence[str]) -> list[str]:
    """Give names to columns that have none.

    Where several are empty, `column 3` and the like stand in their place.
    """
    if header.count("") < 2:
        return list(header)
    return [name or f"column {number}" for number, name in enumerate(header, start=1)]


def _is_existing_image(folder: Path, cell: str) -> bool:
    return ends_like_image(cell) and os.path.isfile(folder / cell)


def names_source(name: str) -> bool:
    """Tell a column that says which examples belong together by its name: `user_id`, `tweet.user.id`."""
    return _source(name) in SOURCE_NAMES


def place_of_source(name: str) -> int:
    """Place of such a column in `SOURCE_NAMES`."""
    return SOURCE_NAMES.index(_source(name))


def names_id(name: str) -> bool:
    """Tell a column of identifiers by its name: `id`, `tweet.id`, `userId`; they are no texts."""
    if re.search(r"(?i:(^|[\W_])id$)|[a-z](Id|ID)$", name):
        return True
    return names_source(name) and name.lower().endswith("id")


def _source(name: str) -> str:
    """The name in `SOURCE_NAMES` that is meant: of a name in several parts the last two count too."""
    words = re.split(r"[\W_]+", name.lower())
    whole, last = "".join(words), "".join(words[-2:])
    return last if len(words) > 2 and last in SOURCE_NAMES else whole

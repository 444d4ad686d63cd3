"""The bundled samples are what their READMEs say."""

import gzip
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import make_spam
import numpy as np
import pytest
import write_reference

from pellucid.data.sources.samples import FASHION_CLASSES, FASHION_FOLDER, SPAM_FILE, read_sample
from pellucid.errors import DataError


def test_the_images_are_stratified_and_real() -> None:
    listing = read_sample("sample:fashion")
    counts = Counter(zip(listing.labels, listing.splits, strict=True))
    assert counts == {
        (name, split): number
        for name in FASHION_CLASSES
        for split, number in (("train", 1000), ("test", 200))
    }
    assert listing.load_pixels is not None
    pixels = listing.load_pixels()
    assert pixels.shape == (12_000, 28, 28, 1)
    assert 60 < pixels.mean() < 85
    assert len(np.unique(pixels.reshape(12_000, -1), axis=0)) > 11_990


def test_the_mails_are_as_many_as_the_readme_says() -> None:
    listing = read_sample("sample:spam")
    counts = Counter(zip(listing.labels, listing.splits, strict=True))
    assert counts == {
        ("ham", "train"): 1963,
        ("spam", "train"): 734,
        ("ham", "test"): 491,
        ("spam", "test"): 184,
    }
    readme = (SPAM_FILE.parent / "README.md").read_text()
    assert "2,697 mails to train on (734 of them spam) and 675 to test (184)" in readme
    assert f"{len(listing):,} in all" in readme


def test_no_mail_is_empty_or_stands_twice() -> None:
    texts = read_sample("sample:spam").texts
    assert texts is not None
    bodies = [text.partition("\n\n")[2] or text for text in texts]
    assert all(body.strip() for body in bodies)
    assert len({" ".join(body.casefold().split()) for body in bodies}) == len(bodies)


def test_headers_and_tags_do_not_give_the_label_away() -> None:
    """Headers stand only at the head of two mails that quote others, and no spam shows marks of HTML."""
    listing = read_sample("sample:spam")
    assert listing.texts is not None
    header = re.compile(r"^(X-Spam[-\w]*|Received|Return-Path|Delivered-To|Message-Id):", re.I | re.M)
    assert len([text for text in listing.texts if header.search(text[:300])]) <= 2
    spam = [text for text, label in zip(listing.texts, listing.labels, strict=True) if label == "spam"]
    assert not [text for text in spam if re.search(r"</(a|font|table|body|html)>|<br>", text, re.I)]


def test_bundles_are_small_and_carry_their_licence() -> None:
    for folder, words, most in (
        (FASHION_FOLDER, "Zalando", 5.5e6),
        (SPAM_FILE.parent, "CC0 1.0", 2.5e6),
    ):
        assert sum(path.stat().st_size for path in folder.iterdir()) < most
        assert words in (folder / "LICENSE").read_text()


def test_other_samples_are_refused() -> None:
    with pytest.raises(
        DataError, match="sample:flowers: no such sample; there are sample:fashion and sample:spam"
    ):
        read_sample("sample:flowers")


@pytest.mark.slow
def test_the_script_makes_the_bundle(fashion_mnist: Path, tmp_path: Path) -> None:
    script = write_reference.ROOT / "tools" / "make_fashion_sample.py"
    subprocess.run([sys.executable, str(script), str(fashion_mnist), "--out", str(tmp_path)], check=True)
    for path in tmp_path.iterdir():
        made, bundled = path.read_bytes(), (FASHION_FOLDER / path.name).read_bytes()
        assert gzip.decompress(made) == gzip.decompress(bundled)
    assert len(list(tmp_path.iterdir())) == 4


MAIL = b"""From someone@example.org Thu Aug 22 12:36:23 2002
X-Spam-Status: Yes, hits=12
Received: from somewhere
Subject: =?iso-8859-1?q?Caf=E9?= offer
Content-Type: multipart/mixed; boundary="outer"

--outer
Content-Type: multipart/alternative; boundary="inner"

--inner
Content-Type: text/plain; charset=us-ascii


--inner
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<html><style>p {color: red}</style><body><p>Vi<!-- hidden -->agra &amp; more<p>for =E2=82=AC 5</body></html>
--inner--
--outer
Content-Type: text/plain
Content-Disposition: attachment; filename=x.txt

not shown
--outer--
"""


def test_a_mail_becomes_its_subject_and_what_its_reader_sees() -> None:
    assert make_spam.subject_and_body(MAIL) == ("Café offer", "Viagra & more\nfor € 5")


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: a\nContent-Type: image/gif\n\nGIF89a",
        b"Subject: a\n\n \n\t\n",
        b'Subject: a\nContent-Type: multipart/mixed; boundary="x"\n\nno such boundary',
        b"Subject: a\n\nContent-Type: text/html\n\ntext",
    ],
    ids=["no text", "blank", "no parts", "headers in the body"],
)
def test_a_mail_without_a_readable_body_is_left_out(content: bytes) -> None:
    assert make_spam.subject_and_body(content) == ("a", "")

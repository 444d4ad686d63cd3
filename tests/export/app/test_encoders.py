# ruff: noqa: RUF001  # odd characters are what is tested
"""The encoders of the page give the ids that those of Python give, for any text there is."""

import functools
import gzip
import json
import unicodedata
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from encoding.test_unigram import encoder as unigram_encoder
from encoding.written import ODD
from export.app.node import Node
from pellucid.data.raw_texts import Texts
from pellucid.encoding import Encoder, WordPieceEncoder, fit_ngrams, fit_tokens
from pellucid.encoding.ngrams import NgramEncoder, Shape, grams_of
from pellucid.encoding.tfidf import fit_tfidf
from pellucid.encoding.words import normalise, without_joints
from pellucid.export.app.page_data import encoder_page_data, terms_page_data
from pellucid.settings import Settings
from text_models import PIECES

_FOLDER = "./pellucid/export/app/script/texts"
ENCODE = f'import {{ encoderOf }} from "{_FOLDER}/encoder.js";'
TERMS = f'import {{ termsReader, termWeights }} from "{_FOLDER}/grams.js";'
CHARACTERS = f'import {{ knowCharacters, normalised }} from "{_FOLDER}/characters.js";'
CHINESE = (
    "我喜欢这家酒店，房间很干净。",
    "质量太差了！！！ 不推荐 iPhone６",
    "还可以吧，ok的",
    "送货很快\u3000包装好",
)
KINDS = (
    "words", "sub-words", "characters", "bytes", "n-grams", "parts", "n-grams of characters", "word-pieces",
    "unigram",
)  # fmt: skip


@functools.cache
def mails() -> tuple[str, ...]:
    """A few hundred mails of the bundled sample."""
    content = gzip.decompress((files("pellucid.data") / "spam" / "spam.jsonl.gz").read_bytes())
    return tuple(json.loads(line)["text"] for line in content.decode().splitlines()[:300])


@functools.cache
def read_texts() -> tuple[str, ...]:
    """Texts that encoders are asked about."""
    return tuple(text for text in (*mails()[:60], *CHINESE, *ODD) if _is_whole(text))


@functools.cache
def encoder(kind: str) -> Encoder:
    """An encoder of a kind, fitted on mails and Chinese texts, which reads less of a text than many have."""
    texts = Texts.of([*mails(), *CHINESE * 5, *(text for text in ODD if text.isprintable())])
    everyone = np.arange(len(texts))
    if kind == "word-pieces":
        extra = ("##ing", "##s", "un", "##known", "!", "。", "我", "喜", "e", "##e", "?", "[", "]", "sep")
        return WordPieceEncoder((*PIECES, *extra), 40)
    if kind == "unigram":
        return unigram_encoder(40).prefixed("the ship: ")
    if kind == "parts":
        grams = grams_of(Shape(1, 2, 4), [normalise(text) for text in mails()[:20]])
        names = [np.unique(group.names)[:800] for group in grams]
        kept = tuple(len(group) for group in names)
        return NgramEncoder(Shape(1, 2, 4), 3000, kept, np.concatenate(names))
    if kind == "n-grams":
        return fit_ngrams(texts, everyone, Settings(tokens="words", length=400)).encoder
    if kind == "n-grams of characters":
        return fit_ngrams(texts, everyone, Settings(tokens="characters", length=900)).encoder
    return fit_tokens(texts, everyone, Settings(tokens=kind, length=700)).encoder


@functools.cache
def facts(kind: str) -> dict[str, Any]:
    return encoder_page_data(encoder(kind))


def ids_of(node: Node, kind: str, texts: list[str]) -> list[list[int]]:
    code = """const encode = encoderOf(given.facts);
        return given.texts.map((text) => encode(text).found.map(({ id }) => id));"""
    return node.run(ENCODE, code, {"facts": facts(kind), "texts": texts})


def ids_by_python(kind: str, texts: list[str]) -> list[list[int]]:
    found = encoder(kind).encode(texts)
    return [
        found.ids[start:end].tolist()
        for start, end in zip(found.offsets[:-1].tolist(), found.offsets[1:].tolist(), strict=True)
    ]


def _is_whole(text: str) -> bool:
    """False where two halves of a surrogate pair meet, which in a script are one character."""
    return text == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_those_of_python(node: Node, kind: str) -> None:
    texts = list(read_texts())
    for text, ours, theirs in zip(texts, ids_by_python(kind, texts), ids_of(node, kind, texts), strict=True):
        assert theirs == ours, text[:200]


@pytest.mark.parametrize("kind", KINDS)
def test_ids_of_any_text_are_those_of_python(node: Node, kind: str) -> None:
    chance = np.random.default_rng(KINDS.index(kind))
    texts = [text for text in (_drawn(chance) for _ in range(400)) if _is_whole(text)]
    assert ids_of(node, kind, texts) == ids_by_python(kind, texts)


def _drawn(chance: np.random.Generator) -> str:
    """Characters of any sort beside each other, half of them such as belong to what stands before."""
    hard = " \n\x00'’.!aAbſßéاक्我の\u0301\u200d\u200c\ufe0f\u00ad👍🏽👨🇩🇪ﬁ½ΣσςİK\u0345\u1d17a\ud800\u3099か"
    return "".join(
        hard[chance.integers(len(hard))]
        if chance.random() < 0.6
        else chr(chance.integers(0x110000) >> chance.integers(12))
        for _ in range(chance.integers(1, 40))
    )


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "word-pieces"])
def test_every_id_says_where_it_comes_from(node: Node, kind: str) -> None:
    code = """const encode = encoderOf(given.facts);
        const piecesOf = (text) => encode(text).found.map(({ start, end }) => text.slice(start, end));
        return given.texts.map(piecesOf);"""
    texts = [*mails()[:10], *CHINESE, "l’homme a\u0301 ﬁn Straße ＡＢＣ so\u00adft 👍🏽"]
    found = node.run(ENCODE, code, {"facts": facts(kind), "texts": texts})
    for text, pieces in zip(texts, found, strict=True):
        assert pieces == [piece for piece, _ in encoder(kind).explain(text)], text[:200]


def test_what_is_cut_is_said(node: Node) -> None:
    code = "return given.texts.map((text) => encoderOf(given.facts)(text).cut);"
    texts = ["word " * 700, "word " * 701]
    assert node.run(ENCODE, code, {"facts": facts("words"), "texts": texts}) == [False, True]


@pytest.mark.parametrize("shape", [Shape(1), Shape(2), Shape(1, 2, 4), Shape(3)])
def test_weights_of_terms_are_those_of_python(node: Node, shape: Shape) -> None:
    texts = [text for text in read_texts() if text]
    tfidf = fit_tfidf(Texts.of(list(mails())), np.arange(200), shape, 5_000).tfidf
    code = """const read = termsReader(given.facts);
        const columnsOf = (text) => read(text).map(({ id }) => id);
        return given.texts.map((text) => termWeights(columnsOf(text), given.idf, given.facts));"""
    given = {"facts": terms_page_data(tfidf), "idf": tfidf.idf.astype(float).tolist(), "texts": texts}
    ours = tfidf.transform(texts)
    for row, theirs in enumerate(node.run(TERMS, code, given)):
        start, end = ours.indptr[row], ours.indptr[row + 1]
        assert theirs["columns"] == ours.indices[start:end].tolist(), texts[row][:200]
        np.testing.assert_allclose(theirs["values"], ours.data[start:end], rtol=2e-7)


@pytest.mark.slow
def test_every_character_is_normalised_as_by_python(node: Node) -> None:
    code = """knowCharacters(given.characters);
        return given.texts.map(normalised);"""
    characters = [chr(point) for point in range(0x110000)]
    texts = [f"Α{c}Σ {c} a{c}\u0301 Σ{c}a" for c in characters if unicodedata.category(c) != "Cn"]
    texts += [f"{c}É" for c in characters[:0x3FFFF] if unicodedata.category(c) == "Cn"]
    given = {"characters": facts("words")["characters"], "texts": texts}
    for text, theirs in zip(texts, node.run(CHARACTERS, code, given), strict=True):
        assert theirs == normalise(text), [hex(ord(each)) for each in text]


def test_terms_are_shown_as_they_are_written(node: Node) -> None:
    """Words of a script without spaces are joined; those of others, and signs, keep their space."""
    written = {"配 置 文": "配置文", "etc / passwd": "etc / passwd", "默 认 ip": "默认 ip", "か な": "かな"}
    assert {term: without_joints(term) for term in written} == written
    imports = TERMS.replace("termsReader, termWeights", "withoutJoints")
    shown = node.run(imports, "return given.map(withoutJoints);", [*written])
    assert shown == [*written.values()]

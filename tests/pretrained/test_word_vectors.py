"""Vectors of words as a part below a head: which words are kept, what they weigh, what comes out."""

from pathlib import Path

import numpy as np
import pytest

from pellucid.bundle.network_answers import answer_texts
from pellucid.data.raw_texts import Texts
from pellucid.pretrained import TextBackbone, read_word_vectors
from pellucid.pretrained import text_backbones as word_vectors_module
from pellucid.settings import Settings

ROWS = {
    "the": (1.0, 0.0),
    ",": (0.5, 0.5),
    "New York": (9.0, 9.0),
    "of": (0.0, 1.0),
    "don't": (7.0, 7.0),
    "Ship": (3.0, 4.0),
    "noon": (0.0, -2.0),
    "zebra": (-1.0, -1.0),
    "yacht": (2.0, 0.0),
}
SOME = Texts.of(["the ship sails", "noon: the ship", "a yacht"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "boats.txt"
    lines = [f"{word} {first} {second}" for word, (first, second) in ROWS.items()]
    file.write_text("\n".join(lines) + "\n")
    return file


def found(backbone: TextBackbone, texts: list[str]) -> np.ndarray:
    network = backbone.network(backbone.config_for(2, Settings())).eval()
    return answer_texts(network, backbone.encoder, texts, network.features)


def weight(rank: int) -> float:
    """By the formula, for a file of nine rows."""
    return 1e-3 / (1e-3 + 1 / (rank * (np.log(9) + np.euler_gamma)))


def test_words_of_the_training_texts_and_the_most_frequent_are_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_vectors_module, "MOST_FREQUENT", 5)
    backbone = read_word_vectors(path, SOME, np.array([0, 1]))
    # Of the first five rows two are two words each; a yacht stands in no training text.
    assert set(backbone.encoder.entries) == {"the", ",", "of", "ship", "noon"}
    assert backbone.encoder.length == 4096
    everything = read_word_vectors(path, SOME, np.arange(3), 77)
    assert "yacht" in everything.encoder.entries
    assert everything.config.input_shape == (77,)


def test_features_by_hand(path: Path) -> None:
    backbone = read_word_vectors(path, SOME, np.arange(3))
    ours = found(backbone, ["the ship, the moon", "MOON", "noon", ""])
    total = 2 * weight(1) * np.array([1, 0]) + weight(6) * np.array([3, 4]) + weight(2) * np.array([0.5, 0.5])
    expected = np.concatenate([total / np.linalg.norm(total), [3 / 5, 4 / 5]]) / 2**0.5
    np.testing.assert_allclose(ours[0], expected, atol=1e-6)
    assert np.abs(ours[[1, 3]]).max() == 0
    np.testing.assert_allclose(ours[2], np.array([0, -1, 0, -1]) / 2**0.5, atol=1e-6)


def test_its_origin_is_the_file(path: Path) -> None:
    origin = read_word_vectors(path, SOME, np.arange(3)).origin
    assert (origin.name, origin.source, origin.licence) == ("boats", "a local file", "not stated")


def test_a_config_of_another_network_is_refused(path: Path) -> None:
    backbone = read_word_vectors(path, SOME, np.arange(3))
    config = read_word_vectors(path, SOME, np.arange(3), 5).config_for(3, Settings())
    with pytest.raises(ValueError, match="config: it is not one of boats; take one from config_for"):
        backbone.network(config)
    network = backbone.network(backbone.config_for(3, Settings(depth=1, width=7, dropout=0.3)))
    assert [name for name, each in network.named_parameters() if not each.requires_grad] == [
        "body.words.weight"
    ]
    assert network.head.linear1.out_features == 7
    assert network.head.dropout.p == 0.3

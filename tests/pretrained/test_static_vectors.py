"""Vectors of word pieces out of a folder as model2vec saves it."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from pellucid.errors import ModelFileError
from pellucid.pretrained import TextBackbone, read_folder

PIECES = ["[PAD]", "[UNK]", "the", "ship", "##s", "sail", "."]
VECTORS = torch.randn(len(PIECES), 6, generator=torch.Generator().manual_seed(0))


def write_folder(folder: Path, **tensors: torch.Tensor) -> Path:
    """Write a folder with other tensors besides the vectors, or in their place."""
    tokenizer = Tokenizer(
        models.WordPiece({piece: row for row, piece in enumerate(PIECES)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file({"embeddings": VECTORS, **tensors}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "normalize": True}))
    return folder


def features(folder: Path, text: str) -> torch.Tensor:
    backbone = read_folder(folder)
    assert isinstance(backbone, TextBackbone)
    ids = torch.tensor([[number for _, number in backbone.encoder.explain(text)]])
    return backbone.network(backbone.config).eval().features(ids)[0] * 2**0.5


def test_features_are_the_weighted_mean_of_model2vec_and_the_largest(tmp_path):
    rows, weights = [2, 3, 4, 5, 6], torch.arange(7.0)
    found = features(write_folder(tmp_path), "The ships sail.")
    unit = torch.nn.functional.normalize
    torch.testing.assert_close(found[:6], unit(VECTORS[rows].mean(0), dim=0))
    torch.testing.assert_close(found[6:], unit(VECTORS[rows].amax(0), dim=0))
    mapping = torch.tensor([0, 1, 6, 5, 4, 3, 2])
    found = features(write_folder(tmp_path, weights=weights, mapping=mapping), "The ships sail.")
    weighed = (VECTORS[mapping] * weights[:, None])[rows].mean(0)
    torch.testing.assert_close(found[:6], unit(weighed, dim=0))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"embeddings": VECTORS[:5]}, "rows of embeddings: '5' is not supported, only 7"),
        ({"mapping": torch.full((7,), 7)}, "mapping: a row is outside 0 to 6"),
        ({"weights": torch.ones(3)}, "'weights' is F32"),
        ({"more": torch.ones(3)}, "has, and the network has not, 1 tensors, such as 'more'"),
    ],
)
def test_tensors_that_do_not_belong_together_are_refused(tensors, message, tmp_path):
    with pytest.raises(ModelFileError, match=message):
        read_folder(write_folder(tmp_path, **tensors))

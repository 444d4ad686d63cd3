# ruff: noqa: RUF001  # odd characters are what is tested
"""Small folders with a Unigram vocabulary: XLM-RoBERTa, BERT, and vectors as model2vec distils them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from pretrained import tiny_bert
from pretrained.unigram_written import tokenizer

PIECES = [
    ("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("a", -2.5), ("▁a", -3.0),
    ("ab", -3.5), ("京", -4.0), ("b", -5.0), ("▁aa", -6.0), ("!", -6.5), (".", -7.0), ("<mask>", 0.0),
]  # fmt: skip
_MARKS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
TEXTS = ["ab a京 Ａbab", "b!a. \n ab!", "京京京 a b a b a b a b", "ba"]
STRANGE = ["", "a ?é? 京", "½ aab"]  # with characters that no piece has, whose vector model2vec counts
FORMS = ("xlm-roberta", "bert", "model2vec", "model2vec-0.6")
PLACES = 16


def document(form: str) -> dict[str, Any]:
    """The `tokenizer.json` of a folder."""
    pieces = [[*row] for row in PIECES]
    names = [piece for piece, _ in PIECES]
    found = tokenizer(version="1.0", truncation=None, padding=None, decoder=None)
    found["added_tokens"] = [
        {
            "id": names.index(mark), "content": mark, "single_word": False, "lstrip": mark == "<mask>",
            "rstrip": False, "normalized": False, "special": True,
        }
        for mark in _MARKS
    ]  # fmt: skip
    found["model"] |= {"vocab": pieces, "unk_id": 3}
    first, text, last = (
        {"SpecialToken": {"id": "<s>", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "</s>", "type_id": 0}},
    )
    special = {mark: {"id": mark, "ids": [names.index(mark)], "tokens": [mark]} for mark in ("<s>", "</s>")}
    found["post_processor"] = {
        "type": "TemplateProcessing", "single": [first, text, last], "pair": [first, text, last, text, last],
        "special_tokens": special,
    }  # fmt: skip
    if form == "model2vec":  # which forgets that the row of the unknown moved
        found["post_processor"] = None
        found["model"] |= {"vocab": [row for row in pieces if row[0] not in ("<s>", "</s>", "<mask>")]}
        found["added_tokens"] = [
            {**each, "id": ("<pad>", "<unk>").index(each["content"])}
            for each in found["added_tokens"]
            if each["content"] in ("<pad>", "<unk>")
        ]
    if form == "model2vec-0.6":
        found["post_processor"], found["added_tokens"] = None, []
        found["normalizer"] = {
            "type": "Sequence",
            "normalizers": [
                {"type": "Sequence", "normalizers": [found["normalizer"]]},
                *({"type": "Replace", "pattern": {"String": each}, "content": f" {each} "} for each in "!."),
                {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
                {"type": "Strip", "strip_left": True, "strip_right": True},
            ],
        }
        found["pre_tokenizer"] = {
            "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False,
        }  # fmt: skip
    return found


def write_folder(folder: Path, form: str, **changes: object) -> Path:
    """Write a folder; changes are other values of its config."""
    folder.mkdir(parents=True, exist_ok=True)
    written = document(form)
    (folder / "tokenizer.json").write_text(json.dumps(written))
    rows = len(written["model"]["vocab"])
    if form.startswith("model2vec"):
        chance = np.random.default_rng(3)
        held = {"embeddings": chance.normal(size=(rows, 6)).astype(np.float32)}
        held |= {"weights": chance.uniform(0.2, 2, rows)} if form == "model2vec" else {}
        config: dict[str, object] = {"model_type": "model2vec", "normalize": True}
    else:
        config = tiny_bert.CONFIG | {
            "model_type": form, "vocab_size": rows + 2, "max_position_embeddings": PLACES,
            "type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-3,
        }  # fmt: skip
        held = tiny_bert.tensors(config)
        if form == "xlm-roberta":
            held = {f"roberta.{name}": each for name, each in held.items()}
        (folder / "modules.json").write_text(json.dumps(tiny_bert.MODULES))
        (folder / "1_Pooling").mkdir(exist_ok=True)
        pooling = {"word_embedding_dimension": 8, **tiny_bert.POOLING}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
        (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 12, "do_lower_case": false}')
        names = {"bos": "<s>", "eos": "</s>", "cls": "<s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>"}
        facts = {f"{name}_token": mark for name, mark in names.items()}
        facts |= {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 12}
        (folder / "tokenizer_config.json").write_text(json.dumps({**facts, "do_lower_case": True}))
    (folder / "config.json").write_text(json.dumps(config | changes))
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
    return folder

"""A small BERT with random weights as a folder, and what it computes by its formulas in NumPy."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

PIECES = (
    "[PAD]", "the", "ship", "sail", "[UNK]", "[CLS]", "[SEP]", "noon",
    "at", "##s", "##ing", ".", "a", "b", "é",
)  # fmt: skip
"""Marks do not stand where this package has them."""

CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 14,
    "vocab_size": len(PIECES) + 2,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "architectures": ["BertModel"],
}
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]
POOLING = {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True, "include_prompt": True}


def tensors(config: dict[str, Any] = CONFIG) -> dict[str, np.ndarray]:
    """Weights by BERT's names, and some that nothing needs."""
    chance, size, wide = np.random.default_rng(0), config["hidden_size"], config["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], size),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], size),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], size),
        "embeddings.LayerNorm.weight": (size,),
        "embeddings.LayerNorm.bias": (size,),
        "pooler.dense.weight": (size, size),
    }
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}."
        for name, form in {
            "attention.self.query": (size, size),
            "attention.self.key": (size, size),
            "attention.self.value": (size, size),
            "attention.output.dense": (size, size),
            "intermediate.dense": (wide, size),
            "output.dense": (size, wide),
        }.items():
            shapes |= {f"{layer}{name}.weight": form, f"{layer}{name}.bias": form[:1]}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{layer}{name}.weight": (size,), f"{layer}{name}.bias": (size,)}
    found = {name: chance.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return found | {"embeddings.position_ids": np.arange(config["max_position_embeddings"])[None]}


def write_folder(folder: Path, **changes: object) -> Path:
    """Write the folder; a change gives another config value, and `None` leaves the key out."""
    folder.mkdir(parents=True)
    config = {name: value for name, value in (CONFIG | changes).items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    (folder / "modules.json").write_text(json.dumps(MODULES))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(POOLING))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 10, "do_lower_case": false}')
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: cc-by-4.0\n---\n# A ship\nlicense: none\n")
    save_file(tensors(), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def features(rows: list[int]) -> np.ndarray:
    """The feature of one text from the rows of its pieces, both marks among them, in float64."""
    held = {name: value.astype(np.float64) for name, value in tensors().items()}
    embedded = held["embeddings.word_embeddings.weight"][rows]
    embedded += held["embeddings.position_embeddings.weight"][: len(rows)]
    embedded += held["embeddings.token_type_embeddings.weight"][0]
    states = _norm(embedded, held, "embeddings.LayerNorm")
    for number in range(CONFIG["num_hidden_layers"]):
        layer = f"encoder.layer.{number}."
        query, key, value = (
            _dense(states, held, f"{layer}attention.self.{part}") for part in ("query", "key", "value")
        )
        heads, width = CONFIG["num_attention_heads"], CONFIG["hidden_size"] // CONFIG["num_attention_heads"]
        mixed = np.empty_like(states)
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            scores = np.exp(query[:, part] @ key[:, part].T / math.sqrt(width))
            mixed[:, part] = scores / scores.sum(1, keepdims=True) @ value[:, part]
        states = _norm(
            states + _dense(mixed, held, f"{layer}attention.output.dense"),
            held,
            f"{layer}attention.output.LayerNorm",
        )
        inner = _dense(states, held, f"{layer}intermediate.dense")
        inner *= 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        states = _norm(states + _dense(inner, held, f"{layer}output.dense"), held, f"{layer}output.LayerNorm")
    mean = states.mean(0)
    return mean / np.linalg.norm(mean)


def _dense(values: np.ndarray, held: dict[str, np.ndarray], name: str) -> np.ndarray:
    return values @ held[f"{name}.weight"].T + held[f"{name}.bias"]


def _norm(values: np.ndarray, held: dict[str, np.ndarray], name: str) -> np.ndarray:
    centred = values - values.mean(1, keepdims=True)
    scaled = centred / np.sqrt(centred.var(1, keepdims=True) + 1e-12)
    return scaled * held[f"{name}.weight"] + held[f"{name}.bias"]

"""Small models in the forms of two packages, and what they compute by their formulas in NumPy."""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.pretrained.bert import BertSizes
from pretrained.unigram_written import PIECES, packed, sentencepiece

SIZES = BertSizes(32, 2, 2, 64, 10, len(PIECES) + 3, 2, "gelu")


def blocks(numbers: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Rows as blocks of 4 bits, each in the order of the file, and what is left of the numbers by it."""
    written, left = [], []
    for block in numbers.reshape(-1, 32).astype(np.float32):
        scale = np.float16(np.abs(block).max() / 7)
        levels = np.clip(np.round(block / np.float32(scale)), -8, 7).astype(int)
        halves = bytes(low + 8 | (high + 8) << 4 for low, high in zip(levels[:16], levels[16:], strict=True))
        written.append(scale.tobytes() + halves)
        left.append(levels * np.float32(scale))
    return b"".join(written), np.array(left, np.float32).reshape(numbers.shape)


def write_bert(path: Path, **changed: Any) -> dict[str, np.ndarray]:
    """Write a packed BERT; its arrays by their names in the file."""
    chance, size, wide = np.random.default_rng(0), SIZES.size, SIZES.feed_forward
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (SIZES.vocabulary, size), "emb.pos": (SIZES.places, size),
        "emb.type": (SIZES.types, size), "emb.ln.w": (size,), "emb.ln.b": (size,),
    }  # fmt: skip
    for number in range(SIZES.layers):
        for name, rows, columns in (
            ("q", size, size), ("k", size, size), ("v", size, size), ("ao", size, size), ("fi", wide, size),
            ("fo", size, wide),
        ):  # fmt: skip
            shapes |= {f"l{number}.{name}.w": (rows, columns), f"l{number}.{name}.b": (rows,)}
        for name in ("aln", "oln"):
            shapes |= {f"l{number}.{name}.w": (size,), f"l{number}.{name}.b": (size,)}
    head = {"magic": b"E5S1", "version": 1, "epsilon": 1e-12, "block": 32} | changed
    sizes = (size, SIZES.layers, SIZES.heads, wide, SIZES.vocabulary, SIZES.places, SIZES.types)
    content = struct.pack("<4sI7ifi", head["magic"], head["version"], *sizes, head["epsilon"], head["block"])
    content += packed() + struct.pack("<i", len(shapes))
    arrays, bodies, first = {}, [], len(content) + sum(23 + len(name) for name in shapes)
    for name, shape in shapes.items():
        numbers = chance.normal(0, 0.3, shape).astype(np.float32) + (name.endswith("ln.w"))
        is_packed = len(shape) == 2 and name not in ("emb.pos", "emb.type")
        body, arrays[name] = blocks(numbers) if is_packed else (numbers.tobytes(), numbers)
        at = first + sum(map(len, bodies))
        content += struct.pack("<H", len(name)) + name.encode()
        content += struct.pack("<BIQQ", is_packed, numbers.size, at, len(body))
        bodies.append(body)
    path.write_bytes(content + b"".join(bodies))
    return arrays


def write_ngrams(folder: Path) -> dict[str, np.ndarray]:
    """Write an archive of an encoder of n-grams; its arrays."""
    chance, size, filters, hidden = np.random.default_rng(1), 8, 4, 6
    shapes: dict[str, tuple[int, ...]] = {
        "ln_g": (size + 12,), "ln_b": (size + 12,), "cnn_W": (size + 12, size), "cnn_b": (size,),
        "d0": (size, hidden), "d1": (hidden, hidden), "p1": (size, hidden),
        "d2": (hidden, size), "d3": (size, size), "p3": (hidden, size),
    }  # fmt: skip
    for kernel in (2, 3, 5):
        shapes |= {f"proj{kernel}": (size, filters)}
        shapes |= {f"{name}{kernel}": (filters,) for name in ("proj_b", "ln_g", "ln_b", "b1_", "b2_")}
        shapes |= {f"w{number}_{kernel}": (kernel * filters, filters) for number in (1, 2)}
    arrays = {name: chance.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    arrays |= {f"q{part}": chance.integers(0, 64, (4, size), np.uint8) for part in (1, 2, 3)}
    arrays |= {"scale": np.array([0.1, 0.2, 0.3], np.float32), "lo": np.array([-3, -6, -9], np.float32)}
    folder.mkdir()
    (folder / "sp.model").write_bytes(sentencepiece())
    np.savez(folder / "weights.npz", **arrays)
    return arrays


def features_of_ngrams(arrays: dict[str, np.ndarray], rows: list[int]) -> np.ndarray:
    """What the encoder of n-grams gives for the rows of one text, place by place."""
    vectors = np.array([
        arrays[f"q{row % 3 + 1}"][row // 3] * arrays["scale"][row % 3] + arrays["lo"][row % 3] for row in rows
    ])  # fmt: skip
    every = [vectors @ arrays[f"proj{kernel}"] + arrays[f"proj_b{kernel}"] for kernel in (2, 3, 5)]
    scale, shift = (
        np.concatenate([arrays[f"{name}{kernel}"] for kernel in (2, 3, 5)]) for name in ("ln_g", "ln_b")
    )
    parts = np.split(normed(np.concatenate(every, 1)) * scale + shift, 3, axis=1)
    found = [vectors]
    for kernel, values in zip((2, 3, 5), parts, strict=True):
        for number in (1, 2):
            before = (kernel - 1) // 2
            padded = np.pad(values, ((before, kernel - 1 - before), (0, 0)))
            windows = np.array([padded[at : at + kernel].ravel() for at in range(len(rows))])
            answers = windows @ arrays[f"w{number}_{kernel}"] + arrays[f"b{number}_{kernel}"]
            values = values + np.maximum(answers, 0)
        found.append(values)
    each = normed(np.concatenate(found, 1)) * arrays["ln_g"] + arrays["ln_b"]
    pooled = (each @ arrays["cnn_W"] + arrays["cnn_b"]).sum(0) / len(rows) ** 0.5
    first = np.maximum(pooled @ arrays["p1"] + np.maximum(pooled @ arrays["d0"], 0) @ arrays["d1"], 0)
    last = np.tanh(first @ arrays["p3"] + np.maximum(first @ arrays["d2"], 0) @ arrays["d3"])
    result: np.ndarray = last / np.linalg.norm(last)
    return result


def normed(values: np.ndarray) -> np.ndarray:
    """Rows of mean 0 and variance 1."""
    centred = values - values.mean(1, keepdims=True)
    result: np.ndarray = centred / np.sqrt(centred.var(1, keepdims=True) + 1e-12)
    return result

"""Small vision transformers with random weights as folders, under the names of transformers."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

FORMS = ("dinov2", "dinov2_with_registers", "vit")
PROCESSOR = {
    "do_normalize": True,
    "do_rescale": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.25, 0.3],
    "size": {"height": 224, "width": 224},
}
SIZE, WIDE, PATCH, SIDE, REGISTERS = 12, 24, 4, 24, 3


def config_of(form: str) -> dict[str, object]:
    """Content of `config.json`."""
    own = {"intermediate_size": WIDE} if form == "vit" else {"mlp_ratio": 2, "use_swiglu_ffn": False}
    if form == "dinov2_with_registers":
        own["num_register_tokens"] = REGISTERS
    return {
        "model_type": form,
        "hidden_size": SIZE,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12 if form == "vit" else 1e-6,
        "image_size": SIDE,
        "patch_size": PATCH,
        "num_channels": 3,
        "qkv_bias": True,
        **own,
    }


def tensors(form: str) -> dict[str, np.ndarray]:
    """Weights by their names, and some that nothing needs."""
    is_plain, chance = form == "vit", np.random.default_rng(7)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.cls_token": (1, 1, SIZE),
        "embeddings.position_embeddings": (1, 1 + (SIDE // PATCH) ** 2, SIZE),
        "embeddings.patch_embeddings.projection.weight": (SIZE, 3, PATCH, PATCH),
        "embeddings.patch_embeddings.projection.bias": (SIZE,),
        "layernorm.weight": (SIZE,),
        "layernorm.bias": (SIZE,),
    }
    shapes |= {"pooler.dense.weight": (SIZE, SIZE), "pooler.dense.bias": (SIZE,)} if is_plain else {}
    shapes |= {} if is_plain else {"embeddings.mask_token": (1, SIZE)}
    if form == "dinov2_with_registers":
        shapes["embeddings.register_tokens"] = (1, REGISTERS, SIZE)
    norms = ("layernorm_before", "layernorm_after") if is_plain else ("norm1", "norm2")
    dense = ("intermediate.dense", "output.dense") if is_plain else ("mlp.fc1", "mlp.fc2")
    for number in range(2):
        layer = f"encoder.layer.{number}."
        square = dict.fromkeys(
            [f"attention.attention.{part}" for part in ("query", "key", "value")], (SIZE, SIZE)
        )
        products = {"attention.output.dense": (SIZE, SIZE), dense[0]: (WIDE, SIZE), dense[1]: (SIZE, WIDE)}
        for name, form_of in {**square, **products}.items():
            shapes |= {f"{layer}{name}.weight": form_of, f"{layer}{name}.bias": form_of[:1]}
        for name in norms:
            shapes |= {f"{layer}{name}.weight": (SIZE,), f"{layer}{name}.bias": (SIZE,)}
        if not is_plain:
            shapes |= {f"{layer}layer_scale{place}.lambda1": (SIZE,) for place in (1, 2)}
    return {name: chance.normal(0, 0.5, shape).astype(np.float32) for name, shape in sorted(shapes.items())}


def images() -> np.ndarray:
    """Two standardised images of another size than that of the training, wider than high."""
    return np.random.default_rng(8).normal(size=(2, 3, 3 * PATCH, 5 * PATCH)).astype(np.float32)


def write_folder(folder: Path, form: str) -> Path:
    """Write a folder as transformers saves it."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config_of(form)))
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    save_file(tensors(form), folder / "model.safetensors")
    return folder

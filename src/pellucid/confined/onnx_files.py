"""ONNX files before onnxruntime opens them: protocol buffers walked by hand.

onnxruntime reads the data of tensors from other files where a model says so, runs loops, and takes files of
another form of its own. A file that Pellucid wrote, or an encoder of images, needs none of this, so all of it
is refused: tensors outside the file, operators that are not listed here, functions, and everything that is no
plain graph.

Source: onnx.proto of ONNX, for the numbers of the fields; "Encoding" in the documentation of protocol
    buffers, for the form.
"""

from collections import Counter
from collections.abc import Iterator

from pellucid.errors import ModelFileError
from pellucid.language.sentence import Sentence
from pellucid.safety.files import read_regular

# Most bytes of a file, which is what protocol buffers can hold.
LARGEST = (1 << 31) - 1
_MOST_NODES = 20_000
_MOST_FIELDS = 20_000_000

# Operators that an export may contain, then those of encoders of others; none runs a graph of its own, and
# none draws random numbers.
_OPERATORS = frozenset(
    """Abs Add And ArgMax Atan AveragePool BatchNormalization Cast Ceil Clip Concat Constant Conv CumSum
    DequantizeLinear Div Einsum Equal Erf Exp Expand Flatten Floor GRU Gather GatherElements GatherND Gelu
    Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish Identity IsNaN LSTM
    LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Min Mod Mul Neg Not Or Pad
    Pow QuantizeLinear Range Reciprocal ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    ReduceSumSquare Relu Reshape ScatterElements Shape Sigmoid Sign Slice Softmax Split Sqrt Squeeze Sub Tanh
    Tile TopK Transpose Trilu Unsqueeze Where
    Attention CastLike ConstantOfShape ConvInteger ConvTranspose Cos DepthToSpace DynamicQuantizeLinear Elu
    GroupNormalization InstanceNormalization LRN LpNormalization MatMulInteger Mean Mish PRelu QLinearConv
    QLinearMatMul RMSNormalization ReduceL1 ReduceLogSumExp Resize RotaryEmbedding Round Selu Sin Size
    Softplus SpaceToDepth Sum Swish""".split()
)

# Of each message: fields that hold messages, with their kinds, and fields that must not be there, with words.
_MESSAGES: dict[str, tuple[dict[int, str], dict[int, str]]] = {
    "model": ({7: "graph", 8: "opset"}, {20: "training information", 25: "functions"}),
    "graph": ({1: "node", 5: "tensor"}, {15: "sparse tensors"}),
    "node": ({5: "attribute"}, {}),
    "attribute": (
        {5: "tensor", 10: "tensor"},
        {
            6: "a graph inside an operator",
            11: "graphs inside an operator",
            22: "sparse tensors",
            23: "sparse tensors",
        },
    ),
    "tensor": ({}, {13: "data in another file"}),
    "opset": ({}, {}),
}
_DATA_LOCATION = ("tensor", 14)
_OPERATOR = ("node", 4)
_DOMAINS = (("node", 7), ("opset", 1))
_VARINT = 0  # kinds of a field in Protocol Buffers
_FIXED64 = 1
_BYTES = 2
_FIXED32 = 5


def read_model(path: str, place: str) -> bytes:
    """The bytes of a regular file, which messages call `place`.

    Raises: `ModelFileError` if it is none, or too large.
    """
    try:
        return read_regular(path, LARGEST)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelFileError(
            "{place}: {reason}; give a model that pellucid export wrote", place, reason
        ) from error


def require_plain(content: bytes) -> None:
    """Refuse bytes that are no plain ONNX graph.

    Raises: `ValueError` with what was found.
    """
    view, counts, fields = memoryview(content), Counter[str](), 0
    waiting = [("model", 0, len(view))]
    while waiting:
        name, start, end = waiting.pop()
        counts[name] += 1
        for number, value in _fields(view, start, end):
            fields += 1
            if fields > _MOST_FIELDS or counts["node"] > _MOST_NODES:
                raise ValueError(
                    Sentence(
                        "more than {MOST_NODES:,} operators, or {MOST_FIELDS:,} fields",
                        _MOST_NODES,
                        _MOST_FIELDS,
                    )
                )
            _require_known(name, number, value, view)
            if isinstance(value, tuple) and number in _MESSAGES[name][0]:
                waiting.append((_MESSAGES[name][0][number], *value))
    if counts["graph"] != 1:
        raise ValueError("it holds more than one graph" if counts["graph"] else "it holds no graph")


def _require_known(name: str, number: int, value: int | tuple[int, int], view: memoryview) -> None:
    """Refuse a field of a message `name` that no export holds."""
    inner, refused = _MESSAGES[name]
    if number in refused:
        raise ValueError(Sentence("it holds {refused}", refused[number]))
    if (name, number) == _DATA_LOCATION and value != 0:
        raise ValueError("it holds data in another file")
    if not isinstance(value, tuple):
        if number in inner:
            raise ValueError(Sentence("field {number} of a {name} is no message", number, name))
    elif (name, number) in (_OPERATOR, *_DOMAINS):
        text = bytes(view[slice(*value)][:40]).decode("utf-8", "replace")
        if (name, number) == _OPERATOR and text not in _OPERATORS:
            raise ValueError(Sentence("the operator {text!r}, which is not computed", text))
        if (name, number) in _DOMAINS and text not in ("", "ai.onnx"):
            raise ValueError(Sentence("operators of {text!r}", text))


def _fields(view: memoryview, start: int, end: int) -> Iterator[tuple[int, int | tuple[int, int]]]:
    """Number of each field of a message, and its value, or where its bytes begin and end.

    Raises: `ValueError` if the bytes are no fields.
    """
    at = start
    while at < end:
        key, at = _varint(view, at, end)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(view, at, end)
            yield number, value
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
            yield number, 0
        elif kind == _BYTES:
            size, at = _varint(view, at, end)
            yield number, (at, at + size)
            at += size
        else:
            raise ValueError("it is no ONNX file")
        if at > end:
            raise ValueError("it is cut short")


def _varint(view: memoryview, at: int, end: int) -> tuple[int, int]:
    """A whole number of variable length, and where it ends."""
    value = shift = 0
    while at < end and shift < 64:
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("it is cut short, or no ONNX file")

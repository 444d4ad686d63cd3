"""Program of the processes that answer requests: what a request and a model's file hold is untrusted.

It takes the content of the files, limits itself for good, opens them, and answers one request after another:
images are decoded and texts encoded here, by the code of `predict`, and the reply is ready to be sent. A
request has a budget of processor time and of pixels, whatever it holds; one that turns out to be long is
given up as a short one, and comes back among the long ones.
"""

import base64
import binascii
import codecs
import contextlib
import dataclasses
import gc
import importlib
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.answering.answers import Answer, rows_of
from pellucid.answering.decisions import Decisions, PredictOptions
from pellucid.answering.incoming import Block
from pellucid.confined.onnx_files import LARGEST
from pellucid.confined.onnx_worker import (
    STACK_BYTES,
    WEIGHTS,
    Feed,
    memory_limit,
    seconds_limit,
    watch_memory,
)
from pellucid.data.images.decoding import DECODING, TooManyPixels, quiet_pillow
from pellucid.data.sources.values import text_or_reason
from pellucid.data.tables.table import Joined
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.insight.occlusion import ImagePieces, WordPieces, occlusion
from pellucid.language.sentence import Sentence
from pellucid.runtime.exported import ExportedModel, Inputs, Session, opened
from pellucid.safety.budgets import PIXELS, REQUEST_INPUTS
from pellucid.safety.isolation import Channel, answer_parent, begin_job, confine, image_memory
from pellucid.safety.strict import parse
from pellucid.serving.by_target import SERVED

_PLACES = 6
# Of a short request: seconds of processor time, of one step of it that cannot be stopped from within, and
# pixels in colour. A photograph of 12 megapixels takes a tenth of a second; JPEGs of many scans take as
# much for each.
_SHORT_SECONDS = 0.5
_SHORT_STEP = 2.0
_SHORT_PIXELS = 16_000_000
_SHORT_SCANS = 20
_SCAN = b"\xff\xda"  # begins each scan of a JPEG
_BYTES_OF_A_PIXEL = 9  # while it is decoded, in colour
# Of texts as arrays and of JSON; Python loads a module for each where it is first used.
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-32-le", "latin-1", "ascii")

# Of what a request may ask for, by the name of the one input and that of several.
_TEXTS = ("text", "texts")
_IMAGES = ("image", "images")
_VALUES = ("value", "values")


class Refused(Exception):
    """A request that cannot be answered: the status of the reply, and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class IsLong(DataError):
    """A short request that turns out to be long; a `DataError`, which decoders hand on as it is."""


class Spent(DataError):
    """A request whose budget is spent, with what to do."""


class RequestBudget:
    """What one request may cost: processor time, and memory of its images while they are decoded."""

    def __init__(self) -> None:
        self._begin(is_long=True)

    def begin(self, *, is_long: bool) -> None:
        """Begin to answer a request, as a short or a long one."""
        self._begin(is_long=is_long)
        self.before_image()

    def _begin(self, *, is_long: bool) -> None:
        self.is_long = is_long
        self._seconds = seconds_limit(1) if is_long else _SHORT_SECONDS
        self._end = time.process_time() + self._seconds
        self._bytes, self._most = 0, _BYTES_OF_A_PIXEL * (PIXELS.value() if is_long else _SHORT_PIXELS)

    @property
    def left(self) -> float:
        """Seconds of processor time that are left."""
        return self._end - time.process_time()

    def before_image(self) -> None:
        """Limit what comes: one image cannot be stopped from within."""
        begin_job(max(1.0, self.left) if self.is_long else _SHORT_STEP)

    def require_time(self) -> None:
        """Refuse to go on.

        Raises: `IsLong` or `Spent`, if no time is left.
        """
        if self.left <= 0:
            if not self.is_long:
                raise IsLong
            raise Spent(
                "this request has taken its {seconds:g} seconds of processor time; send fewer inputs "
                "at a time",
                self._seconds,
            )

    def take(self, size: int) -> None:
        """Take memory for an image that is about to be decoded; the first one of a request is always decoded.

        Raises: `IsLong` or `Spent`, if those before it have taken too much.
        """
        before, self._bytes = self._bytes, self._bytes + size
        if self._bytes <= self._most or (self.is_long and not before):
            return
        if not self.is_long:
            raise IsLong
        self._bytes = before
        raise Spent(
            "not decoded: the images of one request may take {most:,.0f} MB while they are "
            "decoded; send fewer at a time",
            self._most / 1000000.0,
        )


class Asked(NamedTuple):
    """Inputs of a request: what can be used, and a reason with a status for each that cannot."""

    inputs: Inputs
    errors: list[str]  # empty where an input can be used
    statuses: list[int]
    warnings: list[str]  # one for each input; empty where nothing was left out
    is_one: bool


@dataclasses.dataclass
class _Limited:
    """A session that computes within the budget of a request: each batch has the processor time of one."""

    session: Session
    seconds: int
    budget: RequestBudget
    seconds_of_one: float = 0.0  # that an input took, the last time

    def run(self, outputs: Sequence[str], feeds: Iterable[Feed]) -> Iterator[list[np.ndarray]]:
        """Outputs by their names, of each batch.

        Raises: `IsLong` or `Spent`, if no time is left for it.
        """
        for feed in feeds:
            count = len(next(iter(feed.values())))
            # The first batch of a short request may hold all of its inputs.
            if not self.budget.is_long and count > 1 and count * self.seconds_of_one > self.budget.left:
                raise IsLong
            self.budget.require_time()
            began = time.process_time()
            begin_job(self.seconds)
            yield from self.session.run(outputs, [feed])
            self.seconds_of_one = (time.process_time() - began) / max(1, count)


class Answering:
    """A model that answers requests."""

    def __init__(self, content: bytes, place: str, budget: RequestBudget | None = None) -> None:
        model = opened(content, place, 1)
        self._budget = budget or RequestBudget()
        about: dict[str, Any] = model.session.about  # type: ignore[attr-defined]
        self.about = about
        limited = dataclasses.replace(model, session=_Limited(model.session, seconds_limit(1), self._budget))
        self.model: ExportedModel = limited
        self._width = about["inputs"]["values"][1][1] if "values" in about["inputs"] else 0
        with_all = PredictOptions(probabilities=bool(model.classes))
        self._decisions = Decisions(limited, with_all, place)

    def predict(self, kind: str, content: bytes) -> tuple[dict[str, Any], bytes]:
        """What the server counts of the answers about a request, and the body of the reply.

        Raises: `Refused` where there is none.
        """
        asked = self._read(kind, content)
        rows = self._rows(asked)
        warned = zip(rows, asked.warnings, strict=True)
        found = [self._answer(row) | ({"warning": words} if words else {}) for row, words in warned]
        counted = {
            "labels": [row.label for row in rows if not row.error],
            "novelty": [row.novelty for row in rows if not row.error and row.novelty is not None],
            "inputs": len(rows),
        }
        if not asked.is_one:
            return counted, _json({"answers": found})
        if rows[0].error:
            raise Refused(asked.statuses[0] or 422, rows[0].error)
        return counted, _json(found[0])

    def explain(self, kind: str, content: bytes) -> tuple[dict[str, Any], bytes]:
        """As `predict`, of one input: how much its answer falls without each of its pieces.

        Raises: `Refused` where there is no answer, or it cannot be cut into pieces.
        """
        asked = self._read(kind, content)
        if not asked.is_one:
            raise Refused(422, "explain takes one input; send it by itself")
        if self.model.input_kind.name == "values":
            raise Refused(422, "explain cuts images and texts into pieces, and this model takes numbers")
        (row,) = self._rows(asked)
        if row.error:
            raise Refused(asked.statuses[0] or 422, row.error)
        target, name = None, None
        if self.model.classes:
            target = int(np.argmax([each or 0.0 for each in row.probabilities]))
            name = self.model.classes[target]
        pieces: ImagePieces | WordPieces
        if isinstance(asked.inputs, np.ndarray):
            pieces = ImagePieces(self.model, asked.inputs[0], target)
            described: dict[str, Any] = {"rows": pieces.shape[0], "columns": pieces.shape[1]}
        else:
            pieces = WordPieces(self.model, asked.inputs[0], target)
            described = {"pieces": pieces.words}
        count = int(np.prod(pieces.shape))
        scores = occlusion(pieces).round(_PLACES)
        whole, nothing = pieces.ask(np.array([[True] * count, [False] * count])).tolist()
        found = {
            **self._answer(row),
            "method": "occlusion",
            "explained": name,
            "score": whole,
            "baseline": nothing,
            **described,
            "scores": scores.reshape(pieces.shape).tolist(),
        }
        counted: dict[str, Any] = {"labels": [], "novelty": [], "inputs": 1}
        return counted, _json(found)

    def _rows(self, asked: Asked) -> list[Answer]:
        block = Block([""] * len(asked.errors), asked.inputs, asked.errors)
        return rows_of(self._decisions, block).rows

    def _answer(self, row: Answer) -> dict[str, Any]:
        """An answer as clients get it."""
        if row.error:
            return {"error": row.error}
        model = self.model
        found: dict[str, Any] = {"label": row.label}
        if model.classes:
            found |= SERVED[model.target].also(row.label)
            found["probability"] = row.probability
            found["probabilities"] = dict(zip(model.classes, row.probabilities, strict=True))
        if row.novelty is not None and model.novelty_rate is not None:
            found["novelty"] = row.novelty
            found["unfamiliar"] = row.novelty > 1 - model.novelty_rate
        return found

    def _read(self, kind: str, content: bytes) -> Asked:
        """Inputs of a request whose body is an `image` or `json`.

        Raises: `Refused` if it holds none that the model takes.
        """
        takes = self.model.input_kind.name
        if kind == "image":
            if takes != "images":
                raise Refused(415, Sentence("this model takes {takes}; send them as JSON", takes))
            return self._images([content], is_one=True)
        one, several = {"images": _IMAGES, "texts": _TEXTS, "values": _VALUES}[takes]
        try:
            found = parse(content)
        except ValueError as error:
            raise Refused(400, Sentence("no JSON: {error}", error)) from error
        if not isinstance(found, dict) or len(found) != 1 or not found.keys() <= {one, several}:
            raise Refused(
                422,
                Sentence('an object is expected with "{one}" or "{several}" and nothing else', one, several),
            )
        is_one = one in found
        values = [found[one]] if is_one else found[several]
        if not isinstance(values, list) or not 1 <= len(values) <= REQUEST_INPUTS:
            raise Refused(
                422,
                Sentence("{several}: a list of 1 to {REQUEST_INPUTS} is expected", several, REQUEST_INPUTS),
            )
        if takes == "texts":
            return self._texts(values, is_one=is_one)
        if takes == "values":
            return self._vectors(values, is_one=is_one)
        return self._images(map(_decoded, values), is_one=is_one)

    def _images(self, contents: Iterable[bytes | str], *, is_one: bool) -> Asked:
        """Images from the bytes of their files; a text is the reason why there are none."""
        preprocessing = self.model.preprocessing
        assert preprocessing is not None
        fitted, errors, statuses, warnings = [], [], [], []
        for each in contents:
            error, status, warning = each if isinstance(each, str) else "", 422, None
            if isinstance(each, bytes):
                try:
                    self._budget.require_time()
                    self._budget.before_image()
                    if not self._budget.is_long and each.count(_SCAN) > _SHORT_SCANS:
                        raise IsLong
                    pixels, warning = preprocessing.image_and_warning(each)
                    fitted.append(pixels)
                except IsLong:
                    raise
                except DataError as refused:
                    error, status = str(refused), _status(refused)
            errors.append(error)
            statuses.append(status if error else 0)
            warnings.append(warning or "")
        shape = (0, *preprocessing.size, preprocessing.channels)
        arrays = np.stack(fitted) if fitted else np.zeros(shape, np.uint8)
        return Asked(arrays, errors, statuses, warnings, is_one)

    def _texts(self, values: Sequence[Any], *, is_one: bool) -> Asked:
        """Texts, or objects of the columns that the model reads as one."""
        columns = self.model.joined_columns
        texts, errors = [], []
        for value in values:
            if isinstance(value, dict) and columns:
                unknown = sorted(value.keys() - set(columns))
                text, error = text_or_reason(Joined(columns, tuple(value.get(name) for name in columns)))
                error = Sentence("has no column {unknown!r} in this model", unknown[0]) if unknown else error
            elif isinstance(value, str):
                text, error = text_or_reason(value)
            else:
                text, error = "", "is no text"
            errors.append(error)
            if not error:
                texts.append(text)
        return Asked(texts, errors, [422 * bool(each) for each in errors], [""] * len(errors), is_one)

    def _vectors(self, values: Sequence[Any], *, is_one: bool) -> Asked:
        """Vectors of as many numbers as the model takes."""
        rows: list[list[float]] = []
        errors: list[str] = []
        # A model of no features, which answers the most frequent class, takes vectors of any one length.
        width = self._width or next((len(value) for value in values if isinstance(value, list)), 0)
        for value in values:
            is_vector = isinstance(value, list) and len(value) == width
            if is_vector and all(
                isinstance(each, (int, float)) and not isinstance(each, bool) for each in value
            ):
                rows.append(value)
                errors.append("")
            else:
                errors.append(Sentence("is no list of {width} numbers", width))
        with np.errstate(over="ignore"):
            arrays = np.asarray(rows, np.float64).reshape(len(rows), width).astype(np.float32)
        arrays = arrays[:, : self._width]
        return Asked(arrays, errors, [422 * bool(each) for each in errors], [""] * len(errors), is_one)


def _decoded(value: object) -> bytes | str:
    """The bytes of an image in base64, or the reason why there are none."""
    if not isinstance(value, str):
        return "is no text in base64"
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return "is no text in base64"


def _status(error: DataError) -> int:
    """Status of a reply about an image that cannot be read."""
    return 413 if isinstance(error, (TooManyPixels, Spent)) else 400


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def main() -> None:
    """Answer what the parent asks until it is gone."""
    answer_parent(_serve, LARGEST)


def _serve(channel: Channel) -> None:
    from PIL import Image

    # They open files of their own, which they may no longer do below.
    for library in ("onnxruntime", "tokenizers", "encodings.utf_32_le"):
        with contextlib.suppress(ImportError):  # of which opening a model speaks
            importlib.import_module(library)
    Image.init()
    for encoding in _ENCODINGS:
        codecs.lookup(encoding)
    loading = channel.receive()
    if loading is None:
        return
    names, lengths, contents = loading[0]["names"], loading[0]["lengths"], memoryview(loading[1])
    weights = WEIGHTS * len(contents) + STACK_BYTES
    memory = max(image_memory(), memory_limit()) + weights
    if "the memory" in confine(may_open=False, memory=memory):
        threading.Thread(target=watch_memory, args=(memory,), daemon=True).start()
    models: dict[str, Answering] = {}
    budget = RequestBudget()
    DECODING.asked = budget.take
    at = 0
    try:
        for name, length in zip(names, lengths, strict=True):
            begin_job(seconds_limit(1))
            models[name] = Answering(bytes(contents[at : at + length]), loading[0]["places"][name], budget)
            at += length
    except (ModelFileError, UsageError) as error:
        channel.send({"refused": str(error), "code": error.exit_code})
        return
    del contents, loading
    gc.freeze()  # nothing of all this is garbage, and a search through it would delay answers
    channel.send({"about": {name: each.about for name, each in models.items()}})
    # Once for all: silencing anew for each image takes as long as decoding a small one.
    quiet_pillow().__enter__()
    while (asked := channel.receive()) is not None:
        _answer_one(channel, models, budget, *asked)


def _answer_one(
    channel: Channel,
    models: Mapping[str, Answering],
    budget: RequestBudget,
    message: dict[str, Any],
    content: bytes,
) -> None:
    """Answer one request, or say why there is no answer."""
    model = models[message["model"]]
    answer = model.explain if message["job"] == "explain" else model.predict
    budget.begin(is_long=message["is_long"])
    try:
        counted, body = answer(message["kind"], content)
        channel.send({"status": 200, **counted}, body)
    except IsLong:
        channel.send({"is_long": True})
    except Spent as spent:
        channel.send({"status": 422}, _json({"error": str(spent)}))
    except Refused as refused:
        channel.send({"status": refused.status}, _json({"error": str(refused)}))
    except ModelFileError as error:  # onnxruntime cannot compute it
        channel.send({"status": 422}, _json({"error": str(error)}))


if __name__ == "__main__":
    main()

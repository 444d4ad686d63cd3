"""A trained model as a folder with its model card, whole or not at all."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.rounding import figure
from pellucid.bundle.average_models import AverageModel
from pellucid.bundle.by_target import IN_FOLDERS
from pellucid.bundle.format import (
    CARD_NAME,
    FILE_NAME,
    HELD_OUT_NAME,
    MEMBERS_NAME,
    NETWORK,
    NOVELTY_NAME,
    PREDICTOR,
    TFIDF,
    WEIGHTS_NAME,
    Description,
    EncodingPlan,
    MemberPlan,
    ModelKind,
    PredictorPlan,
    pack,
)
from pellucid.bundle.generator_models import AdversarialModel, AutoencoderModel, Generator
from pellucid.bundle.model import Model
from pellucid.bundle.models import ClassicalModel, FeatureModel, ImageModel, TextModel
from pellucid.classical import Predictor
from pellucid.encoding import Encoder
from pellucid.encoding.tfidf import Tfidf
from pellucid.errors import DivergedError
from pellucid.input_kinds import TEXTS, VALUES
from pellucid.language.catalogue import translated, translated_form
from pellucid.language.sentence import Sentence, join
from pellucid.networks import Network
from pellucid.networks.closed_encoders import CONTENT, ENCODER_NAME
from pellucid.networks.config import Latent
from pellucid.safety.files import write_folder


class Parts(NamedTuple):
    """Parts of a model that its description only names."""

    network: Network | None = None
    predictor: Predictor | None = None
    encoding: Encoder | Tfidf | None = None


def parts_of(model: Model) -> Parts:
    """The parts of a model; those of an average are its members'.

    Raises: `TypeError` if it is a model of someone else's, which cannot be saved.
    """
    if isinstance(model, AverageModel):
        return Parts()
    if isinstance(model, ClassicalModel):
        encoding = model.tfidf if model.encoder is None else model.encoder
        return Parts(model.network, model.predictor, encoding)
    if isinstance(model, TextModel):
        return Parts(model.network, None, model.encoder)
    if isinstance(model, (ImageModel, FeatureModel, Generator)):
        return Parts(model.network)
    raise TypeError(f"model: {type(model).__name__} cannot be saved; only models of pellucid.bundle can")


def vector_length(model: Model) -> int | None:
    """Length of the feature vectors that a model takes; 0 where any will do, `None` where none are taken."""
    if isinstance(model, FeatureModel):
        return model.features
    return model.length if isinstance(model, ClassicalModel) and model.input_kind is VALUES else None


def save(
    model: Model, folder: Path, facts: Mapping[str, Any], saved: Mapping[str, Path] | None = None
) -> None:
    """Write a model folder; equal weights give equal bytes of `weights.safetensors`.

    The parent of `folder` must exist; a former folder is replaced as a whole. `facts` are what the model card
    states besides the model itself, such as training examples or test accuracy: names in words to texts or
    numbers, in the order to show. `saved` are folders in which members of an average are saved already, by
    their names; their files are linked where that is possible.

    Raises: `TypeError` if the model is none of this package's, `DivergedError` if a weight is not finite
    (nothing is written), `StorageError` if the disk is full or permission is denied (the former folder
    stays).
    """
    if not isinstance(model, AverageModel):
        write_folder(folder, _files_of_one(model, folder, facts))
        return
    contents: dict[str, bytes] = {}
    linked: dict[str, Path] = {}
    members = []
    for name, weight, member in model.members:
        place = f"{MEMBERS_NAME}/{name}"
        if saved and name in saved:
            linked |= {f"{place}/{file.name}": file for file in sorted(saved[name].iterdir())}
            description = (saved[name] / FILE_NAME).read_bytes()
        else:
            files = _files_of_one(member, folder, {})
            contents |= {f"{place}/{file}": content for file, content in files.items()}
            description = files[FILE_NAME]
        members.append(MemberPlan(name, weight, hashlib.sha256(description).hexdigest()))
    write_folder(folder, {**contents, **_described(model, {}, facts, tuple(members))}, linked)


def _files_of_one(model: Model, folder: Path, facts: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a model by name."""
    network, predictor, encoding = parts_of(model)
    tensors = {} if network is None else dict(network.state_dict())
    if predictor is not None:
        of_tfidf = encoding.arrays() if isinstance(encoding, Tfidf) else {}
        tensors = {
            **{NETWORK + name: tensor for name, tensor in tensors.items()},
            **_as_tensors(predictor.arrays(), PREDICTOR),
            **_as_tensors(of_tfidf, TFIDF),
        }
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise DivergedError(
                "{folder}: the weights {name!r} are not finite; nothing was saved", folder, name
            )
    contents: dict[str, bytes] = {}
    for name in [name for name in tensors if name.endswith(CONTENT)]:
        contents[ENCODER_NAME] = tensors.pop(name).numpy(force=True).tobytes()
    contents[WEIGHTS_NAME] = pack(tensors)
    if encoding is not None:
        contents[EncodingPlan.of(encoding).file] = encoding.content()
    return _described(model, contents, facts)


def _as_tensors(arrays: Mapping[str, np.ndarray], prefix: str = "") -> dict[str, Tensor]:
    """Arrays as tensors in memory of their own, a prefix before each name."""
    return {prefix + name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def _described(
    model: Model,
    contents: Mapping[str, bytes],
    facts: Mapping[str, Any],
    members: tuple[MemberPlan, ...] = (),
) -> dict[str, bytes]:
    """Files with those that every model has, and last the description that seals them."""
    contents = {**contents, CARD_NAME: model_card(model, facts).encode()}
    if model.detector is not None:
        contents[NOVELTY_NAME] = pack(_as_tensors(model.detector.arrays()))
    if model.held_out is not None:
        contents[HELD_OUT_NAME] = pack(_as_tensors(model.held_out.arrays()))
    network, predictor, encoding = parts_of(model)
    is_average, is_classical = isinstance(model, AverageModel), isinstance(model, ClassicalModel)
    description = Description(
        kind=ModelKind(model.input_kind, model.target, is_classical, is_average).name,
        architecture=None if network is None else network.config,
        predictor=None if predictor is None else PredictorPlan(predictor.kind, predictor.to_json()),
        features=model.features if isinstance(model, ClassicalModel) else None,
        preprocessing=model.preprocessing if encoding is None else EncodingPlan.of(encoding),
        length=vector_length(model),
        classes=model.classes,
        temperature=model.temperature,
        mirror=isinstance(model, ImageModel) and model.mirror,
        novelty=None if model.detector is None else model.detector.to_json(),
        held_out=None if model.held_out is None else model.held_out.to_json(),
        joined_columns=model.joined_columns,
        dialect=model.dialect,
        ignored=model.ignored,
        renamed=model.renamed,
        threshold=model.threshold,
        origin=None if network is None else network.origin,
        members=members,
        sha256={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    )
    return {**contents, FILE_NAME: description.to_bytes()}


# The model card: what a model is, in words.

_CLASSES_SHOWN = 50
# Facts whose values are the user's own words.
_NAMED = frozenset({"trained on"})
_COLOURS = {1: "grey", 3: "colour"}
_FEATURES = {
    "pixels": "pixels",
    "hog": "histograms of oriented gradients (HOG)",
    "values": "the values as they are",
    "tf-idf": "how often {title} occur in the text and how rare they are (TF-IDF), {count:,} of them",
    "network": "the last hidden layer of a {network} network, which lies in this folder",
}
_COMMANDS = {
    "images": "or `pellucid predict path/to/this/folder image.png`. ",
    "texts": "or `pellucid predict path/to/this/folder text.txt`. ",
    "values": "",
}
_GENERATE = "or `pellucid generate path/to/this/folder --count 64 --out images/`. "


def model_card(model: Model, facts: Mapping[str, Any]) -> str:
    """Write the model card in Markdown, in which every name from the data is plain text.

    `facts` are names in words to texts or numbers, in the order to show.
    """
    members = [each.model for each in model.members] if isinstance(model, AverageModel) else [model]
    parts = [parts_of(each) for each in members]
    origins = [each.network.origin for each in parts if each.network is not None]
    rows = {
        "model" if isinstance(model, (ClassicalModel, AverageModel)) else "network": model.name,
        "parameters": f"{model.parameters:,}",
        "input": _input(model),
        **_features(model),
        **_output(model),
        **_validation_facts(model),
        **{name: fact for each in origins if each is not None for name, fact in each.facts().items()},
        **facts,
    }
    shown = {
        name: _shown(value) if name in _NAMED else translated(_shown(value)) for name, value in rows.items()
    }
    lines = [
        f"| {plain_text(translated(str(name)))} | {plain_text(value)} |" for name, value in shown.items()
    ]
    plans = [EncodingPlan.of(each.encoding) for each in parts if each.encoding is not None]
    files = sorted({f"`{plan.file}`" for plan in plans if plan.holds_words})
    words = ""
    if files:
        named, passed = join(" and ", files), "whoever passes this folder on passes them on too."
        said = Sentence("Words of the training texts are in {named}: {passed}", named, passed)
        if isinstance(model, AverageModel):
            said = Sentence(
                "Words of the training texts are in {named} of its members: {passed}", named, passed
            )
        words = f"\n{translated(said)}\n"
    command = _GENERATE if isinstance(model, Generator) else _COMMANDS[model.input_kind.name]
    return translated_form(_CARD).format(
        kind=translated(IN_FOLDERS[model.target].words(model.input_kind)),
        table="\n".join(lines),
        answers=_answers(model),
        command=translated(command),
        words=words,
    )


def _input(model: Model) -> str:
    if model.input_kind is TEXTS:
        encoding = parts_of(model).encoding
        if encoding is None or isinstance(encoding, Tfidf):
            return "one text, of any length"
        return Sentence(
            "one text, of which the first {length:,} {noun} are read",
            encoding.length,
            EncodingPlan.of(encoding).noun,
        )
    image = model.preprocessing
    if image is None:
        length = vector_length(model)
        return (
            Sentence("a vector of {length:,} numbers", length)
            if length
            else "a vector of numbers, of any length"
        )
    return Sentence(
        "one image, brought to {height} x {width} pixels, {COLOURS}",
        image.height,
        image.width,
        _COLOURS[image.channels],
    )


def _features(model: Model) -> dict[str, str]:
    """Features of a classical model, pieces of a text, mirroring of an image, or members of an average."""
    if isinstance(model, AverageModel):
        whole = sum(model.weights)
        names = ", ".join(f"{each.name} {each.weight}/{whole}" for each in model.members)
        return {"members": Sentence("{names}, the weights in their mean, each in the folder members", names)}
    if isinstance(model, ImageModel):
        return {"mirroring": "answers are averaged with the mirrored image's" if model.mirror else "none"}
    if not isinstance(model, (ClassicalModel, TextModel)):
        return {}
    found: dict[str, str] = {}
    if isinstance(model, ClassicalModel):
        if not model.predictor.inputs:
            return {"features": "none: it looks at nothing"}
        values: tuple[object, ...] = () if model.network is None else (model.network.name,)
        if model.tfidf is not None:
            values = EncodingPlan.of(model.tfidf).title, model.tfidf.features
        found["features"] = Sentence(_FEATURES[model.features], *values)
    if model.encoder is not None:
        plan = EncodingPlan.of(model.encoder)
        found[plan.noun] = Sentence(
            "{title}; {vocabulary:,} different ones", plan.title, model.encoder.vocabulary
        )
    return found


def _output(model: Model) -> dict[str, str]:
    """What comes out; of a generator also what images are made of, and how far their grey levels spread."""
    if isinstance(model, Generator):
        height, width, channels = model.shape
        found: dict[str, str] = {
            "output": Sentence(
                "new images of {height} x {width} pixels, {COLOURS}", height, width, _COLOURS[channels]
            )
        }
        if isinstance(model, AdversarialModel):
            found["made of"] = Sentence(
                "{latent:,} noise values, by the averaged generator", model.network.latent
            )
        elif isinstance(model, AutoencoderModel):
            spread = float(model.network.variance.sqrt())
            found["likelihood"] = Sentence(
                "{likelihood}: normal, with one standard deviation for all pixels, {spread:.3g} grey levels",
                model.network.config.layers(Latent).likelihood,
                spread,
            )
            found["latent variables"] = f"{model.network.latent:,}"
        return found
    return IN_FOLDERS[model.target].output(model)


def _validation_facts(model: Model) -> dict[str, str]:
    """Sentences about the detector of inputs unlike the training data, and about held-out answers."""
    found, detector, held_out = dict[str, str](), model.detector, model.held_out
    if detector is not None:
        found["unlike the training data"] = Sentence(
            "given for each input as a number from 0 to 1, the share of "
            "{examples:,} validation examples that look less foreign; what lies above "
            "{threshold:g} deserves doubt, as do {rate:g} % of inputs like the "
            "training data",
            detector.examples,
            detector.threshold,
            100 * detector.rate,
        )
    if held_out is not None:
        of_test = "" if held_out.test is None else Sentence(" and {test:,} test examples", len(held_out.test))
        found["held-out answers"] = Sentence(
            "labels of {held_out:,} validation examples{of_test} and the model's answers to them, for "
            "the thresholds of --max-error and --sets; none of the inputs",
            len(held_out),
            of_test,
        )
    return found


def _answers(model: Model) -> str:
    """The classes, or what the numbers are, with mean and spread of the training labels where known."""
    own = IN_FOLDERS[model.target]
    if not model.classes:
        return _section(*own.section(model))
    lines = [f"- {plain_text(name)}{own.behind(model, name)}" for name in model.classes[:_CLASSES_SHOWN]]
    if len(model.classes) > _CLASSES_SHOWN:
        more = Sentence("and {classes} more, listed in `model.json`", len(model.classes) - _CLASSES_SHOWN)
        lines.append(f"- {translated(more)}")
    return _section(model.target.nouns.capitalize(), "\n".join(lines))


def _section(title: str, content: str) -> str:
    return f"## {translated(title)}\n\n{content}"


def plain_text(text: str) -> str:
    """Escape a text so that Markdown and HTML show it as it is, on one line."""
    one_line = re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", " ", text)
    html = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~$:@.-])", r"\\\1", html)


def _shown(value: Any) -> str:
    """A value for people: three significant figures for numbers with fractions."""
    if isinstance(value, float):
        return figure(value)
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else str(value)


_CARD = """\
# Model card

{kind} trained with Pellucid.

| Fact | Value |
|---|---|
{table}

{answers}

## Intended use

Not stated. Whoever passes this model on writes it into a file `INTENDED_USE.md` beside this one:
what it is for, what it is not for, and where its training examples came from. (This file is
covered by a checksum; a model folder whose files were changed is refused.)

## How to use it

```python
import pellucid

model = pellucid.load("path/to/this/folder")
```

{command}Nothing in this folder can run code.
{words}"""

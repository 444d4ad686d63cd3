"""Explanation of one answer: a model opened on one input, a classifier or a network that makes images."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from pellucid.arithmetic import softmax
from pellucid.bundle import (
    AdversarialModel,
    AutoencoderModel,
    AverageModel,
    ClassicalModel,
    FeatureModel,
    Generator,
    ImageModel,
    Inputs,
    Model,
    TextModel,
)
from pellucid.bundle.model import require_images
from pellucid.bundle.models import OnNetwork
from pellucid.data.wording import quoted, some
from pellucid.encoding import Encoder, WordPieceEncoder
from pellucid.encoding.encoder import FIRST
from pellucid.errors import ModelFileError
from pellucid.insight.attribution import Attributions, attributions_of_image, attributions_of_text, ids_of
from pellucid.insight.contributions import contributions_of
from pellucid.insight.explanation import Explanation, Mean, Term
from pellucid.insight.generator_programs import CLASS, MADE, NOISE, adversarial_program, autoencoder_program
from pellucid.insight.generator_terms import CONTEST_SEED as CONTEST_SEED
from pellucid.insight.generator_terms import LATENT_SEED, bounds_by_class, contest_of, latents_of, noise_for
from pellucid.insight.gradients import Backward, WeightCheck, WeightChecker, go_back
from pellucid.insight.input_pieces import TokenPieces, WordPieces
from pellucid.insight.layer_records import cost_of, layer_records
from pellucid.insight.opened_networks import Opened, one_thread, open_network, open_program
from pellucid.insight.reference_lines import CLOSED
from pellucid.insight.unfolded_layers import Program, one_hot
from pellucid.reference import Line
from pellucid.tasks import VALUES

# Explanation of one image by a network that makes images: an autoencoder, or a generator's adversary.


def explain_autoencoder(
    model: AutoencoderModel,
    image: UInt8[np.ndarray, "1 height width channels"],
    target: int | None = None,
    truth: int | None = None,
) -> Explanation:
    """Open an autoencoder on one image: encoder, draw, decoder, and the bound; checks are still to be made.

    The image is opened as of the class `target`, by default the true one, or where that is not known the one
    of the highest bound.
    """
    bounds = bounds_by_class(model, image)
    best = (bounds[0][0], "its bound is highest") if bounds else (0, "")
    label, why = _label(model, best, target, truth)
    program = autoencoder_program(model.network, label)
    opened = _opened(program, model, image, label, {NOISE: noise_for(model)})
    backward = go_back(program, opened, None)
    latents = latents_of(model, image, bounds, label, opened, backward)
    note = (
        f"The latent numbers are drawn by noise of seed {LATENT_SEED}, and everything behind them is opened "
        "for this one draw."
    )
    found = _explanation(model, image, label, program, opened, backward)
    return dataclasses.replace(
        found, answer=np.array([-latents.loss]), truth=truth, latents=latents, notes=(*why, note)
    )


def explain_adversarial(
    model: AdversarialModel,
    image: UInt8[np.ndarray, "1 height width channels"],
    target: int | None = None,
    truth: int | None = None,
) -> Explanation:
    """Open generator and discriminator: a given image beside a made one, and both losses.

    The image is opened as of the class `target`, by default the true one, or where that is not known the one
    that the discriminator scores highest. The checks of the explanation are still to be made.
    """
    # Class of the highest score, and the words for that; the first where there are none.
    turns = np.arange(max(1, len(model.classes)), dtype=np.int64)
    scores = model.scores(np.repeat(image, len(turns), axis=0), turns)
    label, why = _label(model, (int(scores.argmax()), "the discriminator scores it highest"), target, truth)
    noise = model.noise(1, CONTEST_SEED)
    with torch.inference_mode():
        made = model.network.made(torch.from_numpy(noise), torch.tensor([label])).numpy()
    program = adversarial_program(model.network, label)
    opened = _opened(program, model, image, label, {NOISE: noise, MADE: made})
    backward = go_back(program, opened, None)
    contest = contest_of(opened, backward, label, noise[0])
    notes = (
        f"The made image is made of noise of seed {CONTEST_SEED} by the averaged generator.",
        "The discriminator stands here three times with the same weights. In training a weight of it gets "
        "the sum of its gradients on the given and on the made image, and none on the way to the generator.",
    )
    found = _explanation(model, image, label, program, opened, backward)
    return dataclasses.replace(
        found, answer=np.array([contest.score]), truth=truth, contest=contest, notes=(*why, *notes)
    )


def _opened(
    program: Program,
    model: Generator,
    image: UInt8[np.ndarray, "1 height width channels"],
    label: int,
    given: Mapping[str, np.ndarray],
) -> Opened:
    """Open a program on an image of a class, and on what else it is given."""
    every = {
        "inputs": image.transpose(0, 3, 1, 2).astype(np.float32),
        CLASS: one_hot(label, model.network.config.conditions).numpy(),
        **given,
    }
    return open_program(program, {name: every[name] for name in program.given})


def _explanation(
    model: Generator,
    image: UInt8[np.ndarray, "1 height width channels"],
    label: int,
    program: Program,
    opened: Opened,
    backward: Backward,
) -> Explanation:
    """Parts that the explanations of all such networks have; the outcome is still to be filled in."""
    return Explanation(
        model=model.name,
        classes=model.classes,
        answer=np.zeros(1),
        target=label if model.classes else None,
        inputs=image[0],
        opened=opened,
        layers=layer_records(opened),
        backward=backward,
        checker=WeightChecker(program, opened, backward),
    )


def _label(
    model: Generator, best: tuple[int, str], target: int | None, truth: int | None
) -> tuple[int, tuple[str, ...]]:
    """Class that the image is opened as, and a sentence that says why.

    `best` is the class that fits best, and in which way.
    """
    if not model.classes:
        return 0, ()
    if target is not None:
        return target, (
            f"It is opened as an image of class {quoted(model.classes[target])}, as was asked for.",
        )
    if truth is not None:
        return truth, (f"It is opened as an image of its true class, {quoted(model.classes[truth])}.",)
    label, why = best
    return label, (
        f"Its class is not known, so it is opened as an image of {quoted(model.classes[label])}: of the "
        f"{len(model.classes)} classes {why}.",
    )


PROBABILITIES = "probabilities"

_MOST_NAMED = 6

# Numbers of a network that is large: of its weights as many are checked beforehand as time allows.
_LARGE = 3_000_000

_FEWEST_CHECKS, _MULTIPLY_ADDS_OF_CHECKS = 12, 40_000_000_000

# Of a small network; one of many layers asks all of them twice for each check.
_MOST_CHECKS = 100


def explain_model(
    model: Model,
    inputs: Inputs,
    target: int | None = None,
    truth: int | None = None,
    name: str | None = None,
) -> Explanation:
    """Open a model on one input; of an average what its members say, and the layers of one of them.

    Args:
        model: trained, of any kind.
        inputs: one image (1, height, width, channels) as the model takes it, one feature vector
            (1, length), or a list of one text.
        target: class that loss and explanations are about; by default explanations are about the most
            probable one, and the loss is against the true one, where that is known. A model that makes
            images is opened as of this class.
        truth: the true class; `None` where it is not known.
        name: that a run gives the model; by default what it says of itself.

    Returns:
        The explanation.

    Raises:
        ModelFileError: the model makes images in a way that is not opened.
        DataError: the input of a model that makes images is of another form.
    """
    with one_thread():
        found = (
            _of_generator(model, inputs, target, truth)
            if isinstance(model, Generator)
            else _explained(model, inputs, target, truth)
        )
        return dataclasses.replace(found, model=model.name if name is None else name)


def opened_model(model: Model) -> Model:
    """The member of an average whose layers are opened; any other model as it is.

    That is the heaviest with a network, or that network itself if it is a member; else the heaviest.
    """
    if not isinstance(model, AverageModel):
        return model
    members = [each.model for each in model.members]
    network = next((each.network for each in members if _has_network(each)), None)
    on_it = [each for each in members if network is not None and getattr(each, "network", None) is network]
    return next((each for each in on_it if isinstance(each, OnNetwork)), (on_it or members)[0])


def _has_network(model: Model) -> TypeGuard[OnNetwork | ClassicalModel]:
    return getattr(model, "network", None) is not None


def _mean_of(model: AverageModel, inputs: Inputs, target: int | None) -> Mean:
    """Terms of an average's answer."""
    whole, opened = sum(model.weights), opened_model(model)
    terms = [
        Term(
            name,
            weight,
            weight / whole,
            _answer(member, inputs),
            contributions_of(member, inputs, target) if isinstance(member, ClassicalModel) else None,
        )
        for name, weight, member in model.members
    ]
    names = [each.name for each in model.members if each.model is opened and _has_network(opened)]
    return Mean(tuple(terms), model.temperature, names[0] if names else "")


def _note_of_average(mean: Mean, *, has_gradients: bool) -> str:
    """Sentences on what is shown of an average."""
    members = some([each.name for each in mean.terms], _MOST_NAMED)
    what = "Layers, gradients and loss" if has_gradients else "Layers"
    layers = f"{what} are those of {mean.opened}. " if mean.opened else ""
    return (
        f"The answer is a weighted mean of what {members} say. {layers}Each of them is opened by itself "
        "with --model NAME."
    )


def _of_generator(model: Generator, inputs: Inputs, target: int | None, truth: int | None) -> Explanation:
    """Explanation of a model that makes images.

    Raises: `ModelFileError` if it is of a kind that is not opened; `DataError` of an image of another form.
    """
    if isinstance(model, AutoencoderModel):
        found = explain_autoencoder(model, require_images(inputs, model.preprocessing), target, truth)
    elif isinstance(model, AdversarialModel):
        found = explain_adversarial(model, require_images(inputs, model.preprocessing), target, truth)
    else:
        raise ModelFileError(
            f"model: {model.name} makes images in a way that is not opened; give a vae or gan"
        )
    assert found.checker is not None  # such networks have gradients
    assert found.opened is not None  # and layers
    return dataclasses.replace(found, checks=_checks(found.checker, found.opened))


def _explained(model: Model, inputs: Inputs, target: int | None, truth: int | None) -> Explanation:
    """Explanation of a model that predicts: its answer, drivers, contributions and layers."""
    answer = _answer(model, inputs)
    against = truth if target is None else target
    if not model.classes:
        target = against = truth = None
    else:
        target = int(answer.argmax()) if target is None else target
        against = target if against is None else against
    driven = _driven(model, inputs, target)
    shown = opened_model(model)
    opened = _network_of(shown, inputs, against)
    notes, contributions, mean = opened.pop("notes", ()), None, None
    if isinstance(model, AverageModel):
        mean = _mean_of(model, inputs, target)
        notes = (_note_of_average(mean, has_gradients="checker" in opened), *notes)
    if isinstance(shown, ClassicalModel):
        notes = (*notes, *_notes_of_classical(shown, is_opened="opened" in opened))
    if isinstance(model, ClassicalModel):
        contributions = contributions_of(model, inputs, target)
    return Explanation(
        model=model.name,
        classes=model.classes,
        answer=answer,
        target=target,
        truth=truth,
        inputs=inputs[0] if isinstance(inputs[0], str) else np.asarray(inputs[0]),
        driven=driven,
        contributions=contributions,
        mean=mean,
        notes=notes,
        **_pieces(shown, inputs, driven),
        **opened,
    )


def _driven(model: Model, inputs: Inputs, target: int | None) -> Attributions | None:
    """Drivers of the answer; none where every input has the same, and none of feature vectors."""
    if model.input_kind is VALUES or (
        isinstance(model, ClassicalModel) and model.predictor.kind == "constant"
    ):
        return None
    if isinstance(inputs[0], str):
        return attributions_of_text(model, inputs[0], target)
    return attributions_of_image(model, np.asarray(inputs[0]), target)


def _notes_of_classical(model: ClassicalModel, *, is_opened: bool) -> tuple[str, ...]:
    if model.predictor.kind == "constant":
        same = model.target.constant
        return (f"This model gives every input the same answer, {same}: it looks at nothing.",)
    if model.network is not None and is_opened:
        return (
            "The classical model takes the last hidden layer of the network, which is opened below up to "
            "there; the network's own head takes no part.",
        )
    return ()


def _answer(model: Model, inputs: Inputs) -> Float64[np.ndarray, " outputs"]:
    answer: np.ndarray = model.target.columns(model.target.ask(model, inputs))[0]
    return answer


def _pieces(model: Model, inputs: Inputs, driven: Attributions | None) -> dict[str, Any]:
    """Tokens that a network read of a text, and the pieces that explanations give numbers to."""
    if not isinstance(inputs[0], str):
        return {}
    encoder = model.encoder if isinstance(model, (TextModel, ClassicalModel)) else None
    tokens = [] if encoder is None else [_token(encoder, *each) for each in encoder.explain(inputs[0])]
    if driven is None:
        return {"tokens": tuple(tokens)}
    if isinstance(driven.pieces, WordPieces):
        return {"tokens": tuple(tokens), "pieces": tuple(driven.pieces.words)}
    assert isinstance(driven.pieces, TokenPieces)
    is_bag = isinstance(model, TextModel) and bool(model.network.config.groups)
    joined: list[list[str]] = [[] for _ in range(driven.pieces.shape[0])]
    for token, piece in zip(tokens, driven.pieces.piece_of.tolist(), strict=True):
        if token not in joined[piece] or not is_bag:
            joined[piece].append(token)
    return {"tokens": tuple(tokens), "pieces": tuple(" ".join(each) for each in joined)}


def _token(encoder: Encoder, piece: str, number: int) -> str:
    """Piece of the text; of a mark before or behind it, which stands in no text, the mark's name."""
    if piece or not isinstance(encoder, WordPieceEncoder) or number < FIRST:
        return piece
    return encoder.entries[number - FIRST]


def _network_of(model: Model, inputs: Inputs, against: int | None) -> dict[str, Any]:
    """Layers of the model's network, opened forwards and, where the answer is its own, backwards."""
    if not isinstance(model, (ImageModel, TextModel, FeatureModel, ClassicalModel)) or model.network is None:
        return {}
    try:
        opened = open_network(model.network, _given(model, inputs))
    except ValueError as error:
        return {"notes": (f"The layers of {model.name} are not opened: {error}.",)}
    if closed := _closed(opened):
        if isinstance(model, ClassicalModel):
            opened = _without_head(opened)
        return {"opened": opened, "layers": layer_records(opened), "notes": (closed,)}
    if isinstance(model, ClassicalModel):
        opened = _without_head(opened)
        return {"opened": opened, "layers": layer_records(opened)}
    backward = go_back(model.network, opened, against)
    checker = WeightChecker(model.network, opened, backward)
    checks = _checks(checker, opened)
    if against is not None:
        opened = with_probabilities(opened, model.temperature)
    notes: list[str] = []
    if isinstance(model, ImageModel) and model.mirror:
        notes.append(
            "The model answers with the mean of the logits for the image and for its mirror image; the "
            "layers are opened on the image as it is, so their probabilities may differ a little."
        )
    if isinstance(model, TextModel) and model.network.config.groups:
        notes.append("The network reads n-grams: how often each stands in the text, not in which order.")
    return {
        "opened": opened,
        "layers": layer_records(opened),
        "backward": backward,
        "checks": checks,
        "checker": checker,
        "notes": tuple(notes),
    }


def _checks(checker: WeightChecker, opened: Opened) -> list[WeightCheck]:
    """Gradients of the weights that matter most, in three ways; the third asks the network twice for each."""
    if sum(each.size for each in opened.weights.values()) <= _LARGE:
        return checker.largest(2 if 2 * len(checker.names) <= _MOST_CHECKS else 1, _MOST_CHECKS)
    multiply_adds = 2 * sum(cost_of(opened, line).multiply_adds for line in opened.lines)
    return checker.largest(1, max(_FEWEST_CHECKS, _MULTIPLY_ADDS_OF_CHECKS // max(1, multiply_adds)))


def _closed(opened: Opened) -> str:
    """Sentence that names the layers that are not opened, by their kinds; empty where all are."""
    kinds: dict[str, list[str]] = {}
    for line in opened.lines:
        if line.kind == CLOSED:
            kinds.setdefault(str(line.settings["what"]), []).append(line.name)
    if not kinds:
        return ""
    named = "; ".join(f"{kind} ({some(names, _MOST_NAMED)})" for kind, names in sorted(kinds.items()))
    return (
        f"{sum(map(len, kinds.values()))} of {len(opened.lines)} layers are closed: there is no formula "
        f"for their kinds: {named}. All others are opened, each from the numbers that the network itself had "
        "before it. Gradients, which would have to pass the closed ones, are left out."
    )


def _given(model: ImageModel | TextModel | FeatureModel | ClassicalModel, inputs: Inputs) -> np.ndarray:
    """Input as the network takes it."""
    if isinstance(inputs[0], str):
        assert isinstance(model, (TextModel, ClassicalModel))  # which take texts
        assert model.encoder is not None  # a network of texts has one
        return ids_of(model.encoder, inputs[0])[None]
    array = np.asarray(inputs)
    return (array.transpose(0, 3, 1, 2) if array.ndim == 4 else array).astype(np.float32)


def _without_head(opened: Opened) -> Opened:
    """Layers up to the last hidden one."""
    lines = tuple(line for line in opened.lines if line.name.split(".")[0] != "head")
    kept = {"inputs", *(line.name for line in lines)}
    values = {name: value for name, value in opened.values.items() if name in kept}
    return dataclasses.replace(opened, lines=lines, values=values, output=lines[-1].name)


def with_probabilities(opened: Opened, temperature: float) -> Opened:
    """Add the lines from logits to probabilities of a temperature, in double precision as the model does."""
    lines, values = list(opened.lines), dict(opened.values)
    name = opened.output
    if temperature != 1:
        lines.append(Line("temperature", "divide", (name,), {"divisor": temperature}))
        values["temperature"] = values[name].astype(np.float64) / temperature
        name = "temperature"
    lines.append(Line(PROBABILITIES, "softmax", (name,)))
    values[PROBABILITIES] = softmax(values[name].astype(np.float64))
    return dataclasses.replace(opened, lines=tuple(lines), values=values)

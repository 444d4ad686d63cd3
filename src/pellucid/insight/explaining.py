"""Explanation of one answer: a model opened on one input, a classifier or a network that makes images."""

import dataclasses
from typing import Any, TypeGuard

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from pellucid.arithmetic.rounding import figure
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
from pellucid.encoding import UnigramEncoder, WordPieceEncoder
from pellucid.encoding.encoder import FIRST
from pellucid.encoding.words import without_joints
from pellucid.errors import ModelFileError
from pellucid.input_kinds import VALUES
from pellucid.insight.attribution import (
    Attributions,
    TokenPieces,
    attributions_of_image,
    attributions_of_text,
    ids_of,
)
from pellucid.insight.by_target import OPENED, Against
from pellucid.insight.contributions import Contributions, contributions_of
from pellucid.insight.explanation import Explanation, Mean, Term
from pellucid.insight.generator_terms import (
    CLASS,
    LATENT_SEED,
    MADE,
    NOISE,
    adversarial_program,
    autoencoder_program,
    bounds_by_class,
    contest_of,
    latents_of,
    noise_for,
)
from pellucid.insight.generator_terms import CONTEST_SEED as CONTEST_SEED
from pellucid.insight.gradients import WeightCheck, WeightChecker, go_back
from pellucid.insight.layer_records import cost_of, layer_records
from pellucid.insight.occlusion import WordPieces
from pellucid.insight.opened_networks import Opened, one_thread, open_network, open_program
from pellucid.insight.reference_lines import CLOSED
from pellucid.insight.unfolded_layers import one_hot
from pellucid.language.sentence import Sentence, join
from pellucid.reference import Line
from pellucid.targets import Target

PROBABILITIES = "probabilities"

_MOST_NAMED = 6

# Of a network with more weights than this as many are checked beforehand as time allows, but at least some.
_LARGE = 3_000_000
_FEWEST_CHECKS = 12  # weights
_MULTIPLY_ADDS_OF_CHECKS = 40_000_000_000  # of all checks together
# Of a smaller one; each check asks the network twice.
_MOST_CHECKS = 100


def explain_model(
    model: Model,
    inputs: Inputs,
    target: int | None = None,
    truth: Against = None,
    name: str | None = None,
) -> Explanation:
    """Open a model on one input; of an average the answers of its members, and the layers of one of them.

    Args:
        model: trained, of any kind.
        inputs: one image (1, height, width, channels) as the model takes it, one feature vector
            (1, length), or a list of one text.
        target: class or label that loss and explanations are about; by default explanations are about the
            answered one, and the loss is against the true one, or all labels that are known, where there
            are any. A model that makes images is opened as of this class.
        truth: the true class, or of several labels the state of each; `None` where it is not known.
        name: that a run gives the model; by default its own.

    Returns:
        The explanation.

    Raises:
        ModelFileError: the model makes images in a way that is not opened.
        DataError: the input of a model that makes images is of another form.
    """
    with one_thread():
        if isinstance(model, (AutoencoderModel, AdversarialModel)):
            assert truth is None or isinstance(truth, int)  # such a model knows classes, not several labels
            found = _of_generator(model, require_images(inputs, model.preprocessing), target, truth)
        elif isinstance(model, Generator):
            raise ModelFileError(
                "model: {name} makes images in a way that is not opened; give a vae or gan", model.name
            )
        else:
            read = inputs if isinstance(inputs, np.ndarray) else [*model.texts_of(inputs)]
            found = _of_predictor(model, read, target, truth)
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


def _of_generator(
    model: AutoencoderModel | AdversarialModel,
    image: UInt8[np.ndarray, "1 height width channels"],
    target: int | None,
    truth: int | None,
) -> Explanation:
    """Open an autoencoder with its bound, or generator and discriminator with both losses, on one image."""
    latents, contest = None, None
    given = {"inputs": image.transpose(0, 3, 1, 2).astype(np.float32)}
    if isinstance(model, AutoencoderModel):
        bounds = bounds_by_class(model, image)
        best = (bounds[0][0], "its bound is highest") if bounds else (0, "")
        label, notes = _label(model, best, target, truth)
        program = autoencoder_program(model.network, label)
        given[NOISE] = noise_for(model)
        notes.append(
            Sentence(
                "The latent variables are drawn by noise of seed {LATENT_SEED}, and everything "
                "behind them is "
                "opened for this one draw.",
                LATENT_SEED,
            )
        )
    else:
        turns = np.arange(max(1, len(model.classes)), dtype=np.int64)
        scores = model.scores(np.repeat(image, len(turns), axis=0), turns)
        best = int(scores.argmax()), "the discriminator scores it highest"
        label, notes = _label(model, best, target, truth)
        program = adversarial_program(model.network, label)
        given[NOISE] = model.noise(1, CONTEST_SEED)
        with torch.inference_mode():
            made = model.network.made(torch.from_numpy(given[NOISE]), torch.tensor([label]))
        given[MADE] = made.numpy()
        notes += [
            Sentence(
                "The made image is made of noise of seed {CONTEST_SEED} by the averaged generator.",
                CONTEST_SEED,
            ),
            "The discriminator is here three times with the same weights. In training a weight of it "
            "gets the sum of its gradients on the given and on the made image, and none on the way to the "
            "generator.",
        ]
    given[CLASS] = one_hot(label, model.network.config.conditions).numpy()
    opened = open_program(program, {name: given[name] for name in program.given})
    backward = go_back(program, opened, None)
    checker = WeightChecker(program, opened, backward)
    if isinstance(model, AutoencoderModel):
        latents = latents_of(model, image, bounds, label, opened, backward)
        answer = -latents.loss
    else:
        contest = contest_of(opened, backward, label, given[NOISE][0])
        answer = contest.score
    return Explanation(
        model=model.name,
        kind=model.target,
        classes=model.classes,
        answer=np.array([answer]),
        target=label if model.classes else None,
        inputs=image[0],
        truth=truth,
        opened=opened,
        layers=layer_records(opened),
        backward=backward,
        checks=_checks(checker, opened),
        checker=checker,
        latents=latents,
        contest=contest,
        notes=tuple(notes),
    )


def _label(
    model: Generator, best: tuple[int, str], target: int | None, truth: int | None
) -> tuple[int, list[str]]:
    """Class that the image is opened as, and a sentence that says why; `best` is the one that fits best."""
    if not model.classes:
        return 0, []
    if target is not None:
        return target, [
            Sentence(
                "It is opened as an image of class {classes}, as was asked for.",
                quoted(model.classes[target]),
            )
        ]
    if truth is not None:
        return truth, [
            Sentence("It is opened as an image of its true class, {classes}.", quoted(model.classes[truth]))
        ]
    label, why = best
    return label, [
        Sentence(
            "Its class is not known, so it is opened as an image of {classes}: of the "
            "{classes2} classes {why}.",
            quoted(model.classes[label]),
            len(model.classes),
            why,
        )
    ]


def _of_predictor(model: Model, inputs: Inputs, asked: int | None, truth: Against) -> Explanation:
    """Explanation of a model that predicts: its answer, attributions, contributions and layers."""
    said, novelty = model.answer(inputs)
    answer: np.ndarray = model.target.columns(said)[0]
    own, against = OPENED[model.target], None
    target = own.answered(model, answer) if asked is None else asked
    if target is None:
        truth = None
    else:
        count, is_known = len(model.classes), asked is None and truth is not None
        against = own.true(truth, count) if is_known else own.alone(target, count)
    contributions = _contributions(model, inputs, target)
    given = inputs[0]
    is_constant = isinstance(model, ClassicalModel) and model.predictor.kind == "constant"
    attributions = None
    if model.input_kind is not VALUES and not is_constant:
        of_image, of_text = attributions_of_image, attributions_of_text
        attributions = (
            of_text(model, given, target) if isinstance(given, str) else of_image(model, given, target)
        )
    notes = [*own.notes(target, model.classes)]
    if (decided := own.decided(model, answer)) is not None:
        ((name, least),) = model.threshold.items()
        notes.append(
            Sentence(
                "A threshold decides between the two classes: {name} is answered where its probability "
                "is at least {least:.3g}, whichever is more probable.",
                quoted(name),
                least,
            )
        )
    shown = opened_model(model)
    opened = _network_of(shown, inputs, against)
    notes += opened.pop("notes", ())
    mean = None
    if isinstance(model, AverageModel):
        mean = _mean_of(model, inputs, target)
        members = some([each.name for each in mean.terms], _MOST_NAMED)
        what = "Layers, gradients and loss" if "checker" in opened else "Layers"
        sentences = [
            Sentence("The answer is a weighted mean of what {members} say.", members),
            *([Sentence("{what} are those of {opened}.", what, mean.opened)] if mean.opened else []),
            "Each of them is opened by itself with --model NAME.",
        ]
        notes.insert(0, join(" ", sentences))
    if isinstance(shown, ClassicalModel) and shown.predictor.kind == "constant":
        notes.append(
            Sentence(
                "This model gives every input the same answer, {constant}: it looks at nothing.",
                shown.target.constant,
            )
        )
    elif isinstance(shown, ClassicalModel) and shown.network is not None and "opened" in opened:
        notes.append(
            "The classical model reads the network's last hidden layer, up to which the network is opened "
            "below; the network's own output layer is not used."
        )
    return Explanation(
        model=model.name,
        kind=model.target,
        classes=model.classes,
        outputs=own.outputs(model.classes),
        answer=answer,
        target=target,
        truth=truth,
        thresholds=own.thresholds(model),
        decided=decided,
        inputs=given if isinstance(given, str) else np.asarray(given),
        attributions=attributions,
        contributions=contributions,
        mean=mean,
        notes=tuple(notes),
        unfamiliar="" if novelty is None else _unfamiliar(model, float(novelty[0])),
        **_pieces(shown, inputs, attributions),
        **opened,
    )


def _unfamiliar(model: Model, novelty: float) -> str:
    """Sentence about an input that the model's detector finds unlike the training data; empty otherwise."""
    rate = model.novelty_rate
    if rate is None or novelty <= 1 - rate:
        return ""
    found, most = figure(novelty), figure(1 - rate)
    return Sentence(
        "Unfamiliar input: it does not look like the training data (novelty {found}, where more than {most} "
        "is unfamiliar). Do not rely on this answer.",
        found,
        most,
    )


def _answer(model: Model, inputs: Inputs) -> Float64[np.ndarray, " outputs"]:
    answer: np.ndarray = model.target.columns(model.target.ask(model, inputs))[0]
    return answer


def _contributions(model: Model, inputs: Inputs, target: int | None) -> Contributions | None:
    """Terms of a classical model's answer, by its output that is about the class or label in question."""
    if not isinstance(model, ClassicalModel):
        return None
    return contributions_of(model, inputs, OPENED[model.target].output(target))


def _mean_of(model: AverageModel, inputs: Inputs, target: int | None) -> Mean:
    """Terms of an average's answer."""
    whole, opened = sum(model.weights), opened_model(model)
    terms = tuple(
        Term(
            name,
            weight,
            weight / whole,
            _answer(member, inputs),
            _contributions(member, inputs, target),
        )
        for name, weight, member in model.members
    )
    names = [each.name for each in model.members if each.model is opened and _has_network(opened)]
    return Mean(terms, model.temperature, names[0] if names else "")


def _pieces(model: Model, inputs: Inputs, attributions: Attributions | None) -> dict[str, Any]:
    """Tokens that a network read of a text, and the pieces that explanations give numbers to."""
    text = inputs[0]
    if not isinstance(text, str):
        return {}
    encoder = model.encoder if isinstance(model, (TextModel, ClassicalModel)) else None
    tokens = []
    for piece, number in () if encoder is None else encoder.explain(text):
        # A mark before or behind the text is no piece of it, and has its name.
        if not piece and isinstance(encoder, (WordPieceEncoder, UnigramEncoder)) and number >= FIRST:
            piece = encoder.entries[number - FIRST]
        tokens.append(without_joints(piece))
    pieces: list[str] = []
    if attributions is not None and isinstance(attributions.pieces, WordPieces):
        pieces = [*attributions.pieces.words]
    elif attributions is not None and isinstance(attributions.pieces, TokenPieces):
        is_bag = isinstance(model, TextModel) and bool(model.network.config.groups)
        joined: list[list[str]] = [[] for _ in range(attributions.pieces.shape[0])]
        for token, at in zip(tokens, attributions.pieces.piece_of.tolist(), strict=True):
            if token not in joined[at] or not is_bag:
                joined[at].append(token)
        pieces = [join(" ", each) for each in joined]
    return {"tokens": tuple(tokens), "pieces": tuple(pieces)}


def _network_of(model: Model, inputs: Inputs, against: Against) -> dict[str, Any]:
    """Layers of the model's network, opened forwards and, where the answer is its own, backwards."""
    if not isinstance(model, (ImageModel, TextModel, FeatureModel, ClassicalModel)) or model.network is None:
        return {}
    if isinstance(inputs[0], str):
        assert isinstance(model, (TextModel, ClassicalModel))  # which take texts
        assert model.encoder is not None  # a network of texts has one
        given = ids_of(model.encoder, inputs[0])[None]
    else:
        array = np.asarray(inputs)
        given = (array.transpose(0, 3, 1, 2) if array.ndim == 4 else array).astype(np.float32)
    try:
        opened = open_network(model.network, given)
    except ValueError as error:
        return {"notes": (Sentence("The layers of {name} are not opened: {error}.", model.name, error),)}
    closed = _closed(opened)
    if isinstance(model, ClassicalModel):  # it takes the last hidden layer
        lines = tuple(line for line in opened.lines if line.name.split(".")[0] != "head")
        kept = {"inputs", *(line.name for line in lines)}
        values = {name: value for name, value in opened.values.items() if name in kept}
        opened = dataclasses.replace(opened, lines=lines, values=values, output=lines[-1].name)
    if closed or isinstance(model, ClassicalModel):
        return {"opened": opened, "layers": layer_records(opened), "notes": closed}
    backward = go_back(model.network, opened, against)
    checker = WeightChecker(model.network, opened, backward)
    checks = _checks(checker, opened)
    if against is not None:
        opened = with_probabilities(opened, model.temperature, model.target)
    notes: list[str] = []
    if isinstance(model, ImageModel) and model.mirror:
        notes.append(
            "The model answers with the mean of the logits for the image and for its mirror image; the "
            "layers are opened on the image as it is, so their probabilities may differ a little."
        )
    if isinstance(model, TextModel) and model.network.config.groups:
        notes.append("The network reads n-grams: how often each occurs in the text, not in which order.")
    return {
        "opened": opened,
        "layers": layer_records(opened),
        "backward": backward,
        "checks": checks,
        "checker": checker,
        "notes": notes,
    }


def _checks(checker: WeightChecker, opened: Opened) -> list[WeightCheck]:
    """Gradients of the weights that matter most, in three ways; the third asks the network twice for each."""
    if sum(each.size for each in opened.weights.values()) <= _LARGE:
        return checker.largest(2 if 2 * len(checker.names) <= _MOST_CHECKS else 1, _MOST_CHECKS)
    multiply_adds = 2 * sum(cost_of(opened, line).multiply_adds for line in opened.lines)
    return checker.largest(1, max(_FEWEST_CHECKS, _MULTIPLY_ADDS_OF_CHECKS // max(1, multiply_adds)))


def _closed(opened: Opened) -> list[str]:
    """A sentence that names the layers that are not opened, by their kinds; none where all are."""
    kinds: dict[str, list[str]] = {}
    for line in opened.lines:
        if line.kind == CLOSED:
            kinds.setdefault(str(line.settings["what"]), []).append(line.name)
    if not kinds:
        return []
    named = join(
        "; ",
        [
            Sentence("{kind} ({names})", kind, some(names, _MOST_NAMED))
            for kind, names in sorted(kinds.items())
        ],
    )
    return [
        Sentence(
            "{len} of {lines} layers are closed: there is no formula "
            "for their kinds: {named}. All others are opened, each from the numbers that the network "
            "itself had "
            "before it. Gradients, which would have to pass the closed ones, are left out.",
            sum(map(len, kinds.values())),
            len(opened.lines),
            named,
        )
    ]


def with_probabilities(opened: Opened, temperature: float, target: Target) -> Opened:
    """Add the lines from logits to probabilities of a temperature, in double precision as the model does."""
    lines, values, own = list(opened.lines), dict(opened.values), OPENED[target]
    name = opened.output
    if temperature != 1 and own.is_tempered:
        lines.append(Line("temperature", "divide", (name,), {"divisor": temperature}))
        values["temperature"] = values[name].astype(np.float64) / temperature
        name = "temperature"
    lines.append(Line(PROBABILITIES, own.link, (name,)))
    values[PROBABILITIES] = own.linked(target, values[name].astype(np.float64))
    return dataclasses.replace(opened, lines=tuple(lines), values=values)

"""Adding: a classifier that learns from generated images too, beside the same one without them."""

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from pellucid.arithmetic import metric_value
from pellucid.arithmetic.rounding import figure
from pellucid.bundle import Generator, load_any, model_folder
from pellucid.data import Dataset, read_data
from pellucid.data.decoded import content_of
from pellucid.data.wording import count_of, quoted, some, visible
from pellucid.errors import UsageError
from pellucid.evaluation import Comparison, compare_all, holm
from pellucid.evaluation.comparisons import LEVEL
from pellucid.evaluation.intervals import points
from pellucid.pipeline.continual.starting_point import earlier_data
from pellucid.pipeline.judging.testing import Tested
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.in_run import train_beside
from pellucid.pipeline.learners.network import Planned, learner_on_part
from pellucid.pipeline.learners.preparation import Material, material_of
from pellucid.pipeline.run.context import RunContext
from pellucid.settings import Settings
from pellucid.strict import MOST_BYTES, read_json
from pellucid.tasks import CLASSIFICATION, IMAGES

# Leaks through a generator: it must not have learned from images that judge the classifier.
#
# What it makes resembles what it learned from, so a generator that has seen test images smuggles them into
# training. The same data split in the same way is told by its fingerprint; any other data of the generator is
# read again and compared image by image, by the digests of their content.


def require_unseen(run: str, place: str, context: RunContext) -> None:
    """Refuse a generator that learned from images of this run's validation or test split, or may have.

    It trained on its training split and chose its weights by its validation split: neither may hold a test
    image of this run, nor the former a validation image. Exact copies count; near copies are not looked for.
    `run` is that of the generator, `place` the DATA of this run.

    Raises: `UsageError` if it did, or its data cannot be read any more.
    """
    config = _config(Path(run))
    dataset, settings = context.dataset, context.settings
    data, former = config["data"], config["settings"]
    if data.get("fingerprint") == dataset.fingerprint:
        return
    [earlier] = earlier_data([{"run": run, "data": data, "settings": former, "known": None}])
    if earlier.dataset is None:
        raise UsageError(
            f"--add-generated: {run}: nobody can tell whether it learned from validation or test images of "
            f"this run: {visible(earlier.reason)}; train a generator on {place} with --seed {settings.seed}"
        )
    theirs = _digests(earlier.place, _settings(former))
    ours = _digests(place, settings)
    learnt = {theirs[row] for row in earlier.dataset.train.tolist()}
    chosen_by = {theirs[row] for row in earlier.dataset.validation.tolist()}
    for part, rows, known in (
        ("test", dataset.test, learnt | chosen_by),
        ("validation", dataset.validation, learnt),
    ):
        seen = [row for row in rows.tolist() if ours[row] in known]
        if seen:
            raise UsageError(
                f"--add-generated: {run} has learned from {count_of(len(seen), 'image')} of the {part} split "
                f"of this run, such as {visible(dataset.sources[seen[0]])}, and images made by it would give "
                f"them away; train a generator on {place} with --seed {settings.seed}, which splits it alike"
            )


def _config(place: Path) -> Mapping[str, Any]:
    """Statement of a run about its data.

    Raises: `UsageError` if there is no run, but a model folder alone.
    """
    for folder in (place, place.parent, place.parent.parent):
        try:
            found = read_json(folder / "config.json", MOST_BYTES)
            _settings(found["settings"])
            found["data"]["place"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no run: a model folder lies one folder or two within its run
        return dict(found)
    raise UsageError(
        f"--add-generated: {place} is a model folder without its run, so nobody can tell whether it learned "
        "from validation or test images of this run; give the folder of the run"
    )


def _settings(values: Mapping[str, Any]) -> Settings:
    return Settings(**values)


def _digests(place: str, settings: Settings) -> list[bytes]:
    """Digest of the content of every image, in the order of the data."""
    found = content_of(read_data(place, settings), settings, None).digests
    return [row.tobytes() for row in np.ascontiguousarray(found)]


DEFAULT_SHARE = 0.3
_KEY = "added_generated"
_FLAG = "--add-generated"


@dataclass(frozen=True, eq=False)
class Added:
    """Generated images that a classifier learns from beside real ones.

    Attributes:
        run: whose generator made them, as the user named it.
        model: name of the generator.
        digest: SHA-256 of its description, which holds those of all its files.
        share: of what a class lacks to the median.
        median: training images of the median class.
        counts: how many were made, by class.
        images: fitted as the data is.
        labels: class of each.
    """

    run: str
    model: str
    digest: str
    share: float
    median: int
    counts: dict[str, int]
    images: UInt8[np.ndarray, "added height width channels"]
    labels: Int64[np.ndarray, " added"]

    def to_json(self) -> dict[str, Any]:
        """The form of `added_generated` in `config.json`."""
        return {
            "from": self.run,
            "generator": self.model,
            "sha256": self.digest,
            "share": self.share,
            "median": self.median,
            "images": self.counts,
        }

    @property
    def sentence(self) -> str:
        """Name what is added, for people."""
        classes = some([f"{quoted(name)} ({number:,})" for name, number in self.counts.items()], 5)
        return (
            f"{count_of(len(self.images), 'image')} made by {self.model} of {self.run} "
            f"{'is' if len(self.images) == 1 else 'are'} added to the training images of a second network: "
            f"{100 * self.share:g} % of what classes lack to the median of {self.median:,} images, {classes}"
        )


def require_room(settings: Settings, out: Path) -> None:
    """Refuse what generated images cannot go with, before anything in the run's folder is touched.

    Raises: `UsageError` naming what to leave out.
    """
    if settings.add_generated is None:
        return
    if settings.from_ is not None:
        raise UsageError(f"{_FLAG}: trains a second network afresh, and --from continues one; leave one out")
    if settings.builds_on_backbone:
        raise UsageError(
            f"{_FLAG}: trains a network of its own twice, and --backbone builds on one; leave one of them out"
        )
    if settings.folds:
        raise UsageError(
            f"{_FLAG}: the generator has seen images that folds would judge by; leave --folds out, and the "
            "validation split judges"
        )
    source, target = os.path.realpath(settings.add_generated), os.path.realpath(out)
    if os.path.commonpath([source, target]) == target:
        raise UsageError(f"--out: {out} holds the generator and would be written over; choose another --out")


def images_to_add(place: str, context: RunContext) -> Added | None:
    """Make the images that a second network will learn from; `None` where none were asked for.

    The same run and seed give the same images. `place` is DATA.

    Raises: `UsageError` if the data have no classes of images, the generator does not know them,
    may have learned from images of this run's validation or test split, or no class lacks any;
    `ModelFileError` if there is no generator, or a damaged one.
    """
    settings, dataset = context.settings, context.dataset
    run = settings.add_generated
    if run is None:
        if settings.share is not None:
            raise UsageError("--share: belongs to --add-generated RUN; give it, or leave this out")
        return None
    # Refuse data that generated images cannot fill.
    if dataset.input_kind is not IMAGES:
        raise UsageError(f"{_FLAG}: adds images, and these are {dataset.noun}s; leave it out")
    if dataset.target is not CLASSIFICATION:
        raise UsageError(f"{_FLAG}: fills classes, and these labels are numbers; leave it out")
    model = _generator(run, dataset)
    share = DEFAULT_SHARE if settings.share is None else settings.share
    wanted, median = lacking(dataset.labels[dataset.train], len(dataset.classes), share)
    if not wanted.any():
        raise UsageError(
            f"{_FLAG}: no class lacks images: the median class has {median:,} to train on, and "
            f"{100 * share:g} % of what others lack to that is nothing; leave it out, or raise --share"
        )
    require_unseen(run, place, context)
    added = _made(run, model, dataset, (wanted, median, share), settings.seed)
    # Enter what is added into the journal, and refuse to resume with another generator.
    now = added.to_json()
    if context.journal.decided(_KEY, lambda: now) != now:
        raise UsageError(
            f"--resume: the generator of {added.run} is another than when the run was started; restore it, "
            "or start again with --overwrite"
        )
    context.stages.paragraph(added.sentence)
    return added


def lacking(
    labels: Int64[np.ndarray, " train"], classes: int, share: float
) -> tuple[Int64[np.ndarray, " classes"], int]:
    """Number of images to make of each class, and the median number of training images of a class."""
    counts = np.bincount(labels, minlength=classes)
    median = int(np.median(counts))
    return np.floor(share * np.maximum(median - counts, 0) + 0.5).astype(np.int64), median


def _generator(run: str, dataset: Dataset) -> Generator:
    """The generator of a run, which knows the classes of the data.

    Raises: `UsageError` if it makes no images, or none of some class.
    """
    model = load_any(run)
    if not isinstance(model, Generator):
        raise UsageError(
            f"{_FLAG}: {run}: its model, {model.name}, makes no images; give a run of train --model vae"
        )
    unknown = [name for name in dataset.classes if name not in model.classes]
    if unknown:
        knows = some([quoted(name) for name in model.classes], 10) if model.classes else "none"
        raise UsageError(
            f"{_FLAG}: {run} was not trained on the class {quoted(unknown[0])} of this data; it knows "
            f"{knows}; give a generator that was trained on the same classes"
        )
    return model


def _made(
    run: str, model: Generator, dataset: Dataset, rule: tuple[np.ndarray, int, float], seed: int
) -> Added:
    """Make the images, class by class."""
    wanted, median, share = rule
    labels = np.repeat(np.arange(len(wanted)), wanted)
    codes = np.array([model.classes.index(name) for name in dataset.classes], np.int64)
    assert dataset.preprocessing is not None  # the data are images
    return Added(
        run=run,
        model=model.name,
        digest=hashlib.sha256((model_folder(run) / "model.json").read_bytes()).hexdigest(),
        share=share,
        median=median,
        counts={name: int(wanted[code]) for code, name in enumerate(dataset.classes) if wanted[code]},
        images=dataset.preprocessing.arrays(model.sample(codes[labels], seed)),
        labels=labels,
    )


# The second network: that of the run, trained once more with generated images among its training images.

SUFFIX = "-with-generated"


def trainings_beside(added: Added | None, material: Material) -> float:
    """Trainings of a second network, in those of the first."""
    return 0.0 if added is None else 1.0 + len(added.images) / max(1, len(material.train))


def train_with(added: Added, network: Planned, context: RunContext) -> Candidate:
    """Train the network of the run once more, from the same seed and by the same rules, with more images.

    They are in no split but training. `network` is as the first one was planned; under a time limit both take
    as many passes. Checkpoints and the history are written to the folder of the run.

    Raises: `DivergedError` if the loss stopped being finite; `InterruptedRun` if a signal came; a checkpoint
    was written.
    """
    material = material_of(context.dataset)
    # Material whose training examples are followed by the generated ones; positions of the others stay.
    assert isinstance(material.inputs, np.ndarray)  # they are images
    before = len(material.inputs)
    extended = dataclasses.replace(
        material,
        inputs=np.concatenate([material.inputs, added.images]),
        labels=np.concatenate([material.labels, added.labels]),
        train=np.concatenate([material.train, before + np.arange(len(added.images))]),
    )
    name = network.plan.name + SUFFIX

    def train(planned: Planned) -> None:
        train_beside(planned.session, name, network.session.state.history, context)

    # By rule a filled class may need no weight; but then the loss would tell both networks apart as well.
    is_weighted = network.plan.recipe.class_weights is not None
    wanted = context.settings.class_weight or ("balanced" if is_weighted else "none")
    settings = dataclasses.replace(context.settings, class_weight=wanted)
    learner = dataclasses.replace(learner_on_part(network, settings), train=train)
    with context.stages.stage(f"training {name}", spinner=False) as stage:
        stage.words = f"trained {name}"
        (found,) = learner.fit(extended)
    assert found.stored is not None  # it is a network that answers
    # Whatever looks at what it has learned from, such as its detector, looks at real images alone.
    return dataclasses.replace(
        found, name=name, stored=dataclasses.replace(found.stored, train=material.train)
    )


def records_of(candidates: Sequence[Candidate]) -> list[Mapping[str, Any]]:
    """Records of the history of second networks, as `history.jsonl` has them."""
    return [
        {**record, "model": each.name}
        for each in candidates
        if each.name.endswith(SUFFIX)
        for record in each.history
    ]


# Gain by generated images: both networks on the same test examples, pair by pair.


def judged(
    added: Added,
    candidates: Sequence[Candidate],
    recommended: str,
    tested: Mapping[str, Tested],
    dataset: Dataset,
    settings: Settings,
) -> dict[str, Any]:
    """Compare the network with generated images with that without, over the test and over the filled classes.

    Both differences are of accuracy; their p-values are adjusted for being two (Holm). `recommended` is the
    model chosen by what was held out. The form of `added_generated` in `metrics.json`.
    """
    with_them = next(each for each in candidates if each.name.endswith(SUFFIX))
    without = next(each for each in candidates if each.name == with_them.name.removesuffix(SUFFIX))
    pair = (with_them.name, without.name)
    metric = dataset.target.decides(settings.metric)
    labels = dataset.labels[dataset.test]
    filled = np.isin(labels, [dataset.classes.index(name) for name in added.counts])
    predicted = {name: tested[name].answers.argmax(axis=1) for name in pair}
    found = [_compared(labels, predicted, rows) for rows in (np.ones(len(labels), bool), filled)]
    adjusted = holm([1.0 if each is None else each.p_value for each in found])
    counts = [count_of(int(each), "test image") for each in (len(labels), filled.sum())]
    places = (f"on {counts[0]}", f"on the {counts[1]} of the classes that were filled")
    said = [
        _said(each, p_value, pair, place)
        for each, p_value, place in zip(found, adjusted, places, strict=True)
        if each is not None
    ]
    return {
        **added.to_json(),
        "with": pair[0],
        "without": pair[1],
        "metric": metric.key,
        "validation": {
            name: float(metric_value(metric, dataset.labels[each.held_out.positions], each.held_out.answers))
            for name, each in (("with", with_them), ("without", without))
            if len(each.held_out.positions)
        },
        "test": _json(found[0], adjusted[0], len(labels)),
        "test_of_filled_classes": _json(found[1], adjusted[1], int(filled.sum())),
        "sentences": [
            *(said or ["Without test images nobody can tell what the generated images gained."]),
            _chosen(pair, recommended),
        ],
    }


def _compared(
    labels: Int64[np.ndarray, " test"], predicted: Mapping[str, np.ndarray], rows: np.ndarray
) -> Comparison | None:
    """Both networks on some test examples; `None` without any."""
    if not rows.any():
        return None
    return compare_all(labels[rows], {name: each[rows] for name, each in predicted.items()})[0]


def _json(found: Comparison | None, adjusted: float, examples: int) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "examples": examples,
        "accuracy_difference": found.difference._asdict(),
        "p_value": found.p_value,
        "p_value_holm": adjusted,
    }


def _said(found: Comparison, adjusted: float, pair: tuple[str, str], where: str) -> str:
    """Sentence on what was gained."""
    of_what = f"{pair[0]} beside {pair[1]}, accuracy {points(found.difference)}, p = {figure(adjusted, 2)}"
    if adjusted > LEVEL:
        return f"Generated images gained nothing significant {where}: {of_what}."
    verb = "gained" if found.difference.value > 0 else "cost"
    return f"Generated images {verb} accuracy significantly {where}: {of_what}."


def _chosen(pair: tuple[str, str], recommended: str) -> str:
    """Sentence on which network is recommended, by what was held out and never by the test."""
    words = {pair[0]: "the network with them", pair[1]: "the network without them"}
    which = words.get(recommended, f"neither of the two networks, but {recommended}")
    return f"Chosen on validation, as all models are: {which}."

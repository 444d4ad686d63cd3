"""Generating: from a data set that is checked and split to the finished run of a network that makes images.

Reading, folder, journal, learner, checkpoints and report are those of every run; what is judged differs.
"""

import dataclasses
import shlex
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.bundle import AdversarialModel, AutoencoderModel, Generator, save
from pellucid.data import Check, write_ledger
from pellucid.data.wording import count_of, public_text
from pellucid.evaluation.generated_images import GaussianOnComponents
from pellucid.language.sentence import Sentence
from pellucid.networks import describe
from pellucid.pipeline.finished_run import Run
from pellucid.pipeline.judging.generated_images import (
    Maker,
    active_units,
    bound_scores,
    can_be_measured,
    findings_of_generator,
    generated_facts,
    held_out_images,
    measured,
    measuring_seconds,
    taken_for_real,
)
from pellucid.pipeline.judging.novelty_detectors import generator_with_detector
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.evaluation_budget import Folds
from pellucid.pipeline.learners.in_run import network_of_run
from pellucid.pipeline.learners.network import baseline_autoencoder
from pellucid.pipeline.learners.time_limits import within_limit
from pellucid.pipeline.run.context import RunContext, task_name
from pellucid.pipeline.run.journal import shown_place
from pellucid.reports import ReportFacts, render
from pellucid.reports.generated_sections import BRIEF_AUTOENCODER, PLAIN
from pellucid.safety.files import link_folder, make_folder, write_file
from pellucid.settings import ADVERSARIAL
from pellucid.training.observers import read_snapshots

_FORMAT = 2
_TIMED = 256
_DETECTOR_SECONDS = 4.0  # of its largest matrix, on one thread


def make_generator(check: Check, context: RunContext) -> None:
    """Plan, train and judge a generator, and write its results; `metrics.json` comes last."""
    learner, material = network_of_run(context), context.dataset
    planned = learner.planned(material)
    context.journal.begin()  # nothing that may be refused comes after this
    make_folder(context.folder.checkpoints)
    after = _DETECTOR_SECONDS + measuring_seconds(2, context.dataset, context.settings)
    if context.settings.model == ADVERSARIAL and can_be_measured(context.dataset):
        after += measuring_seconds(1, context.dataset, context.settings)
        after += baseline_autoencoder(context.settings, material).cost(material)
    context.time.reserve("conclusion", after)
    planned = within_limit(planned, Folds(context.dataset), context)
    (candidate,) = learner.trained(planned, material)
    assert isinstance(candidate.model, Generator)
    model = candidate.model
    if model.columns_seen:
        done = "fitted the novelty (out-of-distribution) detector"
        with context.stages.stage("fitting the novelty detector", done):
            model = generator_with_detector(model, material, context.settings.seed)
            candidate = dataclasses.replace(candidate, model=model)
    what = "the images that it makes, beside real ones"
    with context.stages.stage(Sentence("measuring {what}", what), Sentence("measured {what}", what)) as stage:
        measures = _measures(candidate.name, model, context)
        if measures is None:
            stage.words = "too few images are held out to measure those that it makes"
    with context.stages.stage("writing model and report", "wrote model and report"):
        _write(candidate, measures, check, context)


def _measures(name: str, model: Generator, context: RunContext) -> dict[str, Any] | None:
    """Measures of the model's images, of others' and of real ones; `None` where too few are held out."""
    dataset = context.dataset
    if not can_be_measured(dataset):
        return None
    plain = GaussianOnComponents(
        np.asarray(dataset.inputs)[dataset.train], dataset.labels[dataset.train], max(1, len(dataset.classes))
    )
    makers: dict[str, Maker] = {name: model, PLAIN: plain}
    if isinstance(model, AdversarialModel):
        other = baseline_autoencoder(context.settings, dataset).fit(dataset)[0].model
        assert isinstance(other, Generator)
        makers[BRIEF_AUTOENCODER] = other
    return measured(makers, dataset, context.settings)


def _write(
    candidate: Candidate, measures: Mapping[str, Any] | None, check: Check, context: RunContext
) -> None:
    """Save the model, the metrics and the report."""
    folder, dataset, settings, _, journal, _ = context
    model, name = candidate.model, candidate.name
    assert isinstance(model, Generator)
    entry = _entry(candidate, context)
    place = folder.path / "models" / name
    make_folder(place.parent)
    config = journal.content
    # No times, so that equal runs have equal cards.
    card: dict[str, Any] = {
        "trained on": shown_place(config),
        "training examples": candidate.train_examples,
    }
    if (bits := entry["test"].get("bits_per_dimension")) is not None:
        card["test bits per dimension"] = f"{bits['value']:.3g} [{bits['low']:.3g}, {bits['high']:.3g}]"
    save(model, place, {**card, "settings": "config.json of the run"})
    entry["bytes"] = sum(file.stat().st_size for file in place.iterdir())
    link_folder(place, folder.path / "model")
    metrics = {
        "format": _FORMAT,
        "task": task_name(dataset, settings),
        "seed": settings.seed,
        "classes": list(dataset.classes),
        "data": check.metrics(),
        "recommended": name,
        "reason": "It is the one generator that was trained.",
        "models": {name: entry},
        "comparisons": [],
        "generators": measures,
        **findings_of_generator(candidate.history, measures, name),
    }
    facts = ReportFacts(
        title=shown_place(config),
        metrics=metrics,
        history=candidate.history,
        confusion=np.zeros((0, 0), np.int64),
        mistakes=(),
        check=check.shown_beside(check.place),
        settings={**config["settings"], **config["plan"]["recipe"]},
        versions=config["versions"],
        layers=describe(model.network.config),
        command=public_text(config["command"]),
        ledger=write_ledger(folder.path, dataset, check).name,
        generated=dataclasses.replace(
            generated_facts(model, dataset, settings.seed),
            over_time=read_snapshots(folder.samples, model.shape),
        ),
    )
    write_file(folder.path / "report.html", render(facts).encode())
    folder.write_json("metrics.json", metrics)


def _entry(candidate: Candidate, context: RunContext) -> dict[str, Any]:
    """The model's entry in `metrics.json`, without its size on disk."""
    dataset, seed, model = context.dataset, context.settings.seed, candidate.model
    assert isinstance(model, Generator)
    began = time.perf_counter()
    model.sample(model.turns(_TIMED), seed)
    milliseconds = 1000 * (time.perf_counter() - began) / _TIMED
    found: dict[str, Any] = {
        "validation": {},
        "test": {},
        "train_examples": candidate.train_examples,
        "train_seconds": round(candidate.train_seconds, 3),
        "parameters": model.parameters,
        "bytes": 0,
        "milliseconds_per_example": round(milliseconds, 4),
    }
    if isinstance(model, AutoencoderModel):
        validation = bound_scores(model, dataset, dataset.validation, seed)
        found |= {
            "validation": {name: score["value"] for name, score in validation.items()},
            "test": bound_scores(model, dataset, dataset.test, seed),
            "latent": model.network.latent,
            "active_units": active_units(model, dataset, held_out_images(dataset)),
            "noise_deviation": float(model.network.variance.sqrt()),
        }
    if isinstance(model, AdversarialModel):
        taken = taken_for_real(model, dataset, seed)
        found |= {"latent": model.network.latent, "taken_for_real": taken}
    return found


def say_generated(run: Run, context: RunContext) -> None:
    """Print the verdict, where the report lies and what to do next."""
    stages = context.stages
    stages.verdict(run.verdict)
    entry = run.metrics["models"][run.metrics["recommended"]]
    if "active_units" in entry:
        of = count_of(entry["latent"], "latent variable")
        stages.paragraph(Sentence("{entry} of {of} are active.", entry["active_units"], of))
    stages.line(Sentence("report: {report}", run.report))
    stages.line(
        Sentence("next: pellucid generate {folder} --count 64 --out images/", shlex.quote(str(run.folder)))
    )

"""Pipeline of `compare`: read → check → divide into folds → train every variant → rank → report."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid import cores
from pellucid.arithmetic.rounding import figure
from pellucid.data import Check, Dataset, folds, prepare
from pellucid.data.sources.places import require_existing
from pellucid.data.wording import count_of, public_text
from pellucid.errors import DivergedError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.networks.text_networks import cell_of
from pellucid.pipeline.comparing.standings import Standings, rank, scores_of
from pellucid.pipeline.comparing.variants import (
    OF_NETWORKS,
    Design,
    Variant,
    make_variants,
    naming_variant,
    shown,
)
from pellucid.pipeline.judging.refitting import Fit, Split, cross_fit
from pellucid.pipeline.learners.candidates import Candidate, answers
from pellucid.pipeline.learners.network import learner_of
from pellucid.pipeline.learners.preparation import (
    make_plan,
    network_name,
    prepared_for,
    require_parts,
    require_precision,
    require_precision_again,
)
from pellucid.pipeline.learners.refusals import (
    require_fitting_inputs,
    require_fitting_model,
    require_prediction,
)
from pellucid.pipeline.run.context import require_same_data, task_name
from pellucid.pipeline.run.journal import (
    Journal,
    RunFolder,
    plain_settings,
    require_unchanged,
    shown_place,
    split_rule_of,
)
from pellucid.pipeline.run.stages import Stages, counting, interruptible
from pellucid.reports.comparison import ComparisonFacts, render_comparison
from pellucid.safety.files import make_folder, write_file
from pellucid.settings import CLASSICAL, Settings, command_line
from pellucid.training.follower import follow_torchrun
from pellucid.training.hardware import choose_device, choose_precision, pinned
from pellucid.training.ranks import rank_of_torchrun, together

SEEDS = 3  # trainings of each variant on each fold
FOLDS = 3  # of the examples that are no test
MOST_SEEDS = 100
_FORMAT = 2


class Training(NamedTuple):
    """One training of a variant: its seed, its fold from 1 on, and its outcome."""

    seed: int
    fold: int
    fit: Fit

    @property
    def scores(self) -> dict[str, float]:
        """Scores on the fold, by the names of `metrics.json`."""
        return {name: float(value) for name, value in self.fit.of("scores").items()}


# The trainings of each variant, by its name.
Trained = Mapping[str, Sequence[Training]]


def fitted_on_folds(settings: Settings, parts: Sequence[Dataset], kept: Path | None = None) -> Iterator[Fit]:
    """Train the model of some settings on each fold's training examples and score it on its test examples.

    The arrays of each outcome are `scores/NAME`; `kept` is that of `cross_fit`.
    """

    def fit(material: Dataset) -> Sequence[Candidate]:
        return learner_of(settings, material).fit(material)

    def ask(fitted: Sequence[Candidate], split: Split) -> Mapping[str, np.ndarray]:
        material, judged = split
        predictions = answers(fitted[0].model, material, judged)
        found = scores_of(material.labels_at(judged), predictions)
        return {f"scores/{name}": np.array(value) for name, value in found.items()}

    return cross_fit(fit, (Split(part, part.test) for part in parts), ask, kept)


def compare(
    data: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    vary: Mapping[str, Sequence[Any]],
    seeds: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    **given: Any,
) -> Path:
    """Train variants on the same folds and seeds, and determine which difference is beyond chance.

    Every variant is trained once for each seed and fold; a fold is judged by a model that was trained
    on the others. The test split, given or made, is set aside and not used.

    Args:
        data: DATA: a folder, a table, an IDX folder, an `.npz` file or `sample:fashion`.
        out: folder for everything the comparison leaves.
        vary: settings of network or training with the values to compare; several make a grid. May
            be left empty when resuming.
        seeds: trainings on each fold, 1 to 100; default 3.
        resume: go on after the trainings that are finished; without any, start afresh.
        overwrite: replace what a former run left in `out`.
        quiet: print nothing.
        **given: fixed settings by name; `folds` is the number of folds, default 3.

    Returns:
        The folder.

    Raises:
        UsageError: a setting is unknown or unfit, variants contradict their own rules, or the
            comparison that is resumed was another.
        DataError: the data is refused, or differs from that of the comparison being resumed.
        StorageError: `out` is taken or cannot be written to.
        DivergedError: the loss of a variant stopped being finite.
        RankFailedError: one of several processes ended, stopped, or cannot do what the others do.
        InterruptedRun: a signal came; finished trainings are kept.
    """
    folder = RunFolder(Path(out))
    if rank_of_torchrun():
        follow_torchrun(given.get("threads"))
        return folder.path
    place = os.fspath(data)
    if seeds is not None and not 1 <= seeds <= MOST_SEEDS:
        raise UsageError("--seeds: {seeds} is outside 1 to {MOST_SEEDS}", seeds, MOST_SEEDS)
    if vary or not resume:
        variants = make_variants(vary, given)
        if not resume:
            _require_precision(variants, is_resumed=False)
    if not resume:
        require_existing(place)
    with folder.opened(resume, overwrite), interruptible(folder.path):
        if resume and folder.is_finished:
            folder.prune()
            Stages(quiet=quiet).finished_before(folder.path)
            with together(Settings()):  # those of torchrun may end
                return folder.path
        journal = Journal(folder, resume=resume)
        design = _design(folder.path, vary, seeds, given, journal)
        with together(dataclasses.replace(design.settings, processes=given.get("processes"))):
            _work(place, design, folder, journal, Stages(quiet=quiet))
    return folder.path


def _work(place: str, design: Design, folder: RunFolder, journal: Journal, stages: Stages) -> None:
    """Walk from an empty folder, or from what a killed comparison left in it, to the finished one."""
    settings = design.settings
    # Threads, device and precision of this machine, so that a resumed comparison computes as it began.
    machine = journal.decided("machine", lambda: machine_for(settings))
    asked = make_variants(design.vary, design.given)
    variants = []
    for each in asked:
        fixed = {"threads": machine["threads"]} if each.settings.model in CLASSICAL else machine
        variants.append(dataclasses.replace(each, settings=dataclasses.replace(each.settings, **fixed)))
    # Afresh, what is chosen by rule is always there; a resumed comparison keeps what its machine chose.
    _require_precision(variants if journal.is_resumed else asked, is_resumed=journal.is_resumed)
    dataset, check = _read(place, design, split_rule_of(journal), stages)
    require_same_data(place, dataset, journal, stages)
    journal.decided("settings", lambda: settings, plain_settings)
    vary = [f"{name}={','.join(map(shown, values))}" for name, values in design.vary.items()]
    words = [place, *(word for each in vary for word in ("--vary", each)), "--out", str(folder.path)]
    last = ["--seeds", str(design.seeds)]
    journal.decided("command", lambda: command_line(["compare", *words], design.given, shown, last))
    divided = cache(lambda seed: folds(dataset, design.folds, seed))
    first, *_ = divided(settings.seed)
    for variant in variants:  # what contradicts the data is refused before any is trained
        own = variant.settings
        with naming_variant(variant.name):
            require_prediction(own)
            require_fitting_model(own, first.target)
            require_fitting_inputs(own, first.takes)
            if own.model not in CLASSICAL:
                require_parts(own, make_plan(own, prepared_for(network_name(own, first), first, own)))
    journal.begin()
    make_folder(folder.checkpoints)
    with pinned(machine["threads"]):
        trained = _train(variants, design, divided, folder.checkpoints / "trainings", stages)
    every = [part for seed in design.seed_numbers() for part in divided(seed)]
    train, test = (float(np.mean([len(getattr(part, of)) for part in every])) for of in ("train", "test"))
    measure = dataset.target.decides(settings.metric)
    scores = {name: [each.scores[measure.key] for each in found] for name, found in trained.items()}
    standings = rank(scores, train, test, measure)
    metrics = {
        "format": _FORMAT,
        "task": task_name(dataset),
        "seed": settings.seed,
        "classes": list(dataset.classes),
        "data": check.metrics(),
        "compare": {
            "varied": {name: list(values) for name, values in design.vary.items()},
            "metric": measure.key,
            "larger_is_better": not measure.is_error,
            "seeds": design.seed_numbers(),
            "folds": design.folds,
            "trainings": design.seeds * design.folds,
            "train": round(train),
            "judged": round(test),
            "set_aside": len(dataset.test),
            "best": standings.best,
            "verdict": standings.sentence(),
            "variants": {each.name: _entry(each, trained[each.name], standings) for each in variants},
            "comparisons": [each.to_json() for each in standings.contrasts],
        },
    }
    _write(folder, metrics, trained, design, journal.content)
    folder.prune()
    # The standings, where the report lies, and the command that trains the best variant.
    best = next(variant for variant in variants if variant.name == standings.best)
    idle = {"folds"} | (OF_NETWORKS if best.settings.model in CLASSICAL else set())
    given = {name: value for name, value in design.given.items() if name not in idle}
    stages.verdict(standings.sentence())
    stages.line(Sentence("report: {path}", folder.path / "report.html"))
    words = ["train", place, "--out", "RUN"]
    stages.line(Sentence("next: {words}", command_line(words, {**given, **best.varied}, shown)))


def _design(
    run: Path,
    vary: Mapping[str, Sequence[Any]],
    seeds: int | None,
    given: Mapping[str, Any],
    journal: Journal,
) -> Design:
    """Design of the comparison: as given, or as in the comparison being resumed."""
    if journal.is_resumed and "design" not in journal:
        raise UsageError(
            "{run}: holds a run of train, not of compare; choose another --out, or --overwrite", run
        )
    asked = {name.replace("-", "_"): list(values) for name, values in vary.items()}
    design = journal.decided(
        "design",
        lambda: Design(asked, dict(given), seeds or SEEDS, given.get("folds") or FOLDS),
        dataclasses.asdict,
        lambda saved: Design(**saved),
    )
    require_unchanged(given, design.settings)
    for name, now, before in (
        ("--vary", asked or design.vary, design.vary),
        ("--seeds", seeds or design.seeds, design.seeds),
    ):
        if now != before:
            raise UsageError(
                "--resume: {name} was {before}, is {now}; leave it out, or start again with --overwrite",
                name,
                before,
                now,
            )
    return design


def machine_for(settings: Settings) -> dict[str, Any]:
    """Threads, device and precision on this machine, for a resumed comparison to keep."""
    device = choose_device(settings)
    threads = settings.threads or cores.asked() or cores.free()
    return {"threads": threads, "device": device, "precision": choose_precision(settings, device)}


def _require_precision(variants: Sequence[Variant], *, is_resumed: bool) -> None:
    """Refuse variants that cannot be trained in their arithmetic on this machine, with a `UsageError`."""
    for variant in variants:
        settings, cell = variant.settings, cell_of(variant.settings)
        with naming_variant(variant.name):
            if is_resumed:
                require_precision_again(settings.precision, cell, settings.device)
            else:
                require_precision(settings, cell)


def _read(place: str, design: Design, split_rule: int, stages: Stages) -> tuple[Dataset, Check]:
    with stages.stage(Sentence("reading and checking {place}", place)) as stage:
        dataset, check = prepare(place, design.settings, split_rule=split_rule)
        stage.words = Sentence(
            "read and checked {labels} from {place}", count_of(len(dataset.labels), dataset.noun), place
        )
        stage.details += check.sentences()
        test = count_of(len(dataset.test), dataset.noun)
        verb = "is" if len(dataset.test) == 1 else "are"
        divided = len(dataset.train) + len(dataset.validation)
        stage.details.append(
            Sentence(
                "{test} for the test {verb} set aside and not used; {divided:,} are divided into "
                "{folds} folds.",
                test,
                verb,
                divided,
                design.folds,
            )
        )
    return dataset, check


def _train(
    variants: Sequence[Variant],
    design: Design,
    divided: Callable[[int], Sequence[Dataset]],
    kept: Path,
    stages: Stages,
) -> dict[str, list[Training]]:
    """Train every variant with every seed on every fold, in one order, or take over what is finished."""
    measure = divided(design.settings.seed)[0].target.decides(design.settings.metric)
    trainings, left = design.seeds * design.folds, len(variants) - 1
    stages.line(
        Sentence(
            "{variants}, each trained {trainings} times ({seeds} on {folds} folds)",
            count_of(len(variants), "variant"),
            trainings,
            count_of(design.seeds, "seed"),
            design.folds,
        )
    )
    every: dict[str, list[Training]] = {}
    for number, variant in enumerate(variants):
        trained = every[variant.name] = []
        digest = hashlib.sha256(variant.name.encode()).hexdigest()[:16]
        with stages.stage(Sentence("training {name}", variant.name), spinner=False) as stage:
            with counting(stages, len(variants) * trainings, number * trainings) as show:
                for seed in design.seed_numbers():
                    settings, parts = dataclasses.replace(variant.settings, seed=seed), divided(seed)
                    fits = fitted_on_folds(settings, parts, kept / f"{digest}-seed-{seed}-fold")
                    for fold in range(1, len(parts) + 1):
                        words = Sentence("{name}, seed {seed}, fold {fold}", variant.name, seed, fold)
                        show(words)
                        try:
                            trained.append(Training(seed, fold, next(fits)))
                        except DivergedError as error:
                            raise DivergedError("{words}: {error}", words, error) from error
            scores = [each.scores[measure.key] for each in trained]
            stage.words = Sentence(
                "{name}: mean {words} {scores}, {scores2} to {scores3} in {scores4} trainings",
                variant.name,
                measure.words,
                figure(float(np.mean(scores))),
                figure(min(scores)),
                figure(max(scores)),
                len(scores),
            )
        if number == 0 and left:
            seconds = left * sum(each.fit.seconds for each in trained)
            about = (
                Sentence("{seconds:.0f} min", seconds / 60) if seconds < 5400 else f"{seconds / 3600:.1f} h"
            )
            about = f"{seconds:.0f} s" if seconds < 90 else about
            stages.line(
                Sentence(
                    "about {about} for {left}, if they train as fast", about, count_of(left, "more variant")
                )
            )
    return every


def _entry(variant: Variant, trained: Sequence[Training], standings: Standings) -> dict[str, Any]:
    """A variant's entry in `metrics.json`."""
    fits = [each.fit for each in trained]
    steps = [int(each.history[-1]["step"]) if each.history else 0 for each in fits]  # none of a classical one
    return {
        "settings": dict(variant.varied),
        "mean": standings.means[variant.name]._asdict(),
        "scores": [{"seed": each.seed, "fold": each.fold, **each.scores} for each in trained],
        "steps": round(float(np.mean(steps))),
        "epochs": round(float(np.mean([len(each.history) for each in fits]))),
        "train_seconds": round(float(np.mean([each.seconds for each in fits])), 3),
        "parameters": round(float(np.mean([each.parameters for each in fits]))),
    }


def _write(
    folder: RunFolder, metrics: dict[str, Any], trained: Trained, design: Design, config: Mapping[str, Any]
) -> None:
    """Write history and report, and `metrics.json` last of all, which marks the end."""
    lines = "".join(
        json.dumps({"variant": name, "seed": each.seed, "fold": each.fold, **record}, allow_nan=False) + "\n"
        for name, found in trained.items()
        for each in found
        for record in each.fit.history
    )
    write_file(folder.path / "history.jsonl", lines.encode())
    facts = ComparisonFacts(
        title=shown_place(config),
        metrics=metrics,
        settings={**config["settings"], **config["machine"], **dict.fromkeys(design.vary, "varied")},
        versions=config["versions"],
        command=public_text(config["command"]),
    )
    write_file(folder.path / "report.html", render_comparison(facts).encode())
    folder.write_json("metrics.json", metrics)

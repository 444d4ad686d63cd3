"""Pipeline of `compare`: read → check → divide into folds → train every variant → rank → report."""

import contextlib
import dataclasses
import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.arithmetic.rounding import figure
from pellucid.data import Check, Dataset, prepare
from pellucid.data.reading.dispatch import require_existing
from pellucid.data.wording import count_of
from pellucid.errors import UsageError
from pellucid.files import make_folder, write_file
from pellucid.networks.text_networks import cell_of
from pellucid.pipeline.comparing.trials import Standings, Trial, TrialResult, Trials, rank
from pellucid.pipeline.comparing.variants import OF_NETWORKS, Design, Variant, make_variants, shown
from pellucid.pipeline.learners.preparation import (
    make_plan,
    material_of,
    network_name,
    prepared_for,
    require_precision,
    require_precision_again,
)
from pellucid.pipeline.learners.refusals import (
    require_fitting_inputs,
    require_fitting_model,
    require_prediction,
)
from pellucid.pipeline.run.context import require_same_data, task_name, warn_of_other_versions
from pellucid.pipeline.run.journal import Journal, RunFolder, require_unchanged
from pellucid.pipeline.run.stages import Stages, counting, interruptible
from pellucid.reports.comparison import ComparisonFacts, render_comparison
from pellucid.settings import CLASSICAL, Metric, Settings
from pellucid.training.hardware import choose_device, choose_precision, choose_threads, sharing

# Results of a comparison: history, metrics and report.

_FORMAT = 2

# Outcome of every training of every variant.
Found = Mapping[str, Sequence[tuple[Trial, TrialResult]]]


def machine_for(settings: Settings) -> dict[str, Any]:
    """Threads, device and precision on this machine, for a resumed comparison to keep."""
    device = choose_device(settings)
    with sharing(settings):
        threads = choose_threads(settings)
    return {
        "threads": threads,
        "device": device,
        "precision": choose_precision(settings, device),
    }


def command_line(
    name: str,
    place: str,
    out: Path | str,
    given: Mapping[str, Any],
    vary: Mapping[str, Sequence[Any]] | None = None,
    seeds: int | None = None,
) -> str:
    """The command line, quoted for a shell; `vary` and `seeds` belong to `compare`."""
    words = ["pellucid", name, place]
    for setting, values in (vary or {}).items():
        words += ["--vary", f"{setting}={','.join(shown(value) for value in values)}"]
    words += ["--out", str(out)]
    for setting, value in given.items():
        flag = setting.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", shown(value)]
    if seeds is not None:
        words += ["--seeds", str(seeds)]
    return shlex.join(words)


def write_comparison(
    folder: RunFolder,
    variants: Sequence[Variant],
    design: Design,
    found: Found,
    data: tuple[Dataset, Check],
    config: Mapping[str, Any],
) -> Standings:
    """Write report and metrics, and rank the variants; `metrics.json` comes last and marks the end."""
    metrics, standings = _metrics(variants, design, found, data)
    history = [
        {"variant": trial.contender, "seed": trial.settings.seed, "fold": trial.fold, **record}
        for trained in found.values()
        for trial, judged in trained
        for record in judged.history
    ]
    lines = "".join(json.dumps(line, allow_nan=False) + "\n" for line in history)
    write_file(folder.path / "history.jsonl", lines.encode())
    facts = ComparisonFacts(
        title=str(config["data"]["place"]),
        metrics=metrics,
        history=history,
        settings={**config["settings"], **config["machine"], **dict.fromkeys(design.vary, "varied")},
        versions=config["versions"],
        command=config["command"],
    )
    write_file(folder.path / "report.html", render_comparison(facts).encode())
    folder.write_json("metrics.json", metrics)
    return standings


def _metrics(
    variants: Sequence[Variant],
    design: Design,
    found: Found,
    data: tuple[Dataset, Check],
) -> tuple[dict[str, Any], Standings]:
    """The content of `metrics.json`."""
    dataset, check = data
    judged = {name: [each for _, each in trained] for name, trained in found.items()}
    everything = [each for trained in judged.values() for each in trained]
    train, test = (float(np.mean([getattr(each, part) for each in everything])) for part in ("train", "test"))
    measure = dataset.target.decides(design.settings.metric)
    standings = rank(
        {name: [each.scores[measure.key] for each in trained] for name, trained in judged.items()},
        train,
        test,
        measure,
    )
    return {
        "format": _FORMAT,
        "task": task_name(dataset),
        "seed": design.settings.seed,
        "classes": list(dataset.classes),
        "data": check.metrics(),
        "compare": {
            "varied": {name: list(values) for name, values in design.vary.items()},
            "metric": measure.key,
            "larger_is_better": not measure.is_error,
            "seeds": design.seed_numbers(),
            "folds": design.folds,
            "trainings": design.trainings,
            "train": round(train),
            "judged": round(test),
            "set_aside": len(dataset.test),
            "best": standings.best,
            "verdict": standings.sentence(),
            "variants": {
                variant.name: _entry(variant, found[variant.name], standings) for variant in variants
            },
            "comparisons": [each.to_json() for each in standings.contrasts],
        },
    }, standings


def _entry(
    variant: Variant, trained: Sequence[tuple[Trial, TrialResult]], standings: Standings
) -> dict[str, Any]:
    """A variant's entry in `metrics.json`."""
    judged = [each for _, each in trained]
    return {
        "settings": dict(variant.varied),
        "mean": standings.means[variant.name]._asdict(),
        "scores": [
            {"seed": trial.settings.seed, "fold": trial.fold, **each.scores} for trial, each in trained
        ],
        "steps": round(float(np.mean([each.steps for each in judged]))),
        "epochs": round(float(np.mean([len(each.history) for each in judged]))),
        "train_seconds": round(float(np.mean([each.seconds for each in judged])), 3),
        "parameters": round(float(np.mean([each.parameters for each in judged]))),
    }


SEEDS, FOLDS = 3, 3
MOST_SEEDS = 100


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
    """Train variants on the same folds and seeds, and say which difference is beyond chance.

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
        InterruptedRun: a signal came; finished trainings are kept.
    """
    folder = RunFolder(Path(out))
    place = os.fspath(data)
    if seeds is not None and not 1 <= seeds <= MOST_SEEDS:
        raise UsageError(f"--seeds: {seeds} is outside 1 to {MOST_SEEDS}")
    if vary or not resume:
        variants = make_variants(vary, given)
        if not resume:
            _require_precision(variants, is_resumed=False)
    if not resume:
        require_existing(place)
    with folder.opened(resume, overwrite), interruptible(folder.path):
        if resume and folder.is_finished:
            folder.prune()
            return folder.path
        journal = Journal(folder, resume=resume)
        design = _design(folder.path, vary, seeds, given, journal)
        _work(place, design, folder, journal, Stages(quiet=quiet))
    return folder.path


def _work(place: str, design: Design, folder: RunFolder, journal: Journal, stages: Stages) -> None:
    """Walk from an empty folder, or from what a killed comparison left in it, to the finished one."""
    machine = journal.decided("machine", lambda: machine_for(design.settings))
    asked = make_variants(design.vary, design.given)
    variants = _on_this_machine(asked, machine)
    # Afresh, what is chosen by rule is always there; a resumed comparison keeps what its machine chose.
    _require_precision(variants if journal.is_resumed else asked, is_resumed=journal.is_resumed)
    dataset, check = _read(place, design, stages)
    require_same_data(place, dataset, journal)
    warn_of_other_versions(dataset, journal, stages)
    settings = design.settings
    journal.decided("settings", lambda: settings, dataclasses.asdict)
    journal.decided(
        "command",
        lambda: command_line("compare", place, folder.path, design.given, design.vary, design.seeds),
    )
    trials = _prepare(folder, variants, design, dataset)
    journal.begin()
    found = _train(variants, design, trials, stages)
    standings = write_comparison(folder, variants, design, found, (dataset, check), journal.content)
    folder.prune()
    # Print the standings, where the report lies, and the command that trains the best variant.
    run = folder.path
    best = next(variant for variant in variants if variant.name == standings.best)
    given = {
        name: value
        for name, value in design.given.items()
        if name != "folds" and (best.settings.model not in CLASSICAL or name not in OF_NETWORKS)
    }
    stages.verdict(standings.sentence())
    stages.line(f"report: {run / 'report.html'}")
    stages.line(f"next: {command_line('train', place, 'RUN', {**given, **best.varied})}")


def _require_precision(variants: Sequence[Variant], *, is_resumed: bool) -> None:
    """Refuse variants that cannot be trained in their arithmetic on this machine.

    Raises: `UsageError` naming the variant.
    """
    for variant in variants:
        settings, cell = variant.settings, cell_of(variant.settings)
        with _named(variant):
            if is_resumed:
                require_precision_again(settings.precision, cell, settings.device)
            else:
                require_precision(settings, cell)


@contextlib.contextmanager
def _named(variant: Variant) -> Iterator[None]:
    """Name the variant in whatever is refused.

    Raises: `UsageError` with its name before the message.
    """
    try:
        yield
    except UsageError as error:
        raise UsageError(f"variant {variant.name}: {error}") from error


def _design(
    run: Path,
    vary: Mapping[str, Sequence[Any]],
    seeds: int | None,
    given: Mapping[str, Any],
    journal: Journal,
) -> Design:
    """Design of the comparison: as given, or as in the comparison being resumed.

    Raises: `UsageError` if what is given differs from the comparison being resumed, or there is none.
    """
    if journal.is_resumed and "design" not in journal:
        raise UsageError(f"{run}: holds a run of train, not of compare; choose another --out, or --overwrite")
    asked = {name.replace("-", "_"): list(values) for name, values in vary.items()}
    design = journal.decided(
        "design",
        lambda: Design(asked, dict(given), seeds or SEEDS, given.get("folds") or FOLDS),
        Design.to_json,
        lambda saved: Design(**saved),
    )
    require_unchanged(given, design.settings)
    for name, now, before in (
        ("--vary", asked or design.vary, design.vary),
        ("--seeds", seeds or design.seeds, design.seeds),
    ):
        if now != before:
            raise UsageError(
                f"--resume: {name} was {before}, is {now}; leave it out, or start again with --overwrite"
            )
    return design


def _read(place: str, design: Design, stages: Stages) -> tuple[Dataset, Check]:
    with stages.stage(f"reading and checking {place}") as stage:
        dataset, check = prepare(place, design.settings)
        stage.words = f"read and checked {count_of(len(dataset.labels), dataset.noun)} from {place}"
        stage.details += check.sentences()
        test = count_of(len(dataset.test), dataset.noun)
        verb = "is" if len(dataset.test) == 1 else "are"
        divided = len(dataset.train) + len(dataset.validation)
        stage.details.append(
            f"{test} for the test {verb} set aside and not used; {divided:,} are divided into "
            f"{design.folds} folds."
        )
    return dataset, check


def _on_this_machine(variants: Sequence[Variant], machine: Mapping[str, Any]) -> list[Variant]:
    """Fix what depends on the machine, so that a resumed comparison computes as it began."""
    return [
        dataclasses.replace(
            variant,
            settings=dataclasses.replace(variant.settings, threads=machine["threads"])
            if variant.settings.model in CLASSICAL
            else dataclasses.replace(variant.settings, **machine),
        )
        for variant in variants
    ]


def _prepare(folder: RunFolder, variants: Sequence[Variant], design: Design, dataset: Dataset) -> Trials:
    """Divide the data, and refuse variants that contradict it before any is trained.

    Raises: `UsageError` naming the variant; `DataError` if a class has too few examples to stand in every
    fold.
    """
    make_folder(folder.checkpoints)
    trials = Trials(dataset, design.folds, folder.checkpoints / "trainings")
    for variant in variants:
        first = Trial(variant.name, variant.settings, fold=1)
        with _named(variant):
            require_prediction(variant.settings)
            require_fitting_model(variant.settings, dataset.target)
            require_fitting_inputs(variant.settings, material_of(dataset).takes)
            if variant.settings.model not in CLASSICAL:
                material = material_of(trials.fold(first))
                name = network_name(variant.settings, material)
                make_plan(variant.settings, prepared_for(name, material, variant.settings))
    return trials


def _train(
    variants: Sequence[Variant], design: Design, trials: Trials, stages: Stages
) -> dict[str, list[tuple[Trial, TrialResult]]]:
    """Train every variant with every seed on every fold, all in the same order."""
    measure = trials.dataset.target.decides(design.settings.metric)
    stages.line(
        f"{count_of(len(variants), 'variant')}, each trained {design.trainings} times "
        f"({count_of(design.seeds, 'seed')} on {design.folds} folds)"
    )
    found: dict[str, list[tuple[Trial, TrialResult]]] = {}
    for number, variant in enumerate(variants):
        with stages.stage(f"training {variant.name}", spinner=False) as stage:
            with counting(stages, len(variants) * design.trainings, number * design.trainings) as show:
                found[variant.name] = _train_variant(variant, design, trials, show)
            stage.words = _words(variant, [judged for _, judged in found[variant.name]], measure)
        left = len(variants) - 1
        if number == 0 and left:
            seconds = left * sum(judged.seconds for _, judged in found[variant.name])
            stages.line(
                f"about {_duration(seconds)} for {count_of(left, 'more variant')}, if they train as fast"
            )
    return found


def _train_variant(
    variant: Variant, design: Design, trials: Trials, show: Callable[[str], None]
) -> list[tuple[Trial, TrialResult]]:
    found = []
    for seed in design.seed_numbers():
        for fold in range(1, design.folds + 1):
            trial = Trial(variant.name, dataclasses.replace(variant.settings, seed=seed), fold)
            show(trial.words)
            found.append((trial, trials.judged(trial)))
    return found


def _words(variant: Variant, judged: Sequence[TrialResult], measure: Metric) -> str:
    """A variant's line."""
    scores = [each.scores[measure.key] for each in judged]
    return (
        f"{variant.name}: mean {measure.words} {figure(float(np.mean(scores)))}, "
        f"{figure(min(scores))} to {figure(max(scores))} in {len(judged)} trainings"
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

"""Results of a comparison: history, metrics and report."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import cores
from pellucid.data import Check, Dataset
from pellucid.files import write_file
from pellucid.pipeline.comparing.standings import Standings, rank
from pellucid.pipeline.comparing.trials import Judged, Trial
from pellucid.pipeline.comparing.variants import Design, Variant, shown
from pellucid.pipeline.run.folder import RunFolder
from pellucid.pipeline.run.identity import task_name
from pellucid.reports.comparison import ComparisonFacts, render_comparison
from pellucid.settings import Settings
from pellucid.training.determinism import choose_device, choose_threads, is_left_open, sharing
from pellucid.training.precision import choose_precision

_FORMAT = 2

# Outcome of every training of every variant.
Found = Mapping[str, Sequence[tuple[Trial, Judged]]]


def machine_for(settings: Settings) -> dict[str, Any]:
    """Threads, device and precision on this machine, for a resumed comparison to keep."""
    device = choose_device(settings)
    with sharing(cores.free() if is_left_open(settings) else None):
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


def _entry(variant: Variant, trained: Sequence[tuple[Trial, Judged]], standings: Standings) -> dict[str, Any]:
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

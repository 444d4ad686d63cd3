"""Results of a run: every model saved, the metrics and the report written."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.arithmetic import metric_value
from pellucid.arithmetic.rounding import figure
from pellucid.bundle import AverageModel, save
from pellucid.data.checks.ledger import write_rows
from pellucid.data.tables.writing import as_csv
from pellucid.files import link_folder, make_folder, write_file
from pellucid.pipeline.continual.metrics import continual_sentences
from pellucid.pipeline.judging.contradiction import contradiction
from pellucid.pipeline.judging.disagreement import disagreement
from pellucid.pipeline.judging.findings import findings_line, findings_of
from pellucid.pipeline.judging.label_issues import as_json
from pellucid.pipeline.judging.outcome import Outcome
from pellucid.pipeline.judging.report_selection import report_facts
from pellucid.pipeline.judging.slicing import worst_slice
from pellucid.pipeline.judging.testing import comparisons, entry, rows_of_test
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.run.configuration import notes_of
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.finished import Run
from pellucid.pipeline.run.folder import RunFolder
from pellucid.pipeline.run.identity import task_name
from pellucid.reports import render
from pellucid.settings import METRICS

_AGAIN = "judged the model as it was before, and were then learned from too"
_FORMAT = 2


def write_results(context: RunContext, outcome: Outcome) -> None:
    """Score, save and report; `metrics.json` comes last and marks the run as finished."""
    with context.stages.stage("writing models and report", "wrote models and report"):
        _write(context.folder, outcome)


def _write(folder: RunFolder, outcome: Outcome) -> None:
    """Save every model, then the report, then `metrics.json`."""
    dataset, config = outcome.dataset, outcome.config
    seed = config["settings"]["seed"]
    make_folder(folder.path / "models")
    entries = {}
    for candidate in outcome.candidates:
        found = entry(candidate, outcome.tested[candidate.name], dataset, seed)
        found["novelty"] = outcome.novelty.get(candidate.name)
        found["bytes"] = _save(folder.path / "models" / candidate.name, candidate, found, config)
        entries[candidate.name] = found
    link_folder(folder.path / "models" / outcome.recommendation.name, folder.path / "model")
    price = _price(outcome, entries)
    metrics = {
        "format": _FORMAT,
        "task": task_name(dataset),
        "seed": seed,
        "classes": list(dataset.classes),
        "data": outcome.check.metrics(),
        **({"threshold": threshold} if (threshold := config["settings"].get("threshold")) else {}),
        "recommended": outcome.recommendation.name,
        "reason": " ".join([outcome.recommendation.reason, *([price] if price else [])]),
        "models": entries,
        "comparisons": comparisons(outcome.comparable, outcome.recommendation.name, dataset, seed),
        "contradiction": contradiction(
            outcome.recommendation.name, outcome.comparable, dataset, config["settings"].get("metric"), seed
        ),
        "disagreement": disagreement(
            outcome.recommended, outcome.tested[outcome.recommendation.name], dataset, config["settings"]
        ),
        "learning_curve": None if outcome.curve is None else outcome.curve.to_json(),
        "label_issues": as_json(outcome.label_issues),
        "findings": findings_of(outcome),
        "judged_on_folds": config.get("judged_on_folds"),
        "folds": outcome.folds,
        **({} if outcome.slices is None else {"slices": outcome.slices.to_json()}),
        **({"notes": notes} if (notes := notes_of(config)) else {}),
        **({} if outcome.text is None else {"text": outcome.text}),
        **({} if outcome.continual is None else {"continual": outcome.continual}),
        **({} if outcome.added is None else {"added_generated": outcome.added}),
    }
    threshold = outcome.recommended.model.threshold
    rows = as_csv([*rows_of_test(dataset, outcome.tested[outcome.recommendation.name], threshold)])
    write_rows(folder.path / "test.csv", rows, len(dataset.test))
    report = render(report_facts(outcome, metrics))
    write_file(folder.path / "report.html", report.encode())
    folder.write_json("metrics.json", metrics)


def _price(outcome: Outcome, entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Sentence on what the choice costs and gains beside the model it was compared with; "" without one."""
    name, rival = outcome.recommendation.name, outcome.recommendation.rival
    if rival is None or rival not in entries:  # none, or there was no time to test it
        return ""
    if not outcome.dataset.target.has_probabilities:
        return f"{name} {_cost(entries[name], entries[rival])} than {rival}."
    held_out = {each.name: each.held_out for each in outcome.candidates}
    both = np.intersect1d(held_out[name].positions, held_out[rival].positions)
    labels, (own, other) = (
        outcome.dataset.labels[both],
        (held_out[each].about(both) for each in (name, rival)),
    )
    accuracy, loss = (
        [metric_value(METRICS[key], labels, answers) for answers in (own, other)]
        for key in ("accuracy", "log_loss")
    )
    ahead = 100 * (accuracy[0] - accuracy[1])
    return (
        f"{name} {_cost(entries[name], entries[rival])} than {rival}, for {figure(abs(ahead), 2)} points "
        f"{'less' if ahead < 0 else 'more'} accuracy and log loss {figure(loss[0])} instead of "
        f"{figure(loss[1])} on held-out {outcome.dataset.noun}s."
    )


def _cost(own: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Time of an answer and size of a model against those of another, in words."""
    slower = own["milliseconds_per_example"] - other["milliseconds_per_example"]
    larger = (own["bytes"] - other["bytes"]) / 1_000_000
    return (
        f"takes {figure(abs(slower), 2)} ms {'less' if slower < 0 else 'more'} for an answer and "
        f"{figure(abs(larger), 2)} MB {'less' if larger < 0 else 'more'}"
    )


def _save(path: Path, candidate: Candidate, found: Mapping[str, Any], config: Mapping[str, Any]) -> int:
    """Write a model folder, equal for equal runs, so without times; return its bytes."""
    facts = {
        "trained on": config["data"]["place"],
        **({"continual training of": config["continual"]["from"]} if "continual" in config else {}),
        "training examples": candidate.train_examples,
        **({} if candidate.judged is None else {"validation examples": _AGAIN}),
        **_tested_facts(found["test"]),
        "settings": "config.json of the run",
    }
    model = candidate.model
    names = [each.name for each in model.members] if isinstance(model, AverageModel) else []
    save(model, path, facts, {name: path.parent / name for name in names})
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _tested_facts(test: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """The test scores with their intervals, for the model card."""
    return {
        f"test {name.replace('_', ' ')}": f"{each['value']:.3g} [{each['low']:.3g}, {each['high']:.3g}]"
        for name, each in test.items()
    }


def say_end(run: Run, context: RunContext, continual: Mapping[str, Any] | None) -> None:
    """Print the verdict, where the report lies and what to do next.

    `continual` has its form in `metrics.json`; `None` for a fresh network.
    """
    dataset, stages = context.dataset, context.stages
    stages.verdict(run.verdict)
    if (contradicted := run.metrics.get("contradiction")) is not None:
        stages.paragraph(contradicted["words"])
    if (disagreed := run.metrics.get("disagreement")) is not None:
        stages.paragraph(disagreed["words"])
    chosen = run.metrics["models"][run.metrics["recommended"]]
    for key in ("by_groups", "left_out"):
        if key in chosen:
            stages.paragraph(chosen[key]["words"])
    stages.paragraph(str(run.metrics["reason"]))
    for sentence in [] if continual is None else continual_sentences(continual):
        stages.paragraph(sentence)
    if (added := run.metrics.get("added_generated")) is not None:
        for sentence in added["sentences"]:
            stages.paragraph(sentence)
    found = findings_line(run.metrics)
    if found is not None:
        stages.paragraph(found)
    worst = worst_slice(run.metrics.get("slices"), dataset.noun)
    if worst is not None:
        stages.paragraph(worst)
    stages.line(f"report: {run.report}")
    folder = shlex.quote(str(run.folder))
    new, one = dataset.input_kind.examples, dataset.input_kind.example
    stages.line(f"look inside: pellucid explain {folder} {one} --out page.html")
    stages.line(f"next: pellucid predict {folder} {new}")

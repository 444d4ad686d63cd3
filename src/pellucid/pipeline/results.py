"""Results of a run: models, metrics and report written, and its end in words."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.arithmetic.rounding import figure, figures
from pellucid.bundle import AverageModel, save
from pellucid.data.corrections import correction_line
from pellucid.data.ledger import write_rows
from pellucid.data.tables.csv_tables import as_csv
from pellucid.data.wording import public_text
from pellucid.insight.findings import find
from pellucid.insight.training_courses import Course
from pellucid.language.sentence import Sentence, join
from pellucid.pipeline.by_target import WAYS
from pellucid.pipeline.continual.forgetting import continual_sentences
from pellucid.pipeline.finished_run import Run
from pellucid.pipeline.judging.corrected import judge_corrections, model_digits
from pellucid.pipeline.judging.disagreement import contradiction, disagreement, worst_slice
from pellucid.pipeline.judging.label_issues import as_json
from pellucid.pipeline.judging.report_facts import Outcome, report_facts
from pellucid.pipeline.judging.testing import comparisons, entry, judged_giveaways, rows_of_test
from pellucid.pipeline.learners.candidates import Candidate, held_out_score
from pellucid.pipeline.run.context import RunContext, task_name
from pellucid.pipeline.run.journal import RunFolder, notes_of, shown_place
from pellucid.reports import render
from pellucid.reports.facts import HELD_OUT, TEST, CorrectionFacts, Headline, headline_of, scores_of
from pellucid.reports.scored_models import is_classical
from pellucid.safety.files import link_folder, make_folder, write_file
from pellucid.settings import METRICS, command_line


def findings_of(outcome: Outcome) -> list[dict[str, Any]] | None:
    """Look for what went wrong in the training by its history.

    The form of `findings` in `metrics.json`; `None` where no network was trained.
    """
    if not outcome.history:
        return None
    dataset, issues = outcome.dataset, outcome.label_issues
    guessing = WAYS[dataset.target].guessing(dataset.labels_at(dataset.train))
    history = last_training(outcome.history)
    is_tuned = "model" in history[-1]
    recipe = (outcome.config.get("plan") or {}).get("recipe") or {}
    course = Course(
        history=history,
        is_pretrained=is_tuned,
        has_even_updates=not is_tuned and recipe.get("optimizer") == "muon",
        chance=guessing.accuracy,
        guessing=guessing.loss,
        validated=len(dataset.validation) if outcome.folds is None else int(outcome.folds["test"]),
        label_issues=0 if issues is None else issues.count,
        examined=0 if issues is None else issues.examined,
        agreed=0 if issues is None else issues.agreed,
        label_precision=0.0 if issues is None else issues.precision or 0.0,
    )
    return [finding.to_json() for finding in find(course)]


def last_training(history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Records of the last training; fine-tuning comes after the training of a network in a history."""
    return [record for record in history if record.get("model") == history[-1].get("model")]


def findings_line(metrics: Mapping[str, Any]) -> str | None:
    """Findings of `metrics.json` in one sentence for the terminal; `None` where there are none.

    The network that they concern is named where another model is recommended.
    """
    if not metrics.get("findings"):
        return None
    found = join(", ", [str(finding["name"]).replace("-", " ") for finding in metrics["findings"]])
    network = next((name for name in metrics["models"] if not is_classical(name)), None)
    if network is None or network == metrics["recommended"]:
        return Sentence("training: {found}; the report says how to fix it", found)
    return Sentence("training of {network}: {found}; the report says how to fix it", network, found)


_AGAIN = "judged the model as it was before, and were then learned from too"
_FORMAT = 2
# Bytes of earlier corrections that a report carries on; of more it asks to import the file.
_MOST_CARRIED = 1 << 20


def write_results(folder: RunFolder, outcome: Outcome) -> None:
    """Score and save every model, then the report, then `metrics.json`, which marks the run as finished."""
    metrics = write_models(folder, outcome)
    applied, dataset, earlier = outcome.check.corrections, outcome.dataset, ""
    if applied is not None:
        model, answers = outcome.recommended.model, outcome.tested[outcome.recommendation.name].answers
        predicted = dataset.target.labels(answers, dataset.classes, model.threshold)
        seed = outcome.config["settings"]["seed"]
        metrics["corrections"] = judge_corrections(applied, dataset, predicted, seed, folder.path)
        lines = b"".join(map(correction_line, applied.in_force()))
        earlier = lines.decode() if len(lines) <= _MOST_CARRIED else ""
    command = public_text(_with_corrections(outcome.config["command"]))
    collecting = CorrectionFacts(
        public_text(os.fspath(folder.path)), model_digits(folder.path), earlier, command
    )
    write_file(folder.path / "report.html", render(report_facts(outcome, metrics, collecting)).encode())
    folder.write_json("metrics.json", metrics)


def _with_corrections(command: str) -> str:
    """The command that trains again with corrections; empty where the run was made in Python."""
    words = shlex.split(command) if command.startswith("pellucid ") else []
    for flag in ("--out", "--corrections"):
        if flag in words:
            del words[words.index(flag) : words.index(flag) + 2]
    return shlex.join([*words, "--out", "NEW_RUN", "--corrections", "corrections.csv"]) if words else ""


def write_models(folder: RunFolder, outcome: Outcome) -> dict[str, Any]:
    """Score and save every model, and the answers about the test; the content of `metrics.json`."""
    dataset, config, name = outcome.dataset, outcome.config, outcome.recommendation.name
    settings, recommended = config["settings"], outcome.tested[outcome.recommendation.name]
    seed = settings["seed"]
    make_folder(folder.path / "models")
    entries: dict[str, dict[str, Any]] = {}
    data = outcome.check.metrics()
    headline = headline_of({"data": data, "continual": outcome.continual})
    for candidate in outcome.candidates:
        found = entry(candidate, outcome.tested[candidate.name], dataset, seed)
        found["novelty"] = outcome.novelty.get(candidate.name)
        found["bytes"] = _save(folder.path / "models" / candidate.name, candidate, found, config, headline)
        entries[candidate.name] = found
    link_folder(folder.path / "models" / name, folder.path / "model")
    price = _price(outcome, entries)
    metrics = {
        "format": _FORMAT,
        "task": task_name(dataset),
        "seed": seed,
        "classes": list(dataset.classes),
        "data": data,
        **({"threshold": threshold} if (threshold := settings.get("threshold")) else {}),
        "recommended": name,
        "reason": join(" ", [outcome.recommendation.reason, *([price] if price else [])]),
        "models": entries,
        "comparisons": comparisons(outcome.comparable, name, dataset, seed),
        "contradiction": contradiction(name, outcome.comparable, dataset, settings.get("metric"), seed),
        "disagreement": disagreement(
            outcome.recommended,
            recommended,
            dataset,
            settings,
            outcome.candidates,
            outcome.curve,
            (config.get("judged_on_folds") or {}).get(name, 0),
        ),
        "giveaways": judged_giveaways(
            outcome.check.giveaways, recommended, outcome.recommended.model, dataset, seed
        ),
        "learning_curve": None if outcome.curve is None else outcome.curve.to_json(),
        "label_issues": as_json(outcome.label_issues),
        "findings": findings_of(outcome),
        "judged_on_folds": config.get("judged_on_folds"),
        "folds": outcome.folds,
        **({} if outcome.order is None else {"order": outcome.order}),
        **({} if outcome.slices is None else {"slices": outcome.slices.to_json()}),
        **({"notes": notes} if (notes := notes_of(config)) else {}),
        **({} if outcome.text is None else {"text": outcome.text}),
        **({} if outcome.continual is None else {"continual": outcome.continual}),
    }
    metrics["headline"] = headline_of(metrics)._asdict()
    rows = as_csv([*rows_of_test(dataset, recommended, outcome.recommended.model.threshold)])
    write_rows(folder.path / "test.csv", rows, len(dataset.test))
    return metrics


def _price(outcome: Outcome, entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Sentence on what the choice costs and gains against the model it was compared with; "" without one."""
    name, rival = outcome.recommendation.name, outcome.recommendation.rival
    if rival is None or rival not in entries:  # none, or there was no time to test it
        return ""
    slower = entries[name]["milliseconds_per_example"] - entries[rival]["milliseconds_per_example"]
    larger = (entries[name]["bytes"] - entries[rival]["bytes"]) / 1_000_000
    time, size = (f"{figure(abs(each), 2)}" for each in (slower, larger))
    cost = {
        (False, False): Sentence(
            "{name} takes {time} ms more for an answer and {size} MB more than {rival}.",
            name,
            time,
            size,
            rival,
        ),
        (False, True): Sentence(
            "{name} takes {time} ms more for an answer and {size} MB less than {rival}.",
            name,
            time,
            size,
            rival,
        ),
        (True, False): Sentence(
            "{name} takes {time} ms less for an answer and {size} MB more than {rival}.",
            name,
            time,
            size,
            rival,
        ),
        (True, True): Sentence(
            "{name} takes {time} ms less for an answer and {size} MB less than {rival}.",
            name,
            time,
            size,
            rival,
        ),
    }[slower < 0, larger < 0]
    if not outcome.dataset.target.has_metric("log_loss"):
        return cost
    held_out = {each.name: each.held_out for each in outcome.candidates}
    both = np.intersect1d(held_out[name].positions, held_out[rival].positions)
    headline, seed = METRICS[outcome.dataset.target.headline], outcome.config["settings"]["seed"]
    candidates = {each.name: each for each in outcome.candidates}
    score, loss = (
        [held_out_score(metric, candidates[each], outcome.dataset, seed, both) for each in (name, rival)]
        for metric in (headline, METRICS["log_loss"])
    )
    ahead = 100 * (score[0] - score[1])
    points, words, noun = figure(abs(ahead), 2), headline.words, outcome.dataset.noun
    own, other = figures(*loss)
    losses = Sentence("log loss {own} instead of {other}", own, other)
    if ahead == 0:
        gain = Sentence("On held-out {noun}s it has the same {words} and {losses}.", noun, words, losses)
    elif ahead < 0:
        gain = Sentence(
            "On held-out {noun}s it has {points} points less {words} and {losses}.",
            noun,
            points,
            words,
            losses,
        )
    else:
        gain = Sentence(
            "On held-out {noun}s it has {points} points more {words} and {losses}.",
            noun,
            points,
            words,
            losses,
        )
    return Sentence("{cost} {gain}", cost, gain)


def _save(
    path: Path,
    candidate: Candidate,
    found: Mapping[str, Any],
    config: Mapping[str, Any],
    headline: Headline,
) -> int:
    """Write a model folder, equal for equal runs, so without times; return its bytes."""
    of = {HELD_OUT: "held-out", TEST: "test"}.get(headline.part, "unseen test")
    known = Sentence(
        "{known:,} of {tested:,} test examples have a copy or a relative there",
        headline.known,
        headline.tested,
    )
    facts = {
        "trained on": shown_place(config),
        **(
            {"continual training of": public_text(config["continual"]["from"])}
            if "continual" in config
            else {}
        ),
        "training examples": candidate.train_examples,
        **({} if candidate.judged is None else {"validation examples": _AGAIN}),
        **{
            f"{of} {METRICS[name].words}": f"{each['value']:.3g} [{each['low']:.3g}, {each['high']:.3g}]"
            for name, each in scores_of(found, headline.part).items()
        },
        **({"known from training": known} if headline.known else {}),
        "settings": "config.json of the run",
    }
    model = candidate.model
    names = [each.name for each in model.members] if isinstance(model, AverageModel) else []
    save(model, path, facts, {name: path.parent / name for name in names})
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def say_end(run: Run, context: RunContext, continual: Mapping[str, Any] | None) -> None:
    """Print the verdict, where the report lies and what to do next; `continual` as in `metrics.json`."""
    dataset, stages, metrics = context.dataset, context.stages, run.metrics
    stages.verdict(run.verdict)
    chosen = metrics["models"][metrics["recommended"]]
    found = [metrics.get(key) for key in ("contradiction", "disagreement", "order")]
    if not headline_of(metrics).is_held_out:  # else they are of a test that is known from training
        found += [chosen.get("by_groups"), chosen.get("left_out")]
    found += [*(metrics.get("giveaways") or ())]
    sentences = [
        *(each["words"] for each in found if each is not None),
        metrics["reason"],
        *([] if continual is None else continual_sentences(continual)),
        findings_line(metrics),
        worst_slice(metrics.get("slices"), dataset.noun),
        *(metrics.get("corrections") or {}).get("words", ()),
    ]
    for sentence in sentences:
        if sentence is not None:
            stages.paragraph(sentence)
    stages.line(Sentence("report: {report}", run.report))
    folder = shlex.quote(str(run.folder))
    new, one = dataset.input_kind.examples, dataset.input_kind.example
    stages.line(Sentence("look inside: pellucid explain {folder} {one} --out page.html", folder, one))
    if "corrections" in metrics:
        given, earlier = context.settings.corrections, metrics["corrections"]["earlier"] or "EARLIER_RUN"
        words = ["compare", earlier, str(run.folder), str(context.journal.content["data"]["place"])]
        command = command_line(words, {"corrections": given})
        stages.line(Sentence("newly right and wrong: {command}", command))
    stages.line(Sentence("next: pellucid predict {folder} {new}", folder, new))

"""End of `tune`: the best settings and the default are trained afresh, judged on the test split and saved."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.arithmetic.metrics import rarer_class
from pellucid.arithmetic.rounding import figure
from pellucid.data import Dataset
from pellucid.data.wording import count_of, public_text
from pellucid.evaluation.comparisons import mean_difference, rmse_differences
from pellucid.evaluation.intervals import Interval, percentile_interval, resample, span
from pellucid.language.sentence import Sentence
from pellucid.pipeline.comparing.variants import shown
from pellucid.pipeline.concluding import conclude
from pellucid.pipeline.judging.refitting import Split, cross_fit
from pellucid.pipeline.judging.report_facts import Outcome, report_facts
from pellucid.pipeline.judging.testing import groups_of_test
from pellucid.pipeline.learners.candidates import Candidate, answers, calibrated, threshold_of
from pellucid.pipeline.learners.evaluation_budget import Folds
from pellucid.pipeline.learning import Learned
from pellucid.pipeline.results import write_models
from pellucid.pipeline.run.context import UNLIMITED, RunContext
from pellucid.pipeline.run.journal import Journal, RunFolder, shown_place
from pellucid.pipeline.run.stages import Stages
from pellucid.pipeline.tuning.spaces import Tuning
from pellucid.reports import render
from pellucid.reports.tuning import TuningFacts, render_tuning
from pellucid.safety.files import write_file
from pellucid.settings import NUMBER_METRIC, ROWS, Metric, Settings, command_line

if TYPE_CHECKING:
    from pellucid.pipeline.tuning.study import EndedTrial

DEFAULT = "default"
TUNED = "tuned"
# Seeds with which the best settings and the default are trained afresh: a single training of each would
# compare their seeds as much as their settings.
SEEDS = 3
_SHARE = 1 / 3  # of a time limit that these trainings take, at most
# Metrics that are means over examples, so that the trainings of a setting can be averaged example by example.
_MEANS = ("accuracy", "log_loss", "sample_f1", NUMBER_METRIC.key)
_KEYS = {row.name: row.key for row in ROWS}


def best_of(complete: Sequence["EndedTrial"], metric: Metric) -> "EndedTrial":
    """The trial with the best score; of equals the first."""
    return max(complete, key=lambda each: (metric.better(each.score or 0.0), -each.slot))


def last_trainings(tuning: Tuning, complete: Sequence["EndedTrial"]) -> tuple[int, float]:
    """Seeds of the last trainings that fit into their share of the time, at least one, and their seconds."""
    if not complete:
        return SEEDS, 0.0
    both = {each.slot: each.facts["seconds"] for each in (complete[0], best_of(complete, tuning.metric))}
    of_seed = float(sum(both.values()))
    seeds = int(min(SEEDS, _SHARE * tuning.time.whole / of_seed))
    return max(1, seeds), max(1, seeds) * of_seed


class Answered(NamedTuple):
    """Answers of one training about the test split."""

    answers: np.ndarray  # calibrated probabilities, or numbers
    decided: np.ndarray | None = None  # labels that these decide; None: as the target does by itself


@dataclass(frozen=True)
class Verdict:
    """What tuning has brought, by trainings with seeds that no trial used and examples that none saw."""

    metric: Metric
    scores: Mapping[str, Sequence[float]]  # of `default` and `tuned`, one for each seed
    means: Mapping[str, float]  # of each over its trainings
    difference: Interval  # of `tuned` minus `default`
    examples: str  # the test examples in words
    trials: int  # that have ended, the default among them

    @property
    def finding(self) -> str:
        """`gained` or `lost` where the interval excludes 0 and every seed agrees, else `nothing`."""
        better = self.metric.better
        ends = sorted((better(self.difference.low), better(self.difference.high)))
        ahead = [
            better(tuned) - better(default)
            for default, tuned in zip(self.scores[DEFAULT], self.scores[TUNED], strict=True)
        ]
        if min(*ends, *ahead) > 0:
            return "gained"
        return "lost" if max(*ends, *ahead) < 0 else "nothing"

    def sentence(self) -> str:
        """The outcome in one sentence."""
        start = {
            "gained": "Tuning gained",
            "lost": "Tuning made it worse",
            "nothing": "Tuning gained nothing",
        }
        seeds, difference = len(self.scores[DEFAULT]), span(self.difference)
        tuned, default = (figure(self.means[name]) for name in (TUNED, DEFAULT))
        outcome = (
            Sentence(
                "the best of {trials} trials has {words} {tuned}, the default recipe "
                "{default}, on {examples} that no trial saw, over {seeds} trainings of each (difference "
                "{difference}).",
                self.trials,
                self.metric.words,
                tuned,
                default,
                self.examples,
                seeds,
                difference,
            )
            if seeds > 1
            else Sentence(
                "the best of {trials} trials has {words} {tuned}, the default recipe "
                "{default}, on {examples} that no trial saw (difference {difference}).",
                self.trials,
                self.metric.words,
                tuned,
                default,
                self.examples,
                difference,
            )
        )
        return Sentence("{start}: {outcome}", start[self.finding], outcome)

    def to_json(self) -> dict[str, Any]:
        """Its part of `tune` in `metrics.json`."""
        return {
            "finding": self.finding,
            "test_scores": {name: list(each) for name, each in self.scores.items()},
            "test_means": dict(self.means),
            f"{self.metric.key}_difference": self.difference._asdict(),
        }


def judge(
    found: Mapping[str, Sequence[Answered]], dataset: Dataset, metric: Metric, trials: int, seed: int
) -> Verdict:
    """Compare the two settings on the test split; `found` has the answers of each, one for each seed.

    The interval is that of the difference of their mean scores when the test examples are resampled.
    """
    labels, groups = dataset.labels[dataset.test], groups_of_test(dataset)
    positive = rarer_class(dataset.labels[dataset.train]) if metric.of_two else 0

    def score(each: Answered, some: np.ndarray | slice = slice(None)) -> float:
        decided = None if each.decided is None else each.decided[some]
        return dataset.target.value(metric.key, labels[some], each.answers[some], decided, positive)

    scores = {name: [score(each) for each in found[name]] for name in (DEFAULT, TUNED)}
    means = {name: float(np.mean(each)) for name, each in scores.items()}
    if metric.key in _MEANS:
        default, tuned = (
            np.mean(
                [
                    dataset.target.terms(metric.key, labels, each.answers, each.decided)
                    for each in found[name]
                ],
                axis=0,
            )
            for name in (DEFAULT, TUNED)
        )
        if metric is NUMBER_METRIC:
            means = {DEFAULT: float(np.sqrt(default.mean())), TUNED: float(np.sqrt(tuned.mean()))}
            squares = np.stack([tuned, default], axis=1)
            (difference,) = rmse_differences(squares, np.array([[0, 1]]), seed, groups)
        else:
            difference = mean_difference(tuned - default, seed, groups)
    else:
        every = np.arange(len(labels))

        def gap(counts: np.ndarray) -> float:
            some = np.repeat(every, counts.astype(np.int64))
            tuned, default = (
                np.mean([score(each, some) for each in found[name]]) for name in (TUNED, DEFAULT)
            )
            return float(tuned - default)

        def gaps(weights: np.ndarray) -> np.ndarray:
            return np.array([[gap(counts)] for counts in weights])

        draws = resample(gaps, len(labels), seed, groups=groups)[:, 0]
        value = means[TUNED] - means[DEFAULT]
        difference = percentile_interval(value, draws[np.isfinite(draws)], groups)
    examples = count_of(len(labels), Sentence("test {noun}", dataset.noun))
    return Verdict(metric, scores, means, difference, examples, trials)


def conclude_study(
    tuning: Tuning,
    outcomes: Sequence["EndedTrial"],
    importance: Mapping[str, float],
    folder: RunFolder,
    journal: Journal,
    stages: Stages,
) -> None:
    """Train the default and the best settings afresh, use the test split once, and write everything."""
    dataset, metric, first = tuning.dataset, tuning.metric, tuning.settings.seed + 1
    complete = [each for each in outcomes if each.score is not None]
    chosen = journal.decided("best", lambda: best_of(complete, metric).slot)
    best = next(each for each in outcomes if each.slot == chosen)
    settings: dict[str, Mapping[str, Any]] = {DEFAULT: {each.name: each.default for each in tuning.space}}
    if chosen:  # trial 0 is the default
        settings[TUNED] = best.values
    count = journal.decided("seeds", lambda: last_trainings(tuning, complete)[0])
    seeds = [seed % 2**32 for seed in range(first, first + count)]
    more = {
        name: _trained_again(name, each, seeds[1:], tuning, folder, stages) for name, each in settings.items()
    }
    candidates = []
    for name, values in settings.items():
        learner = tuning.learner(tuning.settings_of(values, seeds[0]))
        network = learner.planned(dataset)
        with stages.stage(Sentence("trained {name} afresh, seed {seeds}", name, seeds[0])):
            candidates.append(dataclasses.replace(learner.trained(network, dataset)[0], name=name))
    journal.decided("plan", network.plan.to_json)
    of_run = Settings(**journal.content["settings"])
    # The verdict needs both models whatever the clock says; time for this was reserved when the study began.
    context = RunContext(folder, dataset, of_run, stages, journal, UNLIMITED)
    learned = Learned(candidates, None, network.as_trained(), (), candidates[-1].history)
    outcome = conclude(learned, tuning.check, Folds(dataset), context)
    verdict = None
    if chosen:
        tested = {
            name: Answered(each.answers, each.decided(dataset)) for name, each in outcome.tested.items()
        }
        found = {name: [tested[name], *more[name]] for name in settings}
        verdict = judge(found, dataset, metric, len(outcomes), tuning.settings.seed)
    facts = {
        **_facts(tuning, outcomes, verdict, best),
        "settings": {name: dict(values) for name, values in settings.items()},
        "seeds": seeds,
        "importance": dict(importance),
    }
    with stages.stage("writing models and report", "wrote models and report"):
        following = _write(tuning, outcome, facts, folder, journal.content)
    stages.verdict(facts["verdict"])
    stages.line(Sentence("report: {path}", folder.path / "report.html"))
    stages.line(Sentence("next: {following}", following))


def _trained_again(
    name: str,
    values: Mapping[str, Any],
    seeds: Sequence[int],
    tuning: Tuning,
    folder: RunFolder,
    stages: Stages,
) -> list[Answered]:
    """Answers about the test split of trainings with further seeds, each kept as soon as it is there."""
    dataset, found = tuning.dataset, []
    for seed in seeds:
        settings = tuning.settings_of(values, seed)

        def ask(fitted: Sequence[Candidate], split: Split, own: Settings = settings) -> dict[str, np.ndarray]:
            (candidate,) = calibrated(fitted[:1], dataset, own.seed)
            said = answers(candidate.model, dataset, split.judged)
            threshold = threshold_of(candidate, dataset, own)
            model = candidate.model.for_data(threshold=threshold)
            return {"answers": said, "decided": model.decided(said)}

        with stages.stage(Sentence("trained {name} afresh, seed {seed}", name, seed)):
            kept = folder.checkpoints / f"afresh-{name}-seed-{seed}"
            (fit,) = cross_fit(tuning.learner(settings).fit, [Split(dataset, dataset.test)], ask, kept)
        found.append(Answered(fit.arrays["answers"], fit.arrays.get("decided")))
    return found


def _facts(
    tuning: Tuning, outcomes: Sequence["EndedTrial"], verdict: Verdict | None, best: "EndedTrial"
) -> dict[str, Any]:
    """What the trials and the verdict have in `tune` of `metrics.json`."""
    metric, states = tuning.metric, [each.state for each in outcomes]
    nothing = Sentence(
        "Tuning gained nothing: none of {outcomes} was better on "
        "validation than the default recipe, {words} {figure}.",
        count_of(len(outcomes) - 1, "other trial"),
        metric.words,
        figure(best.score or 0.0),
    )
    return {
        "model": tuning.plan.name,
        "metric": metric.key,
        "larger_is_better": not metric.is_error,
        "trials_asked": tuning.trials,
        "trials_ended": len(outcomes),
        "complete": states.count("complete"),
        "stopped_early": states.count("stopped early"),
        "diverged": states.count("diverged"),
        "validation": len(tuning.dataset.validation),
        "test": len(tuning.dataset.test),
        "best": best.slot,
        "verdict": nothing if verdict is None else verdict.sentence(),
        "judged": {"finding": "nothing"} if verdict is None else verdict.to_json(),
        "space": [dataclasses.asdict(each) for each in tuning.space],
        "trials": [each._asdict() for each in outcomes],
    }


def _write(
    tuning: Tuning,
    outcome: Outcome,
    facts: Mapping[str, Any],
    folder: RunFolder,
    config: Mapping[str, Any],
) -> str:
    """Write models, settings and pages, then `metrics.json`, which marks the end; the command to run next."""
    metrics = {**write_models(folder, outcome), "tune": facts}
    write_file(folder.path / "models.html", render(report_facts(outcome, metrics)).encode())
    write_file(folder.path / "best.toml", "\n".join([*_toml(tuning, facts), ""]).encode())
    lines = [
        json.dumps({"settings": each.name, "seed": facts["seeds"][0], **record}, allow_nan=False) + "\n"
        for each in outcome.candidates
        for record in each.history
    ]
    write_file(folder.path / "history.jsonl", "".join(lines).encode())
    place = str(config["data"]["place"])
    words, given = ["train", place, "--out", "RUN"], {**tuning.given}
    given.pop("time_limit", None)  # of the study, not of a training
    if facts["judged"]["finding"] == "gained":
        words, given = [*words, "--config", str(folder.path / "best.toml")], {}
    following = command_line(words, given, shown)
    page = TuningFacts(
        title=shown_place(config),
        metrics=metrics,
        settings=config["settings"],
        versions=config["versions"],
        command=public_text(config["command"]),
        following=public_text(following),
    )
    write_file(folder.path / "report.html", render_tuning(page).encode())
    folder.write_json("metrics.json", metrics)
    return following


def _toml(tuning: Tuning, facts: Mapping[str, Any]) -> Iterator[str]:
    """Lines of a file for `--config`: what was given, and what the best trial has beyond the default."""
    tuned = facts["settings"].get(TUNED)
    own = {} if tuned is None else {"model": tuning.plan.name, "optimizer": tuning.plan.recipe.optimizer}
    yield f"# {facts['verdict']}"
    for name, value in {**own, **tuning.given, **(tuned or {})}.items():
        if name != "time_limit" and value is not None:
            text = json.dumps(value, ensure_ascii=False)  # texts, numbers and truth are the same in TOML
            if isinstance(value, Mapping):
                pairs = (f"{json.dumps(key)} = {json.dumps(each)}" for key, each in value.items())
                text = f"{{ {', '.join(pairs)} }}"
            yield f"{_KEYS[name]} = {text}"

"""Labels that are likely wrong, by models that never saw the example they judge."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic.rounding import figure
from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.evaluation import LabelError, LabelJudgement, judge_label_issues
from pellucid.pipeline.judging.label_judges import Judge, fold_judge, held_out_judge
from pellucid.pipeline.judging.report_selection import shown
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.run.stages import Stages
from pellucid.reports import LabelIssue, LabelIssues
from pellucid.settings import Settings

_SHOWN = 40


class _Judged(NamedTuple):
    """Answers of a judge, and the labels that it takes for wrong."""

    judge: Judge
    judgement: LabelJudgement
    words: str


def judge_labels(
    candidates: Sequence[Candidate],
    recommended: str,
    test: Float64[np.ndarray, "test classes"],
    dataset: Dataset,
    settings: Settings,
    stages: Stages,
    most: int | None = None,
) -> LabelIssues:
    """Look for wrong labels in every split, each judged by a model that did not learn from the example.

    What was held out is judged by the recommended model. Training examples are judged, where baselines are
    trained, by simple models that are trained anew for each fold of them on the others.

    Args:
        candidates: the models of the run.
        recommended: name of the recommended one.
        test: its probabilities on the test split.
        dataset: the data.
        settings: seed, threads and whether baselines are trained.
        stages: shows what is done.
        most: training examples that there is time to judge; `None` for as many as the settings allow.

    Returns:
        The likeliest, and how many there are.
    """
    held_out = held_out_judge(next(each for each in candidates if each.name == recommended), dataset, test)
    judged = [_judged(held_out, f"the {dataset.noun}s kept from training", dataset)]
    if settings.baselines and most != 0:
        with stages.stage(
            "judging the labels of the training examples",
            f"too few {dataset.noun}s to judge the labels of the training examples",
        ) as stage:
            judge = fold_judge(candidates, dataset, held_out, settings, most)
            if judge is not None:
                judged.append(_judged(judge, _of_training(judge, dataset), dataset))
                stage.words = _stage_words(judged[-1], dataset.noun)
    return _together(judged, dataset)


def _judged(judge: Judge, what: str, dataset: Dataset) -> _Judged:
    judgement = judge_label_issues(dataset.labels[judge.positions], judge.answers)
    return _Judged(judge, judgement, _method(judge, judgement, what))


def _of_training(judge: Judge, dataset: Dataset) -> str:
    """The judged training examples in words."""
    count = len(judge.positions)
    drawn = f" ({count:,}, drawn by chance)" if judge.is_drawn else ""
    return f"the {dataset.noun}s of the training split{drawn}"


def _method(judge: Judge, judgement: LabelJudgement, what: str) -> str:
    """Who judged what, how well it agrees with the labels, and what follows, in two sentences."""
    sees = "" if judge.sees is None else f" on {judge.sees}"
    who, agree = ("it", "it agrees") if judge.beside is None else ("they", "their mean agrees")
    folds = f", trained {judge.folds} times on a part and asked about the rest," if judge.folds else ""
    if not judgement.examined:
        return f"There was nothing to judge of {what}."
    agrees = (
        f"{_both(judge)}{sees}{folds} judged {what}, none of which {who} had learnt from; {agree} with "
        f"{figure(100 * judgement.accuracy)} % of {judgement.examined:,} labels."
    )
    if not judgement.is_able:
        return f"{agrees} That is too weak, or too little, to call a label wrong, so none of these is listed."
    if not judgement.share:
        return f"{agrees} A share of wrong labels cannot be told from none, so none of these is listed."
    return (
        f"{agrees} About {figure(100 * judgement.share, 2)} % of these labels seem wrong, and "
        f"{len(judgement.found):,} are listed."
    )


def _both(judge: Judge) -> str:
    """The models of a judge."""
    return judge.name if judge.beside is None else f"{judge.name} and {judge.beside}"


def _stage_words(judged: _Judged, noun: str) -> str:
    """Summarise the judging of training examples for the terminal."""
    judge, judgement, _ = judged
    found = count_of(len(judgement.found), "label")
    words = f"judged the labels of {count_of(judgement.examined, f'training {noun}')} by {_both(judge)}"
    agree = "which agrees" if judge.beside is None else "whose mean agrees"
    return f"{words}, {agree} with {figure(100 * judgement.accuracy)} %: {found} likely wrong"


def _together(judged: Sequence[_Judged], dataset: Dataset) -> LabelIssues:
    """Findings of all judges, the likeliest errors first."""
    found = [
        (each, int(judge.positions[each.position]))
        for judge, judgement, _ in judged
        for each in judgement.found
    ]
    found.sort(key=lambda pair: -pair[0].probability_wrong)
    expected = sum(each.probability_wrong for each, _ in found)
    return LabelIssues(
        shown=[_label_issue(dataset, place, each) for each, place in found[:_SHOWN]],
        count=len(found),
        examined=sum(judgement.examined for _, judgement, _ in judged),
        method=" ".join(words for _, _, words in judged),
        agreed=sum(judgement.agreed for _, judgement, _ in judged),
        precision=expected / len(found) if found else None,
        judges=[_judge_json(each) for each in judged],
    )


def _judge_json(judged: _Judged) -> dict[str, Any]:
    """A judge in `metrics.json`."""
    judge, judgement, _ = judged
    return {
        "name": judge.name,
        "beside": judge.beside,
        "by_folds": judge.folds > 0,
        "examined": judgement.examined,
        "accuracy": judgement.accuracy,
        "is_able": judgement.is_able,
        "share_wrong": judgement.share,
        "count": len(judgement.found),
    }


def _label_issue(dataset: Dataset, place: int, found: LabelError) -> LabelIssue:
    split = next(name for name, members in dataset.split_positions.items() if place in members)
    return LabelIssue(
        shown=shown(dataset, place),
        source=dataset.sources[place],
        split=split,
        label=dataset.classes[dataset.labels[place]],
        suggested=dataset.classes[found.suggested],
        probability=found.probability,
        probability_of_label=found.probability_of_label,
        probability_wrong=found.probability_wrong,
    )


def as_json(label_issues: LabelIssues | None) -> dict[str, Any] | None:
    """The form of `label_issues` in `metrics.json`, without the inputs; `None` where none were looked for."""
    if label_issues is None:
        return None
    names = ("source", "split", "label", "suggested", "probability", "probability_of_label")
    return {
        "count": label_issues.count,
        "examined": label_issues.examined,
        "agreed": label_issues.agreed,
        "method": label_issues.method,
        "expected_precision": label_issues.precision,
        "judges": list(label_issues.judges),
        "examples": [
            {name: getattr(each, name) for name in (*names, "probability_wrong")}
            for each in label_issues.shown
        ],
    }

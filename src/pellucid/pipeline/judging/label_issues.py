"""Labels that are likely wrong, by models that did not learn from the example they judge."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic import at_temperature
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.arithmetic.metrics import accuracy
from pellucid.arithmetic.rounding import figure
from pellucid.classical import FEATURES, VALUES, discriminant_answers, extract
from pellucid.classical.training_set import Setting
from pellucid.data import Dataset
from pellucid.data.raw_texts import Texts
from pellucid.data.wording import count_of
from pellucid.evaluation import LabelError, LabelJudgement, fit_temperature, judge_label_issues
from pellucid.pipeline.judging.report_facts import shown
from pellucid.pipeline.learners.candidates import Candidate, raw_answers
from pellucid.pipeline.learners.classical import ClassicalLearner
from pellucid.pipeline.learners.evaluation_budget import most_within_limit
from pellucid.pipeline.learners.preparation import Material
from pellucid.pipeline.run.stages import Stages
from pellucid.reports import LabelIssue, LabelIssues
from pellucid.settings import Settings

# Judges of labels: models and their answers about examples that they did not learn from.

# Training examples that are judged, at most; of more so many are drawn.
_MOST_EXAMINED = 20_000

# Of few images more folds are affordable, and each leaves more to learn from.
FOLDS, FOLDS_OF_FEW, FEW = 3, 5, 5_000

# Features up to which a discriminant costs seconds; its time grows with their cube.
_WIDEST = 3_000

# Judges that are quick, and whose probabilities are nearer to the truth than those of others as accurate.
#
# The first learns where classes part, the second where their middles lie, so that they err on other examples,
# and the mean of both is right more often. The set-up of the first is chosen by accuracy: the log loss
# prefers weaker penalties, which learn the wrong labels.
LEARNER, BESIDE = "logistic-regression", "linear-discriminant"

# Of images that no backbone has seen.
_FEATURES = "hog"

_SEEN = {"image": "histograms of oriented gradients", "text": "TF-IDF of words and characters"}


class Judge(NamedTuple):
    """A judge of labels, and what it said.

    Attributes:
        name: of the model.
        sees: what it sees of an example, in words; `None` for networks.
        positions: of the examples in the data.
        answers: about each; probabilities by a model that did not learn from it.
        folds: times that models of the same kind were trained for it, on parts of the examples; 0 where it
            was trained once, on others.
        beside: name of a second model, where the answers are the mean of both.
        is_drawn: whether there were more examples, of which chance chose these.
    """

    name: str
    sees: str | None
    positions: Int64[np.ndarray, " judged"]
    answers: Float64[np.ndarray, "judged classes"]
    folds: int = 0
    beside: str | None = None
    is_drawn: bool = False


def held_out_judge(
    recommended: Candidate, dataset: Dataset, test: Float64[np.ndarray, "test classes"]
) -> Judge:
    """The recommended model as the judge of what it did not learn from, of the test by what it said then."""
    positions, answers = _held_out(recommended)
    return Judge(
        recommended.name,
        recommended.features,
        np.concatenate([positions, dataset.test]),
        np.concatenate([answers, test]),
    )


def _held_out(candidate: Candidate) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the examples before the test that a model did not learn from, and its answers."""
    return candidate.held_out.positions, candidate.held_out.answers


def fold_judge(
    candidates: Sequence[Candidate],
    dataset: Dataset,
    known: Judge,
    settings: Settings,
    within: int | None = None,
) -> Judge | None:
    """Logistic regression, trained anew for each fold of the training examples on the others.

    Of images, and on the features of a backbone, linear discriminant analysis answers beside it.

    Args:
        candidates: the models of the run.
        dataset: the data.
        known: what was judged already; those examples are not judged again.
        settings: seed and threads.
        within: training examples that there is time to judge; `None` without a limit.

    Returns:
        The judge of at most 20,000 training examples, drawn by chance where there are more, and of fewer
        under a time limit; `None` where there are too few left to learn from.
    """
    body = _best_body(candidates, dataset)
    able = dataset.train if body is None or body.stored is None else body.stored.train
    left = np.setdiff1d(able, known.positions)
    most = most_within_limit(_MOST_EXAMINED, settings, are_texts=isinstance(dataset.inputs, Texts))
    most = most if within is None else min(most, within)
    positions = np.sort(generator(settings.seed, Purpose.LABEL_ISSUES).permutation(left)[:most])
    together = dataset.together[positions]
    if len(np.unique(together)) < 2 * FOLDS or len(np.unique(dataset.labels[positions])) < 2:
        return None
    seen = _seen(dataset, positions, body)
    are_rows = isinstance(seen, np.ndarray)  # texts stay where they are: their n-grams are counted already
    material = Material(
        seen,
        dataset.labels[positions] if are_rows else dataset.labels,
        train=np.arange(len(positions)) if are_rows else positions,
        validation=np.zeros(0, np.int64),
        classes=dataset.classes,
    )
    folds = FOLDS_OF_FEW if isinstance(seen, np.ndarray) and len(positions) <= FEW else FOLDS
    fold = folds_of(together, folds, settings.seed)
    by_accuracy = dataclasses.replace(settings, metric="accuracy")
    setup = None if settings.metric == "log-loss" else _setup(candidates, body, material)
    # The judgement finds a temperature of its own, so that no model is trained for the scale of each fold.
    # Scale that the run's own logistic regression found at this set-up; `None` where there is none.
    learner = ClassicalLearner(
        LEARNER,
        by_accuracy,
        setup=setup,
        scale=next((each.scale for each in candidates if each.name == LEARNER and each.setup == setup), None),
    )
    answers = out_of_fold(learner, material, fold)
    name, sees = (LEARNER, _SEEN[dataset.noun]) if body is None else (body.name, body.features)
    judge = Judge(name, sees, positions, answers, folds, is_drawn=len(positions) < len(left))
    if not isinstance(seen, np.ndarray) or seen.shape[1] > _WIDEST:
        return judge
    return judge._replace(answers=with_discriminant(answers, material, fold), beside=BESIDE)


def _best_body(candidates: Sequence[Candidate], dataset: Dataset) -> Candidate | None:
    """Logistic regression on the frozen backbone that serves it best; `None` without a backbone.

    It is left out where logistic regression on what the inputs themselves show is more accurate.
    """
    alone = {each.name: _accuracy(each, dataset) for each in candidates}
    frozen = [
        each
        for each in candidates
        if each.name.startswith(f"{LEARNER}-on-") and each.stored is not None and each.stored.hidden_from == 0
    ]
    best = max(frozen, key=lambda each: alone[each.name], default=None)
    return None if best is None or alone.get(LEARNER, 0.0) > alone[best.name] else best


def _setup(candidates: Sequence[Candidate], body: Candidate | None, material: Material) -> Setting | None:
    """Set-up of the run's own logistic regression on the same features, which validation chose.

    `None` where there is none, and each fold's training examples choose.
    """
    alone = next((each for each in candidates if each.name == LEARNER), None)
    same = body or alone
    if same is None or (body is None and material.takes != "texts" and same.features != _FEATURES):
        return None
    features, words = same.setup
    if material.takes == "texts":
        return features, words
    return VALUES, words.removeprefix(f"{FEATURES[_FEATURES].title}, ")


def _accuracy(candidate: Candidate, dataset: Dataset) -> float:
    """Accuracy on what was held out; 0 where nothing was."""
    positions, answers = _held_out(candidate)
    return accuracy(dataset.labels[positions], answers) if len(positions) else 0.0


def _seen(
    dataset: Dataset, positions: Int64[np.ndarray, " judged"], body: Candidate | None
) -> np.ndarray | Texts:
    """Features of examples for the judge: a backbone's, or those of images; or all texts as they are."""
    if body is not None and body.stored is not None:
        return body.stored.hidden(positions)
    if isinstance(dataset.inputs, Texts):
        return dataset.inputs
    return extract(_FEATURES, dataset.inputs[positions])


def folds_of(together: Int64[np.ndarray, " n"], folds: int, seed: int) -> Int64[np.ndarray, " n"]:
    """Draw the fold of each example, from 0.

    `together` is the number of the set that each belongs to: copies must not be parted, or a model knows the
    label of one by the other.
    """
    sets, members = np.unique(together, return_inverse=True)
    draws = generator(seed, Purpose.LABEL_ISSUES, 1)
    found: Int64[np.ndarray, " n"] = (draws.permutation(len(sets)) % folds)[members]
    return found


def out_of_fold(
    learner: ClassicalLearner, material: Material, fold: Int64[np.ndarray, " train"]
) -> Float64[np.ndarray, "train classes"]:
    """Answers about training examples, by models that did not learn from them.

    Args:
        learner: trained once for each fold, on the others, at the set-up that serves best without the first.
        material: whose training examples are asked about; its validation examples are not used.
        fold: of each training example.

    Returns:
        A row for each training example.
    """
    answers = np.zeros((len(material.train), len(material.classes)))
    for number in range(int(fold.max()) + 1):
        asked = fold == number
        part = dataclasses.replace(material, train=material.train[~asked], validation=material.validation[:0])
        (fitted,) = learner.fit(part)
        # Comparing set-ups costs as much as learning, and on the other folds ends the same.
        learner = dataclasses.replace(learner, setup=fitted.setup)
        answers[asked] = raw_answers(fitted, material, material.train[asked])
    return answers


def with_discriminant(
    answers: Float64[np.ndarray, "train classes"], material: Material, fold: Int64[np.ndarray, " train"]
) -> Float64[np.ndarray, "train classes"]:
    """Mean of a model's answers and of linear discriminant analysis, each at the temperature that fits."""
    assert isinstance(material.inputs, np.ndarray)
    rows, labels = material.inputs[material.train], material.labels[material.train].astype(np.int64)
    beside = discriminant_answers(rows, labels, len(material.classes), fold)
    both = [at_temperature(each, fit_temperature(labels, each)) for each in (answers, beside)]
    mean: Float64[np.ndarray, "train classes"] = np.mean(both, axis=0)
    return mean


_SHOWN = 40


class _JudgedLabels(NamedTuple):
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


def _judged(judge: Judge, what: str, dataset: Dataset) -> _JudgedLabels:
    judgement = judge_label_issues(dataset.labels[judge.positions], judge.answers)
    return _JudgedLabels(judge, judgement, _method(judge, judgement, what))


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


def _stage_words(judged: _JudgedLabels, noun: str) -> str:
    """Summarise the judging of training examples for the terminal."""
    judge, judgement, _ = judged
    found = count_of(len(judgement.found), "label")
    words = f"judged the labels of {count_of(judgement.examined, f'training {noun}')} by {_both(judge)}"
    agree = "which agrees" if judge.beside is None else "whose mean agrees"
    return f"{words}, {agree} with {figure(100 * judgement.accuracy)} %: {found} likely wrong"


def _together(judged: Sequence[_JudgedLabels], dataset: Dataset) -> LabelIssues:
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


def _judge_json(judged: _JudgedLabels) -> dict[str, Any]:
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

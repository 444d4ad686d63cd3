"""Labels that are likely wrong, by models that did not learn from the example they judge."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.arithmetic.rounding import figure
from pellucid.classical import FEATURES, VALUES, extract
from pellucid.classical.training_set import Setting
from pellucid.data import Dataset
from pellucid.data.raw_texts import Texts
from pellucid.data.wording import count_of
from pellucid.evaluation import SCORING, LabelJudgement
from pellucid.language.sentence import Sentence, join
from pellucid.pipeline.judging.by_target import JUDGING, example_of, shown
from pellucid.pipeline.judging.refitting import Split, cross_fit
from pellucid.pipeline.judging.testing import drawn
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.classical import ClassicalLearner
from pellucid.pipeline.learners.evaluation_budget import most_within_limit
from pellucid.pipeline.run.context import RunContext
from pellucid.reports import LabelIssue, LabelIssues
from pellucid.settings import METRICS, Settings
from pellucid.targets import metric_value

# Training examples that are judged, at most; of more so many are drawn.
_MOST_EXAMINED = 20_000

# Of few images more folds are affordable, and each leaves more to learn from.
FOLDS = 3
FOLDS_OF_FEW = 5
FEW = 5_000

# Features up to which a discriminant costs seconds; its time grows with their cube.
_WIDEST = 3_000

# Judges that are quick, and whose probabilities are nearer to the truth than those of others as accurate
# (docs/statistics.md). One learns where classes divide, the other where their means lie, so that they err on
# other examples. The set-up of the first is chosen by accuracy: log loss prefers penalties that fit errors.
LEARNER = "logistic-regression"
SECOND = "linear-discriminant"

# Of images that no backbone has seen.
_FEATURES = "hog"

_SEEN = {"image": "histograms of oriented gradients", "text": "TF-IDF of words and characters"}

# Likely errors that the report shows.
_SHOWN = 40


class Judge(NamedTuple):
    """A judge of labels, and its answers."""

    name: str  # of the model
    sees: str | None  # what it sees of an example, in words; None for networks
    positions: Int64[np.ndarray, " judged"]  # of the examples in the data
    # about each; probabilities by a model that did not learn from it
    answers: Float64[np.ndarray, "judged classes"]
    # times that models of the same kind were trained for it, on parts of the examples; 0 where it was
    # trained once, on others
    folds: int = 0
    second: str | None = None  # name of a second model, where the answers are the mean of both
    is_drawn: bool = False  # whether there were more examples, of which chance chose these

    @property
    def models(self) -> str:
        """Its models in words."""
        return self.name if self.second is None else Sentence("{name} and {second}", self.name, self.second)


def held_out_judge(
    recommended: Candidate, dataset: Dataset, test: Float64[np.ndarray, "test classes"]
) -> Judge:
    """The recommended model as the judge of what it did not learn from, `test` being its answers then."""
    held_out = recommended.held_out
    positions = np.concatenate([held_out.positions, dataset.test])
    answers = np.concatenate([held_out.answers, test])
    return Judge(recommended.name, recommended.features, positions, answers)


def fold_judge(
    candidates: Sequence[Candidate],
    dataset: Dataset,
    known: Judge,
    settings: Settings,
    within: int | None = None,
) -> Judge | None:
    """Logistic regression, trained anew for each fold of the training examples on the others.

    Of images, and on the features of a backbone, linear discriminant analysis answers too. At most
    20,000 training examples are judged, `within` where there is no time for more, and none that `known` has
    judged; chance draws them where there are more. `None` where there are too few left to learn from.
    """
    body = _best_body(candidates, dataset)
    stored = None if body is None else body.stored
    left = np.setdiff1d(dataset.train if stored is None else stored.train, known.positions)
    most = most_within_limit(_MOST_EXAMINED, settings, are_texts=isinstance(dataset.inputs, Texts))
    most = most if within is None else min(most, within)
    positions = drawn(left, most, settings.seed, Purpose.LABEL_ISSUES)
    together = dataset.together[positions]
    if len(np.unique(together)) < 2 * FOLDS or len(np.unique(dataset.labels[positions])) < 2:
        return None
    seen: np.ndarray | Texts
    labels, train = dataset.labels[positions], np.arange(len(positions))
    if stored is not None:
        seen = stored.hidden(positions)
    elif isinstance(dataset.inputs, Texts):
        # They stay where they are: their n-grams are counted already.
        seen, labels, train = dataset.inputs, dataset.labels, positions
    else:
        seen = extract(_FEATURES, dataset.inputs[positions])
    nothing = np.zeros(0, np.int64)
    material = Dataset(
        seen, labels, train=train, validation=nothing, classes=dataset.classes, target=dataset.target
    )
    are_rows = isinstance(seen, np.ndarray)
    folds = FOLDS_OF_FEW if are_rows and len(positions) <= FEW else FOLDS
    fold = draw_folds(together, folds, settings.seed)
    setup = None if settings.metric == "log-loss" else _setup(candidates, body, material)
    learner = ClassicalLearner(
        LEARNER,
        dataclasses.replace(settings, metric=METRICS[dataset.target.headline].setting),
        setup=setup,
        # That of the run's own logistic regression at this set-up: no model is trained for the scale of each
        # fold, since the judgement finds a temperature of its own.
        scale=next((each.scale for each in candidates if each.name == LEARNER and each.setup == setup), None),
    )
    answers = out_of_fold(learner, material, fold)
    name, sees = (LEARNER, _SEEN[dataset.noun]) if body is None else (body.name, body.features)
    judge = Judge(name, sees, positions, answers, folds, is_drawn=len(positions) < len(left))
    with_second = JUDGING[dataset.target].with_second
    if not isinstance(seen, np.ndarray) or seen.shape[1] > _WIDEST or with_second is None:
        return judge
    return judge._replace(answers=with_second(answers, material, fold), second=SECOND)


def _best_body(candidates: Sequence[Candidate], dataset: Dataset) -> Candidate | None:
    """Logistic regression on the frozen backbone that serves it best by what was held out.

    `None` without a backbone, or where logistic regression on the inputs themselves is more accurate.
    """

    def score(candidate: Candidate | None) -> float:
        if candidate is None or not len(candidate.held_out.positions):
            return 0.0
        labels = dataset.labels_at(candidate.held_out.positions)
        return metric_value(METRICS[dataset.target.headline], labels, candidate.held_out.answers)

    frozen = [
        each
        for each in candidates
        if each.name.startswith(f"{LEARNER}-on-") and each.stored is not None and each.stored.hidden_from == 0
    ]
    best = max(frozen, key=score, default=None)
    alone = next((each for each in candidates if each.name == LEARNER), None)
    return None if best is None or score(alone) > score(best) else best


def _setup(candidates: Sequence[Candidate], body: Candidate | None, material: Dataset) -> Setting | None:
    """Set-up of the run's own logistic regression on the same features, which validation chose.

    `None` where there is none, and each fold's training examples choose.
    """
    same = body or next((each for each in candidates if each.name == LEARNER), None)
    if same is None or (body is None and material.takes != "texts" and same.features != _FEATURES):
        return None
    features, words = same.setup
    if material.takes == "texts":
        return features, words
    return VALUES, words.removeprefix(Sentence("{title}, ", FEATURES[_FEATURES].title))


def draw_folds(together: Int64[np.ndarray, " n"], folds: int, seed: int) -> Int64[np.ndarray, " n"]:
    """Draw the fold of each example, from 0.

    `together` is the number of the set that each belongs to: copies must not be separated, or a model knows
    the label of one by the other.
    """
    sets, members = np.unique(together, return_inverse=True)
    draws = generator(seed, Purpose.LABEL_ISSUES, 1)
    found: Int64[np.ndarray, " n"] = (draws.permutation(len(sets)) % folds)[members]
    return found


def out_of_fold(
    learner: ClassicalLearner, material: Dataset, fold: Int64[np.ndarray, " train"]
) -> Float64[np.ndarray, "train classes"]:
    """Answers about the training examples, whose folds are given, by models trained on the other folds.

    All are trained at the set-up that serves best without the first fold.
    """

    def fit(part: Dataset) -> Sequence[Candidate]:
        nonlocal learner
        (fitted,) = learner.fit(part)
        # Comparing set-ups costs as much as learning, and on the other folds ends the same.
        learner = dataclasses.replace(learner, setup=fitted.setup)
        return [fitted]

    folds = [fold == number for number in range(int(fold.max()) + 1)]
    parts = [dataclasses.replace(material.without_validation, train=material.train[~each]) for each in folds]
    splits = [Split(part, material.train[each]) for part, each in zip(parts, folds, strict=True)]
    answers = np.zeros((len(material.train), len(material.classes)))
    for asked, found in zip(folds, cross_fit(fit, splits), strict=True):
        answers[asked] = found.arrays["answers"]
    return answers


class _JudgedLabels(NamedTuple):
    """A judge, the labels that it takes for wrong, and who judged what, in words."""

    judge: Judge
    judgement: LabelJudgement
    words: str


def judge_labels(
    recommended: Candidate,
    test: Float64[np.ndarray, "test classes"],
    candidates: Sequence[Candidate],
    context: RunContext,
    most: int | None = None,
) -> LabelIssues:
    """Look for wrong labels in every split, each judged by a model that did not learn from the example.

    What was held out is judged by the recommended model, whose answers about the test split are `test`.
    Training examples, `most` where there is no time for more, are judged by simple models that are trained
    anew for each fold of them, where baselines are trained at all.
    """
    dataset, settings = context.dataset, context.settings
    held_out = held_out_judge(recommended, dataset, test)
    judged = [_judged(held_out, Sentence("the {noun}s kept from training", dataset.noun), dataset)]
    if settings.baselines and most != 0:
        with context.stages.stage(
            "judging the labels of the training examples",
            Sentence("too few {noun}s to judge the labels of the training examples", dataset.noun),
        ) as stage:
            judge = fold_judge(candidates, dataset, held_out, settings, most)
            if judge is not None:
                by_chance = (
                    Sentence(" ({positions:,}, drawn by chance)", len(judge.positions))
                    if judge.is_drawn
                    else ""
                )
                judged.append(
                    _judged(
                        judge,
                        Sentence("the {noun}s of the training split{by_chance}", dataset.noun, by_chance),
                        dataset,
                    )
                )
                judgement, noun = judged[-1].judgement, Sentence("training {noun}", dataset.noun)
                checked, agrees = (
                    count_of(len(judge.positions), Sentence("{noun} label", noun)),
                    f"{figure(100 * judgement.accuracy)} %",
                )
                stage.words = Sentence(
                    "checked {checked} (models agree with {agrees}): none looks wrong", checked, agrees
                )
                if judgement.found:
                    likely = len(judgement.found)
                    stage.words = Sentence(
                        "checked {checked} (models agree with {agrees}): {likely:,} likely wrong",
                        checked,
                        agrees,
                        likely,
                    )
    found = [
        (each, int(judge.positions[each.position]))
        for judge, judgement, _ in judged
        for each in judgement.found
    ]
    found.sort(key=lambda pair: -pair[0].probability_wrong)
    expected, judging = sum(each.probability_wrong for each, _ in found), JUDGING[dataset.target]
    return LabelIssues(
        shown=[
            LabelIssue(
                shown=shown(dataset, place),
                source=dataset.sources[place],
                split=next(name for name, of in dataset.split_positions.items() if place in of),
                label=judging.doubted(dataset, place, each.suggested)[0],
                suggested=judging.doubted(dataset, place, each.suggested)[1],
                probability=each.probability,
                probability_of_label=each.probability_of_label,
                probability_wrong=each.probability_wrong,
                example=example_of(dataset, place, judging.suggested(dataset, place, each.suggested)),
            )
            for each, place in found[:_SHOWN]
        ],
        count=len(found),
        examined=sum(judgement.examined for _, judgement, _ in judged),
        method=join(" ", [words for _, _, words in judged]),
        agreed=sum(judgement.agreed for _, judgement, _ in judged),
        precision=expected / len(found) if found else None,
        judges=[
            {
                "name": judge.name,
                "beside": judge.second,
                "by_folds": judge.folds > 0,
                "examined": judgement.examined,
                "accuracy": judgement.accuracy,
                "is_able": judgement.is_able,
                "share_wrong": judgement.share,
                "count": len(judgement.found),
            }
            for judge, judgement, _ in judged
        ],
    )


def _judged(judge: Judge, what: str, dataset: Dataset) -> _JudgedLabels:
    """A judge with its judgement, and in words how well it agrees with the labels and what follows."""
    judgement = SCORING[dataset.target].judge(dataset.labels_at(judge.positions), judge.answers)
    if not judgement.examined:
        return _JudgedLabels(judge, judgement, Sentence("There was nothing to judge of {what}.", what))
    is_one, models = judge.second is None, judge.models
    if judge.sees is not None:
        models = Sentence("{models} (judging by {sees})", models, judge.sees)
    if judge.folds:
        models = Sentence(
            "{models}, trained {folds} times on a part and asked about the rest,", models, judge.folds
        )
    share = figure(100 * judgement.accuracy)
    sentences = [
        Sentence("{models} judged {what}, none of which it had learnt from.", models, what)
        if is_one
        else Sentence("{models} judged {what}, none of which they had learnt from.", models, what),
        Sentence("It agrees with {share} % of {examined:,} labels.", share, judgement.examined)
        if is_one
        else Sentence("Their mean agrees with {share} % of {examined:,} labels.", share, judgement.examined),
    ]
    follows: str = Sentence(
        "About {share} % of these labels seem wrong, and {found:,} are listed.",
        figure(100 * judgement.share, 2),
        len(judgement.found),
    )
    if not judgement.is_able:
        follows = "That is too weak, or too little, to call a label wrong, so none of these is listed."
    elif not judgement.share:
        follows = "The share of wrong labels is not distinguishable from zero, so none of these is listed."
    return _JudgedLabels(judge, judgement, join(" ", [*sentences, follows]))


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

"""scikit-learn's own checks, as far as they go with texts, and the same promises on real texts."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import SkipTestWarning
from sklearn.utils import estimator_checks, get_tags

import pellucid
from small_models import digits
from text_models import texts

ESTIMATORS = (pellucid.TextClassifier, pellucid.TextRegressor)
WITHOUT_DATA = (
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_estimators_unfitted,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_mixin_order,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_set_params,
    estimator_checks.check_valid_tag_types,
)
"""Those of scikit-learn's checks that make no table of numbers, which is no text."""

TEXTS, LABELS = texts()[:120], digits()[1][:120]


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("check", WITHOUT_DATA, ids=lambda check: check.__name__)
def test_checks_without_data(check, estimator) -> None:
    assert check(estimator.__name__, estimator()) is None


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_scikit_learn_leaves_estimators_of_texts_out(estimator) -> None:
    """If a later version has checks for texts, this fails, and they are to be run."""
    with pytest.warns(SkipTestWarning, match="Can't test estimator Text"):
        results = estimator_checks.check_estimator(estimator())
    assert {result["status"] for result in results} == {"passed"}
    assert len(results) <= 1
    tags = get_tags(estimator())
    assert (tags.input_tags.string, tags.input_tags.two_d_array) == (True, False)


@pytest.fixture(params=["bag", "svm"], scope="module")
def model(request) -> str:
    return request.param


@pytest.fixture(params=ESTIMATORS, scope="module")
def fitted(request, model):
    parameters = {"epochs": 4, "width": 8} if model == "bag" else {}
    return request.param(model=model, threads=1, **parameters).fit(TEXTS, LABELS)


def answers(estimator, asked) -> np.ndarray:
    ask = getattr(estimator, "predict_proba", estimator.predict)
    return ask(asked)


def test_rows_do_not_depend_on_each_other(fitted) -> None:
    """As check_methods_subset_invariance and check_methods_sample_order_invariance."""
    together = answers(fitted, TEXTS)
    apart = np.concatenate([answers(fitted, TEXTS[start : start + 7]) for start in range(0, 120, 7)])
    np.testing.assert_allclose(apart, together, rtol=1e-5, atol=1e-6)
    order = np.random.default_rng(0).permutation(120)
    shuffled = answers(fitted, [TEXTS[place] for place in order])
    np.testing.assert_allclose(shuffled, together[order], rtol=1e-5, atol=1e-6)


def test_fit_twice_is_fit_once_and_returns_itself(fitted) -> None:
    """As check_fit_idempotent and check_estimators_fit_returns_self."""
    before = answers(fitted, TEXTS)
    assert fitted.fit(TEXTS, LABELS) is fitted
    np.testing.assert_array_equal(answers(fitted, TEXTS), before)


def test_nothing_is_overwritten(fitted) -> None:
    """As check_dict_unchanged, check_estimators_overwrite_params and check_dont_overwrite_attributes."""
    parameters = copy.deepcopy(fitted.get_params())
    state = {name: id(value) for name, value in vars(fitted).items()}
    answers(fitted, TEXTS)
    fitted.score(TEXTS, LABELS)
    assert {name: id(value) for name, value in vars(fitted).items()} == state
    assert fitted.get_params() == parameters
    learnt = vars(fitted).keys() - vars(clone(fitted)).keys()
    assert all(name.endswith("_") or name.startswith("_") for name in learnt)


def test_a_pickled_estimator_answers_the_same(fitted) -> None:
    """As check_estimators_pickle; files of models are never pickles."""
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(answers(again, TEXTS), answers(fitted, TEXTS))

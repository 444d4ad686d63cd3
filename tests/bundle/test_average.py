"""Averages as models and as folders: what they answer, what they share, and what is refused."""

import hashlib
import shutil

import numpy as np
import pytest

import pellucid
from every_model import AVERAGES, MODELS, answers_of, average, inputs_of
from forged_folders import document_of, require_refused
from models_with_detectors import with_detector
from pellucid.bundle import AverageMember, AverageModel, load_any, save
from pellucid.bundle.models import ClassicalModel, ImageModel
from pellucid.encoding.tfidf import Tfidf
from pellucid.errors import NotFiniteError
from small_models import reseal


@pytest.fixture(scope="module", params=AVERAGES)
def each(request):
    return AVERAGES[request.param]()


@pytest.fixture
def folder(saved, tmp_path):
    """The folder of an average, to be damaged."""
    return shutil.copytree(saved("average"), tmp_path / "model")


def test_it_answers_the_weighted_mean_of_its_members(each):
    said = [weight * answers_of(model) for _, weight, model in each.members]
    np.testing.assert_allclose(answers_of(each), sum(said) / sum(each.weights), atol=1e-9)


def test_its_members_answer_at_their_own_temperatures():
    hot, cold = MODELS["svm"]().at(3.0), MODELS["cnn"]().at(0.5)
    model = AverageModel([AverageMember("svm", 1, hot), AverageMember("cnn", 1, cold)])
    np.testing.assert_allclose(answers_of(model), (answers_of(hot) + answers_of(cold)) / 2, atol=1e-9)


def test_a_network_that_members_stand_on_is_asked_once(saved, monkeypatch):
    """Also after loading, where each member brings a copy of its own."""
    model, asked = load_any(saved("average")), []
    asking = ImageModel._asked
    monkeypatch.setattr(
        ImageModel, "_asked", lambda self, *given: asked.append(self.network) or asking(self, *given)
    )
    monkeypatch.setattr(ClassicalModel, "_hidden", None)
    said = answers_of(model)
    assert len(asked) == 1
    np.testing.assert_allclose(said, answers_of(AVERAGES["average"]()), atol=1e-9)


def test_words_that_members_share_are_counted_once(tmp_path, monkeypatch):
    one = MODELS["svm of texts"]()
    save(AverageModel([AverageMember("one", 2, one), AverageMember("two", 1, one)]), tmp_path / "model", {})
    model, counted = load_any(tmp_path / "model"), []
    transform = Tfidf.transform
    monkeypatch.setattr(Tfidf, "transform", lambda self, texts: counted.append(1) or transform(self, texts))
    said = answers_of(model)
    assert len(counted) == 1
    np.testing.assert_allclose(said, answers_of(one), atol=1e-12)


def test_weights_of_a_shared_network_count_once(each):
    networks = {id(one): one for _, _, model in each.members if (one := getattr(model, "network", None))}
    shared = sum(sum(weight.numel() for weight in one.parameters()) for one in networks.values())
    predictors = [getattr(model, "predictor", None) for _, _, model in each.members]
    assert each.parameters == shared + sum(one.parameters for one in predictors if one is not None)


def test_novelty_is_that_of_the_member_of_most_weight(tmp_path):
    heavy = with_detector(MODELS["svm"]())
    model = AverageModel([AverageMember("svm", 2, heavy), AverageMember("cnn", 1, MODELS["cnn"]())])
    assert model.answer(inputs_of(model)).novelty is None
    save(model.with_detector(heavy.detector), tmp_path / "model", {})
    inputs = inputs_of(model)
    found = load_any(tmp_path / "model").answer(inputs).novelty
    np.testing.assert_allclose(found, heavy.answer(inputs).novelty)
    np.testing.assert_array_equal(model.seen(inputs), heavy.seen(inputs))


def test_an_answer_that_is_not_finite_is_refused_with_its_place():
    model = average({"svm": 1, "cnn": 1})
    broken = model.members[1].model.network.head.linear.weight
    broken.data.fill_(float("nan"))
    with pytest.raises(NotFiniteError, match="for input 1 is not a finite number"):
        answers_of(model)


def test_members_are_whole_model_folders(folder):
    model = load_any(folder)
    for member in model.members:
        alone = load_any(folder / "members" / member.name)
        assert np.array_equal(answers_of(alone), answers_of(MODELS[member.name]()))
    assert not (folder / "weights.safetensors").exists()
    card = (folder / "README.md").read_text()
    assert "| model | average of svm, svm\\-on\\-cnn, cnn, random\\-forest |" in card
    assert "svm 3/7, svm\\-on\\-cnn 2/7, cnn 1/7, random\\-forest 1/7" in card


def test_members_that_are_saved_already_are_linked(tmp_path):
    model = average({"svm": 2, "majority": 1})
    save(model.members[0].model, tmp_path / "svm", {"training examples": 300})
    save(model, tmp_path / "average", {}, {"svm": tmp_path / "svm"})
    linked = tmp_path / "average" / "members" / "svm" / "weights.safetensors"
    assert linked.samefile(tmp_path / "svm" / "weights.safetensors")
    assert np.array_equal(answers_of(load_any(tmp_path / "average")), answers_of(model))


def test_words_of_members_are_warned_of(saved):
    assert "are in `tokenizer.json` and `vocabulary.json` of its members" in " ".join(
        (saved("average of texts") / "README.md").read_text().split()
    )


def test_a_damaged_member_is_refused(folder):
    for name in ("model.json", "weights.safetensors", "README.md"):
        path = folder / "members" / "cnn" / name
        content = path.read_bytes()
        path.write_bytes(content[:-2] + b"?" + content[-1:])
        require_refused(folder, rf"members/cnn/{name}: .*use an undamaged copy")
        path.write_bytes(content)
    load_any(folder)


def test_a_member_in_the_place_of_another_is_refused(folder):
    shutil.rmtree(folder / "members" / "cnn")
    shutil.copytree(folder / "members" / "random-forest", folder / "members" / "cnn")
    require_refused(folder, r"members/cnn/model\.json: its checksum does not match")


def test_a_missing_member_and_a_link_are_refused(folder, tmp_path):
    (folder / "members" / "cnn").rename(tmp_path / "elsewhere")
    require_refused(folder, "members/cnn: no folder, where members of the average lie")
    (folder / "members" / "cnn").symlink_to(tmp_path / "elsewhere")
    require_refused(folder, "members/cnn: a link, where members of the average lie")


def test_an_average_is_no_member_of_another(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "inner")
    shutil.rmtree(folder / "members" / "cnn")
    (tmp_path / "inner").rename(folder / "members" / "cnn")
    members = document_of(folder)["members"]
    digest = hashlib.sha256((folder / "members" / "cnn" / "model.json").read_bytes()).hexdigest()
    reseal(folder, members=[each | {"sha256": digest} if each["name"] == "cnn" else each for each in members])
    require_refused(folder, "an average, which is no member of another")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda members: [], "members: no list of 2 to 5 models"),
        (lambda members: members[:1], "members: no list of 2 to 5 models"),
        (lambda members: members * 2, "members: no list of 2 to 5 models"),
        (lambda members: [members[0], members[0]], "two of them have the same name"),
        (lambda members: members[::-1], "they are not sorted by weight"),
        (lambda members: [members[0] | {"weight": 0}, members[1]], "weight: 0 is no whole number"),
        (lambda members: [members[0] | {"weight": 10**9}, members[1]], "no whole number from 1 to 1000"),
        (lambda members: [members[0] | {"name": "../svm"}, members[1]], "name: '../svm' is malformed"),
        (lambda members: [members[0] | {"name": "a/b"}, members[1]], "name: 'a/b' is malformed"),
        (lambda members: [members[0] | {"sha256": "0"}, members[1]], "sha256"),
        (lambda members: [members[0] | {"more": 1}, members[1]], "unknown keys"),
        (lambda members: {"svm": 1}, "members: no list of 2 to 5 models"),
    ],
)
def test_impossible_members_are_refused(change, message, folder):
    reseal(folder, members=change(document_of(folder)["members"]))
    require_refused(folder, message)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("classes", [*"abcdefghij"], "classes of the average are not those of its members"),
        ("preprocessing", None, "preprocessing"),
        ("kind", "average-text-classifier", "preprocessing must be null"),
        ("kind", "classical-image-classifier", "predictor|features|members"),
        ("mirror", True, "'mirror' must be false"),
        ("architecture", {}, "network: .*missing keys"),
    ],
)
def test_descriptions_that_do_not_fit_the_members_are_refused(field, value, message, folder):
    reseal(folder, **{field: value})
    require_refused(folder, message)


def test_another_model_has_no_members(saved, tmp_path):
    folder = shutil.copytree(saved("svm"), tmp_path / "model")
    reseal(folder, members=document_of(saved("average"))["members"])
    require_refused(folder, "members must be null")


def test_members_that_do_not_fit_each_other_are_refused():
    svm, texts, numbers = (MODELS[name]() for name in ("svm", "svm of texts", "ridge"))
    for other, message in [
        (texts, "other inputs"),
        (numbers, "other classes"),
        (average({"svm": 1, "majority": 1}), "of a kind that cannot be averaged"),
        (MODELS["svm of vectors"](), "other inputs"),
    ]:
        with pytest.raises(ValueError, match=message):
            AverageModel([AverageMember("svm", 1, svm), AverageMember("other", 1, other)])
    with pytest.raises(ValueError, match="where 2 to 5 are averaged"):
        AverageModel([AverageMember("svm", 1, svm)])


def test_an_average_as_an_estimator_names_itself_and_has_no_hidden_layer(saved):
    loaded = pellucid.load(saved("average"))
    assert repr(loaded) == f"<ImageClassifier loaded: {loaded.model_.name}>"
    assert loaded.model_.name.startswith("average of ")
    assert not loaded.model_.has_hidden_layer
    assert "transform" not in dir(loaded)
    assert "average of" in loaded._repr_html_()

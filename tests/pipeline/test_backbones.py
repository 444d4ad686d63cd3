"""Which backbone takes part in a run, and why."""

import dataclasses
import json

import numpy as np
import pytest

from pellucid.data import prepare
from pellucid.data.raw_texts import Texts
from pellucid.errors import UsageError
from pellucid.networks import NetworkConfig, Origin
from pellucid.pipeline.learners import backbone_choice as backbones
from pellucid.pipeline.learners.backbone_choice import BackboneLimits, chosen, stratified_sample, taken_over
from pellucid.pipeline.learners.backbone_costs import is_tuned
from pellucid.pretrained import MULTILINGUAL, read_sentence_folder
from pellucid.settings import Settings
from pellucid.targets import REGRESSION
from pretrained import tiny_unigram
from pretrained.tiny_bert import write_folder
from tiny_backbone import NAME, tiny_weights

LITE0 = "efficientnet-lite0"


@pytest.fixture(autouse=True)
def _everything_installed(monkeypatch):
    monkeypatch.delenv("PELLUCID_BACKBONES")


@pytest.fixture
def texts(tmp_path):
    table = tmp_path / "texts.csv"
    rows = [
        f"word{number} {'good' if number % 2 else 'bad'},{'yes' if number % 2 else 'no'}"
        for number in range(40)
    ]
    table.write_text("\n".join(["text,label", *rows]))
    return prepare(str(table), Settings())[0]


def test_the_one_asked_for_takes_part_and_learns_from_all(photos):
    (choice,) = chosen(Settings(backbone=LITE0), photos)
    assert choice.is_asked_for
    assert choice.name == LITE0
    assert np.array_equal(choice.train, photos.train)
    assert choice.config.outputs == 2
    assert choice.config.backbone == "tf_efficientnet_lite0"


def test_one_at_hand_is_considered_for_photographs(photos):
    (choice,) = chosen(Settings(), photos)
    assert not choice.is_asked_for
    assert choice.name == LITE0
    assert choice.reason.startswith(
        "The images look like photographs, so efficientnet-lite0, which is installed"
    )
    assert NetworkConfig.from_json(choice.to_json()["network"]) == choice.config
    assert Origin.from_json(choice.to_json()["origin"]) == choice.origin


@pytest.mark.parametrize("given", [{"backbone": "none"}, {"model": "cnn"}, {"model": "svm"}], ids=str)
def test_none_is_considered_where_something_else_was_asked_for(photos, given):
    assert chosen(Settings(**given), photos) == ()


def test_none_is_considered_for_what_is_no_photograph(photos):
    flat = dataclasses.replace(photos, inputs=np.zeros_like(photos.inputs))
    assert chosen(Settings(), flat) == ()


def test_none_is_considered_where_none_is_installed(photos, monkeypatch):
    monkeypatch.setenv("PELLUCID_BACKBONES", "none")
    assert chosen(Settings(), photos) == ()


def test_of_many_images_a_part_is_drawn_by_seed(photos, monkeypatch):
    monkeypatch.setattr(backbones, "_MOST_IMAGES", 20)
    ((first,), (again,), (other,)) = (chosen(Settings(seed=seed), photos) for seed in (0, 0, 1))
    assert len(first.train) == 20
    assert np.array_equal(first.train, again.train)
    assert not np.array_equal(first.train, other.train)
    assert np.isin(first.train, photos.train).all()
    assert "on 20 training examples drawn by chance" in first.reason
    prepared = first.prepared(photos)
    assert np.array_equal(prepared.examples.train, first.train)
    assert np.array_equal(prepared.examples.validation, photos.validation)


def test_a_resumed_run_keeps_its_decision(photos):
    (choice,) = chosen(Settings(), photos)
    records = [choice.to_json()]
    assert [each.name for each in taken_over(records, Settings(), photos)] == [LITE0]
    assert taken_over([], Settings(), photos) == ()


def test_a_resumed_run_keeps_what_a_limit_left_of_its_training_examples(photos):
    settings = Settings(time_limit="60s")
    (choice,) = chosen(settings, photos)
    bound = choice.within(BackboneLimits(12, False, 8.0, 3.0), photos, settings.seed, "For want of time.")
    records = json.loads(json.dumps([bound.to_json()]))
    (again,) = taken_over(records, settings, photos)
    assert len(again.train) == 12
    assert np.array_equal(again.train, bound.train)
    assert (again.limits, again.reason) == (bound.limits, "For want of time.")
    assert again.to_json() == bound.to_json()


def test_a_resumed_run_refuses_other_weights(photos, tmp_path):
    settings = Settings(backbone=NAME, weights=str(tiny_weights(tmp_path)))
    records = [each.to_json() for each in chosen(settings, photos)]
    taken_over(records, settings, photos)
    records[0]["origin"]["sha256"] = "0" * 64
    with pytest.raises(UsageError, match="--resume: the weights of test-efficientnet are others than when"):
        taken_over(records, settings, photos)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "resnet18",
            "'resnet18' comes with no weights of its own; give them with --weights FILE.safetensors",
        ),
        ("all-minilm-l6-v2", "all-minilm-l6-v2 takes texts, and the inputs are images; leave it out"),
    ],
)
def test_what_does_not_take_images_is_refused(photos, name, message):
    with pytest.raises(UsageError, match=message):
        chosen(Settings(backbone=name), photos)


def test_feature_vectors_have_no_backbone(photos):
    vectors = dataclasses.replace(
        photos, inputs=np.zeros((len(photos.labels), 5), np.float32), preprocessing=None
    )
    assert chosen(Settings(), vectors) == ()
    with pytest.raises(UsageError, match="takes images, and the inputs are feature vectors"):
        chosen(Settings(backbone=LITE0), vectors)


def test_images_have_no_part_in_texts(texts):
    with pytest.raises(
        UsageError, match="efficientnet-lite0 takes images, and the inputs are texts; choose all-"
    ):
        chosen(Settings(backbone=LITE0), texts)


def test_few_texts_are_read_by_what_is_installed(texts, monkeypatch, tmp_path):
    vectors = tmp_path / "words.txt"
    vectors.write_text("good 1 0 0\nbad 0 1 0\n")
    monkeypatch.setattr(backbones, "at_hand", lambda names: ["glove-6b-50d"])
    monkeypatch.setattr(backbones, "installed", lambda name: vectors)
    (choice,) = chosen(Settings(), texts)
    assert choice.config.name == "word-vectors"
    assert choice.reason.startswith("There are only 24 texts to learn from, so")
    monkeypatch.setattr(backbones, "_MOST_TEXTS", 5)
    assert chosen(Settings(), texts) == ()


def test_texts_in_another_language_are_read_by_encoders_for_many(texts, monkeypatch, tmp_path):
    german = Texts.of([f"Der Zug nach {number} ist zu spät" for number in range(len(texts.labels))])
    texts = dataclasses.replace(texts, inputs=german)
    read, place, folder = [], tmp_path / "packed.bin", write_folder(tmp_path / "sentences")
    monkeypatch.setattr(backbones, "at_hand", lambda names: [*names])
    monkeypatch.setattr(backbones, "installed", lambda name: place)

    def reader(name, *given):
        read.append((name, given[0]))
        return read_sentence_folder(folder, given[-1])

    monkeypatch.setattr(backbones, "read_multilingual", reader)
    found = chosen(Settings(), texts)
    assert read == [(name, place) for name in MULTILINGUAL]
    assert found[0].reason.startswith(
        "There are only 24 texts to learn from, and they do not look English, so use-multilingual, which is"
    )
    monkeypatch.setattr(backbones, "_MOST_TEXTS", 5)
    assert len(chosen(Settings(), texts)) == len(MULTILINGUAL)
    monkeypatch.setattr(backbones, "_MOST_OF_OTHERS", 5)
    assert chosen(Settings(), texts) == ()


def test_of_a_folder_with_a_unigram_vocabulary_what_the_texts_need_is_kept(texts, tmp_path):
    folder = tiny_unigram.write_folder(tmp_path / "own", "xlm-roberta")
    (choice,) = chosen(Settings(backbone=str(folder)), texts)
    whole = read_sentence_folder(folder)
    assert set(whole.encoder.entries) - set(choice.preparation.entries) == {"京", "<pad>", "<mask>"}
    assert choice.config.vocabulary == choice.preparation.vocabulary


def test_vectors_of_the_users_own(texts, tmp_path):
    vectors = tmp_path / "words.txt"
    vectors.write_text("good 1 0 0\nbad 0 1 0\n")
    (choice,) = chosen(Settings(backbone="mine", weights=str(vectors)), texts)
    assert choice.name == "words"
    assert choice.prepared(texts).encoder is choice.preparation


def test_sentences_and_words_are_both_considered_words_first(texts, monkeypatch, tmp_path):
    vectors = tmp_path / "words.txt"
    vectors.write_text("good 1 0 0\nbad 0 1 0\n")
    folder = write_folder(tmp_path / "sentences")
    places = {"glove-6b-50d": vectors, "all-minilm-l6-v2": folder}
    monkeypatch.setattr(backbones, "at_hand", lambda names: [name for name in names if name in places])
    monkeypatch.setattr(backbones, "installed", places.__getitem__)
    words, sentences = chosen(Settings(), texts)
    assert (words.config.name, sentences.config.name) == ("word-vectors", "sentence-encoder")
    assert np.array_equal(words.train, sentences.train)


def test_a_sentence_encoder_is_tuned_where_that_was_asked_for(texts, monkeypatch, tmp_path):
    folder = write_folder(tmp_path / "sentences")
    monkeypatch.setattr(backbones, "at_hand", lambda names: ["all-minilm-l6-v2"])
    monkeypatch.setattr(backbones, "installed", lambda name: folder)

    def tuned(**settings) -> bool:
        given = Settings(**settings)
        (choice,) = chosen(given, texts)
        return is_tuned(given, choice)

    assert not tuned()
    assert not tuned(epochs=2)  # which are those of the network beside it
    assert tuned(preset="best")
    assert not tuned(backbone="mine", weights=str(folder))
    assert tuned(backbone="mine", weights=str(folder), epochs=2)


def test_a_part_is_fair_to_every_class_and_lies_within_a_larger_one(photos):
    classes = [np.isin(photos.train, np.flatnonzero(photos.labels == label)).sum() for label in (0, 1)]
    small, large = stratified_sample(photos, 11, seed=4), stratified_sample(photos, 20, seed=4)
    assert np.isin(small, large).all()
    taken = [(photos.labels[large] == label).sum() for label in (0, 1)]
    wanted = 20 * np.array(classes) / sum(classes)
    assert np.abs(taken - wanted).max() <= 1
    assert np.array_equal(stratified_sample(photos, len(photos.train), seed=4), photos.train)


def test_of_numbers_every_part_of_the_range_gives_its_share(photos):
    values = np.linspace(0.0, 1.0, len(photos.labels))
    numbers = dataclasses.replace(photos, labels=values, classes=(), target=REGRESSION)
    part = stratified_sample(numbers, len(numbers.train) // 3, seed=0)
    assert abs(np.median(values[part]) - np.median(values[numbers.train])) < 0.1

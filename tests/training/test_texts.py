"""Training on texts: batches, word dropout, scores by length, time, checkpoints and resuming."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from pellucid.arithmetic.rounding import figure
from pellucid.encoding.encoder import PADDING, UNKNOWN, Tokens
from pellucid.errors import UsageError
from pellucid.training import Batches, WordVectors
from pellucid.training.batches import to_tensor
from pellucid.training.loop import validator
from pellucid.training.observers import PlainProgress
from training.sessions import assert_a_resume_ends_alike


def test_a_batch_is_filled_up_to_a_multiple_of_eight():
    ids = np.array([5, 6, 7, *range(2, 12)], np.int32)
    tokens = Tokens(ids, np.array([0, 3, 3, 13]), 20, 10)
    batch = to_tensor(tokens, np.array([2, 0, 1]))
    assert batch.dtype == torch.int64
    assert batch.shape == (3, 16)
    assert batch[0].tolist() == [*range(2, 12), *[PADDING] * 6]
    assert batch[1].tolist() == [5, 6, 7, *[PADDING] * 13]
    assert batch[2].tolist() == [PADDING] * 16
    assert to_tensor(tokens, np.array([0])).shape == (1, 8)


def test_an_epoch_uses_every_text_once_in_another_order_each_time(begin_texts, letters):
    batches = begin_texts(batch_size=16).batches
    epochs = [np.concatenate([batch.indices for batch in batches.epoch(epoch)]) for epoch in (0, 0, 1)]
    assert np.array_equal(np.sort(epochs[0]), letters.train)
    assert np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0], epochs[2])
    for batch in batches.epoch(0):
        assert np.array_equal(batch.labels, letters.labels[batch.indices])
        assert [int((row != PADDING).sum()) for row in batch.inputs] == letters.inputs.lengths[
            batch.indices
        ].tolist()


def test_word_dropout_replaces_its_share_of_ids_and_no_padding(begin_texts, letters):
    recipe = begin_texts(batch_size=16).batches.recipe
    plain, dropping = (
        Batches(letters, dataclasses.replace(recipe, word_dropout=share)) for share in (0.0, 0.3)
    )
    before, after, again = (list(each.epoch(1)) for each in (plain, dropping, dropping))
    ids = dropped = 0
    for one, other, same in zip(before, after, again, strict=True):
        assert torch.equal(other.inputs, same.inputs)
        changed = one.inputs != other.inputs
        assert bool((other.inputs[changed] == UNKNOWN).all())
        assert not bool(changed[one.inputs == PADDING].any())
        ids += int((one.inputs != PADDING).sum())
        dropped += int((other.inputs == UNKNOWN).sum())
    assert dropped / ids == pytest.approx(0.3, abs=0.03)
    assert not torch.equal(after[0].inputs, next(iter(dropping.epoch(2))).inputs)


def test_scores_do_not_depend_on_how_texts_are_blocked(begin_texts, letters, monkeypatch):
    session = begin_texts(epochs=1)
    network = session.run()
    score = validator(network, letters, "cpu")
    whole = score()
    monkeypatch.setattr("pellucid.training.batches.ROWS", 3)
    parts = score()
    assert parts == pytest.approx(whole, rel=1e-5)
    one_by_one = torch.cat([network(to_tensor(letters.inputs, np.array([i]))) for i in letters.validation])
    hits = (one_by_one.argmax(dim=1).numpy() == letters.labels[letters.validation]).mean()
    assert whole["validation_accuracy"] == hits


def test_a_network_learns_which_letters_a_text_holds(begin_texts):
    session, lines = begin_texts(epochs=15, width=16, dropout=0.0, learning_rate=0.03), []
    session.run([PlainProgress(lines.append, session.batches)])
    assert session.state.history[session.state.best.epoch - 1]["validation_accuracy"] > 0.9
    record = session.state.history[0]
    assert set(record) == {
        "epoch", "step", "seconds", "learning_rate", "train_loss", "train_accuracy", "validation_loss",
        "validation_accuracy", "validation_balanced_accuracy", "validation_macro_f1", "texts_per_second",
    }  # fmt: skip
    assert lines[0].endswith(f"   {record['texts_per_second']:,.0f}/s")
    assert f"validation accuracy {figure(record['validation_accuracy'])}" in lines[0]
    assert json.loads(json.dumps(session.state.history, allow_nan=False)) == session.state.history


@pytest.mark.parametrize(
    ("stop", "given"),
    [
        (13, {"model": "text-cnn", "precision": "bf16"}),
        (3, {"model": "rnn"}),
        (5, {"model": "transformer"}),
        (22, {"model": "rnn", "cell": "gru", "precision": "bf16", "numbers": True}),
        (13, {"model": "bag", "optimizer": "gd"}),
        (22, {"model": "bag", "numbers": True, "patience": 1}),
    ],
)
def test_a_resumed_run_ends_in_the_same_bytes(begin_texts, tmp_path, given, stop):
    assert_a_resume_ends_alike(lambda: begin_texts(epochs=3, **given), stop, tmp_path)


def test_numbers_are_learnt_from_texts_in_their_own_unit(begin_texts):
    session = begin_texts(numbers=True, epochs=15, width=16, dropout=0.0, learning_rate=0.03)
    session.run()
    best = session.state.history[session.state.best.epoch - 1]
    assert best["validation_r2"] > 0.8
    assert best["validation_root_mean_squared_error"] > 100


def test_a_time_limit_is_measured_on_short_and_long_texts(begin_texts):
    session = begin_texts(epochs=100_000)
    lengths = session.batches.examples.inputs.lengths
    widths = [int(lengths[batch.indices].max()) for batch in session.batches.typical(4)]
    assert widths == sorted(widths)
    assert widths[-1] > 1.5 * widths[0]
    session.limit(20.0, scored_after=100)
    assert 3 <= session.batches.recipe.total_steps < 100_000 * session.batches.per_epoch


def test_a_limit_too_short_speaks_of_the_length(begin_texts):
    with pytest.raises(UsageError, match=r"--time-limit: .* use fewer examples or a smaller --length"):
        begin_texts(epochs=5).limit(0.0001, scored_after=0)


def test_typical_batches_of_few_are_repeated(begin_texts, letters):
    few = dataclasses.replace(letters, train=letters.train[:5])
    batches = Batches(few, dataclasses.replace(begin_texts().batches.recipe, batch_size=16))
    assert [len(batch.labels) for batch in batches.typical(3)] == [5, 5, 5]


@pytest.mark.parametrize("tune", [True, False])
def test_training_starts_from_pretrained_vectors_and_changes_them_only_where_it_may(begin_texts, tune):
    rows, matrix = np.array([2, 3, 9]), np.eye(3, 8, dtype=np.float32)

    def begin():
        return begin_texts(model="rnn", epochs=1, vectors=WordVectors(rows, matrix, tune=tune))

    session, plain = begin(), begin_texts(model="rnn", epochs=1)
    name = next(name for name, each in plain.network.named_parameters() if len(each) == 46)
    start, without = (each.network.get_parameter(name).detach().clone() for each in (session, plain))
    angles = torch.nn.functional.cosine_similarity(start[rows], torch.from_numpy(matrix))
    assert torch.allclose(angles, torch.ones(3))
    others = np.setdiff1d(np.arange(46), rows)
    assert torch.equal(start[others], without[others])
    trained = session.run().state_dict()
    assert torch.equal(trained[name], start) is not tune
    assert torch.equal(trained[name], begin().run().state_dict()[name])


def test_frozen_vectors_survive_a_checkpoint(begin_texts, tmp_path):
    vectors = WordVectors(np.array([4]), np.ones((1, 8), np.float32), tune=False)
    assert_a_resume_ends_alike(lambda: begin_texts(epochs=2, vectors=vectors), 7, tmp_path)


def test_a_bag_knows_from_the_training_texts_alone_how_rare_an_id_is(begin_texts, letters):
    network = begin_texts(model="bag").network
    texts = [
        set(letters.inputs.ids[letters.inputs.offsets[i] : letters.inputs.offsets[i + 1]].tolist())
        for i in letters.train
    ]
    held = np.array([sum(i in text for text in texts) for i in range(46)])
    expected = 1 + np.log((1 + len(texts)) / (1 + held))
    expected[:2] = 0
    rarity = network.state_dict()["body.sum.rarity"]
    assert rarity.numpy() == pytest.approx(expected, rel=1e-6)

"""What every network of texts promises, under every setting."""

import pytest
import torch
from torch.nn import functional

from contract_cases import (
    LENGTHS,
    NUMBERS,
    OF_TEXTS,
    TEXT_CASES,
    VOCABULARY,
    in_turn,
    loss_of,
    started,
    texts,
)
from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings

every_network = pytest.mark.parametrize("name", OF_TEXTS)
every_setting = pytest.mark.parametrize(("name", "settings"), TEXT_CASES.values(), ids=TEXT_CASES)
VECTORS = {
    "body.sum.weight",
    "body.filters.embedding.weight",
    "body.layers.embedding.weight",
    "body.encoder.embedding.weight",
}
"""Where networks hold the vectors of ids that they learn."""


@every_setting
def test_every_text_is_answered_whatever_padding_batch_and_precision(name, settings, request):
    outputs = in_turn(TEXT_CASES, (name, settings))
    network = started(name, settings, outputs=outputs).eval()
    if network.config.cell == "lstm":
        request.getfixturevalue("bf16_lstm")
    answers, features = network(texts()), network.features(texts())
    assert answers.shape == (8, outputs)
    assert features.ndim == 2
    assert answers.isfinite().all()
    assert answers.std() > 0
    assert torch.equal(network.head(features), answers)
    nothing = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 0, 0]])  # unknown words alone, and no word at all
    assert network(nothing).isfinite().all()
    with torch.inference_mode():
        wider = network(functional.pad(texts(), (0, 8)))
        alone = torch.cat(
            [network(text[:length].unsqueeze(0)) for text, length in zip(texts(), LENGTHS, strict=True)]
        )
    torch.testing.assert_close(wider, answers.detach(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(alone, answers.detach(), rtol=1e-5, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        narrow = network(texts())
    scale = max(1.0, answers.abs().max().item()) if outputs > 1 else NUMBERS.std().item()
    assert (narrow.float() - answers).abs().max() < 0.05 * scale
    narrow.float().sum().backward()  # what training needs besides
    assert all(each.grad.isfinite().all() for each in network.parameters() if each.grad is not None)


@every_setting
def test_padding_changes_no_gradient(name, settings):
    gradients = []
    for width in (0, 8):
        network = started(name, settings).eval()
        functional.cross_entropy(network(functional.pad(texts(), (0, width))), torch.arange(8)).backward()
        trained = [(key, each) for key, each in network.named_parameters() if each.requires_grad]
        gradients.append({key: each.grad for key, each in trained})
        for key in gradients[-1].keys() & VECTORS:
            assert gradients[-1][key][0].abs().max() == 0  # the vector of padding stays as it is
    assert gradients[0].keys() == gradients[1].keys() != set()
    for key, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][key], gradient, rtol=1e-4, atol=1e-6)


@every_network
@pytest.mark.parametrize("outputs", [8, 1])
def test_eight_texts_are_learnt_by_heart(name, outputs):
    network = started(name, Settings(dropout=0.0), outputs=outputs)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    loss = float("inf")
    for _ in range(300):
        found = loss_of(network, texts())
        loss = found.item()
        if loss < 0.01:
            break
        optimizer.zero_grad()
        found.backward()
        optimizer.step()
    assert loss < 0.01


@pytest.mark.parametrize(
    ("name", "settings"),
    [*[(name, Settings(depth=1)) for name in OF_TEXTS], ("rnn", Settings(cell="gru", depth=2))],
    ids=[*OF_TEXTS, "gru"],
)
@pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights")  # torch's own, of LSTM and GRU
def test_exported_programs_answer_the_same_at_other_sizes(name, settings):
    network = started(name, settings).eval()
    sizes = {0: torch.export.Dim("batch", min=1, max=1024), 1: torch.export.Dim("length", min=1, max=4096)}
    if name == "rnn":  # torch's exporter unrolls a recurrent layer over the length it sees
        del sizes[1]
    with torch.inference_mode():
        program = torch.export.export(network, (texts()[:3].clone(),), dynamic_shapes=(sizes,)).module()
        for batch in (8, 1):
            for length in (12,) if name == "rnn" else (2, 40):
                ids = functional.pad(texts()[:batch], (0, length - 12)).clone()
                torch.testing.assert_close(program(ids), network(ids), rtol=1e-5, atol=1e-5)


@every_network
def test_counts_of_ids_must_be_possible(name):
    network = started(name, Settings())
    with pytest.raises(ValueError, match="counts: 40 numbers from 0 to 8 expected, 39 found"):
        network.weigh_ids(torch.ones(39, dtype=torch.int64), 8)
    with pytest.raises(ValueError, match="counts: 40 numbers from 0 to 8 expected, 40 found"):
        network.weigh_ids(torch.full((40,), 9), 8)


@pytest.mark.parametrize("name", ["text-cnn", "rnn"])
@pytest.mark.parametrize("tune", [True, False])
def test_pretrained_vectors_take_their_rows(name, tune):
    facts = InputFacts((20,), 3, 1000, vocabulary=VOCABULARY, embedding=4)
    network = build(design(name, Settings(), facts))
    (table,) = [weight for key, weight in network.named_parameters() if key.endswith("embedding.weight")]
    before = table.detach().clone()
    vectors = torch.tensor([[3.0, 0.0, -3.0, 3.0], [0.0, 3.0, 3.0, 3.0]])
    network.load_vectors(torch.tensor([5, 9]).numpy(), vectors.numpy(), tune)
    # Their mean square is 6.75; a token's numbers start with a standard deviation of 0.1.
    torch.testing.assert_close(table.detach()[[5, 9]], vectors * 0.1 / 6.75**0.5)
    others = [row for row in range(VOCABULARY) if row not in (5, 9)]
    assert torch.equal(table.detach()[others], before[others])
    network(texts()).sum().backward()
    assert (table.grad is not None) == tune


@pytest.mark.parametrize(
    ("name", "rows", "shape", "message"),
    [
        ("bag", [5], (1, 4), "vectors: bag has no vectors of tokens; choose text-cnn or rnn"),
        ("rnn", [5], (1, 3), "vectors: of 3 numbers, where 4 are expected"),
        ("text-cnn", [0], (1, 4), "vectors: a row is outside 1 to 39"),
        ("text-cnn", [40], (1, 4), "vectors: a row is outside 1 to 39"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(name, rows, shape, message):
    facts = InputFacts((20,), 3, 1000, vocabulary=VOCABULARY, embedding=4)
    network = build(design(name, Settings(), facts))
    with pytest.raises(ValueError, match=message):
        network.load_vectors(torch.tensor(rows).numpy(), torch.ones(shape).numpy(), True)

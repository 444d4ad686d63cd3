"""A graphics card learns what the processor does; what needs one is skipped elsewhere."""

import numpy as np
import pytest
import torch

CARD = pytest.param(
    "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
)


@pytest.mark.parametrize("device", ["cpu", CARD])
@pytest.mark.parametrize(
    ("start", "model", "precision"),
    [("begin", "cnn", "fp32"), ("begin", "cnn", "bf16"), ("begin", "mlp", "fp32")]
    + [("begin_texts", model, "fp32") for model in ("text-cnn", "rnn", "bag", "transformer")],
)
def test_every_device_learns_what_the_processor_learns(request, start, model, precision, device):
    begin = request.getfixturevalue(start)
    given = {"model": model, "epochs": 3, "precision": precision, "dropout": 0.0, "augment": False}
    losses = {}
    for place in ("cpu", device):
        session = begin(**given, device=place)
        assert {each.device.type for each in session.run().parameters()} == {place}
        losses[place] = [epoch["train_loss"] for epoch in session.state.history]
    assert losses["cpu"][-1] < losses["cpu"][0]
    np.testing.assert_allclose(losses[device], losses["cpu"], rtol=0.1)

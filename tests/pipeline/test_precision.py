"""An LSTM in bf16 on a processor that has none: refused by every door, before any data is read."""

import json

import pytest
from torch import nn

import pellucid
from pellucid.bundle import save
from pellucid.cli.main import main
from pellucid.errors import UsageError
from pellucid.pipeline import learning
from pellucid.pipeline.comparing import compare as comparing
from pellucid.pipeline.comparing.compare import compare
from pellucid.pipeline.train import train
from pellucid.safety.strict import sealed
from pellucid.training import hardware
from runs_to_continue import write_texts
from text_models import text_model, texts

LSTM = {"model": "rnn", "precision": "bf16"}
SMALL = {"width": 4, "epochs": 1, "threads": 1, "quiet": True}
REFUSAL = "--precision: this processor has no bf16 for the LSTM of rnn; give auto or fp32"
UNREAD = "nowhere.csv"


@pytest.fixture(autouse=True)
def _without_bf16_lstm(monkeypatch):
    """Make this processor one that has no LSTM in bf16, whatever it is."""
    monkeypatch.setattr(hardware, "_computes_bf16", lambda layer, device: layer is not nn.LSTM)


def killed(*_, **__):
    raise KeyboardInterrupt


def rewritten(place, change):
    """Change a JSON file."""
    document = json.loads(place.read_text())
    change(document)
    place.write_bytes(sealed(document))


def test_the_command_ends_with_code_2_and_touches_nothing(tmp_path, capsys):
    words = ["train", UNREAD, "--out", str(tmp_path / "run"), "--model", "rnn", "--precision", "bf16"]
    assert main(words) == 2
    assert capsys.readouterr().err == f"error: {REFUSAL}, or --cell gru\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("given", [LSTM, {**LSTM, "cell": "lstm"}, {"cell": "lstm", "precision": "bf16"}])
def test_train_refuses_it_however_it_is_asked_for(tmp_path, given):
    (tmp_path / "config.json").write_text("{}")
    for way in ({"overwrite": True}, {}):
        with pytest.raises(UsageError, match=f"^{REFUSAL}, or --cell gru$"):
            train(UNREAD, out=tmp_path, **way, **given)
    assert (tmp_path / "config.json").read_text() == "{}"


def test_resuming_where_nothing_was_started_refuses_it_too(tmp_path):
    with pytest.raises(UsageError, match=f"^{REFUSAL}, or --cell gru$"):
        train(UNREAD, out=tmp_path / "run", resume=True, **LSTM)


@pytest.mark.parametrize(
    ("vary", "variant"), [({"cell": ["gru", "lstm"]}, "cell=lstm"), ({"model": ["bag", "rnn"]}, "model=rnn")]
)
def test_compare_names_the_variant(tmp_path, vary, variant):
    for resume in (False, True):
        with pytest.raises(UsageError, match=f"^variant {variant}: {REFUSAL}, or --cell gru$"):
            compare(UNREAD, out=tmp_path / "run", vary=vary, resume=resume, precision="bf16")


def test_estimators_refuse_it_and_train_a_gru(tmp_path):
    labels = [len(text) % 2 for text in texts()[:40]]
    lstm = pellucid.TextClassifier(model="rnn", precision="bf16", width=4, length=2, epochs=1)
    refusal = f"{REFUSAL.removeprefix('--')}, or cell='gru'"
    with pytest.raises(UsageError, match=f"^{refusal}$"):
        lstm.fit(texts()[:40], labels)
    gru = lstm.set_params(cell="gru").fit(texts()[:40], labels)
    assert len(gru.predict(texts()[40:50])) == 10


def test_a_network_that_goes_on_cannot_change_its_cell(tmp_path):
    save(text_model("rnn", length=2), tmp_path / "old", {})
    unread = tmp_path / "unreadable.csv"
    unread.write_text("")
    with pytest.raises(UsageError, match=f"^{REFUSAL}$"):
        train(unread, out=tmp_path / "run", from_=str(tmp_path / "old"), precision="bf16", quiet=True)


def test_a_run_that_began_in_bf16_is_not_resumed(tmp_path, monkeypatch):
    data = write_texts(tmp_path / "data.csv", range(2), slice(0, 200))
    with monkeypatch.context() as patch:
        patch.setattr(learning, "train_baselines", killed)
        with pytest.raises(KeyboardInterrupt):
            train(data, out=tmp_path / "run", model="rnn", **SMALL)
    rewritten(
        tmp_path / "run" / "config.json", lambda config: config["plan"]["recipe"].update(precision="bf16")
    )
    message = (
        "^--resume: training began in bf16, and this processor has no bf16 for the LSTM of rnn; go on where "
        "it began, or start again with --overwrite$"
    )
    with pytest.raises(UsageError, match=message):
        train(UNREAD, out=tmp_path / "run", resume=True, quiet=True)


def test_a_comparison_that_began_in_bf16_is_not_resumed(tmp_path, monkeypatch):
    data = write_texts(tmp_path / "data.csv", range(2), slice(0, 200))
    vary = {"model": ["bag", "rnn"]}
    with monkeypatch.context() as patch:
        patch.setattr(comparing, "learner_of", killed)
        with pytest.raises(KeyboardInterrupt):
            compare(data, out=tmp_path / "run", vary=vary, **SMALL)
    rewritten(tmp_path / "run" / "config.json", lambda config: config["machine"].update(precision="bf16"))
    with pytest.raises(UsageError, match=r"^variant model=rnn: --resume: training began in bf16, and this"):
        compare(UNREAD, out=tmp_path / "run", vary={}, resume=True, quiet=True)

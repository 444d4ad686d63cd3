"""`explain` on finished runs: which model is opened, which input, and the page that comes out."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import pellucid
from app_pages import packed_in, said_in
from every_model import classical_model
from pellucid.answering.explain import explain
from pellucid.answering.predict import predict
from pellucid.answering.training_examples import known_label, model_of
from pellucid.bundle import load_any, save
from pellucid.cli.main import main
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.pipeline.train import train
from pellucid.reports.explain import render_explanation
from pellucid.settings import Settings
from small_models import digits, trained_model, write_digits
from text_models import text_model, texts

PIXELS, LABELS = digits()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(place, x_train=PIXELS[:400, ..., 0], y_train=LABELS[:400], x_test=PIXELS[400:500, ..., 0],
             y_test=LABELS[400:500])  # fmt: skip
    return place


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    given = {
        "model": "mlp",
        "width": 16,
        "epochs": 1,
        "threads": 1,
        "baselines": False,
        "learning_curve": False,
    }
    train(data, out=out, quiet=True, **given)
    save(classical_model("svm", "images"), out / "models" / "svm", {})
    return out


def page_of(done):
    return done.out.read_text(encoding="utf-8")


def test_a_run_is_opened_with_its_nearest_training_examples(run, tmp_path):
    (file,) = write_digits(tmp_path, [410])
    done = explain(run, str(file), tmp_path / "page.html", Settings())
    found = done.explanation
    assert found.model == "mlp"
    assert len(found.nearest) == 8
    distances = [each.distance for each in found.nearest]
    assert distances == sorted(distances)
    assert all(":" in each.source for each in found.nearest)
    assert found.compared > 300
    page = page_of(done)
    assert f"of {found.compared} that were compared" in page
    assert "a training image of" in page
    assert found.nearest[0].source[-10:] in page
    again = explain(run, str(file), tmp_path / "again.html", Settings())
    assert page_of(again) == page


def test_an_unfamiliar_input_is_reported(run, data, tmp_path, capsys):
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (digit,) = write_digits(tmp_path, [410])
    words = "Unfamiliar input: it does not look like the training data (novelty "
    for file, is_unfamiliar in ((tmp_path / "noise.png", True), (digit, False)):
        page = tmp_path / "page.html"
        assert main(["explain", str(run), str(file), "--out", str(page)]) == 0
        assert (words in capsys.readouterr().err) == is_unfamiliar
        assert (words in said_in(page.read_text(encoding="utf-8"))) == is_unfamiliar


def test_a_training_example_is_nearest_to_itself_and_its_label_known(run, data, tmp_path):
    ledger = [json.loads(line) for line in (run / "data.jsonl").read_text().splitlines()]
    row = next(row for row in ledger if row["split"] == "train")
    done = explain(run, row["source"], tmp_path / "page.html", Settings())
    assert done.explanation.nearest[0].source == row["source"].removeprefix(f"{data.parent}/")
    assert done.explanation.nearest[0].distance < 1e-5
    assert f"In the data of this run its label is '{row['label']}'." in done.explanation.notes


def test_the_loss_is_against_the_true_class_where_it_is_known(run, tmp_path):
    ledger = [json.loads(line) for line in (run / "data.jsonl").read_text().splitlines()]
    rows = [row["source"] for row in ledger if row["split"] == "test"]
    answers = load_any(run / "models" / "mlp").predict_proba(PIXELS[400:500]).argmax(axis=1)
    wrong = rows[int(np.flatnonzero(answers != LABELS[400:500])[0])]
    explanation = explain(run, wrong, tmp_path / "page.html", Settings()).explanation
    assert explanation.truth != explanation.target
    truth = explanation.classes[explanation.truth]
    assert explanation.target == int(explanation.answer.argmax())
    assert explanation.backward.target == explanation.truth
    page = render_explanation(explanation, "x")
    assert f'the loss is against the true class <strong class="foreign">{truth}</strong>' in page
    assert "(true class)" in page
    assert f"loss against {truth}" in repr(explanation)
    other = str((int(truth) + 1) % 10)
    asked = explain(run, rows[0], tmp_path / "page.html", Settings(), class_name=other).explanation
    assert asked.classes[asked.backward.target] == asked.classes[asked.target] == other
    (file,) = write_digits(tmp_path, [410])
    unknown = explain(run, str(file), tmp_path / "page.html", Settings()).explanation
    assert unknown.truth is None
    assert unknown.backward.target == unknown.target


def test_a_path_written_in_another_way_is_the_same_input(run, data, tmp_path, monkeypatch):
    ledger = [json.loads(line) for line in (run / "data.jsonl").read_text().splitlines()]
    row = next(row for row in ledger if row["split"] == "test")
    monkeypatch.chdir(data.parent)
    assert known_label(run, f"./{data.name}{row['source'].removeprefix(str(data))}") == row["label"]
    assert known_label(run, "none.png") is None


def test_data_that_is_gone_or_changed_is_told(run, data, tmp_path):
    (file,) = write_digits(tmp_path, [410])
    moved = tmp_path / "moved"
    shutil.copytree(run, moved)
    config = json.loads((moved / "config.json").read_text())
    other = tmp_path / "other.npz"
    np.savez(other, x_train=PIXELS[:30, ..., 0], y_train=LABELS[:30])
    for place, words in [(str(tmp_path / "none.npz"), "no such file"), (str(other), "no longer the data")]:
        config["data"]["place"] = place
        (moved / "config.json").write_text(json.dumps(config))
        done = explain(moved, str(file), tmp_path / "page.html", Settings())
        assert done.explanation.nearest == []
        (note,) = [each for each in done.explanation.notes if "are not shown" in each]
        assert words in note
    (moved / "data.jsonl").unlink()
    done = explain(moved, str(file), tmp_path / "page.html", Settings())
    assert any("files cannot be read" in note for note in done.explanation.notes)


@pytest.fixture(scope="module")
def recommends_svm(run, tmp_path_factory):
    """The same run, which recommends its classical model."""
    folder = tmp_path_factory.mktemp("runs") / "recommends-svm"
    shutil.copytree(run, folder)
    shutil.rmtree(folder / "model")
    shutil.copytree(folder / "models" / "svm", folder / "model")
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**metrics, "recommended": "svm"}))
    return folder


def test_what_answers_is_what_is_opened(run, recommends_svm, tmp_path, capsys):
    (file,) = write_digits(tmp_path, [410])
    out = tmp_path / "page.html"
    for place, name in [(run, "mlp"), (recommends_svm, "svm")]:
        assert predict(place, [str(file)], tmp_path / "answers.csv", Settings()).model == name
        label = (tmp_path / "answers.csv").read_text().splitlines()[1].split(",")[1]
        for folder in (place, place / "model", place / "models" / name):
            assert main(["explain", str(folder), str(file), "--out", str(out)]) == 0
            assert f"{name} says {label} (" in capsys.readouterr().err
            page = out.read_text(encoding="utf-8")
            assert json.loads(packed_in(page)["documents"]["app"])["model"] == name
        found = pellucid.explain(place, PIXELS[410, ..., 0])
        assert repr(found).startswith(f"{name} says {label} (")


def test_any_model_of_a_run_is_opened_by_its_name(run, recommends_svm, tmp_path, capsys):
    (file,) = write_digits(tmp_path, [410])
    out = tmp_path / "page.html"
    assert main(["explain", str(run), str(file), "--model", "svm", "--out", str(out)]) == 0
    assert "svm says " in capsys.readouterr().err
    assert "You opened svm; the run recommends mlp." in said_in(out.read_text(encoding="utf-8"))
    done = explain(recommends_svm, str(file), out, Settings(), model_name="mlp")
    assert done.explanation.layers
    assert "You opened mlp; the run recommends svm." in done.explanation.notes
    done = explain(recommends_svm, str(file), out, Settings())
    assert done.explanation.contributions is not None
    assert "What each part of the model adds" in page_of(done)
    assert "svm is the model that the run recommends." in done.explanation.notes
    assert pellucid.explain(recommends_svm, PIXELS[410, ..., 0], name="mlp").model == "mlp"


def test_a_model_that_is_not_there_is_told(run, tmp_path):
    with pytest.raises(UsageError, match=r"--model: 'cnn' is no model of .*; choose one of mlp, svm$"):
        model_of(run, "cnn")
    with pytest.raises(UsageError, match=r"--model: .*model is no finished run, so there is none to choose"):
        model_of(run / "model", "svm")
    with pytest.raises(UsageError, match=r"'\.\./models/svm' is no model"):
        model_of(run, "../models/svm")
    with pytest.raises(ModelFileError, match="there is no such folder"):
        model_of(tmp_path / "none")
    with pytest.raises(UsageError, match="name: 'svm' chooses a model of a run, and no run is given"):
        pellucid.explain(pellucid.load(run), PIXELS[410, ..., 0], name="svm")


def test_a_run_whose_metrics_are_unreadable_still_opens(run, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(run, moved)
    (moved / "metrics.json").write_text("{")
    assert model_of(moved) == (moved / "model", None, None, ())
    assert model_of(moved, "svm").name == "svm"


def test_a_model_folder_alone_has_no_training_examples(tmp_path):
    save(trained_model(), tmp_path / "model", {})
    (file,) = write_digits(tmp_path, [410])
    done = explain(tmp_path / "model", str(file), tmp_path / "page.html", Settings(), class_name="digit 7")
    assert done.explanation.nearest == []
    assert done.explanation.target == 7
    assert "digit 7" in page_of(done)


def test_one_row_of_a_table_of_texts(tmp_path, capsys):
    save(text_model("text-cnn"), tmp_path / "model", {})
    table = tmp_path / "texts.csv"
    table.write_text("text\n" + "\n".join(texts()[:3]) + "\n", encoding="utf-8")
    out = tmp_path / "page.html"
    assert main(["explain", str(tmp_path / "model"), f"{table}:3", "--out", str(out)]) == 0
    said = capsys.readouterr().err
    assert "text-cnn says digit " in said
    assert "  leave-one-out: " in said
    assert said.endswith(f"page: {out}\n")
    assert texts()[1].split()[0] in out.read_text(encoding="utf-8")
    with pytest.raises(
        DataError, match=r"texts\.csv: holds 3 texts, and one is opened at a time; name one, such as .*:2"
    ):
        explain(tmp_path / "model", str(table), out, Settings())
    with pytest.raises(DataError, match=r"texts\.csv:9: .*texts\.csv has no such example; the first is .*:2"):
        explain(tmp_path / "model", f"{table}:9", out, Settings())
    alone = tmp_path / "one.txt"
    alone.write_text(texts()[5], encoding="utf-8")
    assert explain(tmp_path / "model", str(alone), out, Settings()).explanation.inputs == texts()[5]


def test_what_cannot_be_explained_is_told(run, tmp_path):
    (file,) = write_digits(tmp_path, [410])
    with pytest.raises(UsageError, match=r"--out: page\.txt does not end in \.html"):
        explain(run, str(file), tmp_path.joinpath("page.txt").relative_to(tmp_path), Settings())
    with pytest.raises(UsageError, match="--class: 'cat' is no class of the model; choose one of '0', '1'"):
        explain(run, str(file), tmp_path / "page.html", Settings(), class_name="cat")
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"bad\.png: empty file \(zero bytes\); choose another image"):
        explain(run, str(tmp_path / "bad.png"), tmp_path / "page.html", Settings())
    with pytest.raises(DataError, match=r"none\.png: no such file or folder"):
        explain(run, str(tmp_path / "none.png"), tmp_path / "page.html", Settings())
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("kind", "name"),
    [("texts", "majority"), ("images", "logistic-regression"), ("images", "random-forest"), ("texts", "svm")],
)
def test_every_classical_model_has_a_page(tmp_path, name, kind):
    save(classical_model(name, kind), tmp_path / "model", {})
    if kind == "images":
        (file,) = write_digits(tmp_path, [410])
    else:
        file = tmp_path / "one.txt"
        file.write_text(texts()[5], encoding="utf-8")
    done = explain(tmp_path / "model", str(file), tmp_path / "page.html", Settings())
    page = page_of(done)
    if name == "majority":
        assert "it looks at nothing" in page
        assert "Why this answer: attribution to the input" not in page
    else:
        assert "What each part of the model adds" in page
        assert "Why this answer: attribution to the input" in page
    assert '<nav class="strip"' not in page

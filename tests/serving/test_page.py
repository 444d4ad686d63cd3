"""The page of a real server in a real browser: it answers as the API does, and obeys nobody."""

import json
import shutil

import numpy as np
import onnx
import pytest

from app_pages import HOSTILE, file_of, original
from browsers import browsing, until
from exported_models import content_of
from pellucid.export.app.exporting import ask
from pellucid.pipeline.train import train
from pellucid.runtime import load
from photographs import pieces
from serving.served import as_written, serving
from serving.served_pages import address, drop, open_page, predicted, text_of, write
from small_models import digits, write_digits
from text_models import texts

pytest.importorskip("prometheus_client")

TEXTS = "logistic-regression of texts, with detector"
STATUS = {True: "Unfamiliar input: do not rely on this answer", False: "Uncertain"}
HOSTILE_NAME = "<b>a&b"
TOKEN = "a-token-of-24-characters"


@pytest.fixture(scope="module")
def hostile_content():
    """A model whose name, and whose names of classes, are markup and script."""
    graph = onnx.load_model_from_string(content_of("cnn, mirrored"))
    for each in graph.metadata_props:
        if each.key == "classes":
            names = [f"{number} {HOSTILE[number % len(HOSTILE)]}" for number in range(10)]
            each.value = json.dumps(names)
        if each.key == "details":
            each.value = json.dumps({**json.loads(each.value), "model": HOSTILE[0]})
    return graph.SerializeToString()


@pytest.fixture(scope="module")
def models(tmp_path_factory, hostile_content):
    """Files of an image model, a text model and a hostile one."""
    folder = tmp_path_factory.mktemp("models")
    for name, of in (("digits", "cnn, mirrored"), ("texts", TEXTS)):
        (folder / f"{name}.onnx").write_bytes(content_of(of))
    (folder / "hostile.onnx").write_bytes(hostile_content)
    return folder


@pytest.fixture(scope="module")
def server(models):
    files = [models / f"{name}.onnx" for name in ("digits", "texts")]
    with serving(*files, f"{HOSTILE_NAME}={models / 'hostile.onnx'}") as found:
        yield found


@pytest.fixture
def tab(chromium):
    with browsing(chromium) as found:
        yield found


def shown(answer) -> str:
    """An answer of the API as the page words it, with so many digits that less than 1 does not read as 1."""
    probability, places = answer["probability"], 3
    while probability < 1 and float(f"{probability:.{places}f}") == 1:
        places += 1
    return f"{answer['label']}, probability {probability:.{places}f}"


def shown_rows(tab):
    return tab.evaluate(
        """[...document.querySelectorAll("#rows tr")].map((row) =>
             [...row.children].map((cell) => cell.textContent))"""
    )


def test_images_are_answered_as_the_api_and_the_runtime_do(server, models, tab) -> None:
    small = [file_of(each[..., 0]) for each in digits()[0][500:506]]
    photograph = pieces("flower", 1, 400)[0]
    files = [*small, file_of(photograph), file_of(photograph, "JPEG", quality=90)]
    model = load(models / "digits.onnx")
    ours = model.predict_proba(files)
    open_page(tab, server, "digits")
    found = ask(tab, [original(content) | {"type": "image/png"} for content in files])
    assert [each["said"] for each in found] == as_written(ours.tolist())  # digit for digit
    named = [(f"{at}.png", "image/png", content) for at, content in enumerate(files)]
    drop(tab, *named, ("a.png", "image/png", b"<html>"))
    until(tab, f"document.querySelectorAll('#rows tr').length === {len(files) + 1}")
    api = [predicted(server, content, model="digits") for content in files]
    rows = shown_rows(tab)
    assert [row[1] for row in rows[:-1]] == [each["label"] for each in api]
    assert [row[2] for row in rows[:-1]] == [f"{each['probability']:.4f}" for each in api]
    assert [row[4] for row in rows[:-1]] == [f"{each['novelty']:.4f}" for each in api]
    assert rows[-1][0] == "a.png"
    assert rows[-1][3].startswith("The server cannot read this input (not an image")
    # The first is opened; any other is, by a click on its row.
    assert text_of(tab, "answer-of") == "0.png"
    tab.evaluate("document.querySelectorAll('#rows button')[6].click()")
    until(tab, "document.getElementById('answer-of').textContent === '6.png'")
    assert text_of(tab, "answer") == shown(api[6])
    assert text_of(tab, "status") == STATUS[api[6]["unfamiliar"]]
    assert all("400" in each for each in tab.errors)


def test_what_drove_an_image_is_drawn_over_it_and_follows_the_next(server, tab) -> None:
    content = file_of(digits()[0][500, ..., 0])
    open_page(tab, server, "digits")
    drop(tab, ("digit.png", "image/png", content))
    until(tab, "!document.getElementById('drove').hidden")
    assert tab.evaluate("document.getElementById('explained').hidden")
    tab.evaluate("document.getElementById('explain').click()")
    until(tab, "!document.getElementById('explained').hidden")
    found = predicted(server, content, "explain", "digits")
    words = text_of(tab, "drove-of")
    assert words.startswith(f"Probability of {found['explained']}: {found['score']:.4g} for the whole input")
    colours = tab.evaluate("""(() => {
      const canvas = document.getElementById("heat");
      return [canvas.height, canvas.width, ...canvas.getContext("2d").getImageData(0, 0, 8, 8).data];
    })()""")
    assert colours[:2] == [found["rows"], found["columns"]]
    scores, pixels = np.array(found["scores"]).ravel(), np.array(colours[2:]).reshape(-1, 4)
    most, least = scores.argmax(), scores.argmin()
    assert pixels[most][0] > pixels[most][2]  # orange
    assert pixels[least][2] > pixels[least][0]  # blue
    drop(tab, ("other.png", "image/png", file_of(digits()[0][640, ..., 0])))
    until(tab, f"document.getElementById('drove-of').textContent !== {json.dumps(words)}")
    assert tab.errors == []


def test_a_drawing_is_answered_and_problems_are_in_the_answers_place(server, tab) -> None:
    open_page(tab, server, "digits")
    drop(tab, ("page.png", "image/png", b"<html></html>"))
    until(
        tab, "document.getElementById('answer').textContent.startsWith('The server cannot read this input')"
    )
    tab.evaluate("document.getElementById('language').click()")
    assert text_of(tab, "answer").startswith("服务器无法读取此输入")
    tab.evaluate("document.getElementById('language').click()")
    tab.evaluate("""document.getElementById("easel").dispatchEvent(
      new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }))""")
    until(tab, "document.getElementById('answer').textContent.startsWith('digit')")
    black = predicted(server, file_of(np.zeros((8, 8), np.uint8)), model="digits")
    assert text_of(tab, "answer") == shown(black)


def test_texts_are_answered_as_the_api_and_the_runtime_do(server, models, tab) -> None:
    asked = [*texts()[:5], "größer, smaller \U0001f600 \u202eword", "<b>seven</b>"]
    ours = load(models / "texts.onnx").predict_proba(asked)
    open_page(tab, server, "texts")
    found = ask(tab, [{"text": text} for text in asked])
    assert [each["said"] for each in found] == as_written(ours.tolist())
    for text in (asked[0], asked[-1]):
        write(tab, text)
        api = predicted(server, text, model="texts")
        answer = shown(api)
        until(tab, f"document.getElementById('answer').textContent === {json.dumps(answer)}")
        assert text_of(tab, "status") == STATUS[api["unfamiliar"]]
    tab.evaluate("document.getElementById('explain').click()")
    until(tab, "document.querySelector('#highlight span') !== null")
    explained = predicted(server, asked[-1], "explain", "texts")
    spans = tab.evaluate("[...document.querySelectorAll('#highlight span')].map((each) => each.textContent)")
    assert spans == explained["pieces"]
    assert tab.evaluate("document.querySelectorAll('#highlight b').length") == 0
    table = b'text\none two\n"a\x00"\nthree\n'
    drop(tab, ("many.csv", "text/csv", table))
    until(tab, "document.querySelectorAll('#rows tr').length === 3")
    assert [row[0] for row in shown_rows(tab)] == ["many.csv:2", "many.csv:3", "many.csv:4"]
    write(tab, " ")
    assert tab.evaluate("document.getElementById('drove').hidden")


@pytest.mark.slow
def test_numbers_and_labels_are_answered_as_the_api_does(tmp_path, tab) -> None:
    contents = [file_of(each[..., 0]) for each in digits()[0][500:503]]
    for name, of in (("numbers", "lenet of numbers"), ("labels", "cnn of labels, mirrored")):
        (tmp_path / f"{name}.onnx").write_bytes(content_of(of))
    with serving(tmp_path / "numbers.onnx", tmp_path / "labels.onnx") as server:
        originals = [original(content) | {"type": "image/png"} for content in contents]
        open_page(tab, server, "numbers")
        numbers = ask(tab, originals)
        open_page(tab, server, "labels")
        labels = ask(tab, originals)
        of_numbers = [predicted(server, content, model="numbers") for content in contents]
        of_labels = [predicted(server, content, model="labels") for content in contents]
    assert [each["said"] for each in numbers] == [[float(each["label"])] for each in of_numbers]
    assert [each["said"] for each in labels] == [[*each["probabilities"].values()] for each in of_labels]
    assert [each["label"] for each in labels] == [each["label"] for each in of_labels]


def test_hostile_names_are_shown_as_text(server, tab) -> None:
    from urllib.parse import quote

    open_page(tab, server, quote(HOSTILE_NAME))
    drop(tab, ("<img src=x onerror=alert(1)>.png", "image/png", file_of(digits()[0][3, ..., 0])))
    until(tab, "document.querySelectorAll('#rows tr').length === 1")
    tab.evaluate("document.getElementById('explain').click()")
    until(tab, "!document.getElementById('explained').hidden")
    found = tab.evaluate("""({
      title: document.title,
      heading: document.querySelector("h1").textContent,
      scripts: document.querySelectorAll("script").length,
      foreign: document.querySelectorAll("img, iframe, object, embed, svg, b").length,
      handlers: [...document.querySelectorAll("*")].flatMap((each) => each.getAttributeNames())
        .filter((name) => name.startsWith("on")).length,
      names: document.getElementById("bars").textContent,
      row: document.getElementById("rows").textContent,
      shown: document.querySelector("[aria-current=page]").textContent,
      of: document.getElementById("drove-of").textContent,
    })""")
    assert tab.errors == []
    assert found["heading"].startswith(f"0 {HOSTILE[0]}, ")
    assert found["title"].startswith(found["heading"])
    assert (found["scripts"], found["foreign"], found["handlers"]) == (5, 0, 0)
    assert all(f"{number} {HOSTILE[number % len(HOSTILE)]}" in found["names"] for number in range(10))
    assert found["row"].startswith("<img src=x onerror=alert(1)>.png")
    assert found["shown"] == HOSTILE_NAME
    assert HOSTILE[int(found["of"].split("of ")[1][0]) % len(HOSTILE)] in found["of"]


def test_another_model_is_chosen_by_keyboard(server, tab) -> None:
    open_page(tab, server)
    assert text_of(tab, "models-title") == "Models"
    tab.evaluate("document.querySelector('.choices a:not([aria-current])').focus()")
    wanted = tab.evaluate("document.activeElement.textContent")
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key="Enter", windowsVirtualKeyCode=13, text="\r")
    until(tab, f"document.querySelector('[aria-current=page]')?.textContent === {json.dumps(wanted)}")


def test_a_page_asks_its_server_alone_and_waits_where_it_is_busy(models, tab) -> None:
    with serving(models / "texts.onnx") as server:
        status, headers, content = server.ask("GET", "/")
        policy = headers["content-security-policy"]
        assert status == 200
        assert "unsafe" not in policy
        assert "connect-src 'self'" in policy
        assert b"models-title" not in content  # of one model there is no choice
        open_page(tab, server)
        tab.evaluate("""(() => {
          const real = fetch;
          let asked = 0;
          globalThis.fetch = (...words) => {
            asked += 1;
            const busy = { status: 503, headers: { "retry-after": "1" } };
            return asked > 1 ? real(...words) : Promise.resolve(new Response('{"error": "busy"}', busy));
          };
        })()""")
        write(tab, "one two three")
        until(tab, "document.getElementById('answer').textContent.includes('probability')")
        asked = {each.split("?")[0] for each in tab.requests}
        assert asked == {address(server), f"{address(server)}api/predict"}
        server.end()
        write(tab, "four")
        until(tab, "document.getElementById('answer').textContent.startsWith('The server does not answer')")


UNLOCK = """(() => {
  document.getElementById("token").value = %s;
  document.getElementById("unlock").requestSubmit();
})()"""


def test_a_token_is_asked_for_once_and_nothing_is_said_without_it(hostile_content, tmp_path, tab) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "model.onnx").write_bytes(hostile_content)
    with serving(tmp_path / "model.onnx", "--token-file", tmp_path / "token") as server:
        status, _, content = server.ask("GET", "/")
        assert status == 200
        assert b"HYPERLINK" not in content
        assert b'id="documents"' not in content
        assert server.ask("GET", "/api/page")[0] == 401
        tab.open(address(server))
        tab.evaluate(UNLOCK % '"wrong"')
        until(tab, "document.getElementById('state').textContent === 'This is not the token of this server.'")
        tab.evaluate("document.getElementById('language').click()")
        assert text_of(tab, "state") == "令牌不正确。"
        tab.evaluate(UNLOCK % json.dumps(TOKEN))
        until(tab, "globalThis.pellucid !== undefined")
        for _ in range(2):
            tab.evaluate("pellucid.ready.then(() => 1)")
            image = file_of(digits()[0][3, ..., 0])
            drop(tab, ("digit.png", "image/png", image))
            until(tab, "document.querySelectorAll('#rows tr').length === 1")
            api = predicted(server, image, token=TOKEN)
            assert shown_rows(tab)[0][1:3] == [api["label"], f"{api['probability']:.4f}"]
            tab.open(address(server))  # the tab keeps it
            until(tab, "globalThis.pellucid !== undefined")
        assert all("401" in each for each in tab.errors)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of a small network on image files."""
    folder = tmp_path_factory.mktemp("images")
    write_digits(folder, range(300), by_class=True)
    out = tmp_path_factory.mktemp("runs") / "run"
    given = {"epochs": 1, "threads": 1, "baselines": False, "learning_curve": False, "quiet": True}
    train(folder, out=out, model="mlp", width=16, image_size="6x7", **given)
    return out


@pytest.mark.slow
def test_the_page_of_a_small_run_answers_by_itself_as_the_api_does(run, tmp_path, tab) -> None:
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "token").write_text(TOKEN)
    contents = [file_of(each[..., 0]) for each in digits()[0][500:506]]
    # The second time it comes out of the cache, and takes the place of the page that asks for the token.
    for flags in ((), ("--token-file", tmp_path / "token")):
        with serving(tmp_path / "run", *flags, command=("-m", "pellucid", "serve")) as server:
            status, headers, _ = server.ask("GET", "/")
            assert status == 200
            assert "unsafe" not in headers["content-security-policy"]
            assert ("connect-src 'none'" in headers["content-security-policy"]) == (not flags)
            tab.open(address(server))
            if flags:
                tab.evaluate(UNLOCK % json.dumps(TOKEN))
                until(tab, "globalThis.pellucid !== undefined")
            tab.evaluate("pellucid.ready.then((page) => page.isDrawn()).then(() => 1)")
            found = ask(tab, [original(content) for content in contents])
            api = [predicted(server, content, token=TOKEN) for content in contents]
            assert "Computed in your browser" in text_of(tab, "proof")
            # What it is drawn with is set by script, which the policy admits.
            assert tab.evaluate("document.querySelector('.strip li[data-volume]').hasAttribute('style')")
        assert [each["label"] for each in found] == [each["label"] for each in api]
        said = np.array([each["said"] for each in found])
        assert np.abs(said - [[*each["probabilities"].values()] for each in api]).max() < 1e-3
        novelty = [each["novelty"] for each in found]
        np.testing.assert_allclose(novelty, [each["novelty"] for each in api], atol=0.02)
        assert tab.errors == []


STRINGS = """(() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement;
    const text = walk.currentNode.textContent.trim();
    if (text && parent.checkVisibility() && !parent.closest("script, .foreign, #language")) found.push(text);
  }
  return found;
})()"""


@pytest.mark.parametrize("model", ["digits", "texts"])
def test_after_a_change_of_language_no_string_stays_in_the_other(server, tab, model: str) -> None:
    open_page(tab, server, model)
    if model == "texts":
        write(tab, "one two three")
    else:
        drop(tab, ("digit.png", "image/png", file_of(digits()[0][3, ..., 0])))
    until(tab, "!document.getElementById('drove').hidden")
    tab.evaluate("document.getElementById('explain').click()")
    until(tab, "!document.getElementById('explained').hidden")
    tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    english = tab.evaluate(STRINGS)
    tab.evaluate("document.getElementById('language').click()")
    until(tab, "document.getElementById('drove-of').textContent.includes('概率')")
    chinese = tab.evaluate(STRINGS)
    assert len(english) > 20
    stayed = [text for text in chinese if text in english and any(each.isalpha() for each in text)]
    # Names and units.
    assert [text for text in stayed if text != "Pellucid" and not text.startswith("digit")] == []

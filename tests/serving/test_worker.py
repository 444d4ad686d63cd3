"""What a process that answers does with one request: its labels, and what it may cost."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from exported_models import content_of, exported
from pellucid.data.images.decoding import DECODING
from pellucid.serving import worker
from pellucid.serving.worker import Answering, IsLong, RequestBudget, Spent
from serving.served import IMAGES, TEXTS, base64_of, png_of

LABELS = "cnn of labels, mirrored"


@pytest.fixture(autouse=True)
def jobs(monkeypatch):
    """Limits of processor time that were set, in seconds; the process of the tests would keep them."""
    found: list[float | None] = []
    monkeypatch.setattr(worker, "begin_job", lambda seconds=None: found.append(seconds))
    return found


@pytest.fixture
def budget(monkeypatch):
    """The budget of requests, by which images are decoded, too."""
    made = RequestBudget()
    monkeypatch.setattr(DECODING, "asked", made.take)
    return made


def flat(pixels: int) -> bytes:
    """A PNG of so many white pixels in colour, in few bytes."""
    file = io.BytesIO()
    Image.new("RGB", (4000, pixels // 4000), "white").save(file, "PNG")
    return file.getvalue()


def asked(*contents: bytes) -> bytes:
    return json.dumps({"images": [base64_of(each) for each in contents]}).encode()


def test_labels_are_those_of_the_label_by_thresholds():
    thresholds = {"even": 0.5, "odd": 0.4, "large": 0.7}
    assert exported(LABELS).threshold == {"odd": 0.4, "large": 0.7}
    answering, differ = Answering(content_of(LABELS), "x"), 0
    for seed in range(40):
        found = json.loads(answering.predict("image", png_of(seed))[1])
        said = found["probabilities"]
        assert found["labels"] == [name for name in said if said[name] >= thresholds.get(name, 0.5)]
        assert found["label"] == ";".join(found["labels"])
        differ += found["labels"] != [name for name in said if said[name] >= 0.5]
    assert differ  # or one half would do as well


def test_images_beyond_the_budget_of_a_request_are_not_decoded_and_the_others_answered(budget, monkeypatch):
    monkeypatch.setenv("PELLUCID_MEGAPIXELS", "1")
    answering = Answering(content_of(IMAGES), "x", budget)
    budget.begin(is_long=True)
    large, small = flat(600_000), png_of(1)
    _, body = answering.predict("json", asked(small, large, large, small))
    first, second, third, fourth = json.loads(body)["answers"]
    assert first == fourth
    assert "label" in second
    reason = (
        "not decoded: the images of one request may take 9 MB while they are decoded; send fewer at a time"
    )
    assert third == {"error": reason}
    budget.begin(is_long=True)  # by the next request
    assert "label" in json.loads(answering.predict("image", large)[1])


def test_one_image_is_decoded_whatever_it_takes_of_the_budget(budget, monkeypatch):
    """Of a form whose pixels take more than those in colour; its own limit is another one."""
    monkeypatch.setenv("PELLUCID_MEGAPIXELS", "1")
    file = io.BytesIO()
    Image.new("I;16", (1000, 900)).save(file, "PNG")
    budget.begin(is_long=True)
    answering = Answering(content_of(IMAGES), "x", budget)
    assert "label" in json.loads(answering.predict("image", file.getvalue())[1])


@pytest.mark.parametrize(
    "content", [flat(16_400_000), b"\xff\xd8" + 21 * b"\xff\xda"], ids=["pixels", "scans"]
)
def test_a_short_request_gives_up_what_is_long(budget, content):
    answering = Answering(content_of(IMAGES), "x", budget)
    budget.begin(is_long=False)
    with pytest.raises(IsLong):
        answering.predict("image", content)
    budget.begin(is_long=False)
    assert "label" in json.loads(answering.predict("image", png_of(0))[1])


def test_time_is_counted_over_all_inputs_of_a_request(budget, jobs, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(worker.time, "process_time", lambda: now[0])
    answering = Answering(content_of(IMAGES), "x", budget)
    decoded = answering.model.preprocessing.image_and_warning

    def slowly(self, content):
        now[0] += 25.0
        return decoded(content)

    monkeypatch.setattr(type(answering.model.preprocessing), "image_and_warning", slowly)
    budget.begin(is_long=True)
    with pytest.raises(Spent, match="this request has taken its 60 seconds of processor time; send fewer"):
        answering.predict("json", asked(*[png_of(0)] * 4))
    assert [each for each in jobs if each is not None][-4:] == [60.0, 60.0, 35.0, 10.0]
    budget.begin(is_long=False)
    with pytest.raises(IsLong):
        answering.predict("json", asked(*[png_of(0)] * 2))


def test_many_inputs_of_a_slow_model_are_long_before_they_are_computed(budget):
    answering = Answering(content_of(TEXTS), "x", budget)
    budget.begin(is_long=False)
    texts = json.dumps({"texts": ["seven", "eight"] * 50}).encode()
    assert len(json.loads(answering.predict("json", texts)[1])["answers"]) == 100
    answering.model.session.seconds_of_one = 0.4
    with pytest.raises(IsLong):
        answering.predict("json", texts)
    one = json.dumps({"text": "seven"}).encode()
    assert "label" in json.loads(answering.predict("json", one)[1])


def test_each_batch_has_the_time_of_one(budget, jobs):
    answering = Answering(content_of(IMAGES), "x", budget)
    budget.begin(is_long=True)
    del jobs[:]
    images = np.zeros((300, 8, 8, 1), np.uint8)
    assert len(answering.model.computed(images).said) == 300
    assert jobs == [60] * 3

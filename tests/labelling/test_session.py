"""People and what they are asked: nobody is asked twice, and the answers of an earlier start count."""

import collections

import numpy as np
import pytest
from PIL import Image

from command_line import rows_of
from labelling.served import write_images, write_texts
from pellucid.data.raw_texts import Texts
from pellucid.data.text_copies import text_digests
from pellucid.errors import DataError, UsageError
from pellucid.input_kinds import TEXTS
from pellucid.labelling.by_target import TAUGHT
from pellucid.labelling.pool import Compared, read_pool
from pellucid.labelling.session import Conflict, Labelling
from pellucid.labelling.table import LabelTable
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, MULTILABEL


def labelling_of(place, out, settings=None, **more):
    pool = read_pool(str(place), out, settings or Settings())
    return Labelling(pool, LabelTable(out, holds_texts=pool.kind is TEXTS), **more)


@pytest.fixture
def texts(tmp_path):
    write_texts(tmp_path / "texts.csv")
    return tmp_path / "texts.csv", tmp_path / "labels.csv"


def truth(question):
    return question["example"]["text"].split()[-1]


def compared_as(labelling, copied=0):
    """A pool but for its first two, compared by any features; the last `copied` are near copies of others."""
    count = len(labelling.pool)
    first = np.arange(count) % (count - copied)
    features = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)[first]
    return Compared(np.arange(2, count), features[2:], first, frozenset())


def answered(labelling, person, count):
    """Answer so many questions rightly, training after each as the thread would."""
    question = labelling.question(person)
    for _ in range(count):
        question = labelling.answer(person, question["example"]["id"], [truth(question)], 1.0)
        if labelling._compared is not None:
            labelling.learn()
    return question


def test_a_whole_pool_is_labelled_once_by_three_people(texts) -> None:
    labelling = labelling_of(*texts)
    labelling.compare()
    labelling.learn()
    seen = collections.Counter()
    people = {name: labelling.question(name) for name in ("ann", "bob", "cem")}
    while any(each["example"] for each in people.values()):
        for name, question in people.items():
            if question["example"]:
                seen[question["example"]["id"]] += 1
                people[name] = labelling.answer(name, question["example"]["id"], [truth(question)])
                labelling.learn()
            else:
                people[name] = labelling.question(name)
    assert seen == collections.Counter(range(60))
    rows = rows_of(texts[1])
    assert [each["label"] for each in rows] == [each["text"].split()[-1] for each in rows]
    policies = collections.Counter(each["policy"] for each in rows)
    assert policies["audit"] == 12
    assert {"typical", "margin", "random"} < set(policies)
    assert all((each["split"] == "test") == (each["policy"] == "audit") for each in rows)
    found = labelling.status()
    assert (found["labelled"], found["audited"], found["pool"]) == (60, 12, 60)
    assert found["sentences"][0].startswith("Accuracy ")


def test_before_features_the_audit_and_random_ones_are_asked(texts) -> None:
    labelling = labelling_of(*texts)
    answered(labelling, "ann", 30)
    assert {each["policy"] for each in rows_of(texts[1])} == {"audit", "random"}
    assert "being computed" in labelling.status()["state"]


def test_an_example_is_leased_for_ten_minutes(texts) -> None:
    now = [0.0]
    labelling = labelling_of(*texts, clock=lambda: now[0])
    first = labelling.question("ann")
    assert labelling.question("ann")["example"] == first["example"]
    other = labelling.question("bob")
    mine = {first["example"]["id"], first["upcoming"]}
    assert not mine & {other["example"]["id"], other["upcoming"]}
    assert other["waiting"] == 2
    with pytest.raises(Conflict, match="Somebody else has this example"):
        labelling.answer("bob", first["example"]["id"], ["sun"])
    now[0] = 599.0
    labelling.question("bob")
    assert labelling.question("cem")["example"]["id"] not in mine
    now[0] = 601.0  # of ann, who was last heard of at 0
    third = labelling.question("dan")
    assert {third["example"]["id"], third["upcoming"]} == mine
    with pytest.raises(Conflict, match="Somebody else has"):
        labelling.answer("ann", first["example"]["id"], ["sun"])


def test_undo_takes_back_one_answer_after_the_other(texts) -> None:
    labelling = labelling_of(*texts)
    questions = [labelling.question("ann")]
    for _ in range(3):
        questions.append(labelling.answer("ann", questions[-1]["example"]["id"], [truth(questions[-1])]))
    questions.append(labelling.skip("ann", questions[-1]["example"]["id"]))
    assert labelling.status()["skipped"] == 1
    for at in (3, 2, 1):
        found = labelling.undo("ann")
        assert found["example"] == questions[at]["example"]
        assert found["had"] == ([] if at == 3 else [truth(questions[at])])
        assert found["labelled"] == len(rows_of(texts[1])) == min(3, at)
    again = labelling.answer("ann", questions[1]["example"]["id"], ["sea"])
    assert again["example"] == questions[2]["example"]
    labelling.undo("ann")
    labelling.undo("ann")
    with pytest.raises(Conflict, match="Nothing to undo"):
        labelling.undo("ann")
    with pytest.raises(Conflict, match="Nothing to undo"):
        labelling.undo("bob")


def test_the_same_answer_again_is_written_once(texts) -> None:
    labelling = labelling_of(*texts)
    example = labelling.question("ann")["example"]["id"]
    first = labelling.answer("ann", example, ["sun"])
    assert labelling.answer("ann", example, ["sun"])["example"] == first["example"]
    assert labelling.skip("ann", first["example"]["id"]) == labelling.skip("ann", first["example"]["id"])
    assert len(rows_of(texts[1])) == 1
    with pytest.raises(Conflict, match="Somebody else has this example, or it was answered"):
        labelling.answer("ann", example, ["sea"])


def test_another_start_goes_on_where_the_last_one_ended(texts) -> None:
    place, out = texts
    first = labelling_of(place, out)
    answered(first, "ann", 20)
    first.skip("ann", first.question("ann")["example"]["id"])
    again = labelling_of(place.parent / "." / "texts.csv", out)
    assert (again.elsewhere, again.status()["labelled"], again.status()["skipped"]) == (0, 20, 1)
    assert {each["name"] for each in again.status()["classes"]} == {"sun", "sea"}
    known = {each["text"] for each in rows_of(out)}
    answered(again, "bob", 39)
    assert again.question("bob")["example"] is None
    rows = rows_of(out)
    assert len(rows) == len({each["text"] for each in rows}) == 59
    assert known < {each["text"] for each in rows}


def test_what_was_asked_for_the_audit_judges_after_another_start_too(texts) -> None:
    place, out = texts
    first = labelling_of(place, out)
    answered(first, "ann", 24)
    again = labelling_of(place, out)
    policies = {at: label.policy for at, label in again._labels.items()}
    assert policies == {at: label.policy for at, label in first._labels.items()}
    assert again.status()["audited"] == list(policies.values()).count("audit") >= 8
    # Pages still show what the first start gave out; nobody knows any more why it was asked.
    of_audit = next(at for at in again._audit if at not in again._labels)
    other = next(at for at in again._random[::-1] if at not in {*again._labels, *again._audit})
    for at in (of_audit, other):
        again.answer("ann", at, ["sun"])
    assert [row["policy"] for row in rows_of(out)[-2:]] == ["audit", "margin"]


@pytest.mark.core
def test_a_model_learns_each_label_from_its_own_example_and_none_of_the_audit(texts) -> None:
    labelling = labelling_of(*texts)
    answered(labelling, "ann", 30)
    labelling._compared = compared_as(labelling)
    labelling.learn()
    learned = [each for each in labelling._labels.values() if each.policy != "audit" and each.example > 1]
    assert 15 <= len(learned) < 30
    compared, model = labelling._compared, labelling._guide.model
    rows = compared.features[np.searchsorted(compared.positions, [each.example for each in learned])]
    present = np.array([[name in each.labels for name in model.classes] for each in learned])
    weights, bias = TAUGHT[CLASSIFICATION].fit(rows, present)
    np.testing.assert_array_equal(model.weights, weights)
    np.testing.assert_array_equal(model.bias, bias)


def test_copies_of_the_audit_are_not_asked_for_anything_else(tmp_path) -> None:
    place, out = tmp_path / "texts.csv", tmp_path / "labels.csv"
    write_texts(place, 40)
    lines = place.read_text().splitlines()
    place.write_text("\n".join([*lines, *(line.upper() for line in lines[1:])]) + "\n")
    labelling = labelling_of(place, out)
    labelling._compared = compared_as(labelling, copied=40)
    of_audit = {labelling.pool.texts[at].lower() for at in labelling._audit}
    question = labelling.question("ann")
    while question["example"]:
        question = labelling.answer("ann", question["example"]["id"], [truth(question).lower()])
    policies = {row["text"].lower(): row["policy"] for row in rows_of(out)}
    assert {text for text, policy in policies.items() if policy == "audit"} == of_audit


def test_rows_that_moved_are_found_by_their_text(texts) -> None:
    place, out = texts
    answered(labelling_of(place, out), "ann", 10)
    lines = place.read_text().splitlines()
    place.write_text("\n".join([lines[0], "a new text at the top sun", *lines[2:]]) + "\n")
    again = labelling_of(place, out)
    assert again.status()["labelled"] + again.elsewhere == 10
    by_text = {row["text"]: row["label"] for row in rows_of(out)}
    for at, label in again._labels.items():
        assert by_text[again.pool.texts[at]] == label.labels[0]


def test_copies_are_asked_once(tmp_path) -> None:
    place, out = tmp_path / "texts.csv", tmp_path / "labels.csv"
    write_texts(place, 40)
    lines = place.read_text().splitlines()
    place.write_text("\n".join([*lines, *(line.upper() for line in lines[1:])]) + "\n")
    labelling = labelling_of(place, out)
    labelling.compare()
    labelling.learn()
    question = labelling.question("ann")
    while question["example"]:
        question = labelling.answer("ann", question["example"]["id"], [truth(question).lower()])
        labelling.learn()
    digests = text_digests(Texts.of([each["text"] for each in rows_of(out)]))
    assert len(digests) == len(np.unique(digests, axis=0)) == 40


def test_labels_are_checked(texts) -> None:
    labelling = labelling_of(*texts, classes=["sun"])
    example = labelling.question("ann")["example"]["id"]
    for label in ("", "  ", "a;b", "x" * 201, "a\u202eb"):
        with pytest.raises(UsageError, match="visible characters without ; are expected"):
            labelling.answer("ann", example, [label])
    for labels in ([], ["a", "b"]):
        with pytest.raises(UsageError, match="exactly one is expected"):
            labelling.answer("ann", example, labels)
    with pytest.raises(UsageError, match="example 60: there is none"):
        labelling.answer("ann", 60, ["sun"])
    assert rows_of(texts[1]) == []
    labelling.answer("ann", example, [" night \t sky "])
    assert rows_of(texts[1])[0]["label"] == "night sky"
    assert [each["name"] for each in labelling.status()["classes"]] == ["sun", "night sky"]


def test_suggestions_are_of_the_model_and_of_ones_own_example(texts) -> None:
    labelling = labelling_of(*texts)
    question = labelling.question("ann")
    with pytest.raises(Conflict, match="No model yet"):
        labelling.suggestion("ann", question["example"]["id"])
    labelling.compare()
    question = answered(labelling, "ann", 40)
    found = labelling.suggestion("ann", question["example"]["id"])
    assert sum(share for _, share in found) == pytest.approx(1)
    assert found[0][0] == truth(question)
    assert found[0][1] >= found[1][1]
    with pytest.raises(Conflict, match="Another example"):
        labelling.suggestion("ann", next(iter(labelling._labels)))
    assert not {"suggestion", "policy"} & {*question, *question["example"]}


def test_a_suggestion_is_of_the_example_where_few_of_the_pool_are_compared(texts, monkeypatch) -> None:
    monkeypatch.setattr("pellucid.labelling.pool._MOST_TEXTS", 30)
    labelling = labelling_of(*texts)
    labelling.compare()
    compared = labelling._compared
    assert 30 <= len(compared.positions) < len(labelling.pool)
    question, checked = answered(labelling, "ann", 15), 0
    while question["example"]:
        example = question["example"]["id"]
        place = int(np.searchsorted(compared.positions, example))
        if place < len(compared.positions) and compared.positions[place] == example != place:
            expected = labelling._guide.model.probabilities(compared.features[place : place + 1])[0]
            found = dict(labelling.suggestion("ann", example))
            names = labelling._guide.model.classes
            assert [found[name] for name in names] == pytest.approx(expected.tolist())
            checked += 1
        question = answered(labelling, "ann", 1)
    assert checked >= 5


def test_questions_under_way_count_for_what_is_due(texts) -> None:
    """Six people before anybody has answered: a third of the twelve they have at hand is of the audit."""
    labelling = labelling_of(*texts)
    for person in "abcdef":
        labelling.question(person)
    counts = collections.Counter(labelling._policies.values())
    assert counts == {"audit": 4, "random": 8}


def test_what_undo_pushes_from_the_page_is_free_for_others(texts) -> None:
    labelling = labelling_of(*texts)
    first = labelling.question("ann")
    second = labelling.answer("ann", first["example"]["id"], ["sun"])
    pushed = second["upcoming"]
    found = labelling.undo("ann")
    assert (found["example"]["id"], found["upcoming"]) == (first["example"]["id"], second["example"]["id"])
    assert {at for at, (name, _) in labelling._leases.items() if name == "ann"} == {
        found["example"]["id"],
        found["upcoming"],
    }
    labelling.answer("bob", pushed, ["sea"])  # nobody has it


def test_an_example_of_two_rows_loses_the_last_one_by_undo(texts) -> None:
    place, out = texts
    labelling = labelling_of(place, out)
    question = labelling.question("ann")
    example = question["example"]["id"]
    labelling.answer("ann", example, ["sun"])
    lines = out.read_text().splitlines(keepends=True)
    out.write_text("".join([*lines, lines[-1].replace(",sun,", ",sea,")]))
    again = labelling_of(place, out)
    assert again.status()["labelled"] == 1
    again._page_of("ann").answered.append(example)
    assert again.undo("ann")["had"] == ["sea"]
    assert [each["label"] for each in rows_of(out)] == ["sun"]


def test_a_client_of_many_names_does_not_take_every_example(texts) -> None:
    now = [0.0]
    labelling = labelling_of(*texts, clock=lambda: now[0])
    labelling.question("ann")
    mine = set(labelling._page_of("ann").at_hand)
    for number in range(1_000):
        now[0] += 0.001
        labelling.question(f"name {number}")
        labelling.question("ann")  # who works on keeps hers
        assert len(labelling._leases) <= 30
    assert set(labelling._page_of("ann").at_hand) == mine
    assert labelling.question("bob")["example"] is not None
    labelling.answer("ann", next(iter(mine)), ["sun"])


def test_a_few_people_keep_theirs_where_little_is_left(texts) -> None:
    labelling = labelling_of(*texts)
    answered(labelling, "ann", 44)
    for person in ("ann", "bob", "cem", "dan"):
        labelling.question(person)
    at_hand = [at for person in ("ann", "bob", "cem", "dan") for at in labelling._page_of(person).at_hand]
    assert len(set(at_hand)) == len(at_hand) == 8
    assert set(at_hand) == set(labelling._leases)


def test_several_labels_and_none(texts) -> None:
    labelling = labelling_of(*texts, target=MULTILABEL, classes=["warm", "cold"])
    labelling.compare()
    question = labelling.question("ann")
    for at in range(40):
        labels = [] if at % 3 == 0 else ["warm"] if at % 3 == 1 else ["warm", "cold", "cold"]
        question = labelling.answer("ann", question["example"]["id"], labels)
        labelling.learn()
    assert {each["label"] for each in rows_of(texts[1])} == {"", "warm", "cold;warm"}
    assert labelling.command.startswith(f"pellucid train {texts[1]} --target labels --unlabelled none --out")
    again = labelling_of(*texts, target=MULTILABEL)
    assert again.status()["labelled"] == 40
    with pytest.raises(UsageError, match="an example has several labels, 'cold;warm'; add --several-labels"):
        labelling_of(*texts)


@pytest.mark.slow
def test_images_by_paths_of_the_table(tmp_path) -> None:
    write_images(tmp_path / "in")
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG nothing")
    Image.open(tmp_path / "in" / "even" / "000.png").save(tmp_path / "in" / "copy.png")
    for out in (tmp_path / "in" / "labels.csv", tmp_path / "elsewhere" / "labels.jsonl"):
        out.parent.mkdir(exist_ok=True)
        labelling = labelling_of(tmp_path / "in", out)
        labelling.compare()
        labelling.learn()
        question = labelling.question("ann")
        while question["example"]:
            question = labelling.answer("ann", question["example"]["id"], ["a"])
        assert question["labelled"] == 12  # neither the copy nor the broken one
        again = labelling_of(tmp_path / "in", out)
        assert (again.status()["labelled"], again.elsewhere) == (12, 0)
    assert all(
        (tmp_path / "in" / each["image"]).is_file() for each in rows_of(tmp_path / "in" / "labels.csv")
    )


def test_features_that_fail_leave_random_questions(texts, monkeypatch: pytest.MonkeyPatch) -> None:
    labelling = labelling_of(*texts)

    def fail(*_):
        raise DataError("no image can be read; give others")

    monkeypatch.setattr(labelling, "compare", fail)
    labelling._learn_always()
    assert labelling.status()["state"] == (
        "Examples are drawn at random: choosing them has stopped (no image can be read; give others)."
    )
    answered(labelling, "ann", 5)

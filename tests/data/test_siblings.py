"""Siblings stay in one split: chains of near copies, rules joined, what is too large, what is said."""

import numpy as np
import pytest

from data.made import listing_of_texts, made_texts
from pellucid.data.ledger import ledger_lines
from pellucid.data.preparing import prepare
from pellucid.data.sibling_sets import FEWEST_OF_ALL, NEAR_COPIES, SOURCES, first_of_sets, joined, linked
from pellucid.data.siblings import by_source, confirmed_chains
from pellucid.data.sources.labelled import read_data
from pellucid.data.splitting import folds
from pellucid.settings import Settings


def pairs_of(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, np.int64).reshape(-1, 2)


def test_sets_are_found_over_any_number_of_steps() -> None:
    first = first_of_sets(8, pairs_of((6, 5), (5, 4), (4, 1), (2, 3), (7, 3)))
    assert first.tolist() == [0, 1, 2, 2, 1, 1, 1, 2]
    assert linked(first, np.array([0, 1, 1, 3, 4, 5, 6, 7])).tolist() == [0, 1, 1, 1, 1, 1, 1, 1]


def test_a_chain_takes_in_only_what_resembles_its_first_member() -> None:
    """0-1-2-3-4 is a chain of small steps; three steps are too far from where it began."""
    pairs = pairs_of((0, 1), (1, 2), (2, 3), (3, 4))
    links = confirmed_chains(5, pairs, lambda asked: np.abs(np.diff(asked, axis=1)[:, 0]) <= 2)
    assert sorted(map(tuple, links.tolist())) == [(0, 1), (0, 2), (3, 4)]


def test_a_set_that_would_take_a_whole_split_is_not_made() -> None:
    copies = np.arange(100)
    large = np.stack([np.zeros(29, np.int64), np.arange(1, 30)], axis=1)
    found = joined(
        100, 100, copies, {NEAR_COPIES: pairs_of((40, 41)), SOURCES: np.concatenate([large, [[50, 60]]])}
    )
    assert found.first[60] == 50
    assert found.first[41] == 40
    assert (found.first[:30] == np.arange(30)).all()
    assert found.found[SOURCES] == (1, 2)
    assert "would join 30 examples into one set" in found.warnings[0]


def test_near_copies_of_texts_stay_together_in_splits_and_folds_and_can_be_parted() -> None:
    texts = made_texts(200)
    copies = [f"{text} indeed so" for text in texts[:60]]
    listing = listing_of_texts([*texts, *copies], ["a", "b"] * 130)
    dataset, check = prepare(listing, Settings())
    assert check.siblings.found[NEAR_COPIES] == (60, 120)
    assert check.metrics()["siblings"] == 120
    divisions = [dataset, *folds(dataset, 4, seed=0)]
    for each in divisions:
        split_of = np.full(260, -1)
        for code, positions in enumerate(each.split_positions.values()):
            split_of[positions] = code
        assert (split_of[:60] == split_of[200:]).all()
    reasons = [line for line in ledger_lines(dataset, check) if "near copies" in line]
    assert len(reasons) == 60
    assert "belongs with mails.csv:2 (near copies)" in reasons[0]
    parted, check = prepare(listing, Settings(groups=False))
    assert not check.siblings.found
    assert len(np.unique(parted.together)) == 260


def test_a_sibling_of_training_in_the_users_own_test_is_counted_and_nothing_is_moved() -> None:
    texts = made_texts(100)
    listing = listing_of_texts(
        [*texts, *(f"{text} indeed so" for text in texts[:10]), texts[20]],
        ["a", "b"] * 55 + ["a"],
        splits=["train"] * 80 + ["validation"] * 20 + ["test"] * 11,
    )
    dataset, check = prepare(listing, Settings())
    assert dataset.test.tolist() == list(range(100, 111))
    assert dataset.with_sibling.tolist() == list(range(100, 111))
    assert dataset.leaked.tolist() == [110]
    assert check.metrics()["test_siblings"] == 10
    assert any("Test texts related to one in train or validation" in said for said in check.sentences())


def test_one_pair_more_held_together_moves_few_others() -> None:
    texts = made_texts(300)
    plain = prepare(listing_of_texts(texts, ["a", "b"] * 150), Settings())[0]
    nearly = prepare(listing_of_texts([*texts[:-1], f"{texts[3]} indeed"], ["a", "b"] * 150), Settings())[0]
    assert len(np.setxor1d(plain.train, nearly.train)) <= 6


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ({"author": 40, "thread_id": 30}, "thread_id"),
        ({"Source": 5, "userId": 40}, "userId"),
        ({"source": 5}, None),
        ({"url": 100}, None),
    ],
    ids=["narrowest-first", "too-few-values", "largest-too-large", "all-differ"],
)
def test_the_narrowest_column_that_parts_the_data_is_used(
    columns: dict[str, int], chosen: str | None
) -> None:
    codes = {name: (np.arange(100) % values + 1).astype(np.uint64) for name, values in columns.items()}
    name, links = by_source(codes, np.arange(100))
    assert name == chosen
    assert len(links) == (0 if chosen is None else 100 - columns[chosen])


@pytest.mark.parametrize("header", ["thread", "Conversation ID"])
def test_rows_of_one_thread_stay_together_and_an_empty_cell_is_no_thread(tmp_path, header: str) -> None:
    threads = ["" if index < 8 else f"t{index // 4}" for index in range(200)]
    rows = [f"{text},{'ab'[index % 2]},{threads[index]}" for index, text in enumerate(made_texts(200))]
    (tmp_path / "t.csv").write_text("\n".join([f"text,label,{header}", *rows]))
    dataset, check = prepare(read_data(str(tmp_path / "t.csv"), Settings()), Settings())
    assert check.siblings.found[SOURCES] == (48, 192)
    for positions in dataset.split_positions.values():
        inside = [threads[position] for position in positions if position >= 8]
        assert (np.unique(inside, return_counts=True)[1] == 4).all()
    assert any(f"Examples with the same '{header}' stay together" in said for said in check.warnings)


def test_a_whole_split_is_measured_by_the_examples_that_can_be_used() -> None:
    """Of 100 examples half cannot be used: a set of 15 is then too large, among 100 it is not."""
    links = np.stack([np.zeros(14, np.int64), np.arange(1, 15)], axis=1)
    assert FEWEST_OF_ALL < 15
    assert (joined(100, 50, np.arange(100), {SOURCES: links}).first == np.arange(100)).all()
    assert joined(100, 100, np.arange(100), {SOURCES: links}).first[:15].tolist() == [0] * 15


def test_a_text_of_very_many_groups_does_not_join_them_all() -> None:
    """A notice on every page is divided, and counted as leaked; pages and rarer copies stay whole."""
    pages, paragraphs = 40, 5
    texts = made_texts(pages * paragraphs)
    for page in range(pages):
        texts[page * paragraphs] = "All rights reserved by whoever wrote these pages."
    texts[1] = texts[paragraphs + 1]  # of two pages alone
    columns = [f"page {at // paragraphs}" for at in range(len(texts))]
    listing = listing_of_texts(texts, ["a", "b"] * (len(texts) // 2), groups=columns)
    dataset, check = prepare(listing, Settings())
    split_of = np.full(len(texts), -1)
    for code, positions in enumerate(dataset.split_positions.values()):
        split_of[positions] = code
    by_page = split_of.reshape(pages, paragraphs)
    assert (by_page == by_page[:, :1]).all()
    assert by_page[0, 0] == by_page[1, 0]
    assert set(split_of) == {0, 1, 2}
    assert set(dataset.leaked) == {at for at in dataset.test if at % paragraphs == 0}
    warned = [said for said in check.warnings if "would join" in said]
    assert warned == [
        "Copies of 1 text in more than 2 groups each would join 200 examples into one set, which is more "
        "than a split can take; groups stay whole, and these copies may be in several splits."
    ]
    assert not prepare(listing_of_texts(texts, listing.labels), Settings())[0].leaked.size

import re
from collections import defaultdict
from pathlib import Path

import numpy as np

import pellucid
from pellucid.arithmetic.draws import Purpose, chained, generator, names, prefixes, torch_seed


def test_draws_depend_on_seed_purpose_and_position_alone():
    draws = {
        (seed, purpose, position): int(generator(seed, purpose, position).integers(2**62))
        for seed in (0, 1)
        for purpose in (Purpose.ORDER, Purpose.AUGMENTATION)
        for position in (0, 1)
    }
    assert len(set(draws.values())) == 8
    assert int(generator(1, Purpose.ORDER, 1).integers(2**62)) == draws[1, Purpose.ORDER, 1]
    assert torch_seed(1, Purpose.DROPOUT, 3) != torch_seed(1, Purpose.DROPOUT, 4)
    assert 0 <= torch_seed(7, Purpose.DROPOUT) < 2**63


def test_every_stream_is_drawn_from_in_one_file_and_none_is_left_over():
    used = defaultdict(set)
    for path in Path(pellucid.__file__).parent.rglob("*.py"):
        for name in re.findall(r"Purpose\.([A-Z_]+)", path.read_text(encoding="utf-8")):
            used[name].add(path.name)
    assert set(used) == {purpose.name for purpose in Purpose}
    assert {name: files for name, files in used.items() if len(files) > 1} == {}


def test_a_stream_keeps_its_number():
    """Runs of earlier versions are resumed by these; a new stream gets a number above."""
    assert [*map(int, Purpose)][:36] == [*range(33), 36, 37, 40]
    assert (Purpose.ORDER, Purpose.NOISE, Purpose.LABEL_SUMS) == (1, 29, 37)


def test_draws_begin_at_position_0_and_are_those_of_numpys_own_seeds():
    assert generator(7, Purpose.ORDER).integers(2**62) == np.random.default_rng([7, 1, 0]).integers(2**62)
    assert torch_seed(7, Purpose.DROPOUT) == torch_seed(7, Purpose.DROPOUT, 0)
    expected = int(np.random.SeedSequence([7, 3, 5]).generate_state(1, np.uint64)[0])
    assert torch_seed(7, Purpose.DROPOUT, 5) == expected // 2


def test_a_piece_has_the_same_name_wherever_it_stands_and_others_have_others():
    points = np.array([ord(letter) for letter in "abcxabcab"], np.uint32)
    ready = prefixes(points)
    pieces = [(0, 3), (4, 7), (0, 2), (4, 6), (7, 9), (1, 3), (3, 6)]
    starts, ends = np.array(pieces).T
    first, second, *rest = names(ready, starts, ends).tolist()
    assert first == second
    assert len({*rest[:3]}) == 1
    assert len({first, *rest}) == 4
    one, other = names(ready, starts[:3], ends[:3])[[0, 2]][:, None]
    assert len({*chained(one, other).tolist(), *chained(other, one).tolist(), *one.tolist()}) == 3


def test_a_name_is_that_of_its_formula():
    """Models keep names: they stay the same in every version."""
    points, base, whole = [7, 11, 4], 0x9E3779B97F4A7C15, 2**64
    value = sum((point + 1) * base**place for place, point in enumerate(points)) % whole
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        value = (value ^ (value >> shift)) * factor % whole
    ready = prefixes(np.array([5, *points, 9], np.uint32))
    assert names(ready, np.array([1]), np.array([4])).tolist() == [value]

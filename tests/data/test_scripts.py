"""Two tables of scripts that agree with each other."""

import unicodedata

import numpy as np

from pellucid.data.raw_texts import SCRIPTS, SCRIPTS_WITHOUT_SPACES, main_scripts, without_spaces


def test_scripts_without_spaces() -> None:
    points = np.array([ord(each) for each in "aé1我のカສລខမ한न"], np.uint32)
    assert without_spaces(points).tolist() == [False] * 3 + [True] * 7 + [False] * 2


def test_letters_of_named_scripts_without_spaces_are_in_their_ranges() -> None:
    letters = [chr(point) for point in range(0x30000) if unicodedata.category(chr(point)) == "Lo"]
    named = [SCRIPTS[code] in SCRIPTS_WITHOUT_SPACES for code in main_scripts(letters).tolist()]
    plain = [unicodedata.normalize("NFKC", letter)[0] for letter in letters]
    ranged = without_spaces(np.array([ord(letter) for letter in plain], np.uint32))
    assert sum(named) > 50_000
    assert [letters[at] for at in np.flatnonzero(np.array(named) & ~ranged)] == []
    assert SCRIPTS_WITHOUT_SPACES < set(SCRIPTS)


def test_a_script_that_is_written_without_spaces_has_a_name() -> None:
    texts = ["ສະບາຍດີ", "ជំរាបសួរ", "မင်္ဂလာပါ", "བཀྲ་ཤིས་བདེ་ལེགས"]
    names = [SCRIPTS[code] for code in main_scripts(texts).tolist()]
    assert names == ["Lao", "Khmer", "Burmese", "Tibetan"]

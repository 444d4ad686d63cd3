"""Every Chinese page is up to date with its English one: the same code, links, tables and numbers."""

import subprocess
import sys
from pathlib import Path

import chinese_blocks
import paired_docs
import pytest

ENGLISH = """\
# Shop data

Two files of 1,200 rows, seen in November 2026: [the table](#the-table), `pellucid train` and $x^2 + 1$.

![a chart](images/chart.svg)

## The table

| Column | Meaning |
| --- | --- |
| `id` | number |

```sh
pellucid train shop.csv --out run/  # 20 seconds
```
"""
CHINESE = """\
# 商店数据

两个文件，共 1200 行，2026 年 11 月所见：[表格](#表格)、`pellucid train` 和 $x^2 + 1$。

![图表](../images/chart.svg)

## 表格

| 列 | 含义 |
| --- | --- |
| `id` | 编号 |

```sh
pellucid train shop.csv --out run/  # 约 20 秒
```
"""


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """A pair that is up to date."""
    (tmp_path / "docs" / "zh").mkdir(parents=True)
    english, chinese = tmp_path / "docs" / "shop.md", tmp_path / "docs" / "zh" / "shop.md"
    english.write_text(ENGLISH, encoding="utf-8")
    chinese.write_text(CHINESE, encoding="utf-8")
    assert paired_docs.accept(english, chinese) == 2
    return english, chinese


def found(pair: tuple[Path, Path]) -> list[str]:
    root = pair[0].parent.parent
    return [
        line for one, other in paired_docs.pairs(root) for line in paired_docs.differences(one, other, root)
    ]


def change(page: Path, old: str, new: str) -> None:
    text = page.read_text(encoding="utf-8")
    assert old in text
    page.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("english", "chinese"),
    paired_docs.pairs(),
    ids=lambda page: page.relative_to(paired_docs.ROOT).as_posix(),
)
def test_chinese_pages_are_those_of_the_english_ones(english: Path, chinese: Path) -> None:
    wrong = list(paired_docs.differences(english, chinese))
    assert not wrong, "translate, then `python tools/paired_docs.py --accept FILE`\n" + "\n".join(wrong)


def test_generated_tables_are_those_of_the_english_pages() -> None:
    stale = [page.name for page, text in chinese_blocks.pages().items() if page.read_text("utf-8") != text]
    assert not stale, f"run `make generated`: {stale}"


def test_a_generated_table_has_its_words_in_chinese_and_its_numbers_and_links_as_they_are() -> None:
    english = """\
# Texts

<!-- texts: start -->
![Accuracy of three networks on two sets of texts](images/texts.svg)

| claim | one training takes |
| --- | --- |
| [Dropout prevents overfitting.](#dropout) | 11.5 s |
| `conv1` | -0.038 [-0.054, -0.022], better |

9 trainings of each, on 1,295 texts, judged on 719 others. 85 s of processor time with 1 thread.
<!-- texts: end -->

## Dropout
"""
    marks = "# 文本\n\n<!-- texts: start -->\n{}<!-- texts: end -->\n\n## 随机失活\n"
    table = """\
![三个网络在两组文本上的准确率](../images/texts.svg)

| 说法 | 一次训练用时 |
| --- | --- |
| [随机失活防止过拟合。](#随机失活) | 11.5 秒 |
| `conv1` | -0.038 [-0.054, -0.022]，更好 |

各训练 9 次，使用 1,295 段文本，在另外 719 段上评判。处理器时间 85 秒，1 个线程。
"""
    assert chinese_blocks.filled(english, marks.format("")) == marks.format(table)
    with pytest.raises(ValueError, match="no Chinese for 'trees of the forest'"):
        chinese_blocks.filled(english.replace("claim", "trees of the forest"), marks.format(""))


def test_every_section_has_the_hash_of_its_english_one(made: tuple[Path, Path]) -> None:
    assert found(made) == []
    lines = made[1].read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["# 商店数据", f"<!-- en: {paired_docs.sections(ENGLISH)[0].hash} -->"]


def test_a_changed_english_section_makes_the_chinese_one_old_until_it_is_accepted(
    made: tuple[Path, Path],
) -> None:
    change(made[0], "Two files", "Two small files")
    (line,) = found(made)
    assert line.startswith('docs/zh/shop.md: "商店数据": the English section "Shop data" has changed')
    assert paired_docs.accept(*made, title="表格") == 0
    assert paired_docs.accept(*made, title="商店数据") == 1
    assert found(made) == []


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("1200", "1300", "numbers"),
        ("--out run/", "--out other/", "code differ"),
        ("../images/chart.svg", "../images/other.svg", "links and figures"),
        ("(#表格)", "(#商店数据)", "links and figures"),
        ("| 编号 |", "| 编号 | |", "tables"),
        ("`pellucid train`", "`pellucid tune`", "code in sentences"),
        ("x^2 + 1", "x^2 + y", "formulas"),
        ("，共 ", "，共", "no space between"),
        ("两个文件，共", "两个文件, 共", "half-width punctuation"),
        ("两个文件，共", "两个文件，\n共", "line break"),
        ("(#表格)", "(../shop.md#the-table)", "a link to an English page"),
        ("## 表格", "### 表格", '"The table" has no Chinese section'),
    ],
)
def test_what_differs_is_named(made: tuple[Path, Path], old: str, new: str, kind: str) -> None:
    change(made[1], old, new)
    assert [line for line in found(made) if kind in line], found(made)


def test_a_new_english_section_is_missing_in_chinese_and_cannot_be_accepted(made: tuple[Path, Path]) -> None:
    made[0].write_text(ENGLISH + "\n## Limits\n\nNone.\n", encoding="utf-8")
    assert found(made) == ['docs/zh/shop.md: "Limits" has no Chinese section, or one of another level']
    with pytest.raises(ValueError, match="translate what is missing first"):
        paired_docs.accept(*made)


def test_links_lead_to_the_chinese_page_where_there_is_one(made: tuple[Path, Path]) -> None:
    for page, link, words in ((made[0], "other.md", "Other"), (made[1], "../other.md", "其他")):
        (page.parent / "other.md").write_text(f"# {words}\n", encoding="utf-8")
        page.write_text(f"# {words}\n\n[{words}]({link})\n", encoding="utf-8")
    paired_docs.accept(*made)
    lines = [line for line in found(made) if "shop.md" in line]
    assert lines == [
        'docs/zh/shop.md: "其他": a link to an English page that there is in Chinese: ../other.md'
    ]


def test_headings_in_code_are_no_sections() -> None:
    page = "# One\n\n````md\n```sh\n# no heading\n```\n## nor this\n````\n\n## Two\n"
    assert [section.title for section in paired_docs.sections(page)] == ["One", "Two"]


def test_the_command_lists_what_is_old() -> None:
    tool = Path(paired_docs.__file__)
    done = subprocess.run([sys.executable, tool], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.endswith("Chinese pages are those of the English ones\n")) == (
        0,
        True,
    )

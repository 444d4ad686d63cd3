"""Files of many texts are read in a page as `predict` reads them."""

import json
from pathlib import Path

import pytest

from export.app.node import Node
from pellucid.data.sources.blocks import texts_of
from pellucid.data.sources.places import open_places
from pellucid.data.tables.columns import LABEL_NAMES, LESSER_TEXT_NAMES, TEXT_NAMES
from pellucid.input_kinds import TEXTS
from pellucid.settings import Settings

READ = 'import { textsOfFile } from "./pellucid/export/app/script/texts/tables.js";'
USUAL = {"texts": [*TEXT_NAMES, *LESSER_TEXT_NAMES], "labels": [*LABEL_NAMES], "joined": []}
TABLES = {
    "plain.csv": "label,text\nham,see you at noon\nspam,FREE money\n",
    "quoted.csv": 'id,review,label\n1,"a ""fine"" room,\nand quiet",good\n2,"",bad\n3,"quotes" inside,bad\n',
    "semicolons.csv": "\ufefftext;label\r\nein Text, mit Komma;a\r\nnoch einer;b\r\n",
    "tabs.tsv": "text\tlabel\none, two\ta\nthree\tb\n",
    "blank.csv": "text,label\none,a\n\ntwo,b\n",
    "unnamed.csv": "a,this is the longer of both,1\nb,and so is this one as well,2\n",
    "chinese.csv": "content,label\n房间很干净,pos\n“质量太差”,neg\n",
    "objects.jsonl": '{"label": "a", "text": "one\\ntwo"}\n{"text": "three", "label": "b"}\n',
    "gaps.jsonl": '{"text": "one", "label": "a"}\n\n{"text": 3.5, "label": "b"}\n{"text": null}\n',
}


@pytest.mark.parametrize("name", [name for name in TABLES if name != "unnamed.csv"])
def test_rows_are_those_of_predict(node: Node, tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.write_bytes(TABLES[name].encode())
    ours = texts_of(open_places([str(place)], Settings(), TEXTS), None)
    given = {"name": name, "content": TABLES[name], "usual": USUAL}
    theirs = node.run(READ, "return textsOfFile(given.name, given.content, given.usual);", given)
    assert [f"{tmp_path}/{each['name']}" for each in theirs] == [*ours.names]
    assert [each["text"] for each in theirs] == [*ours.texts]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", 'id,title,body,label\n1,one,"two, and\nthree",a\n2,,four,b\n3,five, ,a\n'),
        ("t.jsonl", '{"title": "one", "body": "two"}\n{"body": 3}\n{"title": null, "body": "four"}\n'),
    ],
)
def test_columns_are_joined_as_predict_joins_them(
    node: Node, tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    ours = texts_of(open_places([str(tmp_path / name)], Settings(input_column="title,body"), TEXTS), None)
    code = "return textsOfFile(given.name, given.content, given.usual);"
    given = {"name": name, "content": content, "usual": {**USUAL, "joined": ["title", "body"]}}
    theirs = node.run(READ, code, given)
    assert [each["text"] for each in theirs] == [*ours.texts]
    given["usual"]["joined"] = ["title", "text"]
    assert {each["error"] for each in node.run(READ, code, given)} == {"has no column text"}


def test_without_usual_names_the_longest_column_holds_the_texts(node: Node) -> None:
    given = {"name": "unnamed.csv", "content": TABLES["unnamed.csv"], "usual": USUAL}
    found = node.run(READ, "return textsOfFile(given.name, given.content, given.usual);", given)
    texts = ["this is the longer of both", "and so is this one as well"]
    assert [each["text"] for each in found] == texts


def test_every_line_of_a_plain_file_is_a_text(node: Node) -> None:
    given = {"name": "mails.txt", "content": "one\r\n\n  \nfour, five\n", "usual": USUAL}
    found = node.run(READ, "return textsOfFile(given.name, given.content, given.usual);", given)
    assert found == [
        {"name": "mails.txt:1", "text": "one", "error": ""},
        {"name": "mails.txt:4", "text": "four, five", "error": ""},
    ]


def test_a_line_that_is_no_json_is_one_bad_text(node: Node) -> None:
    content = "\n".join([json.dumps({"text": "fine"}), "{broken", json.dumps([1]), json.dumps("alone")])
    given = {"name": "x.jsonl", "content": content, "usual": USUAL}
    found = node.run(READ, "return textsOfFile(given.name, given.content, given.usual);", given)
    assert [each["error"] for each in found] == ["", "is no JSON", "holds no text", ""]
    assert found[3]["text"] == "alone"

"""Texts need a network that reads the order of the words: a recurrent one, or a convolution.

Trains a bag of words, a convolution over words and an LSTM on the bundled e-mails (spam or not) and on
R8, news of eight topics from Reuters, which is fetched once, or left out where that fails. With
`compare`; all three are given the first 100 words of each text.

Takes: about 6 minutes with one thread.
"""

import sys
from pathlib import Path
from typing import Any

from drawing import figure
from showing import NO, PARTLY, YES, Conclusion, against, cost, finding, panels_of, plain, sections, table
from trying import ROOT, Options, compared, mails, texts_of

NAMES = {"bag": "bag of words", "text-cnn": "convolution", "rnn": "LSTM"}
TITLES = {"mails": "e-mails: spam or not", "r8": "R8: eight topics of news"}
WORDS, FOLDS = 100, 2


def tried(options: Options) -> dict[str, Any]:
    record: dict[str, Any] = {"sets": {}}
    for name, read in (("mails", mails), ("r8", _news)):
        try:
            material = read()
        except SystemExit as error:
            print(f"    {TITLES[name]}: left out: {error}", file=sys.stderr)
            continue
        place, own = texts_of(options, name, *_cut(*material)), {"folds": FOLDS, "preset": "quick"}
        found, _ = compared(options, place, {"model": list(NAMES)}, **own, **options.limit)
        record["sets"][name] = plain(found, "model")
    return record


def _cut(texts: list[str], labels: list[str]) -> tuple[list[str], list[str]]:
    return [" ".join(text.split()[:WORDS]) for text in texts], labels


def _news() -> tuple[list[str], list[str]]:
    sys.path.append(str(Path(ROOT) / "benchmarks"))
    import text_data

    news = text_data.load("r8")
    return news.train, news.train_labels


def drawn(record: dict[str, Any]) -> str:
    panels = []
    for name, found in record["sets"].items():
        panels += panels_of(found, TITLES[name], "bag", names=NAMES)
    return figure(panels, "Accuracy of three networks on two sets of texts")


def shown(record: dict[str, Any]) -> str:
    rows = [
        [words, *(f"{found['variants'][name]['train_seconds']:.1f} s" for found in record["sets"].values())]
        for name, words in NAMES.items()
    ]
    header = ["one training takes", *(TITLES[name] for name in record["sets"])]
    parts = [*sections(record["sets"], TITLES, "bag", "texts"), table(header, rows) + f"\n{cost(record)}\n"]
    return "\n".join(parts)


def concluded(record: dict[str, Any]) -> Conclusion:
    sets = record["sets"]
    needed = [
        finding(found, name, "bag") == "better" for found in sets.values() for name in ("text-cnn", "rnn")
    ]
    numbers = (
        f"{against(found, 'rnn', 'bag')} on {TITLES[name].partition(':')[0]}" for name, found in sets.items()
    )
    verdict = YES if all(needed) else PARTLY if any(needed) else NO
    return Conclusion(verdict, f"LSTM minus bag of words: accuracy {', '.join(numbers)}")

"""Facts of a run on texts: real mails of the bundled sample, answers made up."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.data.sources.samples import read_sample
from pellucid.language.sentence import Sentence
from pellucid.reports import Answered, ReportFacts
from pellucid.reports.facts import LabelIssue, LabelIssues

TOKENS: Mapping[str, Any] = {
    "encoder": "words",
    "vocabulary": 21_204,
    "length": 400,
    "test_coverage": {"texts": 675, "ids": 171_220, "unknown": 6_021, "cut": 83},
    "reasons": [
        Sentence(
            "Texts are split into {tokens}: {script}, and {lacking}.",
            "words",
            Sentence(
                "{share} of their characters belong to scripts that {do} between words", "100 %", "put spaces"
            ),
            Sentence(
                "a vocabulary of {tokens} made from nine tenths of the training texts lacks "
                "{unknown} of the {tokens2} of the others",
                "words",
                "4.1 %",
                "words",
            ),
        ),
        Sentence(
            "The first {length:,} {noun} of a text are read, {why}; "
            "{whole} of the training texts are read whole.",
            400,
            "words",
            Sentence("enough for {NOT_CUT} of the training texts", "95 %"),
            "95.1 %",
        ),
    ],
}


def text_facts(base: ReportFacts, texts: Sequence[str] | None = None) -> ReportFacts:
    """A run that tells spam from ham."""
    if texts is None:
        mails = read_sample("sample:spam").texts
        assert mails is not None
        texts = mails[:60]
    names = ("ham", "spam")

    def answered(row: int, text: str) -> Answered:
        sureness = 0.999 - row / 90
        return Answered(text, f"sample:spam/spam.jsonl.gz:{row + 1}", names[row % 2], names[1 - row % 2],
                        sureness, 1 - sureness)  # fmt: skip

    mistakes = [answered(row, text) for row, text in enumerate(texts)]
    right = [dataclasses.replace(each, label=each.predicted, probability_of_label=each.probability)
             for each in mistakes[:8]]  # fmt: skip
    label_issues = [
        LabelIssue(each.shown, each.source, "train", each.label, each.predicted, 0.9, 0.1, 0.8)
        for each in mistakes[:20]
    ]
    entry = {**base.metrics["models"]["cnn"]}
    return dataclasses.replace(
        base,
        title="sample:spam",
        metrics={
            **base.metrics,
            "task": "text-classification",
            "classes": list(names),
            "data": {**base.metrics["data"], "train": 2427, "validation": 270, "test": 675},
            "recommended": "text-cnn",
            "reason": Sentence("{names} is the only model to choose from.", "text-cnn"),
            "models": {"text-cnn": entry},
            "text": TOKENS,
        },
        confusion=np.array([[480, 11], [9, 175]]),
        history=[{**line, "texts_per_second": 4120.0} for line in base.history],
        mistakes=mistakes[:40],
        cells=right,
        uncertain=mistakes[:24],
        label_issues=LabelIssues(
            label_issues,
            31,
            3372,
            Sentence(
                "{models} judged {what}, none of which it had learnt from.",
                "text-cnn",
                Sentence("the {noun}s kept from training", "text"),
            ),
            precision=0.8,
        ),
        layers=[layer._replace(receptive_field=None) for layer in base.layers],  # type: ignore[attr-defined]
        check=None,
        command="pellucid train sample:spam --out run",
    )

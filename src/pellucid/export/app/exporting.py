"""Write a trained model as one page, once it has answered in a browser as the model does."""

import json
import tempfile
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.answering.incoming import incoming_rows
from pellucid.answering.training_examples import model_of
from pellucid.bundle import Answers, Model, load
from pellucid.data.images.decoding import shown_image
from pellucid.data.listing import TEST
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.export.app.chromium import BrowserFailed, Tab, browsing, find_browser
from pellucid.export.app.content import card_of, page_of, refusal
from pellucid.export.app.kinds import KINDS, AppKind
from pellucid.export.export import metadata_of, require_open, require_place
from pellucid.export.proof import Allowance, DisagreeingError, HeldOutExamples, compare, held_out_examples
from pellucid.language.sentence import Sentence
from pellucid.safety.files import write_file

# Proof of a page: in a browser it answers held-out examples, from original files, as the model does.

MOST_EXAMPLES = 300
# Change by 16 bits a weight: probabilities by as much as `difference`, labels of answers that lie no further
# apart than `tie`, novelty by as many ranks as make this share.
ALLOWANCE = Allowance(difference=1e-3, tie=1e-3, novelty=0.02)

_BATCH_BYTES = 8_000_000
_SECONDS_EACH = 20.0
_PAGE = "app.html"


class AppProof(NamedTuple):
    """Outcome of a proof that was passed.

    Attributes:
        examples: answered by the page and by the model.
        difference: largest one found, of probabilities or numbers.
        browser: its name and version.
    """

    examples: int
    difference: float
    browser: str


def prove_app(
    model: Model, kind: AppKind, content: bytes, examples: HeldOutExamples, program: str
) -> AppProof:
    """Open a page in a browser, and ask it and the model about the same original files.

    Raises: `ModelFileError` with examples if they disagree, the page asks the network for anything or its
    script fails; `DataError` if none of the examples can be read any more.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / _PAGE
        place.write_bytes(content)
        try:
            with browsing(program) as tab:
                tab.open(place.as_uri())
                proof = _proved(model, kind, examples, tab)
                _require_quiet(tab, place.as_uri())
        except BrowserFailed as error:
            raise ModelFileError(
                "export: not written: the page failed in {program}: {error}", program, error
            ) from error
    return proof


def _proved(model: Model, kind: AppKind, examples: HeldOutExamples, tab: Tab) -> AppProof:
    """Compare answers block by block."""
    asked = incoming_rows(model, examples.listing, examples.rows)
    rows = iter(examples.rows)
    answered, largest = 0, 0.0
    for block in asked.blocks:
        of_block = zip(block.names, islice(rows, len(block.names)), block.errors, strict=True)
        readable = [(name, row) for name, row, error in of_block if not error]
        if not readable:
            continue
        originals = (kind.original(model, examples.listing, row) for _, row in readable)
        found = list(_asked(tab, originals))
        theirs = _answers(model, found)
        ours = model.answer(block.inputs)
        engine = Sentence("the page in {product}", tab.product)
        shown = [name for name, _ in readable]
        largest = max(largest, compare(model, shown, ours, theirs, engine, ALLOWANCE))
        _require_labels(model, theirs, [str(each.get("label")) for each in found], engine)
        answered += len(readable)
    if not answered:
        raise DataError("export: none of the held-out examples can be read any more; put the data back")
    return AppProof(answered, largest, tab.product.replace("HeadlessChrome", "Chrome").replace("/", " "))


def _require_labels(model: Model, answers: Answers, labels: Sequence[str], engine: str) -> None:
    """Refuse a page that names other labels than its own probabilities decide for.

    Raises: `ModelFileError` with the first.
    """
    if not model.classes:
        return
    expected = model.target.texts(model.decided(answers.said), model.classes)
    for label, right in zip(labels, expected, strict=True):
        if label != right:
            raise ModelFileError(
                "export: not written: {engine} answers {label!r} where its probabilities decide for "
                "{right!r}; please report it",
                engine,
                label,
                right,
            )


def _asked(tab: Tab, originals: Iterator[dict[str, str]]) -> Iterator[dict[str, Any]]:
    """Ask the page about originals, a bounded number of bytes at a time."""
    batch: list[dict[str, str]] = []
    for original in originals:
        batch.append(original)
        if sum(len(text) for each in batch for text in each.values()) >= _BATCH_BYTES:
            yield from ask(tab, batch)
            batch = []
    if batch:
        yield from ask(tab, batch)


def ask(tab: Tab, originals: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """Answers of an open page: `said`, `label`, `novelty` and `milliseconds`, or `error`.

    Raises: `BrowserFailed` if its script fails.
    """
    expression = f"pellucid.ready.then((page) => page.answer({json.dumps(originals)}))"
    found: list[dict[str, Any]] = tab.evaluate(expression, 60.0 + _SECONDS_EACH * len(originals))
    return found


def _answers(model: Model, found: Sequence[dict[str, Any]]) -> Answers:
    """Answers of the page as a model gives them; those that it could not read are no numbers."""
    width = max(1, len(model.classes))
    said = np.array([each.get("said", [np.nan] * width) for each in found], np.float64)
    novelty = [each.get("novelty") for each in found]
    unknown = all(each is None for each in novelty)
    return Answers(
        said if model.classes else said[:, 0],
        None if unknown else np.array([np.nan if each is None else each for each in novelty], np.float64),
    )


def _require_quiet(tab: Tab, address: str) -> None:
    """Refuse a page that asks for anything but itself, or complains.

    Raises: `ModelFileError`.
    """
    others = [each for each in tab.requests if each != address and not each.startswith(("data:", "blob:"))]
    if others or tab.errors:
        found = Sentence("it asks for {others}", others[0]) if others else tab.errors[0]
        raise ModelFileError("export: not written: the page failed in {product}: {found}", tab.product, found)


ENDING = ".html"


class ExportedApp(NamedTuple):
    """Outcome of the export of a page.

    Attributes:
        model: name of the model.
        noun: one example: `image` or `text`.
        bytes: of the file.
        proof: that was passed; `None` where no browser was at hand.
        examples: of the test, that it holds.
    """

    model: str
    noun: str
    bytes: int
    proof: AppProof | None
    examples: int


_EXAMPLES = 6  # to try, where no number is asked for
_LONGEST_SIDE = 512  # of an image to try, in pixels


def _to_try(model: Model, kind: AppKind, held_out: HeldOutExamples, count: int) -> list[dict[str, Any]]:
    """Some examples with their labels, of as many labels as there are; images are made smaller."""
    labels, rows = held_out.listing.labels, held_out.rows
    seen: Counter[str] = Counter()
    turns = []  # how often the label of each row came before it: all firsts come before all seconds
    for row in rows:
        turns.append(seen[labels[row]])
        seen[labels[row]] += 1
    order = sorted(range(len(rows)), key=lambda at: (turns[at], at))
    found: list[dict[str, Any]] = []
    for at in order:
        if len(found) == count:
            break
        original = kind.original(model, held_out.listing, rows[at])
        if "file" in original:
            try:
                content, _ = shown_image(b64decode(original["file"]), _LONGEST_SIDE)
            except DataError:
                continue
            original["file"] = b64encode(content).decode("ascii")
        found.append({"original": original, "label": labels[rows[at]]})
    return found


def export_app(
    run: str,
    out: Path,
    name: str | None = None,
    announce: Callable[[str], None] | None = None,
    title: str | None = None,
    examples: int | None = None,
    *,
    is_proved: bool = True,
    training: Mapping[str, str] | None = None,
) -> ExportedApp:
    """Write the recommended model of a run, or another by its name, as a page; `announce` hears what is done.

    The page is called `title`, or else by its classes. It holds as many `examples` of the test, to try the
    model on, and opens on the first; `None` stands for six, or none where the run has no test to read.
    Without `is_proved` no browser is asked, and the page says that it was not proved. With `training` it has
    a part that trains, which is filled with these values.

    Raises: `UsageError` if `out` has another ending, the model cannot be a page, `run` lies in no run, or
    examples are wanted of a run without a test; `DataError` if the held-out examples are gone;
    `ModelFileError` if the model is damaged, or the page does not answer as it does; `StorageError` if `out`
    cannot be written.
    """
    require_place(out, ENDING)
    found = model_of(run, name)
    model = load(found.folder)
    require_open(model)
    if reason := refusal(model):
        raise UsageError(
            "--out: {reason}; choose another model with --model, or write --out model.onnx", reason
        )
    say = announce or (lambda sentence: None)
    called = found.name or model.name
    say(Sentence("writing {called} as a page", called))
    metadata, card = metadata_of(model, called), card_of(model, called, found.folder)
    if title is not None:
        card["asked"] = title
    program, proof, kind = find_browser() if is_proved else None, None, KINDS[model.input_kind.name]
    held_out = None
    try:
        held_out = held_out_examples(run, found.folder, MOST_EXAMPLES)
    except (DataError, UsageError):
        if program is not None or examples:
            raise
    if examples and held_out is not None and held_out.split != TEST:
        raise UsageError("--examples: the run has no test examples; leave it out")
    count = _EXAMPLES if examples is None else examples
    shown = [] if held_out is None or held_out.split != TEST else _to_try(model, kind, held_out, count)
    parts = page_of(model, metadata, card, shown, training=training)
    if program is not None and held_out is not None:
        asked = Sentence("{rows:,} held-out {nouns}", len(held_out.rows), model.input_kind.nouns)
        say(Sentence("comparing it in {program} with the model on {asked}", program, asked))
        try:
            proof = prove_app(model, kind, parts.html(None), held_out, program)
        except DisagreeingError:
            # A classical model on a deep network may answer what 16 bits change by more than is allowed.
            say("an answer differs by too much where weights have 16 bits; writing all 32 of them")
            parts = page_of(model, metadata, card, shown, training=training, exactly=True)
            proof = prove_app(model, kind, parts.html(None), held_out, program)
    content = parts.html(None if proof is None else proof._asdict())
    write_file(out, content)
    return ExportedApp(called, model.input_kind.noun, len(content), proof, len(shown))

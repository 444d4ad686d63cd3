"""Settings table: each field is a row, with its meaning, bounds and choices next to name and type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.settings.metrics import CHOICES
from pellucid.settings.rows import (
    CLASSICAL_MODELS,
    Row,
    checked,
    instead_of,
    parse_delimiter,
    parse_duration,
    parse_ignore,
    parse_image_size,
    parse_log,
    parse_name_pattern,
    parse_names,
    parse_numbers_by_class,
    parse_quote,
    row,
    rows_of,
)

# Names of the models that settings choose from: networks for images (`mlp` also takes feature vectors), for
# texts, and those that make images, of which one trains two networks against each other.
NEURAL_OF_IMAGES = ("cnn", "mlp", "lenet")
NEURAL_OF_TEXTS = ("text-cnn", "rnn", "bag", "transformer")
NEURAL = (*NEURAL_OF_IMAGES, *NEURAL_OF_TEXTS)
ADVERSARIAL = "gan"
GENERATIVE = ("vae", ADVERSARIAL)
_WITH_TOKENS = ("text-cnn", "rnn", "transformer")
_WITH_VECTORS = ("text-cnn", "rnn")

# Models that are none; `mean` and `ridge` predict numbers, `majority` and `logistic-regression` classes.
CLASSICAL = ("majority", "logistic-regression", "svm", "random-forest", "mean", "ridge")

# Those that take no input: what every other model has to beat.
DUMMIES = ("majority", "mean")

# Value of `--backbone` with which none is considered.
NO_BACKBONE = "none"

# What settings belong to or do not go with, besides the models by their names.
IMAGES = "images"
GENERATORS = "models that make images"
BACKBONES = "pretrained networks"

MOST_PARTS = 1024  # of a batch

# Settings that show a run and leave no trace in it: a run has the same bytes whoever watches it.
OF_ONLOOKERS = ("watch", "log")

# Weighted mean of several trained models of a run, which no setting asks for.
AVERAGE = "average"


def require_no_contradiction(settings: "Settings") -> None:
    """Refuse settings that contradict each other, or hold a text of another form, with a `UsageError`."""
    by_time = (
        "--time-column: divides the data into past and future, but {value} divides it in another way; "
        "{value2}"
    )
    one_out, is_by_time = "leave one of them out", settings.time_column is not None
    contradictions = {
        Sentence("--label-smoothing: belongs to cross-entropy, but --loss is mse; {one_out}", one_out): (
            settings.loss == "mse" and settings.label_smoothing
        ),
        "--mirror: a way of varying images, which --no-augment leaves out; give one of them": (
            settings.mirror and settings.augment is False
        ),
        Sentence(
            "--optimizer: muon learns weights that a batch norm follows, which --no-batch-norm leaves out; "
            "{one_out}",
            one_out,
        ): settings.optimizer == "muon" and not settings.batch_norm,
        "--folds: 1 leaves nothing to learn from; give 2 or more, or 0 for none": settings.folds == 1,
        Sentence(
            "--folds: trains every model several times over, which --time-limit does not foresee; "
            "give --epochs in its place, or {one_out}",
            one_out,
        ): settings.folds and settings.time_limit is not None,
        "--weights: belongs to --backbone NAME; give it, or leave this out": (
            settings.weights is not None and settings.backbone in (None, NO_BACKBONE)
        ),
        Sentence(by_time, "--split-column", one_out): is_by_time and settings.split_column is not None,
        Sentence(by_time, "--test", one_out): is_by_time and settings.test is not None,
        Sentence(by_time, "--folds", one_out): is_by_time and settings.folds,
        Sentence("--quote: {quote!r} is the --delimiter too; give another", settings.quote): (
            settings.quote is not None and settings.quote == settings.delimiter
        ),
        "--order: belongs to --target ordered; give it, or leave this out": (
            settings.order is not None and settings.target != "ordered"
        ),
        Sentence(
            "--class-depth: takes labels from folders, but --label-from-name takes them from names; "
            "{one_out}",
            one_out,
        ): settings.label_from_name is not None and settings.class_depth is not None,
    }
    for message, is_so in contradictions.items():
        if is_so:
            raise UsageError(message)
    if settings.label_from_name is not None:
        parse_name_pattern(settings.label_from_name)
    parse_log(settings.log)
    parse_delimiter(settings.delimiter)
    parse_quote(settings.quote)
    parse_ignore(settings.ignore)
    parse_image_size(settings.image_size)
    parse_duration(settings.time_limit)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a user. Checked on construction; a contradiction raises `UsageError`."""

    # data
    task: str = row("auto", "data", "Kind of input; auto goes by the data", choices=("auto", "image", "text"))
    target: str | None = row(
        None,
        "data",
        "What is predicted; default: any number of labels where an example has several, a number where a "
        "table's labels are numbers with fractions and more than 20 distinct values, a class elsewhere; "
        "ordered: one of several classes from a lowest to a highest",
        choices=("class", "number", "labels", "ordered"),
    )
    order: str | None = row(
        None,
        "data",
        "With --target ordered, all classes from the lowest to the highest, comma-separated, such as "
        "low,mid,high; default: the order that their names imply, such as 1 star to 5 stars",
    )
    test: str | None = row(None, "data", "Separate labelled DATA that becomes the test split")
    input_column: str | None = row(
        None,
        "data",
        "Table column with the texts or image paths; several text columns, comma-separated, are joined",
    )
    label_column: str | None = row(
        None,
        "data",
        "Table column holding the labels; several columns of 0 and 1, comma-separated, are one label each",
    )
    label_separator: str | None = row(
        None,
        "data",
        "What separates several labels in one cell; default: ';' or '|', where such labels recur",
    )
    unlabelled: str | None = row(
        None,
        "data",
        "What an empty cell means where an example may have several labels: no label applies, or nobody has "
        "looked, so that it counts neither in training nor in scores; needed where a cell is empty",
        choices=("none", "unknown"),
    )
    label_from_name: str | None = row(
        None,
        "data",
        "Pattern of file names with the class in them, such as '{label}_*.jpg', or a regular expression with "
        "a group (?P<label>...)",
    )
    class_depth: int | None = row(
        None,
        "data",
        "Folders that name a class where class folders hold further folders: 1 takes the first (alphabet), 2 "
        "the first two (alphabet/character); default: 1 where only one reading is likely",
        bounds=(1, 8),
    )
    group_column: str | None = row(
        None, "data", "Table column of groups: rows with equal values stay in one split"
    )
    groups: bool = row(
        True,
        "data",
        "Keep siblings in one split: near copies, bursts of one scene, quoting texts, threads of mails, and "
        "rows of one source",
    )
    split_column: str | None = row(
        None, "data", "Table column with the values train, validation (or val) and test"
    )
    time_column: str | None = row(
        None, "data", "Table column of times: train on the past, validate and test on what comes after"
    )
    slice_column: str | None = row(
        None,
        "data",
        "Table column for whose values scores are given one by one, worst first",
        not_with=(GENERATORS,),
    )
    rename: Mapping[str, str] | None = row(
        None,
        "data",
        "Table of old and new names of classes (CSV, TSV or JSON): what it names is renamed, and two classes "
        "of one new name become one",
        from_text=(parse_names, "FILE"),
    )
    corrections: str | None = row(
        None,
        "data",
        "Table of corrected labels and of examples to leave out, as the report of a run makes it "
        "(corrections.csv); every example stays in the split that it has without them",
    )
    ignore: str | None = row(
        None,
        "data",
        "What is taken out of every input before training and at every answer, comma-separated: token:WORD, "
        "first-line, last-line or column:NAME of texts; border:4% or corner:top-left:10% of images",
    )
    min_examples: int | None = row(
        None, "data", "Leave classes with fewer examples out", bounds=(1, 1_000_000_000)
    )
    encoding: str | None = row(None, "data", "Text encoding of tables and text files; default: detected")
    delimiter: str | None = row(
        None,
        "data",
        "What separates the fields of CSV and similar tables: a character, or comma, semicolon, tab, pipe or "
        "space; default: found from the first rows",
    )
    quote: str | None = row(
        None,
        "data",
        "What quotes fields of CSV and similar tables that hold the delimiter: a character, or double, "
        "single or none; default: found from the first rows",
    )
    skip_bad: bool = row(False, "data", "Leave unreadable examples out instead of refusing the data")
    image_size: str | None = row(
        None, "data", "Training size in pixels, N or HxW; default: a rule from the data", belongs_to=(IMAGES,)
    )
    resize: str = row(
        "fit",
        "data",
        "How images of another shape get the training size: fit keeps their aspect and fills the rest with "
        "the colour of their border, stretch does not",
        choices=("fit", "stretch"),
        belongs_to=(IMAGES,),
    )
    # network
    model: str = row(
        "auto",
        "network",
        "Model to train: a network, a network that makes images (vae, gan), or a classical model alone",
        choices=("auto", *NEURAL, *GENERATIVE, *CLASSICAL),
        of_networks=False,
    )
    backbone: str | None = row(
        None,
        "network",
        "Pretrained network to build on: efficientnet-lite0, or any network of timm with --weights "
        "(images), all-minilm-l6-v2 or glove-6b-50d (texts in English), use-multilingual or e5-small (in "
        "others), the folder of one that timm, transformers or model2vec saved, an image encoder as an .onnx "
        "file, which stays closed, or none; default: one that is installed is considered for images that "
        "look like photographs, and for few texts",
        off=NO_BACKBONE,
    )
    weights: str | None = row(
        None,
        "network",
        "Local weights of --backbone: a .safetensors file (images), the folder of a sentence encoder or a "
        "file of word vectors (texts)",
    )
    from_: str | None = row(
        None,
        "network",
        "Run or model folder whose network continues training: it keeps its weights and its classes",
        not_with=(GENERATORS,),
    )
    cell: str | None = row(
        None, "network", "Cell of rnn; default: lstm", choices=("lstm", "gru"), belongs_to=("rnn",)
    )
    tokens: str | None = row(
        None,
        "network",
        "What text-cnn, rnn and transformer read; default: a rule from the data",
        choices=("words", "sub-words", "characters", "bytes"),
        belongs_to=_WITH_TOKENS,
    )
    length: int | None = row(
        None,
        "network",
        "Most tokens of a text that are read; default: a rule from the data",
        bounds=(1, 65_536),
        belongs_to=(*NEURAL_OF_TEXTS, BACKBONES),
    )
    vectors: str | None = row(
        None,
        "network",
        "Pretrained word vectors: GloVe or word2vec text, or .npy with a vocabulary in the same folder",
        belongs_to=_WITH_VECTORS,
    )
    tune_vectors: bool = row(
        True, "network", "Train pretrained word vectors further", belongs_to=_WITH_VECTORS
    )
    activation: str | None = row(
        None,
        "network",
        "Activation function after each hidden layer; default: gelu in cnn and transformer, relu elsewhere",
        choices=("relu", "leaky-relu", "gelu", "sigmoid", "tanh"),
    )
    pooling: str = row(
        "max",
        "network",
        "Pooling inside the network",
        choices=("max", "average"),
        belongs_to=(IMAGES,),
        not_with=(GENERATORS, BACKBONES),
    )
    dropout: float | None = row(
        None, "network", "Probability of zeroing a unit", bounds=(0.0, 0.95), not_with=(GENERATORS,), off=0.0
    )
    batch_norm: bool = row(
        True, "network", "Normalise each channel over the batch", belongs_to=(IMAGES,), not_with=(BACKBONES,)
    )
    width: int | None = row(
        None,
        "network",
        "Units of a hidden layer (mlp, rnn, bag), channels of the first block (cnn) or of the first "
        "convolution (lenet, vae, gan), filters of each size (text-cnn), or numbers of a token (transformer)",
        bounds=(1, 4096),
    )
    depth: int | None = row(
        None,
        "network",
        "Hidden layers (mlp, bag, before the head of text-cnn), blocks (cnn), convolutions of the encoder "
        "(vae, gan), recurrent layers (rnn) or layers of attention (transformer); an mlp of depth 0 is "
        "linear",
        bounds=(0, 64),
    )
    latent: int | None = row(
        None,
        "network",
        "Numbers by which vae describes an image (default: a rule from its size), or of which gan makes one "
        "(default: 64)",
        bounds=(2, 4096),
        belongs_to=GENERATIVE,
    )
    # training
    preset: str = row(
        "standard",
        "training",
        "How much work to spend",
        choices=("quick", "standard", "best"),
        of_networks=False,
    )
    epochs: int | None = row(None, "training", "Passes over the training split", bounds=(1, 100_000))
    time_limit: str | None = row(
        None, "training", "Bound on the whole command, such as 90s, 10m or 1h", of_networks=False
    )
    batch_size: int | None = row(None, "training", "Examples per step", bounds=(1, 1_000_000))
    optimizer: str | None = row(
        None,
        "training",
        "Optimiser; gd takes the whole training split in each step",
        choices=("gd", "sgd", "momentum", "nesterov", "adam", "adamw", "muon"),
    )
    learning_rate: float | None = row(None, "training", "Largest learning rate", bounds=(1e-9, 1e3))
    weight_decay: float | None = row(None, "training", "Weight decay", bounds=(0.0, 10.0))
    schedule: str | None = row(
        None, "training", "Course of the learning rate", choices=("one-cycle", "cosine", "constant")
    )
    loss: str | None = row(
        None,
        "training",
        "Loss function; default: cross-entropy for classes, mse for numbers",
        choices=("cross-entropy", "mse"),
        not_with=(GENERATORS,),
    )
    beta: float | None = row(
        None,
        "training",
        "Weight of the divergence in the loss of vae; default: 1, with which the loss is the evidence lower "
        "bound",
        bounds=(0.0, 1000.0),
        belongs_to=("vae",),
    )
    rehearse: bool | None = row(
        None,
        "training",
        "With --from, learn again from a part of what the network was trained on; "
        "default: where that data is still at hand",
        not_with=(GENERATORS,),
    )
    label_smoothing: float | None = row(
        None,
        "training",
        "Share of each target spread over all classes",
        bounds=(0.0, 0.9),
        not_with=(GENERATORS,),
    )
    class_weight: Mapping[str, float] | str | None = row(
        None,
        "training",
        "Weight of a class in the loss, of networks and of classical models: none, balanced, or a weight for "
        "each (spam=5,ham=1; a class that is not named weighs 1); default: none",
        choices=("none", "balanced"),
        bounds=(1e-6, 1e6),
        from_text=(parse_numbers_by_class, "CLASS=WEIGHT,..."),
        not_with=(GENERATORS,),
        off="none",
        of_networks=False,
    )
    threshold: Mapping[str, float] | None = row(
        None,
        "training",
        "Of two classes answer this one where its probability is at least so large, and the other elsewhere; "
        "of several labels each that is named, likewise; default: the more probable class, and labels from "
        "what fits the validation split",
        bounds=(0.0, 1.0),
        from_text=(parse_numbers_by_class, "CLASS=PROBABILITY"),
        not_with=(GENERATORS,),
        of_networks=False,
    )
    augment: bool | None = row(
        None,
        "training",
        "Shift, mirror and erase training images; default: a rule from the data",
        belongs_to=(IMAGES,),
        not_with=(GENERATORS,),
        off=False,
    )
    mirror: bool | None = row(
        None,
        "training",
        "Mirror training images left to right; default: a rule from the data",
        belongs_to=(IMAGES,),
        not_with=(GENERATORS,),
        off=False,
    )
    patience: int | None = row(
        None,
        "training",
        "Epochs without a better validation score before training stops; "
        "default: never, the schedule runs to its end",
        bounds=(1, 100_000),
    )
    metric: str | None = row(
        None,
        "training",
        "Score that selection and recommendation use; default: the model is chosen by log loss, set-ups and "
        "epochs by accuracy; numbers always use root mean squared error",
        choices=CHOICES,
        not_with=(GENERATORS,),
        of_networks=False,
    )
    # run
    seed: int = row(0, "run", "Seed of every random draw", bounds=(0, 2**32 - 1))
    threads: int | None = row(
        None,
        "run",
        "Processor threads; default: OMP_NUM_THREADS, or one per core that is free",
        bounds=(1, 1024),
    )
    processes: int | None = row(
        None,
        "run",
        "Processes on this machine that train together, with the cores shared out among them; the weights do "
        "not depend on it",
        bounds=(1, 256),
        not_with=(CLASSICAL_MODELS,),
        off=1,
    )
    parts: int | None = row(
        None,
        "run",
        "Parts of a batch, of which each thread or process computes some; default: by network and batch size",
        bounds=(1, MOST_PARTS),
        not_with=(CLASSICAL_MODELS,),
    )
    precision: str = row(
        "auto",
        "run",
        "Arithmetic of training; auto is bf16 where the processor has it and the network gains by it, "
        "elsewhere bf16 is slow, and the LSTM of rnn has none",
        choices=("auto", "fp32", "bf16"),
        not_with=(CLASSICAL_MODELS,),
    )
    device: str = row(
        "auto",
        "run",
        "Where to train",
        choices=("auto", "cpu", "cuda", "mps"),
        not_with=(CLASSICAL_MODELS,),
        off="cpu",
    )
    baselines: bool = row(
        True, "run", "Train the classical models as well", not_with=(GENERATORS,), off=False
    )
    learning_curve: bool | None = row(
        None,
        "run",
        "Train on parts of the training split too, to see whether more data would help; "
        "default: the best baseline alone, where baselines are trained and no time limit is given",
        not_with=(GENERATORS,),
        off=False,
    )
    folds: int | None = row(
        None,
        "run",
        "Judge models on so many folds of all that is not for the test, 0 for on the validation split alone; "
        "default: 5 folds where validation has fewer than 500 examples",
        bounds=(0, 50),
        not_with=(GENERATORS,),
        off=0,
    )
    watch: bool = row(
        False,
        "run",
        "Show the report on a page of this machine while it is being made, with a button that ends the "
        "training of the network early and well; the page opens where there is a display",
        off=False,
    )
    log: str | None = row(
        None,
        "run",
        "Write curves, settings and final scores for another tool as well: tensorboard:DIR or mlflow:URI, "
        "each with its extra",
    )

    def __post_init__(self) -> None:
        for each in ROWS:
            object.__setattr__(self, each.name, checked(each, getattr(self, each.name)))
        require_no_contradiction(self)

    @property
    def generates(self) -> bool:
        """True where a network was asked for that makes images."""
        return self.model in GENERATIVE

    @property
    def builds_on_backbone(self) -> bool:
        """True where a pretrained network was asked for by name."""
        return self.backbone not in (None, NO_BACKBONE)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], place: str) -> "Settings":
        """Build settings from values of unknown types, such as a parsed TOML file, and check them.

        Names may have dashes or underscores; `place` says where they come from, in messages.

        Raises: `UsageError` if a name is unknown or given twice, or a value is of the wrong type or out of
        range.
        """
        known = {each.name: each for each in ROWS}
        named: dict[str, Any] = {}
        for given, value in values.items():
            name = name_of(given)
            if name not in known:
                keys = sorted(each.key for each in ROWS)
                raise UsageError("{place}: unknown setting {given}", place, instead_of(given, keys))
            if name in named:
                raise UsageError(
                    "{place}: setting {name!r} is given twice; leave one of them out", place, name
                )
            named[name] = value
        try:
            return cls(**{name: checked(known[name], value) for name, value in named.items()})
        except UsageError as error:
            raise UsageError("{place}: {error}", place, error) from error


ROWS: tuple[Row, ...] = rows_of(Settings)


def name_of(key: str) -> str:
    """Name in Python of a setting by its key or flag: `from_` of `from`; unknown names stay as they are."""
    plain = key.replace("-", "_")
    return next((each.name for each in ROWS if each.key == plain), plain)

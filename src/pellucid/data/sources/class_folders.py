"""Class folders, and split folders that hold class folders, of images or of texts; labels in names of files.

Files of another kind are left out with a warning that counts them.
"""

import dataclasses
import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pellucid.data.data_files import IMAGE_KIND, TEXT_KIND, TEXT_SUFFIX, File, FileKind, Stored
from pellucid.data.label_sets import in_several_folders
from pellucid.data.labels import is_encodable
from pellucid.data.listing import SPLIT_OF_NAME, TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.sources.values import read_texts
from pellucid.data.tables.table_files import is_table
from pellucid.data.tables.text_files import require_known
from pellucid.data.trees import Folder, path_within, place_of, suffix_of
from pellucid.data.wording import count_of, quoted, some_quoted, visible, with_article
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings
from pellucid.settings.rows import parse_name_pattern
from pellucid.targets import unlabelled


def holds_texts(folder: Folder) -> bool:
    """True of class folders of texts: `.txt` files, and no image; also where there are no class folders."""
    has_text = False
    for inner in list(folder.folders.values()) or [folder]:
        for file, is_image in inner.walk(IMAGE_KIND):
            if is_image:
                return False
            has_text = has_text or suffix_of(file) == TEXT_SUFFIX
    return has_text


def read_folder(
    folder: Folder,
    place: str,
    kind: FileKind = IMAGE_KIND,
    depth: int | None = None,
    target: str | None = "class",
) -> Listing:
    """List class folders, or split folders of class folders.

    With `target` `labels`, or `None` where many are there, files in several class folders are one example.

    `depth` is the number of folders that name a class, from the outermost on; by default one, where class
    folders do not look as if they held classes themselves.

    Raises: `DataError` if there are none, or they can be read in two ways.
    """
    splits = _split_folders(folder)
    if not splits:
        _require_no_splits(folder, place, kind)
        return _one_of_each(_class_folders(folder, place, UNDECIDED, kind, depth), target)
    parts = [
        _class_folders(splits[split], str(splits[split]), split, kind, depth)
        for split in (TRAIN, VALIDATION, TEST)
        if split in splits
    ]
    extra = {name: inner for name, inner in folder.folders.items() if inner not in splits.values()}
    for name, inner in extra.items():
        if any(is_one for one in inner.folders.values() for _, is_one in one.walk(kind)):
            raise DataError(
                "{place}: {name} beside the split folders holds labelled {noun}s, and no "
                "split is called so; name it train, val or test, or move it elsewhere",
                place,
                quoted(name),
                kind.noun,
            )
    warnings = [warning for part in parts for warning in part.warnings]
    if extra:
        warnings.append(
            Sentence("{place}: {extra} beside the split folders left out", place, some_quoted(extra))
        )
    listing = Listing(
        place=place,
        form="split folders",
        sources=[source for part in parts for source in part.sources],
        labels=[label for part in parts for label in part.labels],
        splits=[split for part in parts for split in part.splits],
        paths=[path for part in parts for path in part.paths or ()],
        warnings=tuple(warnings),
    )
    return _one_of_each(listing, target)


def _one_of_each(listing: Listing, target: str | None) -> Listing:
    """A listing in which files of one name and content in several class folders are one example."""
    if target not in (None, "labels"):
        return listing
    files = listing.paths or ()
    names = [posixpath.basename(place_of(file)) for file in files]
    found = in_several_folders(names, listing.labels, listing.splits, files, is_asked=target == "labels")
    if found is None:
        return listing
    kept, labels = found
    chosen = kept.tolist()
    repeated = len(files) - len(chosen)
    return dataclasses.replace(
        listing,
        sources=[listing.sources[at] for at in chosen],
        labels=labels,
        splits=[listing.splits[at] for at in chosen],
        groups=[listing.groups[at] for at in chosen],
        paths=[files[at] for at in chosen],
    ).with_warnings(
        Sentence(
            "{place}: {repeated} of the same name and content as one in another class "
            "folder: an example in several class folders has several labels",
            listing.place,
            count_of(repeated, "file"),
        )
    )


def _split_folders(folder: Folder) -> dict[str, Folder]:
    """Sub-folders that are splits, by split; their names are those of `SPLIT_OF_NAME` in either case.

    Empty where the folder holds no splits, that is unless it has `train` with sub-folders of its own, and
    either a folder for testing or validation too, or no other folder.
    """
    folders = folder.folders
    named = {name: inner for name, inner in folders.items() if name.lower() in SPLIT_OF_NAME}
    if not any(SPLIT_OF_NAME[name.lower()] == TRAIN and inner.folders for name, inner in named.items()):
        return {}
    found: dict[str, str] = {}
    for name in named:
        split = SPLIT_OF_NAME[name.lower()]
        if split in found:
            raise DataError(
                "{folder}: both {found}/ and {name}/ stand for the {split} split; keep one",
                folder,
                found[split],
                name,
                split,
            )
        found[split] = name
    are_splits = len(found) > 1 or len(folders) == 1
    return {split: named[name] for split, name in found.items()} if are_splits else {}


def _require_no_splits(folder: Folder, place: str, kind: FileKind) -> None:
    """Refuse folders that are all named as splits without class folders: they would be taken for classes."""
    folders = folder.folders
    splits = {SPLIT_OF_NAME.get(name.lower()) for name in folders}
    are_splits = len(folders) > 1 and None not in splits and TRAIN in splits
    if are_splits and not any(inner.folders for inner in folders.values()):
        raise DataError(
            "{place}: {folders} are named as splits, but hold {noun}s without labels; "
            "make a sub-folder for each class in them, or put a table with the labels beside them, such as "
            "train.csv",
            place,
            some_quoted(folders),
            kind.noun,
        )


def read_unlabelled(folder: Folder, place: str) -> Listing:
    """List the images of a folder without class folders, for models that need no labels.

    Raises: `DataError` if there is none.
    """
    paths, others = folder.files_of(IMAGE_KIND)
    if not paths:
        raise DataError(
            "{place}: holds no image; put images there, or one sub-folder of them for each class", place
        )
    sentence = Sentence("{place}: no class folders, so that its images are read without labels", place)
    return Listing(
        place=place,
        form="folder",
        sources=[place_of(path) for path in paths],
        labels=[""] * len(paths),
        paths=paths,
        warnings=(sentence, *_warnings(place, [], others, IMAGE_KIND)),
        decided=unlabelled(len(paths)),
    )


def read_text_folder(folder: Folder, place: str, settings: Settings) -> Listing:
    """List the texts of class folders, or of split folders of class folders.

    Problems of the listing are files that could not be read or are blank.

    Raises: `DataError` as `read_folder`.
    """
    require_known(settings.encoding, place)
    listing = in_stored_order(read_folder(folder, place, TEXT_KIND, settings.class_depth, settings.target))
    listing, encodings = read_texts(listing, settings.encoding)
    return listing.with_warnings(
        *encodings, Sentence("{place}: read as texts, one in each {TEXT_SUFFIX} file", place, TEXT_SUFFIX)
    )


def in_stored_order(listing: Listing) -> Listing:
    """Bring files of an archive that is read from front to back into its own order."""
    paths = listing.paths or ()
    if not any(isinstance(path, Stored) and path.container.is_in_order for path in paths):
        return listing
    places = [path.position if isinstance(path, Stored) else -1 for path in paths]
    order = sorted(range(len(paths)), key=places.__getitem__)

    def sorted_like(values: Sequence[str]) -> list[str]:
        return [values[at] for at in order]

    return dataclasses.replace(
        listing,
        sources=sorted_like(listing.sources),
        labels=sorted_like(listing.labels),
        splits=sorted_like(listing.splits),
        groups=sorted_like(listing.groups),
        paths=[paths[at] for at in order],
        columns_of_sources={name: codes[order] for name, codes in listing.columns_of_sources.items()},
        times=None if listing.times is None else listing.times[order],
        slices=None if listing.slices is None else sorted_like(listing.slices),
    )


def _class_folders(folder: Folder, place: str, split: str, kind: FileKind, depth: int | None) -> Listing:
    """List the files of every class folder in one folder."""
    classes = folder.folders
    if not classes:
        raise _no_class_folders(folder, place, kind)
    paths: list[File] = []
    labels: list[str] = []
    empty: list[str] = []
    others: list[File] = []
    for name, inner in classes.items():
        _require_encodable(name, place)
        wanted, passed_over = inner.files_of(kind)
        paths += wanted
        labels += [name] * len(wanted)
        others += passed_over
        if not wanted:
            empty.append(name)
    if not paths:
        _refuse_texts(others, place)
    if empty:
        raise DataError(
            "{place}: class folders without {what}: {empty}; put {noun}s there, or remove these folders",
            place,
            with_article(kind.what),
            some_quoted(empty, 10),
            kind.noun,
        )
    # Names of the folders that lead to each file.
    leading = [path_within(path, folder).split("/")[:-1] for path in paths]
    if depth is None:
        _require_one_reading(leading, place, kind)
    elif depth > 1:
        short = [place_of(path) for path, names in zip(paths, leading, strict=True) if len(names) < depth]
        if short:
            raise DataError(
                "{place}: {short} in fewer folders than --class-depth {depth} asks "
                "for: {short2}; move them, or give a smaller number",
                place,
                count_of(len(short), "file"),
                depth,
                some_quoted(short),
            )
        labels = ["/".join(names[:depth]) for names in leading]
        for label in labels:
            _require_encodable(label, place)
    return Listing(
        place=place,
        form="class folders",
        sources=[place_of(path) for path in paths],
        labels=labels,
        splits=[split] * len(paths),
        paths=paths,
        warnings=_warnings(place, folder.files, others, kind),
    )


def _require_encodable(name: str, place: str) -> None:
    if not is_encodable(name):
        raise DataError(
            "{place}: the name of class folder {name} is not UTF-8; rename it", place, quoted(name)
        )


def _require_one_reading(leading: Sequence[Sequence[str]], place: str, kind: FileKind) -> None:
    """Ask how many folders name a class where most class folders hold several folders, and no files."""
    below: dict[str, set[str]] = {}
    for first, *others in leading:
        below.setdefault(first, set()).add(others[0] if others else "")
    nested = sum("" not in names and len(names) > 1 for names in below.values())
    if 2 * nested <= len(below):
        return
    readings = []
    for depth in range(1, min(map(len, leading)) + 1):
        labels = dict.fromkeys("/".join(names[:depth]) for names in leading)
        readings.append(
            Sentence(
                "--class-depth {depth}: {labels} such as {labels2}",
                depth,
                count_of(len(labels), "class"),
                quoted(next(iter(labels))),
            )
        )
    if len(readings) > 1:
        raise DataError(
            "{place}: class folders hold folders of {noun}s; which of them are the classes? Give {readings}",
            place,
            kind.noun,
            ", or ".join(readings[:4]),
        )


def _refuse_texts(others: list[File], place: str) -> None:
    if others and all(suffix_of(path) == TEXT_SUFFIX for path in others):
        raise DataError("{place}: holds text files only; leave --task image out to read texts", place)


def _no_class_folders(folder: Folder, place: str, kind: FileKind) -> DataError:
    wanted, others = folder.files_of(kind)
    if wanted:
        number = count_of(len(wanted), kind.noun)
        pattern = suggested_pattern([posixpath.basename(str(path)) for path in wanted])
        more = Sentence(", or give --label-from-name {pattern!r}", pattern) if pattern else ""
        return DataError(
            "{place}: {number} but no class folders; make one sub-folder for each class{more}",
            place,
            number,
            more,
        )
    _refuse_texts(others, place)
    return DataError(
        "{place}: holds no class folders; make one sub-folder of {noun}s for each class", place, kind.noun
    )


def _warnings(place: str, loose: list[str], others: list[File], kind: FileKind) -> tuple[str, ...]:
    """Which files were left out, and how many."""
    warnings = []
    if loose:
        tables = [name for name in loose if is_table(Path(name))]
        hint = (
            Sentence("; to read labels from {tables}, give it as DATA", quoted(tables[0])) if tables else ""
        )
        warnings.append(
            Sentence(
                "{place}: {loose} outside the class folders left out: {loose2}{hint}",
                place,
                count_of(len(loose), "file"),
                some_quoted(loose),
                hint,
            )
        )
    if others:
        endings = Counter(suffix_of(path) or "no ending" for path in others)
        counts = ", ".join(f"{count:,} {visible(ending)}" for ending, count in sorted(endings.items()))
        warnings.append(
            Sentence(
                "{place}: {others} left out, {no_such} ({counts})",
                place,
                count_of(len(others), "file"),
                kind.no_such,
                counts,
            )
        )
    return tuple(warnings)


# Files whose labels are in their names, such as `cat.123.jpg`: by a pattern that the user gives. `{label}`
# stands for the class, as long a part of the name as fits, `*` for any characters and `?` for one; a pattern
# with a group `(?P<label>...)` is a regular expression. One with a slash must fit the path in the folder, any
# other the name alone; capitals and small letters count as the same.

_COUNTED = re.compile(r"(?P<label>.*?[^\W\d_])(?P<sign>[._ -]*)\d[^/]*(?P<ending>\.\w+)", re.DOTALL)


def read_named_files(folder: Folder, place: str, settings: Settings, *, are_texts: bool) -> Listing:
    """List the images or texts of a folder and its sub-folders, each with the label in its name.

    Sub-folders that are named as splits are splits, where one of them is for training.

    Raises: `DataError` if a name does not fit the pattern, or there is no file.
    """
    kind = TEXT_KIND if are_texts else IMAGE_KIND
    if are_texts:
        require_known(settings.encoding, place)
    paths, others = folder.files_of(kind)
    if not paths:
        raise DataError("{place}: no {what} in this folder; choose another DATA", place, kind.what)
    names = [path_within(path, folder) for path in paths]
    asked = str(settings.label_from_name)
    warnings = [Sentence("{place}: labels from names by the pattern {asked}", place, quoted(asked))]
    if others:
        warnings.append(
            Sentence(
                "{place}: {others} left out, {no_such}", place, count_of(len(others), "file"), kind.no_such
            )
        )
    listing = Listing(
        place=place,
        form="folder",
        sources=[place_of(path) for path in paths],
        labels=_labels_in_names(names, place, asked, kind),
        splits=_splits_of_folders(names, place, kind),
        paths=paths,
        warnings=tuple(warnings),
    )
    if not are_texts:
        return listing
    listing, encodings = read_texts(listing, settings.encoding)
    return listing.with_warnings(*encodings)


def _labels_in_names(names: list[str], place: str, asked: str, kind: FileKind) -> list[str]:
    pattern = parse_name_pattern(asked)
    matches = [pattern.fullmatch(name if "/" in asked else posixpath.basename(name)) for name in names]
    labels = ["" if match is None else match["label"] or "" for match in matches]
    wrong = [name for name, label in zip(names, labels, strict=True) if not label]
    if wrong:
        raise DataError(
            "{place}: {wrong} of {names:,} whose name does not fit "
            "--label-from-name {asked}: {wrong2}; change the pattern, or "
            "rename or move them",
            place,
            count_of(len(wrong), kind.noun),
            len(names),
            quoted(asked),
            some_quoted(wrong),
        )
    for label in labels:
        if not is_encodable(label) or label.isspace():
            raise DataError(
                "{place}: the label {label} in a name is no text; rename the file", place, quoted(label)
            )
    return labels


def _splits_of_folders(names: list[str], place: str, kind: FileKind) -> list[str]:
    """The split of each file, by the outermost folder above it; none where no folder is for training."""
    folders = [name.partition("/")[0].lower() if "/" in name else "" for name in names]
    splits = [SPLIT_OF_NAME.get(folder, UNDECIDED) for folder in folders]
    if TRAIN not in splits:
        return []
    outside = [name for name, split in zip(names, splits, strict=True) if split == UNDECIDED]
    if outside:
        raise DataError(
            "{place}: {outside} beside the split folders: "
            "{outside2}; move them into train, val or test, or elsewhere",
            place,
            count_of(len(outside), kind.noun),
            some_quoted(outside),
        )
    return splits


def suggested_pattern(names: list[str]) -> str:
    """A pattern that fits all names, where few labels come before numbers; empty where none does."""
    fitting = [match for name in names if (match := _COUNTED.fullmatch(name)) is not None]
    if not names or len(fitting) < len(names):
        return ""
    labels, endings = ({match[part].lower() for match in fitting} for part in ("label", "ending"))
    signs = {match["sign"] for match in fitting}
    if not 2 <= len(labels) <= len(names) // 2 or len(signs) > 1 or signs == {""}:
        return ""
    return f"{{label}}{signs.pop()}*{endings.pop() if len(endings) == 1 else ''}"

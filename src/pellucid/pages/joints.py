"""Where values meet Chinese on a page: the spaces and the punctuation there, decided by what both show."""

import re

# A tag, perhaps a mark in the place of one, with its name.
TAG = re.compile("<(/?)([a-zA-Z][\\w-]*|[\U000f0000-\U000ffffd])")
# Elements that lie within a text.
INLINE = frozenset(
    (
        "a",
        "abbr",
        "b",
        "bdi",
        "br",
        "button",
        "code",
        "dfn",
        "em",
        "i",
        "kbd",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "var",
    )
)
_DRAWN = frozenset({"svg", "rect", "line", "circle", "path", "use"})  # marks beside a name
# Elements whose content stays as it is.
KEPT = re.compile(r'^<(?:bdi|code|pre|kbd|samp)\b|\bclass="(?:[^"]* )?foreign(?: [^"]*)?"|\btranslate="no"')

# What is in a page where a value meets Chinese, until the page shows both: a space that was not given, or was
# given, or punctuation.
TIGHT = "\U000ffff0"
WIDE = "\U000ffff1"
POINT = "\U000ffff2"
_POINTS = {",": "\uff0c", ";": "\uff1b", ".": "\u3002", ":": "\uff1a", "(": "\uff08", ")": "\uff09"}
FULL = "[\u3000-\u9fff\uff00-\uffef]"
HAN = re.compile("[\u4e00-\u9fff]")
_PUNCTUATION = re.compile("[\u3001\u3002\uff0c\uff1a\uff1b\uff08\uff09\uff01\uff1f]")
_NARROW = re.compile("[A-Za-z0-9%]")
_PIECE = re.compile(f"(<[^>]*>|[{TIGHT}{WIDE}{POINT}])")
_QUOTED = re.compile('"([^"]*)"')
_POINTS_OF = re.compile(r"([,;.:()]+)( ?)")


def joined_up(page: str) -> str:
    """A page with the spaces and the punctuation of Chinese where values meet it.

    There is no space beside Chinese or its punctuation, and one beside letters and digits; beside a name, as
    the message has it.
    """
    beside = _Beside(_PIECE.split(page))
    if len(beside.pieces) > 1:
        beside.widen()
        beside.space()
    return "".join(beside.pieces)


class _Beside:
    """Pieces of a page, every second a tag or a joint, and what lies beside them."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces

    def widen(self) -> None:
        """Give punctuation behind or before Chinese its full width; what attributes say is joined up."""
        is_bracketed = False
        for at in range(1, len(self.pieces), 2):
            piece = self.pieces[at]
            if piece == POINT:
                points = _POINTS_OF.match(self.pieces[at + 1])
                assert points is not None  # by which it was marked
                if points[1] == "(":
                    is_wide = is_bracketed = self._is_bracketed(at)
                else:
                    is_wide = is_bracketed if points[1][0] == ")" else bool(re.match(FULL, self._left(at)))
                if is_wide:
                    wide = "".join(map(_POINTS.__getitem__, points[1]))
                    self.pieces[at + 1] = wide + self.pieces[at + 1][points.end() :]
                self.pieces[at] = ""
            elif len(piece) > 1 and any(mark in piece for mark in (TIGHT, WIDE, POINT)):
                self.pieces[at] = _QUOTED.sub(lambda match: f'"{joined_up(match[1])}"', piece)

    def space(self) -> None:
        """Write each space, or none; of several joints beside each other the first one."""
        for at in range(1, len(self.pieces), 2):
            if self.pieces[at] in (TIGHT, WIDE):
                others = self._others(at)
                is_wide = any(self.pieces[each] == WIDE for each in (at, *others))
                self.pieces[at] = _space(
                    self._left(at), self._right(others[-1] if others else at), is_wide=is_wide
                )
                for each in others:
                    self.pieces[each] = ""

    def _is_bracketed(self, at: int) -> bool:
        """Whether Chinese lies between this bracket and the next that closes."""
        for place in range(at + 1, len(self.pieces), 2):
            inside, end, _ = self.pieces[place].partition(")")
            if HAN.search(inside) or end:
                return bool(HAN.search(inside))
        return False

    def _others(self, at: int) -> list[int]:
        """Places of joints behind one with nothing shown between."""
        found = []
        for place in range(at + 1, len(self.pieces)):
            piece = self.pieces[place]
            if piece in (TIGHT, WIDE):
                found.append(place)
            elif piece and not _is_inline(piece):
                break
        return found

    def _left(self, at: int) -> str:
        """The last character shown before a piece; none where it is of a name, or of another text."""
        ended: list[str] = []
        for place in range(at - 1, -1, -1):
            piece = self.pieces[place]
            if place % 2 == 0:
                if piece.strip() and not any(name in ended for name in ("sub", "sup")):
                    return "" if any(self._is_name(place, name) for name in ended) else piece.rstrip()[-1]
            elif piece.startswith("<") and not _is_inline(piece):
                return ""
            elif tag := TAG.match(piece):
                if tag[1]:
                    ended.append(tag[2])
                elif tag[2] in ended:
                    ended.remove(tag[2])
        return ""

    def _right(self, at: int, skipped: int = 0) -> str:
        """The first character shown behind a piece, or behind so many of its characters, likewise."""
        for place in range(at if skipped else at + 1, len(self.pieces)):
            piece = self.pieces[place][skipped if place == at else 0 :]
            if place % 2 == 0:
                if piece.strip():
                    return piece.lstrip()[0]
            elif piece.startswith("<") and (not _is_inline(piece) or KEPT.search(piece)):
                return ""
        return ""

    def _is_name(self, at: int, name: str) -> bool:
        """Whether the element that a piece lies in, of those with this name, is kept as it is."""
        depth = 1
        for place in range(at - 1, 0, -1):
            if (tag := TAG.match(self.pieces[place])) and tag[2] == name:
                depth += 1 if tag[1] else -1
                if not depth:
                    return bool(KEPT.search(self.pieces[place]))
        return False


def _is_inline(piece: str) -> bool:
    tag = TAG.match(piece)
    return tag is not None and tag[2] in INLINE | _DRAWN


def _space(left: str, right: str, *, is_wide: bool) -> str:
    """The space between what is shown on both sides of a joint."""
    if _PUNCTUATION.match(left) or _PUNCTUATION.match(right) or (HAN.match(left) and HAN.match(right)):
        return ""
    is_beside = (HAN.match(left) and _NARROW.match(right)) or (_NARROW.match(left) and HAN.match(right))
    return " " if is_wide or is_beside else ""

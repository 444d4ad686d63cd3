"""Settings that are texts with a form of their own: sizes of images, durations, patterns of names."""

import re

from pellucid.errors import UsageError


def parse_image_size(text: str | None) -> tuple[int, int] | None:
    """Read an image size: `"N"` for a square or `"HxW"`, in pixels; height and width, each 1 to 4096.

    `None` stays `None`. Raises: `UsageError` if the text is of another form or a side is out of range.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text, re.ASCII)
    if match is None:
        raise UsageError(f"--image-size: {text!r} is neither N nor HxW, such as 32 or 24x48")
    height, width = int(match[1]), int(match[2] or match[1])
    if not (1 <= height <= 4096 and 1 <= width <= 4096):
        raise UsageError(f"--image-size: {text!r} is outside 1 to 4096 pixels a side")
    return height, width


def parse_duration(text: str | None) -> float | None:
    """Read a duration such as `90s`, `10m`, `1.5h` or plain seconds: seconds above zero; `None` stays `None`.

    Raises: `UsageError` if the text is of another form or not above zero.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|m|h)?", text, re.ASCII)
    if match is None or float(match[1]) <= 0:
        raise UsageError(f"--time-limit: {text!r} is not a duration such as 90s, 10m or 1h")
    return float(match[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}[match[2]]


_WILD = {"{label}": "(?P<label>[^/]+)", "*": "[^/]*", "?": "[^/]"}


def parse_name_pattern(text: str) -> re.Pattern[str]:
    """Read a pattern of file names with the label in them: what a whole name has to fit, capitals or not.

    It has `{label}` once, among `*`, `?` and plain characters; or is a regular expression with a group of the
    name `label`.

    Raises: `UsageError` if there is no label in it, or it is no regular expression.
    """
    if "(?P<label>" in text:
        try:
            return re.compile(text, re.IGNORECASE)
        except re.error as error:
            raise UsageError(f"--label-from-name: {text!r} is no regular expression ({error})") from error
    if text.count("{label}") != 1:
        raise UsageError(
            f"--label-from-name: {text!r} does not hold {{label}} once; write one such as '{{label}}_*.jpg', "
            "or a regular expression with a group (?P<label>...)"
        )
    parts = re.split(r"(\{label\}|[*?])", text)
    return re.compile("".join(_WILD.get(part, re.escape(part)) for part in parts), re.IGNORECASE)

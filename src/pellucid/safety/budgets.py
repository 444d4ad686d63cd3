"""Budgets: what one untrusted file may cost, why no more, and how a user raises it.

Files lie: a header announces what is not there, a kilobyte unpacks to gigabytes, small weights describe huge
layers. Everything that is read is therefore measured in bytes as it comes, never in what the file announces,
and compared with the few numbers of this page. `docs/safety.md` explains them to users.

The first four can be raised by an environment variable, where a machine is large and a file is trusted. The
others bound what no honest file comes near.
"""

import os
from dataclasses import dataclass

from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence

_LARGEST = 1e6


@dataclass(frozen=True)
class Budget:
    """One budget that users can raise: an environment variable replaces its default.

    A `unit`, in words, is `scale` bytes, pixels or multiply-adds.
    """

    variable: str
    default: float
    unit: str
    scale: float

    def value(self) -> int:
        """Budget that holds now.

        Raises: `UsageError` if the variable is no number above zero.
        """
        text = os.environ.get(self.variable, "")
        if not text:
            return int(self.default * self.scale)
        try:
            asked = float(text)
        except ValueError:
            asked = -1.0
        if not 0.0 < asked <= _LARGEST:
            raise UsageError(
                "{variable}: {text!r} is not a number of {unit} above zero, such as {default:g}",
                self.variable,
                text[:40],
                self.unit,
                self.default,
            )
        return int(asked * self.scale)

    @property
    def remedy(self) -> str:
        """Advice on raising it, for the end of a message."""
        return Sentence(
            "if you trust it, raise {variable} in the environment (now {scale:g} {unit})",
            self.variable,
            self.value() / self.scale,
            self.unit,
        )


# Memory that one file may take while it is read, and one answer of a model while it is computed. A laptop
# with 8 GB has as much to spare beside a browser; what honest files take lies far below: 32 MB for a block of
# a table, some 20 MB for an answer of the largest network that Pellucid designs by itself.
MEMORY = Budget("PELLUCID_MEMORY_GB", 1, "gigabytes", 1e9)

# Bytes that a packed file may unpack to beyond `RATIO` times its size. Text packs to a fifth, images of
# digits to a tenth, a bomb to a thousandth and less.
UNPACKED = Budget("PELLUCID_UNPACKED_GB", 0.5, "gigabytes", 1e9)

# Pixels of one image, refused from its header. Cameras make up to 100 million.
PIXELS = Budget("PELLUCID_MEGAPIXELS", 100, "megapixels", 1e6)

# Multiply-adds of one answer of a model: a second or two on two cores. The networks that Pellucid designs by
# itself need less than 2 billion, a vision transformer of 300 million weights 60.
WORK = Budget("PELLUCID_GIGA_MULTIPLY_ADDS", 200, "billion multiply-adds", 1e9)

# Pixels that an image may have for each byte of its file, beyond 16 million: an empty fax of a page has
# nearly so many in 1,000 bytes. Black and white packs to 8,000 pixels a byte as PNG; WebP and AVIF say in 200
# bytes that 90 million pixels are alike.
PIXELS_PER_BYTE = 10_000
PIXELS_ANYWAY = 16_000_000

# Pixels for which each row of an image counts beyond so many rows, since a pointer to it takes memory: 99
# million rows of one pixel took 2.1 GB. JPEG has no longer sides.
PIXELS_OF_A_ROW = 16
ROWS_OF_AN_IMAGE = 65_535

# Scans of a JPEG, each of which goes through all pixels: encoders make about ten, libtiff reads a hundred.
SCANS = 100

# Bytes that an honest packed file may unpack to for each of its own, whatever its size.
RATIO = 20

# Bytes between two line ends of a table: a line is read at once. The Bible has 5 million.
LINE_BYTES = 16 << 20

# Bytes of four rows of a table, which are read at once.
ROWS_BYTES = 48 << 20

# Columns of a table.
COLUMNS = 100_000

# Bytes of a table that are in memory at a time as rows: sized in bytes, because a row has no size.
BLOCK_BYTES = 32 << 20

# Bytes that a row takes once it is listed: inputs, labels, splits and what is looked for in them. 10 million
# rows of two short texts took 2.5 GB.
ROW_BYTES = 250

# Cells of a table that are read before columns are chosen.
CELLS = 1_000_000

# Rows that a Parquet file may have for each of its bytes, beyond ten million: run lengths stand for billions
# of equal rows, each of which takes memory once it is read.
ROWS_PER_BYTE = 8
ROWS_ANYWAY = 10_000_000

# Characters of a JSON document that holds its table in one object: the values take ten times the memory.
DOCUMENT = 64 << 20

# Rows of a sheet of a workbook, as many as Excel admits.
SHEET_ROWS = 1 << 20

# Cells of one row of a sheet, as many as Excel admits: its reader builds a row as a whole.
SHEET_COLUMNS = 1 << 14

# Memory that decoders of images share: large images are decoded one after the other.
DECODING_BYTES = 600 << 20

# Frames or pages of an image that are counted; where there are more, the message says so.
FRAMES = 1_000

# Folders within folders: deeper ones are no collection of images, and paths end at 4,096 bytes.
FOLDERS_DEEP = 100

# Digits of a whole number in JSON: float64 holds no more, and the time to read grows with the square.
DIGITS = 300

# Brackets within brackets in JSON.
NESTED = 100

# Commas and brackets of one JSON document or line: each may stand for 70 bytes of memory.
STRUCTURE = 4_000_000

# Seconds of a request to a local server, from its first byte to the last of its body.
REQUEST_SECONDS = 30.0

# Seconds for which a client of a local server may take nothing of a reply that is larger than buffers are.
REPLY_SECONDS = 10.0

# Inputs of one request to a server of models.
REQUEST_INPUTS = 256

# Connections to a local server that are kept; with more, the one that has been idle longest is closed. Files
# that a process may open are often 1,024.
CONNECTIONS = 400

# Characters of one line of a message; names from files have no length of their own.
MESSAGE = 2_000

# Things that a message names one by one; of the others it says how many.
NAMED = 10


def shortened(line: str) -> str:
    """A line of a message within `MESSAGE`: a longer one loses its middle, as the advice ends it."""
    if len(line) <= MESSAGE:
        return line
    end = MESSAGE // 4
    start = MESSAGE - end - 60
    return Sentence(
        "{line} ... ({line2:,} characters left out) ... {line3}",
        line[:start],
        len(line) - start - end,
        line[-end:],
    )


def rows_limit(size: int) -> int:
    """Rows that a table of this size may have where all of them are listed."""
    return (MEMORY.value() + 2 * size) // ROW_BYTES


def unpacked_limit(size: int) -> int:
    """Bytes that a packed file of this size may unpack to."""
    return UNPACKED.value() + RATIO * size


def unpacks_to_more(limit: int) -> str:
    """Reason of a packed file that exceeds its limit."""
    return Sentence("unpacks to more than {limit:,.0f} MB; {remedy}", limit / 1000000.0, UNPACKED.remedy)

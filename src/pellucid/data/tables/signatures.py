"""Signatures of files: their first bytes, whatever their names say."""

_IMAGE_STARTS = (
    b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51",
)  # fmt: skip


def is_image_start(start: bytes) -> bool:
    """Tell the first bytes, at least 12, of an image format that is read."""
    is_webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    is_avif = start[4:12] in (b"ftypavif", b"ftypavis")
    return start.startswith(_IMAGE_STARTS) or is_webp or is_avif


def what_it_is(content: bytes) -> str:
    """Reason such as `not an image (HTML)` for a file, not empty, that no decoder knows."""
    if is_image_start(content[:16]):
        return "truncated or corrupt image (damaged header)"
    text = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text:
        return "not an image (HTML)"
    if b"<svg" in text:
        return "not an image of dots (SVG); save it as PNG"
    if text.startswith(b"<?xml"):
        return "not an image (XML)"
    if text.startswith(b"%pdf"):
        return "not an image (PDF)"
    if content[4:8] == b"ftyp":
        return "HEIC or video is not read; save it as JPEG or PNG"
    if content[128:132] == b"DICM":
        return "DICOM is not read; save the image in it as PNG, at 8 or 16 bits"
    if content.startswith(b"PK"):
        return "not an image (ZIP archive)"
    if all(byte >= 32 or byte in b"\t\r\n" for byte in content[:1024]):
        return "not an image (text)"
    return "not an image"

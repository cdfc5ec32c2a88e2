# SPDX-License-Identifier: BSD-3-Clause
"""Send pictures and sounds as content; `Image` and `Audio` are the values that a tool returns for them.

A picture is sent as PNG or JPEG, scaled down to the size that models see, with a text directly after it: some
hosts pass only the text to the model.
"""

from __future__ import annotations

import io
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final

from ..._util.text import safe_line
from ...types import AudioContent, ImageContent, TextContent
from .markup import readable_html

__all__ = [
    "MAX_ABOUT_CHARS",
    "MAX_IMAGE_SIDE",
    "SVG",
    "Audio",
    "Image",
    "PictureText",
    "picture",
    "sendable",
    "with_texts",
    "without_texts",
]

_SUBTYPES: Final = {"jpg": "jpeg", "mp3": "mpeg", "svg": "svg+xml", "tif": "tiff"}
"""MIME subtypes that differ from the usual name of the format. `mimetypes` has audio/x-wav for .wav."""

MAX_IMAGE_SIDE: Final = 1568
"""Pixels of an image's longer side: models scale larger images down to this."""

MAX_ABOUT_CHARS: Final = 440
"""Characters of a picture's description: title, labels and kinds of marks. Its size in pixels follows."""

SVG: Final = "image/svg+xml"

MAX_SVG_CHARS: Final = 4000
"""Characters of an SVG source that is sent; of a longer one, which is mostly shapes, only the texts are."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
"""The first bytes of a PNG."""

_SENDABLE: Final = {"image/png": "PNG", "image/jpeg": "JPEG"}


class PictureText(TextContent):
    """A text that we added beside a picture; it is removed for clients that show the picture to the user."""


def picture(data: bytes, mime_type: str, about: str = "") -> list[Any]:
    """Return an encoded image as content: the picture, and directly after it a text.

    Parameters
    ----------
    data : bytes
        The encoded image.
    mime_type : str
        Its MIME type.
    about : str
        One line that describes the picture; empty if that is not known.
    """
    sent, sent_type = sendable(data, mime_type)
    image = ImageContent(data=b64encode(sent).decode("ascii"), mimeType=sent_type)
    return [image, _text_beside(sent, sent_type, about, original=data)]


def _text_beside(sent: bytes, mime_type: str, about: str = "", original: bytes = b"") -> PictureText:
    about = safe_line(about, MAX_ABOUT_CHARS)
    if mime_type == SVG:
        return PictureText(text=_drawing(about or "Drawing", sent))
    size = _size(original or sent, sent)
    said = f"Picture: {about}" if about else "Picture"  # says what it is to a model that gets only text
    return PictureText(text=f"{said} {size}".rstrip())


def _drawing(about: str, svg: bytes) -> str:
    source = svg.decode("utf-8", "replace")
    if len(source) <= MAX_SVG_CHARS:
        return f"{about} (SVG):\n{source}"
    inside = source[source.find(">", source.find("<svg")) + 1 :].replace("</text>", "</text> ")
    texts = safe_line(readable_html(inside).text, MAX_SVG_CHARS)
    return f"{about} (SVG), with the texts: {texts}" if texts else f"{about} (SVG)"


def with_texts(blocks: Sequence[Any]) -> list[Any]:
    """Return content in which each picture has a text beside it; an SVG is replaced by its text.

    A text block that the tool put before or after the picture counts; otherwise ours is added.
    """
    content: list[Any] = []
    for at, block in enumerate(blocks):
        if block.type != "image":
            content.append(block)
            continue
        after = blocks[at + 1 : at + 2]
        if block.mimeType == SVG:  # the APIs of models do not accept SVG as a picture
            content += [] if after and isinstance(after[0], PictureText) else _own_text(block)
        else:
            before = [other for other in content[-1:] if not isinstance(other, PictureText)]
            has_text = any(other.type == "text" for other in (*before, *after))
            content += [block] if has_text else [block, *_own_text(block)]
    return content


def _own_text(block: Any) -> list[PictureText]:
    with suppress(ValueError):  # not base64: the client will report it
        return [_text_beside(b64decode(block.data, validate=True), block.mimeType)]
    return []


def without_texts(blocks: Sequence[Any]) -> list[Any]:
    """Return content without the texts that we added beside pictures."""
    return [block for block in blocks if not isinstance(block, PictureText)]


def _size(data: bytes, sent: bytes) -> str:
    original, shown = _pixels(data), _pixels(sent)
    if shown is None:
        return ""
    said = f"{shown[0]}x{shown[1]} pixels"
    return f"({said})" if original in (shown, None) else f"({said}, of {original[0]}x{original[1]})"


def _pixels(data: bytes) -> tuple[int, int] | None:
    """Return width and height of an encoded image; None if they cannot be read."""
    if data.startswith(_PNG):
        return _png_sides(data)
    with suppress(Exception):  # Pillow raises many kinds, and may not be installed
        from PIL import Image as Pillow

        with Pillow.open(io.BytesIO(data)) as image:  # reads the header only
            return image.size
    return None


def sendable(data: bytes, mime_type: str) -> tuple[bytes, str]:
    """Return an encoded image as PNG or JPEG of at most `MAX_IMAGE_SIDE` pixels a side, and its MIME type.

    Needs Pillow. Without it, or if Pillow cannot read the image, the image is returned unchanged.
    """
    if mime_type == "image/png" and max(_png_sides(data)) <= MAX_IMAGE_SIDE:
        return data, mime_type  # before Pillow is imported, which takes longer than most calls
    if mime_type == SVG:
        return data, mime_type
    with suppress(Exception):  # Pillow raises many kinds; after any of them, the image is sent unchanged
        from PIL import Image as Pillow

        with Pillow.open(io.BytesIO(data)) as image:
            if max(image.size) <= MAX_IMAGE_SIDE and mime_type in _SENDABLE:
                return data, mime_type
            image.thumbnail((MAX_IMAGE_SIDE, MAX_IMAGE_SIDE))
            target = io.BytesIO()
            image.save(target, _SENDABLE.get(mime_type, "PNG"))
            return target.getvalue(), mime_type if mime_type in _SENDABLE else "image/png"
    return data, mime_type


def _png_sides(data: bytes) -> tuple[int, int]:
    """Return width and height from the header (PNG specification, 11.2.1)."""
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


class _Media:
    """Encoded bytes, or a file with them, and their format."""

    family: ClassVar[str]
    default_format: ClassVar[str]

    def __init__(
        self, path: str | Path | None = None, data: bytes | None = None, format: str | None = None
    ) -> None:
        if (path is None) == (data is None):
            raise ValueError(f"{type(self).__name__} takes either a path or data.")
        self.path = None if path is None else Path(path)
        self.data = data
        self.format = format

    @property
    def mime_type(self) -> str:
        """The MIME type of the format, or else of the file name's suffix."""
        name = self.format or (self.path.suffix[1:] if self.path else "") or self.default_format
        return f"{self.family}/{_SUBTYPES.get(name.lower(), name.lower())}"

    def read(self) -> bytes:
        """Return the bytes. Raises OSError if the file cannot be read."""
        if self.data is not None:
            return self.data
        assert self.path is not None
        return self.path.read_bytes()

    def encoded(self) -> str:
        """Return the bytes as base64 text."""
        return b64encode(self.read()).decode("ascii")


class Image(_Media):
    """An image that a tool returns.

    Parameters
    ----------
    path : str or Path, optional
        A file; its format follows from its name.
    data : bytes, optional
        The encoded image. Give either `path` or `data`.
    format : str, optional
        "png" (the default for data), "jpeg", "gif", "webp", ...
    """

    family = "image"
    default_format = "png"

    def to_image_content(self) -> ImageContent:
        """Return the image as MCP content, scaled down to the size that models see."""
        data, mime_type = sendable(self.read(), self.mime_type)
        return ImageContent(type="image", data=b64encode(data).decode("ascii"), mimeType=mime_type)


class Audio(_Media):
    """A sound that a tool returns; parameters as for `Image`, with "wav" as the default format."""

    family = "audio"
    default_format = "wav"

    def to_audio_content(self) -> AudioContent:
        """Return the sound as MCP content."""
        return AudioContent(type="audio", data=self.encoded(), mimeType=self.mime_type)

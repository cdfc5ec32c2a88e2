# SPDX-License-Identifier: BSD-3-Clause
"""Pictures and sounds as content, and the helpers that a tool returns to send them. Knows files and formats,
not tools.

A picture is sent as PNG or JPEG, no larger than a model looks at, with a text directly after it: some hosts
hand their model the text only.
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
"""Formats whose usual name is not that of their MIME type; for `mimetypes`, .wav is audio/x-wav."""

MAX_IMAGE_SIDE: Final = 1568
"""Pixels of an image's longer side: models scale larger ones down to this before they look."""

MAX_ABOUT_CHARS: Final = 440
"""Of what is said of a picture; its size in pixels comes after that. A title, labels and what is drawn."""

SVG: Final = "image/svg+xml"

MAX_SVG_CHARS: Final = 4000
"""Of a drawing's source: a longer one is shapes, of which a model reads the texts only."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
"""With what a PNG begins."""

_SENDABLE: Final = {"image/png": "PNG", "image/jpeg": "JPEG"}


class PictureText(TextContent):
    """The text beside a picture, where it is ours: a client that shows the picture to a person drops it."""


def picture(data: bytes, mime_type: str, about: str = "") -> list[Any]:
    """An encoded image as content: the picture, and directly after it a text.

    Parameters
    ----------
    about : str
        One line that says what it shows; empty when that is not known.
    """
    sent, sent_type = sendable(data, mime_type)
    image = ImageContent(data=b64encode(sent).decode("ascii"), mimeType=sent_type)
    return [image, _text_beside(sent, sent_type, about, original=data)]


def _text_beside(sent: bytes, mime_type: str, about: str = "", original: bytes = b"") -> PictureText:
    about = safe_line(about, MAX_ABOUT_CHARS)
    if mime_type == SVG:
        return PictureText(text=_drawing(about or "Drawing", sent))
    size = _size(original or sent, sent)
    said = f"Picture: {about}" if about else "Picture"  # for a model that gets the text alone
    return PictureText(text=f"{said} {size}".rstrip())


def _drawing(about: str, svg: bytes) -> str:
    source = svg.decode("utf-8", "replace")
    if len(source) <= MAX_SVG_CHARS:
        return f"{about} (SVG):\n{source}"
    inside = source[source.find(">", source.find("<svg")) + 1 :].replace("</text>", "</text> ")
    texts = safe_line(readable_html(inside).text, MAX_SVG_CHARS)
    return f"{about} (SVG), with the texts: {texts}" if texts else f"{about} (SVG)"


def with_texts(blocks: Sequence[Any]) -> list[Any]:
    """Content in which each picture has a text beside it, a user's or ours; a drawing is its text alone."""
    content: list[Any] = []
    for at, block in enumerate(blocks):
        if block.type != "image":
            content.append(block)
            continue
        after = blocks[at + 1 : at + 2]
        if block.mimeType == SVG:  # no kind of picture to the APIs of models
            content += [] if after and isinstance(after[0], PictureText) else _own_text(block)
        else:
            before = [other for other in content[-1:] if not isinstance(other, PictureText)]
            has_text = any(other.type == "text" for other in (*before, *after))
            content += [block] if has_text else [block, *_own_text(block)]
    return content


def _own_text(block: Any) -> list[PictureText]:
    with suppress(ValueError):  # the data are not valid base64: the client will report that
        return [_text_beside(b64decode(block.data, validate=True), block.mimeType)]
    return []


def without_texts(blocks: Sequence[Any]) -> list[Any]:
    """Content without our texts beside its pictures."""
    return [block for block in blocks if not isinstance(block, PictureText)]


def _size(data: bytes, sent: bytes) -> str:
    original, shown = _pixels(data), _pixels(sent)
    if shown is None:
        return ""
    said = f"{shown[0]}x{shown[1]} pixels"
    return f"({said})" if original in (shown, None) else f"({said}, of {original[0]}x{original[1]})"


def _pixels(data: bytes) -> tuple[int, int] | None:
    """Width and height of an encoded image; None where they cannot be read."""
    if data.startswith(_PNG):
        return _png_sides(data)
    with suppress(Exception):  # Pillow's are many; there may be no Pillow
        from PIL import Image as Pillow

        with Pillow.open(io.BytesIO(data)) as image:  # reads the header only
            return image.size
    return None


def sendable(data: bytes, mime_type: str) -> tuple[bytes, str]:
    """An encoded image as a PNG or JPEG that is no larger than a model looks at, and its MIME type.

    Needs Pillow; without it, and for what Pillow cannot read, the image stays as it is.
    """
    if mime_type == "image/png" and max(_png_sides(data)) <= MAX_IMAGE_SIDE:
        return data, mime_type  # without Pillow's import, which takes longer than most calls
    if mime_type == SVG:
        return data, mime_type
    with suppress(Exception):  # Pillow's are many, and any means: send what there is
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
    """Width and height, out of the header (PNG specification, 11.2.1)."""
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


class _Media:
    """Bytes or a file, and their format."""

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
        """From the format, else from the file's name."""
        name = self.format or (self.path.suffix[1:] if self.path else "") or self.default_format
        return f"{self.family}/{_SUBTYPES.get(name.lower(), name.lower())}"

    def read(self) -> bytes:
        """The bytes. Raises OSError when the file cannot be read."""
        if self.data is not None:
            return self.data
        assert self.path is not None
        return self.path.read_bytes()

    def encoded(self) -> str:
        """The bytes as base64 text."""
        return b64encode(self.read()).decode("ascii")


class Image(_Media):
    """An image for the caller.

    Parameters
    ----------
    path : str or Path, optional
        A file; its format follows from its name.
    data : bytes, optional
        The encoded image; give one of `path` and `data`.
    format : str, optional
        "png" (the default for data), "jpeg", "gif", "webp", ...
    """

    family = "image"
    default_format = "png"

    def to_image_content(self) -> ImageContent:
        """As MCP content, no larger than a model looks at."""
        data, mime_type = sendable(self.read(), self.mime_type)
        return ImageContent(type="image", data=b64encode(data).decode("ascii"), mimeType=mime_type)


class Audio(_Media):
    """A sound for the caller; parameters as for `Image`, with "wav" as the default format."""

    family = "audio"
    default_format = "wav"

    def to_audio_content(self) -> AudioContent:
        """As MCP content."""
        return AudioContent(type="audio", data=self.encoded(), mimeType=self.mime_type)

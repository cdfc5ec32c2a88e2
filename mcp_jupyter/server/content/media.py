# SPDX-License-Identifier: BSD-3-Clause
"""Helpers that a tool returns to send an image or a sound. Know files and formats, not tools."""

from __future__ import annotations

import io
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final

from ...types import AudioContent, ImageContent

__all__ = ["MAX_IMAGE_SIDE", "Audio", "Image", "scaled"]

_SUBTYPES: Final = {"jpg": "jpeg", "mp3": "mpeg", "svg": "svg+xml", "tif": "tiff"}
"""Formats whose usual name is not that of their MIME type; for `mimetypes`, .wav is audio/x-wav."""

MAX_IMAGE_SIDE: Final = 1568
"""Pixels of an image's longer side: models scale larger ones down to this before they look."""

_SCALABLE: Final = {"image/png": "PNG", "image/jpeg": "JPEG"}


def scaled(data: bytes, mime_type: str) -> bytes:
    """An encoded image, made smaller when it is larger than a model looks at.

    Needs Pillow; without it, and for what Pillow cannot read, the image stays as it is.
    """
    if mime_type not in _SCALABLE or (mime_type == "image/png" and max(_png_sides(data)) <= MAX_IMAGE_SIDE):
        return data  # without Pillow's import, which takes longer than most calls
    with suppress(Exception):  # Pillow's are many, and any means: send what there is
        from PIL import Image as Pillow

        with Pillow.open(io.BytesIO(data)) as image:
            if max(image.size) <= MAX_IMAGE_SIDE:
                return data
            image.thumbnail((MAX_IMAGE_SIDE, MAX_IMAGE_SIDE))
            target = io.BytesIO()
            image.save(target, _SCALABLE[mime_type])
            return target.getvalue()
    return data


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
        data = b64encode(scaled(self.read(), self.mime_type)).decode("ascii")
        return ImageContent(type="image", data=data, mimeType=self.mime_type)


class Audio(_Media):
    """A sound for the caller; parameters as for `Image`, with "wav" as the default format."""

    family = "audio"
    default_format = "wav"

    def to_audio_content(self) -> AudioContent:
        """As MCP content."""
        return AudioContent(type="audio", data=self.encoded(), mimeType=self.mime_type)

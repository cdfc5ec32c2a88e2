# SPDX-License-Identifier: BSD-3-Clause
"""Images and sounds of a server's, looked at before a page gets them. Knows no results.

A page gets bytes only under the type that the bytes themselves show, of a format that holds no script:
never SVG (SECURITY, T30).
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Final

__all__ = ["audio_bundle", "decoded", "image_bundle"]

MAX_MEDIA_BYTES: Final = 16 * 2**20
"""Of one image or sound in an output: the notebook's file keeps it as text, a third larger."""


def decoded(data: str) -> bytes | None:
    """Base64 text as bytes; None when it is none."""
    try:
        return b64decode("".join(data.split()), validate=True)
    except ValueError:
        return None


def image_bundle(data: str) -> dict[str, Any] | None:
    """What displays an image; None when it is no image that is displayed."""
    raw = _within_bounds(data)
    kind = _image_kind(raw) if raw else None
    return {kind: "".join(data.split())} if kind else None


def audio_bundle(data: str) -> dict[str, Any] | None:
    """What displays a sound: an element of our own; None when it is no sound that is displayed."""
    raw = _within_bounds(data)
    kind = _audio_kind(raw) if raw else None
    if kind is None:
        return None
    source = f"data:{kind};base64,{''.join(data.split())}"  # decoded above: it holds no quotation mark
    return {"text/html": f'<audio controls preload="metadata" src="{source}"></audio>'}


def _within_bounds(data: str) -> bytes | None:
    return decoded(data) if len(data) <= MAX_MEDIA_BYTES * 4 // 3 + 4 else None


def _image_kind(raw: bytes) -> str | None:
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if raw.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if raw.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP" else None


def _audio_kind(raw: bytes) -> str | None:
    if raw.startswith(b"RIFF") and raw[8:12] == b"WAVE":
        return "audio/wav"
    if raw.startswith(b"OggS"):
        return "audio/ogg"
    if raw.startswith(b"fLaC"):
        return "audio/flac"
    if raw[4:8] == b"ftyp":
        return "audio/mp4"
    if raw.startswith(b"\x1aE\xdf\xa3"):
        return "audio/webm"
    if raw.startswith(b"ID3") or (len(raw) > 1 and raw[0] == 0xFF and raw[1] & 0xE0 == 0xE0):
        return "audio/mpeg"
    return None

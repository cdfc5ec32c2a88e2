# SPDX-License-Identifier: BSD-3-Clause
"""MIME bundles, as notebooks display them, to MCP content. Does not know who made the bundle."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from ...types import AudioContent, ImageContent, TextContent

__all__ = ["RICH_TYPES", "from_bundle"]

RICH_TYPES: Final = (
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "audio/wav",
    "image/svg+xml",
    "text/markdown",
    "text/latex",
    "text/html",
    "application/json",
)
"""In the order of worth to a reader that sees images and reads text."""


def from_bundle(bundle: Mapping[str, Any]) -> list[Any]:
    """The most useful of the forms that a bundle offers, as one block; none for an empty bundle."""
    for mime in (*RICH_TYPES, "text/plain"):
        if mime in bundle:
            return [_block(mime, bundle[mime])]
    return []


def _block(mime: str, data: Any) -> Any:
    if mime == "application/json":
        return TextContent(type="text", text=to_json(data, inf_nan_mode="null").decode("utf-8"))
    if isinstance(data, list):
        # The notebook format keeps text as a list of lines.
        data = "".join(map(str, data))
    if mime == "image/svg+xml":
        return ImageContent(type="image", data=b64encode(_bytes(data)).decode("ascii"), mimeType=mime)
    if mime.startswith(("image/", "audio/")):
        encoded = b64encode(data).decode("ascii") if isinstance(data, bytes) else data.replace("\n", "")
        kind = ImageContent if mime.startswith("image/") else AudioContent
        return kind(data=encoded, mimeType=mime)
    return TextContent(type="text", text=str(data))


def _bytes(data: str | bytes) -> bytes:
    return data.encode("utf-8") if isinstance(data, str) else data

# SPDX-License-Identifier: BSD-3-Clause
"""MIME bundles, as notebooks display them, to MCP content. Does not know who made the bundle."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from ...types import AudioContent, ImageContent, TextContent
from .media import scaled

__all__ = ["RICH_TYPES", "from_bundle", "type_of"]

RICH_TYPES: Final = (
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "audio/wav",
    "image/svg+xml",
    "text/markdown",
    "text/latex",
    "application/vnd.vegalite.v6+json",
    "application/vnd.vegalite.v5+json",
    "application/vnd.plotly.v1+json",
    "text/html",
    "application/json",
)
"""In the order of worth to a reader that sees images and reads text. The specification of a chart (altair,
plotly) says more than its HTML, which is a script of megabytes."""


def from_bundle(bundle: Mapping[str, Any]) -> list[Any]:
    """The most useful of the forms that a bundle offers, as one block; none for an empty bundle."""
    mime = type_of(bundle)
    return [] if mime is None else [_block(mime, bundle[mime])]


def type_of(bundle: Mapping[str, Any]) -> str | None:
    """The MIME type of the most useful form."""
    return next((mime for mime in (*RICH_TYPES, "text/plain") if mime in bundle), None)


def _block(mime: str, data: Any) -> Any:
    if mime.endswith("json"):
        return TextContent(type="text", text=to_json(data, inf_nan_mode="null").decode("utf-8"))
    if isinstance(data, list):
        # The notebook format keeps text as a list of lines.
        data = "".join(map(str, data))
    if mime == "image/svg+xml":
        return ImageContent(type="image", data=b64encode(_bytes(data)).decode("ascii"), mimeType=mime)
    if mime.startswith(("image/", "audio/")):
        encoded = _encoded(data, mime)
        kind = ImageContent if mime.startswith("image/") else AudioContent
        return kind(data=encoded, mimeType=mime)
    return TextContent(type="text", text=str(data))


def _encoded(data: str | bytes, mime: str) -> str:
    """Media as base64 on one line; an image no larger than a model looks at."""
    text = "" if isinstance(data, bytes) else data.replace("\n", "")
    try:
        raw = data if isinstance(data, bytes) else b64decode(text, validate=True)
    except ValueError:  # no base64: its reader will say so
        return text
    return b64encode(scaled(raw, mime)).decode("ascii")


def _bytes(data: str | bytes) -> bytes:
    return data.encode("utf-8") if isinstance(data, str) else data

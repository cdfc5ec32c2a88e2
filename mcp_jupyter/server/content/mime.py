# SPDX-License-Identifier: BSD-3-Clause
"""MIME bundles, as notebooks display them, to MCP content. Does not know who made the bundle."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from ...types import AudioContent, ImageContent, TextContent
from .markup import readable_html
from .media import SVG, picture

__all__ = ["HTML", "RICH_TYPES", "TEXT", "from_bundle", "most_telling"]

HTML: Final = "text/html"
TEXT: Final = "text/plain"

_BEFORE_HTML: Final = (
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "audio/wav",
    SVG,
    "text/markdown",
    "text/latex",
    "application/vnd.vegalite.v6+json",
    "application/vnd.vegalite.v5+json",
    "application/vnd.plotly.v1+json",
)
"""In the order of worth to a reader that sees images and reads text. The specification of a chart (altair,
plotly) says more than its HTML, which is a script of megabytes."""

RICH_TYPES: Final = (*_BEFORE_HTML, HTML, "application/json")
"""What makes a bundle more than the text that every value has."""

MAX_REPR_CHARS: Final = 10_000
"""Of a value's text, which may be long, that are looked at for a picture's."""

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")

_DEFAULT_REPR: Final = re.compile(r"<[\w.<>]+ (?:object(?: at 0x[0-9a-fA-F]+)?|at 0x[0-9a-fA-F]+)>")
"""The text of a value whose class says nothing of it: `<pandas.io.formats.style.Styler at 0x7f3a>`."""


def from_bundle(bundle: Mapping[str, Any]) -> list[Any]:
    """The most useful of the forms that a bundle offers, as content; none for an empty bundle."""
    found = most_telling(bundle)
    if found is None:
        return []
    mime, data = found
    return _picture(mime, data, _about(bundle)) if mime.startswith("image/") else [_block(mime, data)]


def most_telling(bundle: Mapping[str, Any]) -> tuple[str, Any] | None:
    """MIME type and data of the most useful form.

    HTML is written for browsers: what a model gets is the table that it is, as Markdown; else the value's
    text; and where that is only the name of its class, the text of the HTML, or a picture or
    sound in it.
    """
    for mime in _BEFORE_HTML:
        if mime in bundle:
            return mime, bundle[mime]
    if HTML in bundle:
        found = readable_html(_joined(bundle[HTML]))
        says_nothing = _DEFAULT_REPR.fullmatch(_joined(bundle.get(TEXT, "<an object>")))
        if found.text and (found.is_table or says_nothing):
            return "text/markdown", found.text
        if found.media is not None and says_nothing:
            return found.media
    return next(((mime, bundle[mime]) for mime in ("application/json", TEXT) if mime in bundle), None)


def _joined(data: Any) -> str:
    """Text; the notebook format keeps it as a list of lines."""
    return "".join(map(str, data)) if isinstance(data, list) else str(data)


def _about(bundle: Mapping[str, Any]) -> str:
    """What a bundle's text says of its picture; empty where that is only the name of a class."""
    text = _joined(bundle.get(TEXT, ""))[:MAX_REPR_CHARS].strip()
    if _DEFAULT_REPR.fullmatch(text):
        return ""
    return _ADDRESS.sub("", text).removeprefix("<").removesuffix(">")


def _block(mime: str, data: Any) -> Any:
    if mime.endswith("json"):
        return TextContent(type="text", text=to_json(data, inf_nan_mode="null").decode("utf-8"))
    if mime.startswith("audio/"):
        encoded = (
            b64encode(data).decode("ascii") if isinstance(data, bytes) else _joined(data).replace("\n", "")
        )
        return AudioContent(data=encoded, mimeType=mime)
    return TextContent(type="text", text=_joined(data))


def _picture(mime: str, data: Any, about: str) -> list[Any]:
    """A picture and its text. The notebook format has pictures as base64, but SVG as text."""
    if not isinstance(data, bytes):
        text = _joined(data)
        try:
            data = text.encode("utf-8") if mime == SVG else b64decode(text.replace("\n", ""), validate=True)
        except ValueError:  # no base64: its reader will say so
            return [ImageContent(data=text.replace("\n", ""), mimeType=mime)]
    return picture(data, mime, about)
